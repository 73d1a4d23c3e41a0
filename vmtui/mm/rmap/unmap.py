"""What every scheme does with a PTE that its walk has found (try_to_unmap_one, mm/rmap.c)."""

from __future__ import annotations

from vmtui.mm.mm_types import Mm
from vmtui.mm.page import Page, PG_dirty
from vmtui.mm.pgtable import pte_dirty, swp_entry_to_pte
from vmtui.mm.swapfile import swap_duplicate


def set_swap_pte(page: Page, mm: Mm, ptep: int) -> None:
    """Put the page's swap entry in the place of its mapping; the mapping's reference goes."""
    machine = page.machine
    if pte_dirty(machine.memory[ptep]):
        page.set(PG_dirty)
    swap_duplicate(machine, page.private)
    machine.memory[ptep] = swp_entry_to_pte(page.private)
    mm.rss -= 1
    page.count -= 1
