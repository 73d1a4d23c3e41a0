"""Files: the page cache and its radix tree, private and shared mappings, truncate, brk, exec."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mm.files import FileLab
from tests.mm.lab import RW, R, mm_of, vma_at
from vmtui.errors import KernelError
from vmtui.mm import vmscan
from vmtui.mm.filemap import find_file, find_get_page, tree_height
from vmtui.mm.mm_types import VM_SHARED, AddressSpace
from vmtui.mm.mmap import BRK_START
from vmtui.mm.page import PAGE_SIZE, PG_anon, PG_dirty, PG_referenced, PG_uptodate
from vmtui.mm.pgtable import pte_dirty, pte_pfn, pte_present, pte_write
from vmtui.mm.rmap import SCHEMES


@pytest.fixture(params=SCHEMES)
def lab(request: pytest.FixtureRequest) -> FileLab:
    """A machine with this scheme."""
    return FileLab(rmap=request.param, rules="2.6")


@pytest.fixture
def rfc() -> FileLab:
    """A machine with the default scheme, for what no scheme sees."""
    return FileLab()


def owners(vmas: Any) -> list[str]:
    """Whose VMAs are on a list, in its order."""
    return [vma.vm_mm.name for vma in vmas]


class TestPageCache:
    """One copy of each page of a file, whoever reads it."""

    def test_first_read_fills_it(self, lab: FileLab) -> None:
        """A fault reads the page into the cache and maps it: two references, one mapping."""
        file = lab.file(4)
        task = lab.spawn()
        address = lab.map(task, file, 4, prot=R)
        assert 0 == file.nrpages
        lab.read(task, address + PAGE_SIZE)

        page = lab.page(task, address + PAGE_SIZE)
        assert (1, page.pfn) == (file.nrpages, find_get_page(file, 1))
        assert (1, 2, 1) == (page.index, page.count, page.mapcount)
        assert (True, False) == (page.test(PG_uptodate), page.test(PG_anon))
        assert any("a major fault" in text for text in lab.sentences)

    def test_next_reader_finds_it(self, lab: FileLab) -> None:
        """Another process maps the same frame; nothing is read again."""
        file = lab.file(1)
        first, second = lab.spawn("a"), lab.spawn("b")
        one, other = lab.map(first, file, 1), lab.map(second, file, 1)
        lab.read(first, one)
        free = lab.free()
        lab.read(second, other)

        assert lab.pfn(first, one) == lab.pfn(second, other)
        assert free - 1 == lab.free(), "one page table"
        assert (3, 2) == (lab.page(first, one).count, lab.page(first, one).mapcount)

    def test_it_stays_when_nobody_maps_it(self, lab: FileLab) -> None:
        """munmap leaves the page in the cache; the next mapping finds it there."""
        file = lab.file(2)
        task = lab.spawn()
        address = lab.map(task, file, 2)
        lab.read(task, address, 2)
        pfn = lab.pfn(task, address)
        lab.munmap(task, address, 2)

        assert (2, pfn, 1) == (file.nrpages, find_get_page(file, 0), lab.machine.page(pfn).count)

    def test_offset(self, lab: FileLab) -> None:
        """A mapping from page 3 on: its first page is the file's fourth."""
        file = lab.file(8)
        task = lab.spawn()
        address = lab.map(task, file, 4, pgoff=3)
        lab.read(task, address + PAGE_SIZE)

        assert (4, 1) == (lab.page(task, address + PAGE_SIZE).index, file.nrpages)

    def test_eviction_writes_and_frees(self, lab: FileLab) -> None:
        """A file's page takes no slot: unmapped, written if dirty, freed; the next fault reads it again."""
        file = lab.file(1)
        task = lab.spawn()
        address = lab.map(task, file, 1, shared=True)
        lab.write(task, address)
        assert pte_dirty(lab.pte(task, address))
        lab.swapout(task, address)
        assert (0, 1, 0) == (lab.pte(task, address), file.nrpages, lab.machine.swap.used())
        assert any("its file" in text for text in lab.sentences)
        assert not lab.cached(file, 0).test(PG_dirty)
        lab.run(vmscan.evict(lab.machine, [lab.cached(file, 0).pfn]))

        assert (0, 0) == (file.nrpages, lab.count("radix_tree_node"))
        lab.read(task, address)
        assert 1 == file.nrpages

    def test_names(self, rfc: FileLab) -> None:
        """A file is found by its name; two of one name are refused, one too long too."""
        file = rfc.file(1)
        assert file is find_file(rfc.machine, "F")
        with pytest.raises(KernelError) as caught:
            rfc.file(1)
        assert "EEXIST" == caught.value.errno
        with pytest.raises(KernelError) as caught:
            find_file(rfc.machine, "G")
        assert "ENOENT" == caught.value.errno
        with pytest.raises(KernelError) as caught:
            rfc.file(1 << 25, "G")
        assert "EFBIG" == caught.value.errno
        assert 1 == rfc.count("inode")


