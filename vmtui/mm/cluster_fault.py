"""The rest of a cluster: what a fault maps beside the page that faulted (page clustering; *ours* in detail).

Without clusters there is no rest, and none of these does anything.
"""

from __future__ import annotations

from vmtui.mm.cluster import cluster_around, subpage_pfn
from vmtui.mm.mm_types import Vma, place_name, vma_name
from vmtui.mm.page import Page, PG_anon
from vmtui.mm.pgtable import (
    is_zero_page,
    maybe_mkwrite,
    mk_pte,
    pte_mkold,
    pte_mkwrite,
    pte_none,
    pte_pfn,
    swp_entry_to_pte,
    vm_page_prot,
)
from vmtui.mm.step import Steps, step
from vmtui.mm.swapfile import free_page_and_swap_cache, swap_free


def map_around(page: Page, vma: Vma, address: int) -> Steps:
    """A fault has mapped a page new to this place: map the rest of its cluster too, where that is empty.

    What maps the zero page counts as empty, if the page is the process's own.
    """
    machine, mm = vma.machine, vma.vm_mm
    mapped = 0
    for other, ptep in cluster_around(vma, address):
        pte = machine.memory[ptep]
        if not pte_none(pte) and not is_zero_page(pte_pfn(pte)):
            continue
        mapped += 1
        mm.rss += 1
        page.count += 1
        pte = pte_mkold(mk_pte(subpage_pfn(page, vma, other), vm_page_prot(vma)))
        if page.test(PG_anon):
            machine.memory[ptep] = pte_mkwrite(pte)
            yield from machine.scheme.page_add_rmap(page, vma, other, ptep, fresh=True)
        else:
            machine.memory[ptep] = pte
            yield from machine.scheme.page_add_file_rmap(page, vma, ptep)
    if mapped:
        text = "{where}: {n} PTEs around it map the cluster of frame {page:#x} too"
        yield step(text, page=page.pfn, vma=vma.id, mm=mm.id, where=place_name(mm, address), n=mapped)


def move_around(old: Page, page: Page, vma: Vma, others: list[tuple[int, int]]) -> Steps:
    """A write has copied a cluster: the process's other PTEs of it here come along, to the copy."""
    machine, mm = vma.machine, vma.vm_mm
    for address, ptep in others:
        yield from machine.scheme.page_remove_rmap(old, ptep)
        page.count += 1
        pte = pte_mkold(mk_pte(subpage_pfn(page, vma, address), vm_page_prot(vma)))
        machine.memory[ptep] = maybe_mkwrite(pte, vma)
        yield from machine.scheme.page_add_rmap(page, vma, address, ptep, fresh=True)
        free_page_and_swap_cache(old)
    if others:
        text = "{who}: {n} PTEs more went over from frame {old:#x} to the copy"
        yield step(text, page=page.pfn, vma=vma.id, mm=mm.id, who=vma_name(vma), n=len(others), old=old.pfn)


def swap_in_around(page: Page, vma: Vma, address: int, slot: int) -> Steps:
    """A slot is back in memory, all of its cluster: the other swap entries of it here are mapped too."""
    machine, mm = vma.machine, vma.vm_mm
    mapped = 0
    for other, ptep in cluster_around(vma, address):
        if machine.memory[ptep] != swp_entry_to_pte(slot):
            continue
        mapped += 1
        swap_free(machine, slot)
        mm.rss += 1
        page.count += 1
        machine.memory[ptep] = pte_mkold(mk_pte(subpage_pfn(page, vma, other), vm_page_prot(vma)))
        yield from machine.scheme.page_add_rmap(page, vma, other, ptep, fresh=False)
    if mapped:
        text = "{where}: {n} swap entries around it map the cluster of frame {page:#x} too"
        yield step(text, page=page.pfn, vma=vma.id, mm=mm.id, where=place_name(mm, address), n=mapped)
