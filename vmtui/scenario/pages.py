"""One page as a person means it: an address of a process with what its PTE says, or a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from vmtui.mm.mm_types import (
    VM_EXEC,
    VM_NONLINEAR,
    VM_READ,
    VM_SHARED,
    VM_WRITE,
    AddressSpace,
    Mm,
    Vma,
    linear_page_index,
)
from vmtui.mm.page import PAGE_SHIFT, PAGE_SIZE, ZERO_PFN, Page
from vmtui.mm.pgtable import (
    PAGE_FILE,
    PAGE_PRESENT,
    PAGE_PROTNONE,
    PTRS_PER_TABLE,
    SWP_SHIFT,
    is_swap_pte,
    is_zero_page,
    present_ptes,
    pte_file,
    pte_offset,
    pte_pfn,
    pte_present,
    pte_to_pgoff,
    pte_to_slot,
    tables_of,
)
from vmtui.mm.rmap.walk_bulk import pteps_of
from vmtui.mm.swap_state import lookup_swap_cache

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

__all__ = [
    "PageView",
    "cached_frames",
    "different",
    "file_name",
    "mapped_frames",
    "perms",
    "shared_slot",
    "shared_slots",
    "swap_entries",
]


@attrs.frozen
class PageView:
    """
    A page at a place.

    Attributes:
        mm: Whose address it is; None where a frame was named.
        address: In bytes; 0 where a frame was named.
        pte: What the page table holds; 0 for nothing.
        page: The page it maps, if it maps one that has a reverse map; the zero page is none.
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
            page = machine.page(pte_pfn(pte))
        return cls(machine, mm, address, pte, page)

    @classmethod
    def of_frame(cls, machine: Machine, pfn: int) -> PageView:
        """A frame."""
        return cls(machine, None, 0, 0, machine.page(pfn))

    @property
    def pfn(self) -> int | None:
        """The frame that it maps, or that was named; None where there is no page."""
        if self.page is None:
            return None
        return pte_pfn(self.pte) if self.mm is not None else self.page.pfn

    @property
    def zero(self) -> bool:
        """Whether it is mapped to the zero page."""
        return pte_present(self.pte) and is_zero_page(pte_pfn(self.pte))

    @property
    def slot(self) -> int | None:
        """The swap slot: of its entry, of the shared memory behind it, or of the frame that was named."""
        if is_swap_pte(self.pte):
            return pte_to_slot(self.pte)
        if self.mm is not None and (not self.pte or pte_file(self.pte)):
            return shared_slot(self.mm, self.address) or None
        if self.mm is None and self.page is not None and self.page.test("swapcache"):
            return self.page.private
        return None

    @property
    def state(self) -> str | None:
        """``present``, ``swapped``, ``zero``, ``file``; None for a page that was never touched.

        ``file``: a nonlinear mapping lost it, and its entry keeps which page of the file it was.
        """
        if self.page is not None:
            return "present"
        if self.zero:
            return "zero"
        if self.slot is not None:
            return "swapped"
        return "file" if pte_file(self.pte) else None

    @property
    def swapcache(self) -> bool | None:
        """Whether its frame, or the one its slot leads to, is in the swap cache."""
        if self.page is not None:
            return self.page.test("swapcache")
        slot = self.slot
        return lookup_swap_cache(self.machine, slot) != 0 if slot is not None else None

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


def file_name(vma: Vma) -> str | None:
    """The file that a VMA maps; shared memory has none that has a name."""
    file = vma.vm_file
    return file.name if file is not None and not file.shmem else None


def swap_entries(mm: Mm) -> int:
    """How many of its page-table entries are swap entries."""
    found = 0
    for _, pfn in tables_of(mm):
        entries = mm.machine.memory.all[pfn * PTRS_PER_TABLE : (pfn + 1) * PTRS_PER_TABLE]
        found += int(
            np.count_nonzero((entries != 0) & (entries & (PAGE_PRESENT | PAGE_PROTNONE | PAGE_FILE) == 0))
        )
    return found


def shared_slot(mm: Mm, address: int) -> int:
    """The slot in which a page of shared memory lies, which no page table says; 0 for none."""
    vma = mm.vmas.at(address)
    if vma is None or vma.vm_file is None or not vma.vm_file.shmem:
        return 0
    index = file_index(vma, address)
    return vma.vm_file.slots.cell[index & -vma.machine.cluster] if index < vma.vm_file.end else 0


