"""The hook points at which a reverse map may well have nothing to do.

A scheme of `vmtui.mm.rmap.scheme.Scheme` overrides those that matter to it; what is left tells what it does
not care about: pte_chains of VMAs, lists of VMAs of the addresses of PTEs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.cluster import Mappings
from vmtui.mm.mm_types import AnonVma, Mm, Vma
from vmtui.mm.page import Page
from vmtui.mm.rmap.scheme import Pfns, WalkLines
from vmtui.mm.step import Steps

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine
    from vmtui.mm.rmap.walk_bulk import Found
    from vmtui.state.column import Column
    from vmtui.state.containers import ObjectTable

__all__ = ["Indifferent"]


class Indifferent:
    """A reverse map that keeps nothing of its own and does nothing at any of these hooks."""

    no_clusters: ClassVar[str] = ""
    machine: Machine

    no_nonlinear: ClassVar[str] = ""

    def columns(self) -> Mapping[str, Column]:
        """No column of its own."""
        return {}

    def objects(self) -> Mapping[str, ObjectTable[Any]]:
        """No structs of its own."""
        return {}

    def anon_vma_vmas(self, anon_vma: AnonVma) -> Iterable[Vma]:
        """Those on its list."""
        return anon_vma.vmas

    def chain_of(self, vma: Vma) -> tuple[int, ...] | None:
        """There are no chains."""
        return None

    def walk_lines(self, page: Page) -> WalkLines:
        """struct page, the head of the list or tree that it leads to, and each VMA there."""
        machine = page.machine
        head = 1 if page.mapping else 0
        return WalkLines(machine.lines("mem_map") + head, machine.lines("vm_area_struct"))

    def bulk_bytes(self, pfns: Pfns) -> int:
        """One mapping more of a page takes no memory."""
        return 0

    def remove_rmap_bulk(self, pfns: Pfns, vma: Vma, pteps: Pfns) -> None:
        """One mapping less of each of many pages: they only count."""
        self.machine.mem_map.mapcount.add(pfns, -1)
        self.machine.work["rmap_remove"] += len(pfns)

    def walk_bulk(self, pages: Pfns, kind: str) -> Found | None:
        """Walks are for one page."""
        return None

    def walked_bulk(self, pages: Pfns, unmapped: NDArray[np.bool_], pteps: Pfns) -> None:
        """Many pages lost all their mappings: they only count."""
        mapcount = self.machine.mem_map.mapcount
        self.machine.work["rmap_remove"] += int(mapcount.all[pages[unmapped]].sum())
        mapcount.put(pages[unmapped], 0)

    def swap_in_rmap_bulk(self, mapped: Mappings, vma: Vma, indices: Pfns) -> None:
        """Mappings more of each of many pages from swap; who had none notes where it is."""
        mapcount, pages = self.machine.mem_map.mapcount, mapped.pages
        first = mapcount.all[pages] == 0
        mapcount.add(pages, mapped.counts)
        self.machine.work["rmap_add"] += len(mapped)
        if first.any():
            self.note_bulk(pages[first], vma, indices[first])

    def note_bulk(self, pages: Pfns, vma: Vma, indices: Pfns) -> None:
        """Note in struct page where many anonymous pages are mapped now."""

    def mm_create(self, mm: Mm, parent: Mm | None) -> None:
        """An mm was made."""

    def mm_exit(self, mm: Mm) -> None:
        """An mm is going."""

    def vma_prepare(self, vma: Vma) -> Steps:
        """A fault is about to take a page."""
        yield from ()

    def vma_fork(self, vma: Vma, child: Vma) -> Steps:
        """fork copied a VMA."""
        yield from ()

    def swap_dup_rmap(self, vma: Vma, child: Vma) -> Steps:
        """fork copied a swap entry."""
        yield from ()

    def page_move_rmap(self, page: Page, vma: Vma, address: int) -> Steps:
        """A page was reused by its last owner."""
        yield from ()

    def vma_split(self, vma: Vma, new: Vma) -> Steps:
        """A VMA was cut."""
        yield from ()

    def vma_adjust(self, survivor: Vma, donor: Vma, start: int, end: int) -> Steps:
        """A VMA took over part of its neighbour, or all of it."""
        yield from ()

    def move_prepare(self, vma: Vma, start: int, end: int) -> Steps:
        """mremap is about to move PTEs."""
        yield from ()

    def move_rmap(self, page: Page, ptep: int, new_ptep: int) -> None:
        """mremap moved a PTE."""

    def vma_move(self, vma: Vma, new: Vma) -> Steps:
        """mremap moved a VMA."""
        yield from ()

    def file_link(self, vma: Vma, parent: Vma | None) -> None:
        """A VMA is on its file's list."""

    def file_unlink(self, vma: Vma) -> None:
        """A VMA is about to leave its file's list."""

    def vma_resize(self, vma: Vma) -> None:
        """A VMA has other ends now."""

    def vma_unlink(self, vma: Vma) -> None:
        """A VMA is going."""
