"""Work on the fast path: what is counted, under which scheme, and how much of it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.mm.rmap.lab import HEAP, Lab
from vmtui.mm.fork import living
from vmtui.mm.mm_types import Task
from vmtui.mm.mprotect import sys_mprotect
from vmtui.mm.page import PAGE_SIZE
from vmtui.mm.rmap import SCHEMES
from vmtui.mm.step import CANDIDATE, WalkRecord
from vmtui.mm.work import WORK
from vmtui.session import Session
from vmtui.view.counters import COUNTERS

LISTS = ("anon_vma_rfc", "anon_vma", "anonmm")


def family(rmap: str, children: int, pages: int = 1, **options: Any) -> tuple[Lab, list[Task]]:
    """A parent that wrote pages, and its children."""
    lab = Lab(rmap, ram="64M", **options)
    parent = lab.spawn("p")
    lab.map(parent, pages)
    lab.write(parent, pages)
    return lab, [parent, *(lab.fork(parent, f"c{number}") for number in range(children))]


def struct_page(lab: Lab) -> int:
    """Cache lines of a struct page."""
    return -(-lab.machine.ledger.sizes["mem_map"] // lab.machine.options.cacheline)


def pte_lines(lab: Lab, pteps: list[int]) -> int:
    """Cache lines that PTEs lie in, read one after another."""
    lines = [ptep * 8 // lab.machine.options.cacheline for ptep in pteps]
    return sum(line != before for line, before in zip(lines, [0, *lines], strict=False))


def test_every_counter_has_a_name_and_a_meaning() -> None:
    """What a command reports is what `WORK` lists, in that order, and each is explained on the screen."""
    lab, _ = family("pte_chain", 1)

    assert list(WORK) == list(lab.work) == list(COUNTERS)
    assert all(WORK.values())


@pytest.mark.parametrize("cacheline", [32, 64, 128])
def test_a_chain_walk_touches_page_nodes_and_ptes(cacheline: int) -> None:
    """Under pte_chains the lines of a walk are struct page, the nodes, and the line of each PTE."""
    lab, (parent, *_) = family("pte_chain", 40, cacheline=cacheline)
    page = lab.page(parent)
    walk = lab.look(page)
    ptes = pte_lines(lab, list(lab.machine.scheme.mappings(page)))

    assert (41, -(-41 // (cacheline // 4 - 1))) == (walk.examined, walk.nodes)
    assert struct_page(lab) + walk.nodes + ptes == lab.work["cache_lines"]
    assert (41, 41) == (lab.work["page_tables_read"], lab.work["longest_list"])


@pytest.mark.parametrize("cacheline", [32, 64, 128])
@pytest.mark.parametrize("rmap", LISTS)
def test_a_list_walk_touches_page_head_elements_and_ptes(rmap: str, cacheline: int) -> None:
    """Under the schemes with lists: struct page, the head, each element, and each PTE that was read."""
    lab, (parent, *children) = family(rmap, 10, cacheline=cacheline)
    lab.write(children[3])
    page = lab.page(parent)
    walk = lab.look(page, full=True)
    kind = "anonmm" if rmap == "anonmm" else "vm_area_struct"
    element = -(-lab.machine.ledger.sizes[kind] // cacheline)

    assert (11, 10, 1) == (walk.examined, walk.hits, walk.miss_pfn)
    assert struct_page(lab) + 1 + 11 * element + 11 == lab.work["cache_lines"]
    assert (11, 11) == (lab.work["page_tables_read"], lab.work["longest_list"])


def test_a_direct_page_has_no_head() -> None:
    """A page of the RFC that points straight at its VMA: struct page, that VMA, its PTE."""
    lab, (parent,) = family("anon_vma_rfc", 0)
    lab.look(lab.page(parent))

    assert 3 == lab.work["cache_lines"]


def test_a_scan_reads_each_line_of_ptes_once() -> None:
    """16 neighbours of 8 bytes share a line of 128, 512 a PTE page; each mm is under its own lock."""
    lab, (parent, _) = family("virtual_scan", 1, pages=600)
    walk = lab.look(lab.page(parent), full=True)

    assert 1200 == walk.examined
    # struct page; two VMAs; 38 lines of 16 PTEs in each of two processes.
    assert 1 + 2 + 2 * 38 == lab.work["cache_lines"]
    assert (4, 600) == (lab.work["page_tables_read"], lab.work["longest_list"])


@pytest.mark.parametrize("rmap", SCHEMES)
def test_a_fault_touches_the_struct_page_once(rmap: str) -> None:
    """The first write of a page costs its struct page, where anything is noted; no flush, no table read."""
    lab, _ = family(rmap, 0, pages=10)
    beside = {"virtual_scan": -10, "anonmm": 10, "anon_vma": 2, "anon_vma_chain": 1}.get(rmap, 0)

    assert 10 + beside == lab.work["cache_lines"]
    assert 0 == lab.work["tlb_flushes"] == lab.work["page_tables_read"] == lab.work["longest_list"]


def test_fork_touches_a_node_for_each_page_or_a_list() -> None:
    """Fork of 1,000 pages: under pte_chains a node each beside struct page, under the RFC one list."""
    lines = {}
    for rmap in ("virtual_scan", "pte_chain", "objrmap", "anon_vma_rfc", "anonmm", "anon_vma"):
        lab, _ = family(rmap, 1, pages=1000)
        lines[rmap] = lab.work["cache_lines"]
        assert 1 == lab.work["tlb_flushes"]

    # The RFC's list is made, and two join it; 2.6.7's has one joiner; an anonmm joins its bundle.
    assert lines == {
        "virtual_scan": 0,
        "pte_chain": 2000,
        "objrmap": 2000,
        "anon_vma_rfc": 1005,
        "anonmm": 1002,
        "anon_vma": 1003,
    }


def test_a_search_touches_nodes_down_to_the_entry() -> None:
    """The oldest child's entry is in the last node of its page; the newest one's is the head's first slot."""
    lab, (_, *children) = family("pte_chain", 100)
    lab.exit(children[0])
    # 101 entries in 4 nodes of 31; only the parent's is behind it.
    assert (100, 100) == (lab.work["slots_searched"], lab.work["longest_list"])
    assert struct_page(lab) + 4 == lab.work["cache_lines"]
    lab.exit(children[-2])

    assert 1 == lab.work["slots_searched"] == lab.work["longest_list"]
    assert struct_page(lab) + 1 == lab.work["cache_lines"]


