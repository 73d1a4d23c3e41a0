"""Pane 4: frames as a grid, or the pages of a VMA as a list (``v``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from vmtui.mm.cluster import page_index, page_numbers
from vmtui.mm.mm_types import VM_NONLINEAR, Vma, place_name
from vmtui.mm.page import PAGE_SHIFT, PAGE_SIZE, ZERO_PFN, PG_anon, PG_reserved, PG_swapcache, PG_table
from vmtui.mm.pgtable import (
    is_swap_pte,
    pte_dirty,
    pte_offset,
    pte_pfn,
    pte_present,
    pte_to_slot,
    pte_write,
    pte_young,
)
from vmtui.mm.swap_state import lookup_swap_cache
from vmtui.scenario.pages import file_index
from vmtui.view.glyphs import char
from vmtui.view.model import Pane, Row, Rows, Span, line
from vmtui.view.now import step_at
from vmtui.view.subject import Subject, locate, page_of, resolve, typed_place
from vmtui.view.text import count, pad

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine
    from vmtui.session import Session

#: Cells of a row's address, and frames between two blanks.
_MARGIN: Final = 9
_GROUP: Final = 8
#: Cells beside a note in the frame of a pane: corners, line and blanks.
_FRAME: Final = 5
#: Frames that a cell can stand for.
ZOOMS: Final = (1, 64, 4096)
_ROLES: Final = {
    "free": "free",
    "kernel": "kernel",
    "table": "table",
    "zero": "zero",
    "anon": "page",
    "swap": "swap",
    "file": "file",
}


def frames(session: Session, subject: Subject | None, width: int = 64, zoom: int = 1) -> Pane:
    """All frames, in rows of as many as fit; a row is made when it is looked at.

    Args:
        width: Cells of a row.
        zoom: Frames a cell stands for.
    """
    machine = session.machine
    per_row = cells_per_row(width)
    chosen = page_of(session, subject)
    step = step_at(session)
    lit = step.page if step is not None else 0
    total = machine.frames_total
    rows = -(-total // (per_row * zoom))

    def make(index: int) -> Row:
        first = index * per_row * zoom
        here = chosen if first <= chosen < first + per_row * zoom else 0
        if zoom == 1:
            cells = _cells(machine, first, min(first + per_row, total), chosen, lit)
        else:
            cells = _coarse(machine, first, per_row, zoom)
        spans = line((pad(f"{first:#x}", _MARGIN - 1), "accent" if here else "dim"), " ", *cells)
        target = here or max(first, ZERO_PFN)
        # The cell of the subject is marked, not the frames beside it.
        return Row(spans, ("page", min(target, total - 1)), explain="frames")

    free = sum(zone.free for zone in machine.zones)
    note = f"{free:,} of {total:,} free · {count(machine.ledger.page_tables, 'page table')}"
    if machine.cluster > 1:
        note = f"{free:,} of {total:,} free · clusters of {machine.cluster}"
    if len(note) > width - _FRAME:
        note = f"{free:,} of {total:,} free"
    focus = chosen // (per_row * zoom) if chosen else None
    title = "Page frames" if zoom == 1 else f"Page frames · {zoom:,} a cell"
    return Pane(title, Rows(rows, make), note, focus)


def cells_per_row(width: int) -> int:
    """Frames in a row of so many cells: whole groups of eight, each followed by a blank."""
    return max(1, (width - _MARGIN) // (_GROUP + 1)) * _GROUP


def frame_at(width: int, row: int, x: int, zoom: int = 1) -> int:
    """The frame under a cell of the grid, for the mouse; 0 for none."""
    cell = x - _MARGIN
    if cell < 0 or cell % (_GROUP + 1) == _GROUP:
        return 0
    at = cell - cell // (_GROUP + 1)
    return (row * cells_per_row(width) + at) * zoom if at < cells_per_row(width) else 0


def kind_of(flags: int, references: int, mapping: int = 0) -> str:
    """``free``, ``table``, ``zero``, ``swap``, ``anon``, ``file`` or ``kernel``."""
    if flags & PG_table:
        return "table"
    if flags & PG_reserved:
        return "zero"
    if flags & PG_swapcache:
        return "swap"
    if flags & PG_anon:
        return "anon"
    if mapping:
        return "file"
    return "kernel" if references else "free"


def sign_of(flags: int, references: int, mapcount: int, mapping: int = 0) -> tuple[str, str]:
    """The glyph of a frame, shape for its kind and fill for its mapcount, and its role."""
    kind = kind_of(flags, references, mapping)
    name = f"{kind}_{min(mapcount, 2)}" if kind in ("anon", "swap", "file") else kind
    return char(name), _ROLES[kind]


def _cells(machine: Machine, first: int, end: int, chosen: int, lit: int) -> list[tuple[str, str]]:
    mem_map = machine.mem_map
    flags, counts, mapcounts = mem_map.flags.cell, mem_map.count.cell, mem_map.mapcount.cell
    mappings = mem_map.mapping.cell
    parts: list[tuple[str, str]] = []
    # All frames of a cluster look alike: what is said of them stands in the struct page of the first.
    for cell, page in enumerate(page_numbers(machine, first, end).tolist()):
        glyph, role = char("kernel"), "kernel"
        if page == ZERO_PFN or page >= machine.zones[0].start:
            glyph, role = sign_of(flags[page], counts[page], mapcounts[page], mappings[page])
        if page == chosen:
            role = "subject"
        elif page == lit:
            role = "accent"
        parts.append((glyph, role))
        if cell % _GROUP == _GROUP - 1:
            parts.append((" ", "text"))
    return parts


def _coarse(machine: Machine, first: int, per_row: int, zoom: int) -> list[tuple[str, str]]:
    """Cells that stand for many frames each: how full they are, in the colour of the commonest kind."""
    end = min(first + per_row * zoom, machine.frames_total)
    where = slice(first, end) if machine.cluster == 1 else page_numbers(machine, first, end)
    counts = machine.mem_map.count.all[where]
    flags = machine.mem_map.flags.all[where]
    # What is in a file's cache: another page with a mapping has one of these flags.
    files = (machine.mem_map.mapping.all[where] != 0) & (flags & (PG_table | PG_anon | PG_swapcache) == 0)
    parts: list[tuple[str, str]] = []
    for cell in range(-(-(end - first) // zoom)):
        window = slice(cell * zoom, (cell + 1) * zoom)
        used = int(np.count_nonzero(counts[window]))
        full = " ▁▂▃▄▅▆▇█"[-(-used * 8 // zoom)]
        kinds = {
            "table": int(np.count_nonzero(flags[window] & PG_table)),
            "anon": int(np.count_nonzero(flags[window] & PG_anon)),
            "swap": int(np.count_nonzero(flags[window] & PG_swapcache)),
            "file": int(np.count_nonzero(files[window])),
        }
        kind = max(kinds, key=lambda name: kinds[name])
        parts.append((full, _ROLES[kind]) if used else (char("free"), "free"))
        if cell % _GROUP == _GROUP - 1:
            parts.append((" ", "text"))
    return parts


def pages(session: Session, subject: Subject | None) -> Pane:
    """The pages of the subject's VMA in virtual order: where each is, who else maps it, its PTE."""
    vma = _vma_of(session, subject)
    if vma is None:
        return Pane("Pages", (Row(line(("choose a VMA or one of its pages", "dim"))),))
    start, mm_id = vma.vm_start, vma.vm_mm.id
    chosen = subject.place if subject is not None else ""
    step = step_at(session)

    def make(index: int) -> Row:
        mm = session.machine.mms.get(mm_id)
        if mm is None:
            return Row()
        address = start + (index << PAGE_SHIFT)
        place, name = typed_place(mm, address), place_name(mm, address).removeprefix(f"{mm.name}.")
        spans, pfn = _page_spans(session.machine, vma, name, address)
        return Row(
            spans,
            ("page", pfn) if pfn else None,
            subject=place == chosen,
            current=bool(pfn) and step is not None and step.page == pfn,
            place=place,
            explain="pages",
        )

    where = locate(session.machine, chosen) if chosen else None
    focus = (where[1] - start) // PAGE_SIZE if where is not None and start <= where[1] < vma.vm_end else None
    name = place_name(vma.vm_mm, start).rpartition("[")[0] or place_name(vma.vm_mm, start)
    return Pane(f"Pages of {name}", Rows(vma.pages, make), count(vma.pages, "page"), focus)


