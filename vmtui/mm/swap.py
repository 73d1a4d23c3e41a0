"""The LRU lists (mm/swap.c).

A page on a list holds a *ticket*: its place in the order in which pages were put there.  The list is
the column of pfns by ticket; a page taken off leaves a hole.  Ticket 0 is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from vmtui.mm.page import Page, PG_active, PG_lru
from vmtui.state.column import Column
from vmtui.state.history import History

_HEAD, _TAIL, _HOLES = range(3)

#: Tickets a list has, for each frame of the machine; half of them used up and it is compacted.
TICKETS_PER_FRAME: Final = 8


class LruList:
    """The active or the inactive list, oldest first."""

    __slots__ = ("order", "register")

    def __init__(self, history: History, frames: int) -> None:
        self.register = Column(history, 3, np.int64, lambda: [slice(0, 3)])
        self.order = Column(
            history, frames * TICKETS_PER_FRAME, np.uint32, lambda: [slice(0, self.register.cell[_TAIL])]
        )
        self.register.cell[_HEAD] = self.register.cell[_TAIL] = 1

    def __len__(self) -> int:
        cell = self.register.cell
        return cell[_TAIL] - cell[_HEAD] - cell[_HOLES]

    def append(self, pfn: int) -> int:
        """Put a page at the young end; its ticket."""
        register = self.register
        ticket = register.cell[_TAIL]
        self.order[ticket] = pfn
        register[_TAIL] = ticket + 1
        return ticket

    def append_bulk(self, pfns: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
        """Put many pages at the young end, in order; the ticket of the first."""
        register = self.register
        ticket = register.cell[_TAIL]
        self.order.put(slice(ticket, ticket + len(pfns)), pfns)
        register[_TAIL] = ticket + len(pfns)
        return ticket

    def remove(self, ticket: int) -> None:
        """Take a page off."""
        self.order[ticket] = 0
        self.register[_HOLES] += 1

    def remove_bulk(self, tickets: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
        """Take many pages off."""
        self.order.put(tickets, 0)
        self.register[_HOLES] += len(tickets)

    def oldest(self, n: int) -> list[int]:
        """The `n` oldest pfns."""
        found: list[int] = []
        order = self.order.cell
        for ticket in range(self.register.cell[_HEAD], self.register.cell[_TAIL]):
            if len(found) == n:
                break
            if order[ticket]:
                found.append(order[ticket])
        return found

    def __iter__(self) -> Iterator[int]:
        """All pfns, oldest first."""
        cell = self.register.cell
        live = self.order.all[cell[_HEAD] : cell[_TAIL]]
        return iter(int(pfn) for pfn in live[live != 0])

    def compact(self, lru: Column) -> None:
        """Renumber the tickets from 1 if half of them are used up; only between commands.

        Args:
            lru: The column that holds each page's ticket.
        """
        tail = self.register.cell[_TAIL]
        if tail < len(self.order) // 2:
            return
        order = self.order.all[:tail]
        live = order[order != 0].astype(np.int64)
        self.order.put(slice(0, tail), 0)
        self.order.put(slice(1, 1 + len(live)), live)
        lru.put(live, np.arange(1, 1 + len(live), dtype=np.int64))
        self.register[_HEAD] = 1
        self.register[_TAIL] = 1 + len(live)
        self.register[_HOLES] = 0


def lru_cache_add_active(page: Page) -> None:
    """Put a new page on the active list (lru_cache_add_active)."""
    page.lru = page.machine.active_list.append(page.pfn)
    page.set(PG_lru | PG_active)


def lru_cache_add(page: Page) -> None:
    """Put a page on the inactive list (lru_cache_add)."""
    page.lru = page.machine.inactive_list.append(page.pfn)
    page.set(PG_lru)


def lru_cache_del(page: Page) -> None:
    """Take a page off the list it is on; PG_active stays to tell which it was (lru_cache_del)."""
    lru = page.machine.active_list if page.test(PG_active) else page.machine.inactive_list
    lru.remove(page.lru)
    page.lru = 0
    page.clear(PG_lru)


def activate_page(page: Page) -> None:
    """Put a page that is on no list on the active one (activate_page)."""
    page.clear(PG_active)
    lru_cache_add_active(page)
