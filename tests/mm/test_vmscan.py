"""Page-out: forced by name, and from the LRU."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.mm.lab import Lab, R, mm_of
from vmtui.mm import vmscan
from vmtui.mm.mm_types import Task
from vmtui.mm.page import PAGE_SIZE, PG_dirty, PG_swapcache, PG_writeback
from vmtui.mm.pgtable import is_swap_pte, pte_present


class TestSwapout:
    """One pass over pages named."""

    def test_first_pass_unmaps_and_writes(self, lab: Lab) -> None:
        """After it the page is clean, unmapped, in the swap cache, on the inactive list, its frame taken."""
        task, address = lab.heap(1)
        page, free = lab.page(task, address), lab.machine.zones[0].free
        lab.swapout(task, address)

        assert (0, 1, free) == (page.mapcount, page.count, lab.machine.zones[0].free)
        assert (True, False, False) == (page.test(PG_swapcache), page.test(PG_dirty), page.test(PG_writeback))
        assert [page.pfn] == list(lab.machine.inactive_list)
        assert (True, 0) == (is_swap_pte(lab.pte(task, address)), mm_of(task).rss)

    def test_order_of_the_stages(self, lab: Lab) -> None:
        """page_referenced, then the slot, then try_to_unmap, then the write."""
        task, address = lab.heap(1)
        lab.swapout(task, address)
        wanted = ("page_referenced", "add_to_swap", "try_to_unmap", "pageout", "putback")
        seen = dict.fromkeys(name for name in lab.functions if name in wanted)

        assert list(wanted) == list(seen)

    def test_second_pass_frees(self, lab: Lab) -> None:
        """What the first pass left clean and unmapped, the second frees; the slot stays for the entry."""
        task, address = lab.heap(1)
        free = lab.machine.zones[0].free
        lab.swapout(task, address)
        lab.swapout(task, address)

        assert (free + 1, 1) == (lab.machine.zones[0].free, lab.machine.swap.used())
        assert (0, ()) == (lab.pfn(task, address), lab.walks)

    def test_clean_page_is_freed_in_the_same_pass(self, lab: Lab) -> None:
        """A page read back and not written since needs no write: one pass unmaps and frees it."""
        task, address = lab.heap(1)
        free = lab.machine.zones[0].free + 1
        lab.evict(task, address)
        lab.read(task, address)
        lab.swapout(task, address)

        assert free == lab.machine.zones[0].free
        assert "pageout" not in lab.functions

    def test_page_written_since_is_written_again(self, lab: Lab) -> None:
        """A dirty PTE makes the page dirty when it is unmapped."""
        task, address = lab.heap(1)
        lab.evict(task, address)
        lab.write(task, address)
        lab.swapout(task, address)

        assert "pageout" in lab.functions
        assert lab.pfn(task, address)

    def test_references_do_not_save_it(self, lab: Lab) -> None:
        """A forced pass clears young bits, says that it ignores them, and goes on."""
        parent, address = lab.heap(1)
        child = lab.fork(parent, "c")
        lab.read(child, address)
        lab.swapout(parent, address)

        assert any("forced" in said and "ignored" in said for said in lab.sentences)
        assert is_swap_pte(lab.pte(child, address))

    def test_every_page_has_its_own_walks(self, lab: Lab) -> None:
        """Two walks a page, in the order of the pages."""
        task, address = lab.heap(3)
        pfns = [lab.pfn(task, address + number * PAGE_SIZE) for number in range(3)]
        lab.swapout(task, address, 3)

        assert [pfn for pfn in pfns for _ in range(2)] == [walk.page for walk in lab.walks]
        assert ["referenced", "unmap"] * 3 == [walk.kind for walk in lab.walks]
        for one, other in pairwise(lab.walks):
            assert one.last <= other.first


class TestEvict:
    """Until the frame is free."""

    @pytest.mark.parametrize("before", ["mapped", "swapped out", "read back"])
    def test_frame_is_free(self, lab: Lab, before: str) -> None:
        """From whatever stage, the frame is free when it is done."""
        task, address = lab.heap(1)
        free = lab.machine.zones[0].free
        if before != "mapped":
            lab.swapout(task, address)
        if before == "read back":
            lab.read(task, address)
        lab.evict(task, address)

        assert (free + 1, 0) == (lab.machine.zones[0].free, lab.pfn(task, address))

    def test_locked_page_is_tried_once(self, lab: Lab) -> None:
        """What VM_LOCKED keeps stays, after one pass."""
        task, address = lab.heap(1)
        lab.mlock(task, address, 1)
        lab.evict(task, address)

        assert pte_present(lab.pte(task, address))
        assert 1 == sum(walk.kind == "unmap" for walk in lab.walks)

    def test_shared_page(self, lab: Lab) -> None:
        """All who had it hold the slot now."""
        parent, address = lab.heap(1)
        children = [lab.fork(parent, name) for name in "abc"]
        lab.evict(parent, address)

        assert 4 == lab.machine.swap.map[1]
        assert {0} == {mm_of(task).rss for task in (parent, *children)}


def reclaim(lab: Lab, pages: int) -> int:
    """Free so many frames from the LRU; how many were."""
    freed: int = lab.run(vmscan.reclaim(lab.machine, pages))
    return freed


def present(lab: Lab, task: Task, address: int, pages: int) -> list[bool]:
    """Which pages are mapped."""
    return [pte_present(lab.pte(task, address + number * PAGE_SIZE)) for number in range(pages)]


class TestReclaim:
    """Frames from the cold end."""

    @pytest.mark.parametrize("pages", [0, 1, 5])
    def test_frees_what_was_asked(self, lab: Lab, pages: int) -> None:
        """Enough passes are made, and no more pages are freed than asked for."""
        lab.heap(10)
        free = lab.machine.zones[0].free

        assert pages == reclaim(lab, pages)
        assert free + pages == lab.machine.zones[0].free

    def test_oldest_go_first(self, lab: Lab) -> None:
        """Of pages that nobody used since, those put on first are freed first."""
        task, address = lab.heap(6)
        lab.swapout(task, address, 6)
        reclaim(lab, 2)

        assert [True] * 2 + [False] * 4 == [lab.pfn(task, address + n * PAGE_SIZE) == 0 for n in range(6)]

    def test_page_in_use_is_passed_over(self, lab: Lab) -> None:
        """A page used between two passes goes back to the active list; a cold one goes out."""
        task, address = lab.heap(2)
        lab.run(vmscan.refill_inactive(lab.machine, 12))
        lab.run(vmscan.refill_inactive(lab.machine, 12))
        assert 2 == len(lab.machine.inactive_list)
        lab.read(task, address)
        lab.run(vmscan.shrink_list(lab.machine, list(lab.machine.inactive_list), forced=False))

        assert [True, False] == present(lab, task, address, 2)
        assert [lab.pfn(task, address)] == list(lab.machine.active_list)

    def test_active_list_is_left_alone_while_the_inactive_is_longer(self, lab: Lab) -> None:
        """Pages move from the active list only until the inactive one is the longer."""
        task, address = lab.heap(3)
        lab.swapout(task, address, 2)
        before = lab.digest()
        lab.run(vmscan.refill_inactive(lab.machine, 0))
        assert (before, 0) == (lab.digest(), len(lab.steps))
        lab.read(task, address)
        lab.evict(task, address)
        assert (1, 1) == (len(lab.machine.active_list), len(lab.machine.inactive_list))
        lab.run(vmscan.refill_inactive(lab.machine, 0))

        assert lab.steps

    def test_stops_where_nothing_can_go(self, lab: Lab) -> None:
        """Locked pages stay, whatever is asked; the answer is how many went."""
        task, address = lab.heap(4)
        lab.mlock(task, address, 4)

        assert 0 == reclaim(lab, 4)
        assert [True] * 4 == present(lab, task, address, 4)
        assert "pages freed: 0 of 4 asked for" == lab.sentences[-1]

    def test_stops_where_swap_is_full(self) -> None:
        """As many go as there are slots."""
        lab = Lab(swap="12K")
        lab.heap(8)

        assert 3 == reclaim(lab, 8)

    def test_shared_page_is_freed_once(self, lab: Lab) -> None:
        """A page of three processes is one frame."""
        parent, address = lab.heap(1)
        children = [lab.fork(parent, name) for name in "ab"]

        assert 1 == reclaim(lab, 5)
        assert {True} == {is_swap_pte(lab.pte(task, address)) for task in (parent, *children)}

    def test_empty_machine(self, lab: Lab) -> None:
        """Where there is nothing nothing is freed."""
        assert 0 == reclaim(lab, 3)

    def test_walks_are_more_than_two(self, lab: Lab) -> None:
        """A page is walked when it leaves the active list, and again when it is reclaimed."""
        lab.heap(1)
        reclaim(lab, 1)
        kinds = [walk.kind for walk in lab.walks]

        assert ("unmap", 1) == (kinds[-1], kinds.count("unmap"))
        assert kinds.count("referenced") >= 2


def test_dry_walks_over_many(lab: Lab) -> None:
    """referenced and walk take any number of pages, one walk each."""
    task, address = lab.heap(3)
    lab.mprotect(task, address, 3, R)
    pfns = [lab.pfn(task, address + number * PAGE_SIZE) for number in range(3)]
    lab.run(vmscan.referenced(lab.machine, pfns))
    assert [("referenced", pfn) for pfn in pfns] == [(walk.kind, walk.page) for walk in lab.walks]
    lab.run(vmscan.look(lab.machine, pfns, False))

    assert [("look", pfn) for pfn in pfns] == [(walk.kind, walk.page) for walk in lab.walks]
