"""Page-out: from the LRU to swap, and to a free frame (mm/vmscan.c of 2.6.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from vmtui.mm import bulk_lru, bulk_swap
from vmtui.mm.filemap import page_mapping, remove_from_page_cache
from vmtui.mm.page import (
    Page,
    PG_active,
    PG_anon,
    PG_dirty,
    PG_referenced,
    PG_swapcache,
    PG_writeback,
)
from vmtui.mm.rmap.scheme import OwnPageOut
from vmtui.mm.shmem import shmem_writepage
from vmtui.mm.step import Steps, step
from vmtui.mm.swap import activate_page, lru_cache_add, lru_cache_add_active, lru_cache_del
from vmtui.mm.swap_state import add_to_swap
from vmtui.mm.swapfile import delete_from_swap_cache, release_page

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

Mask = NDArray[np.bool_]

DEF_PRIORITY: Final = 12
SWAP_CLUSTER_MAX: Final = 32


def shrink_list(machine: Machine, pfns: list[int], *, forced: bool) -> Steps:
    """Try to free each page of a list (shrink_list).

    Args:
        forced: The pages were named by the user: that they were referenced does not save them.

    Returns:
        How many frames were freed.
    """
    freed = 0
    for pfn in pfns:
        page = isolate(machine.page(pfn))
        verdict = yield from shrink_page(page, forced)
        if verdict == "free":
            where = "swap" if page.test(PG_swapcache) else "page"
            remove = delete_from_swap_cache if page.test(PG_swapcache) else remove_from_page_cache
            remove(page)
            release_page(page)
            freed += 1
            yield step("frame {page:#x} left the {where} cache and is free", page=pfn, where=where)
        else:
            yield from putback(page, verdict)
    return freed


def shrink_page(page: Page, forced: bool) -> Steps:
    """One page through the stages of page-out (the loop body of shrink_list).

    Returns:
        ``free``, ``keep`` or ``activate``.
    """
    machine = page.machine
    if page.mapcount:
        referenced = yield from machine.scheme.page_referenced(page)
        if referenced and not forced:
            yield step("frame {page:#x} was used lately: back to the active list", page=page.pfn)
            return "activate"
        if referenced:
            yield step("frame {page:#x}: forced, so references are ignored", page=page.pfn)

    if page.test(PG_anon) and not page.test(PG_swapcache):
        added = yield from add_to_swap(page)
        if not added:
            return "activate"

    if page.mapcount:
        gone = yield from machine.scheme.try_to_unmap(page)
        if not gone:
            return "activate"

    if page.test(PG_dirty):
        written = yield from pageout(page)
        return "keep" if written else "activate"
    # Two references are left: the cache's and ours.
    return "free" if page.count == 2 else "keep"


def check_references_bulk(before: Mask, ptes: NDArray[np.int64]) -> tuple[Mask, Mask]:
    """Of many pages that page_referenced was asked about, which go to the active list; none is just kept."""
    active = before | (ptes > 0)
    return active, np.zeros_like(active)


def pageout(page: Page) -> Steps:
    """Write the page to its slot or its file; it is not freed in the same pass (pageout, writepage).

    Returns:
        False if there is no slot for a page of shared memory.
    """
    mapping = page_mapping(page)
    if mapping is not None and mapping.shmem:
        moved = yield from shmem_writepage(page)
        if not moved:
            return False

    page.clear(PG_dirty)
    page.set(PG_writeback)
    where = f"slot {page.private}" if page.test(PG_swapcache) else "its file"
    yield step("frame {page:#x} is being written to {where}", page=page.pfn, where=where)
    page.clear(PG_writeback)
    text = "frame {page:#x} is clean and unmapped; a later pass will free it"
    yield step(text, page=page.pfn)
    return True


def isolate(page: Page) -> Page:
    """Take a page off its LRU list, with a reference of our own."""
    if page.lru:
        lru_cache_del(page)
    page.count += 1
    return page


def putback(page: Page, verdict: str) -> Steps:
    """Put a page that stays back on a list, and drop our reference."""
    if verdict == "activate":
        activate_page(page)
        text = "frame {page:#x} stays, on the active list"
    else:
        page.clear(PG_active)
        lru_cache_add(page)
        text = "frame {page:#x} waits on the inactive list"
    release_page(page)
    yield step(text, page=page.pfn)


def swapout(machine: Machine, pfns: list[int]) -> Steps:
    """Force each page out by name: a pass that unmaps and writes it, or frees it if that was done before."""
    if len(pfns) < machine.options.bulk:
        yield from machine.kernel.shrink_list(machine, pfns, forced=True)
    else:
        yield from page_out(machine, pfns, shrink_page_list, forced=True)


def evict(machine: Machine, pfns: list[int]) -> Steps:
    """Force each page out until its frame is free, or the pass shows that something holds it."""
    if len(pfns) < machine.options.bulk:
        for pfn in pfns:
            yield from evict_page(machine, pfn, forced=True)
    else:
        yield from page_out(machine, pfns, evict_page, forced=True, until_free=True)


def evict_page(machine: Machine, pfn: int, *, forced: bool) -> Steps:
    """Two passes over one page, if the first has unmapped it and not freed.  Whether it is free."""
    freed = yield from machine.kernel.shrink_list(machine, [pfn], forced=forced)
    if not freed and not machine.page(pfn).mapcount:
        freed = yield from machine.kernel.shrink_list(machine, [pfn], forced=forced)
    return freed


def shrink_page_list(machine: Machine, pfn: int, *, forced: bool) -> Steps:
    """shrink_list of one page.  Whether it is free."""
    return (yield from machine.kernel.shrink_list(machine, [pfn], forced=forced))


def page_out(
    machine: Machine,
    pfns: list[int],
    single: Callable[..., Steps],
    *,
    forced: bool,
    most: int = 1 << 62,
    until_free: bool = False,
) -> Steps:
    """Page out many different pages: at once as far as they are plain, page by page where they are not.

    Args:
        single: What is done to a page by itself.
        most: Frames that are wanted.
        until_free: It is done until the page's frame is free.

    Returns:
        How many frames were freed.
    """
    at = freed = 0
    size = bulk_swap.FEW
    while at < len(pfns) and freed < most:
        wanted = most - freed
        batch = bulk_swap.shrink_pages(machine, pfns[at : at + size], forced, wanted, until_free)
        if batch is not None:
            yield batch.step
            freed += batch.frames
            at += len(batch.pages)
            size = min(2 * size, bulk_swap.MANY)
            continue
        size = bulk_swap.FEW
        for pfn in pfns[at : at + SWAP_CLUSTER_MAX]:
            if freed < most:
                freed += yield from single(machine, pfn, forced=forced)
        at += SWAP_CLUSTER_MAX
    return freed


def referenced(machine: Machine, pfns: list[int]) -> Steps:
    """page_referenced of each page, alone."""
    for pfn in pfns:
        yield from machine.scheme.page_referenced(machine.page(pfn))


def look(machine: Machine, pfns: list[int], full: bool) -> Steps:
    """The walk of try_to_unmap over each page, changing nothing."""
    for pfn in pfns:
        yield from machine.scheme.look(machine.page(pfn), full=full)


def reclaim(machine: Machine, nr_pages: int) -> Steps:
    """Free frames, in the way of the kernel that the scheme came with.

    Returns:
        How many were freed; fewer than asked where references, locks or a full swap hold the rest.
    """
    if isinstance(machine.scheme, OwnPageOut):
        freed = yield from machine.scheme.try_to_free_pages(nr_pages)
    else:
        freed = yield from try_to_free_pages(machine, nr_pages)
    yield step("pages freed: {n:,} of {asked:,} asked for", n=freed, asked=nr_pages)
    return freed


def try_to_free_pages(machine: Machine, nr_pages: int) -> Steps:
    """Free frames from the cold end of the LRU, looking harder in each pass (try_to_free_pages)."""
    freed = 0
    for priority in range(DEF_PRIORITY, -1, -1):
        yield from machine.kernel.shrink_active_list(machine, priority)
        n = max(len(machine.inactive_list) >> priority, SWAP_CLUSTER_MAX)
        pfns = machine.inactive_list.oldest(n)
        if n >= machine.options.bulk:
            wanted = nr_pages - freed
            freed += yield from page_out(machine, pfns, shrink_page_list, forced=False, most=wanted)
        else:
            for pfn in pfns:
                if freed == nr_pages:
                    break
                freed += yield from machine.kernel.shrink_list(machine, [pfn], forced=False)
        if freed == nr_pages:
            break
    return freed


def refill_many(machine: Machine, pfns: list[int]) -> Steps:
    """Move many pages from the active list at once, as far as they are plain; those that are left."""
    at = 0
    while at < len(pfns):
        batch = bulk_lru.refill(machine, pfns[at : at + bulk_swap.MANY])
        if batch is None:
            break
        yield batch.step
        at += len(batch.pages)
    return pfns[at:]


def refill_inactive(machine: Machine, priority: int) -> Steps:
    """Move pages nobody used lately from the active list to the inactive one (refill_inactive_zone)."""
    if len(machine.inactive_list) > len(machine.active_list):
        return
    n = max(len(machine.active_list) >> priority, SWAP_CLUSTER_MAX)
    pfns = machine.active_list.oldest(n)
    if n >= machine.options.bulk:
        pfns = yield from refill_many(machine, pfns)
    for pfn in pfns:
        page = machine.page(pfn)
        lru_cache_del(page)
        used = 0
        if page.mapcount:
            used = yield from machine.scheme.page_referenced(page)
        page.clear(PG_referenced | PG_active)
        if used:
            lru_cache_add_active(page)
            yield step("frame {page:#x} was used lately and stays active", page=pfn)
        else:
            lru_cache_add(page)
            yield step("frame {page:#x} is cold: it goes to the inactive list", page=pfn)
