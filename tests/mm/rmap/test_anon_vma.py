"""anon_vma and prio_tree as merged into 2.6.7."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mm.rmap.family import SIZES, both, family, page_out
from tests.mm.rmap.lab import HEAP, Lab
from vmtui.mm import fork, madvise, memory, mlock, mmap, mprotect, mremap
from vmtui.mm.filemap import create
from vmtui.mm.fork import living
from vmtui.mm.mm_types import VM_READ, VM_WRITE, AnonVma, Task
from vmtui.mm.page import PAGE_SIZE
from vmtui.mm.pgtable import ptep_to_mm_address

#: Where mremap moves to.
AWAY = 0x60000000
#: Windows of a file lie this many pages apart in memory.
STRIDE = 8


def lab_of(pages: int = 1, **options: Any) -> tuple[Lab, Task]:
    """A process that wrote some pages."""
    lab = Lab("anon_vma", **options)
    task = lab.spawn("a")
    lab.map(task, pages)
    lab.write(task, pages)
    return lab, task


def list_of(task: Task) -> AnonVma:
    """The anon_vma of a process's first VMA."""
    anon_vma = living(task).vmas[0].anon_vma
    assert anon_vma is not None
    return anon_vma


def protect(lab: Lab, task: Task, page: int, prot: int = VM_READ | VM_WRITE) -> None:
    """mprotect one page of the heap."""
    start = HEAP + page * PAGE_SIZE
    lab.run(mprotect.sys_mprotect(living(task), start, start + PAGE_SIZE, prot))


