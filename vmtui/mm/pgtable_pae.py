"""The upper levels of the page tables under PAE (include/asm-i386/pgtable-3level.h of 2.6.0).

A pgd of four entries a process, which is 32 bytes of slab and no frame; pmd pages, 512 entries of 2 MB,
one for each GB and all of them made at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from vmtui.errors import KernelError
from vmtui.mm.kernel import TASK_SIZE, Options
from vmtui.mm.mm_types import Mm
from vmtui.mm.page import PAGE_SHIFT, Page
from vmtui.mm.page_alloc import alloc_table, alloc_tables_bulk, free_table
from vmtui.mm.pgtable import PAGE_PRESENT, PMD_SHIFT, PMD_SIZE, PTRS_PER_TABLE, TABLE, mk_pte

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

PTRS_PER_PGD: Final = 4
PGDIR_SHIFT: Final = 30
PGDIR_SIZE: Final = 1 << PGDIR_SHIFT


class Pae:
    """i386 with PAE: three levels.

    Attributes:
        task_size: Where user addresses end.
        unmapped_base: Where mmap starts to look for room (TASK_UNMAPPED_BASE at 3:1).
    """

    unmapped_base: Final = 0x40000000

    def __init__(self, options: Options) -> None:
        self.task_size = TASK_SIZE[options.split]

    def pmd_offset(self, mm: Mm, address: int) -> int:
        """Where the pmd entry for an address lies in memory; 0 if the mm has no page tables (it is gone)."""
        pgd = mm.machine.pgd.cell[mm.id * PTRS_PER_PGD + (address >> PGDIR_SHIFT)]
        if not pgd:
            return 0
        return (pgd >> PAGE_SHIFT) * PTRS_PER_TABLE + ((address >> PMD_SHIFT) & 511)

    def pmd_alloc(self, mm: Mm, address: int) -> int:
        """`pmd_offset`: the pmd pages are there as long as the mm is."""
        return self.pmd_offset(mm, address)

    def tables_missing(self, mm: Mm, address: int) -> int:
        """How many tables `pte_alloc` would make for an address: at most the PTE page."""
        pmdp = self.pmd_offset(mm, address)
        return int(not mm.machine.memory.cell[pmdp])

    def pte_tables_bulk(self, mm: Mm, addresses: NDArray[np.int64]) -> NDArray[np.int64]:
        """The pmd entries of ascending addresses, one a page table, which are made where there are none."""
        machine = mm.machine
        memory, cell = machine.memory, machine.pgd.cell
        slots, inverse = np.unique(addresses >> PGDIR_SHIFT, return_inverse=True)
        pgds = np.array([cell[mm.id * PTRS_PER_PGD + slot] for slot in slots.tolist()], dtype=np.int64)
        pmdps = (pgds[inverse] >> PAGE_SHIFT) * PTRS_PER_TABLE + ((addresses >> PMD_SHIFT) & 511)
        missing = memory.all[pmdps] == 0
        if missing.any():
            n = int(np.count_nonzero(missing))
            tables = alloc_tables_bulk(machine, n, highmem=machine.options.highpte)
            machine.mem_map.mapping.put(tables, mm.id)
            machine.mem_map.index.put(tables, addresses[missing] & ~(PMD_SIZE - 1))
            memory.put(pmdps[missing], tables << PAGE_SHIFT | TABLE)
            machine.work["page_tables_made"] += n
        return memory.all[pmdps].astype(np.int64)

    def pgd_alloc(self, mm: Mm) -> None:
        """The pgd and its pmd pages: three of the user's, a fourth under 4:4 (pgd_alloc, arch/i386).

        Raises:
            KernelError: ENOMEM.
        """
        machine = mm.machine
        if mm.id >= machine.max_mms:
            raise KernelError("EAGAIN", f"no more than {machine.max_mms:,} address spaces in one session")
        machine.ledger.charge("pgd")
        for slot in range(-(-self.task_size // PGDIR_SIZE)):
            pmd = alloc_table(machine, highmem=False)
            pmd.mapping = mm.id
            pmd.index = slot << PGDIR_SHIFT
            machine.pgd[mm.id * PTRS_PER_PGD + slot] = mk_pte(pmd.pfn, PAGE_PRESENT)

    def pgd_free(self, mm: Mm) -> None:
        """Give the pgd and the pmd pages back; their entries are zero by now (pgd_free)."""
        machine = mm.machine
        for slot in range(PTRS_PER_PGD):
            at = mm.id * PTRS_PER_PGD + slot
            pgd = machine.pgd.cell[at]
            if pgd:
                machine.pgd[at] = 0
                free_table(Page(machine, pgd >> PAGE_SHIFT))
        machine.ledger.uncharge("pgd")

    def free_pgtables(self, mm: Mm, start: int, end: int) -> int:
        """Free the PTE pages of each 1 GB slot of [start, end) that has no VMA left (free_pgtables, 2.6.0).

        Page tables go only then, and at exit: never at zap, swap-out or MADV_DONTNEED.  How many went.
        """
        freed = 0
        for slot in range(start >> PGDIR_SHIFT, ((end - 1) >> PGDIR_SHIFT) + 1):
            if mm.vmas.overlapping(slot << PGDIR_SHIFT, (slot + 1) << PGDIR_SHIFT):
                continue
            for pmdp in pmd_entries(mm, slot):
                free_entry(mm.machine, pmdp)
                freed += 1
        return freed

    def pmd_entries(self, mm: Mm) -> Iterator[tuple[int, int]]:
        """(base address, pmdp) of each pmd entry that is not empty, in address order."""
        for slot in range(PTRS_PER_PGD):
            for pmdp in pmd_entries(mm, slot):
                yield (slot << PGDIR_SHIFT) + ((pmdp % PTRS_PER_TABLE) << PMD_SHIFT), pmdp

    def bases(self, mm: Mm, start: int, end: int) -> Iterator[int]:
        """The base addresses of the PTE pages that [start, end) may have, ascending."""
        yield from range(start & ~(PMD_SIZE - 1), end, PMD_SIZE)

    def upper_tables(self, mm: Mm) -> int:
        """Frames that hold its tables above the PTE pages."""
        cell = mm.machine.pgd.cell
        return sum(cell[mm.id * PTRS_PER_PGD + slot] != 0 for slot in range(PTRS_PER_PGD))


def pmd_entries(mm: Mm, slot: int) -> list[int]:
    """Where the non-empty pmd entries of one 1 GB slot lie, in address order."""
    pgd = mm.machine.pgd.cell[mm.id * PTRS_PER_PGD + slot]
    return used_entries(mm.machine, pgd >> PAGE_SHIFT) if pgd else []


def used_entries(machine: Machine, table: int) -> list[int]:
    """Where the entries of a table that are not empty lie, in order."""
    base = table * PTRS_PER_TABLE
    entries = machine.memory.all[base : base + PTRS_PER_TABLE]
    return [base + int(offset) for offset in np.flatnonzero(entries)]


def free_entry(machine: Machine, entryp: int) -> None:
    """Free the table that an entry points at, whose entries are zero by now, and clear the entry."""
    table = Page(machine, machine.memory.cell[entryp] >> PAGE_SHIFT)
    machine.memory[entryp] = 0
    free_table(table)
