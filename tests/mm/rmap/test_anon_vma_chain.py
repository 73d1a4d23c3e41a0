"""anon_vma chains as 6.18 has them: who gets which anon_vma, stands in which tree, what a walk examines."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mm.rmap.family import SIZES, both, family, page_out
from vmtui.mm.check import problems
from vmtui.mm.mm_types import AnonVma, Vma
from vmtui.mm.page import Page, PG_anon, PG_swapcache
from vmtui.mm.step import HIT
from vmtui.session import Session


class Chains:
    """A session, told in the command language, and what it says of chains."""

    def __init__(self, *lines: str, **options: Any) -> None:
        self.session = Session(rmap="anon_vma_chain", **options)
        self.do(*lines)

    def do(self, *lines: str) -> None:
        """Run commands; the machine is sound after each."""
        for line in lines:
            self.session.do(line)
            assert [] == problems(self.session.machine), line

    def vmas(self, name: str) -> list[Vma]:
        """The VMAs of a process."""
        mm = self.session.machine.find_task(name).mm
        assert mm is not None
        return list(mm.vmas)

    def chain(self, name: str, which: int = 0) -> tuple[int, ...]:
        """A VMA's anon_vma, then those of its chain."""
        vma = self.vmas(name)[which]
        chain = self.session.machine.scheme.chain_of(vma)
        assert chain is not None
        return (vma.anon_vma.id if vma.anon_vma is not None else 0, *chain)

    def anon_vma(self, number: int) -> tuple[int | None, int | None, int, int, int]:
        """Root, parent, num_children, num_active_vmas, refcount."""
        found = self.session.machine.anon_vmas.get(number)
        assert found is not None
        root, parent = (each.id if each is not None else None for each in (found.root, found.parent))
        return root, parent, found.num_children, found.num_active_vmas, found.refcount

    def tree(self, number: int) -> list[str]:
        """Whose VMAs stand in an anon_vma's tree, in order."""
        anon_vma: AnonVma | None = self.session.machine.anon_vmas.get(number)
        assert anon_vma is not None
        return [vma.vm_mm.name for vma in self.session.machine.scheme.anon_vma_vmas(anon_vma)]

    def page(self, name: str, index: int = 0) -> Page:
        """The page behind the first label's page."""
        from vmtui.mm.memory import follow_page

        mm = self.session.machine.find_task(name).mm
        assert mm is not None
        label = next(iter(mm.labels))
        return self.session.machine.page(follow_page(mm, label.start + index * 4096))


def heap(pages: int = 4, *more: str, **options: Any) -> Chains:
    """A process a with a heap h, written."""
    return Chains("spawn a", f"mmap a h {pages} pages rw private", "write a.h", *more, **options)


def test_a_family_of_three() -> None:
    """A forks B, B forks C: the topology that was read from a running 6.18.44."""
    chains = heap(1, "fork a b", "fork b c")

    assert [(1, 1), (2, 2, 1), (3, 3, 2, 1)] == [chains.chain(name) for name in "abc"]
    assert [(1, 1, 2, 1, 3), (1, 1, 1, 1, 1), (1, 2, 0, 1, 1)] == [chains.anon_vma(n) for n in (1, 2, 3)]
    assert [["a", "b", "c"], ["b", "c"], ["c"]] == [chains.tree(n) for n in (1, 2, 3)]


def test_fork_takes_an_anon_vma_again() -> None:
    """B exits, C forks D: D takes B's anon_vma; the next child finds none and gets its own."""
    chains = heap(1, "fork a b", "fork b c", "exit b", "fork c d", "fork c e")

    assert (2, 3, 2, 1) == chains.chain("d")
    assert (4, 4, 3, 2, 1) == chains.chain("e")
    assert (1, 1, 1, 1, 1) == chains.anon_vma(2)


def test_the_root_is_never_taken_again() -> None:
    """A root counts itself as a child: with a child it has two."""
    chains = heap(1, "fork a b", "exit a", "fork b c")

    assert (3, 3, 2, 1) == chains.chain("c")
    assert (1, 1, 2, 0, 3) == chains.anon_vma(1)


def test_one_with_two_children_is_not_taken_again() -> None:
    """num_children says how many were forked below; two are too many."""
    chains = heap(1, "fork a b", "fork b c", "fork b d", "exit b", "fork c e")

    assert (1, 1, 2, 0, 1) == chains.anon_vma(2)
    assert (5, 5, 3, 2, 1) == chains.chain("e")


def test_all_goes_with_the_last() -> None:
    """An anon_vma outlives its process as long as a VMA is in its tree; the root goes last."""
    chains = heap(1, "fork a b", "fork b c", "exit a", "exit b")
    assert (3, 3, 2, 1) == chains.chain("c")
    chains.do("exit c")

    assert 0 == len(chains.session.machine.anon_vmas)
    assert 0 == chains.session.machine.ledger.count("anon_vma_chain")


