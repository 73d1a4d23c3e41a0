"""The article's scheme: what the walks cost, in which order, and what fork, split, merge and mremap do."""

from __future__ import annotations

import pytest

from tests.mm.lab import NONE, RW, Lab, R, counts, mm_of, spans, vma_at
from vmtui.mm.check import check
from vmtui.mm.mm_types import VM_EXEC, Task
from vmtui.mm.page import PAGE_SIZE, ZERO_PFN, PG_anon, PG_direct, PG_swapcache
from vmtui.mm.step import HIT, MISS_NOPTE, MISS_NOTABLE, MISS_PFN, MISS_RANGE

FAMILIES = (1, 10, 1000)


def family(lab: Lab, children: int) -> tuple[Task, int, list[Task]]:
    """A parent with one written page, and children that share it."""
    parent, address = lab.heap(1)
    return parent, address, [lab.fork(parent, f"c{number}") for number in range(1, children + 1)]


def large(children: int) -> Lab:
    """A machine for so many processes; the checks read all page tables: a large one is checked at the end."""
    return Lab(check=children < 100)


def order(task: Task, address: int) -> list[str]:
    """Whose VMAs are on the list, as the walk goes."""
    anon_vma = vma_at(task, address).anon_vma
    assert anon_vma is not None
    return [vma.vm_mm.name for vma in anon_vma.vmas]


def outcomes(lab: Lab) -> list[str]:
    """What became of the candidates, in the order they were looked at."""
    return [step.outcome for step in lab.steps if step.outcome.startswith(("hit", "miss"))]


