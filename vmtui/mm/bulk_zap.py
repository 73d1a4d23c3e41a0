"""The bulk twin of zap: the mappings of whole page tables dropped at once.

Like its siblings in `vmtui.mm.bulk` it has a precondition: every entry maps a page that is not in the swap
cache.  It stops at the first page table for which that does not hold, and the caller goes on page by page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.bulk import Indices, chunks_of, indices_of
from vmtui.mm.mm_types import Vma
from vmtui.mm.page import PAGE_SHIFT, ZERO_PFN, PG_active, PG_dirty, PG_swapcache
from vmtui.mm.page_alloc import free_pages_bulk
from vmtui.mm.pgtable import PAGE_DIRTY, PAGE_PRESENT, PAGE_PROTNONE, pte_offset

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine


def zap_range(vma: Vma, start: int, end: int) -> tuple[int, int]:
    """Drop the mappings of [start, end) of a VMA, as far as they are simple.

    Returns:
        The address it got to, `start` if the first page table must be done page by page; and how many pages
        were unmapped on the way.
    """
    machine, mm = vma.machine, vma.vm_mm
    memory, flags = machine.memory, machine.mem_map.flags
    chunks = [(low, high, pte_offset(mm, low)) for low, high in chunks_of(start, end)]
    tables = [(low, high, ptep) for low, high, ptep in chunks if ptep]
    runs = [(ptep, (high - low) >> PAGE_SHIFT) for low, high, ptep in tables]
    pteps = indices_of(runs)
    entries = memory.all[pteps].astype(np.int64)
    present = entries & (PAGE_PRESENT | PAGE_PROTNONE) != 0
    cached = present & (flags.all[np.where(present, entries >> PAGE_SHIFT, 0)] & PG_swapcache != 0)
    odd = cached | (entries != 0) & ~present
    if odd.any():
        # The page table of the first entry that is not simple.
        lengths = np.cumsum([length for _, length in runs])
        stop = int(np.searchsorted(lengths, int(np.argmax(odd)), side="right"))
        end = tables[stop][0]
        n = int(lengths[stop - 1]) if stop else 0
        runs, pteps, entries, present = runs[:stop], pteps[:n], entries[:n], present[:n]
    if not present.any():
        return end, 0

    memory.put(indices_of(sorted(runs)), 0)
    mapped = present & (entries >> PAGE_SHIFT != ZERO_PFN)
    pfns = entries[mapped] >> PAGE_SHIFT
    if len(pfns):
        mm.rss -= len(pfns)
        machine.scheme.remove_rmap_bulk(pfns, vma, pteps[mapped])
        release_pages_bulk(machine, pfns, entries[mapped] & PAGE_DIRTY != 0)
    return end, int(np.count_nonzero(present))


def release_pages_bulk(machine: Machine, pfns: Indices, dirty: NDArray[np.bool_]) -> None:
    """`release_page` of many pages, those that stay marked where their entry was dirty."""
    mem_map = machine.mem_map
    left = mem_map.count.all[pfns] - 1
    mem_map.count.put(pfns, left)
    kept = pfns[(left != 0) & dirty]
    if len(kept):
        mem_map.flags.put(kept, mem_map.flags.all[kept] | PG_dirty)
    gone = pfns[left == 0]
    if not len(gone):
        return
    tickets = mem_map.lru.all[gone].astype(np.int64)
    active = mem_map.flags.all[gone] & PG_active != 0
    for lru, on in ((machine.active_list, active), (machine.inactive_list, ~active)):
        listed = tickets[on & (tickets != 0)]
        if len(listed):
            lru.remove_bulk(listed)
    mem_map.lru.put(gone, 0)
    free_pages_bulk(machine, gone)
