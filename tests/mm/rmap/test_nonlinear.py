"""What each scheme does about pages that remap_file_pages has put out of order."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.mm.lab import mm_of, vma_at
from tests.mm.test_fremap import ANSWER, Window
from vmtui.mm.page import PAGE_SIZE
from vmtui.mm.pgtable import pte_young
from vmtui.mm.rmap.nonlinear import CLUSTER_SIZE, cluster_range, clusters
from vmtui.mm.step import CANDIDATE, HIT

CLUSTER = CLUSTER_SIZE // PAGE_SIZE


def wide(pages: int, rmap: str = "anon_vma") -> Window:
    """A window that shows the last pages of its file first."""
    window = Window(rmap)
    end = window.at(8) - window.base
    window.mremap(window.task, window.base, end // PAGE_SIZE, pages, to=0x60000000)
    window.base = 0x60000000
    window.truncate(window.data, 4 * pages)
    window.remap(0, 3 * pages, pages)
    return window


def cold(window: Window, pages: int) -> None:
    """Clear the accessed bits of a window."""
    memory = window.machine.memory
    for page in range(pages):
        ptep = next(iter(window.machine.scheme.mappings(window.page(window.task, window.at(page)))))
        memory[ptep] &= ~0x20


@pytest.mark.parametrize("rmap", ANSWER)
def test_a_full_walk_finds_them(rmap: str) -> None:
    """Each PTE of a page is hit once by a walk without a stop rule: linear, nonlinear, and a fork's."""
    window = Window(rmap)
    window.remap(0, 5, 3)
    window.read(window.task, window.at(0), 8)
    window.fork(window.task, "c")
    page = window.page(window.task, window.at(5))
    window.run(window.machine.scheme.look(page, full=True))
    hits = [step.ptep for step in window.steps if step.outcome == HIT]

    assert 4 == page.mapcount == len(hits)
    assert sorted(window.mappers(page)) == sorted(hits) == sorted(window.machine.scheme.mappings(page))


def test_pte_chain_needs_nothing() -> None:
    """A page out of order is swapped out by its entry: no miss, and the PTE keeps the page's index."""
    window = Window("pte_chain")
    window.remap(0, 50)
    walk = window.unmap(window.task, window.at(0))

    assert (1, 1) == (walk.examined, walk.hits)
    assert 50 == window.kept(0)


def test_objrmap_converts_a_page_by_asking_every_vma() -> None:
    """The first nonlinear PTE of a mapped page costs a question to each VMA of its file, and a node."""
    window = Window("objrmap")
    window.read(window.task, window.at(5))
    others = [window.spawn(f"o{number}") for number in range(10)]
    for other in others:
        window.map(other, window.data, 8, shared=True)
    page = window.page(window.task, window.at(5))
    assert "mapcount" == window.machine.scheme.live_member(page)
    window.remap(0, 5)

    asked = [step for step in window.steps if step.outcome in CANDIDATE]
    assert (11, 1) == (len(asked), sum(step.outcome == HIT for step in asked))
    assert ("chain", 2) == (window.machine.scheme.live_member(page), page.mapcount)
    assert 1 == window.count("pte_chain")
    assert "page_convert_anon" in window.functions


def test_objrmap_walks_the_chain_of_a_converted_page() -> None:
    """Once it has a chain every mapping is entered, linear ones too; when all are gone it counts again."""
    window = Window("objrmap")
    window.remap(0, 5)
    window.read(window.task, window.at(5))
    other = window.spawn("o")
    address = window.map(other, window.data, 8, shared=True)
    window.read(other, address + 5 * PAGE_SIZE)
    page = window.page(window.task, window.at(5))
    assert (3, 3) == (window.look(window.task, window.at(5)).hits, page.mapcount)
    window.swapout(window.task, window.at(5))

    assert (0, 0, 5) == (page.mapcount, window.count("pte_chain"), window.kept(0))
    window.read(other, address + 5 * PAGE_SIZE)
    assert "mapcount" == window.machine.scheme.live_member(page)


def test_a_page_that_was_never_converted_is_walked_as_before() -> None:
    """Other pages of the same file are found through its VMAs, at their own place in the window too."""
    window = Window("objrmap")
    window.remap(0, 5)
    window.read(window.task, window.at(3))
    walk = window.unmap(window.task, window.at(3))

    assert (1, 1) == (walk.examined, walk.hits)
    assert 0 == window.pte(window.task, window.at(3))


