"""Copy on write and swap-in."""

from __future__ import annotations

import pytest

from tests.mm.lab import Lab, mm_of
from vmtui.mm.memory import follow_page
from vmtui.mm.page import PG_dirty, PG_referenced
from vmtui.mm.pgtable import (
    pte_dirty,
    pte_pfn,
    pte_to_slot,
    pte_write,
    pte_young,
)


class TestCopyOnWrite:
    """Writes to what fork shares."""

    @pytest.mark.parametrize("who", ["parent", "child"])
    def test_first_writer_copies(self, lab: Lab, who: str) -> None:
        """Whoever writes first gets a copy, dirty and writable; the other keeps the page, read-only."""
        parent, address = lab.heap(1)
        child = lab.fork(parent, "c")
        writer, other = (parent, child) if who == "parent" else (child, parent)
        old = lab.pfn(parent, address)
        lab.write(writer, address)

        assert old == lab.pfn(other, address) != lab.pfn(writer, address)
        assert (True, False) == (pte_write(lab.pte(writer, address)), pte_write(lab.pte(other, address)))
        assert (1, 1) == (lab.machine.page(old).mapcount, lab.machine.page(old).count)
        assert (1, 1) == (mm_of(parent).rss, mm_of(child).rss)

    def test_last_owner_writes_in_place(self, lab: Lab) -> None:
        """One write fault more finds that nobody else has the page, and copies nothing."""
        parent, address = lab.heap(1)
        child = lab.fork(parent, "c")
        lab.write(child, address)
        free, pfn = lab.machine.zones[0].free, lab.pfn(parent, address)
        lab.write(parent, address)

        assert (free, pfn, True) == (
            lab.machine.zones[0].free,
            lab.pfn(parent, address),
            pte_write(lab.pte(parent, address)),
        )

    def test_last_owner_after_exit(self, lab: Lab) -> None:
        """The child's exit leaves the parent the only owner."""
        parent, address = lab.heap(1)
        lab.exit(lab.fork(parent, "c"))
        pfn = lab.pfn(parent, address)
        lab.write(parent, address)

        assert pfn == lab.pfn(parent, address)

    def test_page_in_the_swap_cache_is_reused_if_no_entry_wants_it(self, lab: Lab) -> None:
        """Cached and mapped once, its slot held by the cache alone: written in place, and still cached."""
        task, address = lab.heap(1)
        lab.swapout(task, address)
        lab.read(task, address)
        page = lab.page(task, address)
        assert (2, True) == (page.count, page.test("swapcache"))
        lab.write(task, address)

        assert (page, True) == (lab.page(task, address), page.test("swapcache"))
        assert pte_write(lab.pte(task, address))

    def test_page_in_the_swap_cache_is_copied_if_an_entry_wants_it(self, lab: Lab) -> None:
        """While another process holds its slot, a write copies the page; the other reads the old one."""
        parent, address = lab.heap(1)
        child = lab.fork(parent, "c")
        lab.swapout(parent, address)
        lab.read(parent, address)
        cached = lab.pfn(parent, address)
        lab.write(parent, address)

        assert cached != lab.pfn(parent, address)
        assert cached == lab.pfn(child, address)
        lab.read(child, address)
        assert cached == pte_pfn(lab.pte(child, address))
        lab.write(child, address)
        assert cached == lab.pfn(child, address)

    def test_copy_of_the_last_mapping_of_a_cached_page_frees_nothing_wanted(self, lab: Lab) -> None:
        """A page that is only in the swap cache after a copy stays there while an entry holds its slot."""
        parent, address = lab.heap(1)
        child = lab.fork(parent, "c")
        lab.swapout(parent, address)
        slot = pte_to_slot(lab.pte(child, address))
        lab.write(parent, address)

        assert 2 == lab.machine.swap.map[slot]
        lab.exit(child)
        assert 0 == lab.machine.swap.map[slot]


class TestSwapIn:
    """Faults on swap entries."""

    def test_minor_fault(self, lab: Lab) -> None:
        """The page is still in the swap cache: the same frame, no read; the entry's hold on the slot goes."""
        task, address = lab.heap(1)
        pfn = lab.pfn(task, address)
        lab.swapout(task, address)
        slot = pte_to_slot(lab.pte(task, address))
        assert (2, pfn) == (lab.machine.swap.map[slot], follow_page(mm_of(task), address))
        lab.read(task, address)

        assert pfn == pte_pfn(lab.pte(task, address))
        assert 1 == lab.machine.swap.map[slot]
        assert any("minor fault" in said for said in lab.sentences)

    def test_major_fault(self, lab: Lab) -> None:
        """The page is read from its slot into a new frame, which stays in the swap cache."""
        task, address = lab.heap(1)
        lab.evict(task, address)
        slot = pte_to_slot(lab.pte(task, address))
        assert (1, 0, 0) == (lab.machine.swap.map[slot], lab.pfn(task, address), mm_of(task).rss)
        lab.read(task, address)
        page = lab.page(task, address)

        assert (slot, True, 2) == (page.private, page.test("swapcache"), page.count)
        assert page.test(PG_referenced)
        assert (1, 1) == (lab.machine.swap.map[slot], mm_of(task).rss)
        assert any("major fault" in said for said in lab.sentences)

    def test_read_maps_read_only(self, lab: Lab) -> None:
        """A read from swap maps the page read-only and clean: its slot is as good."""
        task, address = lab.heap(1)
        lab.evict(task, address)
        lab.read(task, address)
        pte = lab.pte(task, address)

        assert (False, False, True) == (pte_write(pte), pte_dirty(pte), pte_young(pte))
        assert not lab.page(task, address).test(PG_dirty)

    def test_write_takes_an_exclusive_page_at_once(self, lab: Lab) -> None:
        """A write fault on a page nobody else wants maps it writable in one fault."""
        task, address = lab.heap(1)
        lab.evict(task, address)
        lab.write(task, address)

        assert pte_write(lab.pte(task, address))
        assert 1 == lab.functions.count("do_page_fault")

    def test_write_to_a_shared_one_faults_twice(self, lab: Lab) -> None:
        """A write fault on a shared swapped page first maps it, then copies it."""
        parent, address = lab.heap(1)
        child = lab.fork(parent, "c")
        lab.evict(parent, address)
        lab.write(child, address)

        assert 2 == lab.functions.count("do_page_fault")
        assert lab.pfn(child, address) != lab.pfn(parent, address) != 0

    def test_first_reader_brings_it_in_for_all(self, lab: Lab) -> None:
        """Others find in the swap cache what one has read, and share the frame."""
        parent, address = lab.heap(1)
        child = lab.fork(parent, "c")
        lab.evict(parent, address)
        lab.read(child, address)
        assert any("major fault" in said for said in lab.sentences)
        lab.read(parent, address)

        assert any("minor fault" in said for said in lab.sentences)
        assert lab.pfn(parent, address) == lab.pfn(child, address)
        assert (2, 3) == (lab.page(parent, address).mapcount, lab.page(parent, address).count)
