"""Page tables in physical memory: PTE pages, and what a PTE says (include/asm-i386/pgtable.h of 2.6.0).

Physical memory is one column of 64-bit entries, 512 to a frame, so the address of a PTE is an integer:
``pfn << 9 | slot``, its physical address in 8-byte units (`ptep`).  PTE pages are 512 entries of 4 KB
under every architecture; what stands above them is the architecture's (`machine.arch`).

A swap entry is not present and not zero: ``slot << 5 | type`` in its upper half.  A file entry, which a
nonlinear VMA leaves where a page was, has PAGE_FILE in its lower half and the page's index in its upper.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.mm_types import VM_ACCESS, VM_SHARED, VM_WRITE, Mm, Vma
from vmtui.mm.page import PAGE_SHIFT, PAGE_SIZE, ZERO_PFN, Page
from vmtui.mm.page_alloc import alloc_table

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

PTRS_PER_TABLE: Final = 512
PMD_SHIFT: Final = 21
PMD_SIZE: Final = 1 << PMD_SHIFT

PAGE_PRESENT: Final = 0x001
PAGE_RW: Final = 0x002
PAGE_USER: Final = 0x004
PAGE_ACCESSED: Final = 0x020
PAGE_DIRTY: Final = 0x040
PAGE_PROTNONE: Final = 0x080
#: Of an entry that is not present, where it could not be dirty: which page of its file it had.
PAGE_FILE: Final = 0x040

#: An entry of the upper levels (_KERNPG_TABLE with USER).
TABLE: Final = PAGE_PRESENT | PAGE_RW | PAGE_USER | PAGE_ACCESSED | PAGE_DIRTY
#: A swap entry's slot starts at bit 5 of its upper half.
SWP_SHIFT: Final = 32 + 5
#: Of a swap entry under 6.18 (_PAGE_SWP_EXCLUSIVE).
SWP_EXCLUSIVE: Final = 0x008
#: A file entry's index starts at its upper half.
PGOFF_SHIFT: Final = 32


def mk_pte(pfn: int, prot: int) -> int:
    """An entry for a frame (mk_pte)."""
    return pfn << PAGE_SHIFT | prot


def vm_page_prot(vma: Vma) -> int:
    """The bits a VMA's entries start with (protection_map); a private one is never writable at once."""
    if not vma.vm_flags & VM_ACCESS:
        return PAGE_PROTNONE | PAGE_ACCESSED
    prot = PAGE_PRESENT | PAGE_USER | PAGE_ACCESSED
    if vma.vm_flags & VM_SHARED and vma.vm_flags & VM_WRITE:
        prot |= PAGE_RW
    return prot


def pte_present(pte: int) -> bool:
    """Whether it maps a frame; under PROT_NONE too, though the CPU would fault."""
    return pte & (PAGE_PRESENT | PAGE_PROTNONE) != 0


def pte_user(pte: int) -> bool:
    """Whether the CPU can use it: it maps a frame, and not of PROT_NONE."""
    return pte & PAGE_PRESENT != 0


def pte_none(pte: int) -> bool:
    """Whether it is empty."""
    return pte == 0


def pte_pfn(pte: int) -> int:
    """The frame it maps."""
    return pte >> PAGE_SHIFT


def pte_write(pte: int) -> bool:
    """Whether the CPU may write through it."""
    return pte & PAGE_RW != 0


def pte_young(pte: int) -> bool:
    """Whether the CPU used it since the bit was cleared."""
    return pte & PAGE_ACCESSED != 0


def pte_dirty(pte: int) -> bool:
    """Whether the CPU wrote through it."""
    return pte & PAGE_DIRTY != 0


def pte_mkwrite(pte: int) -> int:
    """The entry, writable."""
    return pte | PAGE_RW


def maybe_mkwrite(pte: int, vma: Vma) -> int:
    """The entry, writable if its VMA may be written."""
    return pte_mkwrite(pte) if vma.vm_flags & VM_WRITE else pte


def pte_wrprotect(pte: int) -> int:
    """The entry, read-only."""
    return pte & ~PAGE_RW


def pte_mkyoung(pte: int) -> int:
    """The entry, accessed."""
    return pte | PAGE_ACCESSED


def pte_mkold(pte: int) -> int:
    """The entry, not accessed."""
    return pte & ~PAGE_ACCESSED


def pte_mkclean(pte: int) -> int:
    """The entry, not dirty."""
    return pte & ~PAGE_DIRTY


def pte_mkdirty(pte: int) -> int:
    """The entry, dirty."""
    return pte | PAGE_DIRTY


def pte_modify(pte: int, prot: int) -> int:
    """The entry with other protection; frame, accessed and dirty bits stay."""
    kept = pte & (~0 << PAGE_SHIFT | PAGE_ACCESSED | PAGE_DIRTY)
    return kept | (prot & ~PAGE_ACCESSED)


def swp_entry_to_pte(slot: int) -> int:
    """The entry that says: swapped out to this slot of the one swap area."""
    return slot << SWP_SHIFT


