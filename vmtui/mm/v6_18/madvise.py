"""madvise (mm/madvise.c of 6.18)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from vmtui.errors import KernelError
from vmtui.mm.bulk_swap import own_pages
from vmtui.mm.memory import zap_page_range
from vmtui.mm.mm_types import (
    VM_DONTCOPY,
    VM_LOCKED,
    VM_SHARED,
    VM_WIPEONFORK,
    Mm,
    Vma,
    place_name,
    vma_name,
)
from vmtui.mm.page import (
    PAGE_SHIFT,
    Page,
    PG_active,
    PG_anon,
    PG_dirty,
    PG_referenced,
    PG_swapbacked,
    PG_swapcache,
)
from vmtui.mm.pgtable import (
    is_swap_pte,
    is_zero_page,
    present_ptes,
    pte_mkclean,
    pte_mkold,
    pte_offset,
    pte_pfn,
    pte_present,
    pte_to_slot,
)
from vmtui.mm.step import Steps, step
from vmtui.mm.swap import lru_cache_add, lru_cache_del
from vmtui.mm.swapfile import free_swap_and_cache
from vmtui.mm.v6_18.swapfile import folio_free_swap
from vmtui.mm.v6_18.vma import vma_modify_flags
from vmtui.mm.v6_18.vmscan import folio_evictable
from vmtui.mm.vmscan import swapout

__all__ = ["do_madvise"]

#: Advice that is a flag of the VMA: set, cleared.
FLAGS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "dontfork": (VM_DONTCOPY, 0),
        "dofork": (0, VM_DONTCOPY),
        "wipeonfork": (VM_WIPEONFORK, 0),
        "keeponfork": (0, VM_WIPEONFORK),
    }
)


def do_madvise(mm: Mm, start: int, end: int, advice: str) -> Steps:
    """Take advice about a range, VMA by VMA, holes passed over (do_madvise, madvise_walk_vmas).

    Raises:
        KernelError: ENOMEM, partial, for a hole, when all else is done; EINVAL, a VMA that cannot take it.
    """
    at, holes = start, False
    while at < end:
        vma = mm.vmas.find(at)
        if vma is None or vma.vm_start >= end:
            holes = True
            break
        holes = holes or vma.vm_start > at
        low, high = max(at, vma.vm_start), min(end, vma.vm_end)
        refuse_advice(vma, advice, partial=at > start)
        yield from madvise_vma_behavior(vma, low, high, advice)
        at = high
    if holes:
        text = f"there is a hole between {start:#x} and {end:#x}; what is mapped took the advice"
        raise KernelError("ENOMEM", text, partial=at > start)


def refuse_advice(vma: Vma, advice: str, *, partial: bool) -> None:
    """What a VMA cannot take.

    Raises:
        KernelError: EINVAL.
    """
    who = vma_name(vma)
    if advice not in FLAGS and vma.vm_flags & VM_LOCKED:
        raise KernelError("EINVAL", f"{who} is locked in memory", partial=partial)
    private = vma.vm_file is None and not vma.vm_flags & VM_SHARED
    if advice in ("free", "wipeonfork") and not private:
        raise KernelError("EINVAL", f"{who} is not private anonymous memory", partial=partial)


def madvise_vma_behavior(vma: Vma, start: int, end: int, advice: str) -> Steps:
    """What one VMA does about it (madvise_vma_behavior)."""
    if advice in FLAGS:
        gained, lost = FLAGS[advice]
        yield from madvise_flags(vma, start, end, vma.vm_flags & ~lost | gained)
    elif advice == "dontneed":
        yield from zap_page_range(vma, start, end)
        text = "{who}: the pages are dropped, the VMA and its anon_vma stay"
        yield step(text, vma=vma.id, mm=vma.vm_mm.id, who=vma_name(vma))
    elif advice == "free":
        yield from madvise_free(vma, start, end)
    else:
        yield from madvise_pageout(vma, start, end)


def madvise_flags(vma: Vma, start: int, end: int, flags: int) -> Steps:
    """Give part of a VMA a flag for later (madvise_update_vma)."""
    text = "{who} has taken that advice already"
    if flags != vma.vm_flags:
        vma = yield from vma_modify_flags(vma, start, end, flags)
        text = "{who} will do so at the next fork"
    yield step(text, vma=vma.id, mm=vma.vm_mm.id, who=vma_name(vma))


def madvise_free(vma: Vma, start: int, end: int) -> Steps:
    """Give pages up, until they are written again; swap entries go at once (madvise_free_pte_range)."""
    mm, machine = vma.vm_mm, vma.machine
    for address in present_ptes(mm, start, end).tolist():
        ptep = pte_offset(mm, address)
        pte = machine.memory[ptep]
        where = place_name(mm, address)
        if is_swap_pte(pte):
            machine.memory[ptep] = 0
            free_swap_and_cache(machine, pte_to_slot(pte))
            yield step("{where}: its swap entry was dropped", vma=vma.id, mm=mm.id, ptep=ptep, where=where)
        elif not is_zero_page(pte_pfn(pte)) and may_be_freed(machine.page(pte_pfn(pte))):
            page = machine.page(pte_pfn(pte))
            machine.memory[ptep] = pte_mkclean(pte_mkold(pte))
            mark_lazyfree(page)
            text = "{where}: frame {page:#x} may go unless it is written again"
            yield step(text, page=page.pfn, vma=vma.id, mm=mm.id, ptep=ptep, where=where)


def may_be_freed(page: Page) -> bool:
    """Whether a page can be given up: one that is dirty or in the swap cache only if nobody else maps it."""
    if not page.test(PG_swapcache) and not page.test(PG_dirty):
        return True
    if page.mapcount != 1 or (page.test(PG_swapcache) and not folio_free_swap(page)):
        return False
    page.clear(PG_dirty)
    return True


def mark_lazyfree(page: Page) -> None:
    """A page that goes without being written: to the inactive list, no more for swap (lru_lazyfree).

    One that anybody has locked in memory is left as it is (folio_mark_lazyfree).
    """
    mine = page.test(PG_anon) and page.test(PG_swapbacked) and not page.test(PG_swapcache)
    if mine and folio_evictable(page):
        lru_cache_del(page)
        page.clear(PG_swapbacked | PG_referenced | PG_active)
        lru_cache_add(page)


def madvise_pageout(vma: Vma, start: int, end: int) -> Steps:
    """Page out what nobody else maps (madvise_cold_or_pageout_pte_range, reclaim_pages)."""
    mm, machine = vma.vm_mm, vma.machine
    at_once = (end - start) >> PAGE_SHIFT >= machine.options.bulk
    own = own_pages(vma, start, end) if at_once else None
    pfns: list[int] = own or []
    for address in present_ptes(mm, start, end).tolist() if own is None else ():
        pte = machine.memory[pte_offset(mm, address)]
        if not pte_present(pte) or is_zero_page(pte_pfn(pte)):
            continue
        page = machine.page(pte_pfn(pte))
        if page.mapcount == 1:
            page.clear(PG_referenced)
            pfns.append(page.pfn)
        else:
            text = "{where}: frame {page:#x} is mapped {n} times: left alone"
            where = place_name(mm, address)
            yield step(text, page=page.pfn, vma=vma.id, mm=mm.id, where=where, n=page.mapcount)
    yield from swapout(machine, pfns)
