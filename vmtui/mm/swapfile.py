"""Swap slots (mm/swapfile.c of 2.6.4).

One swap area.  ``swap_map[slot]`` counts the holders of a slot: a swap entry in a page table each, and
the swap cache.  Slot 0 is the header's.  The slot given out is the lowest free one (*ours*: the kernel
searches on from where it left off, in clusters).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.page import PAGE_SIZE, Page, PG_dirty, PG_swapcache, PG_writeback
from vmtui.mm.page_alloc import put_page
from vmtui.mm.swap import lru_cache_del
from vmtui.state.column import Column, Where
from vmtui.state.history import History

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine
    from vmtui.mm.mm_types import Vma

Slots = NDArray[np.int64]
Bools = NDArray[np.bool_]

_LOWEST, _USED, _HIGHEST, _OFF = range(4)


class SwapArea:
    """The swap area and its map (``struct swap_info_struct``).

    Attributes:
        slots: Slots in all.
        map: Holders of each slot.
        cached: The frame that holds each slot's page in the swap cache (swapper_space), 0 for none.
    """

    __slots__ = ("cached", "map", "register", "slots")

    def __init__(self, history: History, nbytes: int) -> None:
        self.slots = nbytes // PAGE_SIZE
        self.register = Column(history, 4, np.int64, lambda: [slice(0, 4)])
        self.map = Column(history, self.slots + 1, np.uint32, self._extent)
        self.cached = Column(history, self.slots + 1, np.uint32, self._extent)
        self.register.cell[_LOWEST] = 1

    def _extent(self) -> list[Where]:
        return [slice(0, self.highest + 1)]

    @property
    def highest(self) -> int:
        """The highest slot ever given out."""
        return self.register.cell[_HIGHEST]

    @property
    def on(self) -> bool:
        """Whether slots are given out (SWP_WRITEOK); swapoff ends it."""
        return not self.register.cell[_OFF]

    @on.setter
    def on(self, value: bool) -> None:
        self.register[_OFF] = not value

    def used(self) -> int:
        """Slots with a holder."""
        return self.register.cell[_USED]

    def lowest_free(self) -> int:
        """The lowest free slot, or 0."""
        slot = self.register.cell[_LOWEST]
        counts = self.map.cell
        while slot <= self.slots and counts[slot]:
            slot += 1
        return slot if slot <= self.slots else 0


def get_swap_page(machine: Machine) -> int:
    """A free slot with one holder, or 0 if there is none (get_swap_page)."""
    swap = machine.swap
    slot = swap.lowest_free() if swap.on else 0
    if slot:
        swap.map[slot] = 1
        swap.register[_LOWEST] = slot + 1
        swap.register[_USED] += 1
        if slot > swap.register.cell[_HIGHEST]:
            swap.register[_HIGHEST] = slot
    return slot


def free_slots(machine: Machine, most: int) -> int:
    """How many slots there are to give out, or `most` if there are as many."""
    swap = machine.swap
    return min(most, swap.slots - swap.used()) if swap.on else 0


def swap_take_bulk(machine: Machine, pages: Slots) -> Slots:
    """`get_swap_page` for each of many pages, which enter the swap cache; there are as many slots."""
    swap, n = machine.swap, len(pages)
    if not n:
        return np.empty(0, np.int64)
    found: list[Slots] = []
    at = swap.register.cell[_LOWEST]
    while n > 0:
        free = at + np.flatnonzero(swap.map.all[at : min(at + 2 * n, swap.slots + 1)] == 0)[:n]
        found.append(free)
        at, n = at + 2 * n, n - len(free)
    slots = np.concatenate(found)
    last = int(slots[-1])
    swap.register[_LOWEST] = last + 1
    swap.register[_USED] += len(slots)
    if last > swap.register.cell[_HIGHEST]:
        swap.register[_HIGHEST] = last
    swap.map.put(slots, 1)
    swap.cached.put(slots, pages)
    return slots


def swap_free_bulk(machine: Machine, slots: Slots, times: Slots | int = 1) -> Slots:
    """`swap_free` of many different slots, so many times each; how many holders each has left."""
    swap = machine.swap
    left: Slots = swap.map.all[slots].astype(np.int64) - times
    swap.map.put(slots, left)
    free = slots[left == 0]
    if len(free):
        swap.register[_USED] -= len(free)
        lowest = int(free.min())
        if lowest < swap.register.cell[_LOWEST]:
            swap.register[_LOWEST] = lowest
    return left


def swap_duplicate(machine: Machine, slot: int) -> None:
    """One holder more (swap_duplicate)."""
    machine.swap.map[slot] += 1


def swap_free(machine: Machine, slot: int) -> int:
    """One holder less; the slot is free when none is left.  How many are (swap_free)."""
    swap = machine.swap
    swap.map[slot] -= 1
    left = swap.map.cell[slot]
    if left == 0:
        swap.register[_USED] -= 1
        if slot < swap.register.cell[_LOWEST]:
            swap.register[_LOWEST] = slot
    return left


def vm_swap_full(machine: Machine) -> bool:
    """Whether more than half of swap is used, so that slots are given up early (vm_swap_full)."""
    return machine.swap.used() * 2 > machine.swap.slots


def delete_from_swap_cache(page: Page) -> None:
    """Take a page out of the swap cache; what it holds is nowhere else now (delete_from_swap_cache)."""
    machine = page.machine
    slot = page.private
    machine.swap.cached[slot] = 0
    page.private = 0
    page.clear(PG_swapcache)
    page.set(PG_dirty)
    page.count -= 1
    swap_free(machine, slot)


def remove_exclusive_swap_page(page: Page) -> bool:
    """Give up the slot of a page nobody else can want from swap (remove_exclusive_swap_page).

    That is: the swap cache is the slot's only holder, and besides the cache only the caller holds the page.
    """
    if not page.test(PG_swapcache) or page.test(PG_writeback):
        return False
    if page.count != 2 or page.machine.swap.map.cell[page.private] != 1:
        return False
    delete_from_swap_cache(page)
    return True


def free_swap_bulk(vma: Vma, write: bool, lone: Bools, count: Slots) -> tuple[Bools, Bools]:
    """Of many pages coming back to a VMA, whose slot is given up: at once, and where swap is half full.

    Args:
        lone: Whose slot nobody holds but the swap cache.
        count: References, the fault's among them.
    """
    return np.zeros_like(lone), lone & (count == 2)


def can_share_swap_page(page: Page, mine: int = 1) -> bool:
    """Whether a write may use this page instead of a copy: nobody else has it (can_share_swap_page).

    No reference but the caller's PTEs; or one more, where it is the swap cache and no entry holds the slot.

    Args:
        mine: The caller's PTEs that map it: one, or of a cluster several.
    """
    if page.count == mine + 1 and page.test(PG_swapcache):
        return page.machine.swap.map.cell[page.private] == 1
    return page.count == mine


def free_swap_and_cache(machine: Machine, slot: int) -> bool:
    """Drop a swap entry; with it the cached page if that was all that kept it (free_swap_and_cache).

    Returns:
        Whether a frame was freed.
    """
    if swap_free(machine, slot) != 1:
        return False
    pfn = machine.swap.cached.cell[slot]
    if not pfn:
        return False
    page = machine.page(pfn)
    page.count += 1
    if page.count == 2 or vm_swap_full(machine):
        delete_from_swap_cache(page)
    return release_page(page)


def release_page(page: Page) -> bool:
    """Drop a reference; a page nobody holds leaves the LRU and is free (page_cache_release)."""
    if page.count == 1 and page.lru:
        lru_cache_del(page)
    return put_page(page)


def free_page_and_swap_cache(page: Page) -> bool:
    """Drop a mapping's reference, and the page's slot if it was the last to want it (mm/swap_state.c)."""
    remove_exclusive_swap_page(page)
    return release_page(page)