def file_index(vma: Vma, address: int) -> int:
    """Which page of its file a VMA has, or would have, at an address: by its entry, else by vm_pgoff."""
    ptep = pte_offset(vma.vm_mm, address)
    pte = vma.machine.memory[ptep] if ptep else 0
    return pte_to_pgoff(pte) if pte_file(pte) else linear_page_index(vma, address)


def shared_slots(mm: Mm, start: int, end: int) -> list[int]:
    """The addresses of [start, end) at which `shared_slot` finds one."""
    found: list[int] = []
    for vma in mm.vmas.overlapping(start, end):
        file = vma.vm_file
        if file is None or not file.shmem:
            continue
        low, high = max(start, vma.vm_start), min(end, vma.vm_end)
        indices = pages_in(vma, file, low, high)
        swapped = np.flatnonzero(file.slots.all[indices & -mm.machine.cluster])
        found += (low + swapped * PAGE_SIZE).tolist()
    return found


def pages_in(vma: Vma, file: AddressSpace, low: int, high: int) -> NDArray[np.int64]:
    """The indices in its file of what a range of a VMA maps, up to the file's end."""
    first, last = linear_page_index(vma, low), linear_page_index(vma, high)
    return np.arange(first, max(first, min(last, file.end)), dtype=np.int64)


def cached_frames(mm: Mm, start: int, end: int) -> dict[int, int]:
    """By address in [start, end), the page in a cache behind what is not present there."""
    found: dict[int, int] = {}
    for vma in mm.vmas.overlapping(start, end):
        file = vma.vm_file
        if file is None:
            continue
        low, high = max(start, vma.vm_start), min(end, vma.vm_end)
        indices = pages_in(vma, file, low, high) & -mm.machine.cluster
        pages, slots = file.pages.all[indices], file.slots.all[indices]
        pages = np.where(slots != 0, mm.machine.swap.cached.all[slots], pages)
        mapped = (present_ptes(mm, low, high) - low) >> PAGE_SHIFT
        pages[mapped[mapped < len(pages)]] = 0
        for page in np.flatnonzero(pages).tolist():
            found[low + page * PAGE_SIZE] = int(pages[page])
    for vma in mm.vmas.overlapping(start, end):
        if vma.vm_flags & VM_NONLINEAR and vma.vm_file is not None:
            found |= nonlinear_frames(vma, vma.vm_file, max(start, vma.vm_start), min(end, vma.vm_end))
    return {address: pfn for address, pfn in found.items() if pfn}


def mapped_frames(mm: Mm, start: int, end: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The addresses in [start, end) that map a page, or hold a slot that is cached; and these pages."""
    machine, addresses = mm.machine, present_ptes(mm, start, end)
    ptes = machine.memory.all[pteps_of(mm, addresses)].astype(np.int64)
    present = ptes & (PAGE_PRESENT | PAGE_PROTNONE) != 0
    slots = np.where(present | (ptes & PAGE_FILE != 0), 0, ptes >> SWP_SHIFT)
    pages = (ptes >> PAGE_SHIFT) & -machine.cluster
    pfns = np.where(present, pages, machine.swap.cached.all[slots].astype(np.int64))
    there = (pfns != 0) & (pfns != ZERO_PFN)
    return addresses[there], pfns[there]


def different(pfns: NDArray[np.int64]) -> list[int]:
    """Some pages, each once, where it comes first."""
    found: list[int] = pfns.tolist()
    seen = np.zeros(int(pfns.max(initial=0)) + 1, np.bool_)
    seen[pfns] = True
    return found if np.count_nonzero(seen) == len(found) else list(dict.fromkeys(found))


def nonlinear_frames(vma: Vma, file: AddressSpace, start: int, end: int) -> dict[int, int]:
    """The same behind the file entries of a nonlinear VMA."""
    found = {}
    for address in present_ptes(vma.vm_mm, start, end).tolist():
        pte = vma.machine.memory[pte_offset(vma.vm_mm, address)]
        if pte_file(pte) and pte_to_pgoff(pte) < file.end:
            found[address] = cached_frame(file, pte_to_pgoff(pte))
    return found


def cached_frame(file: AddressSpace, index: int) -> int:
    """The frame of a page in the page cache, or in the swap cache; 0 for none."""
    slot = file.slots.cell[index]
    return lookup_swap_cache(file.machine, slot) if slot else file.pages.cell[index]