class TestWalks:
    """The table of walks: one parent, N children."""

    @pytest.mark.parametrize("n", FAMILIES)
    def test_shared_page(self, n: int) -> None:
        """A page never written after fork: both walks examine N + 1 and hit N + 1."""
        lab = large(n)
        parent, address, _ = family(lab, n)
        page = lab.page(parent, address)
        assert n + 1 == page.mapcount == page.count

        assert (n + 1, n + 1) == counts(lab.look(parent, address))
        assert (n + 1, n + 1) == counts(lab.referenced(parent, address))
        unmap = lab.unmap(parent, address)
        assert (n + 1, n + 1, "mapcount") == (unmap.examined, unmap.hits, unmap.stopped)
        assert (0, 1) == (page.mapcount, page.count)
        assert n + 2 == lab.machine.swap.map[page.private]
        assert set() == check(lab.machine)

    @pytest.mark.parametrize("n", FAMILIES)
    def test_parents_page_after_every_child_wrote(self, n: int) -> None:
        """referenced: N + 1 examined, 1 hit, N miss_pfn; unmap: N examined, 1 hit, N - 1 miss_pfn."""
        lab = large(n)
        parent, address, children = family(lab, n)
        for child in children:
            lab.write(child, address)
        assert 1 == lab.page(parent, address).mapcount

        walk = lab.referenced(parent, address)
        assert (n + 1, 1, n, n) == (walk.examined, walk.hits, walk.misses, walk.miss_pfn)
        assert "end" == walk.stopped
        walk = lab.unmap(parent, address)
        assert (n, 1, n - 1, n - 1) == (walk.examined, walk.hits, walk.misses, walk.miss_pfn)
        assert "mapcount" == walk.stopped
        assert set() == check(lab.machine)

    @pytest.mark.parametrize("n", FAMILIES)
    def test_each_childs_copy(self, n: int) -> None:
        """A copy made by a child is direct to its VMA: one examined, one hit, in both walks."""
        lab = large(n)
        _, address, children = family(lab, n)
        for child in children:
            lab.write(child, address)
        for child in {child.id: child for child in (children[0], children[-1])}.values():
            assert lab.page(child, address).test(PG_direct)
            assert (1, 1) == counts(lab.referenced(child, address))
            assert (1, 1) == counts(lab.unmap(child, address))
        assert set() == check(lab.machine)

    def test_look_full_goes_past_the_stop_rule(self, lab: Lab) -> None:
        """A full look examines every VMA; without, it stops where try_to_unmap would."""
        parent, address, children = family(lab, 5)
        for child in children:
            lab.write(child, address)

        assert (5, 1) == counts(lab.look(parent, address))
        assert (6, 1) == counts(lab.look(parent, address, full=True))
        assert "end" == lab.walks[-1].stopped

    def test_look_changes_nothing(self, lab: Lab) -> None:
        """A dry walk leaves the machine as it was, bit for bit."""
        parent, address, _ = family(lab, 3)
        before = lab.digest()
        lab.look(parent, address)
        lab.look(parent, address, full=True)

        assert before == lab.digest()

    def test_referenced_counts_young_bits_and_clears_them(self, lab: Lab) -> None:
        """page_referenced adds PG_referenced and every young PTE, and leaves none; fork gives old PTEs."""
        parent, address, children = family(lab, 2)
        page = lab.page(parent, address)
        lab.read(children[0], address)

        assert 3 == lab.run(lab.machine.scheme.page_referenced(page))
        assert 0 == lab.run(lab.machine.scheme.page_referenced(page))

    def test_walks_of_a_swapout(self, lab: Lab) -> None:
        """A forced page-out asks who used the page, ignores the answer, then unmaps it."""
        parent, address, _ = family(lab, 1)
        lab.swapout(parent, address)

        assert ["referenced", "unmap"] == [walk.kind for walk in lab.walks]
        assert {"anon_vma_rfc"} == {walk.scheme for walk in lab.walks}
        assert any("forced" in said and "ignored" in said for said in lab.sentences)

    def test_every_kind_of_miss(self, lab: Lab) -> None:
        """Outside the VMA, no page table, nothing there, another page: each candidate is told apart."""
        parent = lab.spawn()
        address = lab.mmap(parent, "h", 1024, at=0x40000000)
        far = address + 600 * PAGE_SIZE
        lab.write(parent, address)
        first, second, third = (lab.fork(parent, name) for name in "abc")
        lab.write(parent, far)
        for child in (first, second, third):
            lab.write(child, address)
        # A page the parent shares with a fourth child, which its elder siblings never had.
        lab.fork(parent, "d")
        lab.write(second, far + PAGE_SIZE)
        lab.munmap(third, address + 512 * PAGE_SIZE, 512)
        lab.look(parent, far, full=True)

        # [d, c, b, parent, a] as the list goes: newest first, a before the parent at the first fork.
        assert ["d", "c", "b", "p", "a"] == order(parent, far)
        assert [HIT, MISS_RANGE, MISS_NOPTE, HIT, MISS_NOTABLE] == outcomes(lab)
        lab.look(parent, address, full=True)
        assert [HIT, MISS_PFN, MISS_PFN, HIT, MISS_PFN] == outcomes(lab)

    def test_candidates_are_what_the_walk_examines(self, lab: Lab) -> None:
        """The picture's rows are the walk's candidates, in its order."""
        parent, address, _ = family(lab, 4)
        page = lab.page(parent, address)
        lab.look(parent, address, full=True)
        examined = [step.vma for step in lab.steps if step.outcome == HIT]

        assert [vma.id for vma in lab.machine.scheme.candidates(page)] == examined
        picture = lab.machine.scheme.picture(page, first=1, count=3)
        rows = [node.ref for node in picture.nodes if node.kind == "vma"]
        assert [("vma", number) for number in examined[1:4]] == rows
        assert (5, 1) == (picture.total, picture.first)


