"""The bulk twin of page-out, second half: done to many pages is what `vmtui.mm.bulk_swap` has found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.filemap import by_file, remove_from_page_cache_bulk
from vmtui.mm.page import (
    PG_active,
    PG_anon_exclusive,
    PG_dirty,
    PG_lru,
    PG_reclaim,
    PG_referenced,
    PG_swapbacked,
    PG_swapcache,
    PG_uptodate,
)
from vmtui.mm.page_alloc import free_pages_bulk
from vmtui.mm.pgtable import PAGE_ACCESSED, SWP_EXCLUSIVE, SWP_SHIFT
from vmtui.mm.rmap.walk_bulk import by_mm
from vmtui.mm.swap import lru_add_bulk, lru_del_bulk
from vmtui.mm.swapfile import swap_free_bulk, swap_take_bulk

if TYPE_CHECKING:
    from vmtui.mm.bulk_swap import Batch
    from vmtui.mm.machine import Machine

Indices = NDArray[np.int64]


def carry_out(batch: Batch) -> None:
    """Do to all pages what was found."""
    machine, pages, gone = batch.machine, batch.pages, batch.gone
    for which, found in batch.walks:
        found.after(batch.out[which])
    lru_del_bulk(machine, pages)
    slots = take_slots(batch)
    if batch.asked is not None:
        # Those of pages that go out go with their entries.
        at, pteps = batch.asked.mapped()
        make_old(machine, pteps[~batch.out[batch.mapped][at]])
    places, pteps = batch.leaving()
    empty_ptes(batch, slots, places, pteps)
    if batch.mapped.any():
        machine.scheme.walked_bulk(pages[batch.mapped], batch.out[batch.mapped], pteps)

    mem_map = machine.mem_map
    moved = batch.new & batch.shmem
    if moved.any():
        shmem_writepage_bulk(machine, pages[moved], slots[moved])
    mem_map.private.put(pages[batch.new], slots[batch.new])
    mem_map.flags.put(pages, flags_after(batch))
    mem_map.count.put(pages, np.where(gone, 1, batch.count))
    put_back(batch)
    free_all(batch, slots)


def take_slots(batch: Batch) -> Indices:
    """The slot of each page that has one or gets one, with a holder for each mapping, or for its object."""
    machine, slots = batch.machine, batch.private.copy()
    slots[batch.new] = swap_take_bulk(machine, batch.pages[batch.new])
    entered = (batch.gone & batch.memory) | (batch.new & batch.shmem)
    if entered.any():
        holders = np.where(batch.shmem, 1, batch.mapcount)
        machine.swap.map.add(slots[entered], holders[entered])
    return slots


def make_old(machine: Machine, pteps: Indices) -> None:
    """Clear the accessed bits of PTEs."""
    memory = machine.memory
    young = pteps[memory.all[pteps] & np.uint64(PAGE_ACCESSED) != 0]
    if len(young):
        memory.put(young, memory.all[young] & ~np.uint64(PAGE_ACCESSED))


def empty_ptes(batch: Batch, slots: Indices, places: Indices, pteps: Indices) -> None:
    """`unmap_pte` of every entry that maps a page which goes out: memory leaves its swap entry.

    Args:
        places: Whose each entry is, as a place among the pages.
    """
    if not len(pteps):
        return
    machine = batch.machine
    exclusive = np.where(batch.test(PG_anon_exclusive), SWP_EXCLUSIVE, 0)
    entries = np.where(batch.memory, (slots << SWP_SHIFT) | exclusive, 0)[places]
    order = np.argsort(pteps, kind="stable")
    machine.memory.put(pteps[order], entries[order])
    for number, n in by_mm(machine, pteps).items():
        mm = machine.mms.get(number)
        assert mm is not None
        mm.rss -= n
    machine.work["tlb_flushes"] += len(pteps)


def shmem_writepage_bulk(machine: Machine, pages: Indices, slots: Indices) -> None:
    """`shmem_writepage` of many pages: their objects keep the slots."""
    index = machine.mem_map.index.all[pages].astype(np.int64)
    for mapping, at in by_file(machine, pages):
        mapping.slots.put(index[at], slots[at])
    remove_from_page_cache_bulk(machine, pages)


def flags_after(batch: Batch) -> NDArray[np.uint32]:
    """The flags of each page when all is done; those that the reverse map keeps are as it left them."""
    flags = batch.machine.mem_map.flags.all[batch.pages]
    if batch.asked is not None:
        flags[batch.mapped] &= ~np.uint32(PG_referenced)
        flags[batch.active | batch.kept] |= np.uint32(batch.machine.kernel.referenced_mark)
    flags &= ~np.uint32(PG_active)
    flags |= np.where(batch.activated, np.uint32(PG_active | PG_lru), np.uint32(PG_lru))
    flags[batch.out] &= ~np.uint32(PG_dirty | PG_anon_exclusive)
    flags[batch.out & (batch.cached | batch.new)] |= np.uint32(PG_swapcache)
    flags[batch.new] |= np.uint32(PG_uptodate)
    flags[batch.flushed] |= np.uint32(PG_dirty | PG_reclaim)
    flags[batch.rewritten] |= np.uint32(PG_dirty | PG_swapbacked)
    return flags


def put_back(batch: Batch) -> None:
    """All pages on the lists they belong on; those that are freed next are off them again."""
    machine, pages = batch.machine, batch.pages
    if not batch.until_free:
        lru_add_bulk(machine, pages[batch.activated], active=True)
        lru_add_bulk(machine, pages[batch.kept | (batch.written & ~batch.freed)], active=False)
        return
    lru_add_twice(machine, pages[batch.activated], batch.flushed[batch.activated])
    lru_add_bulk(machine, pages[batch.kept | batch.written], active=False)
    lru_del_bulk(machine, pages[batch.written])


def lru_add_twice(machine: Machine, pages: Indices, twice: NDArray[np.bool_]) -> None:
    """`lru_cache_add_active` of many pages; of some in each of two passes, taken off in between."""
    if not len(pages):
        return
    lru, times = machine.active_list, 1 + twice
    last = lru.append_bulk(np.repeat(pages, times)) + np.cumsum(times) - 1
    lru.remove_bulk(last[twice] - 1)
    machine.mem_map.lru.put(pages, last)


def free_all(batch: Batch, slots: Indices) -> None:
    """Take pages that nobody maps and that are on no list out of the caches; their frames are free."""
    from_swap, from_file = batch.cached | batch.new, batch.file & ~batch.new
    freed = batch.freed
    free_unmapped(batch.machine, batch.pages[freed], slots[freed & from_swap], batch.pages[freed & from_file])


def free_unmapped(machine: Machine, pages: Indices, slots: Indices, of_files: Indices) -> None:
    """Free many pages that are on no list, and before that take them out of the caches they are in.

    Args:
        slots: The slots of those in the swap cache.
        of_files: Those in the page cache.
    """
    if not len(pages):
        return
    if len(slots):
        machine.swap.cached.put(slots, 0)
        swap_free_bulk(machine, slots)
    if len(of_files):
        remove_from_page_cache_bulk(machine, of_files)
    machine.mem_map.count.put(pages, 0)
    free_pages_bulk(machine, pages)
