"""What every scheme does with a PTE that its walk has found (mm/rmap.c)."""

from __future__ import annotations

from vmtui.mm.cluster import page_index
from vmtui.mm.mm_types import Mm
from vmtui.mm.page import Page, PG_anon
from vmtui.mm.pgtable import (
    pgoff_to_pte,
    pte_dirty,
    pte_mkold,
    pte_young,
    ptep_to_mm_address,
    swp_entry_to_pte,
)
from vmtui.mm.step import Steps, step
from vmtui.mm.swapfile import swap_duplicate


def ptep_test_and_clear_young(page: Page, mm: Mm, ptep: int, who: str) -> Steps:
    """Clear the bit that says the CPU used a PTE; 1 if it was set, else 0."""
    memory = page.machine.memory
    if not pte_young(memory[ptep]):
        return 0
    memory[ptep] = pte_mkold(memory[ptep])
    text = "{who}: used since last asked; accessed bit cleared"
    yield step(text, page=page.pfn, mm=mm.id, ptep=ptep, who=who)
    return 1


def unmap_pte(page: Page, mm: Mm, ptep: int) -> str:
    """Take a mapping away, its reference with it; an anonymous page leaves its swap entry.

    Returns:
        What the PTE holds now, in words.
    """
    machine = page.machine
    if pte_dirty(machine.memory[ptep]):
        page.mark_dirty()
    mm.rss -= 1
    page.count -= 1
    machine.work["tlb_flushes"] += 1
    if not page.test(PG_anon):
        machine.memory[ptep] = file_pte(page, mm, ptep)
        return f"keeps page {page.index} of the file" if machine.memory[ptep] else "is empty now"
    swap_duplicate(machine, page.private)
    machine.memory[ptep] = swp_entry_to_pte(page.private)
    return f"now holds swap slot {page.private}"


def file_pte(page: Page, mm: Mm, ptep: int) -> int:
    """What a PTE holds when a page of a file has gone: nothing, or which page it was.

    Nothing, where the VMA's vm_pgoff says it too (try_to_unmap_one of 2.6.0, try_to_unmap_cluster of 2.6.7).
    """
    _, address = ptep_to_mm_address(page.machine, ptep)
    vma = mm.vmas.at(address)
    if vma is None or page.index == page_index(vma, address):
        return 0
    return pgoff_to_pte(page.index)
