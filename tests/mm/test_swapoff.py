"""swapoff: everything comes back, or nothing does."""

from __future__ import annotations

import pytest

from tests.mm.files import FileLab
from tests.mm.lab import R, mm_of
from vmtui.errors import KernelError
from vmtui.mm.check import check
from vmtui.mm.page import PAGE_SIZE, PG_dirty, PG_swapcache
from vmtui.mm.pgtable import is_swap_pte, pte_dirty, pte_present, pte_write, pte_young
from vmtui.mm.rmap import SCHEMES
from vmtui.mm.swapfile import get_swap_page


@pytest.fixture(params=SCHEMES)
def lab(request: pytest.FixtureRequest) -> FileLab:
    """A machine with this scheme."""
    return FileLab(rmap=request.param, rules="2.6")


def test_pages_come_back(lab: FileLab) -> None:
    """Each entry maps its page again: read-only, old and clean; the page is dirty, the slots are free."""
    task, address = lab.heap(4)
    lab.evict(task, address, 3)
    assert is_swap_pte(lab.pte(task, address))
    lab.swapoff()

    for number in range(3):
        pte = lab.pte(task, address + number * PAGE_SIZE)
        page = lab.page(task, address + number * PAGE_SIZE)
        assert (True, False) == (pte_present(pte), pte_write(pte))
        assert (False, False) == (pte_young(pte), pte_dirty(pte))
        assert (True, False) == (page.test(PG_dirty), page.test(PG_swapcache))
        assert (1, 1) == (page.count, page.mapcount)
    assert (0, 4) == (lab.machine.swap.used(), mm_of(task).rss)


def test_a_family_shares_again(lab: FileLab) -> None:
    """A slot that several processes hold becomes one page that all of them map; the walk finds them all."""
    task, address = lab.heap(1)
    family = [task, *(lab.fork(task, f"c{number}") for number in range(3))]
    lab.evict(task, address)
    slot = lab.slot(task, address)
    assert 4 == lab.machine.swap.map[slot]
    lab.swapoff()

    page = lab.page(task, address)
    assert {page.pfn} == {lab.pfn(member, address) for member in family}
    assert (4, 4) == (page.mapcount, page.count)
    assert 4 == lab.look(task, address, full=True).hits
    lab.write(family[2], address)
    assert 3 == page.mapcount


def test_cached_pages_leave_the_swap_cache(lab: FileLab) -> None:
    """A page still in the swap cache is not read again; what was mapped meanwhile stays mapped."""
    parent, address = lab.heap(1)
    child = lab.fork(parent, "c")
    lab.swapout(parent, address)
    lab.read(child, address)
    page = lab.page(child, address)
    assert page.test(PG_swapcache)
    free = lab.free()
    lab.swapoff()

    assert (page.pfn, page.pfn, free) == (lab.pfn(parent, address), lab.pfn(child, address), lab.free())
    assert (2, 2, 0) == (page.mapcount, page.count, page.private)
    assert not page.test(PG_swapcache)


def test_shared_memory_gets_its_pages_back(lab: FileLab) -> None:
    """The object that holds a slot has the page in its cache again; its mappers fault it in from there."""
    task, address, mapping = lab.shm(2)
    lab.evict(task, address, 2)
    assert [1, 2] == sorted(mapping.slots.all[:2].tolist())
    lab.swapoff()

    assert ([0, 0], 2) == (mapping.slots.all[:2].tolist(), mapping.nrpages)
    assert (0, 0) == (lab.machine.swap.used(), lab.pte(task, address))
    page = lab.cached(mapping, 0)
    assert (True, 0, 1) == (page.test(PG_dirty), page.mapcount, page.count)
    lab.read(task, address)
    assert page.pfn == lab.pfn(task, address)


def test_radix_nodes_are_charged_again(lab: FileLab) -> None:
    """What comes back to an object has its node of the radix tree, as before."""
    task, address, _ = lab.shm(2)
    before = lab.count("radix_tree_node")
    lab.evict(task, address, 2)
    assert before - 1 == lab.count("radix_tree_node")
    lab.swapoff()

    assert before == lab.count("radix_tree_node")


def test_no_slot_is_given_out_any_more(lab: FileLab) -> None:
    """After it nothing can be swapped out: anonymous pages stay where they are."""
    task, address = lab.heap(2)
    lab.swapoff()
    assert (False, 0) == (lab.machine.swap.on, get_swap_page(lab.machine))
    lab.swapout(task, address, 2)

    assert (2, 0) == (mm_of(task).rss, lab.machine.swap.used())
    assert any("swap is full" in sentence for sentence in lab.sentences)


def test_a_second_one_is_refused(lab: FileLab) -> None:
    """EINVAL, and nothing changes."""
    lab.swapoff()
    before = lab.digest()
    with pytest.raises(KernelError, match="is off already") as caught:
        lab.swapoff()

    assert ("EINVAL", before) == (caught.value.errno, lab.digest())


def test_without_an_area_it_is_refused() -> None:
    """EINVAL, the machine has no swap."""
    lab = FileLab(swap="0")
    with pytest.raises(KernelError, match="was never there") as caught:
        lab.swapoff()

    assert "EINVAL" == caught.value.errno


@pytest.mark.parametrize("rmap", SCHEMES)
def test_undone_whole_where_memory_is_short(rmap: str) -> None:
    """ENOMEM: not one page was read, and swap is on; with room it works."""
    lab = FileLab(rmap=rmap, rules="2.6", ram="4M", check=False)
    task, address = lab.heap(8)
    lab.evict(task, address, 8)
    hog = lab.spawn("hog")
    at = lab.mmap(hog, "h", lab.machine.frames_total)
    assert lab.fill(hog, at, lab.machine.frames_total, write=True) < lab.machine.frames_total
    lab.munmap(hog, at, 4)
    before = lab.digest()
    with pytest.raises(KernelError) as caught:
        lab.swapoff()

    assert ("ENOMEM", before, True) == (caught.value.errno, lab.digest(), lab.machine.swap.on)
    lab.exit(hog)
    lab.swapoff()
    assert (8, set()) == (mm_of(task).rss, check(lab.machine))


def test_undone_and_redone(lab: FileLab) -> None:
    """Back at its start the area is on and full as before; redone it is empty again."""
    task, address = lab.heap(3)
    lab.evict(task, address, 3)
    begin, before = lab.machine.history.mark, lab.digest()
    lab.swapoff()
    end, after = lab.machine.history.mark, lab.digest()
    lab.machine.history.seek(begin)
    assert (before, True, 3) == (lab.digest(), lab.machine.swap.on, lab.machine.swap.used())
    lab.machine.history.seek(end)

    assert (after, False, 0) == (lab.digest(), lab.machine.swap.on, lab.machine.swap.used())


def test_protection_is_the_vmas(lab: FileLab) -> None:
    """A page that comes back into a read-only or closed VMA has that VMA's bits."""
    task, address = lab.heap(2)
    lab.evict(task, address, 2)
    lab.mprotect(task, address, 1, R)
    lab.mprotect(task, address + PAGE_SIZE, 1, 0)
    lab.swapoff()

    assert pte_present(lab.pte(task, address + PAGE_SIZE))
    with pytest.raises(KernelError, match="may not be read"):
        lab.read(task, address + PAGE_SIZE)
