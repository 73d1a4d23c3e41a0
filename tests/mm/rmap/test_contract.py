"""What every scheme must do, whatever its structures."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from tests.mm.lab import RW, Lab, R, mm_of
from vmtui.errors import KernelError
from vmtui.mm.mm_types import Task
from vmtui.mm.page import PAGE_SIZE
from vmtui.mm.pgtable import is_zero_page, pte_pfn, pte_present, tables_of
from vmtui.mm.rmap import NATIVE_RULES, SCHEMES
from vmtui.mm.step import CANDIDATE, HIT


@pytest.fixture(params=[*((scheme, "2.6") for scheme in SCHEMES), *NATIVE_RULES.items()], ids="-".join)
def lab(request: pytest.FixtureRequest) -> Lab:
    """A machine with this scheme; under 2.6 rules, and under those of its kernel if they are others."""
    rmap, rules = request.param
    return Lab(rmap=rmap, rules=rules)


def away(lab: Lab) -> int:
    """Where mremap moves to."""
    return lab.machine.arch.unmapped_base + 0x20000000


def mappings(lab: Lab) -> dict[int, set[int]]:
    """The PTEs that map each frame, by a reading of all page tables."""
    found: dict[int, set[int]] = defaultdict(set)
    for mm in lab.machine.mms:
        for _, table in tables_of(mm):
            for ptep in range(table * 512, table * 512 + 512):
                pte = lab.machine.memory[ptep]
                if pte_present(pte) and not is_zero_page(pte_pfn(pte)):
                    found[pte_pfn(pte)].add(ptep)
    return found


def walk_finds_all(lab: Lab) -> None:
    """A full look over each frame hits exactly its PTEs, and the scheme knows them without a walk."""
    scheme = lab.machine.scheme
    for pfn, pteps in mappings(lab).items():
        page = lab.machine.page(pfn)
        found = lab.run(scheme.look(page, full=True))
        hits = [step.ptep for step in lab.steps if step.outcome == HIT]
        assert (len(pteps), sorted(pteps)) == (found, sorted(hits))
        assert sorted(pteps) == sorted(scheme.mappings(page))


def busy(lab: Lab) -> dict[str, Task]:
    """Three generations that share, copied, swapped, cut, locked and moved pages."""
    parent, address = lab.heap(12)
    child = lab.fork(parent, "c")
    lab.write(child, address, 2)
    lab.swapout(parent, address + 4 * PAGE_SIZE, 3)
    grandchild = lab.fork(child, "g")
    lab.read(child, address + 5 * PAGE_SIZE)
    lab.mprotect(grandchild, address + 3 * PAGE_SIZE, 4, R)
    lab.mremap(parent, address + 8 * PAGE_SIZE, 2, 2, to=away(lab), rename="m")
    lab.mlock(child, address + 10 * PAGE_SIZE, 1)
    lab.munmap(grandchild, address + 9 * PAGE_SIZE, 1)
    return {"p": parent, "c": child, "g": grandchild}


def test_scheme_names_itself(lab: Lab) -> None:
    """What a scheme shows of itself is there, and its name is the one it is loaded by."""
    scheme = lab.machine.scheme

    assert lab.machine.options.rmap == scheme.name
    assert all((scheme.title, scheme.kernel, scheme.period))
    assert len(scheme.period) <= 72
    assert frozenset() == scheme.expected


def test_walk_finds_every_mapping(lab: Lab) -> None:
    """Whatever was shared, cut, moved and swapped, the walk of a page hits exactly the PTEs that map it."""
    busy(lab)
    walk_finds_all(lab)


def test_unmap_takes_every_mapping(lab: Lab) -> None:
    """A page swapped out is mapped nowhere; each PTE that mapped it holds its slot."""
    tasks = busy(lab)
    address = mm_of(tasks["p"]).vmas[0].vm_start
    pteps = mappings(lab)[lab.pfn(tasks["p"], address + 3 * PAGE_SIZE)]
    page = lab.page(tasks["p"], address + 3 * PAGE_SIZE)
    lab.swapout(tasks["p"], address + 3 * PAGE_SIZE)

    assert set() == mappings(lab)[page.pfn]
    assert 3 == len(pteps)
    assert {page.private} == {lab.machine.memory[ptep] >> 37 for ptep in pteps}
    assert 1 + len(pteps) == lab.machine.swap.map[page.private]


def test_locked_page_stays(lab: Lab) -> None:
    """One VMA with VM_LOCKED keeps a page in memory; the walk stops there and says why.

    6.18 knows before it walks.
    """
    tasks = busy(lab)
    address = mm_of(tasks["p"]).vmas[0].vm_start + 10 * PAGE_SIZE
    # Locking faulted a copy of its own into the child; nobody shares it.
    lab.swapout(tasks["c"], address)

    if lab.machine.options.rules == "6.18":
        assert any("unevictable" in sentence for sentence in lab.sentences)
        lab.look(tasks["c"], address)
    walk = lab.walks[-1]
    assert ("locked", 1) == (walk.stopped, walk.hits)
    assert 1 == lab.page(tasks["c"], address).mapcount


def test_all_goes_when_all_leave(lab: Lab) -> None:
    """When the last process is gone no frame, slot or object is left."""
    empty = lab.machine.ledger.by_kind()
    free = [zone.free for zone in lab.machine.zones]
    for task in busy(lab).values():
        lab.exit(task)

    assert (empty, free) == (lab.machine.ledger.by_kind(), [zone.free for zone in lab.machine.zones])
    assert 0 == lab.machine.swap.used() == lab.machine.frames()["swap_cache"]
    assert not any(task.alive for task in lab.machine.tasks)
    assert not any(len(table) for kind, table in lab.machine.objects().items() if kind != "task")


def test_walk_writes_what_it_says(lab: Lab) -> None:
    """A walk's counters are those of its steps: examined is hits and misses, a step each."""
    tasks = busy(lab)
    address = mm_of(tasks["p"]).vmas[0].vm_start
    for number in range(8):
        if lab.pfn(tasks["p"], address + number * PAGE_SIZE):
            lab.look(tasks["p"], address + number * PAGE_SIZE, full=True)
            (walk,) = lab.walks
            kinds = (walk.miss_range, walk.miss_notable, walk.miss_nopte, walk.miss_pfn)
            skips = (walk.skip_no_rss, walk.skip_no_mm, walk.left)
            assert walk.misses == sum(kinds) + sum(skips)
            assert walk.examined == walk.hits + walk.misses
            assert walk.ptes <= walk.examined
            assert len(lab.records) == walk.last - walk.first == walk.examined + 2


