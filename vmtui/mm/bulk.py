"""The bulk twins of faults and of fork's copy of a VMA.

Each is a fast path with a precondition, and leaves the machine bit for bit as single calls would.
Where the precondition does not hold it does nothing and says so; the caller goes on page by page.
No failure is handled here: whatever might not fit is left to the scalar path.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.cluster import Mappings, distinct
from vmtui.mm.filemap import nodes_for, radix_tree_add_bulk
from vmtui.mm.mm_types import (
    VM_ACCESS,
    VM_NONLINEAR,
    VM_SHARED,
    VM_WRITE,
    AddressSpace,
    Mm,
    Vma,
    linear_page_index,
)
from vmtui.mm.page import PAGE_SHIFT, PAGE_SIZE, ZERO_PFN, PG_active, PG_lru, PG_uptodate
from vmtui.mm.page_alloc import zone_for_user, zone_with_room
from vmtui.mm.pgtable import (
    PAGE_ACCESSED,
    PAGE_DIRTY,
    PAGE_PRESENT,
    PAGE_PROTNONE,
    PAGE_RW,
    PMD_SIZE,
    PTRS_PER_TABLE,
    SWP_EXCLUSIVE,
    SWP_SHIFT,
    pte_alloc_bulk,
    pte_offset,
    vm_page_prot,
)
from vmtui.mm.pte_runs import PteRuns

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

Indices = NDArray[np.int64]

#: What is worked on at once, in bytes of addresses: the arrays of 64 page tables stay in the host's cache.
BLOCK: Final = 64 * PMD_SIZE


def blocks(start: int, end: int) -> Iterator[tuple[int, int]]:
    """[start, end) cut into what is worked on at once."""
    while start < end:
        stop = min((start & ~(PMD_SIZE - 1)) + BLOCK, end)
        yield start, stop
        start = stop


def populate(mm: Mm, start: int, end: int, write: bool) -> int:
    """Map the pages from `start` on as far as nothing is mapped, up to `end`.

    Anonymous memory that is written; pages of a file that are shared, or only read.

    Returns:
        How many pages; 0 if it must be done one by one.
    """
    vma = mm.vmas.at(start)
    if vma is None or not vma.vm_flags & (VM_WRITE if write else VM_ACCESS) or vma.vm_flags & VM_NONLINEAR:
        return 0
    if write and not (vma.vm_file is None or vma.vm_flags & VM_SHARED):
        return 0
    if not write and (vma.vm_file is None or vma.machine.kernel.fault_around > 1):
        return 0
    pages = 0
    for low, high in blocks(start, whole_clusters(vma, start, min(end, vma.vm_end))):
        done = populate_anon(vma, low, high) if vma.vm_file is None else populate_file(vma, low, high, write)
        pages += done
        if done < (high - low) >> PAGE_SHIFT:
            break
    return pages


def whole_clusters(vma: Vma, start: int, end: int) -> int:
    """Where of [start, end) the last cluster ends that lies in it, as far as it lies in the VMA.

    `start` itself if it is not the first page of a cluster there, or if clusters lie across page tables.
    """
    cluster, index = vma.machine.cluster, linear_page_index(vma, start)
    if (index - (start >> PAGE_SHIFT)) % cluster or (index % cluster and start != vma.vm_start):
        return start
    if end != vma.vm_end:
        end -= linear_page_index(vma, end) % cluster << PAGE_SHIFT
    return end


def populate_anon(vma: Vma, start: int, end: int) -> int:
    """`populate` of anonymous memory: a page for each, or for a cluster of them."""
    machine = vma.machine
    chunks = _empty_chunks(vma, start, end, None)
    if not chunks:
        return 0
    ptes = _ptes(vma.vm_mm, chunks)
    n = ptes.total
    first = linear_page_index(vma, start)
    pages = take_users(machine, _clusters(machine, first, n))
    pfns = frames_of_clusters(machine, pages, first, n)
    mapped = Mappings(machine, pfns, ptes.pteps())
    prot = vm_page_prot(vma) | PAGE_RW | PAGE_DIRTY
    ptes.write(machine.memory, pfns << PAGE_SHIFT | prot)
    mem_map = machine.mem_map
    mem_map.count.put(mapped.pages, mapped.counts)
    flags = machine.kernel.fresh_flags
    mem_map.flags.put(pages, flags)
    lru = machine.active_list if flags & PG_active else machine.inactive_list
    ticket = lru.append_bulk(pages)
    mem_map.lru.put(pages, np.arange(ticket, ticket + len(pages), dtype=np.int64))
    vma.vm_mm.rss += n
    indices = np.arange(first, first + n, dtype=np.int64)
    if machine.cluster > 1:
        indices = indices[mapped.first] & -machine.cluster
    machine.scheme.add_rmap_bulk(mapped, vma, indices)
    return n


def _clusters(machine: Machine, first: int, n: int) -> int:
    """How many pages the `n` hardware pages from an index on lie in."""
    return (first + n - 1) // machine.cluster - first // machine.cluster + 1


def frames_of_clusters(machine: Machine, pages: Indices, first: int, n: int) -> Indices:
    """The frames of the `n` hardware pages from an index on, which lie in these pages."""
    cluster = machine.cluster
    if cluster == 1:
        return pages
    indices = np.arange(first, first + n, dtype=np.int64)
    return pages[indices // cluster - first // cluster] + indices % cluster


def cached_pfns(mapping: AddressSpace, first: int, n: int) -> Indices:
    """The frames of `n` hardware pages of a file, 0 for what is not cached."""
    machine = mapping.machine
    pfns = frames_of_clusters(machine, page_cells(mapping, first, n).astype(np.int64), first, n)
    return pfns if machine.cluster == 1 else np.where(pfns < machine.cluster, 0, pfns)


def page_cells(mapping: AddressSpace, first: int, n: int) -> NDArray[np.uint32]:
    """Of a file's cache, the cell of each page that `n` hardware pages from an index on lie in."""
    cluster = mapping.machine.cluster
    return mapping.pages.all[first & -cluster : first + n : cluster]


