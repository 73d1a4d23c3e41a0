"""Page clustering: one struct page for a cluster of hardware pages (pgcl, never merged).

Hugh Dickins' patch for 2.4.7 (2001), which William Irwin carried through 2.5 to 2.6.0-test.  mem_map shrinks
by the size of a cluster, and with it the page cache's trees, the LRU and the swap map; page tables do not:
the hardware still wants an entry for each 4096 bytes, and user space still maps and unmaps single pages.

So a *page* is a cluster of frames from here on.  Its number is that of its first frame, its index that of its
first page; both are multiples of the cluster.  A PTE holds a frame: which one of the cluster follows from
the page's place in its object, ``index % cluster`` (*ours*: also of anonymous memory, whose index is the page
number of its address).  With a cluster of one page, number, index and frame are what they always were.

Where the patches differ, or are silent, it is decided so (*ours*):

- A fault fills what is empty of its cluster, within the VMA and the page table, and not behind the end of a
  file; what it maps beside the page that faulted is not accessed and not dirty.
- A write copies the whole cluster; the process's other PTEs of it in that VMA and page table come along.  It
  is reused without a copy if nobody else, and no other VMA of the process, has it or its slot.
- A slot of swap holds a cluster.  Each PTE that leaves for it is one of its holders; a fault brings back all
  that the VMA and the page table had there.
- The zero page is one frame, and serves every place.  Page tables, a frame each, have a struct page of their
  own, to say whose they are, that nobody is charged for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.mm_types import Vma, linear_page_index, vma_address
from vmtui.mm.page import PAGE_SHIFT, PAGE_SIZE, ZERO_PFN, Page, PG_anon, PG_table
from vmtui.mm.pgtable import (
    PAGE_PRESENT,
    PAGE_PROTNONE,
    PMD_SIZE,
    PTRS_PER_TABLE,
    pte_offset,
    pte_pfn,
    pte_present,
    tables_of,
)

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine


def page_number(machine: Machine, pfn: int) -> int:
    """The page that a frame is part of; the zero page and page tables are pages by themselves."""
    first = pfn & -machine.cluster
    if first == pfn or not first:
        return pfn
    flags = machine.mem_map.flags.cell
    return pfn if (flags[pfn] | flags[first]) & PG_table else first


def page_numbers(machine: Machine, first: int, end: int) -> NDArray[np.int64]:
    """`page_number` of each frame of a range."""
    pfns = np.arange(first, end, dtype=np.int64)
    heads = pfns & -machine.cluster
    flags = machine.mem_map.flags.all
    alone = (heads == 0) | ((flags[pfns] | flags[heads]) & PG_table != 0)
    return np.where(alone, pfns, heads)


def page_index(vma: Vma, address: int) -> int:
    """What page->index is for the page that an address of `vma` lies in: that of its first page."""
    return linear_page_index(vma, address) & -vma.machine.cluster


def subpage_pfn(page: Page, vma: Vma, address: int) -> int:
    """The frame of a page that belongs at an address of `vma`."""
    return page.pfn + linear_page_index(vma, address) % page.machine.cluster


def cluster_addresses(index: int, vma: Vma) -> range:
    """The addresses in `vma` of the page of this index; none if it lies outside."""
    first = vma_address(index, vma)
    end = first + vma.machine.cluster * PAGE_SIZE
    return range(max(first, vma.vm_start), min(end, vma.vm_end), PAGE_SIZE)


def cluster_around(vma: Vma, address: int) -> Iterator[tuple[int, int]]:
    """(address, ptep) of what a fault at `address` may map beside it: the rest of the cluster, as far as
    it lies in the VMA and in the same page table, and not behind the end of a file."""
    machine = vma.machine
    if machine.cluster == 1:
        return
    ptep = pte_offset(vma.vm_mm, address)
    table = address & ~(PMD_SIZE - 1)
    for other in cluster_addresses(page_index(vma, address), vma):
        if other == address or not table <= other < table + PMD_SIZE:
            continue
        if vma.vm_file is None or linear_page_index(vma, other) < vma.vm_file.end:
            yield other, ptep + ((other - address) >> PAGE_SHIFT)


def maps_page(page: Page, pte: int) -> bool:
    """Whether an entry maps a frame of the page."""
    return pte_present(pte) and page_number(page.machine, pte_pfn(pte)) == page.pfn


def mapped_pteps(page: Page, vma: Vma) -> list[int]:
    """The PTEs through which `vma` maps `page`, by address."""
    memory = page.machine.memory
    pteps = [pte_offset(vma.vm_mm, address) for address in cluster_addresses(page.index, vma)]
    return [ptep for ptep in pteps if ptep and maps_page(page, memory[ptep])]


def waste(machine: Machine) -> int:
    """Frames that clusters hold for nothing: of anonymous pages in use those that no PTE maps, of a file's
    last page those behind its end."""
    cluster = machine.cluster
    if cluster == 1:
        return 0
    flags, mapcount = machine.mem_map.flags.all, machine.mem_map.mapcount.all
    held = 0
    for where in machine.frames_used():
        held += cluster * int(np.count_nonzero((flags[where] & PG_anon != 0) & (mapcount[where] > 0)))
    frames = mapped_frames(machine)
    used = int(np.count_nonzero(flags[frames & -cluster] & PG_anon))
    cut = (mapping for mapping in machine.files if mapping.end % cluster)
    behind = sum(-file.end % cluster for file in cut if file.pages.cell[file.end & -cluster])
    return held - used + behind


def mapped_frames(machine: Machine) -> NDArray[np.int64]:
    """The frames that any PTE maps, ascending; not the zero page."""
    memory = machine.memory.all.reshape(-1, PTRS_PER_TABLE)
    mapped = np.zeros(machine.frames_total, np.bool_)
    for mm in machine.mms:
        entries = memory[[table for _, table in tables_of(mm)]]
        present = entries[entries & np.uint64(PAGE_PRESENT | PAGE_PROTNONE) != 0]
        mapped[(present >> np.uint64(PAGE_SHIFT)).astype(np.int64)] = True
    mapped[ZERO_PFN] = False
    return np.flatnonzero(mapped)


class Mappings:
    """Many PTEs, each with the page it maps: what a bulk hook is told.

    Attributes:
        pteps: The entries, in the order in which single calls would make them.
        page: The page of each; several entries may map the same.
        pages: The pages, each once.
        counts: How many of the entries map each of them; 1 where that goes for all.
        first: Of each page, which entry is the first that maps it.
    """

    __slots__ = ("counts", "first", "page", "pages", "pteps")

    def __init__(self, machine: Machine, pfns: NDArray[np.int64], pteps: NDArray[np.int64]) -> None:
        self.pteps = pteps
        self.page = self.pages = pfns
        self.counts: NDArray[np.int64] | int = 1
        self.first: NDArray[np.int64] | slice = slice(None)
        if machine.cluster > 1:
            self.page = pfns & -machine.cluster
            self.pages, self.first, self.counts = distinct(self.page)

    def __len__(self) -> int:
        return len(self.pteps)


def distinct(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The values, each once and ascending; where each stands first, and how often it is there."""
    first = np.flatnonzero(np.diff(values, prepend=-1))
    runs = values[first]
    if len(runs) > 1 and not (np.diff(runs) > 0).all():
        return np.unique(values, return_index=True, return_counts=True)
    return runs, first, np.diff(np.append(first, len(values)))
