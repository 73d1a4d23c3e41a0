"""mremap: growth, shrinking and moving, and what happens to names."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mm.lab import RW, Lab, R, mm_of, spans, vma_at
from vmtui.errors import KernelError
from vmtui.mm.mm_types import VM_LOCKED
from vmtui.mm.page import PAGE_SIZE
from vmtui.mm.pgtable import is_swap_pte, page_tables, pte_offset

TO = 0x60000000


def names(lab: Lab, task: Any) -> dict[str, tuple[int, int]]:
    """The labels of a process: first page number, pages."""
    return {
        label.name: (label.start >> 12, (label.end - label.start) // PAGE_SIZE)
        for label in mm_of(task).labels
    }


class TestInPlace:
    """Where the mapping stays."""

    def test_grows_where_there_is_room(self, lab: Lab) -> None:
        """The VMA ends later, its name with it; no page is touched."""
        task, address = lab.heap(2)
        lab.mremap(task, address, 2, 5)

        assert ([(address >> 12, 5)], {"h": (address >> 12, 5)}) == (spans(task), names(lab, task))
        assert 2 == mm_of(task).rss
        lab.write(task, address + 4 * PAGE_SIZE)

    def test_grows_up_to_its_neighbour(self, lab: Lab) -> None:
        """Room is what lies up to the next VMA, to the byte."""
        task, address = lab.heap(2)
        lab.mmap(task, "k", 1, R, at=address + 4 * PAGE_SIZE)
        lab.mremap(task, address, 2, 4)

        assert [(address >> 12, 4), ((address >> 12) + 4, 1)] == spans(task)

    def test_shrinks(self, lab: Lab) -> None:
        """The tail is unmapped, its pages are freed, and the name ends earlier."""
        task, address = lab.heap(4)
        lab.mremap(task, address, 4, 1)

        assert ([(address >> 12, 1)], {"h": (address >> 12, 1)}) == (spans(task), names(lab, task))
        assert 1 == mm_of(task).rss

    def test_same_length_changes_nothing(self, lab: Lab) -> None:
        """mremap to what is there."""
        task, address = lab.heap(2)
        before = lab.digest()
        lab.mremap(task, address, 2, 2)

        assert before == lab.digest()

    def test_locked_memory_that_grows_is_faulted_in(self, lab: Lab) -> None:
        """What a locked VMA gains is in memory at once, in place or moved."""
        task, address = lab.heap(2)
        lab.mlock(task, address, 2)
        lab.mremap(task, address, 2, 3)
        assert 3 == mm_of(task).rss
        lab.mremap(task, address, 3, 5, to=TO)

        assert (5, VM_LOCKED) == (mm_of(task).rss, vma_at(task, TO).vm_flags & VM_LOCKED)


class TestMove:
    """Where it moves."""

    def test_moves_if_there_is_no_room(self, lab: Lab) -> None:
        """Without a target it goes where mmap would put it; pages, index and vm_pgoff come along."""
        task, address = lab.heap(2)
        lab.mmap(task, "k", 1, R, at=address + 2 * PAGE_SIZE)
        frames = [lab.pfn(task, address + number * PAGE_SIZE) for number in range(2)]
        lab.mremap(task, address, 2, 4)
        new = address + 4 * PAGE_SIZE

        assert {"h": (new >> 12, 4), "k": ((address >> 12) + 2, 1)} == names(lab, task)
        assert frames == [lab.pfn(task, new + number * PAGE_SIZE) for number in range(2)]
        assert (address >> 12, 2) == (vma_at(task, new).vm_pgoff, mm_of(task).rss)

    @pytest.mark.parametrize("pages", [1, 2, 3, 6])
    def test_moves_to_a_target(self, lab: Lab, pages: int) -> None:
        """Shorter, as long or longer: what fits moves, the rest is unmapped."""
        task, address = lab.heap(3)
        frames = [lab.pfn(task, address + number * PAGE_SIZE) for number in range(min(3, pages))]
        lab.mremap(task, address, 3, pages, to=TO)

        assert ([(TO >> 12, pages)], {"h": (TO >> 12, pages)}) == (spans(task), names(lab, task))
        assert frames == [lab.pfn(task, TO + number * PAGE_SIZE) for number in range(min(3, pages))]
        assert min(3, pages) == mm_of(task).rss

    def test_swap_entries_and_the_zero_page_move_too(self, lab: Lab) -> None:
        """Every kind of entry moves bit for bit, and is read where it has gone."""
        task, address = lab.heap(4, write=False)
        lab.write(task, address)
        lab.evict(task, address)
        lab.read(task, address + PAGE_SIZE)
        entries = [lab.pte(task, address + number * PAGE_SIZE) for number in range(4)]
        lab.mremap(task, address, 4, 4, to=TO)

        assert entries == [lab.pte(task, TO + number * PAGE_SIZE) for number in range(4)]
        assert is_swap_pte(entries[0])
        lab.read(task, TO)
        assert 1 == lab.look(task, TO).hits

    def test_tables_are_made_and_freed(self, lab: Lab) -> None:
        """The new place gets the tables it needs; the old gigabyte's go with its last VMA."""
        task, address = lab.heap(2)
        lab.mremap(task, address, 2, 2, to=0x80000000)

        assert 4 == page_tables(mm_of(task))
        assert 0 == pte_offset(mm_of(task), address)

    def test_moves_beside_one_it_can_join(self, lab: Lab) -> None:
        """Moved back to where its page numbers go on, a part merges with what was left."""
        task, address = lab.heap(4)
        lab.mremap(task, address + 2 * PAGE_SIZE, 2, 2, to=TO, rename="m")
        lab.mremap(task, TO, 2, 2, to=address + 2 * PAGE_SIZE)

        assert [(address >> 12, 4)] == spans(task)
        assert {1} == {lab.look(task, address + number * PAGE_SIZE, full=True).hits for number in range(4)}

    def test_out_of_memory_moves_nothing(self) -> None:
        """A page table that cannot be had: the machine is as before."""
        lab = Lab(ram="4M", check=False)
        task, address = lab.heap(2)
        ledger = lab.machine.ledger
        lab.mmap(task, "k", 1024)
        # All but the PTE page that the second 2 MB needs, and the VMA that the move needs.
        room = (ledger.lowmem_free - 76) // PAGE_SIZE - 1
        lab.write(task, address + 3 * PAGE_SIZE, room)
        before = lab.digest()
        with pytest.raises(KernelError, match="a page table asked for") as info:
            lab.mremap(task, address, 2, 2, to=0x90000000)

        assert (False, before) == (info.value.partial, lab.digest())