class TestFork:
    """How pages and VMAs come to a list."""

    @pytest.mark.parametrize("n", [1, 2, 5])
    def test_order_of_the_list(self, lab: Lab, n: int) -> None:
        """[childN … child2, parent, child1]: child, then parent at the first fork, each at the head."""
        parent, address, _ = family(lab, n)

        newest_first = [f"c{number}" for number in range(n, 1, -1)]
        assert [*newest_first, "p", "c1"] == order(parent, address)

    def test_grandchild_joins_the_same_list(self, lab: Lab) -> None:
        """A line of descent has one list, whoever forks."""
        parent, address, children = family(lab, 2)
        grandchild = lab.fork(children[0], "g")

        assert ["g", "c2", "p", "c1"] == order(grandchild, address)
        assert 1 == len(lab.machine.anon_vmas)
        assert vma_at(parent, address).anon_vma is vma_at(grandchild, address).anon_vma

    def test_new_page_is_direct(self, lab: Lab) -> None:
        """The first write takes a frame and points it at its VMA; nothing else is allocated."""
        task = lab.spawn()
        address = lab.mmap(task, "h", 4)
        before = lab.machine.ledger.by_kind()
        lab.write(task, address)
        page, vma = lab.page(task, address), vma_at(task, address)

        assert (True, True) == (page.test(PG_anon), page.test(PG_direct))
        assert (vma.id, address >> 12, 1, 1) == (page.mapping, page.index, page.mapcount, page.count)
        assert vma.anon_vma is None
        grown = lab.machine.ledger.by_kind()
        # A page table and the page itself.
        assert {"page_tables": 4096, "user_pages": 4096} == {
            kind: grown[kind] - held for kind, held in before.items() if grown[kind] != held
        }

    def test_fork_swings_pages_over(self, lab: Lab) -> None:
        """Pages found by fork become indirect; one anon_vma does for all of a VMA."""
        parent, address = lab.heap(3)
        child = lab.fork(parent, "c")
        anon_vma = vma_at(parent, address).anon_vma

        assert anon_vma is not None
        assert anon_vma is vma_at(child, address).anon_vma
        for number in range(3):
            page = lab.page(parent, address + number * PAGE_SIZE)
            assert (True, False) == (page.test(PG_anon), page.test(PG_direct))
            assert (anon_vma.id, 2) == (page.mapping, page.mapcount)
        assert (1, 1) == (len(lab.machine.anon_vmas), lab.machine.ledger.count("anon_vma"))

    def test_each_vma_has_a_list_of_its_own(self, lab: Lab) -> None:
        """fork makes one anon_vma for each VMA with anonymous pages."""
        parent, first = lab.heap(2)
        second = lab.mmap(parent, "k", 2)
        lab.write(parent, second)
        lab.fork(parent, "c")

        assert 2 == len(lab.machine.anon_vmas)
        assert vma_at(parent, first).anon_vma is not vma_at(parent, second).anon_vma

    @pytest.mark.parametrize("touched", [False, True])
    def test_vma_without_anonymous_page_gets_nothing(self, lab: Lab, touched: bool) -> None:
        """Nothing written, or the zero page only: fork makes no anon_vma."""
        parent, address = lab.heap(2, write=False)
        if touched:
            lab.read(parent, address, 2)
        child = lab.fork(parent, "c")

        assert 0 == len(lab.machine.anon_vmas) == lab.machine.ledger.count("anon_vma")
        assert vma_at(child, address).anon_vma is None

    def test_swap_entry_makes_the_list(self, lab: Lab) -> None:
        """A VMA whose pages are all swapped out gets its anon_vma at fork like any other."""
        parent, address = lab.heap(1)
        lab.evict(parent, address)
        child = lab.fork(parent, "c")

        assert ["p", "c"] == order(child, address)

    @pytest.mark.parametrize("evict", [False, True])
    @pytest.mark.parametrize("first", ["p", "c"])
    def test_shared_swap_entry_is_found_again(self, lab: Lab, evict: bool, first: str) -> None:
        """write; swapout; fork; read; read: whoever reads first, the walk finds both PTEs."""
        parent, address = lab.heap(1)
        (lab.evict if evict else lab.swapout)(parent, address)
        child = lab.fork(parent, "c")
        for task in (parent, child) if first == "p" else (child, parent):
            lab.read(task, address)
            assert set() == check(lab.machine)

        page = lab.page(parent, address)
        assert (lab.pfn(child, address), 2) == (page.pfn, page.mapcount)
        assert not page.test(PG_direct)
        assert (2, 2) == counts(lab.look(parent, address, full=True))

    def test_later_fork_joins_the_child_only(self, lab: Lab) -> None:
        """A second fork of a VMA that is on a list allocates nothing and queues one VMA."""
        parent, address, _ = family(lab, 1)
        lab.fork(parent, "c2")

        assert 1 == len(lab.machine.anon_vmas)
        assert {"anon_vma_alloc": 1, "anon_vma_free": 0}.items() <= lab.machine.work.as_dict().items()
        assert 3 == lab.page(parent, address).mapcount

    def test_new_page_in_a_queued_vma_is_direct(self, lab: Lab) -> None:
        """A page that is new is direct, though its VMA is on a list from an earlier fork."""
        parent, address = lab.heap(2, write=False)
        lab.write(parent, address)
        lab.fork(parent, "c")
        lab.write(parent, address + PAGE_SIZE)
        page = lab.page(parent, address + PAGE_SIZE)

        assert vma_at(parent, address).anon_vma is not None
        assert (True, vma_at(parent, address).id) == (page.test(PG_direct), page.mapping)
        assert (1, 1) == counts(lab.look(parent, address + PAGE_SIZE, full=True))

    def test_page_from_swap_in_a_queued_vma_is_indirect(self, lab: Lab) -> None:
        """A page read from swap points at the anon_vma if its VMA has one: others may hold the entry."""
        parent, address = lab.heap(2, write=False)
        lab.write(parent, address)
        lab.fork(parent, "c")
        lab.write(parent, address + PAGE_SIZE)
        lab.evict(parent, address + PAGE_SIZE)
        lab.read(parent, address + PAGE_SIZE)

        assert not lab.page(parent, address + PAGE_SIZE).test(PG_direct)

    def test_last_owner_keeps_it_indirect(self, lab: Lab) -> None:
        """The last to have a page writes it in place, and it still points at the list."""
        parent, address, (child,) = family(lab, 1)
        pfn = lab.pfn(parent, address)
        lab.write(child, address)
        lab.write(parent, address)

        assert pfn == lab.pfn(parent, address)
        assert any("nobody else has" in said for said in lab.sentences)
        assert not lab.page(parent, address).test(PG_direct)
        assert (2, 1) == counts(lab.look(parent, address, full=True))

    def test_swap_cache_leaves_the_union_alone(self, lab: Lab) -> None:
        """In the swap cache flags, pointer and index stay; the slot is in private.  Freed, all are zero."""
        task, address = lab.heap(1)
        page = lab.page(task, address)
        pointer = page.mapping
        lab.swapout(task, address)

        assert (True, True, True) == (page.test(PG_anon), page.test(PG_direct), page.test(PG_swapcache))
        assert (pointer, 0, address >> 12, 1) == (page.mapping, page.mapcount, page.index, page.private)
        lab.evict(task, address)
        assert (0, 0, 0, 0, 0) == (page.flags, page.mapping, page.mapcount, page.index, page.private)
        assert lab.machine.scheme.live_member(page) is None

    @pytest.mark.parametrize("swapped_first", [False, True])
    def test_pointer_kept_in_the_swap_cache_is_renewed(self, lab: Lab, swapped_first: bool) -> None:
        """A direct page of the swap cache whose VMA was forked meanwhile comes back indirect."""
        parent, address = lab.heap(1)
        if swapped_first:
            lab.swapout(parent, address)
            child = lab.fork(parent, "c")
        else:
            child = lab.fork(parent, "c")
            lab.swapout(parent, address)
        lab.exit(parent)
        lab.read(child, address)
        page, anon_vma = lab.page(child, address), vma_at(child, address).anon_vma

        assert anon_vma is not None
        assert (False, anon_vma.id) == (page.test(PG_direct), page.mapping)
        assert (1, 1) == counts(lab.look(child, address, full=True))