def windows(tasks: int, count: int, *, forked: bool) -> tuple[Lab, list[Task]]:
    """Processes that map the same single-page windows of a file, and read the page of each of some."""
    lab = Lab("anon_vma", ram="256M")
    file = lab.run(create(lab.machine, "f", count * STRIDE * PAGE_SIZE))
    made = [lab.spawn("t0")]

    def map_all(task: Task) -> None:
        for number in range(count):
            at = HEAP + number * STRIDE * PAGE_SIZE
            lab.map(task, 1, f"w{number}", at, shared=True, file=file, pgoff=number * STRIDE)

    map_all(made[0])
    for number in range(1, tasks):
        if forked:
            made.append(lab.fork(made[0], f"t{number}"))
        else:
            made.append(lab.spawn(f"t{number}"))
            map_all(made[-1])
    for task in made:
        for number in (0, count // 3, count - 1):
            at = HEAP + number * STRIDE * PAGE_SIZE
            lab.run(memory.access(living(task), at, at + PAGE_SIZE, False))
    return lab, made


@pytest.mark.parametrize("children", SIZES)
def test_page_shared_by_all(children: int) -> None:
    """Parent and N children share the parent's page: both walks examine N + 1 VMAs and hit in each."""
    lab, (parent, *_) = family("anon_vma", children, copied=False)

    assert page_out(lab, lab.page(parent)) == both(children + 1, children + 1)


@pytest.mark.parametrize("children", SIZES)
def test_parents_page_after_every_child_wrote(children: int) -> None:
    """The parent is last on the list: both walks examine N + 1 and hit once."""
    lab, (parent, *_) = family("anon_vma", children, copied=True)

    assert page_out(lab, lab.page(parent)) == both(children + 1, 1)


@pytest.mark.parametrize("children", SIZES)
def test_childrens_own_copies(children: int) -> None:
    """A copy is on the list of all: the newest child's is found at once, the oldest's last."""
    lab, (_, oldest, *rest) = family("anon_vma", children, copied=True)
    for newest in rest[-1:]:
        assert page_out(lab, lab.page(newest)) == both(1, 1)
    assert page_out(lab, lab.page(oldest)) == both(children, 1)


def test_rik_in_small_page_by_page() -> None:
    """20 children and 20 pages, every page walked: every page of a process examines as many, so that the
    published mean over 1000 children may look at one of each (tests/published)."""
    lab, parent = lab_of(20)
    tasks = [parent, *(lab.fork(parent, f"c{number}") for number in range(20))]
    for task in tasks[1:]:
        lab.write(task, 20)
    for place, task in enumerate(tasks):
        pages = [lab.page(task, HEAP + number * PAGE_SIZE) for number in range(20)]

        assert {lab.look(page).examined for page in pages} == {21 - place}


def test_list_before_page() -> None:
    """A read maps the zero page and makes no list; the first write makes one before it takes a frame."""
    lab = Lab("anon_vma")
    task = lab.spawn("a")
    lab.map(task, 1)
    lab.run(memory.access(living(task), HEAP, HEAP + PAGE_SIZE, False))
    assert lab.bytes("anon_vma") == 0

    lab.write(task)
    made = next(n for n, text in enumerate(lab.sentences) if text.startswith("an anon_vma was made"))
    taken = next(n for n, text in enumerate(lab.sentences) if "frame" in text)
    assert made < taken
    assert lab.page(task).mapping == list_of(task).id


@pytest.mark.parametrize(("smp", "size"), [("on", 12), ("off", 8)])
def test_price(smp: str, size: int) -> None:
    """20 bytes a VMA more than 64, one anon_vma a family; struct page 32."""
    lab, task = lab_of(8, smp=smp)
    lab.fork(task, "b")

    assert lab.bytes("anon_vma") == size
    assert lab.bytes("vm_area_struct") == 2 * 84
    assert lab.bytes("mem_map") == 32 * lab.machine.frames_total
    assert lab.machine.scheme.reverse_map_bytes() == 2 * 20 + size


def test_fork_links_without_a_page() -> None:
    """The child joins the list of a VMA that was written once, though no page is there any more."""
    lab, task = lab_of()
    lab.run(madvise.sys_madvise(living(task), HEAP, HEAP + PAGE_SIZE, "dontneed"))
    child = lab.fork(task, "b")

    assert list(list_of(task).vmas) == [living(child).vmas[0], living(task).vmas[0]]


def test_neighbour_shares_its_anon_vma() -> None:
    """A first write looks at the neighbours: what mprotect could merge shares a list, and then merges."""
    lab = Lab("anon_vma")
    task = lab.spawn("a")
    lab.map(task, 3)
    lab.write(task)
    protect(lab, task, 0, VM_READ)
    lab.write(task, 1, HEAP + PAGE_SIZE)
    assert len(lab.machine.anon_vmas) == 1

    protect(lab, task, 0)
    assert len(living(task).vmas) == 1
    assert lab.problems() == []


def test_different_lists_never_merge() -> None:
    """Two mappings written apart, then the hole between them: it merges with one side only."""
    lab = Lab("anon_vma")
    task = lab.spawn("a")
    for label, at in (("low", 0), ("high", 2), ("hole", 1)):
        lab.map(task, 1, label, HEAP + at * PAGE_SIZE)
        lab.write(task, 1, HEAP + at * PAGE_SIZE)

    assert len(living(task).vmas) == 2
    assert len(lab.machine.anon_vmas) == 2


def test_split_queues_the_new_half() -> None:
    """After a split no page has changed; the half that has not got it is ruled out by its range."""
    lab, task = lab_of(2)
    page = lab.page(task, HEAP + PAGE_SIZE)
    before = page.mapping, page.index
    protect(lab, task, 0, VM_READ)

    assert (page.mapping, page.index) == before
    walk = lab.look(page, full=True)
    assert (walk.examined, walk.hits, walk.miss_range) == (2, 1, 1)


def test_merge_takes_the_place_on_the_list() -> None:
    """A VMA without a list that takes in one with a list stands where that one stood (__anon_vma_merge)."""
    lab = Lab("anon_vma")
    parent = lab.spawn("a")
    lab.map(parent, 1, "low", HEAP)
    protect(lab, parent, 0, VM_READ)
    lab.map(parent, 1, "high", HEAP + PAGE_SIZE)
    lab.write(parent, 1, HEAP + PAGE_SIZE)
    child = lab.fork(parent, "b")
    assert len(living(parent).vmas) == 2
    protect(lab, parent, 0)

    (merged,) = living(parent).vmas
    assert list(list_of(parent).vmas) == [living(child).vmas[1], merged]
    assert lab.problems() == []


@pytest.mark.parametrize("written", [True, False])
def test_mremap_keeps_pgoff_of_what_was_written(written: bool) -> None:
    """Once a page is counted from it vm_pgoff moves along; before, it is the new address's."""
    lab = Lab("anon_vma")
    task = lab.spawn("a")
    lab.map(task, 1)
    if written:
        lab.write(task)
    lab.run(mremap.sys_mremap(living(task), HEAP, HEAP + PAGE_SIZE, PAGE_SIZE, AWAY))

    (vma,) = living(task).vmas
    assert vma.vm_pgoff == (HEAP if written else AWAY) // PAGE_SIZE


def test_mremap_of_a_shared_page_moves_it() -> None:
    """A page that a child shares moves as it is, and is found at both addresses."""
    lab, (parent, child) = family("anon_vma", 1, copied=False)
    page = lab.page(parent)
    lab.run(mremap.sys_mremap(living(parent), HEAP, HEAP + PAGE_SIZE, PAGE_SIZE, AWAY))

    assert lab.page(parent, AWAY) == lab.page(child) == page
    assert page_out(lab, page) == both(2, 2)


def test_mm_without_a_page_is_passed_over() -> None:
    """rss 0 comes before the range and the page tables."""
    lab, (parent, child) = family("anon_vma", 1, copied=False)
    lab.fork(parent, "c2")
    lab.run(madvise.sys_madvise(living(child), HEAP, HEAP + PAGE_SIZE, "dontneed"))

    walk = lab.look(lab.page(parent))
    assert (walk.examined, walk.hits, walk.skip_no_rss, walk.stopped) == (3, 2, 1, "mapcount")


def test_lists_go_with_their_last_vma() -> None:
    """Parent and child are gone: so is the anon_vma."""
    lab, (parent, child) = family("anon_vma", 1, copied=True)
    lab.exit(parent)
    assert lab.bytes("anon_vma") == 12
    lab.exit(child)
    assert lab.bytes("anon_vma") == 0


def test_stack_that_grows_has_a_list() -> None:
    """expand_stack makes the anon_vma even for a read: its lock is what it needs."""
    lab = Lab("anon_vma")
    task = lab.spawn("a")
    lab.run(mmap.do_mmap(living(task), "stack", PAGE_SIZE, VM_READ | VM_WRITE, HEAP, True))
    lab.run(memory.access(living(task), HEAP - PAGE_SIZE, HEAP, False))

    assert lab.bytes("anon_vma") == 12


@pytest.mark.parametrize("forked", [False, True])
def test_rmap_test_1(forked: bool) -> None:
    """100 tasks × 100 windows: of 10,000 VMAs the tree answers with the 100 that cover a page; all hit."""
    lab, tasks = windows(100, 100, forked=forked)
    for number in (0, 33, 99):
        page = lab.page(tasks[0], HEAP + number * STRIDE * PAGE_SIZE)

        assert page_out(lab, page) == both(100, 100)


def test_mmap3_in_small() -> None:
    """32 processes of single-page windows: 32 candidates and 32 hits, whichever window it is."""
    lab, tasks = windows(32, 200, forked=True)
    for number in (0, 66, 199):
        walk = lab.look(lab.page(tasks[-1], HEAP + number * STRIDE * PAGE_SIZE))

        assert (walk.examined, walk.hits, walk.miss_range) == (32, 32, 0)
        assert walk.nodes <= 4 * 7.65 + 2 * 32 + 4


def test_child_stands_beside_its_parent_in_the_vm_set() -> None:
    """fork puts the child directly after a parent that is a member of the set, last after a tree node."""
    lab = Lab("anon_vma")
    file = lab.run(create(lab.machine, "f", PAGE_SIZE))
    tasks = [lab.spawn(name) for name in "abc"]
    for task in tasks:
        lab.map(task, 1, shared=True, file=file)
        lab.run(memory.access(living(task), HEAP, HEAP + PAGE_SIZE, False))
    lab.fork(tasks[1], "d")
    lab.fork(tasks[0], "e")

    for task in lab.machine.tasks:
        lab.run(memory.access(living(task), HEAP, HEAP + PAGE_SIZE, False))
    mappings = lab.machine.scheme.mappings(lab.page(tasks[0]))
    owners = [ptep_to_mm_address(lab.machine, ptep)[0] for ptep in mappings]
    assert [mm.name for mm in owners if mm is not None] == ["a", "b", "d", "c", "e"]


def test_file_page_that_is_locked_and_shared() -> None:
    """page_referenced asks no further once it meets a locked shared VMA: that is a reference."""
    lab = Lab("anon_vma")
    file = lab.run(create(lab.machine, "f", PAGE_SIZE))
    tasks = [lab.spawn(name) for name in "ab"]
    for task in tasks:
        lab.map(task, 1, shared=True, file=file)
        lab.run(memory.access(living(task), HEAP, HEAP + PAGE_SIZE, False))
    lab.run(mlock.sys_mlock(living(tasks[0]), HEAP, HEAP + PAGE_SIZE))
    lab.referenced(lab.page(tasks[0]))

    (walk,) = lab.walks
    assert (walk.examined, walk.hits, walk.stopped) == (1, 1, "locked")


def test_private_file_page_is_in_both() -> None:
    """A private file VMA that wrote stands in the tree for the file's pages and on a list for its copies."""
    lab = Lab("anon_vma")
    file = lab.run(create(lab.machine, "f", 2 * PAGE_SIZE))
    task = lab.spawn("a")
    lab.map(task, 2, file=file)
    lab.write(task, 1)
    lab.run(memory.access(living(task), HEAP + PAGE_SIZE, HEAP + 2 * PAGE_SIZE, False))

    copy, cached = lab.page(task), lab.page(task, HEAP + PAGE_SIZE)
    scheme = lab.machine.scheme
    assert (scheme.live_member(copy), scheme.live_member(cached)) == ("anon_vma", "mapping")
    assert page_out(lab, copy) == page_out(lab, cached) == both(1, 1)


def test_pictures() -> None:
    """An anonymous page through its anon_vma; a file's through its address_space to those that cover it."""
    lab, tasks = windows(3, 9, forked=True)
    picture = lab.machine.scheme.picture(lab.page(tasks[0]))
    assert picture.headings[1] == "address_space"
    assert (picture.total, picture.nodes[1].lines) == (3, ("prio_tree", "3 of 27"))

    lab, (parent, _) = family("anon_vma", 1, copied=False)
    picture = lab.machine.scheme.picture(lab.page(parent))
    assert picture.headings[1] == "anon_vma"
    assert [node.title for node in picture.nodes if node.kind == "mm"] == ["c1", "parent"]


def test_undo_is_exact() -> None:
    """Map a file, fork, cut, move, exit: undone and redone, each state is what it was."""
    lab, task = lab_of(2)
    file = lab.run(create(lab.machine, "f", 8 * PAGE_SIZE))
    marks: list[tuple[int, str]] = []

    def mark() -> None:
        marks.append((lab.machine.history.mark, lab.digest()))

    mark()
    lab.map(task, 4, "f", AWAY, shared=True, file=file, pgoff=2)
    mark()
    child = lab.fork(task, "b")
    mark()
    lab.run(mmap.do_munmap(living(child), AWAY + PAGE_SIZE, AWAY + 2 * PAGE_SIZE))
    mark()
    lab.run(mremap.sys_mremap(living(task), HEAP, HEAP + 2 * PAGE_SIZE, 2 * PAGE_SIZE, AWAY + (1 << 20)))
    mark()
    lab.exit(task)
    mark()
    lab.run(fork.do_execve(child))
    mark()
    for position, state in (*reversed(marks), *marks):
        lab.machine.history.seek(position)
        assert lab.digest() == state
    assert lab.problems() == []
