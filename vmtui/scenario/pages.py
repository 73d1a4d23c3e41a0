"""One page as a person means it: an address of a process with what its PTE says, or a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from vmtui.mm.mm_types import VM_EXEC, VM_READ, VM_SHARED, VM_WRITE, Mm, Vma
from vmtui.mm.page import Page
from vmtui.mm.pgtable import (
    PAGE_PRESENT,
    PAGE_PROTNONE,
    PTRS_PER_TABLE,
    is_swap_pte,
    is_zero_page,
    pte_offset,
    pte_pfn,
    pte_present,
    pte_to_slot,
    tables_of,
)
from vmtui.mm.swap_state import lookup_swap_cache

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

__all__ = ["PageView", "perms", "swap_entries"]


@attrs.frozen
class PageView:
    """
    A page at a place.

    Attributes:
        mm: Whose address it is; None where a frame was named.
        address: In bytes; 0 where a frame was named.
        pte: What the page table holds; 0 for nothing.
        page: The frame it maps, if it maps one that has a reverse map; the zero page is none.
    """

    machine: Machine
    mm: Mm | None
    address: int
    pte: int
    page: Page | None

    @classmethod
    def at(cls, mm: Mm, address: int) -> PageView:
        """The page at an address."""
        machine = mm.machine
        ptep = pte_offset(mm, address)
        pte = machine.memory.cell[ptep] if ptep else 0
        page = None
        if pte_present(pte) and not is_zero_page(pte_pfn(pte)):
            page = Page(machine, pte_pfn(pte))
        return cls(machine, mm, address, pte, page)

    @classmethod
    def of_frame(cls, machine: Machine, pfn: int) -> PageView:
        """A frame."""
        return cls(machine, None, 0, 0, machine.page(pfn))

    @property
    def zero(self) -> bool:
        """Whether it is mapped to the zero page."""
        return pte_present(self.pte) and is_zero_page(pte_pfn(self.pte))

    @property
    def slot(self) -> int | None:
        """The swap slot: of its entry, or of the frame where a frame was named."""
        if is_swap_pte(self.pte):
            return pte_to_slot(self.pte)
        if self.mm is None and self.page is not None and self.page.test("swapcache"):
            return self.page.private
        return None

    @property
    def state(self) -> str | None:
        """``present``, ``swapped``, ``zero``; None for a page that was never touched."""
        if self.page is not None:
            return "present"
        if self.zero:
            return "zero"
        return "swapped" if is_swap_pte(self.pte) else None

    @property
    def swapcache(self) -> bool | None:
        """Whether its frame, or the one its swap entry leads to, is in the swap cache."""
        if self.page is not None:
            return self.page.test("swapcache")
        return lookup_swap_cache(self.machine, pte_to_slot(self.pte)) != 0 if is_swap_pte(self.pte) else None

    @property
    def vma(self) -> Vma | None:
        """The VMA that holds it."""
        return self.mm.vmas.at(self.address) if self.mm is not None else None


def perms(vma: Vma) -> str:
    """What may be done with a VMA, as /proc/PID/maps has it: ``rw-p``."""
    flags = vma.vm_flags
    bits = zip("rwx", (VM_READ, VM_WRITE, VM_EXEC), strict=True)
    letters = [letter if flags & bit else "-" for letter, bit in bits]
    return "".join([*letters, "s" if flags & VM_SHARED else "p"])


def swap_entries(mm: Mm) -> int:
    """How many of its page-table entries are swap entries."""
    found = 0
    for _, pfn in tables_of(mm):
        entries = mm.machine.memory.all[pfn * PTRS_PER_TABLE : (pfn + 1) * PTRS_PER_TABLE]
        found += int(np.count_nonzero((entries != 0) & (entries & (PAGE_PRESENT | PAGE_PROTNONE) == 0)))
    return found
