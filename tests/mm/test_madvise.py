"""madvise dontneed."""

from __future__ import annotations

import pytest

from tests.mm.lab import Lab, R, mm_of, spans
from vmtui.errors import KernelError
from vmtui.mm.page import PAGE_SIZE
from vmtui.mm.pgtable import page_tables


def test_pages_go_and_tables_stay(lab: Lab) -> None:
    """The pages of the range are dropped; VMAs and page tables are as before."""
    task, address = lab.heap(4)
    before = spans(task), page_tables(mm_of(task))
    lab.madvise(task, address + PAGE_SIZE, 2)

    assert before == (spans(task), page_tables(mm_of(task)))
    assert [False, True, True, False] == [lab.pte(task, address + n * PAGE_SIZE) == 0 for n in range(4)]
    assert 2 == mm_of(task).rss


def test_miss_is_nopte(lab: Lab) -> None:
    """A relative that dropped the page is still a candidate: its table is there, its entry is empty."""
    parent, address = lab.heap(1)
    child = lab.fork(parent, "c")
    lab.madvise(child, address, 1)
    walk = lab.look(parent, address, full=True)

    assert (2, 1, 1) == (walk.examined, walk.hits, walk.miss_nopte)


def test_over_several_vmas(lab: Lab) -> None:
    """Adjoining VMAs are gone through one by one."""
    task, address = lab.heap(4)
    lab.mprotect(task, address + 2 * PAGE_SIZE, 2, R)
    lab.madvise(task, address, 4)

    assert 0 == mm_of(task).rss


def test_hole_stops_it_half_way(lab: Lab) -> None:
    """What lies below a hole is dropped; the refusal is partial."""
    task, address = lab.heap(4)
    lab.munmap(task, address + PAGE_SIZE, 1)
    with pytest.raises(KernelError, match=r"p\.h\[1\] is not mapped") as info:
        lab.madvise(task, address, 4)

    assert ("ENOMEM", True, 2) == (info.value.errno, info.value.partial, mm_of(task).rss)


@pytest.mark.parametrize(("first", "partial", "rss"), [(0, True, 3), (1, False, 4)])
def test_locked_memory_is_refused(lab: Lab, first: int, partial: bool, rss: int) -> None:
    """EINVAL at a locked VMA; what lies below it is dropped."""
    task, address = lab.heap(4)
    lab.mlock(task, address + PAGE_SIZE, 1)
    with pytest.raises(KernelError, match="is locked in memory") as info:
        lab.madvise(task, address + first * PAGE_SIZE, 2)

    assert ("EINVAL", partial, rss) == (info.value.errno, info.value.partial, mm_of(task).rss)


@pytest.mark.parametrize("advice", ["free", "pageout", "willneed", ""])
def test_advice_of_other_kernels(lab: Lab, advice: str) -> None:
    """What 2.6.4 does not know is refused by name."""
    task, address = lab.heap(1)
    with pytest.raises(KernelError, match=f"madvise {advice}: 2.6.4 does not know it") as info:
        lab.madvise(task, address, 1, advice)
    assert "EINVAL" == info.value.errno
