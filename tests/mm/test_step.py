"""Steps, the driver's stacks, and what is counted of walks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import vmtui
from tests.mm.lab import RW, Lab, R, mm_of
from vmtui.mm import fork, memory, mprotect, vmscan
from vmtui.mm.page import PAGE_SIZE
from vmtui.mm.step import (
    CANDIDATE,
    HIT,
    MISS_NOTABLE,
    MISS_PFN,
    SKIP_NO_MM,
    WALK,
    WALKED,
    Driver,
    Place,
    Step,
    StepLog,
    Steps,
    step,
    walks_of,
)
from vmtui.state.history import History

SOURCES = Path(vmtui.__file__).parent


def naive(outermost: Any) -> list[tuple[str, int]]:
    """The stack, by following the whole chain of suspended generators."""
    found = []
    while outermost is not None:
        found.append((outermost.gi_code.co_name, outermost.gi_frame.f_lineno))
        outermost = outermost.gi_yieldfrom
    return found


def stacks_agree(outermost: Steps) -> int:
    """Drive a watched function, comparing each stack with the naive one; how many steps."""
    records = StepLog()
    for _ in Driver().run(outermost, records, History(), every=1):
        place = records[-1].place
        assert naive(outermost) == [(frame.function, frame.line) for frame in place.frames]
    return len(records)


class TestStep:
    """One thing that was done."""

    def test_sentence_is_made_when_it_is_shown(self) -> None:
        """The pattern and its values are kept; page and ptep can be used in it."""
        about = Step(*step("frame {page:#x} has {n:,} of {who}", page=17, vma=3, n=1000, who="{braces}"))

        assert "frame 0x11 has 1,000 of {braces}" == about.sentence
        assert "<Step -: frame 0x11 has 1,000 of {braces}>" == repr(about)

    def test_refs_name_what_it_is_about(self) -> None:
        """Every number that is not 0 is a reference; an absent one is not."""
        assert () == Step(*step("nothing")).refs
        assert (("page", 1), ("vma", 2), ("mm", 3), ("anon_vma", 4), ("pte", 5)) == (
            Step(*step("all", page=1, vma=2, mm=3, anon_vma=4, ptep=5)).refs
        )


def leaf(n: int) -> Steps:
    """Yields n steps."""
    for number in range(n):
        yield step("{n}", n=number)
    return n


def silent() -> Steps:
    """Yields nothing."""
    yield from ()


def raising(n: int) -> Steps:
    """Yields n steps, then fails."""
    yield from leaf(n)
    raise KeyError(n)


@contextmanager
def held() -> Iterator[None]:
    """A block."""
    yield


def random_tree(rng: random.Random, depth: int) -> Steps:
    """Calls itself and the others in every way a watched function may."""
    total = 0
    for _ in range(rng.randrange(1, 4)):
        kind = rng.randrange(7) if depth else rng.randrange(3)
        if kind == 0:
            yield step("here")
        elif kind == 1:
            total += yield from leaf(rng.randrange(3))
        elif kind == 2:
            yield from silent()
        elif kind == 3:
            yield from random_tree(rng, depth - 1)
        elif kind == 4:
            with held():
                yield from random_tree(
                    rng,
                    depth - 1,
                )
        elif kind == 5:
            try:
                yield from raising(rng.randrange(3))
            except KeyError:
                yield step("caught")
        elif (yield from random_tree(rng, depth - 1)) is not None:
            yield step("and then")
    return total


class TestDriver:
    """The call stack, read from outside."""

    @pytest.mark.parametrize("seed", range(30))
    def test_stack_is_the_whole_chain(self, seed: int) -> None:
        """However calls are nested, in blocks, loops and handlers, each stack is the chain of generators."""
        stacks_agree(random_tree(random.Random(seed), 6))

    def test_deep(self) -> None:
        """A hundred calls deep, stacks are right as calls come and go."""

        def deep(n: int) -> Steps:
            yield step("down")
            if n:
                yield from deep(n - 1)
            yield step("up")

        assert 202 == stacks_agree(deep(100))

    def test_exception_leaves(self) -> None:
        """What a watched function raises comes out of the driver after the steps that were before it."""
        records = StepLog()
        with pytest.raises(KeyError):
            list(Driver().run(raising(2), records, History()))
        assert 2 == len(records)

    def test_equal_stacks_are_one_place(self) -> None:
        """The same call from the same line is the same place, in any run of one driver."""
        driver = Driver()
        first, second, other = StepLog(), StepLog(), StepLog()
        list(driver.run(leaf(3), first, History()))
        list(driver.run(leaf(3), second, History()))
        list(Driver().run(leaf(1), other, History()))

        places = {id(record.place) for record in [*first, *second]}
        assert 1 == len(places)
        assert id(other[0].place) not in places

    def test_breath(self) -> None:
        """It stops after each so many steps, and the steps up to there are recorded."""
        records = StepLog()

        assert [2, 4] == [len(records) for _ in Driver().run(leaf(5), records, History(), every=2)]
        assert 5 == len(records)

    def test_records_are_a_sequence(self) -> None:
        """Read by number from either end, and in parts; put in another's place, filled, and cut off."""
        records = StepLog()
        list(Driver().run(leaf(5), records, History()))

        def numbers(part: StepLog) -> list[int]:
            return [record.step.values["n"] for record in part]

        assert ([0, 1, 2, 3, 4], [4], [1, 2]) == tuple(map(numbers, (records, records[-1:], records[1:3])))
        assert (4, 0) == (records[-1].step.values["n"], records[-5].step.values["n"])
        for wrong in (5, -6):
            with pytest.raises(IndexError):
                records[wrong]
        with pytest.raises(ValueError, match="one after another"):
            records[::2]
        records.replace(1, 3, records[4:])
        assert [0, 4, 3, 4] == numbers(records)
        records.fill(0, 2, step("", n=7), records[0].place)
        records.cut(3)
        assert [7, 7, 3] == numbers(records)

    def test_the_kernels_functions(self, lab: Lab) -> None:
        """Over a life of the machine, recorded stacks are the naive ones."""
        parent, address = lab.heap(3)
        end = address + 3 * PAGE_SIZE
        child = lab.run(fork.do_fork(parent, "c"))
        for watched in (
            fork.do_fork(parent, "d"),
            memory.access(mm_of(child), address, end, True),
            mprotect.sys_mprotect(mm_of(child), address + PAGE_SIZE, address + 2 * PAGE_SIZE, R),
            vmscan.evict(lab.machine, [lab.pfn(parent, address), lab.pfn(child, address)]),
            memory.access(mm_of(parent), address, end, False),
            mprotect.sys_mprotect(mm_of(child), address, end, RW),
            vmscan.reclaim(lab.machine, 3),
            fork.do_exit(parent),
        ):
            assert stacks_agree(watched) > 0

    def test_lines_are_of_the_source(self, lab: Lab) -> None:
        """Every frame of the kernel stands in a file of the package, at a line that yields."""
        parent, address = lab.heap(2)
        sources: dict[str, list[str]] = {}
        seen = 0
        for act in (
            lambda: lab.fork(parent, "c"),
            lambda: lab.evict(parent, address),
            lambda: lab.exit(parent),
        ):
            act()
            for record in lab.records:
                # The first two frames are the test's own.
                for frame in record.place.frames[1:]:
                    lines = sources.setdefault(frame.file, (SOURCES / frame.file).read_text().splitlines())
                    assert f"def {frame.function}(" in lines[frame.first_line - 1]
                    assert "yield" in lines[frame.line - 1]
                    assert frame.line > frame.first_line
                    seen += 1
        assert seen > 100

    def test_fault_has_the_kernels_stack(self, lab: Lab) -> None:
        """The first touch of a page comes from do_page_fault through handle_mm_fault."""
        lab.heap(1)
        stacks = [tuple(frame.function for frame in record.place.frames[1:]) for record in lab.records]

        assert (
            "access",
            "touch",
            "do_page_fault",
            "handle_mm_fault",
            "do_anonymous_page",
            "page_add_rmap",
        ) in stacks


