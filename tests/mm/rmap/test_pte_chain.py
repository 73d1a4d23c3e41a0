"""pte_chains, to the letter of mm/rmap.c of 2.6.0."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.mm.rmap.lab import HEAP, Lab
from vmtui.errors import KernelError
from vmtui.mm import fork, memory, mlock, mremap
from vmtui.mm.filemap import create
from vmtui.mm.fork import living
from vmtui.mm.page import PAGE_SIZE, Page
from vmtui.mm.rmap.chain import PteChains, nrpte
from vmtui.mm.rmap.pte_chain import PteChain
from vmtui.mm.step import Steps

#: L1 line, HIGHPTE, slots of a node.
NODES = [(32, "off", 7), (32, "on", 3), (64, "off", 15), (64, "on", 7), (128, "off", 31), (128, "on", 15)]


def drain(operation: Steps) -> None:
    """Run a watched function that nobody watches."""
    for _ in operation:
        pass


def chains_of(lab: Lab) -> PteChains:
    """The chains of a machine."""
    scheme = lab.machine.scheme
    assert isinstance(scheme, PteChain)
    return scheme.chains


def entries(page: Page) -> list[int]:
    """A page's entries, in the order of a walk."""
    return list(page.machine.scheme.mappings(page))


def shared(lab: Lab, children: int, pages: int = 1) -> list[Any]:
    """A process that wrote pages, and children that share them."""
    parent = lab.spawn("sh")
    lab.map(parent, pages)
    lab.write(parent, pages)
    return [parent, *(lab.fork(parent, f"c{number}") for number in range(children))]


# -- What it weighs.


@pytest.mark.parametrize(("line", "highpte", "slots"), NODES)
def test_slots_of_a_node(line: int, highpte: str, slots: int) -> None:
    """A node has (line - 4) / 4 slots, with HIGHPTE under PAE (line - 4) / 8; struct page 40 and 44 bytes."""
    lab = Lab("pte_chain", cacheline=line, highpte=highpte)
    sizes = lab.machine.ledger.sizes

    assert slots == nrpte(lab.machine.options)
    assert (44 if highpte == "on" else 40, 64, line) == (
        sizes["mem_map"], sizes["vm_area_struct"], sizes["pte_chain"],
    )  # fmt: skip


