"""What every scheme does with a PTE that its walk has found (mm/rmap.c)."""

from __future__ import annotations

from vmtui.mm.mm_types import Mm
from vmtui.mm.page import Page, PG_anon, PG_dirty
from vmtui.mm.pgtable import pte_dirty, pte_mkold, pte_young, swp_entry_to_pte
from vmtui.mm.step import Step, Steps
from vmtui.mm.swapfile import swap_duplicate


def ptep_test_and_clear_young(page: Page, mm: Mm, ptep: int, who: str) -> Steps:
    """Clear the bit that says the CPU used a PTE; 1 if it was set, else 0."""
    memory = page.machine.memory
    if not pte_young(memory[ptep]):
        return 0
    memory[ptep] = pte_mkold(memory[ptep])
    text = "{who}: used since last asked; accessed bit cleared"
    yield Step(text, page=page.pfn, mm=mm.id, ptep=ptep, who=who)
    return 1


def unmap_pte(page: Page, mm: Mm, ptep: int) -> str:
    """Take a mapping away, its reference with it; an anonymous page leaves its swap entry.

    Returns:
        What the PTE holds now, in words.
    """
    machine = page.machine
    if pte_dirty(machine.memory[ptep]):
        page.set(PG_dirty)
    mm.rss -= 1
    page.count -= 1
    if not page.test(PG_anon):
        machine.memory[ptep] = 0
        return "is empty now"
    swap_duplicate(machine, page.private)
    machine.memory[ptep] = swp_entry_to_pte(page.private)
    return f"now holds swap slot {page.private}"
