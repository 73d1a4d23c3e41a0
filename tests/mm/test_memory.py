"""Faults, copy on write, zap."""

from __future__ import annotations

import pytest

from tests.mm.lab import NONE, Lab, R, W, mm_of, spans, vma_at
from vmtui.errors import KernelError
from vmtui.mm.page import PAGE_SIZE, ZERO_PFN, PG_dirty, PG_referenced
from vmtui.mm.pgtable import (
    PAGE_PRESENT,
    is_swap_pte,
    pte_dirty,
    pte_pfn,
    pte_present,
    pte_write,
    pte_young,
)


class TestFirstTouch:
    """Anonymous memory that nothing stands in yet."""

    def test_write_takes_a_frame(self, lab: Lab) -> None:
        """A write maps a zeroed frame, writable, accessed and dirty; the process has one page more."""
        task = lab.spawn()
        address = lab.mmap(task, "h", 1)
        lab.write(task, address)
        pte = lab.pte(task, address)

        assert (True, True, True, True) == (pte_present(pte), pte_write(pte), pte_young(pte), pte_dirty(pte))
        assert 1 == mm_of(task).rss
        page = lab.page(task, address)
        assert (1, 1, True) == (page.count, page.mapcount, page.test(PG_referenced))

    def test_read_maps_the_zero_page(self, lab: Lab) -> None:
        """A read takes no frame: the zero page is mapped, read-only, not counted and not reverse-mapped."""
        task = lab.spawn()
        address = lab.mmap(task, "h", 3)
        lab.write(task, address + 2 * PAGE_SIZE)
        free = lab.machine.zones[0].free
        lab.read(task, address, 2)

        assert free == lab.machine.zones[0].free
        for number in range(2):
            pte = lab.pte(task, address + number * PAGE_SIZE)
            assert (ZERO_PFN, False, True) == (pte_pfn(pte), pte_write(pte), pte_young(pte))
        assert 1 == mm_of(task).rss
        assert (0, 1) == (lab.machine.page(ZERO_PFN).mapcount, lab.machine.page(ZERO_PFN).count)
        assert 1 == lab.machine.work["rmap_add"]

    def test_write_after_read_copies_the_zero_page(self, lab: Lab) -> None:
        """The zero page is everybody's: the write takes a frame of its own."""
        task = lab.spawn()
        address = lab.mmap(task, "h", 1)
        lab.read(task, address)
        lab.write(task, address)

        assert ZERO_PFN != lab.pfn(task, address)
        assert 1 == mm_of(task).rss
        assert any("the zero page" in said and "copied" in said for said in lab.sentences)

    def test_second_touch_makes_no_fault(self, lab: Lab) -> None:
        """What is mapped is used by the CPU alone, which sets accessed and dirty."""
        task, address = lab.heap(1)
        lab.referenced(task, address)
        assert not pte_young(lab.pte(task, address))
        lab.read(task, address)

        assert pte_young(lab.pte(task, address))
        assert ["touch"] == lab.functions

    def test_access_that_changes_nothing_makes_no_record(self, lab: Lab) -> None:
        """A page that is young already is read without a trace."""
        task, address = lab.heap(1)
        mark = lab.machine.history.mark
        lab.read(task, address)
        lab.write(task, address)

        assert mark == lab.machine.history.mark


class TestFaultsRefused:
    """Where a process would get SIGSEGV."""

    @pytest.mark.parametrize(("prot", "write"), [(R, True), (NONE, True), (NONE, False)])
    def test_protection(self, lab: Lab, prot: int, write: bool) -> None:
        """A write to a read-only VMA, any access to one without access: EFAULT, and nothing happened."""
        task = lab.spawn()
        address = lab.mmap(task, "h", 1, prot)
        before = lab.digest()
        with pytest.raises(KernelError, match="SIGSEGV") as info:
            (lab.write if write else lab.read)(task, address)

        assert ("EFAULT", False, before) == (info.value.errno, info.value.partial, lab.digest())

    @pytest.mark.parametrize("address", [0, 0x3FFFF000, 0x40001000, 0xBFFFF000])
    def test_hole(self, lab: Lab, address: int) -> None:
        """An address in no VMA."""
        task = lab.spawn()
        lab.mmap(task, "h", 1, at=0x40000000)
        with pytest.raises(KernelError, match="is in no VMA"):
            lab.read(task, address)

    def test_write_only_memory_can_be_read(self, lab: Lab) -> None:
        """i386 has no write without read."""
        task = lab.spawn()
        address = lab.mmap(task, "h", 1, W)
        lab.read(task, address)
        lab.write(task, address)

        assert pte_write(lab.pte(task, address))

    def test_part_done_stays(self, lab: Lab) -> None:
        """A write that runs into a hole keeps the pages before it, and says that it is partial."""
        task = lab.spawn()
        address = lab.mmap(task, "h", 2)
        with pytest.raises(KernelError) as info:
            lab.write(task, address, 4)

        assert ("EFAULT", True, 2) == (info.value.errno, info.value.partial, mm_of(task).rss)

    @pytest.mark.parametrize("bulk", ["1", "1000000"])
    def test_out_of_memory_undoes_all(self, bulk: str) -> None:
        """A write that does not fit in memory leaves the machine as before it, on both paths."""
        lab = Lab(ram="4M", bulk=bulk)
        task, address = lab.heap(2000, write=False)
        lab.write(task, address, 10)
        before = lab.digest()
        with pytest.raises(KernelError, match="low memory is out: a user page asked for 4,096 bytes") as info:
            lab.write(task, address, 2000)

        assert ("ENOMEM", False, before) == (info.value.errno, info.value.partial, lab.digest())

    def test_swap_in_without_memory(self) -> None:
        """A page cannot come back from swap where no frame is free; nothing is lost."""
        lab = Lab(ram="4M")
        task, address = lab.heap(1000)
        lab.evict(task, address)
        lab.mmap(task, "k", 64)
        k = vma_at(task, address + 1001 * PAGE_SIZE).vm_start
        free = lab.machine.ledger.lowmem_free // PAGE_SIZE
        lab.write(task, k, free)
        with pytest.raises(KernelError, match="low memory is out"):
            lab.read(task, address)

        assert is_swap_pte(lab.pte(task, address))


