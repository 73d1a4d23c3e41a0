"""The upper levels of the page tables on x86-64 (arch/x86/include/asm/pgtable_64.h of 6.18, four levels).

A pgd page, pud pages (512 entries of 1 GB), pmd pages (512 entries of 2 MB): each a frame, 512 entries of 8
bytes, made when the first address below it is mapped.  All memory is low memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vmtui.errors import KernelError
from vmtui.mm.kernel import Options
from vmtui.mm.mm_types import Mm
from vmtui.mm.page import PAGE_SHIFT, PAGE_SIZE, Page
from vmtui.mm.page_alloc import alloc_table, free_table
from vmtui.mm.pgtable import PAGE_PRESENT, PMD_SHIFT, PMD_SIZE, PTRS_PER_TABLE, TABLE, mk_pte, pte_alloc
from vmtui.mm.pgtable_pae import PTRS_PER_PGD, free_entry, used_entries

PUD_SHIFT: Final = 30
PGDIR_SHIFT: Final = 39

#: Levels from the pgd down, above the PTE page: the shift of one of their entries.
_LEVELS: Final = (PGDIR_SHIFT, PUD_SHIFT, PMD_SHIFT)


class X86_64:
    """x86-64 with four levels.

    Attributes:
        task_size: Where user addresses end (TASK_SIZE_MAX).
        unmapped_base: Where mmap starts to look for room; *ours*: the kernel goes top-down from the stack.
    """

    unmapped_base: Final = 0x200000000000
    task_size: Final = (1 << 47) - PAGE_SIZE

    def __init__(self, options: Options) -> None:
        """Nothing of it depends on the options."""

    def pgd_page(self, mm: Mm) -> int:
        """The frame of its pgd (CR3); 0 if it has none."""
        return mm.machine.pgd.cell[mm.id * PTRS_PER_PGD] >> PAGE_SHIFT

    def pmd_offset(self, mm: Mm, address: int) -> int:
        """Where the pmd entry for an address lies in memory: pgd, pud, pmd; 0 where a table is missing."""
        memory = mm.machine.memory.cell
        table = self.pgd_page(mm)
        for shift in (PGDIR_SHIFT, PUD_SHIFT):
            if not table:
                return 0
            table = memory[table * PTRS_PER_TABLE + ((address >> shift) & 511)] >> PAGE_SHIFT
        return table * PTRS_PER_TABLE + ((address >> PMD_SHIFT) & 511) if table else 0

    def pmd_alloc(self, mm: Mm, address: int) -> int:
        """`pmd_offset`, with the pud page and the pmd page made where they are missing (__pud_alloc).

        Raises:
            KernelError: ENOMEM.
        """
        machine = mm.machine
        table = self.pgd_page(mm)
        for shift in (PGDIR_SHIFT, PUD_SHIFT):
            entryp = table * PTRS_PER_TABLE + ((address >> shift) & 511)
            if not machine.memory.cell[entryp]:
                page = alloc_table(machine, highmem=False)
                page.mapping = mm.id
                page.index = address >> shift << shift
                machine.memory[entryp] = mk_pte(page.pfn, TABLE)
                machine.work["page_tables_made"] += 1
            table = machine.memory.cell[entryp] >> PAGE_SHIFT
        return table * PTRS_PER_TABLE + ((address >> PMD_SHIFT) & 511)

    def tables_missing(self, mm: Mm, address: int) -> int:
        """How many tables `pte_alloc` would make for an address, at most: PTE page, pmd page, pud page."""
        pmdp = self.pmd_offset(mm, address)
        if not pmdp:
            return 3
        return int(not mm.machine.memory.cell[pmdp])

    def pte_tables_bulk(self, mm: Mm, addresses: NDArray[np.int64]) -> NDArray[np.int64]:
        """The pmd entries of ascending addresses, one a page table, which are made where there are none."""
        for address in addresses.tolist():
            pte_alloc(mm, address)
        memory = mm.machine.memory.cell
        return np.array([memory[self.pmd_offset(mm, at)] for at in addresses.tolist()], np.int64)

    def pgd_alloc(self, mm: Mm) -> None:
        """The pgd, a page (pgd_alloc, arch/x86/mm/pgtable.c).

        Raises:
            KernelError: ENOMEM.
        """
        machine = mm.machine
        if mm.id >= machine.max_mms:
            raise KernelError("EAGAIN", f"no more than {machine.max_mms:,} address spaces in one session")
        pgd = alloc_table(machine, highmem=False)
        pgd.mapping = mm.id
        machine.pgd[mm.id * PTRS_PER_PGD] = mk_pte(pgd.pfn, PAGE_PRESENT)

    def pgd_free(self, mm: Mm) -> None:
        """Give the pgd's page back; its entries are zero by now (pgd_free)."""
        pgd = Page(mm.machine, self.pgd_page(mm))
        mm.machine.pgd[mm.id * PTRS_PER_PGD] = 0
        free_table(pgd)

    def free_pgtables(self, mm: Mm, start: int, end: int) -> int:
        """Free each table that lies in the way of [start, end) and has no VMA left (free_pgtables).

        Zap, swap-out and MADV_DONTNEED free none (*ours*: 6.18 may take a PTE page that MADV_DONTNEED
        emptied).  How many went.
        """
        return self._free_below(mm, self.pgd_page(mm), 0, 0, start, end)

    def _free_below(self, mm: Mm, table: int, level: int, base: int, start: int, end: int) -> int:
        shift = _LEVELS[level]
        freed = 0
        for entryp in used_entries(mm.machine, table):
            low = base + ((entryp % PTRS_PER_TABLE) << shift)
            high = low + (1 << shift)
            if high <= start or end <= low:
                continue
            if shift != PMD_SHIFT:
                below = mm.machine.memory.cell[entryp] >> PAGE_SHIFT
                freed += self._free_below(mm, below, level + 1, low, start, end)
            if not mm.vmas.overlapping(low, high):
                free_entry(mm.machine, entryp)
                freed += 1
        return freed

    def pmd_entries(self, mm: Mm) -> Iterator[tuple[int, int]]:
        """(base address, pmdp) of each pmd entry that is not empty, in address order."""
        table = self.pgd_page(mm)
        if table:
            yield from self._below(mm, table, 0, 0)

    def _below(self, mm: Mm, table: int, level: int, base: int) -> Iterator[tuple[int, int]]:
        shift = _LEVELS[level]
        for entryp in used_entries(mm.machine, table):
            low = base + ((entryp % PTRS_PER_TABLE) << shift)
            if shift == PMD_SHIFT:
                yield low, entryp
            else:
                yield from self._below(mm, mm.machine.memory.cell[entryp] >> PAGE_SHIFT, level + 1, low)

    def bases(self, mm: Mm, start: int, end: int) -> Iterator[int]:
        """The base addresses of the PTE pages that [start, end) has, ascending."""
        if end - start <= 1 << PUD_SHIFT:
            yield from range(start & ~(PMD_SIZE - 1), end, PMD_SIZE)
        else:
            yield from (base for base, _ in self.pmd_entries(mm) if start < base + PMD_SIZE and base < end)

    def upper_tables(self, mm: Mm) -> int:
        """Frames that hold its tables above the PTE pages."""
        pgd = self.pgd_page(mm)
        if not pgd:
            return 0
        puds = [mm.machine.memory.cell[at] >> PAGE_SHIFT for at in used_entries(mm.machine, pgd)]
        return 1 + len(puds) + sum(len(used_entries(mm.machine, pud)) for pud in puds)
