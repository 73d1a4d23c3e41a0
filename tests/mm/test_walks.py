"""Walks of many pages, kept as columns: they read like those that were watched."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import pytest

from vmtui.mm.step import WalkRecord
from vmtui.mm.walks import Walks, begun_before, split, sums_by_kind, total
from vmtui.session import Session
from vmtui.view.trail import walks_at

PAGES = 20
NUMBERS = ("examined", "hits", "misses", "miss_range", "miss_pfn", "nodes", "ptes")


def bare(walks: Sequence[WalkRecord]) -> list[WalkRecord]:
    """Walks without the steps that they were."""
    return [attrs.evolve(walk, first=0, last=0) for walk in walks]


@pytest.fixture
def both() -> tuple[Sequence[WalkRecord], Sequence[WalkRecord]]:
    """The walks of one command, watched, and as a run that single calls interrupt."""
    found = []
    for bulk in (1 << 40, 4):
        session = Session(rmap="anon_vma_rfc", bulk=bulk)
        for line in (
            "spawn a",
            f"mmap a h {PAGES} pages rw private",
            "write a.h",
            "fork a b",
            "write b.h[0:5]",
            "mlock b.h[9:12]",
        ):
            session.do(line)
        found.append(session.do("swapout b.h").walks)
    return found[0], found[1]


def test_they_read_alike(both: tuple[Sequence[WalkRecord], Sequence[WalkRecord]]) -> None:
    """By index, slice, iteration and length, forward and back."""
    watched, run = both
    assert isinstance(run, Walks)
    assert bare(watched) == bare(run) == [*bare(run[:3]), *bare(run[3:])]
    assert bare(watched)[::-1] == bare(list(reversed(run)))
    assert len(watched) == len(run)
    assert bare([watched[-1]]) == bare([run[-1]])
    with pytest.raises(IndexError):
        run[len(run)]


@pytest.mark.parametrize("name", NUMBERS)
def test_sums(both: tuple[Sequence[WalkRecord], Sequence[WalkRecord]], name: str) -> None:
    """What is summed over columns is the sum over walks, kind by kind too."""
    watched, run = both
    assert total(run, name) == total(watched, name) == sum(getattr(walk, name) for walk in watched)
    assert sums_by_kind(run, [name]) == sums_by_kind(watched, [name])


def test_what_was_watched_is_told_apart(both: tuple[Sequence[WalkRecord], Sequence[WalkRecord]]) -> None:
    """A run that single calls interrupt gives their walks, and the runs before and behind."""
    single, runs = split(both[1])
    assert single
    assert runs
    assert len(both[1]) == len(single) + sum(map(len, runs))
    assert split(both[0]) == (both[0], [])


def test_as_far_as_a_step(both: tuple[Sequence[WalkRecord], Sequence[WalkRecord]]) -> None:
    """The walks that a cursor has come to are those whose steps lie before it; a run is one step."""
    for walks in both:
        for step in range(walks[-1].last + 2):
            expected = [walk for walk in walks if walk.first < step]
            assert bare(expected) == bare(begun_before(walks, step))


def test_at_each_step_of_a_command() -> None:
    """At a cursor inside a command that went by batches, its walks are those so far."""
    session = Session(rmap="anon_vma_rfc", bulk=4)
    for line in ("spawn a", f"mmap a h {PAGES} pages rw private", "write a.h", "mlock a.h[9:12]"):
        session.do(line)
    done = session.do("swapout a.h")
    for cursor in range(done.first + 1, done.last + 1):
        session.seek(cursor)
        assert [walk.page for walk in session.walks] == [walk.page for walk in walks_at(session)]
