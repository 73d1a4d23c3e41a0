"""The bulk twins of what 2.4's page-out does to its two lists; that of its scan is `swap_out_scan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from vmtui.mm.bulk_pageout import free_unmapped, shmem_writepage_bulk
from vmtui.mm.filemap import by_file, in_page_cache
from vmtui.mm.page import PG_active, PG_dirty, PG_lru, PG_referenced, PG_swapcache
from vmtui.mm.step import Told, step
from vmtui.mm.swap import lru_add_bulk, lru_del_bulk
from vmtui.mm.swapfile import free_slots, swap_take_bulk

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]


def refill_inactive(machine: Machine, nr_pages: int) -> Told:
    """`refill_inactive` of so many pages, or of all; what is said of it."""
    flags, active = machine.mem_map.flags, machine.active_list
    pages = np.array(active.oldest(len(active)), np.int64)
    used = flags.all[pages] & np.uint32(PG_referenced) != 0
    n = int(np.searchsorted(np.cumsum(~used), nr_pages)) + 1
    pages, used = pages[:n], used[:n]
    again, cold = pages[used], pages[~used]
    # When all have been asked and more are wanted, it is the turn of those that were used.
    late = again[: nr_pages - len(cold)]

    lru_del_bulk(machine, pages)
    lru_add_bulk(machine, again, active=True)
    lru_del_bulk(machine, late)
    moved = np.concatenate([cold, late])
    lru_add_bulk(machine, moved, active=False)
    flags.put(again, flags.all[again] & ~np.uint32(PG_referenced))
    flags.put(moved, flags.all[moved] & ~np.uint32(PG_active) | np.uint32(PG_referenced | PG_lru))
    text = "{n:,} pages at once: {used:,} stay active, {cold:,} go to the inactive list"
    return step(text, n=len(pages), used=len(again) - len(late), cold=len(moved))


@attrs.frozen
class Cold:
    """Pages at the cold end of the inactive list; every mask has a cell a page.

    Attributes:
        held: Somebody may map them.
        written, freed: They are dirty, or clean, and nobody does.
        file: In the page cache.
        new: Shared memory that gets a slot.
    """

    pages: Indices
    held: Mask
    written: Mask
    freed: Mask
    file: Mask
    new: Mask

    @property
    def frames(self) -> int:
        """How many are free in the end."""
        return int(np.count_nonzero(self.freed))

    @property
    def mapped(self) -> int:
        """How many somebody may map."""
        return int(np.count_nonzero(self.held))

    @property
    def step(self) -> Told:
        """What is said of them."""
        text = "{n:,} pages at once: {held:,} that somebody may map, {written:,} written, {freed:,} freed"
        written = int(np.count_nonzero(self.written))
        return step(text, n=len(self.pages), held=self.mapped, written=written, freed=self.frames)


def shrink_cache(machine: Machine, pfns: list[int], nr_pages: int, max_mapped: int) -> Cold | None:
    """`shrink_cache` of the first of some pages, before it has freed enough or met too many that are mapped.

    None if there is none that this goes for.
    """
    cold = look_at(machine, np.array(pfns, np.int64))
    slots = machine.mem_map.private.all[cold.pages]
    # With its last holder a slot is free, and may be the next that is given out.
    frees_slot = cold.freed & ~cold.file & (machine.swap.map.all[slots] == 1)
    need = np.cumsum(cold.new)
    no_slot = cold.new & (need > free_slots(machine, int(need[-1])))
    enough = (np.cumsum(cold.freed) >= nr_pages) | (np.cumsum(cold.held) > max_mapped)
    stops = np.flatnonzero(frees_slot | no_slot | enough)
    n = int(stops[0]) if len(stops) else len(pfns)
    if not n:
        return None
    cold = Cold(*(getattr(cold, field.name)[:n] for field in attrs.fields(Cold)))
    carry_out(machine, cold)
    return cold


def look_at(machine: Machine, pages: Indices) -> Cold:
    """What becomes of pages, as far as all of them are gone through."""
    mem_map = machine.mem_map
    flags = mem_map.flags.all[pages]
    file, dirty = in_page_cache(machine, pages), flags & np.uint32(PG_dirty) != 0
    cached = file | (flags & np.uint32(PG_swapcache) != 0)
    held = (mem_map.count.all[pages] != 1) | ~cached
    new, places = np.zeros(len(pages), np.bool_), np.flatnonzero(file & dirty & ~held)
    for mapping, at in by_file(machine, pages[places]):
        new[places[at]] = mapping.shmem
    return Cold(pages, held, ~held & dirty, ~held & ~dirty, file, new)


def carry_out(machine: Machine, cold: Cold) -> None:
    """Put all pages at the young end; write what is dirty, and free what is clean."""
    mem_map, pages = machine.mem_map, cold.pages
    lru_del_bulk(machine, pages)
    lru_add_bulk(machine, pages, active=False)
    moved, written, freed = pages[cold.new], pages[cold.written], pages[cold.freed]
    if len(moved):
        slots = swap_take_bulk(machine, moved)
        machine.swap.map.add(slots, 1)
        shmem_writepage_bulk(machine, moved, slots)
        mem_map.private.put(moved, slots)
        mem_map.flags.put(moved, mem_map.flags.all[moved] | np.uint32(PG_swapcache))
    mem_map.flags.put(written, mem_map.flags.all[written] & ~np.uint32(PG_dirty))
    lru_del_bulk(machine, freed)
    swapped = pages[cold.freed & ~cold.file]
    free_unmapped(machine, freed, mem_map.private.all[swapped], pages[cold.freed & cold.file])
