"""Page-out: from the LRU to swap, and to a free frame (mm/vmscan.c of 6.18, the classic LRU).

Anonymous and file pages share one pair of lists here (*ours*: the kernel has two pairs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.filemap import remove_from_page_cache
from vmtui.mm.mm_types import VM_LOCKED
from vmtui.mm.page import (
    Page,
    PG_active,
    PG_anon,
    PG_dirty,
    PG_mlock_missed,
    PG_mlocked,
    PG_reclaim,
    PG_referenced,
    PG_swapbacked,
    PG_swapcache,
)
from vmtui.mm.pgtable import ptep_to_mm_address
from vmtui.mm.step import Steps, step
from vmtui.mm.swap import lru_cache_add, lru_cache_del
from vmtui.mm.swap_state import add_to_swap
from vmtui.mm.swapfile import delete_from_swap_cache, release_page, vm_swap_full
from vmtui.mm.v6_18.swapfile import folio_free_swap
from vmtui.mm.vmscan import SWAP_CLUSTER_MAX, isolate, pageout, putback, refill_many

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

__all__ = ["shrink_active_list", "shrink_folio_list"]

Mask = NDArray[np.bool_]

#: What is to become of a page (enum folio_references).
RECLAIM: Final = "reclaim"
RECLAIM_CLEAN: Final = "reclaim if clean"
KEEP: Final = "keep"
ACTIVATE: Final = "activate"


def shrink_folio_list(machine: Machine, pfns: list[int], *, forced: bool) -> Steps:
    """Try to free each page of a list (shrink_folio_list).

    Args:
        forced: References are not asked for, as under MADV_PAGEOUT.

    Returns:
        How many frames were freed.
    """
    freed = 0
    for pfn in pfns:
        page = isolate(machine.page(pfn))
        verdict = yield from shrink_folio(page, forced)
        if verdict == "free":
            where = remove_mapping(page)
            release_page(page)
            freed += 1
            yield step("frame {page:#x} left {where} and is free", page=pfn, where=where)
        else:
            if page.test(PG_swapcache) and verdict == ACTIVATE and vm_swap_full(machine):
                folio_free_swap(page)
            yield from putback(page, verdict)
    return freed


def shrink_folio(page: Page, forced: bool) -> Steps:
    """One page through the stages of page-out (the loop body of shrink_folio_list).

    Returns:
        ``free``, ``keep`` or ``activate``.
    """
    machine = page.machine
    if not folio_evictable(page):
        if page.test(PG_mlock_missed):
            page.clear(PG_mlock_missed)
        yield step("frame {page:#x} is locked in memory by somebody: unevictable", page=page.pfn)
        return KEEP
    references = RECLAIM
    if page.mapcount and not forced:
        references = yield from folio_check_references(page)
        if references in (KEEP, ACTIVATE):
            return references

    if page.test(PG_anon) and page.test(PG_swapbacked) and not page.test(PG_swapcache):
        added = yield from add_to_swap(page)
        if not added:
            return ACTIVATE
    if page.mapcount:
        gone = yield from machine.scheme.try_to_unmap(page)
        if not gone:
            return ACTIVATE

    if page.test(PG_dirty):
        if not page.test(PG_swapbacked):
            page.set(PG_reclaim)
            yield step("frame {page:#x} is a file's and dirty: left to the flushers", page=page.pfn)
            return ACTIVATE
        written = yield from pageout(page)
        return KEEP if written else ACTIVATE
    # A reference of ours is left, and the cache's if it is in one.
    lazyfree = page.test(PG_anon) and not page.test(PG_swapbacked)
    return "free" if page.count == (1 if lazyfree else 2) else KEEP


def folio_evictable(page: Page) -> bool:
    """Whether no VMA that maps the page is locked in memory, and none has left its lock on the page.

    *Ours*: the kernel counts them (mlock_count) and keeps such a page on a list of its own.
    """
    machine = page.machine
    if page.test(PG_mlocked):
        return False
    for ptep in machine.scheme.mappings(page) if page.mapcount else ():
        mm, address = ptep_to_mm_address(machine, ptep)
        if mm is not None and mm.vmas.holding(address).vm_flags & VM_LOCKED:
            return False
    return True


def folio_check_references(page: Page) -> Steps:
    """What to do with a page that may be in use (folio_check_references).

    Every page starts out with a reference, that of its first fault; so one alone saves it once.
    """
    ptes = yield from page.machine.scheme.page_referenced(page)
    before = page.test(PG_referenced)
    page.clear(PG_referenced)
    if ptes:
        page.set(PG_referenced)
        verdict = ACTIVATE if before or ptes > 1 else KEEP
        text = "frame {page:#x}: {n} PTEs were used lately: {verdict}"
        yield step(text, page=page.pfn, n=ptes, verdict=verdict)
        return verdict
    return RECLAIM_CLEAN if before and not page.test(PG_swapbacked) else RECLAIM


def check_references_bulk(before: Mask, ptes: NDArray[np.int64]) -> tuple[Mask, Mask]:
    """`folio_check_references` of many pages: which are activated, and which kept."""
    active = (ptes > 0) & (before | (ptes > 1))
    return active, (ptes > 0) & ~active


def remove_mapping(page: Page) -> str:
    """Take a page that nobody maps out of the cache it is in; which that was (__remove_mapping)."""
    if page.test(PG_swapcache):
        delete_from_swap_cache(page)
        return "the swap cache"
    if page.test(PG_anon):
        return "no cache, it was given up,"
    remove_from_page_cache(page)
    return "the page cache"


def shrink_active_list(machine: Machine, priority: int) -> Steps:
    """Where the inactive list is the shorter one, active pages go there, used or not (shrink_active_list)."""
    if len(machine.inactive_list) >= len(machine.active_list):
        return
    n = max(len(machine.active_list) >> priority, SWAP_CLUSTER_MAX)
    pfns = machine.active_list.oldest(n)
    if n >= machine.options.bulk:
        pfns = yield from refill_many(machine, pfns)
    for pfn in pfns:
        page = machine.page(pfn)
        lru_cache_del(page)
        if page.mapcount:
            yield from machine.scheme.page_referenced(page)
        page.clear(PG_active)
        lru_cache_add(page)
        yield step("frame {page:#x} goes to the inactive list", page=pfn)
