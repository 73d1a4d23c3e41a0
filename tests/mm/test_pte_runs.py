"""Runs of page-table entries read and written as if they were one array."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmtui.mm.pte_runs import PteRuns, indices_of
from vmtui.state.column import Column
from vmtui.state.history import History

CELLS = 256

cuts = st.lists(st.integers(0, CELLS), min_size=2, max_size=24, unique=True)


def some_runs(edges: list[int], order: st.DataObject) -> PteRuns:
    """Runs that do not overlap, in any order."""
    edges = sorted(edges)
    runs = [(low, high - low) for low, high in zip(edges[::2], edges[1::2], strict=False)]
    first, length = np.array(order.draw(st.permutations(runs)), dtype=np.int64).T
    return PteRuns(first, length)


def memory() -> Column:
    """Entries, each its own."""
    column = Column(History(), CELLS, np.uint64, lambda: [slice(0, CELLS)])
    column.put(slice(0, CELLS), np.arange(1000, 1000 + CELLS))
    return column


@given(edges=cuts, data=st.data())
def test_read_is_what_the_indices_say(edges: list[int], data: st.DataObject) -> None:
    """Wherever the runs lie, they give their entries in the order of the runs."""
    runs, column = some_runs(edges, data), memory()

    assert runs.read(column).tolist() == column.all[runs.pteps()].tolist()


@given(edges=cuts, data=st.data(), clear=st.booleans())
def test_write_touches_the_runs_and_nothing_else(edges: list[int], data: st.DataObject, clear: bool) -> None:
    """Each entry gets its value, or zero; all others stay; one seek takes it back."""
    runs, column = some_runs(edges, data), memory()
    mark = column.history.mark
    before = column.all.copy()
    wanted = before.copy()
    values = np.zeros(runs.total, np.int64) if clear else np.arange(runs.total, dtype=np.int64)
    wanted[runs.pteps()] = values

    if clear:
        runs.clear(column)
    else:
        runs.write(column, values)

    assert column.all.tolist() == wanted.tolist()
    column.history.seek(mark)
    assert column.all.tolist() == before.tolist()


def test_descending_tables_are_one_record() -> None:
    """Tables handed out from the top down are written as one slice: no index for each entry is kept."""
    first = np.arange(CELLS - 16, -1, -16)
    runs = PteRuns(first, np.full(len(first), 16))

    assert [where for where, _ in runs.pieces()] == [slice(0, CELLS)]


@pytest.mark.parametrize(("first", "length"), [([3], [4]), ([8, 0], [2, 3]), ([], [])])
def test_indices_of(first: list[int], length: list[int]) -> None:
    """The integers of runs, one after another."""
    found = indices_of(np.array(first, dtype=np.int64), np.array(length, dtype=np.int64))

    runs = zip(first, length, strict=True)
    assert found.tolist() == [number for low, many in runs for number in range(low, low + many)]