class TestNames:
    """Labels follow."""

    def test_rename(self, lab: Lab) -> None:
        """The whole mapping under another name."""
        task, address = lab.heap(2)
        lab.mremap(task, address, 2, 2, to=TO, rename="moved")

        assert {"moved": (TO >> 12, 2)} == names(lab, task)

    def test_part_needs_a_name(self, lab: Lab) -> None:
        """Part of a mapping cannot keep its name in two places; under a name of its own it can go."""
        task, address = lab.heap(4)
        before = lab.digest()
        with pytest.raises(KernelError, match="name that part with `as`") as info:
            lab.mremap(task, address, 2, 2, to=TO)
        assert ("EINVAL", before) == (info.value.errno, lab.digest())
        lab.mremap(task, address, 2, 2, to=TO, rename="part")

        assert {"h": (address >> 12, 4), "part": (TO >> 12, 2)} == names(lab, task)
        assert [((address >> 12) + 2, 2), (TO >> 12, 2)] == spans(task)

    def test_name_of_nothing_is_dropped(self, lab: Lab) -> None:
        """When the last mapped part of a mapping moves away under a name of its own, the old name goes."""
        task, address = lab.heap(4)
        lab.munmap(task, address + 2 * PAGE_SIZE, 2)
        lab.mremap(task, address, 2, 2, to=TO, rename="x")

        assert {"x": (TO >> 12, 2)} == names(lab, task)

    def test_mapping_in_the_hole_of_another_moves(self, lab: Lab) -> None:
        """A mapping made in a hole of another is its own, and can be moved as a whole."""
        task, address = lab.heap(8)
        lab.munmap(task, address, 2)
        lab.mmap(task, "k", 2, R, at=address)
        lab.mremap(task, address, 2, 2, to=TO)

        assert {"h": (address >> 12, 8), "k": (TO >> 12, 2)} == names(lab, task)

    def test_moved_into_the_hole_of_another_it_keeps_its_name(self, lab: Lab) -> None:
        """What has come to a place last is what its pages are called by."""
        task, address = lab.heap(2)
        other = lab.mmap(task, "k", 6)
        lab.munmap(task, other + 2 * PAGE_SIZE, 2)
        lab.mremap(task, address, 2, 2, to=other + 2 * PAGE_SIZE)
        lab.mremap(task, other + 2 * PAGE_SIZE, 2, 2, to=TO)

        assert {"h": (TO >> 12, 2), "k": (other >> 12, 6)} == names(lab, task)

    def test_name_taken(self, lab: Lab) -> None:
        """A name another mapping has cannot be given."""
        task, address = lab.heap(2)
        lab.mmap(task, "k", 1)
        with pytest.raises(KernelError, match="p has a mapping called k already"):
            lab.mremap(task, address, 2, 2, to=TO, rename="k")

    def test_children_have_names_of_their_own(self, lab: Lab) -> None:
        """Moved in the child, a mapping stays where it was in the parent."""
        parent, address = lab.heap(2)
        child = lab.fork(parent, "c")
        lab.mremap(child, address, 2, 3, to=TO, rename="x")

        assert {"h": (address >> 12, 2)} == names(lab, parent)
        assert {"x": (TO >> 12, 3)} == names(lab, child)
        assert mm_of(child).labels.called("h") is None


