"""Page tables in physical memory."""

from __future__ import annotations

import pytest

from tests.mm.lab import NONE, RW, Lab, R, mm_of, vma_at
from vmtui.errors import KernelError
from vmtui.mm.page import PAGE_SIZE, PG_table
from vmtui.mm.pgtable import (
    PAGE_ACCESSED,
    PAGE_DIRTY,
    PAGE_PRESENT,
    PAGE_PROTNONE,
    PAGE_RW,
    PMD_SIZE,
    is_swap_pte,
    mk_pte,
    page_tables,
    present_ptes,
    pte_alloc,
    pte_dirty,
    pte_modify,
    pte_offset,
    pte_pfn,
    pte_present,
    pte_to_slot,
    pte_write,
    pte_young,
    ptep_to_mm_address,
    swp_entry_to_pte,
    tables_of,
    vm_page_prot,
)

GB = 1 << 30


class TestEntry:
    """The 64 bits of a PTE."""

    @pytest.mark.parametrize("pfn", [1, 0xFFFFFF])
    @pytest.mark.parametrize("prot", [PAGE_PRESENT, PAGE_PRESENT | PAGE_RW, PAGE_PROTNONE])
    def test_present_entry(self, pfn: int, prot: int) -> None:
        """An entry gives back its frame; under PROT_NONE it maps it still."""
        pte = mk_pte(pfn, prot)

        assert (pfn, True, False, bool(prot & PAGE_RW)) == (
            pte_pfn(pte),
            pte_present(pte),
            is_swap_pte(pte),
            pte_write(pte),
        )

    @pytest.mark.parametrize("slot", [1, 4096, (64 << 30) // PAGE_SIZE])
    def test_swap_entry(self, slot: int) -> None:
        """A swap entry is not present and not empty, gives back its slot, and fits 64 bits."""
        pte = swp_entry_to_pte(slot)

        assert (slot, True, False) == (pte_to_slot(pte), is_swap_pte(pte), pte_present(pte))
        assert pte < 1 << 63

    def test_empty_entry(self) -> None:
        """Zero is no entry of either kind."""
        assert (False, False) == (pte_present(0), is_swap_pte(0))

    @pytest.mark.parametrize("bits", [0, PAGE_ACCESSED, PAGE_DIRTY, PAGE_ACCESSED | PAGE_DIRTY])
    def test_modify_keeps_frame_accessed_and_dirty(self, bits: int) -> None:
        """Other protection, the same history; to PROT_NONE and back nothing is lost."""
        pte = mk_pte(0x123, PAGE_PRESENT | PAGE_RW | bits)
        closed = pte_modify(pte, PAGE_PROTNONE | PAGE_ACCESSED)
        opened = pte_modify(closed, PAGE_PRESENT | PAGE_ACCESSED)

        for changed in (closed, opened):
            assert (0x123, bool(bits & PAGE_ACCESSED), bool(bits & PAGE_DIRTY), False) == (
                pte_pfn(changed),
                pte_young(changed),
                pte_dirty(changed),
                pte_write(changed),
            )
            assert pte_present(changed)
        assert not closed & PAGE_PRESENT

    def test_private_entry_starts_read_only(self, lab: Lab) -> None:
        """A private VMA's entries are not writable until a write fault; without access they are PROT_NONE."""
        task = lab.spawn()
        for label, prot in (("a", RW), ("b", R)):
            vma = vma_at(task, lab.mmap(task, label, 1, prot))
            assert vm_page_prot(vma) & (PAGE_PRESENT | PAGE_RW | PAGE_PROTNONE) == PAGE_PRESENT
        vma = vma_at(task, lab.mmap(task, "c", 1, NONE))
        assert vm_page_prot(vma) & (PAGE_PRESENT | PAGE_RW | PAGE_PROTNONE) == PAGE_PROTNONE


class TestTables:
    """Three levels: pgd, pmd, PTE page."""

    def test_ptep_is_a_physical_address(self, lab: Lab) -> None:
        """A ptep is the table's frame and the slot in it; the table's struct page says whose it is."""
        task, address = lab.heap(3)
        for number in range(3):
            at = address + number * PAGE_SIZE
            ptep = pte_offset(mm_of(task), at)
            assert (at >> 12) & 511 == ptep & 511
            assert lab.machine.page(ptep >> 9).test(PG_table)
            assert (mm_of(task), at) == ptep_to_mm_address(lab.machine, ptep)

    @pytest.mark.parametrize("address", [0x1000, 0x40000000, 0x401FF000, 0x40200000, 0xBFFFF000])
    def test_no_table_no_ptep(self, lab: Lab, address: int) -> None:
        """Where there is no PTE page there is no ptep; making one makes one frame."""
        mm = mm_of(lab.spawn())
        assert 0 == pte_offset(mm, address)
        before = page_tables(mm)
        ptep = pte_alloc(mm, address)

        assert (ptep, before + 1) == (pte_offset(mm, address), page_tables(mm))
        assert ptep == pte_alloc(mm, address)
        assert before + 1 == page_tables(mm)
        assert (mm, address) == ptep_to_mm_address(lab.machine, ptep)

    @pytest.mark.parametrize(("split", "slots"), [("3:1", 3), ("2:2", 2), ("4:4", 4)])
    def test_pmd_pages(self, split: str, slots: int) -> None:
        """One pmd page for each gigabyte of user addresses; they are of low memory."""
        lab = Lab(split=split, ram="5G", highpte="on", check=False)
        mm = mm_of(lab.spawn())

        assert slots == page_tables(mm) == lab.machine.ledger.page_tables
        assert slots * PAGE_SIZE == lab.machine.ledger.by_kind()["page_tables"]
        pte_alloc(mm, 0x40000000)
        assert slots * PAGE_SIZE == lab.machine.ledger.by_kind()["page_tables"]

    def test_one_table_a_2_mb(self, lab: Lab) -> None:
        """Two pages on both sides of a 2 MB boundary need two tables."""
        task = lab.spawn()
        lab.mmap(task, "h", 2, at=0x40000000 + PMD_SIZE - PAGE_SIZE)
        lab.write(task, 0x40000000 + PMD_SIZE - PAGE_SIZE, 2)

        assert [0x40000000, 0x40000000 + PMD_SIZE] == [base for base, _ in tables_of(mm_of(task))]
        assert 5 == page_tables(mm_of(task))

    def test_present_ptes_finds_what_is_not_empty(self, lab: Lab) -> None:
        """Pages, the zero page and swap entries are found, in order, within the range only."""
        task = lab.spawn()
        address = lab.mmap(task, "h", 1024, at=0x40000000)
        at = [address + number * PAGE_SIZE for number in (0, 3, 511, 512, 1023)]
        for each in at:
            lab.write(task, each)
        lab.evict(task, at[1])
        lab.read(task, address + 5 * PAGE_SIZE)
        at.insert(2, address + 5 * PAGE_SIZE)

        assert at == present_ptes(mm_of(task), address, address + 1024 * PAGE_SIZE).tolist()
        assert at[1:3] == present_ptes(mm_of(task), address + PAGE_SIZE, at[3]).tolist()
        assert [] == present_ptes(mm_of(task), 0x80000000, 0x90000000).tolist()

    def test_tables_go_with_the_last_vma_of_their_gigabyte(self, lab: Lab) -> None:
        """munmap frees PTE pages of a 1 GB slot when no VMA is left in it, not before."""
        task = lab.spawn()
        mm = mm_of(task)
        for label, at in (("a", 0x40000000), ("b", 0x7FE00000), ("c", 0x80000000)):
            lab.mmap(task, label, 1, at=at)
            lab.write(task, at)
        assert 6 == page_tables(mm)
        lab.munmap(task, 0x40000000, 1)
        assert 6 == page_tables(mm)
        lab.munmap(task, 0x7FE00000, 1)
        assert 4 == page_tables(mm)
        lab.munmap(task, 0x80000000, 1)
        assert 3 == page_tables(mm)

    @pytest.mark.parametrize("how", ["madvise", "swapout", "evict"])
    def test_tables_stay_when_pages_go(self, lab: Lab, how: str) -> None:
        """Dropping or swapping pages frees no table: a miss is then nopte, not notable."""
        task, address = lab.heap(4)
        getattr(lab, how)(task, address, 4)

        assert 4 == page_tables(mm_of(task))
        assert 0 != pte_offset(mm_of(task), address)

    def test_exit_frees_all(self, lab: Lab) -> None:
        """PTE pages, pmd pages and the pgd go at exit; a gone mm has no entry anywhere."""
        task, address = lab.heap(1)
        mm = mm_of(task)
        lab.exit(task)

        assert 0 == lab.machine.ledger.page_tables == lab.machine.ledger.count("pgd")
        assert 0 == pte_offset(mm, address)
        assert [] == list(lab.machine.tables())

    def test_exit_under_4_4_frees_the_fourth_gigabyte(self) -> None:
        """Where user addresses reach into the last gigabyte its tables go too."""
        lab = Lab(split="4:4")
        task = lab.spawn()
        lab.mmap(task, "h", 1, at=0xFEFFF000)
        lab.write(task, 0xFEFFF000)
        assert 5 == page_tables(mm_of(task))
        lab.exit(task)

        assert 0 == lab.machine.ledger.page_tables

    def test_no_more_address_spaces(self, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        """The pgd column has an end, and whoever meets it is told."""
        monkeypatch.setattr(type(lab.machine), "max_mms", 2)
        lab.spawn()
        with pytest.raises(KernelError, match="no more than 2 address spaces"):
            lab.spawn("q")
