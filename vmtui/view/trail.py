"""A walk as far as the cursor: what it found by then, at a cost that does not follow how long it is.

A walk is gone through once, when the cursor first stands in it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeVar
from weakref import WeakKeyDictionary

import attrs

from vmtui.mm.step import CANDIDATE, HIT, WalkRecord

if TYPE_CHECKING:
    from vmtui.session import Done, Session


T = TypeVar("T")


@attrs.frozen
class Trail:
    """The candidates of one walk, all of it, in the order in which they were examined.

    Attributes:
        cursors: The cursor position after which each is examined.
        outcomes: What became of each.
        hits: Which of them were hits.
    """

    cursors: list[int]
    outcomes: list[str]
    hits: list[int]


@attrs.frozen
class Going:
    """A walk that has not ended at the cursor.

    Attributes:
        walk: All of it.
        examined, hits: Candidates so far, and those that mapped the page.
        last: Where it is now, as in `WalkRecord`.
    """

    walk: WalkRecord
    examined: int
    hits: int
    last: int
    stopped: None = None
    #: They are told when it has ended.
    nodes: int = 0
    ptes: int = 0

    @property
    def page(self) -> int:
        """The frame it looks for."""
        return self.walk.page

    @property
    def first(self) -> int:
        """Its first step in its command."""
        return self.walk.first

    @property
    def misses(self) -> int:
        """Candidates so far that did not map the page."""
        return self.examined - self.hits


class Examined(Mapping[int, T]):
    """Row → something about the candidates examined so far, where a row is a candidate."""

    def __init__(self, values: Sequence[T], examined: int) -> None:
        self._values, self._examined = values, examined

    def __len__(self) -> int:
        return self._examined

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._examined))

    def __getitem__(self, row: int) -> T:
        if not 0 <= row < self._examined:
            raise KeyError(row)
        return self._values[row]


class SoFar(Examined[str]):
    """Row → outcome."""

    def __init__(self, trail: Trail, examined: int) -> None:
        super().__init__(trail.outcomes, examined)
        self._hits = trail.hits

    def hits(self, start: int, stop: int) -> int:
        """How many of some rows are hits."""
        found = self._hits
        return max(0, bisect_left(found, min(stop, self._examined)) - bisect_left(found, start))


#: The walk gone through last in each session: the command, its steps, and the first step of the walk.
_KEPT: Final[WeakKeyDictionary[Session, tuple[Done, tuple[int, int, int], Trail]]] = WeakKeyDictionary()


def trail_of(session: Session, done: Done, walk: WalkRecord | Going) -> Trail:
    """The candidates of a walk of a command."""
    key = done.first, done.last, walk.first
    kept = _KEPT.get(session)
    if kept is not None and kept[0] is done and kept[1] == key:
        return kept[2]
    whole = walk.walk if isinstance(walk, Going) else walk
    trail = Trail([], [], [])
    start = done.first + whole.first
    steps = session.steps[start : done.first + whole.last]
    for cursor, outcome in enumerate(steps.outcomes, start + 1):
        if outcome in CANDIDATE:
            if outcome == HIT:
                trail.hits.append(len(trail.outcomes))
            trail.cursors.append(cursor)
            trail.outcomes.append(outcome)
    _KEPT[session] = done, key, trail
    return trail


def examined_at(trail: Trail, cursor: int) -> int:
    """How many candidates a walk has examined at a cursor position."""
    return bisect_right(trail.cursors, cursor)


def walks_at(session: Session) -> list[WalkRecord | Going]:
    """The walks of the command at the cursor, as far as the cursor; what `Session.walks` counts anew."""
    done = session.command_at(session.cursor)
    if done is None:
        return []
    if session.cursor == done.last:
        return list(done.walks)
    at = session.cursor - done.first
    found: list[WalkRecord | Going] = []
    for walk in done.walks:
        if walk.first >= at:
            break
        if walk.stopped is not None and walk.last <= at:
            found.append(walk)
        else:
            trail = trail_of(session, done, walk)
            examined = examined_at(trail, session.cursor)
            found.append(Going(walk, examined, bisect_left(trail.hits, examined), at))
    return found
