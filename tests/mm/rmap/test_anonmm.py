"""anonmm: 2.6.5-rc1 with the anobjrmap patches of March 2004."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.mm.rmap.family import SIZES, both, family, page_out
from tests.mm.rmap.lab import HEAP, Lab
from vmtui.mm import fork, madvise, memory, mlock, mmap, mprotect, mremap
from vmtui.mm.filemap import create
from vmtui.mm.fork import living
from vmtui.mm.mm_types import VM_READ, VM_WRITE, Anonmm, Task
from vmtui.mm.page import PAGE_SIZE
from vmtui.mm.pgtable import is_swap_pte, pte_offset, pte_write, ptep_to_mm_address
from vmtui.mm.rmap.anonmm import AnonmmScheme

#: Where mremap moves to.
AWAY = 0x60000000


def lab_of(pages: int = 1, **options: Any) -> tuple[Lab, Task]:
    """A process that wrote some pages."""
    lab = Lab("anonmm", **options)
    task = lab.spawn("a")
    lab.map(task, pages)
    lab.write(task, pages)
    return lab, task


def move(lab: Lab, task: Task, pages: int = 1, start: int = HEAP, to: int = AWAY) -> None:
    """mremap to another address."""
    lab.run(mremap.sys_mremap(living(task), start, start + pages * PAGE_SIZE, pages * PAGE_SIZE, to))


def names(lab: Lab, task: Task, at: int = HEAP) -> list[str]:
    """Whose anonmm a walk would try, in order; "gone" for a dead one."""
    scheme = cast(AnonmmScheme, lab.machine.scheme)
    candidates = [one for one in scheme.candidates(lab.page(task, at)) if isinstance(one, Anonmm)]
    return [anonmm.mm.name if anonmm.mm is not None else "gone" for anonmm in candidates]


@pytest.mark.parametrize("children", SIZES)
def test_page_shared_by_all(children: int) -> None:
    """Parent and N children share the parent's page: both walks examine N + 1 mms and hit in each."""
    lab, (parent, *_) = family("anonmm", children, copied=False)

    assert page_out(lab, lab.page(parent)) == both(children + 1, children + 1)


@pytest.mark.parametrize("children", SIZES)
def test_parents_page_after_every_child_wrote(children: int) -> None:
    """The page is the parent's alone: its own mm is tried first, 1 examined and 1 hit."""
    lab, (parent, *_) = family("anonmm", children, copied=True)

    assert page_out(lab, lab.page(parent)) == both(1, 1)


@pytest.mark.parametrize("children", SIZES)
def test_childrens_own_copies(children: int) -> None:
    """A copy points at the mm that made it: 1 examined and 1 hit, for the oldest child and the newest."""
    lab, (_, oldest, *rest) = family("anonmm", children, copied=True)
    for task in (oldest, *rest[-1:]):
        assert page_out(lab, lab.page(task)) == both(1, 1)


def test_walk_goes_round_the_bundle() -> None:
    """A page of the second of three children: itself, the third, then the head, then the first."""
    lab, tasks = family("anonmm", 3, copied=True)

    assert names(lab, tasks[0]) == ["parent", "c1", "c2", "c3"]
    assert names(lab, tasks[2]) == ["c2", "c3", "parent", "c1"]


def test_price() -> None:
    """32 bytes an mm in the slab and 4 in mm_struct; struct page 32, a VMA 64; nothing a page or a VMA."""
    lab, task = lab_of(8)
    lab.fork(task, "b")

    assert lab.bytes("anonmm") == 2 * 32
    assert lab.bytes("mm_struct") == 2 * 516
    assert lab.bytes("mem_map") == 32 * lab.machine.frames_total
    assert lab.bytes("vm_area_struct") == 2 * 64
    assert lab.machine.scheme.reverse_map_bytes() == 2 * 36


def test_exec_begins_a_bundle() -> None:
    """After exec a process is no relative any more: its pages are looked for in it alone."""
    lab, (parent, child) = family("anonmm", 1, copied=False)
    lab.run(fork.do_execve(child))
    lab.map(child, 1)
    lab.write(child)

    assert names(lab, child) == ["c1"]
    assert names(lab, parent) == ["parent"]


def test_anonmm_outlives_its_mm() -> None:
    """The parent is gone, a child has its page: the walk passes over the dead mm and finds the child's.

    The anonmms go when the last of the bundle does.
    """
    lab, (parent, child) = family("anonmm", 1, copied=False)
    lab.exit(parent)
    assert names(lab, child) == ["gone", "c1"]

    walk = lab.look(lab.page(child))
    assert (walk.examined, walk.hits, walk.skip_no_mm) == (2, 1, 1)
    assert lab.bytes("anonmm") == 64
    lab.exit(child)
    assert lab.bytes("anonmm") == 0
    assert lab.problems() == []


