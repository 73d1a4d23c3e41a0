"""A column: one field of many things (of every frame, every PTE), journaled cell by cell or in bulk.

Cells are read and written through a `memoryview` of the array, which is five times faster than
NumPy's scalar access and gives plain ints.  Bulk writes record the old values packed: one number
where they are all equal, two where they are an arithmetic progression, two a page table where frames
were handed out in order.  On fresh memory, where the old values are all zero, a bulk write of any size
costs the tape one record of fixed size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vmtui.state.history import History
from vmtui.state.reserve import release, reserve

#: Where a bulk write goes: a contiguous slice, or an array of distinct indices.
Where = slice | NDArray[np.int64]

#: A contiguous run of at least this many bytes that becomes zero goes back to the host.
RELEASE_BYTES = 1 << 16


class Column:
    """A journaled array.

    Args:
        history: The tape.
        length: Number of cells; address space is reserved for all of them, none is committed.
        dtype: NumPy integer type of a cell.
        used: The parts in use, as slices or index arrays in canonical order; what digests read.
    """

    __slots__ = ("_buffer", "_tape", "all", "cell", "history", "used")

    def __init__(
        self, history: History, length: int, dtype: DTypeLike, used: Callable[[], Iterable[Where]]
    ) -> None:
        self.history = history
        self._tape = history.tape
        #: The NumPy array.  Reading is free; writing goes through `put`.
        self.all: NDArray[Any]
        self.all, self._buffer = reserve(length, dtype)
        #: The same cells, for single access.
        self.cell: memoryview[int] = memoryview(self.all)  # type: ignore[arg-type]
        self.used = used

    def __len__(self) -> int:
        return len(self.all)

    def __getitem__(self, index: int) -> int:
        return self.cell[index]

    def __setitem__(self, index: int, value: int) -> None:
        cell, tape = self.cell, self._tape
        if self.history.ahead:
            self.history.cut()
        tape += swap_cell, cell, index, cell[index]
        cell[index] = value

    def put(self, where: Where, values: NDArray[Any] | int) -> None:
        """Write many cells as one record.  Indices in `where` must be distinct."""
        where = as_slice(where)
        old = pack(self.all[where])
        self.history.note_bulk(swap_range, self, where, old, _nbytes(where) + _nbytes(old))
        self._store(where, values)

    def add(self, where: Where, delta: NDArray[np.int64] | int) -> None:
        """Add `delta`, one number or one for each, to many cells as one record."""
        more = self.all.dtype.type(delta) if isinstance(delta, int) else delta.astype(self.all.dtype)
        where = as_slice(where)
        self.put(where, self.all[where] + more)

    def _store(self, where: Where, values: NDArray[Any] | int) -> None:
        self.all[where] = values
        if isinstance(where, slice) and isinstance(values, int) and values == 0:
            size = self.all.itemsize
            if (where.stop - where.start) * size >= RELEASE_BYTES:
                release(self._buffer, where.start * size, where.stop * size)


class Progression:
    """An arithmetic progression standing for the array it expands to."""

    __slots__ = ("first", "length", "step")

    def __init__(self, first: int, step: int, length: int) -> None:
        self.first, self.step, self.length = first, step, length

    def expand(self) -> NDArray[np.int64]:
        """The array."""
        return self.first + self.step * np.arange(self.length, dtype=np.int64)


class Progressions:
    """Arithmetic progressions of one step, one behind the other, standing for the array they expand to."""

    __slots__ = ("firsts", "length", "starts", "step")

    def __init__(self, values: NDArray[np.int64], step: int, starts: NDArray[np.int64]) -> None:
        self.firsts, self.starts, self.step, self.length = values[starts], starts, step, len(values)

    @property
    def nbytes(self) -> int:
        """Bytes of what it holds."""
        return self.firsts.nbytes + self.starts.nbytes

    def expand(self) -> NDArray[np.int64]:
        """The array."""
        lengths = np.diff(self.starts, append=self.length)
        bases = np.repeat(self.firsts - self.step * self.starts, lengths)
        return bases + self.step * np.arange(self.length, dtype=np.int64)


Packed = int | Progression | Progressions | NDArray[Any]

#: The least mean length of progressions that are worth more than the array.
_WORTH = 32


def pack(values: NDArray[Any]) -> Packed:
    """`values` in the smallest form that gives them back exactly."""
    n = len(values)
    if n == 0:
        return 0
    # The ends tell most that are neither, before all of them are looked at.
    first, second, last = int(values[0]), int(values[min(1, n - 1)]), int(values[-1])
    if first == second == last and (values == values[0]).all():
        return first
    step, rest = divmod(last - first, max(n - 1, 1))
    if rest == 0 and second - first == step and abs(first) < 1 << 62 and abs(last) < 1 << 62:
        line = Progression(first, step, n)
        if (values == line.expand()).all():
            return line
    return pack_progressions(values) if n >= 2 * _WORTH else values.copy()


def pack_progressions(values: NDArray[Any]) -> Packed:
    """`values` as progressions of one step, if they are few; else a copy."""
    signed = values.astype(np.int64)
    step = int(signed[1] - signed[0])
    if int(signed[2] - signed[1]) == step:
        breaks = np.flatnonzero(np.diff(signed) != step) + 1
        if len(breaks) < len(values) // _WORTH:
            return Progressions(signed, step, np.concatenate([[0], breaks]))
    return values.copy()


def as_slice(where: Where) -> Where:
    """`where` as a slice if its indices are consecutive."""
    if isinstance(where, slice) or len(where) == 0:
        return where
    first, last = int(where[0]), int(where[-1])
    if last - first + 1 == len(where) and bool((where[1:] > where[:-1]).all()):
        return slice(first, last + 1)
    return where


def swap_cell(cell: memoryview[int], index: int, value: int) -> int:
    """Exchange one cell with `value`."""
    old: int = cell[index]
    cell[index] = value
    return old


def swap_range(column: Column, where: Where, value: Packed) -> Packed:
    """Exchange a range of cells with `value`, packed."""
    old = pack(column.all[where])
    if isinstance(value, Progression | Progressions):
        column._store(where, value.expand().astype(column.all.dtype))
    else:
        column._store(where, value)
    return old


def _nbytes(thing: Any) -> int:
    return thing.nbytes if isinstance(thing, np.ndarray | Progressions) else 0
