"""The article's scheme when VMAs are cut, joined and moved."""

from __future__ import annotations

import pytest

from tests.mm.lab import NONE, RW, Lab, R, counts, family, mm_of, order, spans, vma_at
from vmtui.mm.check import check
from vmtui.mm.mm_types import VM_EXEC
from vmtui.mm.page import PAGE_SIZE, PG_direct, PG_swapcache


class TestSplit:
    """A VMA is cut in two."""

    def test_intended_split_makes_direct_pages_indirect(self, lab: Lab) -> None:
        """One anon_vma for both halves, the new struct at the head, every direct page swings over."""
        task, address = lab.heap(4)
        vma = vma_at(task, address)
        lab.mprotect(task, address + 2 * PAGE_SIZE, 2, R)
        new = vma_at(task, address)
        anon_vma = vma.anon_vma

        assert (True, 1) == (new is not vma, len(lab.machine.anon_vmas))
        assert anon_vma is not None
        assert [new, vma] == list(anon_vma.vmas)
        for number in range(4):
            page = lab.page(task, address + number * PAGE_SIZE)
            assert (False, anon_vma.id) == (page.test(PG_direct), page.mapping)
            walk = lab.look(task, address + number * PAGE_SIZE, full=True)
            assert (2, 1, 1) == (walk.examined, walk.hits, walk.miss_range)

    def test_intended_split_of_a_queued_vma_allocates_nothing(self, lab: Lab) -> None:
        """The new half joins the list that is there, at its head; direct pages swing over to it."""
        parent, address = lab.heap(4, write=False)
        lab.write(parent, address, 2)
        lab.fork(parent, "c")
        lab.write(parent, address + 3 * PAGE_SIZE)
        assert lab.page(parent, address + 3 * PAGE_SIZE).test(PG_direct)
        lab.mprotect(parent, address + 2 * PAGE_SIZE, 2, R)

        assert 1 == len(lab.machine.anon_vmas)
        assert ["p", "p", "c"] == order(parent, address)
        assert not lab.page(parent, address + 3 * PAGE_SIZE).test(PG_direct)

    @pytest.mark.parametrize("state", ["untouched", "zero", "swapped"])
    def test_intended_split_without_direct_page_makes_no_list(self, lab: Lab, state: str) -> None:
        """Nothing to save, nothing allocated."""
        task, address = lab.heap(4, write=state == "swapped")
        if state == "zero":
            lab.read(task, address, 4)
        if state == "swapped":
            lab.evict(task, address, 4)
        lab.mprotect(task, address, 2, R)

        assert 0 == len(lab.machine.anon_vmas)
        assert 2 == len(mm_of(task).vmas)

    def test_pages_under_prot_none_are_saved_too(self, lab: Lab) -> None:
        """An entry the CPU may not use is still a mapping the walk must find."""
        task, address = lab.heap(4)
        lab.mprotect(task, address, 4, NONE)
        lab.mprotect(task, address + PAGE_SIZE, 1, RW)

        assert set() == check(lab.machine)
        assert (3, 1) == counts(lab.look(task, address, full=True))

    def test_posted_split_loses_pages(self) -> None:
        """As posted, direct pages in the new half are lost to the walk; nothing else is wrong."""
        lab = Lab(draft="posted")
        task, address = lab.heap(4)
        lab.mprotect(task, address + 2 * PAGE_SIZE, 2, R)

        assert {"unreachable"} == check(lab.machine) == lab.machine.scheme.expected
        walk = lab.look(task, address, full=True)
        assert (1, 0, 1) == (walk.examined, walk.hits, walk.miss_range)
        assert (1, 1) == counts(lab.look(task, address + 2 * PAGE_SIZE, full=True))

    def test_posted_lost_page_cannot_be_swapped(self) -> None:
        """The walk finds no PTE, so the page stays, mapped and in the swap cache."""
        lab = Lab(draft="posted")
        task, address = lab.heap(4)
        lab.mprotect(task, address + 2 * PAGE_SIZE, 2, R)
        lab.swapout(task, address)
        page = lab.page(task, address)

        assert (1, True) == (page.mapcount, page.test(PG_swapcache))
        assert (1, 0, "end") == (lab.walks[-1].examined, lab.walks[-1].hits, lab.walks[-1].stopped)

    def test_posted_pointer_may_dangle(self) -> None:
        """The VMA a lost page points at may be freed: then there is no candidate to examine."""
        lab = Lab(draft="posted")
        task, address = lab.heap(4)
        lab.mprotect(task, address + 2 * PAGE_SIZE, 2, R)
        lab.munmap(task, address + 2 * PAGE_SIZE, 2)
        walk = lab.look(task, address, full=True)

        assert (0, 0, "end") == (walk.examined, walk.hits, walk.stopped)
        lab.swapout(task, address)
        lab.munmap(task, address, 2)
        assert set() == check(lab.machine)

    def test_posted_fork_finds_lost_pages(self) -> None:
        """fork reads page tables, so it gives a lost page its list, and the hole is closed for it."""
        lab = Lab(draft="posted")
        task, address = lab.heap(4)
        lab.mprotect(task, address + 2 * PAGE_SIZE, 2, R)
        lab.fork(task, "c")

        assert set() == check(lab.machine)
        # The upper half's VMA is on another list.
        assert 2 == len(lab.machine.anon_vmas)


