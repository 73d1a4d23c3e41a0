"""mprotect, mlock and mremap as 6.18 has them."""

from __future__ import annotations

import pytest

from tests.mm.v6_18.modern import Modern, heap
from vmtui.mm.mm_types import VM_ACCOUNT, VM_LOCKED
from vmtui.mm.pgtable import pte_write


def test_mprotect_makes_exclusive_pages_writable_at_once() -> None:
    """Back to rw, a page that one process has for itself is writable; one that was shared is not."""
    machine = heap(2, "fork a b", "write a.h[0]", "mprotect a.h r", "mprotect a.h rw")

    assert [True, False] == [pte_write(machine.view(f"a.h[{page}]").pte) for page in (0, 1)]


def test_what_was_promised_keeps_vmas_apart() -> None:
    """Memory that was written and may not be any more is still accounted: it does not join what never was."""
    machine = Modern("spawn a", "mmap a h 2 pages rw private", "write a.h", "mprotect a.h r")
    machine.do("mmap a n 2 pages r private after h")
    assert [2, 2] == machine.spans("a")
    other = Modern(
        "spawn a", "mmap a h 2 pages rw private", "mprotect a.h r", "mmap a n 2 pages r private after h"
    )

    assert [4] == other.spans("a")
    assert [True, False] == [bool(one.vma("a").vm_flags & VM_ACCOUNT) for one in (machine, other)]


def test_locked_memory_that_may_be_written_is_copied_now() -> None:
    """A private read-only mapping that is locked shares pages; made writable, it gets its own at once."""
    machine = heap(2, "fork a b", "mprotect b.h r", "mlock b.h")
    assert 2 == machine.machine.page(machine.view("b.h[0]").pte >> 12).mapcount
    machine.do("mprotect b.h rw")

    assert 1 == machine.machine.page(machine.view("b.h[0]").pte >> 12).mapcount


def test_mlock_joins_what_it_cut() -> None:
    """6.18 merges VMAs when the lock goes, and when a neighbour gets it."""
    machine = heap(4, "mlock a.h[1]")
    assert [1, 1, 2] == machine.spans("a")
    machine.do("mlock a.h[2]")
    assert [1, 2, 1] == machine.spans("a")
    machine.do("munlock a.h")

    assert [4] == machine.spans("a")


def test_mlock_over_a_hole_faults_nothing_in() -> None:
    """The flag is set up to the hole; no page is faulted in, since the call fails first."""
    machine = Modern("spawn a", "mmap a h 4 pages rw private", "munmap a.h[2]")

    assert ("ENOMEM", True) == machine.refused("mlock a.h")
    assert "...." == machine.state("a", "h")
    assert machine.vma("a").vm_flags & VM_LOCKED


def test_mlock_of_memory_without_access() -> None:
    """It is locked, and then cannot be faulted in: ENOMEM."""
    machine = Modern("spawn a", "mmap a h 2 pages none private")

    assert ("ENOMEM", True) == machine.refused("mlock a.h")
    assert machine.vma("a").vm_flags & VM_LOCKED


def test_mlock_reads_what_is_shared() -> None:
    """Shared memory is faulted in for reading: no page of it is dirtied."""
    machine = Modern("spawn a", "mmap a s 2 pages rw shared", "mlock a.s")

    assert "PP" == machine.state("a", "s")
    assert 0 == machine.view("a.s[0]").pte & 0x40


def test_mremap_grows_into_a_neighbour() -> None:
    """What grows up to a VMA that continues it becomes one with it."""
    machine = heap(2, "mmap a n 2 pages rw private at 0x200000004000", "mremap a.h 4 pages")

    assert [6] == machine.spans("a")


def test_mremap_of_an_inherited_vma_grows_into_one_that_was_never_written() -> None:
    """A child's VMA that grows up to a neighbour without an anon_vma takes it in; one with another, not."""
    more = ("fork a b", "mmap b n 2 pages rw private at 0x200000004000")
    assert [6] == heap(2, *more, "mremap b.h 4 pages").spans("b")

    assert [4, 2] == heap(2, *more, "write b.n", "mremap b.h 4 pages").spans("b")


def test_mremap_moves_vma_by_vma() -> None:
    """A range of more VMAs than one, holes in it too, moves as it is if it keeps its length."""
    machine = heap(6, "mprotect a.h[1] r", "munmap a.h[3]", "mremap a.h 6 pages to 0x200000100000")

    assert "PPP.PP" == machine.state("a", "h")
    assert [1, 1, 1, 2] == machine.spans("a")


def test_mremap_that_grows_or_shrinks_moves_one_vma() -> None:
    """Else the range must lie within one VMA; what shrinks in place may be anything."""
    machine = heap(6, "mprotect a.h[1] r")

    assert ("EFAULT", False) == machine.refused("mremap a.h 8 pages to 0x200000100000")
    assert ("EFAULT", False) == machine.refused("mremap a.h 4 pages to 0x200000100000")
    machine.do("mremap a.h 1 pages")
    assert [1] == machine.spans("a")
    assert ("EFAULT", False) == machine.refused("mremap a:0x200000300000 1 pages to 0x200000100000")


