"""The bulk twin of zap: the mappings of whole page tables dropped at once.

Like its siblings in `vmtui.mm.bulk` it has a precondition: every entry maps a page that is not in the swap
cache; and that pages have one frame each.  It stops at the first page table for which that does not hold, and
the caller goes on page by page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.bulk import Indices, blocks, chosen, chunks_of
from vmtui.mm.mm_types import Vma
from vmtui.mm.page import PAGE_SHIFT, ZERO_PFN, PG_active, PG_dirty, PG_reclaim, PG_swapcache
from vmtui.mm.page_alloc import free_pages_bulk
from vmtui.mm.pgtable import PAGE_DIRTY, PAGE_PRESENT, PAGE_PROTNONE, pte_offset
from vmtui.mm.pte_runs import PteRuns

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine


def zap_range(vma: Vma, start: int, end: int) -> tuple[int, int]:
    """Drop the mappings of [start, end) of a VMA, as far as they are simple.

    Returns:
        The address it got to, `start` if the first page table must be done page by page; and how many pages
        were unmapped on the way.
    """
    dropped = 0
    if vma.machine.cluster > 1:
        return start, 0
    for low, high in blocks(start, end):
        reached, n = zap_block(vma, low, high)
        dropped += n
        if reached < high:
            return reached, dropped
    return end, dropped


def zap_block(vma: Vma, start: int, end: int) -> tuple[int, int]:
    """`zap_range` of a block."""
    machine, mm = vma.machine, vma.vm_mm
    memory, flags = machine.memory, machine.mem_map.flags
    chunks = [(low, high, pte_offset(mm, low)) for low, high in chunks_of(start, end)]
    tables = [(low, high, ptep) for low, high, ptep in chunks if ptep]
    if not tables:
        return end, 0
    low, high, first = np.array(tables, dtype=np.int64).T
    ptes = PteRuns(first, (high - low) >> PAGE_SHIFT)
    entries = ptes.read(memory)
    present = entries & (PAGE_PRESENT | PAGE_PROTNONE) != 0
    cached = present & (flags.all[np.where(present, entries >> PAGE_SHIFT, 0)] & PG_swapcache != 0)
    odd = cached | (entries != 0) & ~present
    if odd.any():
        # The page table of the first entry that is not simple.
        stop = int(np.searchsorted(np.cumsum(ptes.length), int(np.argmax(odd)), side="right"))
        end = tables[stop][0]
        ptes = PteRuns(ptes.first[:stop], ptes.length[:stop])
        entries, present = entries[: ptes.total], present[: ptes.total]
    if not present.any():
        return end, 0

    ptes.clear(memory)
    mapped = present & (entries >> PAGE_SHIFT != ZERO_PFN)
    entries = chosen(entries, mapped)
    pfns = entries >> PAGE_SHIFT
    if len(pfns):
        mm.rss -= len(pfns)
        machine.scheme.remove_rmap_bulk(pfns, vma, chosen(ptes.pteps(), mapped))
        release_pages_bulk(machine, pfns, entries & PAGE_DIRTY != 0)
    return end, int(np.count_nonzero(present))


def release_pages_bulk(machine: Machine, pfns: Indices, dirty: NDArray[np.bool_]) -> None:
    """`release_page` of many pages, those that stay marked where their entry was dirty."""
    mem_map = machine.mem_map
    left = mem_map.count.all[pfns] - 1
    mem_map.count.put(pfns, left)
    kept = pfns[(left != 0) & dirty]
    if len(kept):
        mem_map.flags.put(kept, (mem_map.flags.all[kept] | PG_dirty) & ~np.uint32(PG_reclaim))
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