class TestRadixTree:
    """Nodes of 64 slots, charged to low memory."""

    @pytest.mark.parametrize(("pages", "height"), [(0, 1), (1, 1), (64, 1), (65, 2), (4096, 2), (4097, 3)])
    def test_height(self, pages: int, height: int) -> None:
        """As many levels as reach the last page: 64, 4,096, 262,144 pages."""
        assert height == tree_height(pages * PAGE_SIZE)

    @pytest.mark.parametrize("bulk", [1 << 40, 2])
    def test_nodes(self, bulk: int) -> None:
        """130 pages read in a row: three leaves and a root, 260 bytes each; single or at once alike."""
        lab = FileLab(bulk=bulk)
        file = lab.file(200)
        task = lab.spawn()
        address = lab.map(task, file, 200)
        lab.read(task, address, 130)

        assert (4, 2) == (lab.count("radix_tree_node"), file.height)
        assert 4 * 260 == lab.machine.ledger.by_kind()["radix_tree_node"]

    def test_sparse(self, rfc: FileLab) -> None:
        """Two pages far apart have a leaf each; when one goes its leaf goes, the root stays."""
        file = rfc.file(4096)
        task = rfc.spawn()
        address = rfc.map(task, file, 4096)
        rfc.read(task, address)
        rfc.read(task, address + 4000 * PAGE_SIZE)
        assert 3 == rfc.count("radix_tree_node")
        rfc.truncate(file, 4000)

        assert 2 == rfc.count("radix_tree_node")

    def test_growth_adds_a_level(self, rfc: FileLab) -> None:
        """A file that outgrows its tree gets a new root above what is cached."""
        file = rfc.file(64)
        task = rfc.spawn()
        rfc.read(task, rfc.map(task, file, 64), 2)
        assert (1, 1) == (file.height, rfc.count("radix_tree_node"))
        rfc.truncate(file, 65)

        assert (2, 2) == (file.height, rfc.count("radix_tree_node"))

    def test_no_room_for_a_node(self) -> None:
        """A node that does not fit in low memory fails the fault, which is undone whole."""
        lab = FileLab(ram="4M", check=False)
        file = lab.file(1 << 12)
        task = lab.spawn()
        address = lab.map(task, file, 1 << 12)
        full = lab.fill(task, address, 1 << 12, write=False)
        assert full < 1 << 12
        before = lab.digest()
        with pytest.raises(KernelError, match="low memory is out"):
            lab.read(task, address + full * PAGE_SIZE)

        assert before == lab.digest()
        lab.check = True
        lab.verify()


class TestPrivate:
    """MAP_PRIVATE: the file's pages until one is written, then a copy of one's own."""

    def test_read_maps_the_files_page(self, lab: FileLab) -> None:
        """Read-only, though the VMA may be written."""
        file = lab.file(1)
        task = lab.spawn()
        address = lab.map(task, file, 1)
        lab.read(task, address)

        assert not pte_write(lab.pte(task, address))
        assert find_get_page(file, 0) == lab.pfn(task, address)

    @pytest.mark.parametrize("read_first", [False, True])
    def test_write_copies(self, lab: FileLab, read_first: bool) -> None:
        """The copy is anonymous and mapped writable; the cache keeps its page, which nobody maps."""
        file = lab.file(1)
        task = lab.spawn()
        address = lab.map(task, file, 1)
        if read_first:
            lab.read(task, address)
        lab.write(task, address)

        page, cached = lab.page(task, address), lab.cached(file, 0)
        assert page.pfn != cached.pfn
        assert (True, 1, 1) == (page.test(PG_anon), page.mapcount, page.count)
        assert (False, 0, 1) == (cached.test(PG_anon), cached.mapcount, cached.count)
        assert (1, True) == (mm_of(task).rss, pte_write(lab.pte(task, address)))
        assert (1, 1) == (lab.look(task, address).examined, lab.look(task, address).hits)

    def test_copy_goes_to_swap(self, lab: FileLab) -> None:
        """The copy is anonymous memory: it takes a slot, and comes back from it, not from the file."""
        file = lab.file(1)
        task = lab.spawn()
        address = lab.map(task, file, 1)
        lab.write(task, address)
        lab.evict(task, address)
        assert 1 == lab.machine.swap.used()
        lab.read(task, address)

        assert find_get_page(file, 0) != lab.pfn(task, address)
        assert lab.page(task, address).test(PG_anon)

    def test_family_shares_copies_and_file(self, lab: FileLab) -> None:
        """fork: the copy is shared until it is written again, and the file's pages stay the file's."""
        file = lab.file(2)
        task = lab.spawn()
        address = lab.map(task, file, 2)
        lab.write(task, address)
        lab.read(task, address + PAGE_SIZE)
        child = lab.fork(task, "c")
        assert lab.pfn(task, address) == lab.pfn(child, address)
        lab.write(child, address)

        assert lab.pfn(task, address) != lab.pfn(child, address)
        assert (1, 2) == (lab.page(task, address).mapcount, lab.cached(file, 1).mapcount)


