"""Processes: made, forked, ended."""

from __future__ import annotations

import pytest

from tests.mm.lab import RW, Lab, R, mm_of, spans, vma_at
from vmtui.errors import KernelError, PlaceError
from vmtui.mm import fork
from vmtui.mm.page import PAGE_SIZE, ZERO_PFN
from vmtui.mm.pgtable import page_tables, pte_dirty, pte_offset, pte_pfn, pte_to_slot, pte_write, pte_young


class TestSpawn:
    """A process from nowhere."""

    @pytest.mark.parametrize(("split", "pmds"), [("3:1", 3), ("4:4", 4)])
    def test_what_it_costs(self, split: str, pmds: int) -> None:
        """A stack, a task, an mm and a pgd of slab; 3 pmd pages, 4 under 4:4; no VMA, no page."""
        lab = Lab(split=split)
        before = lab.machine.ledger.by_kind()
        task = lab.spawn()
        after = lab.machine.ledger.by_kind()

        assert {
            "thread": 8192,
            "task_struct": 1536,
            "mm_struct": 512,
            "pgd": 32,
            "page_tables": pmds * PAGE_SIZE,
        } == {kind: after[kind] - held for kind, held in before.items() if after[kind] != held}
        assert ([], 0, pmds) == (spans(task), mm_of(task).rss, page_tables(mm_of(task)))
        assert (None, True) == (task.parent, task.alive)

    def test_names_are_not_used_twice(self, lab: Lab) -> None:
        """A name belongs to one process, living or dead."""
        task = lab.spawn()
        for _ in range(2):
            before = lab.digest()
            with pytest.raises(KernelError, match="there is, or was, a process called p") as info:
                lab.spawn()
            assert ("EEXIST", before) == (info.value.errno, lab.digest())
            if task.alive:
                lab.exit(task)

    def test_found_by_name(self, lab: Lab) -> None:
        """A process is found by its name; one that is not there, or dead, is refused."""
        task = lab.spawn()
        assert task is lab.machine.find_task("p")
        with pytest.raises(PlaceError, match="there is no process q"):
            lab.machine.find_task("q")
        lab.exit(task)
        with pytest.raises(PlaceError, match="p is dead"):
            lab.machine.find_task("p")
        assert task is lab.machine.find_task("p", alive=False)

    def test_name_follows_the_tape(self, lab: Lab) -> None:
        """A process that has been undone is not there, and its name and number are free again."""
        start = lab.machine.history.mark
        lab.spawn("a")
        end = lab.machine.history.mark
        lab.machine.history.seek(start)
        assert lab.machine.task_named("a") is None
        lab.machine.history.seek(end)
        assert lab.machine.task_named("a") is not None
        lab.machine.history.seek(start)
        other, again = lab.spawn("b"), lab.spawn("a")

        assert (1, 2) == (other.id, again.id)
        assert again is lab.machine.task_named("a")

    @pytest.mark.parametrize("left", [0, 8192, 9728, 10240, 10272, 14368, 18464])
    def test_out_of_memory(self, left: int) -> None:
        """Whatever part of a process does not fit, nothing of it is left."""
        lab = Lab(ram="4M", check=False)
        ledger = lab.machine.ledger
        # Fill low memory to `left` bytes: mem_map entries are the finest unit there is.
        ledger.charge("pgd", (ledger.lowmem_free - left) // 32)
        before = lab.digest()
        with pytest.raises(KernelError, match="low memory is out") as info:
            lab.spawn()

        assert ("ENOMEM", before) == (info.value.errno, lab.digest())
        assert 0 == len(lab.machine.tasks) == len(lab.machine.mms)


class TestFork:
    """A child like its parent."""

    def test_same_layout(self, lab: Lab) -> None:
        """VMAs, names and page numbers are the parent's; the child knows who made it."""
        parent, address = lab.heap(6)
        lab.mprotect(parent, address + 2 * PAGE_SIZE, 2, R)
        lab.mmap(parent, "k", 3)
        child = lab.fork(parent, "c")

        assert spans(parent) == spans(child)
        assert "p" == child.parent
        for one, other in zip(mm_of(parent).vmas, mm_of(child).vmas, strict=True):
            assert (one.vm_flags, one.vm_pgoff) == (other.vm_flags, other.vm_pgoff)
            assert other.vm_mm is mm_of(child)
        assert list(mm_of(parent).labels) == list(mm_of(child).labels)

    def test_names_go_their_own_ways(self, lab: Lab) -> None:
        """What the child unmaps has its name in the parent still."""
        parent, address = lab.heap(6)
        child = lab.fork(parent, "c")
        lab.munmap(child, address, 6)

        assert (1, 0) == (len(mm_of(parent).labels), len(mm_of(child).labels))

    def test_what_it_costs(self, lab: Lab) -> None:
        """A process, a VMA each, a PTE page where the parent has one, and an anon_vma: no user page."""
        parent, _ = lab.heap(600)
        before = lab.machine.ledger.by_kind()
        lab.fork(parent, "c")
        after = lab.machine.ledger.by_kind()

        assert {
            "thread": 8192,
            "task_struct": 1536,
            "mm_struct": 512,
            "pgd": 32,
            "vm_area_struct": 76,
            "anon_vma": 12,
            "page_tables": 5 * PAGE_SIZE,
        } == {kind: after[kind] - held for kind, held in before.items() if after[kind] != held}

    def test_pages_are_shared_read_only(self, lab: Lab) -> None:
        """Both sides map the same frames, read-only; the child's entries are not young."""
        parent, address = lab.heap(2)
        child = lab.fork(parent, "c")
        for number in range(2):
            at = address + number * PAGE_SIZE
            ours, theirs = lab.pte(parent, at), lab.pte(child, at)
            assert pte_pfn(ours) == pte_pfn(theirs)
            assert (False, False) == (pte_write(ours), pte_write(theirs))
            assert (True, False) == (pte_young(ours), pte_young(theirs))
            assert (True, True) == (pte_dirty(ours), pte_dirty(theirs))
        assert (2, 2, 2) == (
            mm_of(child).rss,
            lab.page(parent, address).mapcount,
            lab.page(parent, address).count,
        )

    def test_zero_page_is_shared_uncounted(self, lab: Lab) -> None:
        """The zero page in the child too: no mapping counted, no anon_vma."""
        parent, address = lab.heap(1, write=False)
        lab.read(parent, address)
        child = lab.fork(parent, "c")

        assert (ZERO_PFN, 0, 0) == (
            pte_pfn(lab.pte(child, address)),
            mm_of(child).rss,
            len(lab.machine.anon_vmas),
        )

    def test_swap_entries_are_copied(self, lab: Lab) -> None:
        """The slot has one holder more; nothing is read."""
        parent, address = lab.heap(1)
        lab.evict(parent, address)
        child = lab.fork(parent, "c")

        assert lab.pte(parent, address) == lab.pte(child, address)
        assert 2 == lab.machine.swap.map[pte_to_slot(lab.pte(child, address))]
        assert 0 == mm_of(child).rss

    def test_tables_only_where_the_parent_has_them(self, lab: Lab) -> None:
        """An untouched 2 MB of a VMA needs no PTE page in the child."""
        parent = lab.spawn()
        lab.mmap(parent, "h", 2048, at=0x40000000)
        lab.write(parent, 0x40200000)
        child = lab.fork(parent, "c")

        assert page_tables(mm_of(parent)) == page_tables(mm_of(child)) == 4
        assert 0 == pte_offset(mm_of(child), 0x40000000) != pte_offset(mm_of(child), 0x40200000)

    @pytest.mark.parametrize("bulk", ["1", "1000000"])
    def test_out_of_memory_at_any_allocation(self, bulk: str) -> None:
        """However little is left, a fork that fails leaves the machine as before; with enough it works."""
        lab = Lab(ram="4M", bulk=bulk)
        parent, address = lab.heap(4)
        second = lab.mmap(parent, "k", 4, at=0x80000000)
        lab.write(parent, second, 4)
        lab.check = False
        ledger = lab.machine.ledger
        need = 8192 + 1536 + 512 + 32 + 3 * 4096 + 2 * (76 + 12 + 4096)
        start = lab.machine.history.mark
        for left in (*range(0, need, 997), need - 32, need, need + 4096):
            lab.machine.history.seek(start)
            ledger.charge("pgd", (ledger.lowmem_free - left) // 32)
            before, room = lab.digest(), ledger.lowmem_free
            if room < need:
                with pytest.raises(KernelError, match="low memory is out"):
                    lab.fork(parent, "c")
                assert before == lab.digest()
            else:
                lab.fork(parent, "c")
                assert need == room - ledger.lowmem_free
        assert vma_at(parent, address).anon_vma is not None

    def test_bulk_copies_a_vma_in_one_step(self) -> None:
        """A VMA of so many pages is copied at once, and says how many entries."""
        lab = Lab(bulk=4)
        parent, address = lab.heap(8)
        lab.munmap(parent, address + 7 * PAGE_SIZE, 1)
        child = lab.fork(parent, "c")

        assert 1 == lab.functions.count("copy_page_range")
        assert any("7 PTEs" in said for said in lab.sentences)
        assert 7 == mm_of(child).rss

    def test_dead_do_not_fork(self, lab: Lab) -> None:
        """A process that is gone has nothing to copy."""
        task = lab.spawn()
        lab.exit(task)
        before = lab.digest()
        with pytest.raises(KernelError, match="p is dead"):
            lab.fork(task, "c")
        assert before == lab.digest()


class TestExit:
    """The end of a process."""

    @pytest.mark.parametrize("order", ["parent first", "child first"])
    def test_all_goes_with_the_last(self, lab: Lab, order: str) -> None:
        """In either order, what both had is freed with the second and nothing is left."""
        empty, free = lab.machine.ledger.by_kind(), lab.machine.zones[0].free
        parent, address = lab.heap(4)
        child = lab.fork(parent, "c")
        lab.write(child, address)
        lab.evict(parent, address + PAGE_SIZE)
        for task in (parent, child) if order == "parent first" else (child, parent):
            assert task.alive
            lab.exit(task)
            assert not task.alive

        assert (empty, free) == (lab.machine.ledger.by_kind(), lab.machine.zones[0].free)
        assert 0 == lab.machine.swap.used() == len(lab.machine.vmas)

    def test_once(self, lab: Lab) -> None:
        """A process ends once."""
        task = lab.spawn()
        lab.exit(task)
        with pytest.raises(KernelError, match="p is dead") as info:
            lab.run(fork.do_exit(task))
        assert "ESRCH" == info.value.errno

    def test_ids_are_not_used_again(self, lab: Lab) -> None:
        """Numbers of tasks, mms and VMAs go on after an exit."""
        first, _ = lab.heap(1, name="a")
        lab.exit(first)
        second, address = lab.heap(1, name="b")

        assert (2, 2, 2) == (second.id, mm_of(second).id, vma_at(second, address).id)
        assert RW == vma_at(second, address).vm_flags
