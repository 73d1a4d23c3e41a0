"""objrmap for files, pte_chains for anonymous pages: 2.6.4 with objrmap-core-1."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mm.rmap.lab import HEAP, Lab
from vmtui.mm import fork, mlock, mremap
from vmtui.mm.filemap import create
from vmtui.mm.fork import living
from vmtui.mm.mm_types import AddressSpace, Task
from vmtui.mm.page import PAGE_SIZE

#: rmap-test: windows a task maps, pages of one, and how far apart they lie in the file and in memory.
WINDOWS, PAGES, STRIDE = 100, 6, 8


def window(number: int) -> int:
    """Where a task maps a window."""
    return HEAP + number * STRIDE * PAGE_SIZE


def map_windows(lab: Lab, task: Task, mapping: AddressSpace) -> None:
    """Map every window of the file, in order."""
    for number in range(WINDOWS):
        lab.map(task, PAGES, f"w{number}", window(number), shared=True, file=mapping, pgoff=number * STRIDE)


def rmap_test(rmap: str, *, forked: bool, touched: tuple[int, ...]) -> tuple[Lab, Task]:
    """rmap-test 1: 100 tasks map the same 100 windows of a file, and write a page of those touched."""
    lab = Lab(rmap)
    mapping = lab.run(create(lab.machine, "data", WINDOWS * STRIDE * PAGE_SIZE))
    first = lab.spawn("t0")
    map_windows(lab, first, mapping)
    tasks = [first]
    for number in range(1, 100):
        if forked:
            tasks.append(lab.fork(first, f"t{number}"))
        else:
            tasks.append(lab.spawn(f"t{number}"))
            map_windows(lab, tasks[-1], mapping)
    for task in tasks:
        for number in touched:
            lab.write(task, 1, window(number))
    return lab, first


def counts(walk: Any) -> tuple[int, int, int]:
    """Examined, hits, ruled out by their range."""
    return walk.examined, walk.hits, walk.miss_range


@pytest.mark.parametrize("forked", [False, True])
def test_rmap_test_1(forked: bool) -> None:
    """page_referenced examines all 10,000 VMAs and hits 100; an unmap of window w stops after 9,901 + w where
    the tasks mapped in turn, after 100(w + 1) where they were forked."""
    windows = (0, 37, 99)
    lab, task = rmap_test("objrmap", forked=forked, touched=windows)
    for number in windows:
        lab.swapout(lab.page(task, window(number)))
        referenced, unmap = lab.walks
        expected = 100 * (number + 1) if forked else 9_901 + number

        assert ((10_000, 100, 9_900), "end") == (counts(referenced), referenced.stopped)
        assert ((expected, 100, expected - 100), "mapcount") == (counts(unmap), unmap.stopped)
    assert 0 == lab.bytes("pte_chain")
    assert [] == lab.problems()


def test_rmap_test_1_under_pte_chains() -> None:
    """The same page has 100 entries in 4 nodes, and its walk 100 candidates, all of them hits."""
    lab, task = rmap_test("pte_chain", forked=True, touched=(37,))
    walk = lab.look(lab.page(task, window(37)))

    assert (100, 100, 0, 4) == (walk.examined, walk.hits, walk.misses, walk.nodes)
    assert 512 == lab.bytes("pte_chain")


def test_sizes_are_those_of_pte_chains() -> None:
    """The mapcount shares the union with the pointer: struct page is no larger."""
    chains, objrmap = Lab("pte_chain", highpte="on"), Lab("objrmap", highpte="on")

    assert chains.machine.ledger.sizes == objrmap.machine.ledger.sizes


def test_a_page_of_a_file_only_counts() -> None:
    """fork, exit and mremap of a shared file mapping take no node and search no slot."""
    lab = Lab("objrmap")
    mapping = lab.run(create(lab.machine, "data", 4 * PAGE_SIZE))
    task = lab.spawn("sh")
    lab.map(task, 4, shared=True, file=mapping)
    lab.write(task, 4)
    child = lab.fork(task, "kid")
    page = lab.page(task)
    lab.run(mremap.sys_mremap(living(child), HEAP, HEAP + 4 * PAGE_SIZE, 4 * PAGE_SIZE, HEAP + (1 << 24)))

    assert (2, "mapcount") == (page.mapcount, lab.machine.scheme.live_member(page))
    assert [] == lab.problems()
    lab.exit(child)
    assert 1 == page.mapcount
    assert (0, 0) == (lab.machine.work["chain_alloc"], lab.machine.work["slots_searched"])


def test_private_copies_keep_chains() -> None:
    """A written page of a private file mapping is anonymous: fork chains it; the file's own pages count."""
    lab = Lab("objrmap")
    mapping = lab.run(create(lab.machine, "data", 4 * PAGE_SIZE))
    task = lab.spawn("sh")
    lab.map(task, 4, file=mapping)
    lab.write(task, 2)
    other = lab.spawn("other")
    lab.map(other, 4, file=mapping, shared=True)
    lab.write(other, 4)
    lab.fork(task, "kid")
    scheme = lab.machine.scheme

    assert "chain" == scheme.live_member(lab.page(task))
    assert "mapcount" == scheme.live_member(lab.page(other))
    assert 2 * 128 == lab.bytes("pte_chain")
    # The file's page is asked of all three VMAs, private ones first, and is only in one.
    walk = lab.look(lab.page(other))
    assert (3, 1, 2) == (walk.examined, walk.hits, walk.miss_pfn)
    assert [] == lab.problems()