def test_dead_member_goes_with_its_last_page() -> None:
    """A dead child's anonmm is needed by a grandchild's page only: it goes when that page notes another."""
    lab, (parent, child) = family("anonmm", 1, copied=True)
    grandchild = lab.fork(child, "g")
    lab.exit(child)
    assert names(lab, grandchild) == ["gone", "g", "parent"]

    lab.write(grandchild)
    assert names(lab, grandchild) == ["g", "parent"]
    assert lab.bytes("anonmm") == 2 * 32
    assert parent.alive
    assert lab.problems() == []


def test_last_owner_is_noted_when_it_writes() -> None:
    """The parent is gone and the child writes the page it alone has: in place, and it is the child's now."""
    lab, (parent, child) = family("anonmm", 1, copied=False)
    page = lab.page(child)
    lab.exit(parent)
    lab.write(child)

    assert lab.page(child) == page
    assert names(lab, child) == ["c1", "gone"]
    assert lab.bytes("anonmm") == 2 * 32, "a head stays while it has members"


def test_mm_without_a_page_is_passed_over() -> None:
    """rss 0: the mm is passed over before its page tables are looked at."""
    lab, (parent, child) = family("anonmm", 1, copied=False)
    lab.fork(parent, "c2")
    lab.run(madvise.sys_madvise(living(child), HEAP, HEAP + PAGE_SIZE, "dontneed"))

    walk = lab.look(lab.page(parent))
    assert (walk.examined, walk.hits, walk.skip_no_rss, walk.stopped) == (3, 2, 1, "mapcount")


def test_split_and_merge_change_nothing() -> None:
    """mprotect cuts a VMA into three and joins them again: no page changes, and each walk examines 1."""
    lab, task = lab_of(3)
    before = [(page.mapping, page.index) for page in map(lab.page, [task] * 3)]
    middle = HEAP + PAGE_SIZE
    lab.run(mprotect.sys_mprotect(living(task), middle, middle + PAGE_SIZE, VM_READ))
    assert len(living(task).vmas) == 3
    assert lab.look(lab.page(task, middle), full=True).examined == 1

    lab.run(mprotect.sys_mprotect(living(task), middle, middle + PAGE_SIZE, VM_READ | VM_WRITE))
    assert len(living(task).vmas) == 1
    assert before == [(page.mapping, page.index) for page in map(lab.page, [task] * 3)]


def test_filled_hole_becomes_one_vma() -> None:
    """Two written mappings and what is mapped between them merge: nothing stands in the way."""
    lab = Lab("anonmm")
    task = lab.spawn("a")
    for label, at in (("low", 0), ("high", 2), ("hole", 1)):
        lab.map(task, 1, label, HEAP + at * PAGE_SIZE)
        lab.write(task, 1, HEAP + at * PAGE_SIZE)

    assert len(living(task).vmas) == 1


def test_mremap_of_an_own_page_moves_it() -> None:
    """A page that nobody shares keeps its frame and notes the new address."""
    lab, task = lab_of()
    page = lab.page(task)
    move(lab, task)

    assert lab.page(task, AWAY) == page
    assert page.index == AWAY // PAGE_SIZE
    assert page_out(lab, page) == both(1, 1)


def test_mremap_of_a_shared_page_copies_it() -> None:
    """A page a child shares is copied first: at the new address stands the copy, the child keeps the page."""
    lab, (parent, child) = family("anonmm", 1, copied=False)
    page = lab.page(parent)
    move(lab, parent)

    assert lab.page(child) == page
    assert lab.page(parent, AWAY) != page
    assert any("cannot be at two addresses" in text for text in lab.sentences)
    assert lab.problems() == []
    assert "mremap" in lab.machine.scheme.departs


def test_mremap_of_a_shared_swap_entry_swaps_in_and_copies() -> None:
    """Shared on swap: brought in, then copied; the other keeps the entry."""
    lab, (parent, child) = family("anonmm", 1, copied=False)
    page = lab.page(parent)
    lab.swapout(page)
    lab.swapout(page)
    assert page.count == 0
    move(lab, parent)

    memory_ = lab.machine.memory
    assert is_swap_pte(memory_[pte_offset(living(child), HEAP)])
    assert lab.page(parent, AWAY).mapcount == 1
    assert lab.problems() == []
    lab.write(child)
    assert lab.problems() == []


