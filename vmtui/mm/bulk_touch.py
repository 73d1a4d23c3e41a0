"""The bulk twins of an access to what is mapped: bits set where no fault is needed, copies after a fork.

Like their siblings in `vmtui.mm.bulk` they have preconditions, and leave to single calls what does not meet
them: here, a block whose entries are not all alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from vmtui.mm.bulk import blocks, chunks_of, populate, take_users
from vmtui.mm.cluster import Mappings
from vmtui.mm.mm_types import VM_ACCESS, VM_SHARED, VM_WRITE, Mm, Vma, linear_page_index
from vmtui.mm.page import PAGE_SHIFT, PAGE_SIZE, ZERO_PFN, PG_active, PG_lru, PG_swapcache
from vmtui.mm.page_alloc import zone_for_user
from vmtui.mm.pgtable import PAGE_ACCESSED, PAGE_DIRTY, PAGE_PRESENT, PAGE_RW, pte_offset, vm_page_prot
from vmtui.mm.pte_runs import PteRuns

#: What a block was, in the words of a step.
FILLED: Final = "{who}: {n:,} pages {did} at once, a PTE each"
MAPPED: Final = "{who}: {n:,} pages were mapped, no fault: {did} at once"
COPIED: Final = "{who}: {n:,} shared pages {did} at once, a copy each"


def access_range(mm: Mm, start: int, end: int, write: bool) -> tuple[int, str]:
    """Read or write the pages from `start` on as far as they are alike, up to `end`.

    Returns:
        How many pages, 0 if it must be done one by one; and what became of them.
    """
    done = populate(mm, start, end, write)
    if done:
        return done, FILLED
    vma = mm.vmas.at(start)
    if vma is None or not vma.vm_flags & (VM_WRITE if write else VM_ACCESS):
        return 0, FILLED
    end = min(end, vma.vm_end)
    done = _as_far_as(vma, start, end, write, touch_block)
    if done or not write or vma.vm_flags & VM_SHARED or vma.machine.cluster > 1:
        return done, MAPPED
    return _as_far_as(vma, start, end, write, copy_block), COPIED


def _as_far_as(
    vma: Vma, start: int, end: int, write: bool, block: Callable[[Vma, PteRuns, int, bool], bool]
) -> int:
    """How many pages from `start` on were done, block by block."""
    for low, high in blocks(start, end):
        chunks = [(pte_offset(vma.vm_mm, at), (to - at) >> PAGE_SHIFT) for at, to in chunks_of(low, high)]
        if not all(ptep for ptep, _ in chunks):
            return (low - start) >> PAGE_SHIFT
        if not block(vma, PteRuns(*np.array(chunks, dtype=np.int64).T), low, write):
            return (low - start) >> PAGE_SHIFT
    return (end - start) >> PAGE_SHIFT


def touch_block(vma: Vma, ptes: PteRuns, start: int, write: bool) -> bool:
    """The CPU may use every entry as it is: it sets the bits."""
    memory = vma.machine.memory
    entries = ptes.read(memory)
    allowed = PAGE_PRESENT | (PAGE_RW if write else 0)
    if not (entries & allowed == allowed).all():
        return False
    used = entries | PAGE_ACCESSED | (PAGE_DIRTY if write else 0)
    if (used != entries).any():
        ptes.write(memory, used)
    return True


def copy_block(vma: Vma, ptes: PteRuns, start: int, write: bool) -> bool:
    """`do_wp_page` of pages that others have too, none of them in the swap cache: each is copied."""
    machine, mem_map = vma.machine, vma.machine.mem_map
    entries = ptes.read(machine.memory)
    old = entries >> PAGE_SHIFT
    if not (entries & (PAGE_PRESENT | PAGE_RW) == PAGE_PRESENT).all() or (old == ZERO_PFN).any():
        return False
    if (mem_map.count.all[old] < 2).any() or (mem_map.flags.all[old] & PG_swapcache != 0).any():
        return False
    zone = zone_for_user(machine)
    if zone is None or not zone.room(ptes.total, 0):
        return False
    in_low = ptes.total * PAGE_SIZE if zone is machine.zones[0] else 0
    if not machine.ledger.fits(in_low + machine.scheme.bulk_bytes(np.empty(0, np.int64))):
        return False

    pfns = take_users(machine, ptes.total)
    pteps = ptes.pteps()
    machine.scheme.remove_rmap_bulk(old, vma, pteps)
    mem_map.count.add(old, -1)
    machine.work["tlb_flushes"] += ptes.total
    ptes.write(machine.memory, pfns << PAGE_SHIFT | vm_page_prot(vma) | PAGE_RW | PAGE_DIRTY)
    mem_map.count.put(pfns, 1)
    mem_map.flags.put(pfns, PG_lru | PG_active)
    ticket = machine.active_list.append_bulk(pfns)
    mem_map.lru.put(pfns, np.arange(ticket, ticket + len(pfns), dtype=np.int64))
    first = linear_page_index(vma, start)
    indices = np.arange(first, first + len(pfns), dtype=np.int64)
    machine.scheme.add_rmap_bulk(Mappings(machine, pfns, pteps), vma, indices)
    return True
