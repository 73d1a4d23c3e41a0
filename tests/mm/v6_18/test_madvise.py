"""Advice as 6.18 takes it."""

from __future__ import annotations

import pytest

from tests.mm.v6_18.modern import Modern, heap
from vmtui.mm.page import PG_swapbacked


def test_flags_cut_and_join() -> None:
    """Advice that is a flag cuts the VMA; taken back, it is one again."""
    machine = heap(4, "madvise a.h[1:3] dontfork")
    assert [1, 2, 1] == machine.spans("a")
    machine.do("madvise a.h[1:3] dofork")

    assert [4] == machine.spans("a")


def test_a_child_lacks_what_is_not_for_it() -> None:
    """The label of what was left out is gone too; of a part the rest is there."""
    machine = heap(
        4, "mmap a d 2 pages rw private", "madvise a.d dontfork", "madvise a.h[0] dontfork", "fork a b"
    )

    assert [3] == machine.spans("b")
    assert ["h"] == [label.name for label in machine.mm("b").labels]


@pytest.mark.parametrize("advice", ["dontneed", "free", "pageout"])
def test_locked_memory_takes_none(advice: str) -> None:
    """EINVAL at the first VMA that is locked; what lies below has taken the advice."""
    machine = heap(4, "mlock a.h[2]")

    assert ("EINVAL", True) == machine.refused(f"madvise a.h {advice}")
    assert ("EINVAL", False) == machine.refused(f"madvise a.h[2] {advice}")


@pytest.mark.parametrize("advice", ["free", "wipeonfork"])
def test_only_private_memory_takes_these(advice: str) -> None:
    """Shared memory and files: EINVAL."""
    machine = Modern(
        "spawn a", "file f 2 pages", "mmap a s 2 pages rw shared", "mmap a t 2 pages rw private f"
    )

    assert ("EINVAL", False) == machine.refused(f"madvise a.s {advice}")
    assert ("EINVAL", False) == machine.refused(f"madvise a.t {advice}")


def test_free_is_undone_by_a_write() -> None:
    """A page given up and written again is dirty: page-out writes it, and it comes back."""
    machine = heap(2, "madvise a.h free", "write a.h[0]", "madvise a.h pageout")
    assert "P." == machine.state("a", "h")
    page = machine.view("a.h[0]").page
    assert page is not None
    assert page.test(PG_swapbacked)
    machine.do("madvise a.h pageout")

    assert "S." == machine.state("a", "h")


def test_free_drops_swap_entries() -> None:
    """A page that lies in swap is given up at once."""
    machine = heap(2, "madvise a.h pageout", "madvise a.h[0] free")

    assert ".S" == machine.state("a", "h")
    assert 1 == machine.machine.swap.used()


def test_free_leaves_what_others_hold_from_swap() -> None:
    """A page in the swap cache that others have an entry for is not given up."""
    machine = heap(
        1, "madvise a.h pageout", "fork a b", "read a.h", "madvise a.h free", "madvise a.h pageout"
    )

    assert ("S", "S") == (machine.state("a", "h"), machine.state("b", "h"))


def test_pageout_leaves_shared_pages() -> None:
    """A page that two map is left alone, and the call succeeds."""
    machine = heap(2, "fork a b", "write b.h[1]")
    sentences = machine.do("madvise b.h pageout")

    assert "PS" == machine.state("b", "h")
    assert any("mapped 2 times" in sentence for sentence in sentences)


def test_holes_are_passed_over() -> None:
    """All that is mapped takes the advice, then ENOMEM; over nothing at all, ENOMEM and no more."""
    machine = heap(6, "munmap a.h[1]", "munmap a.h[3]")

    assert ("ENOMEM", True) == machine.refused("madvise a.h dontneed")
    assert "......" == machine.state("a", "h")
    assert ("ENOMEM", False) == machine.refused("madvise a.h[1] dontneed")
