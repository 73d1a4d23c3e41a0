"""The article's scheme: what the walks cost, in which order, and what fork, split, merge and mremap do."""

from __future__ import annotations

import pytest

from tests.mm.lab import Lab, counts, family, order, spans, vma_at
from vmtui.mm.check import check
from vmtui.mm.page import PAGE_SIZE, ZERO_PFN, PG_anon, PG_direct, PG_swapcache
from vmtui.mm.step import HIT, MISS_NOPTE, MISS_NOTABLE, MISS_PFN, MISS_RANGE

FAMILIES = (1, 10, 1000)


def large(children: int) -> Lab:
    """A machine for so many processes; the checks read all page tables: a large one is checked at the end."""
    return Lab(check=children < 100)


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