@pytest.mark.parametrize(("line", "highpte", "slots"), NODES)
def test_bytes_of_a_page_mapped_n_times(line: int, highpte: str, slots: int) -> None:
    """Nothing for one mapping; from two on a line for each NRPTE, up to 1,000 and down again.  Only the last
    node outlives its need: at one mapping it is still there, at none it is gone."""
    lab = Lab("pte_chain", cacheline=line, highpte=highpte)
    chains = chains_of(lab)
    page = lab.machine.page(9)
    up, down = [], []
    for n in range(1, 1001):
        drain(chains.chain_add(page, 5000 + n))
        up.append(lab.bytes("pte_chain"))
    for n in random.Random(slots).sample(range(1, 1001), 1000):
        drain(chains.chain_remove(page, 5000 + n))
        down.append(lab.bytes("pte_chain"))

    weigh = [line * -(-n // slots) for n in range(1001)]
    assert [0, *weigh[2:]] == up
    assert weigh[999::-1] == down
    assert chains.pte[page.pfn] == 0


@pytest.mark.parametrize(
    ("line", "highpte", "published"),
    [
        (32, "off", {1: 0, 2: 32, 8: 64, 16: 96, 32: 160, 100: 480}),
        (32, "on", {1: 0, 2: 32, 8: 96, 16: 192, 32: 352, 100: 1088}),
        (128, "off", {1: 0, 2: 128, 8: 128, 16: 128, 32: 256, 100: 512}),
        (128, "on", {1: 0, 2: 128, 8: 128, 16: 256, 32: 384, 100: 896}),
    ],
)
def test_bytes_after_fork(line: int, highpte: str, published: dict[int, int]) -> None:
    """The table of bytes by mappings holds for a page that a process shares with its children."""
    lab = Lab("pte_chain", cacheline=line, highpte=highpte)
    parent = shared(lab, 0)[0]
    found = {}
    for n in range(1, 101):
        if n in published:
            found[n] = lab.bytes("pte_chain")
        lab.fork(parent, f"c{n}")

    assert published == found
    assert [] == lab.problems()


@pytest.mark.parametrize(("line", "megabytes"), [(128, 12.2), (64, 6.1), (32, 3.05)])
def test_fork_of_100_000_pages(line: int, megabytes: float) -> None:
    """fork of 100,000 written pages takes a node for each: 12.2, 6.1, 3.05 MB of low memory."""
    lab = Lab("pte_chain", cacheline=line, ram="1G")
    shared(lab, 1, 100_000)

    assert pytest.approx(megabytes, abs=0.01) == lab.bytes("pte_chain") / (1 << 20)
    assert {"rmap_add": 100_000, "chain_alloc": 100_000, "slots_searched": 0} == {
        name: lab.work[name] for name in ("rmap_add", "chain_alloc", "slots_searched")
    }


def test_exec_gives_nothing_back() -> None:
    """What fork took is still held after the child's exec, until page_referenced comes by."""
    lab = Lab("pte_chain", ram="1G")
    parent, child = shared(lab, 1, 100_000)
    lab.run(fork.do_execve(child))
    held = lab.bytes("pte_chain")
    searched = lab.work["slots_searched"]
    lab.referenced(*(lab.page(parent, HEAP + n * PAGE_SIZE) for n in range(1000)))

    assert (12_800_000, 100_000) == (held, searched)
    assert 99_000 * 128 == lab.bytes("pte_chain")
    assert 1000 == lab.work["chain_free"]


# -- The order of a chain.


@pytest.mark.parametrize("slots", [3, 7, 31])
def test_entries_keep_the_kernels_order(slots: int) -> None:
    """An entry is added before all others; a removed one's place is taken by the first; the search counts the
    slots from the head to it."""
    line, highpte = next((line, highpte) for line, highpte, n in NODES if n == slots)
    lab = Lab("pte_chain", cacheline=line, highpte=highpte)
    chains, page = chains_of(lab), lab.machine.page(9)
    model: list[int] = []
    dice, searched = random.Random(slots), 0
    for ptep in range(5000, 6000):
        if len(model) < 2 or dice.random() < 0.6:
            drain(chains.chain_add(page, ptep))
            model.insert(0, ptep)
        else:
            at = dice.randrange(len(model))
            drain(chains.chain_remove(page, model[at]))
            searched += at + 1
            model[at] = model[0]
            del model[0]

        assert model == entries(page)
        assert len(model) == page.mapcount
    assert searched == lab.machine.work["slots_searched"]


def test_free_slots_are_the_heads_low_ones() -> None:
    """Nodes behind the head are full; the head is filled from its last slot downward."""
    lab = Lab("pte_chain", cacheline=32)
    parent = shared(lab, 8)[0]
    chains = chains_of(lab)
    page = lab.page(parent)

    assert [(5, 2), (0, 7)] == [
        (chains.pte_chain_idx(node), 7 - chains.pte_chain_idx(node)) for node in chains.nodes(page)
    ]
    assert [2, 1] == list(chains.nodes(page))


def test_freed_nodes_are_used_again_newest_first() -> None:
    """A node that was given back is the next to be given out, and empty."""
    lab = Lab("pte_chain")
    _, *children = shared(lab, 2, 3)
    for child in children:
        lab.write(child, 3)
    lab.referenced(*(lab.page(lab.machine.find_task("sh"), HEAP + n * PAGE_SIZE) for n in range(3)))
    before = lab.bytes("pte_chain")
    lab.fork(children[0], "grandchild")
    chains = chains_of(lab)

    assert 0 == before
    assert [[3], [2], [1]] == [
        list(chains.nodes(lab.page(children[0], HEAP + n * PAGE_SIZE))) for n in range(3)
    ]
    assert [] == lab.problems()


# -- What it costs where nobody looks.


@pytest.mark.parametrize(("order", "searched"), [(1, 251_000), (-1, 1_000)])
def test_children_exit(order: int, searched: int) -> None:
    """1,000 children of one shared page exit: oldest first 251,000 slots are searched, newest first 1,000."""
    lab = Lab("pte_chain")
    _, *children = shared(lab, 1000)
    before = lab.machine.work["slots_searched"]
    for child in children[::order]:
        lab.exit(child)

    assert searched == lab.machine.work["slots_searched"] - before
    assert 128 == lab.bytes("pte_chain")
    assert [] == lab.problems()


def test_copy_on_write_searches() -> None:
    """A child that writes takes its entry out of the shared page's chain; its copy is direct."""
    lab = Lab("pte_chain")
    parent, first, _ = shared(lab, 2)
    page = lab.page(parent)
    lab.write(first)

    assert 2 == lab.work["slots_searched"]
    assert (2, "chain") == (page.mapcount, lab.machine.scheme.live_member(page))
    assert "direct" == lab.machine.scheme.live_member(lab.page(first))


@pytest.mark.parametrize("bulk", [1, 1 << 40])
def test_fork_without_low_memory_fails(bulk: int) -> None:
    """A node that does not fit in low memory is refused, by name; fork at once leaves that to fork page by
    page."""
    lab = Lab("pte_chain", ram="4M", bulk=bulk)
    parent = lab.spawn("sh")
    pages = (lab.machine.ledger.lowmem_free - 40_000) // PAGE_SIZE
    lab.map(parent, pages)
    lab.write(parent, pages)
    mark, before = lab.machine.history.mark, lab.digest()

    with pytest.raises(KernelError, match=r"pte_chain asked for 128 bytes"):
        lab.fork(parent, "kid")
    assert 0 < lab.machine.ledger.count("pte_chain") < pages
    lab.machine.history.seek(mark)
    assert before == lab.digest()


# -- The walk.


def test_a_walk_has_no_misses() -> None:
    """100 entries are 100 hits in 4 cache lines; the walk ends with the chain."""
    lab = Lab("pte_chain")
    parent = shared(lab, 99)[0]
    walk = lab.look(lab.page(parent))

    assert (100, 100, 0, 4, "end") == (walk.examined, walk.hits, walk.misses, walk.nodes, walk.stopped)


def test_one_mapping_is_one_candidate() -> None:
    """A direct page's walk reads one PTE and no cache line."""
    lab = Lab("pte_chain")
    parent = shared(lab, 0)[0]
    walk = lab.look(lab.page(parent))

    assert (1, 1, 0) == (walk.examined, walk.hits, walk.nodes)


def test_page_referenced_collapses() -> None:
    """Only page_referenced makes a chain of one entry direct again; a walk that looks does not."""
    lab = Lab("pte_chain")
    parent, child = shared(lab, 1)
    page = lab.page(parent)
    lab.exit(child)
    lab.look(page)
    kept = (lab.machine.scheme.live_member(page), lab.bytes("pte_chain"))
    lab.referenced(page)

    assert ("chain", 128) == kept
    assert ("direct", 0) == (lab.machine.scheme.live_member(page), lab.bytes("pte_chain"))
    assert [] == lab.problems()


def test_swapout_collapses_before_it_unmaps() -> None:
    """In a swapout the chain of one entry is direct when try_to_unmap comes: it reads no cache line."""
    lab = Lab("pte_chain")
    parent, child = shared(lab, 1)
    page = lab.page(parent)
    lab.exit(child)
    lab.swapout(page)

    assert [("referenced", 1), ("unmap", 0)] == [(walk.kind, walk.nodes) for walk in lab.walks]
    assert 0 == page.mapcount
    assert [] == lab.problems()


def test_swapout_of_a_shared_page_frees_its_chain() -> None:
    """try_to_unmap releases each entry it stands on, without a search, and each node with its last."""
    lab = Lab("pte_chain", cacheline=32)
    parent = shared(lab, 9)[0]
    page = lab.page(parent)
    lab.swapout(page)

    assert (0, None, 0) == (page.mapcount, lab.machine.scheme.live_member(page), lab.bytes("pte_chain"))
    assert (10, 0, 2) == tuple(lab.work[name] for name in ("rmap_remove", "slots_searched", "chain_free"))
    assert page.private == 1
    assert "swapper_space" in lab.machine.scheme.why(page)
    assert [] == lab.problems()


def test_locked_memory_stops_the_walk() -> None:
    """VM_LOCKED is asked of the VMA around the PTE: a hit that ends the walk; what was unmapped stays so."""
    lab = Lab("pte_chain")
    mapping = lab.run(create(lab.machine, "data", PAGE_SIZE))
    tasks = [lab.spawn(f"t{number}") for number in range(4)]
    for task in tasks:
        lab.map(task, 1, shared=True, file=mapping)
        lab.write(task)
    lab.run(mlock.sys_mlock(living(tasks[1]), HEAP, HEAP + PAGE_SIZE))
    page = lab.page(tasks[1])
    lab.swapout(page)
    walk = lab.walks[-1]

    # The chain has the youngest entry first: two are gone, the locked one heads the two that are left.
    assert (3, 3, "locked", 2) == (walk.examined, walk.hits, walk.stopped, page.mapcount)
    stops, goes_on = lab.look(page), lab.look(page, full=True)
    assert [(1, "locked"), (2, "end")] == [(walk.examined, walk.stopped) for walk in (stops, goes_on)]
    assert [] == lab.problems()


def test_the_owner_is_found_backwards() -> None:
    """From an entry the page table's struct page gives the mm and the address."""
    lab = Lab("pte_chain")
    parent, _ = shared(lab, 1)
    page = lab.page(parent)
    lab.look(page)

    assert [
        "the page table's struct page says c0.heap[0]: hit",
        "the page table's struct page says sh.heap[0]: hit",
    ] == lab.sentences[1:-1]


# -- VMAs.


def test_mremap_moves_entries() -> None:
    """mremap takes the entry of the old PTE out and puts one of the new PTE in."""
    lab = Lab("pte_chain")
    parent, _ = shared(lab, 1)
    page = lab.page(parent)
    old = entries(page)
    lab.run(mremap.sys_mremap(living(parent), HEAP, HEAP + PAGE_SIZE, PAGE_SIZE, HEAP + (1 << 24)))
    new = entries(page)

    assert (2, 1) == (len(new), len(set(old) & set(new)))
    assert (1, 1, 2) == tuple(lab.work[name] for name in ("rmap_add", "rmap_remove", "slots_searched"))
    assert [] == lab.problems()


def test_mremap_of_a_lone_entry_makes_it_direct() -> None:
    """Taking out the only entry frees the node, and putting one in begins anew: direct."""
    lab = Lab("pte_chain")
    parent, child = shared(lab, 1)
    page = lab.page(parent)
    lab.exit(child)
    lab.run(mremap.sys_mremap(living(parent), HEAP, HEAP + PAGE_SIZE, PAGE_SIZE, HEAP + (1 << 24)))

    assert ("direct", 0) == (lab.machine.scheme.live_member(page), lab.bytes("pte_chain"))


def test_moved_memory_merges() -> None:
    """The vm_pgoff of anonymous memory says nothing: a VMA moved next to another becomes part of it."""
    lab = Lab("pte_chain")
    parent = lab.spawn("sh")
    lab.map(parent, 2)
    lab.map(parent, 2, "other", HEAP + (1 << 24))
    target = HEAP + (1 << 24) + 2 * PAGE_SIZE
    lab.run(mremap.sys_mremap(living(parent), HEAP, HEAP + 2 * PAGE_SIZE, 2 * PAGE_SIZE, target))

    assert 1 == len(living(parent).vmas)


# -- Files.


def test_pages_of_files_are_chained_too() -> None:
    """rmap-test's first shape: 100 tasks map a window of a file; its page has 100 entries in 4 nodes."""
    lab = Lab("pte_chain")
    mapping = lab.run(create(lab.machine, "data", 4 * PAGE_SIZE))
    tasks = [lab.spawn(f"t{number}") for number in range(100)]
    for task in tasks:
        lab.map(task, 1, shared=True, file=mapping)
        lab.write(task)
    page = lab.page(tasks[0])
    walk = lab.look(page)

    assert (100, 100, 4) == (walk.examined, walk.hits, walk.nodes)
    assert 512 == lab.bytes("pte_chain")
    lab.swapout(page)
    assert (0, 0) == (page.mapcount, lab.bytes("pte_chain"))
    assert [] == lab.problems()


# -- Many pages at once.


@pytest.mark.parametrize("slab", ["off", "on"])
@pytest.mark.parametrize(("line", "highpte", "slots"), NODES)
def test_many_pages_at_once(line: int, highpte: str, slots: int, slab: str) -> None:
    """fork of pages that nobody else maps, or whose head has room, is full, with freed nodes to take again,
    gives the same machine at once as page by page."""
    digests = set()
    for bulk in (1 << 40, 1):
        lab = Lab("pte_chain", cacheline=line, highpte=highpte, slab=slab, bulk=bulk)
        parent, *children = shared(lab, slots + 1, 40)
        for number, child in enumerate(children):
            start = HEAP + number % 40 * PAGE_SIZE
            lab.run(memory.access(living(child), start, HEAP + 40 * PAGE_SIZE, True))
        lab.exit(children[0])
        lab.fork(parent, "one")
        lab.fork(parent, "two")
        lab.fork(children[-1], "three")

        assert [] == lab.problems()
        digests.add(lab.digest())
    assert 1 == len(digests)


# -- Its picture.


def test_picture_of_a_direct_page() -> None:
    """page → PTE → mm, the place of the chain empty."""
    lab = Lab("pte_chain")
    parent = shared(lab, 0)[0]
    page = lab.page(parent)
    picture = lab.machine.scheme.picture(page)

    assert ("struct page", "pte_chain", "page table", "mm") == picture.headings
    assert [("page", False), ("chain", True), ("pte", False), ("mm", False)] == [
        (node.kind, node.empty) for node in picture.nodes
    ]
    assert ["direct", "mapping"] == [edge.label for edge in picture.edges]


def test_picture_of_a_chain() -> None:
    """A row an entry, in the order of the walk; a box a node, that says which slots are free."""
    lab = Lab("pte_chain", cacheline=32)
    parent = shared(lab, 9)[0]
    picture = lab.machine.scheme.picture(lab.page(parent))
    nodes = [node for node in picture.nodes if node.kind == "chain"]

    assert [(0, ("3/7 slots", "····●●●", "next 1")), (3, ("7/7 slots", "●●●●●●●", "next NULL"))] == [
        (node.row, node.lines) for node in nodes
    ]
    assert [*(f"c{n}" for n in range(8, -1, -1)), "sh"] == [n.title for n in picture.nodes if n.kind == "mm"]
    assert (10, list(range(10))) == (picture.total, [n.row for n in picture.nodes if n.kind == "pte"])


def test_picture_of_a_part() -> None:
    """Rows from the one asked for; the box of a node that began before stands at the first of them."""
    lab = Lab("pte_chain", cacheline=32)
    parent = shared(lab, 9)[0]
    picture = lab.machine.scheme.picture(lab.page(parent), 5, 2)

    assert (5, 10) == (picture.first, picture.total)
    assert [5, 6] == [node.row for node in picture.nodes if node.kind == "pte"]
    assert [5] == [node.row for node in picture.nodes if node.kind == "chain"]


def test_rows_keep_their_numbers_during_a_walk() -> None:
    """While try_to_unmap releases entries, those that are left keep their rows."""
    lab = Lab("pte_chain")
    parent = shared(lab, 3)[0]
    page, scheme = lab.page(parent), lab.machine.scheme
    rows = []
    for _, outcome, _ in scheme.try_to_unmap(page):
        if outcome == "hit":
            picture = scheme.picture(page)
            rows.append((picture.total, [node.row for node in picture.nodes if node.kind == "pte"]))

    assert [(4, [0, 1, 2, 3]), (4, [1, 2, 3]), (4, [2, 3]), (4, [3])] == rows
    assert 0 == scheme.picture(page).total