def pte_of(vma: Vma, address: int) -> int:
    """The PTE of an address; 0 where there is none."""
    ptep = pte_offset(vma.vm_mm, address)
    return vma.machine.memory[ptep] if ptep else 0


def _page_spans(machine: Machine, vma: Vma, name: str, address: int) -> tuple[tuple[Span, ...], int]:
    """A page in a line, and the frame behind it."""
    pte = pte_of(vma, address)
    head = [(pad(name, max(10, len(name))), "page"), (f" {address:08x} ", "dim")]
    if pte_present(pte):
        pfn = pte_pfn(pte)
        if pfn == ZERO_PFN:
            return line(*head, (f"{char('zero')} the zero page", "zero")), pfn
        page = machine.page(pfn)
        glyph, role = sign_of(page.flags, page.count, page.mapcount, page.mapping)
        bits = " ".join(
            word
            for word, is_set in (
                ("writable", pte_write(pte)),
                ("young", pte_young(pte)),
                ("dirty", pte_dirty(pte)),
            )
            if is_set
        )
        shared = f"mapcount {page.mapcount}"
        return line(*head, (glyph, role), f" frame {pfn:#x}  {shared}  ", (bits, "dim")), page.pfn
    if is_swap_pte(pte):
        slot = pte_to_slot(pte)
        pfn = lookup_swap_cache(machine, slot)
        cached = f"  in the swap cache, frame {pfn:#x}" if pfn else ""
        return line(*head, (f"{char('swapped')} slot {slot}{cached}", "swap")), pfn
    return _unmapped(machine, vma, head, address)