class TestMergeAndMove:
    """VMAs are joined and moved: pages are pointed at what has them now."""

    def test_merge_points_direct_pages_at_the_survivor(self, lab: Lab) -> None:
        """mprotect hands a range to its neighbour: its direct pages follow, nothing is allocated."""
        task = lab.spawn()
        low = lab.mmap(task, "h", 2, R, at=0x40000000)
        high = lab.mmap(task, "k", 2, at=0x40002000)
        lab.write(task, high, 2)
        survivor = vma_at(task, low)
        lab.mprotect(task, high, 2, R)

        assert [(0x40000, 4)] == spans(task)
        assert survivor is vma_at(task, high)
        assert 0 == len(lab.machine.anon_vmas)
        for number in range(2):
            page = lab.page(task, high + number * PAGE_SIZE)
            assert (True, survivor.id) == (page.test(PG_direct), page.mapping)

    def test_merge_of_part_with_the_neighbour_below(self, lab: Lab) -> None:
        """Part of a VMA goes to the one below it: only that part's pages are pointed there."""
        task = lab.spawn()
        low = lab.mmap(task, "h", 2, R, at=0x40000000)
        high = lab.mmap(task, "k", 4, at=0x40002000)
        lab.write(task, high, 4)
        lab.mprotect(task, high, 2, R)

        assert [(0x40000, 4), (0x40004, 2)] == spans(task)
        owners = [lab.page(task, high + number * PAGE_SIZE).mapping for number in range(4)]
        below, above = vma_at(task, low).id, vma_at(task, high + 2 * PAGE_SIZE).id
        assert [below, below, above, above] == owners
        assert 0 == len(lab.machine.anon_vmas)

    def test_merge_of_part_with_the_neighbour_above(self, lab: Lab) -> None:
        """Part of a VMA goes to the one above it, whose vm_pgoff follows its start."""
        task = lab.spawn()
        low = lab.mmap(task, "h", 4, at=0x40000000)
        lab.mmap(task, "k", 2, R, at=0x40004000)
        lab.write(task, low, 4)
        lab.mprotect(task, low + 2 * PAGE_SIZE, 2, R)

        assert [(0x40000, 2), (0x40002, 4)] == spans(task)
        assert 0x40002 == vma_at(task, low + 3 * PAGE_SIZE).vm_pgoff
        assert (1, 1) == counts(lab.look(task, low + 3 * PAGE_SIZE, full=True))

    def test_survivor_joins_the_list_of_what_it_takes_in(self, lab: Lab) -> None:
        """A VMA on no list takes in one that is on a list, and is queued there."""
        parent = lab.spawn()
        low = lab.mmap(parent, "h", 2, R, at=0x40000000)
        high = lab.mmap(parent, "k", 2, at=0x40002000)
        lab.write(parent, high, 2)
        child = lab.fork(parent, "c")
        lab.mprotect(parent, high, 2, R)

        assert [(0x40000, 4)] == spans(parent)
        assert vma_at(parent, low).anon_vma is vma_at(child, high).anon_vma
        assert (2, 2) == counts(lab.look(parent, high, full=True))

    @pytest.mark.parametrize("forked", [False, True])
    def test_two_lists_do_not_merge(self, lab: Lab, forked: bool) -> None:
        """VMAs on different lists stay two where all else agrees; on no list they become one."""
        task = lab.spawn()
        low = lab.mmap(task, "h", 2, at=0x40000000)
        high = lab.mmap(task, "k", 2, RW | VM_EXEC, at=0x40002000)
        lab.write(task, low, 4)
        if forked:
            lab.fork(task, "c")
        lab.mprotect(task, high, 2, RW)

        assert (2 if forked else 1) == len(spans(task))

    def test_gap_between_two_lists_goes_to_the_lower(self, lab: Lab) -> None:
        """A mapping that fills the gap between VMAs of two lists can join one only: the lower takes it."""
        parent = lab.spawn()
        for name, at in (("a", 0x40000000), ("c", 0x40002000)):
            lab.mmap(parent, name, 1, at=at)
            lab.write(parent, at)
        child = lab.fork(parent, "c")
        lab.mmap(parent, "b", 1, at=0x40001000)

        assert [(0x40000, 2), (0x40002, 1)] == spans(parent)
        for at in (0x40000000, 0x40002000):
            assert vma_at(parent, at).anon_vma is vma_at(child, at).anon_vma
            assert (2, 2) == counts(lab.look(parent, at, full=True))

    def test_halves_of_one_list_merge_again(self, lab: Lab) -> None:
        """What a split cut apart merges when its protection is the same again."""
        task, address = lab.heap(4)
        lab.mprotect(task, address + PAGE_SIZE, 2, R)
        assert 3 == len(mm_of(task).vmas)
        lab.mprotect(task, address + PAGE_SIZE, 2, RW)

        assert [(address >> 12, 4)] == spans(task)
        assert (1, 1) == (len(lab.machine.vmas), len(lab.machine.anon_vmas))
        assert (1, 1) == counts(lab.look(task, address + PAGE_SIZE, full=True))

    def test_posted_never_merges(self) -> None:
        """As posted, anonymous VMAs stay apart, new ones included."""
        lab = Lab(draft="posted")
        task = lab.spawn()
        lab.mmap(task, "h", 2, at=0x40000000)
        lab.mmap(task, "k", 2, at=0x40002000)

        assert [(0x40000, 2), (0x40002, 2)] == spans(task)

    def test_intended_merges_at_mmap(self, lab: Lab) -> None:
        """A new mapping beside one of its kind becomes part of it, under both names."""
        task = lab.spawn()
        lab.mmap(task, "h", 2, at=0x40000000)
        lab.mmap(task, "k", 2, at=0x40002000)
        lab.mmap(task, "below", 1, at=0x3FFFF000)

        assert [(0x3FFFF, 5)] == spans(task)
        assert 1 == lab.machine.ledger.count("vm_area_struct")

    @pytest.mark.parametrize("draft", ["intended", "posted"])
    def test_mremap_keeps_pgoff_and_points_direct_pages(self, draft: str) -> None:
        """Pages move with their VMA: index and vm_pgoff stay, a direct page points at the new struct."""
        lab = Lab(draft=draft)
        task, address = lab.heap(3)
        page = lab.page(task, address)
        index = page.index
        lab.mremap(task, address, 3, 3, to=0x60000000)
        vma = vma_at(task, 0x60000000)

        assert (address >> 12, index) == (vma.vm_pgoff, page.index)
        assert (True, vma.id) == (page.test(PG_direct), page.mapping)
        assert page == lab.page(task, 0x60000000)
        assert [(0x60000, 3)] == spans(task)
        assert (1, 1) == counts(lab.look(task, 0x60000000, full=True))
        assert 0 == len(lab.machine.anon_vmas)

    def test_mremap_of_a_shared_page(self, lab: Lab) -> None:
        """Moved in one process, a shared page is found in both; the moved VMA is queued at the head."""
        parent, address, (child,) = family(lab, 1)
        lab.mremap(child, address, 1, 1, to=0x60000000)

        assert ["c1", "p"] == order(parent, address)
        assert (2, 2) == counts(lab.look(parent, address, full=True))
        lab.swapout(parent, address)
        lab.read(child, 0x60000000)
        lab.read(parent, address)
        assert lab.pfn(parent, address) == lab.pfn(child, 0x60000000)
        assert (2, 2) == counts(lab.look(parent, address, full=True))

    def test_mremap_of_the_middle(self, lab: Lab) -> None:
        """Part of a VMA moves away: what is left is cut, and all pages are found."""
        task, address = lab.heap(6)
        lab.mremap(task, address + 2 * PAGE_SIZE, 2, 2, to=0x60000000, rename="m")

        first = address >> 12
        assert [(first, 2), (first + 4, 2), (0x60000, 2)] == spans(task)
        assert first + 2 == vma_at(task, 0x60000000).vm_pgoff
        for at in (address, address + 5 * PAGE_SIZE, 0x60000000, 0x60001000):
            assert 1 == lab.look(task, at, full=True).hits

    def test_moved_vma_is_split_where_it_stands(self, lab: Lab) -> None:
        """A cut of a moved VMA gives the upper part its share of vm_pgoff."""
        task, address = lab.heap(4)
        lab.mremap(task, address, 4, 4, to=0x60000000)
        lab.mprotect(task, 0x60002000, 2, R)

        assert (address >> 12) + 2 == vma_at(task, 0x60002000).vm_pgoff
        for number in range(4):
            assert 1 == lab.look(task, 0x60000000 + number * PAGE_SIZE, full=True).hits

    def test_old_place_mapped_anew_is_another_mapping(self, lab: Lab) -> None:
        """New memory where a VMA was has the same page numbers and shares nothing with it."""
        parent, address, (child,) = family(lab, 1)
        lab.mremap(child, address, 1, 1, to=0x60000000)
        lab.mmap(child, "k", 1, at=address)
        lab.write(child, address)

        assert (2, 2) == counts(lab.look(parent, address, full=True))
        assert (1, 1) == counts(lab.look(child, address, full=True))
