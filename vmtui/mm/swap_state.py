"""The swap cache (mm/swap_state.c of 2.6.4, with the RFC).

A page in it holds its slot in ``page->private`` under PG_swapcache; its union and index stay as they
are, so that a page still mapped somewhere is still found (as 2.6.6 came to do).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmtui.mm.page import Page, PG_dirty, PG_swapcache, PG_uptodate
from vmtui.mm.page_alloc import alloc_page
from vmtui.mm.step import Steps, step
from vmtui.mm.swapfile import get_swap_page, swap_duplicate

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine


def lookup_swap_cache(machine: Machine, slot: int) -> int:
    """The frame that holds a slot's page in the swap cache, or 0 (lookup_swap_cache)."""
    return machine.swap.cached.cell[slot]


def add_to_swap_cache(page: Page, slot: int) -> None:
    """Enter a page under its slot; the cache holds a reference (add_to_swap_cache)."""
    page.private = slot
    page.set(PG_swapcache)
    page.count += 1
    page.machine.swap.cached[slot] = page.pfn


def add_to_swap(page: Page) -> Steps:
    """Give an anonymous page a slot and enter it into the swap cache (add_to_swap).

    Returns:
        False if swap is full.
    """
    slot = get_swap_page(page.machine)
    if not slot:
        yield step("frame {page:#x}: swap is full, no slot to give it", page=page.pfn)
        return False
    add_to_swap_cache(page, slot)
    page.set(PG_uptodate | PG_dirty)
    yield step("frame {page:#x} got slot {slot} and entered the swap cache", page=page.pfn, slot=slot)
    return True


def read_swap_cache_async(machine: Machine, slot: int) -> Page:
    """Read a slot into a new frame of the swap cache, no readahead (read_swap_cache_async).

    The caller holds a reference.

    Raises:
        KernelError: ENOMEM.
    """
    page = alloc_page(machine)
    swap_duplicate(machine, slot)
    add_to_swap_cache(page, slot)
    page.set(PG_uptodate)
    machine.kernel.lru_cache_add_anon(page)
    return page