def test_mremap_to_where_nothing_may_be() -> None:
    """Above user addresses is seen before the source, the lowest page after a tail that is not wanted."""
    machine = heap(4)
    nowhere = "mremap a:0x200000300000 1 pages"

    assert ("EINVAL", False) == machine.refused(f"{nowhere} to 0x7ffffffff000")
    assert ("EFAULT", False) == machine.refused(f"{nowhere} to 0")
    assert ("EPERM", False) == machine.refused("mremap a.h 4 pages to 0")
    assert ("EPERM", False) == machine.refused("mremap a.h 6 pages to 0")
    assert ("EPERM", False) == machine.refused("mremap a.h 4 pages to 0 as n dontunmap")
    assert "PPPP" == machine.state("a", "h")
    assert ("EPERM", True) == machine.refused("mremap a.h 2 pages to 0")
    assert "PP.." == machine.state("a", "h")


def test_mremap_to_more_than_all_addresses() -> None:
    """Whether it is to move or not; just as long as all of them are, there is only no room."""
    machine = heap(1)

    assert ("EINVAL", False) == machine.refused("mremap a.h 128T")
    assert ("ENOMEM", False) == machine.refused(f"mremap a.h {(1 << 35) - 1} pages")


def test_mremap_leaves_what_cannot_be_faulted_in() -> None:
    """Locked shared memory that grows past its object: the call succeeds, the tail stays empty."""
    machine = Modern(
        "spawn a", "mmap a s 2 pages rw shared", "mlock a.s", "mremap a.s 4 pages to 0x200000100000"
    )

    assert "PP.." == machine.state("a", "s")


def test_what_stays_mapped_has_no_anon_vma() -> None:
    """MREMAP_DONTUNMAP of a whole VMA: pages and trees are the new one's; written, it has a new root."""
    machine = heap(2, "mremap a.h 2 pages to 0x200000100000 as n dontunmap")
    old, new = machine.vma("a", 0), machine.vma("a", 1)

    assert ("..", "PP") == (machine.state("a", "h"), machine.state("a", "n"))
    assert old.anon_vma is None
    assert new.anon_vma is not None
    assert (1, old.vm_pgoff) == (new.anon_vma.num_active_vmas, new.vm_pgoff)
    machine.do("write a.h")
    assert old.anon_vma is not new.anon_vma


def test_what_stays_mapped_in_part_keeps_its_anon_vma() -> None:
    """Both have it then; a range of VMAs with a hole in it moves as it is."""
    machine = heap(4, "mremap a.h[0:2] 2 pages to 0x200000100000 as n dontunmap")
    assert machine.vma("a", 0).anon_vma is machine.vma("a", 1).anon_vma is not None
    machine = heap(4, "munmap a.h[1]", "mremap a.h 4 pages to 0x200000100000 as n dontunmap")

    assert ("....", "P.PP") == (machine.state("a", "h"), machine.state("a", "n"))
    assert [1, 2, 1, 2] == machine.spans("a")


def test_what_was_never_touched_may_merge_with_where_it_goes() -> None:
    """Nothing is counted from its address yet: one VMA, and both names."""
    machine = Modern("spawn a", "mmap a h 2 pages rw private")
    machine.do("mremap a.h 2 pages to 0x200000002000 as n dontunmap", "write a.h", "write a.n")

    assert ([4], "PP", "PP") == (machine.spans("a"), machine.state("a", "h"), machine.state("a", "n"))


@pytest.mark.parametrize(
    ("line", "errno"),
    [
        ("mremap a.h 3 pages as n dontunmap", "EINVAL"),
        ("mremap a.h 4 pages dontunmap", "EINVAL"),
        ("mremap a.h 4 pages as h dontunmap", "EEXIST"),
        ("mremap a.h 4 pages to 0x200000001000 as n dontunmap", "EINVAL"),
        ("mremap a.h 4 pages to 0x200000005000 as n dontunmap", "EEXIST"),
        ("mremap a.h 4 pages as n dontunmap", "EFAULT"),
        ("mremap a:0x200000300000 1 pages as n dontunmap", "EFAULT"),
    ],
)
def test_what_cannot_be_kept_mapped(line: str, errno: str) -> None:
    """Another length, no new name, a place that is taken; without a place, more than one VMA."""
    machine = heap(4, "mmap a k 1 pages r private", "mprotect a.h[2:4] r")

    assert (errno, False) == machine.refused(line)


def test_a_lock_is_left_on_the_pages_that_stay() -> None:
    """It goes from the VMA; the pages that did not move are neither swapped out nor given up any more."""
    machine = Modern("spawn a", "mmap a h 4 pages rw private", "mlock a.h")
    machine.do("mremap a.h[0] 1 pages to 0x200000100000 as n dontunmap", "write a.h[0]")
    machine.do("madvise a.h[3] free", "madvise a.h pageout", "swapout a.h[1]")

    assert ("SPPP", "P") == (machine.state("a", "h"), machine.state("a", "n"))
    machine.do("munmap a.h", "mmap a o 4 pages rw private", "write a.o", "swapout a.o")
    assert "SSSS" == machine.state("a", "o")
