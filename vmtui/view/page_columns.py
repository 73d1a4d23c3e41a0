"""What find reads of pages: a column a name, for many frames or many entries of page tables at once.

The names are those of the language's observables of a page, with the same meaning, and the other fields and
flags of struct page.  What an entry alone tells (``swapped``, ``young``) is a matter of a place; the rest is
told by struct page, and so of each frame once.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from vmtui.mm.cluster import page_number
from vmtui.mm.mm_types import VM_LOCKED, Mm
from vmtui.mm.page import PAGE_FLAGS, PAGE_SHIFT, PAGE_SIZE, ZERO_PFN, flag_names
from vmtui.mm.pgtable import (
    PAGE_ACCESSED,
    PAGE_DIRTY,
    PAGE_FILE,
    PAGE_PRESENT,
    PAGE_PROTNONE,
    PAGE_RW,
    PTRS_PER_TABLE,
    SWP_SHIFT,
    pte_offset,
    tables_of,
)
from vmtui.scenario.nodes import ExpressionError
from vmtui.scenario.pages import shared_slot, shared_slots
from vmtui.scenario.suggest import closest
from vmtui.view.predicate import Array

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

#: Page tables whose entries are looked at together: few enough for them to stay in a processor's cache.
_TABLES: Final = 128
#: Numbers of struct page by the name that a predicate has for them.
_FIELDS: Final = ("mapcount", "count", "index", "private", "mapping")

OF_A_PLACE: Final = frozenset(
    {"present", "swapped", "zero", "state", "slot", "dirty", "young", "writable", "locked"}
)
"""What is read of a place: by its entry, or by its VMA."""
OF_A_FRAME: Final = frozenset({"pfn", "flags", "exclusive", *_FIELDS, *PAGE_FLAGS}) - OF_A_PLACE
"""What struct page tells."""
COLUMNS: Final = OF_A_FRAME | OF_A_PLACE


def unknown(name: str) -> ExpressionError:
    """There is no such column; perhaps another was meant."""
    near = closest(name, COLUMNS)
    return ExpressionError(f"a page has no {name}" + (f": did you mean {near}?" if near else ""))


@attrs.frozen
class Frames:
    """The frames of a slice of mem_map."""

    machine: Machine
    where: slice

    def column(self, name: str) -> Array:
        """One field or flag of each.

        Raises:
            ExpressionError: there is no such field.
        """
        if name == "pfn":
            return np.arange(self.where.start, self.where.stop)
        return struct_page(self.machine, name, self.where)


@attrs.frozen
class Entries:
    """Some entries of a process's page tables, and what lies on swap where an entry does not say so.

    Attributes:
        mm: Whose they are.
        addresses: Of the pages.
        ptes: What the page table holds; 0 for a page of shared memory that lies on swap.
        slots: The swap slot; 0 for none.
    """

    mm: Mm
    addresses: NDArray[np.int64]
    ptes: NDArray[np.int64]
    slots: NDArray[np.int64]

    def column(self, name: str) -> Array:
        """One observable of each.

        Raises:
            ExpressionError: there is no such observable.
        """
        machine, ptes = self.mm.machine, self.ptes
        mapped = ptes & (PAGE_PRESENT | PAGE_PROTNONE) != 0
        pfns = np.where(mapped, ptes >> PAGE_SHIFT, ZERO_PFN)
        framed = pfns != ZERO_PFN
        if name in ("present", "swapped", "zero", "state"):
            zero, swapped = mapped & ~framed, ~mapped & (self.slots != 0)
            states: dict[str, Array] = {"present": framed, "zero": zero, "swapped": swapped}
            if name in states:
                return states[name]
            named: Array = np.select(list(states.values()), list(states), "file")
            return named
        if name == "slot":
            return np.ma.masked_array(self.slots, self.slots == 0)
        if name == "locked":
            return np.ma.masked_array(self._locked(), ~framed)
        if name in ("young", "writable"):
            return np.ma.masked_array(ptes & (PAGE_ACCESSED if name == "young" else PAGE_RW) != 0, ~framed)
        if name == "pfn":
            return np.ma.masked_array(pfns, ~framed)
        pages = pages_of_frames(machine, pfns)
        if name == "swapcache":
            cached = machine.swap.cached.all[self.slots] != 0
            held = np.where(framed, struct_page(machine, name, pages), cached)
            return np.ma.masked_array(held, ~framed & (self.slots == 0))
        told = struct_page(machine, name, pages)
        if name == "dirty":
            told = told | (ptes & PAGE_DIRTY != 0)
        if name == "mapcount":
            return np.where(framed, told, 0)
        return np.ma.masked_array(told, np.ma.getmaskarray(told) | ~framed)

    def _locked(self) -> Array:
        """Whether the VMA of each is locked in memory."""
        vmas = list(self.mm.vmas)
        starts = np.array([vma.vm_start for vma in vmas], np.int64)
        locked = np.array([vma.vm_flags & VM_LOCKED != 0 for vma in vmas], np.bool_)
        found: Array = locked[np.searchsorted(starts, self.addresses, "right") - 1]
        return found


def struct_page(machine: Machine, name: str, where: Any) -> Array:
    """One field or flag of some struct pages."""
    mem_map = machine.mem_map
    if name in _FIELDS:
        field: Array = getattr(mem_map, name).all[where]
        return field.astype(np.int64)
    if name == "exclusive":
        alone: Array = mem_map.mapcount.all[where] == 1
        return alone
    if name == "flags":
        held, which = np.unique(mem_map.flags.all[where], return_inverse=True)
        names: Array = np.array([" ".join(flag_names(int(flags))) for flags in held])
        return names[which]
    if name not in PAGE_FLAGS:
        raise unknown(name)
    flags: Array = mem_map.flags.all[where]
    is_set: Array = flags & PAGE_FLAGS[name] != 0
    if name == "anon_exclusive" and not machine.kernel.anon_exclusive:
        return np.ma.masked_array(is_set, True)
    return is_set


def pages_of_frames(machine: Machine, pfns: NDArray[np.int64]) -> NDArray[np.int64]:
    """The page that each frame is part of."""
    if machine.cluster == 1:
        return pfns
    return np.array([page_number(machine, pfn) for pfn in pfns.tolist()], np.int64)


def entries_of(mm: Mm) -> Iterator[Entries]:
    """The pages of a process that were touched, and its shared memory on swap; some at a time."""
    machine, tables = mm.machine, tables_of(mm)
    memory = machine.memory.all.reshape(-1, PTRS_PER_TABLE)
    offsets = np.arange(PTRS_PER_TABLE, dtype=np.int64) * PAGE_SIZE
    lost = shared_slots(mm, 0, machine.task_size)
    shared = np.array([vma.vm_start for vma in mm.vmas if vma.vm_file is not None and vma.vm_file.shmem])
    while some := list(islice(tables, _TABLES)):
        bases, frames = np.array(some, np.int64).T
        held = memory[frames].astype(np.int64).ravel()
        touched = np.flatnonzero(held)
        addresses, ptes = (bases[:, None] + offsets).ravel()[touched], held[touched]
        not_there = ptes & (PAGE_PRESENT | PAGE_PROTNONE) == 0
        of_file = not_there & (ptes & PAGE_FILE != 0)
        slots = np.where(not_there & ~of_file, ptes >> SWP_SHIFT, 0)
        if len(shared):
            for at in np.flatnonzero(of_file).tolist():
                slots[at] = shared_slot(mm, int(addresses[at]))
        yield Entries(mm, addresses, ptes, slots)
    untouched = [address for address in lost if not _entry(mm, address)]
    if untouched:
        slots = np.array([shared_slot(mm, address) for address in untouched], np.int64)
        yield Entries(mm, np.array(untouched, np.int64), np.zeros(len(untouched), np.int64), slots)


def _entry(mm: Mm, address: int) -> int:
    ptep = pte_offset(mm, address)
    return mm.machine.memory[ptep] if ptep else 0