def test_2_6_7_keeps_nonlinear_vmas_apart() -> None:
    """The first page out of order takes a VMA from the tree to i_mmap_nonlinear; a child stands behind it."""
    window = Window("anon_vma")
    trees = window.machine.scheme.trees
    assert 1 == len(list(trees.members(window.data.id)))
    window.remap(0, 50)
    child = window.fork(window.task, "c")

    assert 0 == len(list(trees.members(window.data.id)))
    parent, other = window.data.i_mmap_nonlinear
    assert (window.task.mm, child.mm) == (parent.vm_mm, other.vm_mm)


def test_2_6_7_does_not_ask_who_used_it() -> None:
    """page_referenced looks at no nonlinear PTE: the page seems cold, and its accessed bit stays."""
    window = Window("anon_vma")
    window.remap(0, 50)
    walk = window.referenced(window.task, window.at(0))

    assert 0 == walk.examined
    assert pte_young(window.pte(window.task, window.at(0)))


def test_2_6_7_unmaps_what_it_meets() -> None:
    """For one page a whole cluster of cold pages goes, that page among them or not; each keeps its index."""
    window = wide(2 * CLUSTER)
    cold(window, 2 * CLUSTER)
    last = 2 * CLUSTER - 1
    walk = window.unmap(window.task, window.at(last))

    assert (CLUSTER, 0, CLUSTER, "mapcount") == (walk.examined, walk.hits, walk.left, walk.stopped)
    assert [6 * CLUSTER + page for page in range(CLUSTER)] == [window.kept(page) for page in range(CLUSTER)]
    assert 1 == window.page(window.task, window.at(last)).mapcount
    assert CLUSTER_SIZE == vma_at(window.task, window.base).vm_private_data


def test_2_6_7_leaves_what_was_used_and_starts_anew() -> None:
    """Used pages are only made old; with nothing cold in it the scan goes to the end, and the cursor back."""
    window = wide(2 * CLUSTER)
    walk = window.unmap(window.task, window.base)

    assert (2 * CLUSTER, "end") == (walk.examined, walk.stopped)
    assert 2 * CLUSTER == mm_of(window.task).rss
    assert 0 == vma_at(window.task, window.base).vm_private_data
    again = window.unmap(window.task, window.base)
    assert (CLUSTER, 1) == (again.examined, again.hits)
    assert CLUSTER == mm_of(window.task).rss


def test_2_6_7_passes_over_a_locked_window() -> None:
    """A nonlinear VMA with VM_LOCKED is not scanned, nor one whose process has nothing in memory."""
    window = wide(CLUSTER)
    assert [(vma_at(window.task, window.base), 0)] == list(clusters(window.data))
    window.mlock(window.task, window.base, CLUSTER)

    assert [] == list(clusters(window.data))


def test_a_vma_behind_catches_up_first() -> None:
    """No cursor goes on before all have come as far as the farthest."""
    window = wide(3 * CLUSTER)
    child = window.fork(window.task, "c")
    first, second = vma_at(window.task, window.base), vma_at(child, window.base)
    first.vm_private_data = 2 * CLUSTER_SIZE

    order = [(vma.id, cursor // CLUSTER_SIZE) for vma, cursor in clusters(window.data)]
    assert [(second.id, 0), (second.id, 1), (first.id, 2), (second.id, 2)] == order


def test_a_cluster_is_aligned() -> None:
    """The clusters of a VMA meet, end with it, and none crosses a multiple of 32 pages."""
    window = wide(3 * CLUSTER)
    vma = vma_at(window.task, window.base)
    vma.vm_start += 5 * PAGE_SIZE
    parts = [cluster_range(vma, cursor * CLUSTER_SIZE) for cursor in range(3)]

    assert [CLUSTER - 5, CLUSTER, CLUSTER] == [len(part) for part in parts]
    assert all(one.stop == other.start for one, other in pairwise(parts))


@pytest.mark.parametrize("rmap", ANSWER)
def test_the_picture_has_a_row_for_each(rmap: str) -> None:
    """Every hit of the walk falls on a row of the picture, and that row holds its PTE."""
    window = Window(rmap)
    window.remap(0, 5)
    window.fork(window.task, "c")
    page = window.page(window.task, window.at(0))
    picture = window.machine.scheme.picture(page)
    held = {node.ref for node in picture.nodes if node.kind == "pte"}

    assert {("pte", ptep) for ptep in window.mappers(page)} <= held
    assert 2 == picture.total
    if picture.per_vma:
        assert [vma.id for vma in window.data.i_mmap_nonlinear] == list(picture.order)
