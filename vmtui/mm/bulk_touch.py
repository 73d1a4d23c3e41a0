"""The bulk twins of an access: bits set where no fault is needed, copies after a fork; see also
`vmtui.mm.bulk_swap_in`.

Like their siblings in `vmtui.mm.bulk` they have preconditions, and leave to single calls what does not meet
them.  Where entries are not all alike, they go as far as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from vmtui.mm.bulk import alike, blocks, chunks_of, populate, take_users, whole_clusters
from vmtui.mm.bulk_swap_in import copy_in_block, swap_in_block
from vmtui.mm.cluster import Mappings
from vmtui.mm.mm_types import VM_ACCESS, VM_SHARED, VM_WRITE, Mm, Vma, linear_page_index
from vmtui.mm.page import PAGE_SHIFT, PAGE_SIZE, ZERO_PFN, PG_active, PG_swapcache
from vmtui.mm.page_alloc import zone_for_user
from vmtui.mm.pgtable import (
    PAGE_ACCESSED,
    PAGE_DIRTY,
    PAGE_PRESENT,
    PAGE_RW,
    PMD_SIZE,
    is_swap_pte,
    pte_offset,
    vm_page_prot,
)
from vmtui.mm.pte_runs import PteRuns

Block = Callable[[Vma, PteRuns, int, bool], int]
Tries = tuple[tuple[Block, str], ...]

#: What a block was, in the words of a step.
FILLED: Final = "{who}: {n:,} pages {did} at once, a PTE each"
MAPPED: Final = "{who}: {n:,} pages were mapped, no fault: {did} at once"
SWAPPED: Final = "{who}: {n:,} pages came back from swap and were {did} at once"
SWAPPED_COPIED: Final = "{who}: {n:,} pages came back from swap, {did} at once, a copy each"
COPIED: Final = "{who}: {n:,} shared pages {did} at once, a copy each"


def access_range(mm: Mm, start: int, end: int, write: bool) -> tuple[int, str]:
    """Read or write the pages from `start` on as far as they are alike, up to `end`.

    Returns:
        How many pages, 0 if it must be done one by one; and what became of them.
    """
    done = populate(mm, start, end, write)
    vma = mm.vmas.at(start)
    if done or vma is None:
        return done, FILLED
    if not vma.vm_flags & (VM_WRITE if write else VM_ACCESS):
        return 0, FILLED
    end = min(end, vma.vm_end)
    ptep = pte_offset(mm, start)
    pte = mm.machine.memory[ptep] if ptep else 0
    tries = PRESENT
    if is_swap_pte(pte):
        tries, end = SWAPPED_IN, whole_clusters(vma, start, end)
    if not write or vma.vm_flags & VM_SHARED:
        tries = tries[:1]
    for block, text in tries if pte and start < end else ():
        done = as_far_as(vma, start, end, write, block)
        if done:
            return done, text
    return 0, FILLED


def as_far_as(vma: Vma, start: int, end: int, write: bool, block: Block) -> int:
    """How many pages from `start` on were done: in the page table it lies in, then block by block."""
    table = min((start | (PMD_SIZE - 1)) + 1, end)
    pages = 0
    for low, high in ((start, table), *blocks(table, end)):
        chunks = [(pte_offset(vma.vm_mm, at), (to - at) >> PAGE_SHIFT) for at, to in chunks_of(low, high)]
        while chunks and not all(ptep for ptep, _ in chunks):
            chunks.pop()
        done = block(vma, PteRuns(*np.array(chunks, dtype=np.int64).T), low, write) if chunks else 0
        pages += done
        if done < (high - low) >> PAGE_SHIFT:
            break
    return pages


def touch_block(vma: Vma, ptes: PteRuns, start: int, write: bool) -> int:
    """As far as the CPU may use the entries as they are, it sets their bits."""
    memory = vma.machine.memory
    entries = ptes.read(memory)
    allowed = PAGE_PRESENT | (PAGE_RW if write else 0)
    n = alike(entries & allowed == allowed)
    entries[:n] |= PAGE_ACCESSED | (PAGE_DIRTY if write else 0)
    if n:
        ptes.write(memory, entries)
    return n


def copy_block(vma: Vma, ptes: PteRuns, start: int, write: bool) -> int:
    """`do_wp_page` of 2.6: copies of pages that others have too, none in the swap cache, none a cluster."""
    machine, mem_map = vma.machine, vma.machine.mem_map
    if machine.options.rules != "2.6" or machine.cluster > 1:
        return 0
    entries = ptes.read(machine.memory)
    old = entries >> PAGE_SHIFT
    shared = (entries & (PAGE_PRESENT | PAGE_RW) == PAGE_PRESENT) & (old != ZERO_PFN)
    frames = np.where(shared, old, ZERO_PFN)
    n = alike(shared & (mem_map.count.all[frames] > 1) & (mem_map.flags.all[frames] & PG_swapcache == 0))
    zone = zone_for_user(machine)
    if not n or zone is None or not zone.room(n, 0):
        return 0
    in_low = n * PAGE_SIZE if zone is machine.zones[0] else 0
    if not machine.ledger.fits(in_low + machine.scheme.bulk_bytes(np.empty(0, np.int64))):
        return 0

    old, pteps, pfns = old[:n], ptes.pteps()[:n], take_users(machine, n)
    machine.scheme.remove_rmap_bulk(old, vma, pteps)
    mem_map.count.add(old, -1)
    machine.work["tlb_flushes"] += n
    entries[:n] = pfns << PAGE_SHIFT | vm_page_prot(vma) | PAGE_RW | PAGE_DIRTY
    ptes.write(machine.memory, entries)
    mem_map.count.put(pfns, 1)
    flags = machine.kernel.copied_flags
    mem_map.flags.put(pfns, flags)
    lru = machine.active_list if flags & PG_active else machine.inactive_list
    ticket = lru.append_bulk(pfns)
    mem_map.lru.put(pfns, np.arange(ticket, ticket + n, dtype=np.int64))
    first = linear_page_index(vma, start)
    indices = np.arange(first, first + n, dtype=np.int64)
    machine.scheme.add_rmap_bulk(Mappings(machine, pfns, pteps), vma, indices)
    return n


#: What is tried where the first entry is a swap entry, and where it maps a page: for any access, then for a
#: write to private memory.
SWAPPED_IN: Final[Tries] = ((swap_in_block, SWAPPED), (copy_in_block, SWAPPED_COPIED))
PRESENT: Final[Tries] = ((touch_block, MAPPED), (copy_block, COPIED))