class TestBulk:
    """Filling a range at once."""

    @pytest.mark.parametrize("highpte", ["on", "off"])
    @pytest.mark.parametrize("short", range(3))
    def test_last_frames(self, highpte: str, short: int) -> None:
        """At the edge of memory the fast path fails or fits exactly where single faults do."""
        results = []
        for bulk in (1, 1 << 40):
            lab = Lab(ram="4M", highpte=highpte, bulk=bulk)
            task, address = lab.heap(1024, write=False)
            pages = lab.machine.ledger.lowmem_free // PAGE_SIZE - short
            try:
                lab.write(task, address, pages)
                results.append(("fits", lab.digest()))
            except KernelError as error:
                results.append((error.errno, lab.digest()))
            assert lab.machine.ledger.lowmem_free >= 0

        assert results[0] == results[1]
        assert ("ENOMEM" if short < 2 else "fits") == results[0][0]

    def test_high_memory_then_low(self) -> None:
        """Where high memory ends in the middle of a range, low memory goes on, the same on both paths."""
        machines = []
        for bulk in (1, 1 << 40):
            lab = Lab(ram="898M", bulk=bulk, check=False)
            task, address = lab.heap(700, write=False)
            lab.write(task, address, 700)
            machines.append(lab)
            assert (0, 188) == (
                lab.machine.zones[1].free,
                lab.machine.ledger.by_kind()["user_pages"] // PAGE_SIZE,
            )
        assert machines[0].digest() == machines[1].digest()

    def test_one_step_for_all(self) -> None:
        """A range filled at once is one step that says how many pages."""
        lab = Lab(bulk=4)
        task, address = lab.heap(8, write=False)
        lab.write(task, address, 8)

        assert ["p.h[0]: 8 pages written at once, a PTE each"] == lab.sentences
        assert 8 == mm_of(task).rss

    def test_what_is_mapped_is_written_singly(self) -> None:
        """The fast path fills what is empty; a page in the way is written as any other."""
        lab = Lab(bulk=2)
        task, address = lab.heap(8, write=False)
        lab.read(task, address + 3 * PAGE_SIZE)
        lab.write(task, address, 8)

        assert 8 == mm_of(task).rss
        assert sum("at once" in said for said in lab.sentences) == 1


