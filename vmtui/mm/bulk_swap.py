"""The bulk twin of page-out: many pages to swap at once, or from the swap cache to the free frames.

`shrink_pages` does what `shrink_list` does to single pages, in the same order: slots, LRU tickets, frames and
what every walk counts are the same.  It takes pages as far as they are plain: in use as memory and found by
their walks, or waiting in the swap cache; none of them locked; and as long as there are slots.  The rest is
left to single calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.page import (
    PAGE_SHIFT,
    ZERO_PFN,
    PG_active,
    PG_anon,
    PG_anon_exclusive,
    PG_dirty,
    PG_lru,
    PG_mlocked,
    PG_referenced,
    PG_swapbacked,
    PG_swapcache,
    PG_uptodate,
)
from vmtui.mm.page_alloc import free_pages_bulk
from vmtui.mm.pgtable import (
    PAGE_ACCESSED,
    PAGE_PRESENT,
    PAGE_PROTNONE,
    PTRS_PER_TABLE,
    SWP_EXCLUSIVE,
    SWP_SHIFT,
    present_ptes,
)
from vmtui.mm.rmap.walk_bulk import Found, by_mm, pteps_of, walk_run
from vmtui.mm.step import Told, step
from vmtui.mm.swap import lru_add_bulk, lru_del_bulk
from vmtui.mm.swapfile import free_slots, swap_free_bulk, swap_take_bulk
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
        mapped: In page tables; the others wait in the swap cache.
        cached: In the swap cache.
        active, kept: Used lately: back to the active list; or kept for another round.
        out: Taken out of all page tables, if in any.
        new: Which of these get a slot.
        written: Which of these were dirty.
        freed: Which of these are free in the end.
        asked: What page_referenced meets of `mapped`.
        unmapped: What try_to_unmap meets of those mapped that go out.
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
        self.asked: Found | None = None
        self.unmapped: Found | None = None

    def test(self, bit: int) -> Mask:
        """Which have a flag."""
        have: Mask = self.flags & np.uint32(bit) != 0
        return have

    def plain(self) -> int:
        """How many of the first pages are plain, and what becomes of them if all are."""
        for stage in (self.of_memory, self.used_lately, self.mappings, self.enough_freed, self.enough_slots):
            fits = stage()
            if not fits.all():
                return int(np.argmin(fits))
        return self.before_empty()

    def of_memory(self) -> Mask:
        """Which are memory that is mapped, or wait in the swap cache for whoever has their slots."""
        waits = ~self.mapped & self.cached & (self.machine.swap.map.all[self.private] > 1)
        memory = self.mapped & self.test(PG_anon)
        if self.machine.kernel.anon_exclusive:
            memory, waits = memory & self.test(PG_swapbacked), waits & self.test(PG_swapbacked)
        plain: Mask = (memory | waits) & (self.count == self.mapcount + self.cached) & ~self.test(PG_mlocked)
        return plain

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
        self.new = self.out & ~self.cached
        # vm_swap_full may let go of the slot of an active page, one by one.
        return fits & ~(self.active & self.cached) if kernel.anon_exclusive else fits

    def mappings(self) -> Mask:
        """Whose mappings can be found; and which are written."""
        going = self.out & self.mapped
        self.written: Mask = self.out & (self.test(PG_dirty) | self.new)
        fits = np.ones(len(self.pages), np.bool_)
        if going.any():
            self.unmapped = self.machine.scheme.walk_bulk(self.pages[going], "unmap")
            if self.unmapped is None:
                return ~going
            fits[going] = self.unmapped.sound()
            self.written[going] |= self.unmapped.dirty()
        self.freed: Mask = self.out if self.until_free else self.out & ~self.written
        return fits

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
        at, pteps = self.unmapped.mapped()
        places = np.flatnonzero(self.out & self.mapped)[at]
        owners = self.machine.mem_map.mapping.all[pteps // PTRS_PER_TABLE]
        ends = [len(self.pages)]
        for number, n in by_mm(self.machine, pteps).items():
            mm = self.machine.mms.get(number)
            if mm is not None and mm.rss == n:
                ends.append(int(places[owners == number].max()) + 1)
        return min(ends)

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
            "out": int(np.count_nonzero(self.out & self.mapped)),
            "freed": self.frames,
        }
        parts = ((self.mapped, self.asked), (self.mapped & self.out, self.unmapped))
        walks = [(np.flatnonzero(mask), found) for mask, found in parts if found is not None]
        if not walks:
            return step(text, **about)
        about[WALKS] = walk_run(self.machine.scheme.name, walks)
        return step(text, **about)


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
    if machine.cluster > 1:
        return None
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


def carry_out(batch: Batch) -> None:
    """Do to all pages what was found."""
    machine, pages, going = batch.machine, batch.pages, batch.out & batch.mapped
    lru_del_bulk(machine, pages)
    slots = batch.private.copy()
    slots[batch.new] = swap_take_bulk(machine, pages[batch.new])
    if batch.asked is not None:
        # Those of pages that go out go with their entries.
        at, pteps = batch.asked.mapped()
        make_old(machine, pteps[~batch.out[batch.mapped][at]])
    write_swap_entries(batch, slots)
    if batch.asked is not None or batch.unmapped is not None:
        pteps = batch.unmapped.mapped()[1] if batch.unmapped is not None else pages[:0]
        machine.scheme.walked_bulk(pages[batch.mapped], batch.out[batch.mapped], pteps)

    mem_map = machine.mem_map
    mem_map.private.put(pages[batch.new], slots[batch.new])
    mem_map.flags.put(pages, flags_after(batch))
    mem_map.count.put(pages, np.where(going, 1, batch.count))
    machine.swap.map.add(slots[going], batch.mapcount[going])

    lru_add_bulk(machine, pages[batch.active], active=True)
    waiting = batch.out & batch.written
    lru_add_bulk(machine, pages[batch.kept | waiting], active=False)
    if batch.until_free:
        lru_del_bulk(machine, pages[waiting])
    delete_from_swap_cache_bulk(machine, pages[batch.freed], slots[batch.freed])


def make_old(machine: Machine, pteps: Indices) -> None:
    """Clear the accessed bits of PTEs."""
    memory = machine.memory
    young = pteps[memory.all[pteps] & np.uint64(PAGE_ACCESSED) != 0]
    if len(young):
        memory.put(young, memory.all[young] & ~np.uint64(PAGE_ACCESSED))


def write_swap_entries(batch: Batch, slots: Indices) -> None:
    """`unmap_pte` of every entry that maps a page which goes out."""
    if batch.unmapped is None:
        return
    machine, going = batch.machine, batch.out & batch.mapped
    at, pteps = batch.unmapped.mapped()
    exclusive = np.where(batch.test(PG_anon_exclusive)[going], SWP_EXCLUSIVE, 0)
    entries = ((slots[going] << SWP_SHIFT) | exclusive)[at]
    order = np.argsort(pteps, kind="stable")
    machine.memory.put(pteps[order], entries[order])
    for number, n in by_mm(machine, pteps).items():
        mm = machine.mms.get(number)
        assert mm is not None
        mm.rss -= n
    machine.work["tlb_flushes"] += len(pteps)


def flags_after(batch: Batch) -> NDArray[np.uint32]:
    """The flags of each page when all is done; those that the reverse map keeps are as it left them."""
    flags = batch.machine.mem_map.flags.all[batch.pages]
    if batch.asked is not None:
        flags[batch.mapped] &= ~np.uint32(PG_referenced)
        flags[batch.active | batch.kept] |= np.uint32(batch.machine.kernel.referenced_mark)
    flags &= ~np.uint32(PG_active)
    flags |= np.where(batch.active, np.uint32(PG_active | PG_lru), np.uint32(PG_lru))
    flags[batch.out] &= ~np.uint32(PG_dirty | PG_anon_exclusive)
    flags[batch.out] |= np.uint32(PG_swapcache)
    flags[batch.new] |= np.uint32(PG_uptodate)
    return flags


def delete_from_swap_cache_bulk(machine: Machine, pages: Indices, slots: Indices) -> None:
    """`delete_from_swap_cache` of pages that nobody maps and that are on no list; their frames are free."""
    if not len(pages):
        return
    machine.swap.cached.put(slots, 0)
    machine.mem_map.count.put(pages, 0)
    swap_free_bulk(machine, slots)
    free_pages_bulk(machine, pages)