class TestShared:
    """MAP_SHARED: everybody's writes go to the file's page."""

    def test_write_is_everybodys(self, lab: FileLab) -> None:
        """Two processes write one frame; no copy, no anonymous page."""
        file = lab.file(1)
        first, second = lab.spawn("a"), lab.spawn("b")
        one, other = lab.map(first, file, 1, shared=True), lab.map(second, file, 1, shared=True)
        lab.write(first, one)
        lab.write(second, other)

        page = lab.cached(file, 0)
        assert (page.pfn, page.pfn) == (lab.pfn(first, one), lab.pfn(second, other))
        assert (2, 3, False) == (page.mapcount, page.count, page.test(PG_anon))
        assert pte_write(lab.pte(first, one)) & pte_write(lab.pte(second, other))

    def test_fork_keeps_it_writable(self, lab: FileLab) -> None:
        """The child's entry is writable, clean and old; the parent's does not change."""
        file = lab.file(1)
        task = lab.spawn()
        address = lab.map(task, file, 1, shared=True)
        lab.write(task, address)
        before = lab.pte(task, address)
        child = lab.fork(task, "c")

        assert before == lab.pte(task, address)
        assert (True, False) == (pte_write(lab.pte(child, address)), pte_dirty(lab.pte(child, address)))
        assert 2 == lab.look(task, address).hits

    def test_unmapping_keeps_what_was_written(self, lab: FileLab) -> None:
        """The PTE's dirty bit goes to the page when its mapping goes."""
        file = lab.file(1)
        task = lab.spawn()
        address = lab.map(task, file, 1, shared=True)
        lab.write(task, address)
        lab.munmap(task, address, 1)

        assert lab.cached(file, 0).test(PG_dirty)


