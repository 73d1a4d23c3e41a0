"""Page tables of four levels."""

from __future__ import annotations

from tests.mm.v6_18.modern import Modern
from vmtui.mm.page import PAGE_SIZE, PG_table
from vmtui.mm.pgtable import PMD_SIZE, page_tables, pte_offset, ptep_to_mm_address, tables_of

GB = 1 << 30
BASE = 0x200000000000


def test_four_levels_to_a_page() -> None:
    """An empty process has a pgd page; its first page brings a pud page, a pmd page and a PTE page."""
    machine = Modern("spawn a")
    assert 1 == page_tables(machine.mm("a"))
    machine.do("mmap a h 1 pages rw private", "write a.h")

    assert 4 == page_tables(machine.mm("a"))
    assert 4 == machine.done.work["page_tables_made"] + 1


def test_tables_are_shared_by_what_lies_near() -> None:
    """2 MB further a PTE page more, 1 GB further a pmd page too, 512 GB further all three."""
    machine = Modern("spawn a", "mmap a h 1 pages rw private", "write a.h")
    for name, distance, more in (("b", PMD_SIZE, 1), ("c", GB, 2), ("d", 512 * GB, 3)):
        before = page_tables(machine.mm("a"))
        machine.do(f"mmap a {name} 1 pages rw private at {BASE + distance:#x}", f"write a.{name}")
        assert more == page_tables(machine.mm("a")) - before


def test_tables_go_with_the_last_vma_they_serve() -> None:
    """munmap frees each table that no VMA needs any more, and exit the rest."""
    machine = Modern("spawn a", "mmap a h 1 pages rw private", "write a.h")
    machine.do(f"mmap a c 1 pages rw private at {BASE + GB:#x}", "write a.c")
    assert 6 == page_tables(machine.mm("a"))
    machine.do("munmap a.c")
    assert 4 == page_tables(machine.mm("a"))
    machine.do("madvise a.h dontneed")
    assert 4 == page_tables(machine.mm("a"))
    machine.do("exit a")

    assert 0 == machine.machine.ledger.page_tables == len(machine.machine.tables())


def test_a_pte_knows_its_owner() -> None:
    """From a PTE's address back to the mm and the address, above 32 bits too."""
    machine = Modern("spawn a", "mmap a h 2 pages rw private", "write a.h")
    mm = machine.mm("a")
    ptep = pte_offset(mm, BASE + PAGE_SIZE)

    assert (mm, BASE + PAGE_SIZE) == ptep_to_mm_address(machine.machine, ptep)
    assert machine.machine.page(ptep // 512).test(PG_table)
    assert [BASE] == [base for base, _ in tables_of(mm)]


def test_all_memory_is_low() -> None:
    """One zone, however large: nothing is refused for want of low memory."""
    machine = Modern("spawn a", ram="4G")

    assert 1 == len(machine.machine.zones)
    assert 4 * GB == machine.machine.ledger.lowmem_total


def test_a_wide_vma_costs_what_it_maps() -> None:
    """256 GB with a page at each end: two ways down, and gone at exit."""
    machine = Modern("spawn a", "mmap a h 256G rw private", "write a.h[0]")
    last = (256 << 30) // PAGE_SIZE - 1
    machine.do(f"write a.h[{last}]", "fork a b", "munmap b.h", "exit a")

    assert [] == list(tables_of(machine.mm("b")))
