"""The bulk twin of what moves pages from the active list to the inactive one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from vmtui.mm.bulk_pageout import make_old
from vmtui.mm.page import PG_active, PG_lru, PG_referenced
from vmtui.mm.rmap.walk_bulk import Found, walk_run
from vmtui.mm.step import Told, step
from vmtui.mm.swap import lru_add_bulk, lru_del_bulk
from vmtui.mm.walks import WALKS

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]


@attrs.frozen
class Refill:
    """Pages that were taken off the active list.

    Attributes:
        pages: They.
        mapped: Which are in page tables.
        used: Which were used lately, and are active again.
        asked: What page_referenced met of the mapped ones.
    """

    pages: Indices
    mapped: Mask
    used: Mask
    asked: Found | None

    @property
    def step(self) -> Told:
        """What is said of it."""
        text = "{n:,} pages at once: {used:,} stay active, {cold:,} are inactive now"
        used = int(np.count_nonzero(self.used))
        about: dict[str, Any] = {"n": len(self.pages), "used": used, "cold": len(self.pages) - used}
        if self.asked is None:
            return step(text, **about)
        scheme = self.asked.machine.scheme.name
        about[WALKS] = walk_run(scheme, [(np.flatnonzero(self.mapped), self.asked)])
        return step(text, **about)


def refill(machine: Machine, pfns: Sequence[int]) -> Refill | None:
    """`refill_inactive`, or today's `shrink_active_list`, of the first of many pages, as far as its walk
    finds all that are mapped; None if the first is not."""
    pages = np.array(pfns, np.int64)
    while len(pages):
        mem_map = machine.mem_map
        mapped = mem_map.mapcount.all[pages] > 0
        fits = ~mapped
        asked = None
        if mapped.any():
            asked = machine.scheme.walk_bulk(pages[mapped], "referenced")
            fits[mapped] = False if asked is None else asked.sound()
        if fits.all():
            return move_pages(machine, pages, mapped, asked)
        pages = pages[: int(np.argmin(fits))]
    return None


def move_pages(machine: Machine, pages: Indices, mapped: Mask, asked: Found | None) -> Refill:
    """Put all pages where they belong."""
    kernel, flags = machine.kernel, machine.mem_map.flags
    before = flags.all[pages]
    used = np.zeros(len(pages), np.bool_)
    lru_del_bulk(machine, pages)
    if asked is not None:
        if kernel.referenced_flag:
            used[mapped] = (asked.young() > 0) | (before[mapped] & np.uint32(PG_referenced) != 0)
        make_old(machine, asked.mapped()[1])
        machine.scheme.walked_bulk(pages[mapped], np.zeros(len(asked.pages), np.bool_), pages[:0])
    dropped = np.uint32(PG_active | (PG_referenced if kernel.referenced_flag else 0))
    after = flags.all[pages] & ~dropped | np.uint32(PG_lru)
    flags.put(pages, np.where(used, after | np.uint32(PG_active), after))
    lru_add_bulk(machine, pages[used], active=True)
    lru_add_bulk(machine, pages[~used], active=False)
    return Refill(pages, mapped, used, asked)
