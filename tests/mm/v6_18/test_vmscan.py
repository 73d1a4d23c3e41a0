"""Page-out as 6.18 has it."""

from __future__ import annotations

from tests.mm.v6_18.modern import Modern, heap
from vmtui.mm.page import PG_active, PG_referenced


def test_swapout_asks_for_no_references() -> None:
    """Forced by name, a page is unmapped without a walk that asks who used it."""
    machine = heap(1, "swapout a.h")

    assert ["unmap"] == [walk.kind for walk in machine.done.walks]
    assert "S" == machine.state("a", "h")


def test_one_reference_saves_a_page_once() -> None:
    """The reference of the first fault keeps a page for one round; the second round takes it."""
    machine = heap(1, "reclaim 1 pages")
    machine.do("reclaim 1 pages")

    assert "S" == machine.state("a", "h")


def test_two_references_activate() -> None:
    """A page that two processes used lately goes to the active list."""
    machine = heap(1, "fork a b", "read b.h", "read a.h")
    page = machine.view("a.h[0]").page
    assert page is not None
    list(machine.machine.kernel.shrink_list(machine.machine, [page.pfn], forced=False))

    assert page.test(PG_active)
    assert page.test(PG_referenced)


def test_a_dirty_page_of_a_file_is_left_to_the_flushers() -> None:
    """It is unmapped and stays cached; a clean one is freed."""
    machine = Modern(
        "spawn a", "file f 2 pages", "mmap a t 2 pages rw shared f", "write a.t[0]", "read a.t[1]"
    )
    machine.do("evict a.t")
    (mapping,) = machine.machine.files

    assert ".." == machine.state("a", "t")
    assert [True, False] == [bool(mapping.pages[index]) for index in (0, 1)]


def test_locked_memory_is_not_tried() -> None:
    """One sharer's lock makes a page unevictable: no slot is taken, no walk is made."""
    machine = heap(1, "mlock a.h", "fork a b", "swapout b.h")

    assert ("P", 0, ()) == (machine.state("b", "h"), machine.machine.swap.used(), tuple(machine.done.walks))


def test_full_swap_activates() -> None:
    """Where no slot is free a page of memory stays, on the active list."""
    machine = heap(4, "swapout a.h", swap="8K")

    assert "SSPP" == machine.state("a", "h")


def test_shared_memory_goes_to_swap() -> None:
    """Its pages are swap-backed: written to the object's slot, no entry left behind."""
    machine = Modern(
        "spawn a", "mmap a s 2 pages rw shared", "write a.s", "madvise a.s pageout", "read a.s[0]"
    )

    assert "PS" == machine.state("a", "s")
    assert 1 == machine.machine.swap.used()
