"""Swap slots (mm/swapfile.c of 6.18)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.mm_types import VM_LOCKED, Vma
from vmtui.mm.page import Page, PG_swapcache, PG_writeback
from vmtui.mm.swapfile import delete_from_swap_cache

__all__ = ["folio_free_swap", "free_swap_bulk"]

Bools = NDArray[np.bool_]


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


def free_swap_bulk(vma: Vma, write: bool, lone: Bools, count: NDArray[np.int64]) -> tuple[Bools, Bools]:
    """`should_try_to_free_swap` of many pages coming back: at once, and where swap is half full."""
    at_once = lone & (count == 2) if write else np.zeros_like(lone)
    return (lone if vma.vm_flags & VM_LOCKED else at_once), lone