class TestExit:
    """Who leaves, and what stays."""

    def test_parent_leaves_first(self, lab: Lab) -> None:
        """The parent's VMA leaves the list; the child's still finds the page."""
        parent, address, (child,) = family(lab, 1)
        page = lab.page(parent, address)
        lab.exit(parent)

        assert ["c1"] == order(child, address)
        assert (1, False) == (page.mapcount, page.test(PG_direct))
        assert (1, 1) == counts(lab.look(child, address, full=True))

    def test_child_leaves_and_nothing_turns_back(self, lab: Lab) -> None:
        """The parent's page stays indirect and its VMA stays queued."""
        parent, address, (child,) = family(lab, 1)
        lab.exit(child)

        assert ["p"] == order(parent, address)
        assert not lab.page(parent, address).test(PG_direct)

    def test_list_goes_with_its_last_vma(self, lab: Lab) -> None:
        """An anon_vma is freed when nothing is queued on it any more."""
        parent, _, (child,) = family(lab, 1)
        lab.exit(parent)
        assert 1 == len(lab.machine.anon_vmas)
        lab.exit(child)

        assert 0 == len(lab.machine.anon_vmas) == lab.machine.ledger.count("anon_vma")
        assert 1 == lab.machine.work["anon_vma_free"]


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


class TestAccounts:
    """What it says of itself."""

    def test_union_member_follows_the_flags(self, lab: Lab) -> None:
        """Two flags decide which pointer of the union is live, and the scheme says which."""
        parent, address = lab.heap(1)
        scheme, page = lab.machine.scheme, lab.page(parent, address)
        direct = (scheme.live_member(page), scheme.why(page))
        lab.fork(parent, "c")
        indirect = (scheme.live_member(page), scheme.why(page))
        zero = lab.machine.page(ZERO_PFN)

        assert ("vma", "PG_anon 1 · PG_direct 1 ⇒ vma") == direct
        assert ("anon_vma", "PG_anon 1 · PG_direct 0 ⇒ anon_vma") == indirect
        assert (None, "PG_anon 0 · PG_direct 0 ⇒ none") == (scheme.live_member(zero), scheme.why(zero))

    @pytest.mark.parametrize(("smp", "size"), [("on", 12), ("off", 8)])
    def test_bytes(self, smp: str, size: int) -> None:
        """12 bytes a VMA, and an anon_vma a list: 12 with a spinlock in it, 8 without."""
        lab = Lab(smp=smp)
        parent, _ = lab.heap(1)
        assert 12 == lab.machine.scheme.reverse_map_bytes()
        lab.fork(parent, "c")
        lab.fork(parent, "d")

        assert 3 * 12 + size == lab.machine.scheme.reverse_map_bytes()
        assert size == lab.machine.ledger.by_kind()["anon_vma"]

    @pytest.mark.parametrize(("draft", "word"), [("intended", "intended"), ("posted", "posted")])
    def test_says_that_it_is_a_draft(self, draft: str, word: str) -> None:
        """The line that names the scheme says draft, of when, and which of the two."""
        scheme = Lab(draft=draft).machine.scheme

        assert "draft of 11 March 2004" in scheme.period
        assert word in scheme.period

    def test_a_thousand_children_of_twenty_vmas(self) -> None:
        """20 anonymous VMAs, 1000 children: 12 bytes for each of 20,020 VMAs and of 20 lists."""
        lab = Lab(check=False)
        parent = lab.spawn()
        for number in range(20):
            lab.write(parent, lab.mmap(parent, f"h{number}", 1))
        for number in range(1000):
            lab.fork(parent, f"c{number}")

        assert 12 * 20_020 + 12 * 20 == lab.machine.scheme.reverse_map_bytes()
        assert {21} == {len(spans(parent)) + 1}