@pytest.mark.parametrize("times", [1, 2])
def test_mremap_of_an_own_swap_entry_moves_it(times: int) -> None:
    """An entry that nobody shares moves as it is, whether its page is in the swap cache yet or not."""
    lab, task = lab_of()
    page = lab.page(task)
    for _ in range(times):
        lab.swapout(page)
    entry = lab.machine.memory[pte_offset(living(task), HEAP)]
    move(lab, task)

    assert lab.machine.memory[pte_offset(living(task), AWAY)] == entry
    lab.write(task, 1, AWAY)
    assert lab.page(task, AWAY).index == AWAY // PAGE_SIZE
    assert lab.problems() == []


def test_mremap_of_a_page_whose_sharer_is_swapped_out() -> None:
    """In memory it is the parent's alone, but the child has its swap entry: that is shared, and copied."""
    lab, (parent, child) = family("anonmm", 1, copied=False)
    page = lab.page(parent)
    lab.swapout(page)
    lab.run(memory.access(living(parent), HEAP, HEAP + PAGE_SIZE, False))
    assert lab.page(parent) == page
    move(lab, parent)

    assert lab.page(parent, AWAY) != page
    lab.run(memory.access(living(child), HEAP, HEAP + PAGE_SIZE, False))
    assert lab.page(child) == page
    assert lab.problems() == []


def test_copy_in_a_read_only_vma_stays_read_only() -> None:
    """The early copy is no permission to write."""
    lab, (parent, _) = family("anonmm", 1, copied=False)
    lab.run(mprotect.sys_mprotect(living(parent), HEAP, HEAP + PAGE_SIZE, VM_READ))
    move(lab, parent)

    assert not pte_write(lab.machine.memory[pte_offset(living(parent), AWAY)])


def test_lock_is_asked_for_on_a_hit_only() -> None:
    """find_vma comes after the hit, and VM_LOCKED ends the walk."""
    lab, task = lab_of()
    page = lab.page(task)
    lab.run(mlock.sys_mlock(living(task), HEAP, HEAP + PAGE_SIZE))
    lab.swapout(page)

    walk = lab.walks[-1]
    assert (walk.kind, walk.examined, walk.hits, walk.stopped) == ("unmap", 1, 1, "locked")
    assert page.mapcount == 1
    assert any(text.startswith("find_vma: a.heap is locked") for text in lab.sentences)


def test_files_private_list_first() -> None:
    """A file's page: i_mmap, then i_mmap_shared; both walks stop when all is found."""
    lab = Lab("anonmm")
    mapping = lab.run(create(lab.machine, "f", PAGE_SIZE))
    tasks = [lab.spawn(name) for name in "abc"]
    for task, shared in zip(tasks, (True, False, True), strict=True):
        lab.map(task, 1, file=mapping, shared=shared)
        lab.run(memory.access(living(task), HEAP, HEAP + PAGE_SIZE, False))
    page = lab.page(tasks[0])
    owners = [ptep_to_mm_address(lab.machine, ptep)[0] for ptep in lab.machine.scheme.mappings(page)]
    assert [mm.name for mm in owners if mm is not None] == ["b", "a", "c"]

    assert page_out(lab, page) == both(3, 3)


def test_picture_shows_the_dead() -> None:
    """Rows are the mms in the order of the walk; of a dead one the anonmm is left, and "mm gone"."""
    lab, (parent, *_) = family("anonmm", 2, copied=False)
    page = lab.page(parent)
    lab.exit(parent)
    picture = lab.machine.scheme.picture(page)

    assert picture.headings == ("struct page", "anonmm bundle", "mm", "page table")
    assert picture.total == 3
    assert [node.title for node in picture.nodes if node.column == 2] == ["mm gone", "c1", "c2"]
    assert [node.row for node in picture.nodes if node.kind == "object"] == [0, 1, 2]
    assert [node.title for node in lab.machine.scheme.picture(page, 2, 1).nodes if node.column == 2] == ["c2"]


def test_undo_is_exact() -> None:
    """Fork, write, mremap, exit: undone and redone, each state is what it was."""
    lab, task = lab_of(2)
    marks = [(lab.machine.history.mark, lab.digest())]

    def mark() -> None:
        marks.append((lab.machine.history.mark, lab.digest()))

    child = lab.fork(task, "b")
    mark()
    move(lab, child, 2)
    mark()
    lab.exit(task)
    mark()
    lab.run(mmap.do_munmap(living(child), AWAY, AWAY + PAGE_SIZE))
    mark()
    lab.exit(child)
    mark()
    for position, state in (*reversed(marks), *marks):
        lab.machine.history.seek(position)
        assert lab.digest() == state