def test_the_longest_list_is_a_maximum() -> None:
    """Of many walks the longest counts; the next command begins anew."""
    lab, (parent, *_) = family("anon_vma", 6, pages=3)
    lab.referenced(*(lab.page(parent, HEAP + n * PAGE_SIZE) for n in range(3)))
    assert 7 == lab.work["longest_list"]
    lab.write(parent)

    assert 0 == lab.work["longest_list"]


def test_page_out_flushes_for_each_pte() -> None:
    """A page that three processes map takes three flushes; a copy on write one; munmap one for all pages."""
    for rmap in SCHEMES:
        lab, (parent, child, _) = family(rmap, 2, pages=4)
        lab.swapout(lab.page(parent))
        assert 3 == lab.work["tlb_flushes"], rmap
        lab.write(child, 1, HEAP + PAGE_SIZE)
        assert 1 == lab.work["tlb_flushes"], rmap
        lab.run(sys_mprotect(living(child), HEAP, HEAP + PAGE_SIZE, 1))
        assert 1 == lab.work["tlb_flushes"], rmap
        lab.exit(child)
        assert 1 == lab.work["tlb_flushes"], rmap


def test_an_exit_with_nothing_mapped_flushes_nothing() -> None:
    """Where no translation can be left there is none to forget."""
    lab = Lab("pte_chain")
    task = lab.spawn("a")
    lab.map(task, 4)
    lab.exit(task)

    assert 0 == lab.work["tlb_flushes"]


def test_a_split_under_the_rfc_reads_page_tables() -> None:
    """As intended, a split looks for direct pages: PTE pages of both halves, their lines, each page found."""
    lab, (parent,) = family("anon_vma_rfc", 0, pages=32)
    lab.run(sys_mprotect(living(parent), HEAP, HEAP + 16 * PAGE_SIZE, 1))

    assert 2 == lab.work["page_tables_read"]
    # 16 PTEs a line in each half; both halves join a list; 32 pages swing over.
    assert 1 + 1 + 2 + 3 + 32 == lab.work["cache_lines"]


@pytest.mark.parametrize("rmap", SCHEMES)
@pytest.mark.parametrize("seed", range(6))
def test_bulk_counts_what_single_calls_count(rmap: str, seed: int) -> None:
    """Under every scheme, ranges done at once count as the same pages done one by one, command by command."""
    rng = random.Random(seed)
    options: dict[str, Any] = {"rmap": rmap, "ram": "32M", "cacheline": rng.choice((32, 128))}
    scalar, bulk = Session(bulk=1 << 40, **options), Session(bulk=2, **options)
    lines = [
        "file f 40 pages",
        "spawn a",
        "mmap a h 40 pages rw private",
        "mmap a t 40 pages rw shared f",
        *(f"{rng.choice(('read', 'write'))} a.{rng.choice('ht')}[0:{rng.randint(2, 40)}]" for _ in range(4)),
    ]
    for number in range(12):
        lines.append(f"fork a c{number}")
        first = rng.randrange(30)
        place = f"c{rng.randrange(number + 1)}.{rng.choice('ht')}[{first}:{first + 10}]"
        lines.append(f"{rng.choice(('write', 'read', 'swapout', 'madvise'))} {place}")
        if lines[-1].startswith("madvise"):
            lines[-1] += " dontneed"
    lines += ["munmap c3.h[5:30]", "madvise c4.h dontneed", "truncate f 20 pages"]
    lines += [f"exit c{number}" for number in rng.sample(range(12), 12)] + ["exit a"]
    for line in lines:
        one, many = scalar.attempt(line), bulk.attempt(line)
        assert one.work == many.work, line


def test_walks_are_counted_from_their_steps() -> None:
    """The longest list of a command is that of its walks, as many candidates as they examined."""
    for rmap in SCHEMES:
        session = Session(rmap=rmap)
        for line in ("spawn a", "mmap a h 3 pages rw private", "write a.h", "fork a b", "fork b c"):
            session.do(line)
        done = session.do("swapout a.h")
        examined = [walk_length(session, walk) for walk in done.walks]
        assert max(examined) == done.work["longest_list"] or rmap == "virtual_scan"
        assert 0 < done.work["page_tables_read"] <= sum(walk.ptes for walk in done.walks)


def walk_length(session: Session, walk: WalkRecord) -> int:
    """The candidates among a walk's steps."""
    first = session.commands[-1].first
    records = session.steps[first + walk.first : first + walk.last]
    return sum(record.step.outcome in CANDIDATE for record in records)