@pytest.mark.parametrize(
    ("call", "errno", "says"),
    [
        ({"new": 0}, "EINVAL", "the new length is 0"),
        ({"address": 0x50000000}, "EFAULT", "is not within one VMA"),
        ({"old": 3}, "EFAULT", "is not within one VMA"),
        ({"to": TO + 1}, "EINVAL", "is not a multiple of 4096"),
        ({"to": 0xBFFFF000}, "EINVAL", "is not within user addresses"),
        ({"to": 0xFFFF8000_00000000}, "EINVAL", "is not within user addresses"),
        ({"to": 0xBFFFF000, "address": 0x50000000}, "EINVAL", "is not within user addresses"),
        ({"to": -PAGE_SIZE}, "EINVAL", "is not within user addresses"),
        ({"to": 0}, "EPERM", "0x0 is in the lowest page, which a program may not map"),
        ({"to": 0x40001000}, "EINVAL", "the old and the new range overlap"),
        ({"to": 0x3FFFF000}, "EINVAL", "the old and the new range overlap"),
        ({"to": 0x40004000}, "EEXIST", "is taken by p.k"),
        ({"new": 1 << 20}, "ENOMEM", "no room"),
    ],
)
def test_refusals(lab: Lab, call: dict[str, int], errno: str, says: str) -> None:
    """What cannot be is refused in a sentence, and the machine is as before."""
    task, address = lab.heap(2)
    lab.mmap(task, "k", 1, RW, at=address + 4 * PAGE_SIZE)
    before = lab.digest()
    given = {"address": address, "old": 2, "new": 2} | call
    with pytest.raises(KernelError, match=says) as info:
        lab.mremap(task, **given)  # type: ignore[arg-type]

    assert (errno, before) == (info.value.errno, lab.digest())
