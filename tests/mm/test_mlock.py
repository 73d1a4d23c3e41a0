"""mlock: pages that must stay."""

from __future__ import annotations

import pytest

from tests.mm.lab import NONE, Lab, R, mm_of, vma_at
from vmtui.errors import KernelError
from vmtui.mm.mm_types import VM_LOCKED
from vmtui.mm.page import PAGE_SIZE, ZERO_PFN
from vmtui.mm.pgtable import is_swap_pte, pte_present, pte_write


def locked(lab: Lab, task: object) -> list[bool]:
    """Whether each VMA is locked."""
    return [bool(vma.vm_flags & VM_LOCKED) for vma in mm_of(task).vmas]  # type: ignore[arg-type]


def test_pages_are_faulted_in_for_write(lab: Lab) -> None:
    """A writable VMA's pages are there at once, writable; from swap too."""
    task, address = lab.heap(4, write=False)
    lab.write(task, address)
    lab.evict(task, address)
    lab.read(task, address + PAGE_SIZE)
    lab.mlock(task, address, 4)

    assert 4 == mm_of(task).rss
    assert all(pte_write(lab.pte(task, address + number * PAGE_SIZE)) for number in range(4))


def test_readable_memory_is_faulted_in_for_read(lab: Lab) -> None:
    """A read-only VMA's pages are the zero page."""
    task = lab.spawn()
    address = lab.mmap(task, "h", 2, R)
    lab.mlock(task, address, 2)

    assert [ZERO_PFN] * 2 == [lab.pfn(task, address + number * PAGE_SIZE) for number in range(2)]


def test_memory_without_access_is_locked_empty(lab: Lab) -> None:
    """Where no page may be touched none is faulted in."""
    task = lab.spawn()
    address = lab.mmap(task, "h", 2, NONE)
    lab.mlock(task, address, 2)

    assert ([True], 0) == (locked(lab, task), lab.pte(task, address))


def test_lock_breaks_sharing(lab: Lab) -> None:
    """Faulted in for write, what fork shares is copied."""
    parent, address = lab.heap(1)
    child = lab.fork(parent, "c")
    lab.mlock(child, address, 1)

    assert lab.pfn(child, address) != lab.pfn(parent, address)


def test_cut_and_back(lab: Lab) -> None:
    """The range locked is cut out, with the placement of mprotect: new below, then new above."""
    task, address = lab.heap(6)
    old = vma_at(task, address)
    lab.mlock(task, address + 2 * PAGE_SIZE, 2)
    assert [False, True, False] == locked(lab, task)
    assert [old.id + 1, old.id, old.id + 2] == [vma.id for vma in mm_of(task).vmas]
    lab.munlock(task, address + 2 * PAGE_SIZE, 2)

    assert {False} == set(locked(lab, task))


def test_locked_page_is_not_swapped(lab: Lab) -> None:
    """The walk stops at VM_LOCKED: the candidate is a hit, and the page stays, active."""
    task, address = lab.heap(1)
    lab.mlock(task, address, 1)
    walk = lab.unmap(task, address)

    assert (1, 1, "locked") == (walk.examined, walk.hits, walk.stopped)
    page = lab.page(task, address)
    assert (1, True, True) == (page.mapcount, page.test("active"), pte_present(lab.pte(task, address)))


def test_one_lock_keeps_the_page_for_it_alone(lab: Lab) -> None:
    """Candidates before the locked one lose their PTEs, those after it are not looked at."""
    parent, address = lab.heap(1)
    lab.mprotect(parent, address, 1, R)
    children = [lab.fork(parent, f"c{number}") for number in range(1, 5)]
    lab.mlock(children[1], address, 1)
    # [c4, c3, c2, p, c1]; c2 is locked, and read-only memory stays shared.
    walk = lab.unmap(parent, address)

    assert (3, 3, 0, "locked") == (walk.examined, walk.hits, walk.misses, walk.stopped)
    swapped = [is_swap_pte(lab.pte(task, address)) for task in (*children, parent)]
    assert [False, False, True, True, False] == swapped
    # Three mappings are left, and the swap cache.
    assert (3, 4) == (lab.page(parent, address).mapcount, lab.page(parent, address).count)


def test_look_stops_at_a_lock_unless_full(lab: Lab) -> None:
    """A dry walk has the stop rule of the real one; a full one goes on."""
    parent, address = lab.heap(1)
    lab.mprotect(parent, address, 1, R)
    child = lab.fork(parent, "c")
    lab.fork(parent, "d")
    lab.mlock(parent, address, 1)

    walk = lab.look(child, address)
    assert (2, "locked") == (walk.examined, walk.stopped)
    walk = lab.look(child, address, full=True)
    assert (3, "end") == (walk.examined, walk.stopped)


def test_child_holds_no_lock(lab: Lab) -> None:
    """fork clears VM_LOCKED in the child."""
    parent, address = lab.heap(1)
    lab.mlock(parent, address, 1)
    child = lab.fork(parent, "c")

    assert ([True], [False]) == (locked(lab, parent), locked(lab, child))


def test_unlocked_page_goes(lab: Lab) -> None:
    """After munlock a page is swapped like any other."""
    task, address = lab.heap(1)
    lab.mlock(task, address, 1)
    lab.swapout(task, address)
    lab.munlock(task, address, 1)
    lab.evict(task, address)

    assert is_swap_pte(lab.pte(task, address))
    assert (0, 0) == (lab.pfn(task, address), mm_of(task).rss)


def test_again_is_nothing(lab: Lab) -> None:
    """Locking what is locked, unlocking what is not: nothing changes."""
    task, address = lab.heap(2)
    before = lab.digest()
    lab.munlock(task, address, 2)
    assert before == lab.digest()
    lab.mlock(task, address, 2)
    before = lab.digest()
    lab.mlock(task, address, 1)
    assert before == lab.digest()


def test_hole_stops_it_half_way(lab: Lab) -> None:
    """What lies below a hole is locked; the refusal is partial and says where it stopped."""
    task, address = lab.heap(4)
    lab.munmap(task, address + 2 * PAGE_SIZE, 1)
    with pytest.raises(KernelError, match=r"p\.h\[2\] is not mapped") as info:
        lab.mlock(task, address, 4)

    assert ("ENOMEM", True, [True, False]) == (info.value.errno, info.value.partial, locked(lab, task))


def test_out_of_memory_locks_nothing() -> None:
    """Where the pages do not fit nothing is locked."""
    lab = Lab(ram="4M")
    task, address = lab.heap(2000, write=False)
    before = lab.digest()
    with pytest.raises(KernelError, match="low memory is out") as info:
        lab.mlock(task, address, 2000)

    assert (False, before) == (info.value.partial, lab.digest())
