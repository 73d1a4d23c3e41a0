"""Faults and copy on write as 6.18 has them, beyond what scenarios/kernel/ shows."""

from __future__ import annotations

import pytest

from tests.mm.v6_18.modern import Modern, heap
from vmtui.mm.page import PG_active, PG_anon_exclusive, PG_swapbacked


def file_of(pages: int, address: int) -> Modern:
    """A file, all of it cached, mapped shared by b at an address and not touched."""
    size = f"{pages} pages"
    lines = (f"file f {size}", "spawn a", f"mmap a t {size} rw shared f", "write a.t", "spawn b")
    return Modern(*lines, f"mmap b t {size} rw shared f at {address:#x}")


@pytest.mark.parametrize(
    ("offset", "page", "mapped"),
    [
        (0, 20, range(16, 32)),
        (4, 20, range(12, 28)),
        (4, 3, range(16)),
        (4, 12, range(12, 28)),
        (0, 63, range(48, 64)),
        (500, 3, range(12)),
        (500, 12, range(12, 28)),
    ],
)
def test_fault_around(offset: int, page: int, mapped: range) -> None:
    """64 KB, aligned by address, from the VMA's start on where that is nearer, cut at the page table."""
    machine = file_of(64, 0x200000000000 + offset * 4096)
    machine.do(f"read b.t[{page}]")

    expected = "".join("P" if number in mapped else "." for number in range(64))
    assert expected == machine.state("b", "t")


def test_fault_around_maps_only_what_is_cached() -> None:
    """A page that is not cached is read, alone; the next reader finds both."""
    machine = Modern(
        "file f 32 pages", "spawn a", "mmap a t 32 pages r private f", "read a.t[3]", "read a.t[5]"
    )
    assert "...P.P" == machine.state("a", "t").rstrip(".")
    machine.do("spawn b", "mmap b t 32 pages r private f", "read b.t[3]")

    assert "...P.P" == machine.state("b", "t").rstrip(".")


def test_fault_around_ends_with_the_file() -> None:
    """What lies behind the end of the file is not mapped, and faults."""
    machine = Modern("file f 4 pages", "spawn a", "mmap a t 8 pages rw shared f", "write a.t[0:4]", "spawn b")
    machine.do("mmap b t 8 pages r shared f", "read b.t[0]")

    assert "PPPP...." == machine.state("b", "t")
    assert ("EFAULT", False) == machine.refused("read b.t[5]")


def test_a_fault_that_fails_leaves_what_it_did_first() -> None:
    """Behind the end of the file: a read has mapped what is cached around, a write has made the anon_vma."""
    machine = Modern("file f 2 pages", "spawn a", "mmap a s 2 pages rw shared f", "write a.s")
    machine.do("mmap a t 8 pages rw private f")
    assert ("EFAULT", True) == machine.refused("read a.t[5]")
    assert "PP......" == machine.state("a", "t")
    assert ("EFAULT", False) == machine.refused("read a.t[5]")
    assert ("EFAULT", True) == machine.refused("write a.t[5]")
    machine.do("fork a b")

    assert "PP......" == machine.state("b", "t")


def test_the_last_page_is_not_mapped_around_without_a_page_table() -> None:
    """If it is the first that is cached there; shared memory needs none."""
    machine = Modern("file f 2 pages", "spawn a", "mmap a t 8 pages r private f", "read a.t[1]", "spawn b")
    machine.do("mmap b t 8 pages r private f")
    assert ("EFAULT", False) == machine.refused("read b.t[4]")
    machine.do("mmap b h 1 pages rw private after t", "write b.h")
    assert ("EFAULT", True) == machine.refused("read b.t[4]")
    assert ".P......" == machine.state("b", "t")
    machine = Modern(
        "spawn a", "mmap a s 2 pages rw shared", "fork a b", "mremap b.s 8 pages", "write a.s[1]"
    )
    assert ("EFAULT", True) == machine.refused("read b.s[4]")

    assert ".P......" == machine.state("b", "s")