def test_a_read_makes_none() -> None:
    """The zero page needs no reverse map; the first write makes the anon_vma before it takes a frame."""
    chains = Chains("spawn a", "mmap a h 2 pages rw private", "read a.h")
    assert (0,) == chains.chain("a")
    chains.do("write a.h[0]")

    assert (1, 1) == chains.chain("a")


def test_a_neighbour_shares_its_anon_vma() -> None:
    """Halves that were cut before their first write share one anon_vma, so that mprotect can join them."""
    chains = Chains("spawn a", "mmap a h 8 pages rw private", "mprotect a.h[4:8] rwx")
    chains.do("write a.h[4:8]", "write a.h[0:4]")
    assert [(1, 1), (1, 1)] == [chains.chain("a", n) for n in (0, 1)]
    chains.do("mprotect a.h[4:8] rw")

    assert 1 == len(chains.vmas("a"))


def test_a_neighbour_that_was_inherited_shares_nothing() -> None:
    """VMAs with one anon_vma must have one chain: a forked neighbour's is longer."""
    chains = heap(2, "fork a b", "mmap b n 2 pages rwx private after h", "write b.n")

    assert (2, 2, 1) == chains.chain("b", 0)
    assert (3, 3) == chains.chain("b", 1)


def test_split_and_merge() -> None:
    """Both halves have the whole chain and one anon_vma; joined again, what was doubled is gone."""
    chains = heap(4, "fork a b", "mprotect b.h[1] r")
    assert [(2, 2, 1)] * 3 == [chains.chain("b", n) for n in range(3)]
    assert 3 == chains.anon_vma(2)[3]
    assert ["a", "b", "b", "b"] == chains.tree(1)
    chains.do("mprotect b.h[1] rw")

    assert (1, 1) == (len(chains.vmas("b")), chains.anon_vma(2)[3])


def test_an_inherited_vma_takes_in_no_new_memory() -> None:
    """The parent's VMA grows by a mapping beside it; the child's does not: its chain leads to its parent."""
    chains = heap(2, "fork a b", "mmap a n 2 pages rw private after h", "mmap b n 2 pages rw private after h")

    assert (1, 2) == (len(chains.vmas("a")), len(chains.vmas("b")))


def test_the_gap_joins_the_left() -> None:
    """Two VMAs with an anon_vma each: what fills the hole joins the left one, and they stay two."""
    chains = Chains("spawn a", "mmap a h 10 pages rw private", "munmap a.h[4:6]")
    chains.do("write a.h[0]", "write a.h[9]", "mmap a g 2 pages rw private at 0x200000004000")

    assert [6, 4] == [vma.pages for vma in chains.vmas("a")]


def test_mremap_takes_the_chain_along() -> None:
    """A VMA that moved is in the same trees, with the same vm_pgoff; its pages are where they were."""
    chains = heap(2, "fork a b", "mremap b.h 2 pages to 0x300000000000")
    page = chains.page("a")
    chains.do("walk b.h[0] full")

    assert (2, 2, 1) == chains.chain("b")
    assert 0x200000000 == chains.vmas("b")[0].vm_pgoff
    assert 2 == page.mapcount == chains.session.commands[-1].walks[-1].hits


def test_mremap_of_what_was_never_written_forgets() -> None:
    """Without an anon_vma vm_pgoff follows the address."""
    chains = Chains("spawn a", "mmap a h 2 pages rw private", "mremap a.h 2 pages to 0x300000000000")

    assert 0x300000000 == chains.vmas("a")[0].vm_pgoff


# Which anon_vma a page has.


def test_a_copy_gets_the_childs() -> None:
    """After fork a page stays its parent's; a child's copy is the child's."""
    chains = heap(2, "fork a b")
    assert 1 == chains.page("b").mapping
    chains.do("write b.h[0]")

    assert (1, 2) == (chains.page("a").mapping, chains.page("b").mapping)


def test_the_last_owner_takes_it_along() -> None:
    """The parent gone, the child's write keeps the frame, and the page moves to the child's anon_vma."""
    chains = heap(1, "fork a b")
    page = chains.page("b")
    chains.do("exit a", "write b.h[0]")

    assert (page.pfn, 2) == (chains.page("b").pfn, chains.page("b").mapping)


def test_from_swap_for_several_it_is_the_roots() -> None:
    """Read in while another holds the entry, a page belongs to the root's anon_vma; alone, to its own."""
    chains = heap(2, "fork a b", "write b.h[1]", "evict b.h", "read b.h")

    assert [1, 2] == [chains.page("b", index).mapping for index in (0, 1)]


def test_in_the_swap_cache_it_keeps_it() -> None:
    """Unmapped and found again in the swap cache, a page has the anon_vma it had."""
    chains = heap(1, "fork a b", "write b.h", "swapout b.h")
    page = chains.page("b")
    assert (0, 2, True) == (page.mapcount, page.mapping, page.test(PG_anon))
    chains.do("read b.h")

    assert (1, 2, True) == (page.mapcount, page.mapping, page.test(PG_swapcache))


