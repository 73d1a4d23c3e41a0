"""Swap slots and the swap cache."""

from __future__ import annotations

import pytest

from tests.mm.lab import Lab, mm_of
from vmtui.mm.kernel import Options
from vmtui.mm.machine import Machine
from vmtui.mm.page import PAGE_SIZE, PG_dirty, PG_swapcache
from vmtui.mm.pgtable import is_swap_pte, pte_present, pte_to_slot
from vmtui.mm.swap_state import lookup_swap_cache
from vmtui.mm.swapfile import get_swap_page, swap_duplicate, swap_free, vm_swap_full


def machine_with(slots: int) -> Machine:
    """A machine with so many swap slots."""
    return Machine(Options(swap=slots * PAGE_SIZE))


def test_lowest_free_slot_first() -> None:
    """Slots are given out from 1 up; one given back is the next if it is the lowest."""
    machine = machine_with(4)
    assert [1, 2, 3] == [get_swap_page(machine) for _ in range(3)]
    for slot in (3, 1):
        swap_free(machine, slot)

    assert [1, 3, 4, 0] == [get_swap_page(machine) for _ in range(4)]
    assert 4 == machine.swap.used()


@pytest.mark.parametrize("slots", [0, 1])
def test_swap_may_be_tiny(slots: int) -> None:
    """No swap gives no slot; slot 0, the header's, is never given."""
    machine = machine_with(slots)

    assert [1] * slots + [0] == [get_swap_page(machine) for _ in range(slots + 1)]


def test_slot_is_free_when_nobody_holds_it() -> None:
    """A slot counts its holders."""
    machine = machine_with(4)
    slot = get_swap_page(machine)
    swap_duplicate(machine, slot)

    assert (1, 1) == (swap_free(machine, slot), machine.swap.used())
    assert (0, 0) == (swap_free(machine, slot), machine.swap.used())


def test_full_means_more_than_half() -> None:
    """Swap is called full when more than half its slots are used."""
    machine = machine_with(4)
    full = []
    for _ in range(4):
        get_swap_page(machine)
        full.append(vm_swap_full(machine))

    assert [False, False, True, True] == full


def test_pages_get_slots_in_order(lab: Lab) -> None:
    """Pages swapped out one after another lie one after another."""
    task, address = lab.heap(4)
    lab.swapout(task, address, 4)

    assert [1, 2, 3, 4] == [pte_to_slot(lab.pte(task, address + number * PAGE_SIZE)) for number in range(4)]
    assert [1, 2, 3, 4] == [lab.page(task, address + number * PAGE_SIZE).private for number in range(4)]


def test_swap_cache_finds_the_frame(lab: Lab) -> None:
    """A slot's page is found by its slot while it is in the swap cache, and not after."""
    task, address = lab.heap(1)
    pfn = lab.pfn(task, address)
    lab.swapout(task, address)
    slot = pte_to_slot(lab.pte(task, address))
    assert (pfn, 1) == (lookup_swap_cache(lab.machine, slot), lab.machine.frames()["swap_cache"])
    lab.evict(task, address)

    assert (0, 0) == (lookup_swap_cache(lab.machine, slot), lab.machine.frames()["swap_cache"])


class TestSwapCacheIsKept:
    """Swap-in leaves the page its slot, until swap is more than half full."""

    @pytest.mark.parametrize(("pages", "kept"), [(2, True), (3, False)])
    @pytest.mark.parametrize("evict", [False, True])
    def test_half_full(self, pages: int, kept: bool, evict: bool) -> None:
        """With 4 slots: 2 in use, the page read back stays cached; 3 in use, its slot is given up."""
        lab = Lab(swap="16K")
        task, address = lab.heap(4)
        (lab.evict if evict else lab.swapout)(task, address, pages)
        lab.read(task, address)
        page = lab.page(task, address)

        assert (kept, pages if kept else pages - 1) == (page.test(PG_swapcache), lab.machine.swap.used())
        # Without a slot the page is nowhere but in memory.
        assert (not kept) == page.test(PG_dirty)

    def test_shared_slot_is_not_given_up(self) -> None:
        """While another entry holds the slot it stays, however full swap is."""
        lab = Lab(swap="16K")
        parent, address = lab.heap(4)
        child = lab.fork(parent, "c")
        lab.swapout(parent, address, 4)
        lab.read(parent, address)
        assert lab.page(parent, address).test(PG_swapcache)
        lab.read(child, address)

        # The page is mapped twice: neither is the only one to hold it.
        assert lab.page(parent, address).test(PG_swapcache)
        assert 2 == lab.page(parent, address).mapcount

    def test_dropping_the_last_entry_of_a_mapped_cached_page(self) -> None:
        """With swap full, the last entry takes the page out of the swap cache; its mapper keeps it."""
        lab = Lab(swap="16K")
        parent, address = lab.heap(4)
        child = lab.fork(parent, "c")
        lab.swapout(parent, address, 4)
        lab.read(parent, address)
        lab.exit(child)
        page = lab.page(parent, address)

        assert (False, 1, True, True) == (
            page.test(PG_swapcache),
            page.count,
            page.test(PG_dirty),
            pte_present(lab.pte(parent, address)),
        )


def test_swap_full_keeps_the_page(lab: Lab) -> None:
    """Without a slot a page stays mapped and goes to the active list; the next with a slot goes out."""
    lab = Lab(swap="8K")
    task, address = lab.heap(3)
    lab.swapout(task, address, 3)

    assert [True, True, False] == [is_swap_pte(lab.pte(task, address + n * PAGE_SIZE)) for n in range(3)]
    assert any("swap is full" in said for said in lab.sentences)
    assert lab.page(task, address + 2 * PAGE_SIZE).test("active")
    lab.madvise(task, address, 1)
    lab.swapout(task, address + 2 * PAGE_SIZE)
    assert 1 == pte_to_slot(lab.pte(task, address + 2 * PAGE_SIZE))


def test_page_keeps_its_slot_over_a_second_swapout(lab: Lab) -> None:
    """A page in the swap cache is not given another slot."""
    task, address = lab.heap(1)
    lab.swapout(task, address)
    lab.write(task, address)
    lab.swapout(task, address)

    assert (1, 1) == (pte_to_slot(lab.pte(task, address)), lab.machine.swap.used())
    assert 0 == mm_of(task).rss