def test_anonymous_pages_are_as_under_pte_chains() -> None:
    """The same program without files does the same work and has the same walks under both schemes."""
    found = []
    for rmap in ("pte_chain", "objrmap"):
        lab = Lab(rmap, cacheline=32)
        parent = lab.spawn("sh")
        lab.map(parent, 3)
        lab.write(parent, 3)
        children = [lab.fork(parent, f"c{number}") for number in range(20)]
        for child in children[::3]:
            lab.write(child, 2)
        for child in children[1::3]:
            lab.run(fork.do_execve(child))
        lab.swapout(lab.page(parent))
        walks = [(walk.kind, walk.examined, walk.hits, walk.nodes, walk.stopped) for walk in lab.walks]
        found.append((walks, lab.machine.work.as_dict(), lab.bytes("pte_chain")))

    assert found[0] == found[1]


def test_page_referenced_never_stops_early() -> None:
    """One task of 50 has the page; page_referenced asks the other 49 too, try_to_unmap stops at it."""
    lab = Lab("objrmap")
    mapping = lab.run(create(lab.machine, "data", PAGE_SIZE))
    tasks = [lab.spawn(f"t{number}") for number in range(50)]
    for task in tasks:
        lab.map(task, 1, shared=True, file=mapping)
    lab.write(tasks[10])
    lab.swapout(lab.page(tasks[10]))

    assert [(50, 1, "end"), (11, 1, "mapcount")] == [
        (walk.examined, walk.hits, walk.stopped) for walk in lab.walks
    ]


def test_locked_memory_stops_the_walk() -> None:
    """The first VMA that has the page locked ends an unmap; it is a hit."""
    lab = Lab("objrmap")
    mapping = lab.run(create(lab.machine, "data", PAGE_SIZE))
    tasks = [lab.spawn(f"t{number}") for number in range(3)]
    for task in tasks:
        lab.map(task, 1, shared=True, file=mapping)
        lab.write(task)
    lab.run(mlock.sys_mlock(living(tasks[1]), HEAP, HEAP + PAGE_SIZE))
    page = lab.page(tasks[1])
    lab.swapout(page)
    walk = lab.walks[-1]

    assert (2, 2, "locked", 2) == (walk.examined, walk.hits, walk.stopped, page.mapcount)
    assert [] == lab.problems()


@pytest.mark.parametrize("bulk", [1, 1 << 40])
def test_fork_of_files_and_memory(bulk: int) -> None:
    """fork of a private mapping with both kinds of pages: entries for the copies, counts for the file's."""
    lab = Lab("objrmap", bulk=bulk)
    mapping = lab.run(create(lab.machine, "data", 8 * PAGE_SIZE))
    task = lab.spawn("sh")
    reader = lab.spawn("reader")
    lab.map(reader, 8, file=mapping, shared=True)
    lab.write(reader, 8)
    lab.map(task, 8, file=mapping)
    lab.write(task, 3, HEAP + 2 * PAGE_SIZE)
    lab.fork(task, "kid")

    assert (3, 3) == (lab.work["rmap_add"], lab.work["chain_alloc"])
    assert [] == lab.problems()


def test_pictures() -> None:
    """A file's page stands before its address_space and VMAs, an anonymous page before its chain."""
    lab = Lab("objrmap")
    mapping = lab.run(create(lab.machine, "data", PAGE_SIZE))
    task = lab.spawn("sh")
    lab.map(task, 1, shared=True, file=mapping)
    lab.write(task)
    lab.map(task, 1, "own", HEAP + (1 << 24))
    lab.write(task, 1, HEAP + (1 << 24))
    scheme = lab.machine.scheme
    of_file = scheme.picture(lab.page(task))
    of_memory = scheme.picture(lab.page(task, HEAP + (1 << 24)))

    assert ("address_space", "pte_chain") == (of_file.headings[1], of_memory.headings[1])
    assert ["page", "object", "vma", "mm", "pte"] == [node.kind for node in of_file.nodes]
    assert "PG_anon 0 ⇒ mapcount" == scheme.why(lab.page(task))
    assert "PG_anon 1 · PG_direct 1 ⇒ direct" == scheme.why(lab.page(task, HEAP + (1 << 24)))
