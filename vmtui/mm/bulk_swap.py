"""The bulk twin of page-out: what becomes of many pages that go out at once.

`shrink_pages` does what `shrink_list` does to single pages, in the same order: slots, LRU tickets, frames and
what every walk counts are the same.  It takes pages as far as they are plain: memory, or a file's, that its
walk finds; pages of files that nobody maps; and those that wait in the swap cache; none of them locked or out
of order in a nonlinear VMA; and as long as there are slots.  The rest is left to single calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.bulk_pageout import carry_out
from vmtui.mm.filemap import by_file, in_page_cache
from vmtui.mm.mm_types import VM_NONLINEAR, AddressSpace
from vmtui.mm.page import (
    PAGE_SHIFT,
    ZERO_PFN,
    PG_anon,
    PG_dirty,
    PG_mlocked,
    PG_referenced,
    PG_swapbacked,
    PG_swapcache,
)
from vmtui.mm.pgtable import PAGE_PRESENT, PAGE_PROTNONE, PTRS_PER_TABLE, present_ptes
from vmtui.mm.rmap.walk_bulk import Found, by_mm, pteps_of, walk_run
from vmtui.mm.step import Told, step
from vmtui.mm.swapfile import free_slots
from vmtui.mm.walks import WALKS

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine
    from vmtui.mm.mm_types import Vma

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: Pages that are looked at, at once: of those that may not be plain, and of those that were so far.  And
#: mappings that they may have.
FEW: Final = 1 << 9
MANY: Final = 1 << 14
_MAPPINGS: Final = 1 << 18


class Batch:
    """Pages on their way out, and what becomes of each; every array has a cell a page.

    Args:
        pages: They, all different, in the order in which single calls would come to them.
        forced: That they were referenced does not save them.
        most: How many frames are wanted.
        until_free: A page that was written goes through a second pass, which frees it.

    Attributes:
        mapped: In page tables.
        cached: In the swap cache.
        file, shmem: In the page cache; and there as shared memory.
        memory: Anonymous memory that goes to swap; `lazy` what MADV_FREE has given up, and does not.
        active, kept: Used lately: back to the active list; or kept for another round.
        out: Taken out of all page tables, if in any.
        new: Which of these get a slot.
        written: Which of these were dirty.
        flushed: Which of these are dirty and left to the flushers: on the active list.
        rewritten: Given up, and written since: they stay where they are, and become active.
        freed: Which are free in the end.
        going: Over which try_to_unmap walks.
        asked: What page_referenced meets of `mapped`.
        unmapped: What try_to_unmap meets of `going`.
    """

    def __init__(
        self, machine: Machine, pages: Indices, *, forced: bool, most: int, until_free: bool
    ) -> None:
        self.machine, self.pages, self.forced = machine, pages, forced
        self.most, self.until_free = most, until_free
        mem_map = machine.mem_map
        self.flags = mem_map.flags.all[pages]
        self.count = mem_map.count.all[pages]
        self.mapcount = mem_map.mapcount.all[pages]
        self.private = mem_map.private.all[pages].astype(np.int64)
        self.mapped = self.mapcount > 0
        self.cached = self.test(PG_swapcache)
        self.file = in_page_cache(machine, pages)
        self.shmem = self.of_files(lambda mapping: mapping.shmem)
        anon = self.mapped & self.test(PG_anon)
        self.lazy = anon & ~self.test(PG_swapbacked) & np.bool_(machine.kernel.anon_exclusive)
        self.memory = anon & ~self.lazy
        self.asked: Found | None = None
        self.unmapped: Found | None = None

    def test(self, bit: int) -> Mask:
        """Which have a flag."""
        have: Mask = self.flags & np.uint32(bit) != 0
        return have

    def of_files(self, chosen: Callable[[AddressSpace], bool]) -> Mask:
        """Which are of files that are so."""
        have = np.zeros(len(self.pages), np.bool_)
        places = np.flatnonzero(self.file)
        for mapping, at in by_file(self.machine, self.pages[places]):
            have[places[at]] = chosen(mapping)
        return have

    def plain(self) -> int:
        """How many of the first pages are plain, and what becomes of them if all are."""
        for stage in (self.known, self.used_lately, self.mappings, self.enough_freed, self.enough_slots):
            fits = stage()
            if not fits.all():
                return int(np.argmin(fits))
        return self.before_empty()

    def known(self) -> Mask:
        """Which are mapped, or in the page cache, or wait in the swap cache for whoever has their slots."""
        waits = ~self.mapped & self.cached & (self.machine.swap.map.all[self.private] > 1)
        if self.machine.kernel.anon_exclusive:
            waits &= self.test(PG_swapbacked)
        holders = self.mapcount + (self.cached | self.file)
        odd = self.test(PG_mlocked) | (self.lazy & self.cached) | self.of_files(has_nonlinear)
        known: Mask = (self.memory | self.lazy | self.file | waits) & (self.count == holders) & ~odd
        return known

    def used_lately(self) -> Mask:
        """Which can be asked whether they were used lately; and which were."""
        kernel, mapped = self.machine.kernel, self.mapped
        nobody = np.zeros(len(self.pages), np.bool_)
        self.active, self.kept = nobody, nobody
        fits = ~nobody
        if mapped.any() and (kernel.asks_when_forced or not self.forced):
            self.asked = self.machine.scheme.walk_bulk(self.pages[mapped], "referenced")
            if self.asked is None:
                return ~mapped
            fits[mapped] = self.asked.sound()
            young = np.zeros(len(self.pages), np.int64)
            young[mapped] = self.asked.young()
            self.active, self.kept = kernel.check_references_bulk(self.test(PG_referenced), young)
            saved = mapped & np.bool_(not self.forced)
            self.active, self.kept = self.active & saved, self.kept & saved
        self.out = ~self.active & ~self.kept
        # vm_swap_full may let go of the slot of an active page, one by one.
        return fits & ~(self.active & self.cached) if kernel.anon_exclusive else fits

    def mappings(self) -> Mask:
        """Whose mappings can be found; and what is dirty."""
        self.going = self.out & self.mapped
        dirty = self.test(PG_dirty)
        fits = np.ones(len(self.pages), np.bool_)
        if self.going.any():
            self.unmapped = self.machine.scheme.walk_bulk(self.pages[self.going], "unmap")
            if self.unmapped is None:
                return ~self.going
            fits[self.going] = self.unmapped.sound()
            dirty[self.going] |= self.unmapped.dirty()
        self.rewritten = self.going & self.lazy & dirty
        if self.unmapped is not None:
            # The walk ends where the write is seen, and not since all mappings are found.
            self.unmapped.stops[self.rewritten[self.going]] = False
        self.out = self.out & ~self.rewritten
        self.decide(dirty)
        return fits & ~(self.rewritten & (self.mapcount > 1))

    def decide(self, dirty: Mask) -> None:
        """Which get a slot, which are written, and which are freed."""
        left = self.file & ~self.shmem & np.bool_(not self.machine.kernel.writes_files)
        self.flushed: Mask = self.out & dirty & left
        self.new: Mask = self.out & ((self.memory & ~self.cached) | (self.shmem & dirty))
        self.written: Mask = self.out & (dirty | self.new) & ~self.flushed
        self.freed: Mask = self.out & ~self.flushed
        if not self.until_free:
            self.freed = self.freed & ~self.written

    def enough_freed(self) -> Mask:
        """Which come before as many frames are free as are wanted."""
        before: Mask = np.less(np.cumsum(self.freed) - self.freed, self.most)
        return before

    def enough_slots(self) -> Mask:
        """Which get a slot, if they need one; none of the others leaves one free."""
        need = np.cumsum(self.new)
        fits: Mask = ~self.new | (need <= free_slots(self.machine, int(need[-1])))
        return fits

    def before_empty(self) -> int:
        """How many come before a process has no page left, where walks pass over such a process."""
        if self.unmapped is None or not self.unmapped.skips_empty:
            return len(self.pages)
        places, pteps = self.leaving()
        owners = self.machine.mem_map.mapping.all[pteps // PTRS_PER_TABLE]
        ends = [len(self.pages)]
        for number, n in by_mm(self.machine, pteps).items():
            mm = self.machine.mms.get(number)
            if mm is not None and mm.rss == n:
                ends.append(int(places[owners == number].max()) + 1)
        return min(ends)

    def leaving(self) -> tuple[Indices, Indices]:
        """Of each mapping that goes the place of its page, and its PTE."""
        if self.unmapped is None:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        at, pteps = self.unmapped.mapped()
        places = np.flatnonzero(self.going)[at]
        gone = self.out[places]
        return (places, pteps) if gone.all() else (places[gone], pteps[gone])

    @property
    def gone(self) -> Mask:
        """Which were in page tables, and are no more."""
        return self.out & self.mapped

    @property
    def activated(self) -> Mask:
        """Which are on the active list in the end."""
        return self.active | self.flushed | self.rewritten

    @property
    def walks(self) -> list[tuple[Indices, Found]]:
        """The places of those that each walk was about, and what it met."""
        parts = ((self.mapped, self.asked), (self.going, self.unmapped))
        return [(np.flatnonzero(mask), found) for mask, found in parts if found is not None]

    @property
    def frames(self) -> int:
        """How many are free in the end."""
        return int(np.count_nonzero(self.freed))

    @property
    def step(self) -> Told:
        """What is said of it."""
        text = "{n:,} pages at once: {out:,} unmapped, {freed:,} freed"
        about: dict[str, Any] = {
            "n": len(self.pages),
            "out": int(np.count_nonzero(self.gone)),
            "freed": self.frames,
        }
        if self.walks:
            about[WALKS] = walk_run(self.machine.scheme.name, self.walks)
        return step(text, **about)


def has_nonlinear(mapping: AddressSpace) -> bool:
    """Whether some VMA has pages of a file out of order: what goes leaves its place in the PTE."""
    vmas = (*mapping.i_mmap, *mapping.i_mmap_shared)
    return any(vma.vm_flags & VM_NONLINEAR for vma in vmas)


def shrink_pages(
    machine: Machine, pfns: Sequence[int], forced: bool, most: int, until_free: bool
) -> Batch | None:
    """Page out the first of many pages, as far as they are plain; None if the first is not.

    Args:
        pfns: The pages, all different.
        forced: They were named by the user: that they were referenced does not save them.
        most: Frames that are wanted; when so many are free the rest is left.
        until_free: Each is paged out until its frame is free.
    """
    pages = within_mappings(machine, np.array(pfns, np.int64))
    while len(pages):
        batch = Batch(machine, pages, forced=forced, most=most, until_free=until_free)
        n = batch.plain()
        if n == len(pages):
            carry_out(batch)
            return batch
        pages = pages[:n]
    return None


def own_pages(vma: Vma, start: int, end: int) -> list[int] | None:
    """The pages of [start, end) of a VMA, for page-out, if nobody else maps one of them; else None.

    That they were referenced is forgotten.
    """
    machine, mem_map = vma.machine, vma.machine.mem_map
    ptes = machine.memory.all[pteps_of(vma.vm_mm, present_ptes(vma.vm_mm, start, end))].astype(np.int64)
    pages = ptes[ptes & (PAGE_PRESENT | PAGE_PROTNONE) != 0] >> PAGE_SHIFT
    pages = pages[pages != ZERO_PFN]
    if not (mem_map.mapcount.all[pages] == 1).all():
        return None
    if len(pages):
        mem_map.flags.put(pages, mem_map.flags.all[pages] & ~np.uint32(PG_referenced))
    found: list[int] = pages.tolist()
    return found


def within_mappings(machine: Machine, pfns: Indices) -> Indices:
    """The first of some pages, so that they have not too many mappings."""
    mappings = np.cumsum(machine.mem_map.mapcount.all[pfns])
    return pfns[: max(1, int(np.searchsorted(mappings, _MAPPINGS)))]
