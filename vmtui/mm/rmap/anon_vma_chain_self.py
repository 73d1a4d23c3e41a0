"""What the anon_vma chains say of themselves: sizes, invariants, struct page, lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from vmtui.mm.filemap import page_mapping
from vmtui.mm.mm_types import AnonVma, Vma
from vmtui.mm.page import Page, PG_anon, PG_anon_exclusive
from vmtui.mm.rmap import explained
from vmtui.mm.rmap.avc import AnonVmaChains
from vmtui.mm.rmap.base import Indifferent
from vmtui.mm.rmap.interval_tree import IntervalTrees
from vmtui.mm.rmap.lists import Lists, anon_vma_lists, file_lists
from vmtui.mm.rmap.scheme import Pfns, WalkLines
from vmtui.mm.rmap.target import anon_vma_target, mapping_target
from vmtui.mm.step import Ref

if TYPE_CHECKING:
    from vmtui.mm.kernel import Options
    from vmtui.mm.machine import Machine
    from vmtui.state.column import Column

#: Bytes of a VMA's members that the reverse map needs: anon_vma_chain, anon_vma, shared.
_RMAP_OF_VMA: Mapping[str, int] = {"2.6": 20, "6.18": 56}


class ChainSelf(Indifferent):
    """The half of the scheme that changes nothing."""

    machine: Machine
    chains: AnonVmaChains
    files: IntervalTrees

    name: ClassVar[str] = "anon_vma_chain"
    title: ClassVar[str] = "anon_vma chains (6.18)"
    kernel: ClassVar[str] = "6.18"
    period: ClassVar[str] = "today: an anon_vma for each VMA and fork, chains, interval trees"
    union_members: ClassVar[tuple[str, ...]] = ("mapping", "anon_vma")
    explanations: ClassVar[explained.Entries] = explained.ANON_VMA_CHAIN
    ours: ClassVar[frozenset[str]] = frozenset()
    no_clusters: ClassVar[str] = "came when the patches for page clustering were long gone"
    no_nonlinear: ClassVar[str] = "nonlinear VMAs went with 4.0: mmap the pieces, each its VMA"
    expected: frozenset[str] = frozenset()

    @classmethod
    def object_sizes(cls, options: Options) -> dict[str, int]:
        """As 6.18 has them on x86_64; under 2.6 rules those of 2.6.34 on i386, which had no trees yet."""
        if options.rules == "6.18":
            return {"mem_map": 64, "vm_area_struct": 192, "anon_vma": 96, "anon_vma_chain": 64}
        anon_vma = 12 if options.smp else 8
        return {"mem_map": 32, "vm_area_struct": 84, "anon_vma": anon_vma, "anon_vma_chain": 24}

    def object_counts(self) -> dict[str, int]:
        """The anon_vmas and the AVCs."""
        avcs = sum(1 for vma in self.machine.vmas for _ in self.chains.same_vma(vma))
        return {"anon_vma": len(self.machine.anon_vmas), "anon_vma_chain": avcs}

    def columns(self) -> Mapping[str, Column]:
        """AVCs, and the trees of anon_vmas and of files."""
        files = {f"i_mmap.{name}": column for name, column in self.files.columns().items()}
        return {**self.chains.columns(), **files}

    def walk_lines(self, page: Page) -> WalkLines:
        """struct page, the anon_vma or the file, and each node: an AVC with the VMA it leads to, or a VMA."""
        lines = self.machine.lines
        element = lines("vm_area_struct")
        if page.test(PG_anon):
            element += lines("anon_vma_chain")
        return WalkLines(lines("mem_map") + (1 if page.mapping else 0), element)

    def bulk_bytes(self, pfns: Pfns) -> int:
        """One anon_vma and its AVC."""
        ledger = self.machine.ledger
        return ledger.cost("anon_vma") + ledger.cost("anon_vma_chain")

    def anon_vma_vmas(self, anon_vma: AnonVma) -> Iterator[Vma]:
        """Those in its tree, by vm_pgoff."""
        return (self.chains.vma_of(avc) for avc in self.chains.trees.members(anon_vma.id))

    def chain_of(self, vma: Vma) -> tuple[int, ...]:
        """The anon_vmas of its chain, its own or the newest first, the root last."""
        return tuple(anon_vma.id for anon_vma in self.chains.anon_vmas(vma))

    def problems(self) -> Iterable[tuple[str, str]]:
        """What is wrong with chains and trees; a mapped page whose anon_vma is gone."""
        machine = self.machine
        yield from self.chains.problems()
        for mapping in machine.files:
            queued = sorted(vma.id for vma in (*mapping.i_mmap, *mapping.i_mmap_shared))
            if sorted(self.files.members(mapping.id)) != queued:
                yield "i_mmap", f"{mapping.name}: its tree does not hold just the VMAs that map it"
            for text in self.files.problems(mapping.id):
                yield "interval_tree", f"{mapping.name}: {text}"
        flags, mapped = machine.mem_map.flags.all, machine.mem_map.mapcount.all
        for where in machine.frames_used():
            assert isinstance(where, slice)
            for offset in ((mapped[where] > 0) & (flags[where] & PG_anon != 0)).nonzero()[0].tolist():
                page = machine.page(where.start + offset)
                if machine.anon_vmas.get(page.mapping) is None:
                    yield "anon_vma_gone", f"{page!r} is mapped and points at an anon_vma that was freed"

    def reverse_map_bytes(self) -> int:
        """The VMAs' members, the anon_vmas, the AVCs."""
        machine = self.machine
        sizes = machine.ledger.sizes
        members = _RMAP_OF_VMA[machine.options.rules] * len(machine.vmas)
        joined = sizes["anon_vma_chain"] * len(self.chains)
        return members + sizes["anon_vma"] * len(machine.anon_vmas) + joined

    def live_member(self, page: Page) -> str | None:
        """page->mapping is an anon_vma under PG_anon, its lowest bit; else an address_space or NULL."""
        if page.test(PG_anon):
            return "anon_vma"
        return "mapping" if page_mapping(page) is not None else None

    def why(self, page: Page) -> str:
        """The flag, and what follows."""
        said = f"PG_anon {int(page.test(PG_anon))} ⇒ {self.live_member(page) or 'none'}"
        return f"{said} · exclusive" if page.test(PG_anon_exclusive) else said

    def live_target(self, page: Page) -> tuple[Ref | None, str]:
        """The anon_vma, or the file."""
        return anon_vma_target(page) if page.test(PG_anon) else mapping_target(page)

    def lists(self) -> tuple[Lists, ...]:
        """The anon_vmas, whose VMAs are in a tree each; the files, likewise."""
        made = anon_vma_lists(self.machine, "none yet: a write makes the first one")
        return made, file_lists(self.machine)