def missing_pages(mapping: AddressSpace, first: int, n: int) -> Indices:
    """The index of each page that is not cached, of those that `n` hardware pages lie in."""
    cluster = mapping.machine.cluster
    return (first & -cluster) + cluster * np.flatnonzero(page_cells(mapping, first, n) == 0)


def populate_file(vma: Vma, start: int, end: int, write: bool) -> int:
    """`populate` of a file's pages: those in the page cache are mapped, the others read first."""
    machine, mapping = vma.machine, vma.vm_file
    assert mapping is not None
    first = linear_page_index(vma, start)
    end = min(end, start + ((mapping.end - first) << PAGE_SHIFT))
    if end <= start or mapping.slots.all[first : first + ((end - start) >> PAGE_SHIFT)].any():
        return 0
    if first % machine.cluster and mapping.slots.cell[first & -machine.cluster]:
        return 0
    chunks = _empty_chunks(vma, start, end, mapping)
    # Where not all fits in low memory, half as much is tried, and the rest by the next call.
    while chunks and not machine.ledger.fits(_file_bytes(vma, mapping, start, chunks)):
        chunks = chunks[: len(chunks) // 2]
    if not chunks:
        return 0
    n = (chunks[-1][1] - start) >> PAGE_SHIFT
    missing = missing_pages(mapping, first, n)
    if len(missing):
        page_cache_read_bulk(mapping, missing)
    pfns = cached_pfns(mapping, first, n)
    ptes = _ptes(vma.vm_mm, chunks)
    mapped = Mappings(machine, pfns, ptes.pteps())
    prot = vm_page_prot(vma) | (PAGE_DIRTY if write else 0)
    ptes.write(machine.memory, pfns << PAGE_SHIFT | prot)
    machine.mem_map.count.add(mapped.pages, mapped.counts)
    vma.vm_mm.rss += n
    machine.scheme.add_file_rmap_bulk(mapped, vma)
    return n


def _file_bytes(vma: Vma, mapping: AddressSpace, start: int, chunks: list[tuple[int, int]]) -> int:
    """Low memory that mapping these chunks of a file takes, at most."""
    machine = vma.machine
    first, n = linear_page_index(vma, start), (chunks[-1][1] - start) >> PAGE_SHIFT
    pfns, missing = cached_pfns(mapping, first, n), missing_pages(mapping, first, n)
    low = machine.zones[0]
    frames = 0
    if zone_for_user(machine) is low:
        frames += len(missing) * machine.cluster
    if zone_with_room(machine, highmem=machine.options.highpte) is low:
        frames += sum(machine.arch.tables_missing(vma.vm_mm, base) for base, _ in chunks)
    objects = machine.ledger.cost("radix_tree_node", nodes_for(mapping, missing))
    return frames * PAGE_SIZE + objects + machine.scheme.bulk_bytes(pfns)


def page_cache_read_bulk(mapping: AddressSpace, indices: Indices) -> None:
    """`page_cache_read` of many pages, without the caller's reference."""
    machine = mapping.machine
    n = len(indices)
    pfns = take_users(machine, n)
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


def take_users(machine: Machine, n: int) -> Indices:
    """`n` user pages, from the zone that single calls would take them from."""
    zone = zone_for_user(machine)
    assert zone is not None
    return zone.take_user_bulk(n)


def _ptes(mm: Mm, chunks: list[tuple[int, int]]) -> PteRuns:
    """The entries of chunks, page tables made where there are none."""
    low, high = np.array(chunks, dtype=np.int64).T
    return PteRuns(pte_alloc_bulk(mm, low), (high - low) >> PAGE_SHIFT)


def _empty_chunks(vma: Vma, start: int, end: int, mapping: AddressSpace | None) -> list[tuple[int, int]]:
    """[start, end) cut at page tables, as far as all is empty and the frames for it are there.

    Pages of `mapping` that are cached need no frame.
    """
    mm, machine = vma.vm_mm, vma.machine
    zone = zone_for_user(machine)
    table_zone = zone_with_room(machine, highmem=machine.options.highpte)
    if table_zone is None or zone is None:
        return []
    low_zone = machine.zones[0]
    objects = fresh_bytes(machine, mapping)
    chunks = list(takewhile(lambda chunk: _is_empty(mm, *chunk), chunks_of(start, end)))
    missing = list(accumulate(machine.arch.tables_missing(mm, low) for low, _ in chunks))

    def too_much(count: int) -> bool:
        """Whether the first `count` chunks want more frames, or bytes of low memory, than there are."""
        first, n = linear_page_index(vma, start), (chunks[count - 1][1] - start) >> PAGE_SHIFT
        users = _clusters(machine, first, n) if mapping is None else len(missing_pages(mapping, first, n))
        tables = missing[count - 1]
        in_low = users * machine.cluster if zone is low_zone else 0
        in_low += tables if table_zone is low_zone else 0
        if not zone.room(users, tables if table_zone is zone else 0) or not table_zone.room(0, tables):
            return True
        reverse = objects * (1 if machine.cluster == 1 else count)
        return not machine.ledger.fits(in_low * PAGE_SIZE + reverse)

    return chunks[: bisect_left(range(1, len(chunks) + 1), True, key=too_much)]


def _is_empty(mm: Mm, start: int, end: int) -> bool:
    """Whether no page of [start, end), which lies in one page table, has an entry."""
    ptep = pte_offset(mm, start)
    return not ptep or not mm.machine.memory.all[ptep : ptep + ((end - start) >> PAGE_SHIFT)].any()


def fresh_bytes(machine: Machine, mapping: AddressSpace | None) -> int:
    """Low memory for the reverse map of fresh anonymous pages: of any number; of clusters, a table's."""
    n = 0 if machine.cluster == 1 or mapping is not None else PTRS_PER_TABLE
    return machine.scheme.bulk_bytes(np.zeros(n, np.int64))


def copy_range(vma: Vma, child: Vma) -> tuple[int, int]:
    """fork: copy the PTEs of a VMA, as far as there is room.

    Returns:
        The address it got to, from where on it must be done one by one; and how many entries were copied.
    """
    copied = 0
    for low, high in blocks(vma.vm_start, vma.vm_end):
        n = copy_block(vma, child, low, high)
        if n is None:
            return low, copied
        copied += n
    return vma.vm_end, copied


def copy_block(vma: Vma, child: Vma, start: int, end: int) -> int | None:
    """`copy_range` of a block; None if it must be done one by one."""
    machine = vma.machine
    if vma.vm_flags & VM_NONLINEAR:
        return None
    if (linear_page_index(vma, start) - (start >> PAGE_SHIFT)) % machine.cluster:
        return None
    chunks = [chunk for chunk in chunks_of(start, end) if pte_offset(vma.vm_mm, chunk[0])]
    missing = sum(machine.arch.tables_missing(child.vm_mm, low) for low, _ in chunks)
    zone = zone_with_room(machine, highmem=machine.options.highpte)
    if zone is None or not zone.room(0, missing):
        return None
    runs = [(pte_offset(vma.vm_mm, low), (high - low) >> PAGE_SHIFT) for low, high in chunks]
    if not runs:
        return 0
    src = PteRuns(*np.array(runs, dtype=np.int64).T)
    entries = src.read(machine.memory)
    present = entries & (PAGE_PRESENT | PAGE_PROTNONE) != 0
    mapped = present & (entries >> PAGE_SHIFT != ZERO_PFN)
    pfns = chosen(entries, mapped) >> PAGE_SHIFT
    in_low = (missing if zone is machine.zones[0] else 0) * PAGE_SIZE
    if not machine.ledger.fits(in_low + machine.scheme.bulk_bytes(pfns)):
        return None

    dst = _ptes(child.vm_mm, chunks)
    slots = entries[~present & (entries != 0)] >> SWP_SHIFT
    if len(slots) and machine.cluster == 1:
        machine.swap.map.add(slots, 1)
    elif len(slots):
        held, _, counts = distinct(slots)
        machine.swap.map.add(held, counts)
    # PAGE_RW is no bit of a swap entry, SWP_EXCLUSIVE none of a present one; an empty one has neither.
    own = PAGE_RW | SWP_EXCLUSIVE
    if not vma.vm_flags & VM_SHARED and (entries & own != 0).any():
        entries &= ~own
        src.write(machine.memory, entries)
    dropped = PAGE_ACCESSED | (PAGE_DIRTY if vma.vm_flags & VM_SHARED else 0)
    dst.write(machine.memory, entries & ~dropped)

    copied = Mappings(machine, pfns, chosen(dst.pteps(), mapped))
    if len(pfns):
        machine.mem_map.count.add(copied.pages, copied.counts)
        child.vm_mm.rss += len(pfns)
    if len(pfns) or len(slots):
        machine.scheme.dup_rmap_bulk(copied, vma, child, swapped=len(slots) > 0)
    return int(np.count_nonzero(entries))


def chosen(values: Indices, mask: NDArray[np.bool_]) -> Indices:
    """`values[mask]`, without a copy where that is all of them."""
    return values if mask.all() else values[mask]


def alike(mask: NDArray[np.bool_]) -> int:
    """How many at the beginning are true."""
    return len(mask) if mask.all() else int(np.argmin(mask))


def chunks_of(start: int, end: int) -> list[tuple[int, int]]:
    """[start, end) cut at page tables."""
    bases = range(start & ~(PMD_SIZE - 1), end, PMD_SIZE)
    return [(max(base, start), min(base + PMD_SIZE, end)) for base in bases]
