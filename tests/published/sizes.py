"""Bytes of the kernel's structs, and mem_map by memory."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from tests.mm.rmap.lab import Lab
from tests.published.row import ANON_VMA_RFC, COMPUTED, H_260, H_267, HUGH, INGO_4_4, MB, Row
from vmtui.mm.kernel import Options
from vmtui.mm.machine import Machine
from vmtui.mm.rmap.chain import nrpte


def size(kind: str, rmap: str, **options: Any) -> int:
    """What the machine charges for one object."""
    return Lab(rmap, **options).machine.ledger.sizes[kind]


def mem_map(rmap: str, ram: str, **options: Any) -> float:
    """Low memory that mem_map takes, as charged at boot."""
    return Lab(rmap, ram=ram, **options).bytes("mem_map") / MB


def low_memory(split: str) -> float:
    """Low memory before mem_map."""
    return Machine(Options.parse({"ram": "32G", "split": split})).ledger.lowmem_total / MB


def slots(cacheline: int, **options: Any) -> int:
    """Entries of a pte_chain."""
    return nrpte(Options.parse({"rmap": "pte_chain", "cacheline": cacheline, **options}))


def process(split: str) -> int:
    """Frames of the page tables that a process is born with."""
    lab = Lab("anon_vma_rfc", split=split)
    lab.spawn("p")
    return lab.machine.frames()["page_tables"]


def anonmm_per_process() -> int:
    """What an mm and its anonmm are dearer than an mm: 24 bytes in a slab of 32, and a pointer."""
    ledger, plain = Lab("anonmm").machine.ledger, Lab("pte_chain").machine.ledger
    assert ledger.sizes["anonmm"] == 32
    return 24 + ledger.sizes["mm_struct"] - plain.sizes["mm_struct"]


#: Scheme, options, struct page, VMA, who says so.
_STRUCTS: Final[tuple[tuple[str, dict[str, str], int, int, str], ...]] = (
    ("virtual_scan", {}, 48, 64, "2.4; Andrea Arcangeli, Mar 2004, linux-kernel"),
    ("pte_chain", {}, 40, 64, H_260),
    ("pte_chain", {"highpte": "on"}, 44, 64, H_260),
    ("objrmap", {}, 40, 64, H_260),
    ("objrmap", {"highpte": "on"}, 44, 64, H_260),
    ("anon_vma_rfc", {}, 40, 76, ANON_VMA_RFC),
    ("anon_vma_rfc", {"highpte": "on"}, 40, 76, ANON_VMA_RFC),
    ("anonmm", {}, 32, 64, HUGH),
    ("anon_vma", {}, 32, 84, H_267),
    ("anon_vma", {"highpte": "on"}, 32, 84, H_267),
)

#: mem_map in MB by memory, for each size of struct page.
_RAM: Final = ("1G", "2G", "4G", "8G", "16G", "32G", "64G")
_MEM_MAP: Final[tuple[tuple[str, dict[str, str], tuple[int, ...]], ...]] = (
    ("anon_vma", {}, (8, 16, 32, 64, 128, 256, 512)),
    ("anonmm", {}, (8, 16, 32, 64, 128, 256, 512)),
    ("anon_vma_rfc", {}, (10, 20, 40, 80, 160, 320, 640)),
    ("pte_chain", {}, (10, 20, 40, 80, 160, 320, 640)),
    ("objrmap", {}, (10, 20, 40, 80, 160, 320, 640)),
    ("pte_chain", {"highpte": "on"}, (11, 22, 44, 88, 176, 352, 704)),
    ("virtual_scan", {}, (12, 24, 48, 96, 192, 384, 768)),
)

#: Slots of a node: cache line, HIGHPTE, slots.
_SLOTS: Final = (
    *((32, "off", 7), (64, "off", 15), (128, "off", 31)),
    *((32, "on", 3), (64, "on", 7), (128, "on", 15)),
)


def _suffix(options: dict[str, str]) -> str:
    return "_highpte" if options else ""


def _structs() -> list[Row]:
    rows = []
    for rmap, options, page, vma, source in _STRUCTS:
        for kind, figure, called in (("mem_map", page, "page"), ("vm_area_struct", vma, "vm_area_struct")):
            rows.append(
                Row(
                    name=f"struct_{called}_{rmap}{_suffix(options)}",
                    what=f"struct {called}, {rmap}{', highpte=on' if options else ''}",
                    figure=figure,
                    measure=partial(size, kind, rmap, **options),
                    source=source,
                    unit=" bytes",
                )
            )
    return rows


def _mem_maps() -> list[Row]:
    return [
        Row(
            name=f"mem_map_{ram}_{rmap}{_suffix(options)}",
            what=f"mem_map of {ram}B, {rmap}{', highpte=on' if options else ''}",
            figure=figure,
            measure=partial(mem_map, rmap, ram, **options),
            unit=" MB",
            digits=0,
        )
        for rmap, options, figures in _MEM_MAP
        for ram, figure in zip(_RAM, figures, strict=True)
    ]


ROWS: tuple[Row, ...] = (
    *_structs(),
    *(
        Row(
            name=f"anon_vma_{rmap}_smp_{smp}",
            what=f"anon_vma, {rmap}, smp={smp}",
            figure=figure,
            measure=partial(size, "anon_vma", rmap, smp=smp),
            source=source,
            unit=" bytes",
        )
        for rmap, source in (("anon_vma_rfc", ANON_VMA_RFC), ("anon_vma", H_267))
        for smp, figure in (("on", 12), ("off", 8))
    ),
    Row(
        name="anonmm_per_process",
        what="anonmm and the pointer to it, a process",
        figure=28,
        measure=anonmm_per_process,
        source=HUGH,
        unit=" bytes",
    ),
    *(
        Row(
            name=f"nrpte_{line}_highpte_{highpte}",
            what=f"NRPTE, cacheline={line}, highpte={highpte}",
            figure=figure,
            measure=partial(slots, line, highpte=highpte),
            source=H_260,
        )
        for line, highpte, figure in _SLOTS
    ),
    Row(
        name="radix_tree_node",
        what="radix_tree_node: a count and 64 slots",
        figure=260,
        measure=partial(size, "radix_tree_node", "pte_chain"),
        source=H_260,
        unit=" bytes",
    ),
    Row(
        name="kernel_stack",
        what="kernel stack and thread_info of a task",
        figure=8192,
        measure=partial(size, "thread", "pte_chain"),
        source=H_260,
        unit=" bytes",
    ),
    *(
        Row(
            name=f"pmd_pages_{split.replace(':', '_')}",
            what=f"pmd pages of a process, split={split}",
            figure=figure,
            measure=partial(process, split),
            source=H_260,
        )
        for split, figure in (("3:1", 3), ("4:4", 4))
    ),
    *(
        Row(
            name=f"low_memory_{split.replace(':', '_')}",
            what=f"low memory, split={split}, before mem_map",
            figure=figure,
            measure=partial(low_memory, split),
            source=source,
            said=said,
            unit=" MB",
            digits=0,
        )
        for split, figure, source, said in (
            ("3:1", 896, H_260, ""),
            ("2:2", 1920, COMPUTED, ""),
            ("4:4", 3936, INGO_4_4, "3.8 to 3.9 GB"),
        )
    ),
    *_mem_maps(),
)
