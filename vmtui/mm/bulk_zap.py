"""The bulk twin of zap: the mappings and the swap entries of whole page tables dropped at once.

Like its siblings in `vmtui.mm.bulk` it has a precondition: every entry maps a page or holds a slot, no slot
comes twice, and vm_swap_full decides about none of them.  With page clustering no page is mapped, and a slot
comes as often as it will one time after another.  It stops at the first page table for which that does not
hold, and the caller goes on page by page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.bulk import Indices, blocks, chosen, chunks_of
from vmtui.mm.mm_types import Vma
from vmtui.mm.page import PAGE_SHIFT, ZERO_PFN, PG_dirty, PG_reclaim, PG_swapcache
from vmtui.mm.page_alloc import free_pages_bulk
from vmtui.mm.pgtable import (
    PAGE_DIRTY,
    PAGE_FILE,
    PAGE_PRESENT,
    PAGE_PROTNONE,
    SWP_SHIFT,
    pte_offset,
)
from vmtui.mm.pte_runs import PteRuns
from vmtui.mm.swap import lru_del_bulk
from vmtui.mm.swapfile import swap_free_bulk, vm_swap_full

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

Mask = NDArray[np.bool_]


def zap_range(vma: Vma, start: int, end: int) -> tuple[int, int, int]:
    """Drop the mappings and swap entries of [start, end) of a VMA, as far as they are simple.

    Returns:
        The address it got to, `start` if the first page table must be done page by page; and how many pages
        were unmapped on the way, and swap entries dropped.
    """
    dropped = swapped = 0
    for low, high in blocks(start, end):
        reached, pages, slots = zap_block(vma, low, high)
        dropped, swapped = dropped + pages, swapped + slots
        if reached < high:
            return reached, dropped, swapped
    return end, dropped, swapped


def zap_block(vma: Vma, start: int, end: int) -> tuple[int, int, int]:
    """`zap_range` of a block."""
    machine, mm = vma.machine, vma.vm_mm
    chunks = [(low, high, pte_offset(mm, low)) for low, high in chunks_of(start, end)]
    tables = [(low, high, ptep) for low, high, ptep in chunks if ptep]
    if not tables:
        return end, 0, 0
    low, high, first = np.array(tables, dtype=np.int64).T
    ptes = PteRuns(first, (high - low) >> PAGE_SHIFT)
    entries = ptes.read(machine.memory)
    present = is_present(entries)
    slots = slots_of(machine, entries, present)
    odd = odd_entries(machine, entries, present, slots)
    if odd.any():
        # The page table of the first entry that is not simple.
        stop = int(np.searchsorted(np.cumsum(ptes.length), int(np.argmax(odd)), side="right"))
        end = tables[stop][0]
        ptes = PteRuns(ptes.first[:stop], ptes.length[:stop])
        n = ptes.total
        entries, present, slots = entries[:n], present[:n], slots[:n]
    swapped = ~present & (slots != 0)
    if not present.any() and not swapped.any():
        return end, 0, 0

    ptes.clear(machine.memory)
    mapped = present & (entries >> PAGE_SHIFT != ZERO_PFN)
    gone = np.zeros(len(entries), np.int64)
    if mapped.all():
        gone = drop_pages(vma, ptes.pteps(), entries, slots)
    elif mapped.any():
        gone[mapped] = drop_pages(vma, ptes.pteps()[mapped], entries[mapped], slots[mapped])
    if swapped.any():
        gone[swapped] = drop_slots(machine, slots[swapped])
    frames = chosen(gone, gone != 0)
    if len(frames):
        lru_del_bulk(machine, frames)
        free_pages_bulk(machine, frames)
    return end, int(np.count_nonzero(present)), int(np.count_nonzero(swapped))


def is_present(entries: Indices) -> Mask:
    """Which entries map a frame."""
    present: Mask = entries & (PAGE_PRESENT | PAGE_PROTNONE) != 0
    return present


def odd_entries(machine: Machine, entries: Indices, present: Mask, slots: Indices) -> Mask:
    """Which entries are not simple: of a file, or of a slot that comes twice or may be given up early."""
    swap, mem_map = machine.swap, machine.mem_map
    odd: Mask = ~present & (entries & PAGE_FILE != 0)
    if machine.cluster > 1:
        odd |= present & (entries >> PAGE_SHIFT != ZERO_PFN)
        return odd | odd_slots(machine, np.where(present, 0, slots))
    if not slots.any():
        return odd
    used = slots[slots != 0]
    if not (np.diff(used) > 0).all() and len(np.unique(used)) < len(used):
        odd = entries != 0
    elif vm_swap_full(machine):
        held = np.where(present, 0, swap.cached.all[slots])
        odd |= (held != 0) & (swap.map.all[slots] == 2) & (mem_map.count.all[held] > 1)
    return odd


def odd_slots(machine: Machine, slots: Indices) -> Mask:
    """Of swap entries of clusters, 0 being none: whose slot comes again later, or may be given up early."""
    swap = machine.swap
    first, times = runs_of(slots)
    each = slots[first]
    odd = np.zeros(len(each), np.bool_)
    if len(np.unique(each[each != 0])) < np.count_nonzero(each):
        odd = each != 0
    elif vm_swap_full(machine):
        held = swap.cached.all[each]
        odd = (held != 0) & (swap.map.all[each] == times + 1) & (machine.mem_map.count.all[held] > 1)
    return np.repeat(odd, times)


def runs_of(slots: Indices) -> tuple[Indices, Indices]:
    """Where each of some slots that are equal to their neighbours begins, and how many they are."""
    first = np.flatnonzero(np.diff(slots, prepend=-1))
    return first, np.diff(np.append(first, len(slots)))


def slots_of(machine: Machine, entries: Indices, present: Mask) -> Indices:
    """The slot of each entry, or of the page in the swap cache that it maps; 0 for none."""
    mem_map = machine.mem_map
    pfns = entries >> PAGE_SHIFT if present.all() else np.where(present, entries >> PAGE_SHIFT, 0)
    cached = mem_map.flags.all[pfns] & np.uint32(PG_swapcache) != 0
    slots = np.zeros(len(entries), np.int64)
    if not present.all():
        swapped = ~present & (entries & PAGE_FILE == 0)
        slots[swapped] = entries[swapped] >> SWP_SHIFT
    if cached.any():
        slots[cached] = mem_map.private.all[pfns[cached]]
    return slots


def drop_pages(vma: Vma, pteps: Indices, entries: Indices, slots: Indices) -> Indices:
    """Drop one mapping of each of many pages; those that go with it, 0 for the others.

    With its last mapping goes a page that is in the swap cache and whose slot nobody else wants.

    Args:
        slots: Of each page in the swap cache its slot, 0 for the others.
    """
    machine, mem_map = vma.machine, vma.machine.mem_map
    pfns = entries >> PAGE_SHIFT
    vma.vm_mm.rss -= len(pfns)
    machine.scheme.remove_rmap_bulk(pfns, vma, pteps)
    left = mem_map.count.all[pfns] - 1
    if slots.any():
        unwanted = (left == 1) & (slots != 0) & (machine.swap.map.all[slots] == 1)
        delete_slots(machine, slots[unwanted])
        left[unwanted] = 0
    mem_map.count.put(pfns, left)
    gone = left == 0
    if gone.all():
        return pfns
    dirty = pfns[~gone & (entries & PAGE_DIRTY != 0)]
    if len(dirty):
        flags = mem_map.flags.all[dirty] | np.uint32(PG_dirty)
        mem_map.flags.put(dirty, flags & ~np.uint32(PG_reclaim))
    return np.where(gone, pfns, 0)


def drop_slots(machine: Machine, slots: Indices) -> Indices:
    """`free_swap_and_cache` of many slots, equal ones together; the pages that go with them, 0 for none."""
    first, times = runs_of(slots)
    each = slots[first]
    left = swap_free_bulk(machine, each, times)
    held = machine.swap.cached.all[each].astype(np.int64)
    unwanted = (left == 1) & (held != 0) & (machine.mem_map.count.all[held] == 1)
    delete_slots(machine, each[unwanted])
    machine.mem_map.count.put(held[unwanted], 0)
    gone = np.zeros(len(slots), np.int64)
    gone[first] = np.where(unwanted, held, 0)
    return gone


def delete_slots(machine: Machine, slots: Indices) -> None:
    """The swap cache gives up pages that are freed next, and their slots."""
    if len(slots):
        machine.swap.cached.put(slots, 0)
        swap_free_bulk(machine, slots)
