"""Shared anonymous memory: an object with pages and slots of its own, that ends with its last VMA."""

from __future__ import annotations

import pytest

from tests.mm.files import FileLab
from tests.mm.lab import RW, R, mm_of
from vmtui.errors import KernelError
from vmtui.mm.filemap import find_get_page
from vmtui.mm.page import PAGE_SIZE, PG_anon, PG_dirty, PG_swapcache
from vmtui.mm.pgtable import pte_write
from vmtui.mm.rmap import SCHEMES
from vmtui.mm.shmem import shmem_find_swp


@pytest.fixture(params=SCHEMES)
def lab(request: pytest.FixtureRequest) -> FileLab:
    """A machine with this scheme."""
    return FileLab(rmap=request.param, rules="2.6")


class TestPages:
    """Pages of the object."""

    def test_first_touch_makes_one(self, lab: FileLab) -> None:
        """A read too takes a frame: it is the object's page, zeroed, and no zero page is mapped."""
        task = lab.spawn()
        address = lab.map(task, None, 3)
        lab.read(task, address)

        (mapping,) = lab.machine.files
        page = lab.page(task, address)
        assert (page.pfn, 1) == (find_get_page(mapping, 0), mapping.nrpages)
        assert (2, 1, False) == (page.count, page.mapcount, page.test(PG_anon))
        assert 1 == lab.count("radix_tree_node")

    def test_family_shares_what_it_writes(self, lab: FileLab) -> None:
        """After fork parent and child write the same frames, those made later too."""
        task, address, mapping = lab.shm(1)
        lab.mremap(task, address, 1, 1)
        child = lab.fork(task, "c")
        lab.write(child, address)
        lab.write(task, address)

        assert lab.pfn(task, address) == lab.pfn(child, address) == find_get_page(mapping, 0)
        assert 2 == lab.page(task, address).mapcount
        assert pte_write(lab.pte(child, address))

    def test_page_made_by_the_child_is_the_parents(self, lab: FileLab) -> None:
        """What one touches first after fork, the other finds in the object."""
        task = lab.spawn()
        address = lab.map(task, None, 2)
        child = lab.fork(task, "c")
        lab.write(child, address + PAGE_SIZE)
        free = lab.free()
        lab.read(task, address + PAGE_SIZE)

        assert lab.pfn(child, address + PAGE_SIZE) == lab.pfn(task, address + PAGE_SIZE)
        assert free - lab.free() <= 1, "a page table at most"

    def test_end_of_the_object(self, lab: FileLab) -> None:
        """A mapping that mremap made longer than the object: SIGBUS behind its end."""
        task, address, _ = lab.shm(1)
        lab.mremap(task, address, 1, 2)
        with pytest.raises(KernelError, match="SIGBUS"):
            lab.read(task, address + PAGE_SIZE)


class TestSwap:
    """The object holds the slot, and no page table does."""

    def test_swapped_out(self, lab: FileLab) -> None:
        """PTEs are empty; the page moved from the page cache to the swap cache; the object keeps its slot."""
        task, address, mapping = lab.shm(2)
        child = lab.fork(task, "c")
        lab.read(child, address)
        page = lab.page(task, address)
        lab.swapout(task, address)

        slot = mapping.slots[0]
        assert (0, 0) == (lab.pte(task, address), lab.pte(child, address))
        assert (True, slot) == (page.test(PG_swapcache), page.private)
        assert (0, 1, [0]) == (find_get_page(mapping, 0), mapping.nrpages, shmem_find_swp(mapping, slot))
        assert 2 == lab.machine.swap.map[slot], "the object, and the swap cache"

    def test_back_from_the_swap_cache(self, lab: FileLab) -> None:
        """The next touch moves the page back, and frees the slot at once."""
        task, address, mapping = lab.shm(1)
        page = lab.page(task, address)
        lab.swapout(task, address)
        lab.read(task, address)

        assert (page.pfn, page.pfn) == (lab.pfn(task, address), find_get_page(mapping, 0))
        assert (0, 0, True) == (mapping.slots[0], lab.machine.swap.used(), page.test(PG_dirty))

    def test_back_from_disk(self, lab: FileLab) -> None:
        """Evicted it has no frame; the next touch, by whomever, reads it back for all."""
        task, address, mapping = lab.shm(2)
        child = lab.fork(task, "c")
        lab.evict(task, address, 2)
        assert ([1, 2], 0) == (sorted(mapping.slots.all[:2].tolist()), mapping.nrpages)
        lab.write(child, address)
        lab.read(task, address)

        assert lab.pfn(task, address) == lab.pfn(child, address)
        assert 1 == lab.machine.swap.used()

    def test_full_swap(self) -> None:
        """Without a slot the page stays in the object, unmapped and dirty."""
        lab = FileLab(swap="0")
        task, address, mapping = lab.shm(1)
        page = lab.page(task, address)
        lab.swapout(task, address)

        assert (page.pfn, 0) == (find_get_page(mapping, 0), page.mapcount)
        assert any("swap is full" in text for text in lab.sentences)
        lab.read(task, address)
        assert 1 == page.mapcount