class TestGrowsDown:
    """A VMA that takes in addresses below it."""

    def test_a_touch_below_grows_it(self, lab: Lab) -> None:
        """The VMA and its name begin at the page touched; vm_pgoff follows."""
        task = lab.spawn()
        lab.mmap(task, "s", 2, at=0x50000000, growsdown=True)
        lab.write(task, 0x50000000)
        lab.write(task, 0x4FFFE000)
        vma = vma_at(task, 0x50001000)

        assert (0x4FFFE000, 0x50002000, 0x4FFFE) == (vma.vm_start, vma.vm_end, vma.vm_pgoff)
        (label,) = mm_of(task).labels
        assert (0x4FFFE000, 0x50002000) == (label.start, label.end)
        assert {1} == {lab.look(task, at, full=True).hits for at in (0x50000000, 0x4FFFE000)}

    def test_it_grows_as_far_as_the_next_vma(self, lab: Lab) -> None:
        """Addresses down to the VMA below are the stack's; those of that VMA, and below it, are not."""
        task = lab.spawn()
        lab.mmap(task, "h", 1, R, at=0x4FFFD000)
        lab.mmap(task, "s", 1, at=0x50000000, growsdown=True)
        for at, errno in ((0x4FFFD000, "may not be written"), (0x4FFFC000, "is in no VMA")):
            with pytest.raises(KernelError, match=errno):
                lab.write(task, at)
        lab.write(task, 0x4FFFE000)

        assert [(0x4FFFD, 1), (0x4FFFE, 3)] == spans(task)

    def test_others_do_not_grow(self, lab: Lab) -> None:
        """A VMA without VM_GROWSDOWN stays where it is."""
        task = lab.spawn()
        lab.mmap(task, "h", 1, at=0x50000000)
        with pytest.raises(KernelError, match="is in no VMA"):
            lab.write(task, 0x4FFFF000)

    def test_page_numbers_do_not_fall_below_zero(self, lab: Lab) -> None:
        """Moved up from a low address, a stack can grow only as far as vm_pgoff goes; then EFAULT."""
        task = lab.spawn()
        lab.mmap(task, "s", 1, at=0x2000, growsdown=True)
        lab.write(task, 0x2000)
        lab.mremap(task, 0x2000, 1, 1, to=0x60000000)
        lab.write(task, 0x5FFFE000)
        assert (0, 0) == (vma_at(task, 0x60000000).vm_pgoff, lab.page(task, 0x5FFFE000).index)
        with pytest.raises(KernelError, match="below page number 0"):
            lab.write(task, 0x5FFFD000)

    def test_children_grow_apart(self, lab: Lab) -> None:
        """A stack grown after fork has page numbers its relatives' VMAs do not reach."""
        parent = lab.spawn()
        lab.mmap(parent, "s", 1, at=0x50000000, growsdown=True)
        lab.write(parent, 0x50000000)
        child = lab.fork(parent, "c")
        lab.write(child, 0x4FFFF000)
        grandchild = lab.fork(child, "g")

        walk = lab.look(grandchild, 0x4FFFF000, full=True)
        assert (3, 2, 1) == (walk.examined, walk.hits, walk.miss_range)


class TestZap:
    """Mappings dropped."""

    def test_only_owner_frees(self, lab: Lab) -> None:
        """The last mapping takes the frame with it."""
        task, address = lab.heap(2)
        free = lab.machine.zones[0].free
        lab.madvise(task, address, 2)

        assert (free + 2, 0) == (lab.machine.zones[0].free, mm_of(task).rss)

    def test_shared_page_stays(self, lab: Lab) -> None:
        """Others keep what one drops."""
        parent, address = lab.heap(1)
        child = lab.fork(parent, "c")
        pfn = lab.pfn(parent, address)
        lab.madvise(parent, address, 1)

        assert (pfn, 1) == (lab.pfn(child, address), lab.machine.page(pfn).mapcount)

    def test_dirty_entry_makes_the_page_dirty(self, lab: Lab) -> None:
        """What one process wrote is remembered by the page when its entry goes."""
        parent, address = lab.heap(1)
        child = lab.fork(parent, "c")
        page = lab.page(parent, address)
        assert not page.test(PG_dirty)
        lab.exit(parent)

        assert page.test(PG_dirty)
        assert lab.page(child, address) == page

    @pytest.mark.parametrize("evict", [False, True])
    def test_swap_entry_drops_the_slot(self, lab: Lab, evict: bool) -> None:
        """The last entry frees the slot, and the page that waits in the swap cache for it."""
        task, address = lab.heap(1)
        free = lab.machine.zones[0].free + 1
        (lab.evict if evict else lab.swapout)(task, address)
        lab.madvise(task, address, 1)

        assert (0, free) == (lab.machine.swap.used(), lab.machine.zones[0].free)

    def test_mapped_page_of_the_swap_cache_goes_with_its_slot(self, lab: Lab) -> None:
        """A page read back and dropped leaves neither frame nor slot."""
        task, address = lab.heap(1)
        free = lab.machine.zones[0].free + 1
        lab.evict(task, address)
        lab.read(task, address)
        lab.madvise(task, address, 1)

        assert (0, free) == (lab.machine.swap.used(), lab.machine.zones[0].free)

    def test_zero_page_is_unmapped_without_a_trace(self, lab: Lab) -> None:
        """Dropping the zero page changes one PTE."""
        task = lab.spawn()
        address = lab.mmap(task, "h", 1)
        lab.read(task, address)
        lab.madvise(task, address, 1)

        assert (0, 0) == (lab.pte(task, address), mm_of(task).rss)
        assert 1 == lab.machine.page(ZERO_PFN).count
        assert not lab.machine.work["rmap_remove"]

    def test_next_read_finds_zeroes(self, lab: Lab) -> None:
        """What was dropped is gone: the next read maps the zero page."""
        task, address = lab.heap(1)
        lab.madvise(task, address, 1)
        lab.read(task, address)

        assert ZERO_PFN == lab.pfn(task, address)
        assert lab.pte(task, address) & PAGE_PRESENT
