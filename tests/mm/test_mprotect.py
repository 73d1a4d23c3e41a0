"""mprotect: cuts, merges, PTEs."""

from __future__ import annotations

import pytest

from tests.mm.lab import NONE, RW, Lab, R, mm_of, spans, vma_at
from vmtui.errors import KernelError
from vmtui.mm.page import PAGE_SIZE, ZERO_PFN
from vmtui.mm.pgtable import (
    PAGE_PRESENT,
    PAGE_PROTNONE,
    is_swap_pte,
    pte_dirty,
    pte_pfn,
    pte_present,
    pte_to_slot,
    pte_write,
)


def test_placement_of_the_cuts(lab: Lab) -> None:
    """The first cut makes the new struct below, the second above: the old one keeps the middle."""
    task, address = lab.heap(6)
    old = vma_at(task, address)
    lab.mprotect(task, address + 2 * PAGE_SIZE, 2, R)
    ids = [vma.id for vma in mm_of(task).vmas]

    assert [old.id + 1, old.id, old.id + 2] == ids
    assert [(address >> 12, 2), ((address >> 12) + 2, 2), ((address >> 12) + 4, 2)] == spans(task)
    assert [RW, R, RW] == [vma.vm_flags for vma in mm_of(task).vmas]
    assert [first for first, _ in spans(task)] == [vma.vm_pgoff for vma in mm_of(task).vmas]


@pytest.mark.parametrize(("first", "pages", "structs"), [(0, 4, [0]), (0, 2, [0, 1]), (2, 2, [1, 0])])
def test_cuts_that_are_needed(lab: Lab, first: int, pages: int, structs: list[int]) -> None:
    """A range that begins or ends with the VMA needs no cut there."""
    task, address = lab.heap(4)
    old = vma_at(task, address).id
    lab.mprotect(task, address + first * PAGE_SIZE, pages, R)

    assert [old + number for number in structs] == [vma.id for vma in mm_of(task).vmas]


def test_list_order_after_two_cuts(lab: Lab) -> None:
    """Each cut queues its new struct at the head: [above, below, old]."""
    task, address = lab.heap(6)
    lab.mprotect(task, address + 2 * PAGE_SIZE, 2, R)
    below, old, above = mm_of(task).vmas

    assert old.anon_vma is not None
    assert [above, below, old] == list(old.anon_vma.vmas)


def test_ptes_lose_the_write_bit(lab: Lab) -> None:
    """Made read-only, entries keep frame and dirty bit, and a write faults."""
    task, address = lab.heap(2)
    pfn = lab.pfn(task, address)
    lab.mprotect(task, address, 1, R)
    pte = lab.pte(task, address)

    assert (pfn, True, False, True) == (pte_pfn(pte), pte_present(pte), pte_write(pte), pte_dirty(pte))
    assert pte_write(lab.pte(task, address + PAGE_SIZE))
    with pytest.raises(KernelError, match="may not be written"):
        lab.write(task, address)


def test_write_is_found_out_at_the_next_write(lab: Lab) -> None:
    """Made writable, a private page stays read-only until a write fault finds out whether it is shared."""
    task, address = lab.heap(1)
    pfn = lab.pfn(task, address)
    lab.mprotect(task, address, 1, R)
    lab.mprotect(task, address, 1, RW)
    assert not pte_write(lab.pte(task, address))
    lab.write(task, address)

    assert (pfn, True) == (lab.pfn(task, address), pte_write(lab.pte(task, address)))


def test_shared_page_is_not_opened(lab: Lab) -> None:
    """A page shared by fork is copied at the write, though mprotect came between."""
    parent, address = lab.heap(1)
    child = lab.fork(parent, "c")
    lab.mprotect(parent, address, 1, R)
    lab.mprotect(parent, address, 1, RW)
    lab.write(parent, address)

    assert lab.pfn(parent, address) != lab.pfn(child, address)


def test_none_and_back(lab: Lab) -> None:
    """PROT_NONE: the entry maps the page and the CPU may not use it; given back, nothing was lost."""
    task, address = lab.heap(1)
    page = lab.page(task, address)
    lab.mprotect(task, address, 1, NONE)
    pte = lab.pte(task, address)
    assert (PAGE_PROTNONE, page.pfn, 1) == (pte & (PAGE_PRESENT | PAGE_PROTNONE), pte_pfn(pte), page.mapcount)
    assert 1 == lab.look(task, address).hits
    with pytest.raises(KernelError, match="may not be read"):
        lab.read(task, address)
    lab.mprotect(task, address, 1, RW)
    lab.write(task, address)

    assert page == lab.page(task, address)