class TestLists:
    """i_mmap holds a file's private VMAs, i_mmap_shared its shared ones."""

    def test_which_list(self, rfc: FileLab) -> None:
        """By MAP_SHARED; a shared mapping that may not be written is shared all the same."""
        file = rfc.file(2)
        task = rfc.spawn()
        rfc.map(task, file, 2)
        rfc.map(task, file, 2, label="s", shared=True, prot=R)

        assert ([0], [VM_SHARED]) == (
            [vma.vm_flags & VM_SHARED for vma in file.i_mmap],
            [vma.vm_flags & VM_SHARED for vma in file.i_mmap_shared],
        )

    def test_order(self, rfc: FileLab) -> None:
        """mmap puts a VMA last; fork puts the child's directly before its parent's."""
        file = rfc.file(2)
        tasks = {name: rfc.spawn(name) for name in "ab"}
        for task in tasks.values():
            rfc.map(task, file, 2)
        rfc.fork(tasks["a"], "a1")
        rfc.fork(tasks["b"], "b1")
        rfc.fork(tasks["a"], "a2")
        rfc.map(rfc.spawn("z"), file, 1)

        assert ["a1", "a2", "a", "b1", "b", "z"] == owners(file.i_mmap)

    @pytest.mark.parametrize("rmap", ["objrmap", "anon_vma_rfc"])
    def test_walk_is_the_list(self, rmap: str) -> None:
        """An object-based walk examines private VMAs in the list's order, then the shared ones."""
        if rmap not in SCHEMES:
            pytest.skip("no such scheme")
        lab = FileLab(rmap=rmap, rules="2.6")
        file = lab.file(1)
        for name, shared in (("s", True), ("a", False), ("b", False), ("t", True)):
            task = lab.spawn(name)
            lab.read(task, lab.map(task, file, 1, shared=shared))
        lab.run(lab.machine.scheme.look(lab.cached(file, 0), full=True))
        ids = [step.vma for step in lab.steps if step.outcome == "hit"]

        assert ["a", "b", "s", "t"] == [lab.machine.vmas.get(number).vm_mm.name for number in ids]  # type: ignore[union-attr]

    def test_split_and_merge_keep_it_whole(self, lab: FileLab) -> None:
        """Cut in three by mprotect and joined again, the file has three VMAs and then one."""
        file = lab.file(6)
        task = lab.spawn()
        address = lab.map(task, file, 6, shared=True)
        lab.read(task, address, 6)
        lab.mprotect(task, address + 2 * PAGE_SIZE, 2, R)
        assert [0, 2, 4] == sorted(vma.vm_pgoff for vma in file.i_mmap_shared)
        assert 6 == sum(lab.look(task, address + n * PAGE_SIZE).hits for n in range(6))
        lab.mprotect(task, address + 2 * PAGE_SIZE, 2, RW)

        assert [(0, 6)] == [(vma.vm_pgoff, vma.pages) for vma in file.i_mmap_shared]

    def test_moved_mapping_is_found(self, lab: FileLab) -> None:
        """mremap: the VMA at the new place maps the same pages of the file."""
        file = lab.file(4)
        task = lab.spawn()
        address = lab.map(task, file, 4, shared=True)
        lab.write(task, address, 4)
        lab.mremap(task, address + PAGE_SIZE, 2, 2, to=0x60000000, rename="m")

        assert (1, 2) == (vma_at(task, 0x60000000).vm_pgoff, lab.page(task, 0x60001000).index)
        assert 1 == lab.look(task, 0x60001000).hits

    def test_exit_takes_them_off(self, lab: FileLab) -> None:
        """With its last process a file has no VMA; it stays, and its pages too."""
        file = lab.file(2)
        task = lab.spawn()
        lab.read(task, lab.map(task, file, 2), 2)
        lab.exit(lab.fork(task, "c"))
        lab.exit(task)

        assert (0, 0, 2, 1) == (len(file.i_mmap), len(file.i_mmap_shared), file.nrpages, lab.count("inode"))


class TestTruncate:
    """A file that gets shorter takes its pages away from everybody."""

    def mapped(self, lab: FileLab) -> tuple[AddressSpace, Any, int]:
        """A file of 4 pages, mapped private, read whole, its last two pages written."""
        file = lab.file(4)
        task = lab.spawn()
        address = lab.map(task, file, 4)
        lab.read(task, address, 4)
        lab.write(task, address + 2 * PAGE_SIZE, 2)
        return file, task, address

    def test_private_copies_go_too(self, lab: FileLab) -> None:
        """Behind the new end nothing stays mapped: neither the file's pages nor private copies."""
        file, task, address = self.mapped(lab)
        lab.truncate(file, 1)

        assert (1, 1, 1) == (file.end, file.nrpages, mm_of(task).rss)
        assert [0, 0, 0] == [lab.pte(task, address + n * PAGE_SIZE) for n in (1, 2, 3)]
        assert find_get_page(file, 0) == lab.pfn(task, address)

    def test_swapped_copies_go_too(self, lab: FileLab) -> None:
        """A private copy that was swapped out gives its slot back."""
        file, task, address = self.mapped(lab)
        lab.evict(task, address + 3 * PAGE_SIZE)
        assert 1 == lab.machine.swap.used()
        lab.truncate(file, 3)

        assert (0, 0) == (lab.machine.swap.used(), lab.pte(task, address + 3 * PAGE_SIZE))

    def test_sigbus_behind_the_end(self, lab: FileLab) -> None:
        """EFAULT for a page that the file does not have, before and after it got shorter."""
        file, task, address = self.mapped(lab)
        beyond = lab.map(task, file, 6, label="g")
        for where in (beyond + 4 * PAGE_SIZE, beyond + 5 * PAGE_SIZE):
            with pytest.raises(KernelError, match="SIGBUS") as caught:
                lab.read(task, where)
            assert "EFAULT" == caught.value.errno
        lab.truncate(file, 2)
        with pytest.raises(KernelError, match="SIGBUS"):
            lab.write(task, address + 2 * PAGE_SIZE)

    def test_longer_again_is_empty(self, lab: FileLab) -> None:
        """A file that grows back has new pages where the old ones went."""
        file, task, address = self.mapped(lab)
        lab.truncate(file, 2)
        lab.truncate(file, 4)
        lab.read(task, address + 3 * PAGE_SIZE)

        assert (3, False) == (file.nrpages, lab.page(task, address + 3 * PAGE_SIZE).test(PG_anon))

    def test_all_relatives_lose_them(self, lab: FileLab) -> None:
        """Every process that maps the file is visited, shared mappings too."""
        file, task, _ = self.mapped(lab)
        child = lab.fork(task, "c")
        other = lab.spawn("o")
        at = lab.map(other, file, 4, shared=True)
        lab.write(other, at, 4)
        lab.truncate(file, 0)

        assert [0, 0, 0] == [mm_of(each).rss for each in (task, child, other)]
        assert (0, 0) == (file.nrpages, lab.count("radix_tree_node"))

    def test_undone(self, lab: FileLab) -> None:
        """Undo gives back length, pages and mappings."""
        file, _, _ = self.mapped(lab)
        mark, before = lab.machine.history.mark, lab.digest()
        lab.truncate(file, 0)
        lab.machine.history.seek(mark)

        assert (before, 4) == (lab.digest(), file.nrpages)


