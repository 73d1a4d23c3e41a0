"""The LRU lists."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.mm.lab import Lab, mm_of
from vmtui.mm import vmscan
from vmtui.mm.page import PAGE_SIZE
from vmtui.mm.swap import TICKETS_PER_FRAME, LruList
from vmtui.state.column import Column
from vmtui.state.history import History


def lists(frames: int = 64) -> tuple[LruList, Column]:
    """A list, and the column that holds each frame's ticket."""
    history = History()
    return LruList(history, frames), Column(history, frames, np.uint32, lambda: [slice(0, frames)])


def test_oldest_first() -> None:
    """Pages come in the order in which they were put on; those taken off leave no trace."""
    lru, _ = lists()
    tickets = [lru.append(pfn) for pfn in (7, 3, 9, 5)]
    lru.remove(tickets[1])

    assert [1, 2, 3, 4] == tickets
    assert ([7, 9, 5], 3) == (list(lru), len(lru))
    assert [[], [7], [7, 9, 5]] == [lru.oldest(n) for n in (0, 1, 10)]


def test_bulk_is_many_single_ones() -> None:
    """Many pages at once get the tickets that single ones would get."""
    one, _ = lists()
    many, _ = lists()
    pfns = np.array([4, 8, 15, 16, 23, 42], dtype=np.int64)
    tickets = [one.append(pfn) for pfn in pfns.tolist()]

    assert tickets[0] == many.append_bulk(pfns)
    assert one.register.all.tolist() == many.register.all.tolist()
    assert one.order.all.tolist() == many.order.all.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_compaction_keeps_the_order(seed: int) -> None:
    """When half the tickets are used up they are given anew, in the old order; undo takes it back."""
    rng = random.Random(seed)
    lru, tickets = lists()
    model: list[int] = []
    compactions = 0
    for _ in range(3000):
        if model and (rng.random() < 0.5 or len(model) > 40):
            pfn = model.pop(rng.randrange(len(model)))
            lru.remove(tickets[pfn])
            tickets[pfn] = 0
        else:
            pfn = rng.choice([pfn for pfn in range(1, 64) if pfn not in model])
            tickets[pfn] = lru.append(pfn)
            model.append(pfn)
        mark, held = lru.order.history.mark, tickets.all.tolist()
        lru.compact(tickets)
        if lru.order.history.mark != mark:
            compactions += 1
            assert list(range(1, 1 + len(model))) == [tickets[pfn] for pfn in model]
            after = lru.order.history.mark
            lru.order.history.seek(mark)
            assert held == tickets.all.tolist()
            lru.order.history.seek(after)
        assert model == list(lru)
        assert all(lru.order[tickets[pfn]] == pfn for pfn in model)
    assert compactions


def test_compaction_waits_for_half() -> None:
    """A list with room is left alone."""
    lru, tickets = lists(8)
    for _ in range(8 * TICKETS_PER_FRAME // 2 - 2):
        lru.remove(lru.append(1))
    mark = lru.order.history.mark
    lru.compact(tickets)

    assert mark == lru.order.history.mark


def test_new_page_is_active(lab: Lab) -> None:
    """A page faulted in goes to the young end of the active list and knows its place there."""
    task, address = lab.heap(3)
    pfns = [lab.pfn(task, address + number * PAGE_SIZE) for number in range(3)]

    assert (pfns, []) == (list(lab.machine.active_list), list(lab.machine.inactive_list))
    assert all(lab.machine.page(pfn).test("active") for pfn in pfns)
    assert [1, 2, 3] == [lab.machine.page(pfn).lru for pfn in pfns]


def test_page_that_is_freed_leaves(lab: Lab) -> None:
    """Free frames are on no list."""
    task, address = lab.heap(3)
    lab.madvise(task, address + PAGE_SIZE, 1)
    lab.swapout(task, address)
    assert (1, 1) == (len(lab.machine.active_list), len(lab.machine.inactive_list))
    lab.exit(task)

    assert (0, 0) == (len(lab.machine.active_list), len(lab.machine.inactive_list))


def test_tickets_never_run_out() -> None:
    """Passes over a machine full of locked pages use up tickets and get them back between commands."""
    lab = Lab(ram="4M", check=False)
    task, address = lab.heap(950)
    lab.mlock(task, address, 950)
    for _ in range(12):
        lab.machine.housekeeping()
        lab.run(vmscan.reclaim(lab.machine, 1000))
    lab.check = True
    lab.verify()

    assert 950 == mm_of(task).rss
