"""remap_file_pages: pages of a file in any order within one mapping."""

from __future__ import annotations

import pytest

from tests.mm.files import FileLab
from tests.mm.lab import RW, R, mm_of, vma_at
from vmtui.errors import KernelError
from vmtui.mm import fremap
from vmtui.mm.mm_types import VM_NONLINEAR, AddressSpace, Task
from vmtui.mm.page import PAGE_SIZE
from vmtui.mm.pgtable import is_swap_pte, pgoff_to_pte, pte_file, pte_pfn, pte_present, pte_to_pgoff
from vmtui.mm.rmap import SCHEMES
from vmtui.mm.rmap.scheme import scheme_class

ANSWER = tuple(scheme for scheme in SCHEMES if not scheme_class(scheme).no_nonlinear)
BY_PTE = ("virtual_scan", "pte_chain", "objrmap")


class Window(FileLab):
    """A process with a shared mapping of the first 8 pages of a file of 64; nothing touched."""

    def __init__(self, rmap: str = "pte_chain", **options: object) -> None:
        super().__init__(rmap=rmap, **options)
        self.data: AddressSpace = self.file(64)
        self.task: Task = self.spawn()
        self.base = self.map(self.task, self.data, 8, shared=True)

    def at(self, page: int) -> int:
        """The address of a page of the window."""
        return self.base + page * PAGE_SIZE

    def remap(self, page: int, index: int, pages: int = 1) -> None:
        """Let the window show other pages of the file."""
        start = self.at(page)
        end = start + pages * PAGE_SIZE
        self.run(fremap.sys_remap_file_pages(mm_of(self.task), start, end, index * PAGE_SIZE))

    def shown(self, task: Task | None = None) -> list[int | None]:
        """Which page of the file each page of the window maps; None where nothing is present."""
        ptes = (self.pte(task or self.task, self.at(page)) for page in range(8))
        return [self.machine.page(pte_pfn(pte)).index if pte_present(pte) else None for pte in ptes]

    def kept(self, page: int, task: Task | None = None) -> int | None:
        """Which page of the file an entry that is not present keeps."""
        pte = self.pte(task or self.task, self.at(page))
        return pte_to_pgoff(pte) if pte_file(pte) else None


@pytest.fixture(params=ANSWER)
def window(request: pytest.FixtureRequest) -> Window:
    """The window, under each scheme that has an answer."""
    return Window(request.param)


def test_a_file_entry_is_neither_present_nor_swapped() -> None:
    """Any index a file can have goes into an entry and comes out; no swap entry looks like one."""
    for index in (0, 1, (1 << 24) - 1):
        pte = pgoff_to_pte(index)
        assert (index, True, False, False) == (
            pte_to_pgoff(pte),
            pte_file(pte),
            pte_present(pte),
            is_swap_pte(pte),
        )


def test_pages_are_mapped_in_any_order(window: Window) -> None:
    """The window shows what it was told to, one VMA as before, and the rest where vm_pgoff has it."""
    window.remap(0, 40, 2)
    window.remap(3, 0)
    window.read(window.task, window.at(0), 8)

    assert [40, 41, 2, 0, 4, 5, 6, 7] == window.shown()
    assert 1 == len(mm_of(window.task).vmas)
    assert 8 == mm_of(window.task).rss == window.data.nrpages
    assert vma_at(window.task, window.base).vm_flags & VM_NONLINEAR


def test_where_it_would_be_anyway_makes_nothing_nonlinear(window: Window) -> None:
    """To map a page at its own place is to fault it in."""
    window.remap(2, 2, 3)

    assert [None, None, 2, 3, 4, None, None, None] == window.shown()
    assert not vma_at(window.task, window.base).vm_flags & VM_NONLINEAR


def test_what_was_mapped_goes(window: Window) -> None:
    """A page that is replaced keeps its dirty bit in struct page, and its place in the cache."""
    window.write(window.task, window.at(0))
    old = window.page(window.task, window.at(0))
    window.remap(0, 9)

    assert (0, 1, True) == (old.mapcount, old.count, old.test("dirty"))
    assert [9, 1] == [window.shown()[0], mm_of(window.task).rss]


def test_fork_copies_file_entries(window: Window) -> None:
    """The child's window shows the same pages, and its entries keep the same."""
    window.remap(0, 50, 3)
    window.madvise(window.task, window.at(1), 1)
    child = window.fork(window.task, "c")

    assert [50, None, 52] == window.shown(child)[:3]
    assert 51 == window.kept(1, child) == window.kept(1)
    window.read(child, window.at(1))
    assert (51, None) == (window.shown(child)[1], window.shown()[1])


def test_dontneed_keeps_which_page_it_was(window: Window) -> None:
    """A nonlinear page that is dropped leaves a file entry; one at its own place leaves nothing."""
    window.remap(0, 50)
    window.read(window.task, window.at(1))
    window.madvise(window.task, window.at(0), 2)

    assert (50, 0) == (window.kept(0), window.pte(window.task, window.at(1)))
    window.read(window.task, window.at(0), 2)
    assert [50, 1] == window.shown()[:2]