def is_swap_pte(pte: int) -> bool:
    """Whether it is a swap entry."""
    return pte != 0 and not pte & (PAGE_PRESENT | PAGE_PROTNONE | PAGE_FILE)


def pte_to_slot(pte: int) -> int:
    """The slot of a swap entry."""
    return pte >> SWP_SHIFT


def pte_swp_exclusive(pte: int) -> bool:
    """Whether a swap entry's process had the page for itself (6.18)."""
    return pte & SWP_EXCLUSIVE != 0


def pte_swp_mkexclusive(pte: int) -> int:
    """The swap entry of a page that its process had for itself."""
    return pte | SWP_EXCLUSIVE


def pte_swp_clear_exclusive(pte: int) -> int:
    """The swap entry of a page that others have too."""
    return pte & ~SWP_EXCLUSIVE


def pte_file(pte: int) -> bool:
    """Whether it is not present and says which page of its file it had (pte_file)."""
    return pte & (PAGE_PRESENT | PAGE_PROTNONE | PAGE_FILE) == PAGE_FILE


def pgoff_to_pte(index: int) -> int:
    """The entry that says: not present, and of the file this page (pgoff_to_pte)."""
    return index << PGOFF_SHIFT | PAGE_FILE


def pte_to_pgoff(pte: int) -> int:
    """The page of the file that a file entry stands for (pte_to_pgoff)."""
    return pte >> PGOFF_SHIFT


def is_zero_page(pfn: int) -> bool:
    """Whether a frame is empty_zero_page, which every read of untouched memory maps."""
    return pfn == ZERO_PFN


def pte_offset(mm: Mm, address: int) -> int:
    """The ptep for an address: pgd, pmd, PTE page; 0 where there is no PTE page (pte_offset_map)."""
    machine = mm.machine
    pmdp = machine.arch.pmd_offset(mm, address)
    pmd = machine.memory.cell[pmdp] if pmdp else 0
    if not pmd:
        return 0
    return (pmd >> PAGE_SHIFT) * PTRS_PER_TABLE + ((address >> PAGE_SHIFT) & 511)


def pte_alloc(mm: Mm, address: int) -> int:
    """`pte_offset`, with the PTE page made if there is none (pte_alloc_map, mm/memory.c).

    The page table's own struct page says whose it is: `mapping` is the mm, `index` the base address.

    Raises:
        KernelError: ENOMEM.
    """
    machine = mm.machine
    pmdp = machine.arch.pmd_alloc(mm, address)
    pmd = machine.memory.cell[pmdp]
    if not pmd:
        table = alloc_table(machine, highmem=machine.options.highpte)
        table.mapping = mm.id
        table.index = address & ~(PMD_SIZE - 1)
        pmd = machine.memory[pmdp] = mk_pte(table.pfn, TABLE)
        machine.work["page_tables_made"] += 1
    return (pmd >> PAGE_SHIFT) * PTRS_PER_TABLE + ((address >> PAGE_SHIFT) & 511)


def pte_alloc_bulk(mm: Mm, addresses: NDArray[np.int64]) -> NDArray[np.int64]:
    """`pte_alloc` for ascending addresses, each in a page table of its own; there is room for new ones."""
    pmds = mm.machine.arch.pte_tables_bulk(mm, addresses)
    return (pmds >> PAGE_SHIFT) * PTRS_PER_TABLE + ((addresses >> PAGE_SHIFT) & 511)


def ptep_to_mm_address(machine: Machine, ptep: int) -> tuple[Mm | None, int]:
    """Whose PTE this is, for which address: the page table's struct page knows (asm-generic/rmap.h)."""
    table = Page(machine, ptep // PTRS_PER_TABLE)
    return machine.mms.get(table.mapping), table.index + ((ptep % PTRS_PER_TABLE) << PAGE_SHIFT)


def tables_of(mm: Mm) -> Iterator[tuple[int, int]]:
    """(base address, pfn) of each PTE page of an mm, in address order."""
    memory = mm.machine.memory.cell
    for base, pmdp in mm.machine.arch.pmd_entries(mm):
        yield base, memory[pmdp] >> PAGE_SHIFT


def present_ptes(mm: Mm, start: int, end: int) -> NDArray[np.int64]:
    """The addresses in [start, end) whose PTE is not empty, ascending."""
    parts = []
    memory = mm.machine.memory
    for base in mm.machine.arch.bases(mm, start, end):
        low, high = max(start, base), min(end, base + PMD_SIZE)
        ptep = pte_offset(mm, low)
        if ptep:
            slots = np.flatnonzero(memory.all[ptep : ptep + ((high - low) >> PAGE_SHIFT)])
            parts.append(low + slots * PAGE_SIZE)
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def page_tables(mm: Mm) -> int:
    """Frames that hold its page tables, those of the upper levels included."""
    arch = mm.machine.arch
    return arch.upper_tables(mm) + sum(1 for _ in arch.pmd_entries(mm))
