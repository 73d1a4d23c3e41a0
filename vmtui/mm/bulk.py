"""The bulk twins of a write fault and of fork's copy of a VMA.

Each is a fast path with a precondition, and leaves the machine bit for bit as single calls would.
Where the precondition does not hold it does nothing and says so; the caller goes on page by page.
No failure is handled here: whatever might not fit is left to the scalar path.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.mm_types import VM_SHARED, VM_WRITE, Mm, Vma, linear_page_index
from vmtui.mm.page import PAGE_SHIFT, PAGE_SIZE, ZERO_PFN, PG_active, PG_lru, PG_referenced
from vmtui.mm.page_alloc import Zone, zone_with_room
from vmtui.mm.pgtable import (
    PAGE_ACCESSED,
    PAGE_DIRTY,
    PAGE_PRESENT,
    PAGE_PROTNONE,
    PAGE_RW,
    PMD_SIZE,
    SWP_SHIFT,
    pte_alloc,
    pte_offset,
    vm_page_prot,
)

Indices = NDArray[np.int64]

#: Bytes of slack a bulk copy wants beyond its page tables, for what the scheme allocates.
_SLACK = PAGE_SIZE


def populate(mm: Mm, start: int, end: int) -> int:
    """Fill the pages from `start` on as far as nothing is mapped, up to `end`.

    Returns:
        How many pages; 0 if it must be done one by one.
    """
    machine = mm.machine
    vma = mm.vmas.at(start)
    zone = zone_with_room(machine, highmem=True)
    if vma is None or not vma.vm_flags & VM_WRITE or zone is None:
        return 0
    chunks = _empty_chunks(mm, start, min(end, vma.vm_end), zone)
    if not chunks:
        return 0

    pteps = _indices([(pte_alloc(mm, low), (high - low) >> PAGE_SHIFT) for low, high in chunks])
    n = len(pteps)
    pfns = zone.take_user_bulk(n)
    prot = vm_page_prot(vma) | PAGE_RW | PAGE_DIRTY
    machine.memory.put(pteps, pfns << PAGE_SHIFT | prot)
    mem_map = machine.mem_map
    mem_map.count.put(pfns, 1)
    mem_map.flags.put(pfns, PG_lru | PG_active | PG_referenced)
    ticket = machine.active_list.append_bulk(pfns)
    mem_map.lru.put(pfns, np.arange(ticket, ticket + n, dtype=np.int64))
    mm.rss += n
    machine.scheme.add_rmap_bulk(pfns, vma, linear_page_index(vma, start))
    return n


def _empty_chunks(mm: Mm, start: int, end: int, zone: Zone) -> list[tuple[int, int]]:
    """[start, end) cut at page tables, as far as all is empty and the frames for it are there."""
    machine = mm.machine
    memory = machine.memory.all
    table_zone = zone_with_room(machine, highmem=machine.options.highpte) or machine.zones[0]
    tables_low = table_zone is machine.zones[0]
    users = tables = 0
    chunks = []
    for base in range(start & ~(PMD_SIZE - 1), end, PMD_SIZE):
        low, high = max(base, start), min(base + PMD_SIZE, end)
        n = (high - low) >> PAGE_SHIFT
        ptep = pte_offset(mm, low)
        if ptep and memory[ptep : ptep + n].any():
            break
        users += n
        tables += not ptep
        in_zone = tables if table_zone is zone else 0
        in_low = (users if zone is machine.zones[0] else 0) + (tables if tables_low else 0)
        if not zone.room(users, in_zone) or not table_zone.room(0, tables):
            break
        if not machine.ledger.fits(in_low * PAGE_SIZE):
            break
        chunks.append((low, high))
    return chunks


def copy_range(vma: Vma, child: Vma) -> int | None:
    """fork: copy the PTEs of a whole VMA.

    Returns:
        How many entries were copied; None if it must be done one by one.
    """
    machine = vma.machine
    chunks = [chunk for chunk in _chunks(vma) if pte_offset(vma.vm_mm, chunk[0])]
    missing = sum(not pte_offset(child.vm_mm, low) for low, _ in chunks)
    zone = zone_with_room(machine, highmem=machine.options.highpte)
    if zone is None or not zone.room(0, missing):
        return None
    if not machine.ledger.fits((missing if zone is machine.zones[0] else 0) * PAGE_SIZE + _SLACK):
        return None

    src = _indices([(pte_offset(vma.vm_mm, low), (high - low) >> PAGE_SHIFT) for low, high in chunks])
    dst = _indices([(pte_alloc(child.vm_mm, low), (high - low) >> PAGE_SHIFT) for low, high in chunks])
    entries = machine.memory.all[src].astype(np.int64)
    taken = entries != 0
    src, dst, entries = src[taken], dst[taken], entries[taken]

    present = entries & (PAGE_PRESENT | PAGE_PROTNONE) != 0
    slots = entries[~present] >> SWP_SHIFT
    if len(slots):
        machine.swap.map.add(slots, 1)
    if not vma.vm_flags & VM_SHARED:
        writable = present & (entries & PAGE_RW != 0)
        entries[present] &= ~PAGE_RW
        if writable.any():
            machine.memory.put(src[writable], entries[writable])
    if len(dst):
        machine.memory.put(dst, np.where(present, entries & ~PAGE_ACCESSED, entries))

    pfns = entries[present] >> PAGE_SHIFT
    pfns = pfns[pfns != ZERO_PFN]
    if len(pfns):
        machine.mem_map.count.add(pfns, 1)
        child.vm_mm.rss += len(pfns)
    if len(pfns) or len(slots):
        machine.scheme.dup_rmap_bulk(pfns, vma, child)
    return len(dst)


def _chunks(vma: Vma) -> list[tuple[int, int]]:
    """A VMA's range cut at page tables."""
    bases = range(vma.vm_start & ~(PMD_SIZE - 1), vma.vm_end, PMD_SIZE)
    return [(max(base, vma.vm_start), min(base + PMD_SIZE, vma.vm_end)) for base in bases]


def _indices(runs: list[tuple[int, int]]) -> Indices:
    """The integers of runs (first, length), one after another."""
    if not runs:
        return np.empty(0, np.int64)
    first, length = np.array(runs, dtype=np.int64).T
    before = np.cumsum(length) - length
    return np.repeat(first - before, length) + np.arange(int(length.sum()), dtype=np.int64)
