"""The bulk twins of faults and of fork's copy of a VMA.

Each is a fast path with a precondition, and leaves the machine bit for bit as single calls would.
Where the precondition does not hold it does nothing and says so; the caller goes on page by page.
No failure is handled here: whatever might not fit is left to the scalar path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.filemap import nodes_for, radix_tree_add_bulk
from vmtui.mm.mm_types import VM_ACCESS, VM_SHARED, VM_WRITE, AddressSpace, Mm, Vma, linear_page_index
from vmtui.mm.page import PAGE_SHIFT, PAGE_SIZE, ZERO_PFN, PG_active, PG_lru, PG_uptodate
from vmtui.mm.page_alloc import zone_with_room
from vmtui.mm.pgtable import (
    PAGE_ACCESSED,
    PAGE_DIRTY,
    PAGE_PRESENT,
    PAGE_PROTNONE,
    PAGE_RW,
    PMD_SIZE,
    SWP_EXCLUSIVE,
    SWP_SHIFT,
    pte_alloc,
    pte_offset,
    vm_page_prot,
)

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

Indices = NDArray[np.int64]


def populate(mm: Mm, start: int, end: int, write: bool) -> int:
    """Map the pages from `start` on as far as nothing is mapped, up to `end`.

    Anonymous memory that is written; pages of a file that are shared, or only read.

    Returns:
        How many pages; 0 if it must be done one by one.
    """
    vma = mm.vmas.at(start)
    if vma is None or not vma.vm_flags & (VM_WRITE if write else VM_ACCESS):
        return 0
    end = min(end, vma.vm_end)
    if vma.vm_file is None:
        return populate_anon(vma, start, end) if write else 0
    around = vma.machine.kernel.fault_around > 1
    if (vma.vm_flags & VM_SHARED or not write) and (write or not around):
        return populate_file(vma, vma.vm_file, start, end, write)
    return 0


def populate_anon(vma: Vma, start: int, end: int) -> int:
    """`populate` of anonymous memory: a frame for each page."""
    machine = vma.machine
    chunks = _empty_chunks(vma, start, end, None)
    if not chunks:
        return 0
    pteps = _pteps(vma.vm_mm, chunks)
    n = len(pteps)
    pfns = _take(machine, n)
    prot = vm_page_prot(vma) | PAGE_RW | PAGE_DIRTY
    machine.memory.put(pteps, pfns << PAGE_SHIFT | prot)
    mem_map = machine.mem_map
    mem_map.count.put(pfns, 1)
    flags = machine.kernel.fresh_flags
    mem_map.flags.put(pfns, flags)
    lru = machine.active_list if flags & PG_active else machine.inactive_list
    ticket = lru.append_bulk(pfns)
    mem_map.lru.put(pfns, np.arange(ticket, ticket + n, dtype=np.int64))
    vma.vm_mm.rss += n
    machine.scheme.add_rmap_bulk(pfns, vma, linear_page_index(vma, start), pteps)
    return n


def populate_file(vma: Vma, mapping: AddressSpace, start: int, end: int, write: bool) -> int:
    """`populate` of a file's pages: those in the page cache are mapped, the others read first."""
    machine = vma.machine
    first = linear_page_index(vma, start)
    end = min(end, start + ((mapping.end - first) << PAGE_SHIFT))
    if end <= start or mapping.slots.all[first : first + ((end - start) >> PAGE_SHIFT)].any():
        return 0
    chunks = _empty_chunks(vma, start, end, mapping)
    # Where not all fits in low memory, half as much is tried, and the rest by the next call.
    while chunks and not machine.ledger.fits(_file_bytes(vma, mapping, start, chunks)):
        chunks = chunks[: len(chunks) // 2]
    if not chunks:
        return 0
    n = (chunks[-1][1] - start) >> PAGE_SHIFT
    pfns = mapping.pages.all[first : first + n].astype(np.int64)
    missing = first + np.flatnonzero(pfns == 0)
    if len(missing):
        page_cache_read_bulk(mapping, missing)
        pfns = mapping.pages.all[first : first + n].astype(np.int64)
    pteps = _pteps(vma.vm_mm, chunks)
    prot = vm_page_prot(vma) | (PAGE_DIRTY if write else 0)
    machine.memory.put(pteps, pfns << PAGE_SHIFT | prot)
    machine.mem_map.count.add(pfns, 1)
    vma.vm_mm.rss += n
    machine.scheme.add_file_rmap_bulk(pfns, vma, pteps)
    return n


def _file_bytes(vma: Vma, mapping: AddressSpace, start: int, chunks: list[tuple[int, int]]) -> int:
    """Low memory that mapping these chunks of a file takes, at most."""
    machine = vma.machine
    first = linear_page_index(vma, start)
    pfns = mapping.pages.all[first : first + ((chunks[-1][1] - start) >> PAGE_SHIFT)].astype(np.int64)
    missing = first + np.flatnonzero(pfns == 0)
    low = machine.zones[0]
    frames = 0
    if zone_with_room(machine, highmem=True) is low:
        frames += len(missing)
    if zone_with_room(machine, highmem=machine.options.highpte) is low:
        frames += sum(machine.arch.tables_missing(vma.vm_mm, base) for base, _ in chunks)
    objects = machine.ledger.cost("radix_tree_node", nodes_for(mapping, missing))
    return frames * PAGE_SIZE + objects + machine.scheme.bulk_bytes(pfns)


def page_cache_read_bulk(mapping: AddressSpace, indices: Indices) -> None:
    """`page_cache_read` of many pages, without the caller's reference."""
    machine = mapping.machine
    n = len(indices)
    pfns = _take(machine, n)
    radix_tree_add_bulk(mapping, indices)
    mapping.pages.put(indices, pfns)
    mapping.nrpages += n
    mem_map = machine.mem_map
    mem_map.mapping.put(pfns, mapping.id)
    mem_map.index.put(pfns, indices)
    mem_map.count.put(pfns, 1)
    mem_map.flags.put(pfns, PG_lru | PG_uptodate | (machine.kernel.shmem_flags if mapping.shmem else 0))
    ticket = machine.inactive_list.append_bulk(pfns)
    mem_map.lru.put(pfns, np.arange(ticket, ticket + n, dtype=np.int64))


def _take(machine: Machine, n: int) -> Indices:
    """Frames for `n` user pages, from the zone that single calls would take them from."""
    zone = zone_with_room(machine, highmem=True)
    assert zone is not None
    return zone.take_user_bulk(n)


def _pteps(mm: Mm, chunks: list[tuple[int, int]]) -> Indices:
    """The PTE addresses of chunks, page tables made where there are none."""
    return _indices([(pte_alloc(mm, low), (high - low) >> PAGE_SHIFT) for low, high in chunks])


def _empty_chunks(vma: Vma, start: int, end: int, mapping: AddressSpace | None) -> list[tuple[int, int]]:
    """[start, end) cut at page tables, as far as all is empty and the frames for it are there.

    Pages of `mapping` that are cached need no frame.
    """
    mm, machine = vma.vm_mm, vma.machine
    memory = machine.memory.all
    zone = zone_with_room(machine, highmem=True)
    table_zone = zone_with_room(machine, highmem=machine.options.highpte)
    if table_zone is None or zone is None:
        return []
    low_zone = machine.zones[0]
    objects = machine.scheme.bulk_bytes(np.empty(0, np.int64))
    users = tables = 0
    chunks = []
    for base in range(start & ~(PMD_SIZE - 1), end, PMD_SIZE):
        low, high = max(base, start), min(base + PMD_SIZE, end)
        n = (high - low) >> PAGE_SHIFT
        ptep = pte_offset(mm, low)
        if ptep and memory[ptep : ptep + n].any():
            break
        if mapping is not None:
            first = linear_page_index(vma, low)
            users += n - int(np.count_nonzero(mapping.pages.all[first : first + n]))
        else:
            users += n
        tables += machine.arch.tables_missing(mm, low)
        in_low = (users if zone is low_zone else 0) + (tables if table_zone is low_zone else 0)
        if not zone.room(users, tables if table_zone is zone else 0) or not table_zone.room(0, tables):
            break
        if not machine.ledger.fits(in_low * PAGE_SIZE + objects):
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
    missing = sum(machine.arch.tables_missing(child.vm_mm, low) for low, _ in chunks)
    zone = zone_with_room(machine, highmem=machine.options.highpte)
    if zone is None or not zone.room(0, missing):
        return None
    src = _indices([(pte_offset(vma.vm_mm, low), (high - low) >> PAGE_SHIFT) for low, high in chunks])
    entries = machine.memory.all[src].astype(np.int64)
    taken = entries != 0
    present = entries & (PAGE_PRESENT | PAGE_PROTNONE) != 0
    pfns = entries[present] >> PAGE_SHIFT
    pfns = pfns[pfns != ZERO_PFN]
    in_low = (missing if zone is machine.zones[0] else 0) * PAGE_SIZE
    if not machine.ledger.fits(in_low + machine.scheme.bulk_bytes(pfns)):
        return None

    dst = _pteps(child.vm_mm, chunks)
    src, dst, entries, present = src[taken], dst[taken], entries[taken], present[taken]
    slots = entries[~present] >> SWP_SHIFT
    if len(slots):
        machine.swap.map.add(slots, 1)
    exclusive = ~present & (entries & SWP_EXCLUSIVE != 0)
    if exclusive.any():
        entries[exclusive] &= ~SWP_EXCLUSIVE
        machine.memory.put(src[exclusive], entries[exclusive])
    if not vma.vm_flags & VM_SHARED:
        writable = present & (entries & PAGE_RW != 0)
        entries[present] &= ~PAGE_RW
        if writable.any():
            machine.memory.put(src[writable], entries[writable])
    if len(dst):
        dropped = PAGE_ACCESSED | (PAGE_DIRTY if vma.vm_flags & VM_SHARED else 0)
        machine.memory.put(dst, np.where(present, entries & ~dropped, entries))

    if len(pfns):
        machine.mem_map.count.add(pfns, 1)
        child.vm_mm.rss += len(pfns)
    mapped = dst[present & (entries >> PAGE_SHIFT != ZERO_PFN)]
    if len(pfns) or len(slots):
        machine.scheme.dup_rmap_bulk(pfns, vma, child, mapped, swapped=len(slots) > 0)
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
