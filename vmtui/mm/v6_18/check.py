"""The invariants of 6.18: who has a page for itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vmtui.mm.mm_types import VM_SHARED
from vmtui.mm.page import PAGE_SIZE, PG_anon, PG_anon_exclusive
from vmtui.mm.pgtable import (
    PTRS_PER_TABLE,
    is_swap_pte,
    is_zero_page,
    pte_pfn,
    pte_present,
    pte_swp_exclusive,
    pte_to_slot,
    pte_write,
    tables_of,
)

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine
    from vmtui.mm.mm_types import Vma

__all__ = ["problems"]


def problems(machine: Machine) -> Iterator[tuple[str, str]]:
    """A page that is exclusive and shared, or writable and not exclusive; an entry that claims too much."""
    for where in machine.frames_used():
        assert isinstance(where, slice)
        exclusive = machine.mem_map.flags.all[where] & PG_anon_exclusive != 0
        for offset in (exclusive & (machine.mem_map.mapcount.all[where] != 1)).nonzero()[0].tolist():
            page = machine.page(where.start + offset)
            yield "anon_exclusive", f"{page!r} is exclusive, and mapped {page.mapcount} times"
    for mm in machine.mms:
        for base, table in tables_of(mm):
            first = table * PTRS_PER_TABLE
            for slot in machine.memory.all[first : first + PTRS_PER_TABLE].nonzero()[0].tolist():
                vma = mm.vmas.at(base + slot * PAGE_SIZE)
                if vma is not None:
                    yield from _entry(vma, machine.memory[first + slot])


def _entry(vma: Vma, pte: int) -> Iterator[tuple[str, str]]:
    machine = vma.machine
    if is_swap_pte(pte):
        slot = pte_to_slot(pte)
        holders = machine.swap.map.cell[slot] - (machine.swap.cached.cell[slot] != 0)
        if pte_swp_exclusive(pte) and holders != 1:
            yield "swp_exclusive", f"an entry for slot {slot} says exclusive, {holders} hold it"
        return
    private = pte_present(pte) and not vma.vm_flags & VM_SHARED
    if private and pte_write(pte) and not is_zero_page(pte_pfn(pte)):
        page = machine.page(pte_pfn(pte))
        if not page.test(PG_anon) or not page.test(PG_anon_exclusive):
            yield "anon_exclusive", f"{page!r} is writable for {vma.vm_mm.name}, and not its own"
