"""Swap slots (mm/swapfile.c of 6.18)."""

from __future__ import annotations

from vmtui.mm.page import Page, PG_swapcache, PG_writeback
from vmtui.mm.swapfile import delete_from_swap_cache

__all__ = ["folio_free_swap"]


def folio_free_swap(page: Page) -> bool:
    """Take a page out of the swap cache if nobody has a swap entry for it (folio_free_swap).

    It does not matter who maps it.
    """
    if not page.test(PG_swapcache) or page.test(PG_writeback):
        return False
    if page.machine.swap.map.cell[page.private] != 1:
        return False
    delete_from_swap_cache(page)
    return True