def test_under_2_6_rules_it_is_the_roots_either_way() -> None:
    """2.6.34 could not tell who has an entry for himself: a page from swap is the root's."""
    chains = heap(1, "fork a b", "write b.h", "swapout b.h", "read b.h", rules="2.6")

    assert 1 == chains.page("b").mapping


# Walks.


@pytest.mark.parametrize("children", SIZES)
def test_page_shared_by_all(children: int) -> None:
    """Parent and N children share the parent's page: both walks examine N + 1 VMAs and hit in each."""
    lab, (parent, *_) = family("anon_vma_chain", children, copied=False, rules="2.6")

    assert page_out(lab, lab.page(parent)) == both(children + 1, children + 1)


@pytest.mark.parametrize("children", SIZES)
def test_parents_page_after_every_child_wrote(children: int) -> None:
    """The parent stands first in the tree: 1 examined, 1 hit."""
    lab, (parent, *_) = family("anon_vma_chain", children, copied=True, rules="2.6")

    assert page_out(lab, lab.page(parent)) == both(1, 1)


@pytest.mark.parametrize("children", SIZES)
def test_childrens_own_copies(children: int) -> None:
    """A copy stands in its child's own tree: 1 examined, 1 hit, whoever made it."""
    lab, (_, *made) = family("anon_vma_chain", children, copied=True, rules="2.6")

    for task in {made[0].id: made[0], made[-1].id: made[-1]}.values():
        assert both(1, 1) == page_out(lab, lab.page(task))


def test_the_one_left_is_looked_for_in_all() -> None:
    """The parent writes first: the old copy stays in the root's tree; the one child that has it is last."""
    chains = heap(1, *(f"fork a c{number}" for number in range(5)))
    chains.do("write a.h", *(f"write c{number}.h" for number in range(4)), "walk c4.h")
    walk = chains.session.commands[-1].walks[-1]

    assert (6, 1, 5, "mapcount") == (walk.examined, walk.hits, walk.miss_pfn, walk.stopped)


def test_no_candidate_is_outside() -> None:
    """The tree answers with VMAs that cover the page: of four pieces one is examined."""
    chains = heap(8, "mprotect a.h[2:4] r", "mprotect a.h[6:8] r", "walk a.h[5] full")
    walk = chains.session.commands[-1].walks[-1]

    assert (4, 1, 1, 0) == (len(chains.vmas("a")), walk.examined, walk.hits, walk.miss_range)


def test_a_files_vmas() -> None:
    """i_mmap is a tree too: parent, newest child, oldest child; who maps another part is no candidate."""
    chains = Chains("spawn a", "file f 8 pages", "mmap a t 4 pages r private f", "read a.t")
    chains.do("fork a b", "fork a c", "read b.t", "read c.t")
    chains.do("spawn d", "mmap d t 4 pages r private f + 16K", "walk a.t[1] full")
    done = chains.session.commands[-1]
    steps = [record.step for record in chains.session.steps[done.first : done.last]]

    assert ["a.t", "c.t", "b.t"] == [step.values["who"] for step in steps if step.outcome == HIT]
    assert (3, 3) == (done.walks[-1].examined, done.walks[-1].hits)


def test_a_lock_ends_the_walks() -> None:
    """folio_referenced and try_to_unmap stop at a VMA that is locked in memory."""
    chains = heap(1, "fork a b", "mlock a.h", "referenced a.h")
    assert "locked" == chains.session.commands[-1].walks[-1].stopped
    chains.do("walk a.h")

    assert "locked" == chains.session.commands[-1].walks[-1].stopped


def test_price() -> None:
    """96 bytes an anon_vma, 64 an AVC, 56 of a VMA's 192; under 2.6 rules 12, 24 and 20."""
    chains = heap(1, "fork a b")
    assert 2 * 96 + 3 * 64 + 2 * 56 == chains.session.machine.scheme.reverse_map_bytes()
    old = heap(1, "fork a b", rules="2.6")

    assert 2 * 12 + 3 * 24 + 2 * 20 == old.session.machine.scheme.reverse_map_bytes()


def test_state() -> None:
    """The JSON has each anon_vma's family and counts, each VMA's chain, and who has a page for himself."""
    state = heap(1, "fork a b", "write b.h").session.state()
    first, second = state["anon_vmas"]

    assert {"id": 1, "root": 1, "parent": 1, "num_children": 2, "num_active_vmas": 1, "refcount": 2} == {
        name: first[name] for name in ("id", "root", "parent", "num_children", "num_active_vmas", "refcount")
    }
    assert (2, 1, [1, 2]) == (first["vmas"], second["vmas"], first["list"])
    assert [[1], [2, 1]] == [state["processes"][name]["vmas"][0]["chain"] for name in "ab"]
    pages = [state["processes"][name]["pages"][0] for name in "ab"]
    assert [(True, False), (True, True)] == [(page["exclusive"], page["anon_exclusive"]) for page in pages]
