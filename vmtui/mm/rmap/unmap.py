"""What every scheme does with a PTE that its walk has found (try_to_unmap_one, mm/rmap.c)."""

from __future__ import annotations

from vmtui.mm.mm_types import Mm
from vmtui.mm.page import Page, PG_anon, PG_dirty
from vmtui.mm.pgtable import pte_dirty, swp_entry_to_pte
from vmtui.mm.swapfile import swap_duplicate


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