def test_page_under_prot_none_is_swapped_and_forked(lab: Lab) -> None:
    """The walk takes it like any other; a child has it too; access comes back with the protection."""
    parent, address = lab.heap(2)
    lab.mprotect(parent, address, 2, NONE)
    child = lab.fork(parent, "c")
    lab.evict(parent, address)
    assert is_swap_pte(lab.pte(child, address))
    assert 2 == lab.page(parent, address + PAGE_SIZE).mapcount
    lab.mprotect(child, address, 2, R)
    lab.read(child, address, 2)

    assert pte_present(lab.pte(child, address))
    assert (1, 2) == (
        lab.page(child, address).mapcount,
        lab.page(child, address + PAGE_SIZE).mapcount,
    )


def test_swap_entries_are_left_alone(lab: Lab) -> None:
    """A swapped page has no protection to change: its entry stays bit for bit."""
    task, address = lab.heap(1)
    lab.evict(task, address)
    before = lab.pte(task, address)
    lab.mprotect(task, address, 1, R)

    assert (before, 1) == (lab.pte(task, address), pte_to_slot(before))


def test_zero_page_under_mprotect(lab: Lab) -> None:
    """The zero page changes protection like any other, and is never made writable."""
    task = lab.spawn()
    address = lab.mmap(task, "h", 1)
    lab.read(task, address)
    lab.mprotect(task, address, 1, NONE)
    lab.mprotect(task, address, 1, RW)

    assert (ZERO_PFN, False) == (pte_pfn(lab.pte(task, address)), pte_write(lab.pte(task, address)))
    lab.write(task, address)
    assert ZERO_PFN != lab.pfn(task, address)


def test_same_protection_changes_nothing(lab: Lab) -> None:
    """A range that has the protection already is neither cut nor rewritten."""
    task, address = lab.heap(4)
    before = lab.digest()
    lab.mprotect(task, address + PAGE_SIZE, 2, RW)

    assert before == lab.digest()


def test_over_several_vmas(lab: Lab) -> None:
    """Adjoining VMAs of any protection become one of one protection."""
    task, address = lab.heap(6)
    lab.mprotect(task, address + PAGE_SIZE, 1, NONE)
    lab.mprotect(task, address + 3 * PAGE_SIZE, 2, R)
    assert 5 == len(spans(task))
    lab.mprotect(task, address, 6, R)

    assert [(address >> 12, 6)] == spans(task)
    assert {1} == {lab.look(task, address + number * PAGE_SIZE, full=True).hits for number in range(6)}


def test_hole_stops_it_half_way(lab: Lab) -> None:
    """What lies below a hole is changed; the refusal says where it stopped, and is partial."""
    task, address = lab.heap(6)
    lab.munmap(task, address + 3 * PAGE_SIZE, 1)
    with pytest.raises(KernelError, match=r"p\.h\[3\] is not mapped; what lies below it was done") as info:
        lab.mprotect(task, address + PAGE_SIZE, 5, R)

    assert ("ENOMEM", True) == (info.value.errno, info.value.partial)
    assert [RW, R, RW] == [vma.vm_flags for vma in mm_of(task).vmas]


def test_hole_at_the_start_refuses_all(lab: Lab) -> None:
    """Where nothing lies below the hole nothing is done, and the refusal is whole."""
    task, address = lab.heap(2)
    before = lab.digest()
    with pytest.raises(KernelError) as info:
        lab.mprotect(task, address - PAGE_SIZE, 2, R)

    assert ("ENOMEM", False, before) == (info.value.errno, info.value.partial, lab.digest())


@pytest.mark.parametrize("prot", [R, NONE, RW])
@pytest.mark.parametrize("first", range(4))
@pytest.mark.parametrize("pages", range(1, 4))
def test_any_cut_there_and_back(lab: Lab, prot: int, first: int, pages: int) -> None:
    """Cut anywhere and put back, all pages are there, in one VMA, and can be written."""
    parent, address = lab.heap(4)
    lab.fork(parent, "c")
    pages = min(pages, 4 - first)
    lab.write(parent, address, 2)
    lab.mprotect(parent, address + first * PAGE_SIZE, pages, prot)
    lab.mprotect(parent, address, 4, RW)
    lab.write(parent, address, 4)

    assert [(address >> 12, 4)] == spans(parent)
    assert 4 == mm_of(parent).rss