def _unmapped(
    machine: Machine, vma: Vma, head: list[tuple[str, str]], address: int
) -> tuple[tuple[Span, ...], int]:
    """A page that its VMA does not map: of a file it may be in memory, or on swap, all the same."""
    file, index = vma.vm_file, file_index(vma, address)
    if file is None:
        return line(*head, (f"{char('none')} never touched", "free")), 0
    if vma.vm_flags & VM_NONLINEAR:
        head = [*head, (f"page {index:,} of {file.name} ", "dim")]
    if index >= file.end:
        return line(*head, (f"{char('none')} behind the end of {file.name}", "free")), 0
    pfn, slot = file.pages.cell[page_index(vma, address)], file.slots.cell[page_index(vma, address)]
    if pfn:
        page = machine.page(pfn)
        glyph, role = sign_of(page.flags, page.count, page.mapcount, page.mapping)
        return line(*head, (glyph, role), f" frame {pfn:#x}  in the page cache, not mapped here"), pfn
    if slot:
        return line(*head, (f"{char('swapped')} slot {slot} of {file.name}", "swap")), 0
    return line(*head, (f"{char('none')} not read yet", "free")), 0


def _vma_of(session: Session, subject: Subject | None) -> Vma | None:
    """The VMA a subject is, or lies in."""
    if subject is None:
        return None
    machine = session.machine
    if subject.kind == "vma":
        return machine.vmas.get(subject.id)
    where = locate(machine, subject.place) if subject.place else None
    if where is not None:
        return where[0].vmas.at(where[1])
    ref = resolve(session, subject)
    if ref is not None and ref[0] == "mm":
        mm = machine.mms.get(ref[1])
        return mm.vmas[0] if mm is not None and len(mm.vmas) else None
    return None
