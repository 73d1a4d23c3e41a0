"""Walks as far as the cursor."""

from __future__ import annotations

import pytest

from vmtui.mm.rmap import SCHEMES
from vmtui.mm.step import CANDIDATE, HIT
from vmtui.session import Session
from vmtui.view.overlay import overlay
from vmtui.view.trail import walks_at

LINES = (
    "spawn sh",
    "mmap sh heap 8 pages rw private",
    "write sh.heap",
    "fork sh a",
    "fork sh b",
    "fork a c",
    "write b.heap[1:3]",
    "walk sh.heap[1] full",
    "swapout sh.heap[1:4]",
    "referenced sh.heap[5]",
    "evict c.heap[6]",
)


def lab(rmap: str) -> Session:
    """Walks of every kind, some over several pages in one command."""
    session = Session(rmap=rmap, ram="16M")
    for line in LINES:
        session.attempt(line)
    return session


@pytest.mark.parametrize("rmap", sorted(SCHEMES))
def test_every_step_tells_what_counting_anew_tells(rmap: str) -> None:
    """At each cursor position, forward and back, the walks and their counts are those of the session."""
    session = lab(rmap)
    told = ("page", "examined", "hits", "misses", "stopped", "first", "last")
    for cursor in (*range(len(session.steps) + 1), *range(len(session.steps), -1, -1)):
        session.seek(cursor)
        expected = [[getattr(walk, name) for name in told] for walk in session.walks]

        assert [[getattr(walk, name) for name in told] for walk in walks_at(session)] == expected


def test_the_rows_of_a_picture_are_those_of_the_steps() -> None:
    """Outcome, moment and hits of each candidate are what its step says, as far as the cursor."""
    session = lab("anon_vma_rfc")
    done = next(done for done in session.commands if done.text.startswith("walk"))
    for cursor in range(done.first + 1, done.last + 1):
        session.seek(cursor)
        steps = [(at, session.steps[at - 1].step) for at in range(done.first + 1, cursor + 1)]
        seen = [(at, step.outcome) for at, step in steps if step.outcome in CANDIDATE]
        found = overlay(session, done.walks[0].page, 4)

        assert list(found.outcomes.values()) == [outcome for _, outcome in seen]
        assert list(found.steps.values()) == [at for at, _ in seen]
        assert found.last == len(seen) - 1
        for start in range(5):
            hits = sum(outcome == HIT for _, outcome in seen[start:3])
            assert found.hits(start, 3) == hits


def test_another_branch_is_another_walk() -> None:
    """A command typed in the place of another does not show what that one found."""
    session = lab("anon_vma_rfc")
    done = next(done for done in session.commands if done.text.startswith("walk"))
    session.seek(done.first + 2)
    walks_at(session)
    session.seek(done.first)
    session.do("exit a")
    again = session.do("walk sh.heap[1] full")
    session.seek(again.last - 1)

    assert [walk.examined for walk in walks_at(session)] == [walk.examined for walk in session.walks]
