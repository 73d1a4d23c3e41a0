"""remap_file_pages under the rules of 6.18: a VMA for each piece of a window."""

from __future__ import annotations

import pytest

from tests.mm.v6_18.modern import Modern
from vmtui.mm.mm_types import VM_NONLINEAR


def window(*more: str) -> Modern:
    """A process with a shared mapping of the first 8 pages of a file of 16, all cached."""
    lines = ("file f 16 pages", "spawn o", "mmap o all 16 pages rw shared f", "write o.all", "exit o")
    return Modern(*lines, "spawn a", "mmap a w 8 pages rw shared f", *more)


def offsets(machine: Modern) -> list[tuple[int, int]]:
    """The VMAs: where in the file each begins, and how many pages it has."""
    return [(vma.vm_pgoff, vma.pages) for vma in machine.mm("a").vmas]


def test_a_piece_is_a_vma() -> None:
    """No VMA is nonlinear, whatever the order, and the pages of the piece are there at once."""
    machine = window("remap_file_pages a.w[2:4] to 0xa000")

    assert [(0, 2), (10, 2), (4, 4)] == offsets(machine)
    assert [10, 11] == [machine.view(f"a.w[{at}]").page.index for at in (2, 3)]  # type: ignore[union-attr]
    assert not any(vma.vm_flags & VM_NONLINEAR for vma in machine.mm("a").vmas)


def test_pieces_that_continue_each_other_are_one() -> None:
    """Moved back, or moved on: what merges at mmap merges here."""
    machine = window("remap_file_pages a.w[2:4] to 0xa000", "remap_file_pages a.w[4:6] to 0xc000")
    assert [(0, 2), (10, 4), (6, 2)] == offsets(machine)
    machine.do("remap_file_pages a.w[2:6] to 0x2000")

    assert [(0, 8)] == offsets(machine)


def test_a_lock_stays_and_advice_goes() -> None:
    """It is as if the range were mapped anew, locked if it was."""
    machine = window("madvise a.w dontfork", "mlock a.w", "remap_file_pages a.w to 0x1000", "fork a b")

    assert "PPPPPPPP" == machine.state("a", "w")
    assert [8] == machine.spans("b")
    machine.do("swapout a.w[0]")
    assert "PPPPPPPP" == machine.state("a", "w")


def test_shared_memory_outlives_the_change() -> None:
    """For a moment nothing maps it; its pages are what they were."""
    machine = Modern("spawn a", "mmap a s 2 pages rw shared", "write a.s")
    page = machine.view("a.s[1]").page
    machine.do("remap_file_pages a.s to 0x1000")

    assert ("P.", page) == (machine.state("a", "s"), machine.view("a.s[0]").page)
    machine.do("exit a")
    assert 0 == len(machine.machine.files)


def test_what_the_file_does_not_have_is_mapped_and_empty() -> None:
    """No offset is refused: behind the end there is SIGBUS, as ever.  What nobody may read is not read."""
    machine = window("remap_file_pages a.w[6:8] to 0xf000", "mprotect a.w[0:2] none")
    assert "P." == machine.state("a", "w")[6:]
    assert ("EFAULT", False) == machine.refused("read a.w[7]")
    machine.do("remap_file_pages a.w[0:2] to 0x5000")

    assert ".." == machine.state("a", "w")[:2]


@pytest.mark.parametrize(
    "line",
    [
        "remap_file_pages a.w to 0x1001",
        "remap_file_pages a.p to 0",
        "remap_file_pages a:0x200000200000 to 0",
        "remap_file_pages a.h to 0",
        "remap_file_pages a.m to 0",
    ],
)
def test_refusals(line: str) -> None:
    """Half a page, a private mapping, nothing, a hole, VMAs that are not alike."""
    machine = window("mmap a p 2 pages r private f", "mmap a h 3 pages rw shared f", "munmap a.h[1]")
    machine.do("mmap a m 3 pages rw shared f", "mprotect a.m[1] r")

    assert ("EINVAL", False) == machine.refused(line)