def test_picture_rows_are_the_walk(lab: Lab) -> None:
    """The k-th candidate of the walk is the k-th row of the picture; arrows join boxes that exist."""
    tasks = busy(lab)
    address = mm_of(tasks["p"]).vmas[0].vm_start
    page = lab.page(tasks["p"], address + 3 * PAGE_SIZE)
    lab.run(lab.machine.scheme.look(page, full=True))
    rows = [step for step in lab.steps if step.outcome in CANDIDATE]
    picture = lab.machine.scheme.picture(page)

    # Where a row is a process, many candidates stand in it.
    assert picture.per_mm or len(rows) == picture.total
    for node in picture.nodes if not picture.per_mm else ():
        if node.kind == "vma":
            assert ("vma", rows[node.row].vma) == node.ref
        if node.kind == "pte" and rows[node.row].outcome == HIT:
            assert ("pte", rows[node.row].ptep) == node.ref
        assert 0 <= node.column < len(picture.headings)
    for edge in picture.edges:
        assert 0 <= edge.source < len(picture.nodes) > edge.target >= 0
    assert list(range(len(picture.edges))) == [edge.order for edge in picture.edges]


@pytest.mark.parametrize("seed", range(6))
def test_random_life(lab: Lab, seed: int) -> None:
    """Whatever processes do, the walks find every mapping, and undo and redo lead to the same machine."""
    rng = random.Random(seed)
    tasks = [lab.heap(10)[0]]
    home = mm_of(tasks[0]).vmas[0].vm_start
    marks = [(lab.machine.history.mark, lab.digest())]
    for number in range(60):
        task = rng.choice(tasks)
        low = rng.randrange(10)
        at, pages = home + low * PAGE_SIZE, rng.randrange(1, 11 - low)
        kind = rng.randrange(12)
        try:
            if kind == 0 and len(tasks) < 6:
                tasks.append(lab.fork(task, f"t{number}"))
            elif kind == 1 and len(tasks) > 2:
                lab.exit(task)
                tasks.remove(task)
            elif kind == 2:
                lab.mprotect(task, at, pages, rng.choice((R, RW, 0)))
            elif kind == 3:
                lab.munmap(task, at, pages)
            elif kind == 4:
                lab.mmap(task, f"n{number}", pages, at=at)
            elif kind == 5:
                to = away(lab) + rng.randrange(16) * PAGE_SIZE
                lab.mremap(task, at, pages, pages + rng.randrange(3), to=to, rename=f"m{number}")
            elif kind == 6:
                (lab.mlock if rng.random() < 0.5 else lab.munlock)(task, at, pages)
            elif kind in (7, 8):
                (lab.swapout if kind == 7 else lab.evict)(task, at, pages)
            elif kind == 9:
                lab.read(task, at, pages)
            else:
                lab.write(task, at, pages)
        except KernelError:
            pass
        marks.append((lab.machine.history.mark, lab.digest()))
    walk_finds_all(lab)
    end = lab.machine.history.end
    for mark, expected in rng.choices(marks, k=15):
        lab.machine.history.seek(mark)
        assert expected == lab.digest()
        assert end == lab.machine.history.end
