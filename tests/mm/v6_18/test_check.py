"""The invariants of 6.18 are broken by hand, and noticed."""

from __future__ import annotations

from tests.mm.v6_18.modern import heap
from vmtui.mm.check import check
from vmtui.mm.page import PG_anon_exclusive
from vmtui.mm.pgtable import pte_mkwrite, pte_offset, pte_swp_mkexclusive


def test_an_exclusive_page_is_mapped_once() -> None:
    """A shared page that says it is exclusive."""
    machine = heap(1, "fork a b")
    page = machine.view("a.h[0]").page
    assert page is not None
    page.set(PG_anon_exclusive)

    assert {"anon_exclusive"} == check(machine.machine)


def test_a_writable_page_is_exclusive() -> None:
    """A page that is not exclusive, and may be written."""
    machine = heap(1, "fork a b", "exit b")
    mm = machine.mm("a")
    ptep = pte_offset(mm, mm.vmas[0].vm_start)
    machine.machine.memory[ptep] = pte_mkwrite(machine.machine.memory[ptep])

    assert {"anon_exclusive"} == check(machine.machine)


def test_an_exclusive_entry_is_the_only_one() -> None:
    """A swap entry that two have, and one of them claims."""
    machine = heap(1, "madvise a.h pageout", "fork a b")
    mm = machine.mm("a")
    ptep = pte_offset(mm, mm.vmas[0].vm_start)
    machine.machine.memory[ptep] = pte_swp_mkexclusive(machine.machine.memory[ptep])

    assert {"swp_exclusive"} == check(machine.machine)
