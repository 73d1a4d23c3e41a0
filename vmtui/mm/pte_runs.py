"""Many page-table entries at once, as runs: what a range of addresses has in each of its page tables.

Page tables are handed out from the top of memory down, so that ascending addresses lie in descending
tables.  Read and written by runs in the order of memory, they are mostly one slice, and the tape holds
one record without an index for each entry.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from vmtui.state.column import Column

__all__ = ["PteRuns", "indices_of"]

Indices = NDArray[np.int64]

#: Pieces of memory that are still written one by one.
_PIECES: Final = 8


class PteRuns:
    """Runs of entries in the order of their addresses.

    Attributes:
        first: The ptep of each run's first entry.
        length: Entries of each run.
        total: Entries of all.
    """

    __slots__ = ("_pieces", "first", "length", "total")

    def __init__(self, first: Indices, length: Indices) -> None:
        self.first, self.length = first, length
        self.total = int(length.sum())
        self._pieces: list[tuple[slice, Indices | slice]] | None = None

    def pteps(self) -> Indices:
        """The ptep of every entry."""
        return indices_of(self.first, self.length)

    def read(self, memory: Column) -> Indices:
        """Every entry, in the order of addresses."""
        pieces = self.pieces()
        if not pieces:
            return memory.all[self.pteps()].astype(np.int64)
        entries = np.empty(self.total, np.int64)
        for where, at in pieces:
            entries[at] = memory.all[where]
        return entries

    def write(self, memory: Column, entries: Indices) -> None:
        """Replace every entry."""
        pieces = self.pieces()
        if not pieces:
            memory.put(self.pteps(), entries)
        for where, at in pieces:
            memory.put(where, entries[at])

    def clear(self, memory: Column) -> None:
        """Empty every entry."""
        pieces = self.pieces()
        if not pieces:
            memory.put(self.pteps(), 0)
        for where, _ in pieces:
            memory.put(where, 0)

    def pieces(self) -> list[tuple[slice, Indices | slice]]:
        """Slices of memory, each with the places of its entries; none if they would be too many."""
        if self._pieces is None:
            self._pieces = self._cut()
        return self._pieces

    def _cut(self) -> list[tuple[slice, Indices | slice]]:
        order = np.argsort(self.first)
        first, length = self.first[order], self.length[order]
        ends = np.flatnonzero(first[1:] != first[:-1] + length[:-1]) + 1
        if not self.total or len(ends) >= _PIECES:
            return []
        before = (np.cumsum(self.length) - self.length)[order]
        pieces: list[tuple[slice, Indices | slice]] = []
        for low, high in zip([0, *ends.tolist()], [*ends.tolist(), len(first)], strict=True):
            where = slice(int(first[low]), int(first[high - 1] + length[high - 1]))
            one = slice(int(before[low]), int(before[low] + length[low]))
            pieces.append((where, one if high - low == 1 else indices_of(before[low:high], length[low:high])))
        return pieces


def indices_of(first: Indices, length: Indices) -> Indices:
    """The integers of runs, one run after another."""
    before = np.cumsum(length) - length
    return np.repeat(first - before, length) + np.arange(int(length.sum()), dtype=np.int64)