class TestBrk:
    """The heap that brk makes."""

    def test_grows_and_shrinks_at_its_end(self, lab: FileLab) -> None:
        """One VMA from BRK_START; what it loses is unmapped."""
        task = lab.spawn()
        lab.brk(task, 3)
        lab.write(task, BRK_START, 3)
        lab.brk(task, 5)
        assert [(BRK_START, 5)] == [(vma.vm_start, vma.pages) for vma in mm_of(task).vmas]
        lab.brk(task, 2)

        assert ([(BRK_START, 2)], 2) == (
            [(vma.vm_start, vma.pages) for vma in mm_of(task).vmas], mm_of(task).rss
        )  # fmt: skip

    def test_to_nothing_and_back(self, lab: FileLab) -> None:
        """Length 0 takes the heap away; the next brk makes a new one."""
        task = lab.spawn()
        lab.brk(task, 2)
        lab.write(task, BRK_START, 2)
        lab.brk(task, 0)
        assert (0, 0) == (len(mm_of(task).vmas), mm_of(task).rss)
        lab.brk(task, 1)

        assert 1 == len(mm_of(task).vmas)

    def test_something_is_in_the_way(self, rfc: FileLab) -> None:
        """ENOMEM where a mapping follows; EINVAL for a mapping that brk did not make."""
        task = rfc.spawn()
        rfc.brk(task, 1)
        rfc.mmap(task, "k", 1, at=BRK_START + 2 * PAGE_SIZE)
        with pytest.raises(KernelError) as caught:
            rfc.brk(task, 4)
        assert "ENOMEM" == caught.value.errno
        rfc.brk(task, 2)
        other = rfc.spawn("o")
        rfc.mmap(other, "brk", 1)
        with pytest.raises(KernelError) as caught:
            rfc.brk(other, 2)

        assert "EINVAL" == caught.value.errno


class TestExec:
    """Another program in the same process."""

    def test_all_is_dropped(self, lab: FileLab) -> None:
        """An mm of its own with no VMA; what the old one had is given back."""
        task, address = lab.heap(4)
        lab.map(task, lab.file(2), 2)
        before = mm_of(task).id
        lab.exec(task)

        assert before != mm_of(task).id
        assert (0, 0) == (len(mm_of(task).vmas), mm_of(task).rss)
        assert ["p"] == [each.name for each in lab.machine.tasks if each.alive]
        with pytest.raises(KernelError):
            lab.read(task, address)

    def test_relatives_keep_theirs(self, lab: FileLab) -> None:
        """A child that execs leaves the parent's pages to the parent, who may write them in place."""
        task, address = lab.heap(2)
        child = lab.fork(task, "c")
        lab.exec(child)
        page = lab.page(task, address)
        assert 1 == page.mapcount
        lab.write(task, address)

        assert page.pfn == lab.pfn(task, address)
        assert page.test(PG_referenced) or pte_present(lab.pte(task, address))
        assert page.pfn == pte_pfn(lab.pte(task, address))
