"""The walks of a command: those that steps tell of one by one, and those of many pages at once.

A walk that is watched is counted from its steps.  Where pages go out at once there is one step for all of
them, and it carries its walks as columns: a `WalkRun`.  To whoever reads them, both are `WalkRecord`s.
"""

from __future__ import annotations

import operator
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, compress, count, repeat
from operator import attrgetter, contains
from typing import Any, Final, overload

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.step import CANDIDATE, END, HIT, MAPCOUNT, StepLog, WalkRecord, walks_of

__all__ = ["KINDS", "WALKS", "WalkRun", "Walks", "all_walks", "split", "total"]

Column = NDArray[np.int64]

#: The value of a step that carries the walks of many pages.
WALKS: Final = "walks"

#: What a walk of many pages can be, and why it can have ended.
KINDS: Final = ("referenced", "unmap")
_STOPPED: Final = (END, MAPCOUNT)


class WalkRun(Sequence[WalkRecord]):
    """Walks over many pages, in the order in which single pages would have been walked over.

    Args:
        scheme: The scheme that walked.
        pages: The page of each walk.
        kinds: What each is, as its place in `KINDS`.
        stopped: Which of them ended because all mappings were found.
        counts: Of each walk ``nodes``, ``ptes``, and how many candidates had each outcome.
        lines, tables: Cache lines that they touched, and PTE pages they looked into, all together.

    Attributes:
        first: The record of the step that carries them.
        longest: The most candidates that one of them examined under one lock.
    """

    __slots__ = ("_counts", "_kinds", "_pages", "_stopped", "first", "lines", "longest", "scheme", "tables")

    def __init__(
        self,
        scheme: str,
        pages: Column,
        kinds: Column,
        stopped: NDArray[np.bool_],
        counts: Mapping[str, Column],
        lines: int,
        tables: int,
    ) -> None:
        self.scheme, self.lines, self.tables = scheme, lines, tables
        self.first = self.longest = 0
        self._pages = pages.astype(np.uint32)
        self._kinds, self._stopped = shortest(kinds), shortest(stopped)
        self._counts = {name: shortest(column) for name, column in counts.items()}

    def __len__(self) -> int:
        return len(self._pages)

    @overload
    def __getitem__(self, index: int) -> WalkRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[WalkRecord]: ...
    def __getitem__(self, index: int | slice) -> WalkRecord | Sequence[WalkRecord]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        counts = {name: cell(column, index) for name, column in self._counts.items()}
        hits, nodes, ptes = (counts.pop(name, 0) for name in (HIT, "nodes", "ptes"))
        misses = sum(counts.values())
        return WalkRecord(
            kind=KINDS[cell(self._kinds, index)],
            page=int(self._pages[index]),
            scheme=self.scheme,
            examined=hits + misses,
            hits=hits,
            misses=misses,
            nodes=nodes,
            ptes=ptes,
            stopped=_STOPPED[cell(self._stopped, index)],
            first=self.first,
            last=self.first + 1,
            **counts,
        )

    def column(self, name: str) -> Column:
        """One number of each walk, under the name it has in a `WalkRecord`."""
        names = {"hits": {HIT}, "misses": CANDIDATE - {HIT}, "examined": CANDIDATE}.get(name, {name})
        counted = (np.asarray(self._counts[each]) for each in names if each in self._counts)
        return sum(counted, np.zeros(len(self), np.int64))

    def of_kind(self, kind: str) -> NDArray[np.bool_]:
        """Which of them are of a kind."""
        wanted = KINDS.index(kind) if kind in KINDS else -1
        return np.broadcast_to(np.asarray(self._kinds) == wanted, len(self))


class Walks(Sequence[WalkRecord]):
    """Walks that were watched, and runs of walks between them, in order."""

    __slots__ = ("_ends", "parts")

    def __init__(self, parts: Sequence[Sequence[WalkRecord]]) -> None:
        self.parts = parts
        self._ends = list(accumulate(len(part) for part in parts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> WalkRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[WalkRecord]: ...
    def __getitem__(self, index: int | slice) -> WalkRecord | Sequence[WalkRecord]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        index = index + len(self) if index < 0 else index
        if not 0 <= index < len(self):
            raise IndexError(index)
        number = bisect_right(self._ends, index)
        before = self._ends[number - 1] if number else 0
        return self.parts[number][index - before]

    def __iter__(self) -> Iterator[WalkRecord]:
        for part in self.parts:
            yield from part


def all_walks(records: StepLog) -> Sequence[WalkRecord]:
    """The walks among the steps of one command, of single pages and of many."""
    watched = walks_of(records)
    runs: list[WalkRun] = []
    for index in compress(count(), map(contains, records.values, repeat(WALKS))):
        runs.append(records[index].step.values[WALKS])
        runs[-1].first = index
    if not runs:
        return watched
    parts: list[Sequence[WalkRecord]] = []
    done = 0
    for run in runs:
        before = bisect_left(watched, run.first, key=attrgetter("first"))
        parts += [watched[done:before], run]
        done = before
    return Walks([part for part in (*parts, watched[done:]) if len(part)])


def split(walks: Sequence[WalkRecord]) -> tuple[Sequence[WalkRecord], list[WalkRun]]:
    """Those that were watched, and the runs."""
    if not isinstance(walks, Walks):
        return walks, []
    runs = [part for part in walks.parts if isinstance(part, WalkRun)]
    return [walk for part in walks.parts if not isinstance(part, WalkRun) for walk in part], runs


def total(walks: Sequence[WalkRecord], name: str) -> int:
    """A number summed over all walks."""
    watched, runs = split(walks)
    found: int = sum(getattr(walk, name) for walk in watched)
    return found + sum(int(run.column(name).sum()) for run in runs)


def sums_by_kind(walks: Sequence[WalkRecord], names: Sequence[str]) -> dict[str, list[int]]:
    """By kind of walk, in the order in which they come first, how many there are, and the sums of numbers."""
    sums: dict[str, list[int]] = {}

    def add(kind: str, more: Iterable[int]) -> None:
        sums[kind] = list(map(operator.add, sums.get(kind, [0] * (len(names) + 1)), more))

    for part in walks.parts if isinstance(walks, Walks) else [walks]:
        if isinstance(part, WalkRun):
            masks = {kind: part.of_kind(kind) for kind in KINDS}
            there = [kind for kind in KINDS if masks[kind].any()]
            for kind in sorted(there, key=lambda kind: int(masks[kind].argmax())):
                mask = masks[kind]
                add(kind, [int(mask.sum()), *(int(part.column(name)[mask].sum()) for name in names)])
            continue
        for walk in part:
            add(walk.kind, [1, *(getattr(walk, name) for name in names)])
    return sums


def begun_before(walks: Sequence[WalkRecord], step: int) -> Sequence[WalkRecord]:
    """The walks that begin before a step of their command."""
    if isinstance(walks, Walks):
        parts = [begun_before(part, step) for part in walks.parts]
        return Walks([part for part in parts if len(part)])
    if isinstance(walks, WalkRun):
        return walks if walks.first < step else ()
    return walks[: bisect_left(walks, step, key=attrgetter("first"))]


def shortest(column: NDArray[Any]) -> NDArray[Any] | int:
    """A column, as one number where all its cells are equal."""
    if len(column) and (column == column[0]).all():
        return int(column[0])
    return column.astype(np.uint8) if column.dtype == np.bool_ else column.astype(np.uint32)


def cell(column: NDArray[Any] | int, index: int) -> int:
    """A cell of what `shortest` gives."""
    return column if isinstance(column, int) else int(column[index])