class TestLife:
    """From mmap to the last munmap."""

    def test_freed_with_its_last_vma(self, lab: FileLab) -> None:
        """Pages, slots, nodes and inode go when nobody maps it any more, and not before."""
        free, empty = lab.free(), lab.machine.ledger.by_kind()
        task, address, _ = lab.shm(4)
        child = lab.fork(task, "c")
        lab.evict(task, address, 2)
        lab.exit(task)
        assert (1, 2) == (len(lab.machine.files), lab.machine.swap.used())
        lab.read(child, address)
        lab.exit(child)

        assert (0, 0, free) == (len(lab.machine.files), lab.machine.swap.used(), lab.free())
        assert empty == lab.machine.ledger.by_kind()

    def test_part_unmapped(self, lab: FileLab) -> None:
        """munmap of a part frees nothing: the object is whole while a VMA is left."""
        task, address, mapping = lab.shm(4)
        lab.munmap(task, address, 3)
        assert 4 == mapping.nrpages
        lab.munmap(task, address + 3 * PAGE_SIZE, 1)

        assert (0, 0) == (len(lab.machine.files), lab.count("inode"))

    def test_exec_lets_go(self, lab: FileLab) -> None:
        """exec is an end like another."""
        task, _, _ = lab.shm(2)
        lab.exec(task)

        assert (0, 0) == (len(lab.machine.files), lab.count("radix_tree_node"))

    def test_moved_and_cut(self, lab: FileLab) -> None:
        """mremap and mprotect change VMAs, and never the object."""
        task, address, mapping = lab.shm(4)
        pfns = [lab.pfn(task, address + n * PAGE_SIZE) for n in range(4)]
        lab.mprotect(task, address + PAGE_SIZE, 1, R)
        lab.mprotect(task, address + PAGE_SIZE, 1, RW)
        lab.mremap(task, address, 4, 4, to=0x60000000)

        assert pfns == [lab.pfn(task, 0x60000000 + n * PAGE_SIZE) for n in range(4)]
        assert (1, 4) == (len(mapping.i_mmap_shared), mapping.nrpages)

    def test_objects_are_apart(self, lab: FileLab) -> None:
        """Two mappings side by side are two objects, and do not become one VMA."""
        task = lab.spawn()
        first = lab.map(task, None, 1, label="a")
        lab.map(task, None, 1, label="b", addr=first + PAGE_SIZE)

        assert (2, 2) == (len(mm_of(task).vmas), len(lab.machine.files))

    def test_undone(self, lab: FileLab) -> None:
        """Undo brings the object back with its pages and slots."""
        task, address, mapping = lab.shm(3)
        lab.evict(task, address)
        mark, before = lab.machine.history.mark, lab.digest()
        lab.exit(task)
        lab.machine.history.seek(mark)

        assert (before, [mapping]) == (lab.digest(), list(lab.machine.files))


def test_it_cannot_be_truncated_by_name(lab: FileLab) -> None:
    """Shared memory has no name that a command could reach it by: files of that name are none of it."""
    lab.shm(1)
    file = lab.file(1, "p.f")

    assert 2 == len(lab.machine.files)
    assert not file.shmem
