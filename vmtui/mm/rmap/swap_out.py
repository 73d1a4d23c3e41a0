"""Page-out of 2.4: free what nobody maps, and where too much is mapped let the scan unmap it (mm/vmscan.c).

The inactive list is walked first.  It cannot tell who maps a page, only guess from page->count that
somebody does; after too many of those ``swap_out`` goes on with the virtual scan, whatever it comes by.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from vmtui.mm.filemap import page_mapping, remove_from_page_cache
from vmtui.mm.mm_types import VM_LOCKED, Mm, Vma
from vmtui.mm.page import PAGE_SIZE, Page, PG_active, PG_anon, PG_dirty, PG_referenced, PG_swapcache
from vmtui.mm.pgtable import pte_mkold, pte_young
from vmtui.mm.rmap import swap_out_bulk, swap_out_scan
from vmtui.mm.rmap.unmap import unmap_pte
from vmtui.mm.step import END, HIT, LEFT, WALK, WALKED, Steps, step
from vmtui.mm.swap import activate_page, lru_cache_add, lru_cache_add_active, lru_cache_del
from vmtui.mm.swap_state import add_to_swap
from vmtui.mm.swapfile import delete_from_swap_cache, release_page
from vmtui.mm.vmscan import SWAP_CLUSTER_MAX, pageout

if TYPE_CHECKING:
    from vmtui.mm.rmap.virtual_scan import VirtualScan

#: The priority page-out begins with (DEF_PRIORITY of 2.4).
DEF_PRIORITY: Final = 6


def try_to_free_pages(scan: VirtualScan, nr_pages: int) -> Steps:
    """Free frames from the cold end of the LRU, looking harder each time (try_to_free_pages, shrink_caches).

    Returns:
        How many were freed.
    """
    machine = scan.machine
    left = nr_pages
    for priority in range(DEF_PRIORITY, 0, -1):
        chunk = max(left, SWAP_CLUSTER_MAX)
        ratio = chunk * len(machine.active_list) // ((len(machine.inactive_list) + 1) * 2)
        yield from refill_inactive(scan, ratio)
        left -= yield from shrink_cache(scan, left, priority)
        if not left:
            break
    return nr_pages - left


def refill_inactive(scan: VirtualScan, nr_pages: int) -> Steps:
    """Move pages from the active list, those marked as used at the second try (refill_inactive)."""
    if nr_pages >= scan.machine.options.bulk and len(scan.machine.active_list):
        yield swap_out_bulk.refill_inactive(scan.machine, nr_pages)
        return
    rotated: list[int] = []
    for pfn in chain(list(scan.machine.active_list), rotated):
        if not nr_pages:
            return
        page = scan.machine.page(pfn)
        lru_cache_del(page)
        if page.test(PG_referenced):
            page.clear(PG_referenced)
            lru_cache_add_active(page)
            rotated.append(pfn)
            yield step("frame {page:#x} was used lately and stays active", page=pfn)
        else:
            page.clear(PG_active)
            page.set(PG_referenced)
            lru_cache_add(page)
            nr_pages -= 1
            yield step("frame {page:#x} goes to the inactive list", page=pfn)


def shrink_cache(scan: VirtualScan, nr_pages: int, priority: int) -> Steps:
    """Free what nobody maps; after too many pages that somebody may map, scan instead (shrink_cache).

    The second bound of `max_mapped` is 2.4.18's: without it a small machine never gets to the scan.

    Returns:
        How many were freed.
    """
    inactive = scan.machine.inactive_list
    max_scan = len(inactive) // priority
    max_mapped = min(max(nr_pages, SWAP_CLUSTER_MAX) << (9 - priority), max_scan // 10)
    freed, pfns = 0, inactive.oldest(max_scan)
    if len(pfns) >= scan.machine.options.bulk:
        cold = swap_out_bulk.shrink_cache(scan.machine, pfns, nr_pages, max_mapped)
        if cold is not None:
            yield cold.step
            pfns = pfns[len(cold.pages) :]
            freed += cold.frames
            max_mapped -= cold.mapped
    for pfn in pfns:
        page = scan.machine.page(pfn)
        lru_cache_del(page)
        lru_cache_add(page)
        cached = page.test(PG_swapcache) or page_mapping(page) is not None
        if page.count != 1 or not cached:
            max_mapped -= 1
            yield step("frame {page:#x}: its count says that somebody maps it", page=pfn)
            if max_mapped < 0:
                yield from swap_out(scan, page)
                return freed
        elif page.test(PG_dirty):
            page.count += 1
            yield from pageout(page)
            page.count -= 1
        else:
            free_cached(page)
            freed += 1
            yield step("frame {page:#x} left its cache and is free", page=pfn)
            if freed == nr_pages:
                return freed
    return freed


def swap_out(scan: VirtualScan, wanted: Page) -> Steps:
    """Let the scan go on until enough pages are freeable, or it has been everywhere (swap_out).

    The mm it begins in comes twice, so that what was in front of the cursor is seen too.  The page that
    was `wanted` when it began may or may not be among those it unmaps.
    """
    quota = SWAP_CLUSTER_MAX
    told = swap_out_scan.swap_out(scan, wanted, quota)
    if told is not None:
        yield told
        return
    text = "frame {page:#x} cannot be had: the scan goes on, for {n} pages"
    lines = scan.walk_lines(wanted)._asdict()
    yield step(text, WALK, page=wanted.pfn, kind="unmap", scheme=scan.name, n=quota, **lines)
    for _ in range(len(scan.machine.mms) + 1):
        for mm, start, end in scan.legs()[:1]:
            quota -= yield from swap_out_mm(scan, mm, start, end, quota)
        if not quota:
            break
    text = "the scan stops here: {n} pages were made freeable"
    yield step(text, WALKED, page=wanted.pfn, stopped=END, n=SWAP_CLUSTER_MAX - quota)


def swap_out_mm(scan: VirtualScan, mm: Mm, start: int, end: int, quota: int) -> Steps:
    """The scan's way through one mm, up to its quota (swap_out_mm).

    Returns:
        How many pages were made freeable.
    """
    freeable = 0
    for vma, address, ptep, pfn in scan.entries(mm, start, end):
        scan.advance(mm, address + PAGE_SIZE)
        freeable += yield from try_to_swap_out(scan, vma, address, ptep, scan.machine.page(pfn))
        if freeable == quota:
            return freeable
    scan.advance(mm, end)
    return freeable


def try_to_swap_out(scan: VirtualScan, vma: Vma, address: int, ptep: int, page: Page) -> Steps:
    """One entry: left if its page was used, else unmapped (try_to_swap_out).

    It is a hit if the page can be freed now; a page that others still map was seen for nothing, so far.

    Returns:
        Whether the page can be freed.
    """
    memory = scan.machine.memory
    mm = vma.vm_mm
    about: dict[str, Any] = {"page": page.pfn, "vma": vma.id, "mm": mm.id, "ptep": ptep}
    about |= {"who": mm.name, "address": address}
    locked = bool(vma.vm_flags & VM_LOCKED)
    if locked or pte_young(memory[ptep]):
        memory[ptep] = memory[ptep] if locked else pte_mkold(memory[ptep])
        mark_page_accessed(page)
        why = "locked in memory" if locked else "used since last asked; bit cleared"
        yield step("{who}:{address:#x} was {why}: left", LEFT, why=why, **about)
        return False
    if page.test(PG_active):
        yield step("{who}:{address:#x}: frame {page:#x} is active: left", LEFT, **about)
        return False
    if page.test(PG_anon) and not page.test(PG_swapcache):
        added = yield from add_to_swap(page)
        if not added:
            yield step("{who}:{address:#x}: no slot to go to: left", LEFT, **about)
            return False

    left = unmap_pte(page, mm, ptep)
    yield from scan.page_remove_rmap(page, ptep)
    # The cache's reference is the last one.
    freeable = page.count == 1
    fate = "freeable" if freeable else "mapped elsewhere"
    text = "{who}:{address:#x} {left}; page {page:#x} is {fate}"
    yield step(text, HIT if freeable else LEFT, left=left, fate=fate, **about)
    return freeable


def mark_page_accessed(page: Page) -> None:
    """A page used twice while inactive becomes active (mark_page_accessed, mm/filemap.c)."""
    if page.test(PG_active) or not page.test(PG_referenced):
        page.set(PG_referenced)
        return
    lru_cache_del(page)
    activate_page(page)
    page.clear(PG_referenced)


def free_cached(page: Page) -> None:
    """Take a page that only its cache holds out of it, and free it (the end of shrink_cache)."""
    page.count += 1
    if page.test(PG_swapcache):
        delete_from_swap_cache(page)
    else:
        remove_from_page_cache(page)
    release_page(page)