def test_what_page_out_left_to_the_flushers_is_not_mapped_around() -> None:
    """A dirty page of a file keeps a mark until it is dirtied again; faults on others pass it over."""
    machine = Modern("file f 4 pages", "spawn a", "mmap a t 4 pages rw shared f", "write a.t", "swapout a.t")
    machine.do("read a.t[0]", "write a.t[1]")
    assert "PP.." == machine.state("a", "t")
    machine.do("munmap a.t[1]", "spawn b", "mmap b t 4 pages r shared f", "read b.t[3]")

    assert ".P.P" == machine.state("b", "t")


def test_a_fault_that_waited_for_its_file_is_tried_again() -> None:
    """So the last page is mapped around one that had to be read, though there was no page table."""
    machine = Modern("file f 8 pages", "spawn a", "mmap a t 8 pages r private f", "read a.t[7]", "spawn b")
    machine.do("mmap b t 8 pages r private f", "read b.t[4]")

    assert "....P..P" == machine.state("b", "t")


def test_new_memory_is_inactive_and_exclusive() -> None:
    """A new page is its process's own, swap-backed, on the inactive list."""
    page = heap(1).view("a.h[0]").page
    assert page is not None

    assert page.test(PG_anon_exclusive)
    assert page.test(PG_swapbacked)
    assert not page.test(PG_active)


def test_fork_takes_exclusiveness_and_a_copy_has_it() -> None:
    """After fork nobody has the page for himself; whoever copies has the copy, the other not yet the page."""
    machine = heap(1, "fork a b")
    flags = [machine.view(f"{name}.h[0]").page.test("anon_exclusive") for name in "ab"]  # type: ignore[union-attr]
    assert [False, False] == flags
    machine.do("write b.h")
    flags = [machine.view(f"{name}.h[0]").page.test("anon_exclusive") for name in "ab"]  # type: ignore[union-attr]

    assert [False, True] == flags


def test_a_write_fault_on_swap_goes_on_as_a_write_to_a_shared_page() -> None:
    """An entry that others hold: the page is mapped, found shared, and copied in one fault."""
    machine = heap(1, "madvise a.h pageout", "fork a b", "write b.h")

    assert {"do_swap_page", "do_wp_page", "wp_page_copy"} <= machine.functions


def test_half_full_swap_gives_its_slots_up() -> None:
    """Read back while more than half of swap is used, a page leaves the swap cache and its slot."""
    machine = heap(4, "madvise a.h pageout", "read a.h[0]", swap="28K")
    page = machine.view("a.h[0]").page
    assert page is not None

    assert not page.test("swapcache")
    assert 3 == machine.machine.swap.used()


def test_swapoff_keeps_exclusiveness() -> None:
    """What a process alone had in swap it has for itself again; what two had, neither has."""
    machine = heap(2, "fork a b", "write b.h[1]", "evict b.h", "swapoff")
    pages = [machine.view(place).page for place in ("a.h[0]", "b.h[1]")]

    assert [False, True] == [page.test("anon_exclusive") for page in pages if page is not None]


def test_functions_have_the_names_of_today() -> None:
    """The stack of a fault, of a fork and of a page-out reads as in 6.18."""
    machine = heap(1)
    assert {
        "handle_mm_fault",
        "do_anonymous_page",
        "anon_vma_prepare",
        "folio_add_anon_rmap",
    } <= machine.functions
    machine.do("fork a b")
    assert {"dup_mmap", "anon_vma_fork", "anon_vma_clone", "copy_page_range"} <= machine.functions
    machine.do("reclaim 1 pages")
    assert {"shrink_folio_list", "folio_check_references", "folio_referenced"} <= machine.functions


def test_a_stack_grows_down_in_its_trees() -> None:
    """A VMA that grows down keeps its place in the trees: index and vm_pgoff go together."""
    machine = Modern("spawn a", "mmap a st 2 pages rw private at 0x200000100000 growsdown", "write a.st")
    machine.do("fork a b", "write a:0x2000000fe000", "walk a.st[3] full")

    assert (4, 2) == (machine.vma("a").pages, machine.done.walks[-1].examined)