def recorded(*outcomes: str, **values: Any) -> StepLog:
    """Records of steps with these outcomes."""
    place = Place(None, recorded.__code__, 0)
    records = StepLog()
    for outcome in outcomes:
        nodes = 1 if outcome in CANDIDATE else 0
        told = step("", outcome, page=9, kind="unmap", scheme="s", stopped="end", nodes=nodes, **values)
        records.append(told, place, 0)
    return records


class TestWalksOf:
    """Counters come from the steps."""

    def test_counters_add_up(self) -> None:
        """examined is hits and misses; each kind of miss is counted, skips among them."""
        records = recorded("", WALK, HIT, "", MISS_PFN, MISS_PFN, MISS_NOTABLE, SKIP_NO_MM, WALKED, HIT)
        (walk,) = walks_of(records)

        assert ("unmap", 9, "s", "end") == (walk.kind, walk.page, walk.scheme, walk.stopped)
        assert (5, 1, 4) == (walk.examined, walk.hits, walk.misses)
        assert (2, 1, 1, 0) == (walk.miss_pfn, walk.miss_notable, walk.skip_no_mm, walk.miss_range)
        # A PTE is read for a hit and a wrong frame, not where there is no table or no mm.
        assert (5, 3) == (walk.nodes, walk.ptes)
        assert (1, 9) == (walk.first, walk.last)

    @pytest.mark.parametrize("cut", range(8))
    def test_walk_under_way(self, cut: int) -> None:
        """Up to any step, the counters are those of the steps so far, and it has not stopped."""
        records = recorded(WALK, HIT, MISS_PFN, HIT, MISS_PFN, HIT, WALKED)[:cut]
        walks = walks_of(records)

        if cut == 0:
            assert () == walks
        else:
            (walk,) = walks
            assert min(cut - 1, 5) == walk.examined
            assert (None if cut < 7 else "end") == walk.stopped
            assert (0, cut if cut < 7 else 7) == (walk.first, walk.last)

    def test_several(self) -> None:
        """Each walk has its own counters; what lies between belongs to none."""
        walks = walks_of(recorded(WALK, HIT, WALKED, HIT, "", WALK, MISS_PFN, MISS_PFN, WALKED))

        assert [(1, 1, 0, 3), (2, 0, 5, 9)] == [
            (walk.examined, walk.hits, walk.first, walk.last) for walk in walks
        ]

    def test_every_outcome_is_a_counter(self) -> None:
        """There is a field for each way a candidate can end."""
        for outcome in CANDIDATE - {HIT}:
            (walk,) = walks_of(recorded(WALK, outcome, WALKED))
            assert (1, 1, 1) == (walk.examined, walk.misses, getattr(walk, outcome))