def test_truncate_looks_at_each_page(window: Window) -> None:
    """Pages behind the new end go, wherever they are mapped; others stay, wherever; a touch is SIGBUS."""
    window.remap(0, 50)
    window.remap(1, 3)
    window.read(window.task, window.at(6))
    window.truncate(window.data, 6)

    assert [None, 3, None] == [window.shown()[page] for page in (0, 1, 6)]
    assert (50, None) == (window.kept(0), window.kept(6))
    with pytest.raises(KernelError) as caught:
        window.read(window.task, window.at(0))
    assert "EFAULT" == caught.value.errno


def test_munmap_forgets_file_entries(window: Window) -> None:
    """Nothing of a window is left when it is unmapped, or its process gone."""
    window.remap(0, 50, 4)
    window.madvise(window.task, window.at(0), 2)
    window.munmap(window.task, window.at(0), 3)
    assert [None, None, None, 53] == window.shown()[:4]
    window.exit(window.task)

    assert 0 == len(window.machine.vmas) == len(window.data.i_mmap_nonlinear)


def test_pages_move_and_change_protection_as_they_are(window: Window) -> None:
    """mremap and mprotect take pages along, present or not, each as the page of the file it is."""
    window.remap(0, 50, 4)
    window.madvise(window.task, window.at(1), 1)
    window.mprotect(window.task, window.at(0), 4, R)
    window.mremap(window.task, window.at(0), 4, 4, to=0x60000000, rename="moved")
    window.read(window.task, 0x60000000, 4)

    pages = [window.page(window.task, 0x60000000 + n * PAGE_SIZE).index for n in range(4)]
    assert [50, 51, 52, 53] == pages
    assert vma_at(window.task, 0x60000000).vm_flags & VM_NONLINEAR


def test_linear_and_nonlinear_vmas_do_not_merge(window: Window) -> None:
    """A mapping that continues a nonlinear one stays a VMA of its own."""
    window.remap(0, 50)
    window.map(window.task, window.data, 8, label="g", shared=True, addr=window.at(8), pgoff=8)

    assert 2 == len(mm_of(window.task).vmas)


def test_shared_memory_goes_to_swap_and_comes_back() -> None:
    """A page of shared memory that is out of order leaves a file entry; the object has the slot."""
    for scheme in BY_PTE:
        lab = FileLab(rmap=scheme)
        task, address, shm = lab.shm(4)
        end = address + PAGE_SIZE
        lab.run(fremap.sys_remap_file_pages(mm_of(task), address, end, 3 * PAGE_SIZE))
        lab.evict(task, address)

        assert (3, shm.slots.cell[3] > 0) == (pte_to_pgoff(lab.pte(task, address)), True)
        lab.read(task, address)
        assert 3 == lab.page(task, address).index


@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme not in ANSWER])
def test_a_scheme_without_an_answer_refuses(scheme: str) -> None:
    """It says why, it says so in `departs`, and nothing has changed."""
    window = Window(scheme, rules="2.6", arch="i386-pae")
    before = window.digest()
    with pytest.raises(KernelError, match=r"the draft had no answer|nonlinear VMAs went with 4\.0") as caught:
        window.remap(0, 50)

    assert "ENOSYS" == caught.value.errno
    assert "remap_file_pages" in window.machine.scheme.departs
    assert before == window.digest()


@pytest.mark.parametrize(
    ("page", "index", "pages", "said"),
    [(6, 0, 3, "not within one shared mapping"), (0, 60, 5, "ends at page 64")],
)
def test_refusals(window: Window, page: int, index: int, pages: int, said: str) -> None:
    """A range beyond the mapping, or beyond the file, is EINVAL and leaves the machine as it was."""
    before = window.digest()
    with pytest.raises(KernelError, match=said) as caught:
        window.remap(page, index, pages)

    assert "EINVAL" == caught.value.errno
    assert before == window.digest()


def test_only_shared_mappings_of_whole_pages(window: Window) -> None:
    """A private mapping, anonymous memory and an odd offset are EINVAL."""
    mm = mm_of(window.task)
    private = window.map(window.task, window.data, 4, label="q")
    heap = window.mmap(window.task, "h", 4, RW)
    for address, offset in ((private, 0), (heap, 0), (window.base, 5)):
        with pytest.raises(KernelError) as caught:
            window.run(fremap.sys_remap_file_pages(mm, address, address + PAGE_SIZE, offset))
        assert "EINVAL" == caught.value.errno


def test_a_nonlinear_vma_is_done_page_by_page(window: Window) -> None:
    """What fills or copies ranges at once leaves a nonlinear VMA alone, and its neighbours' pages right."""
    quick = Window(window.machine.options.rmap, bulk="2")
    for lab in (window, quick):
        lab.remap(0, 6, 2)
        lab.read(lab.task, lab.at(0), 8)
        other = lab.spawn("o")
        address = lab.map(other, lab.data, 8, shared=True)
        lab.read(other, address, 8)
        lab.fork(other, "oo")
        lab.fork(lab.task, "c")

    assert window.digest() == quick.digest()
    assert window.machine.work.as_dict() == quick.machine.work.as_dict()
