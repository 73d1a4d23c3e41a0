"""Column: single cells, bulk writes, and what their records cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vmtui.state import column as column_module
from vmtui.state.column import Column, Progression, Where, as_slice, pack
from vmtui.state.history import RECORD_BYTES, WIDTH, History


def make(length: int = 1000, dtype: Any = np.uint32) -> Column:
    """A column of zeros, all of it in use."""
    return Column(History(), length, dtype, lambda: [slice(0, length)])


def test_a_new_column_is_zero() -> None:
    """No cell needs to be written before it is read."""
    column = make()

    assert 1000 == len(column)
    assert not column.all.any()


def test_cell_is_journaled() -> None:
    """Writing a cell is one record; both views show it, and undo takes it back."""
    column = make()
    column[7] = 42

    assert (WIDTH, 42, 42) == (column.history.mark, column[7], int(column.all[7]))
    column.history.seek(0)
    assert 0 == column[7]
    column.history.seek(WIDTH)
    assert 42 == column[7]


@pytest.mark.parametrize("dtype", [np.uint32, np.int32, np.int64, np.uint64])
def test_cells_are_plain_ints(dtype: Any) -> None:
    """A cell read is an int of Python, whatever the type of the array."""
    column = make(dtype=dtype)
    column[1] = 5

    assert type(column[1]) is int


@pytest.mark.parametrize("value", [-1, 1 << 32])
def test_value_that_does_not_fit_is_refused(value: int) -> None:
    """A cell keeps its value when it is given one it cannot hold."""
    column = make()
    column[3] = 9

    with pytest.raises((ValueError, OverflowError)):
        column[3] = value
    assert 9 == column[3]
    column.history.seek(0)
    assert 0 == column[3]


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(slice(10, 20), id="slice"),
        pytest.param(np.arange(10, 20, dtype=np.int64), id="consecutive"),
        pytest.param(np.array([5, 3, 900, 17, 44, 45, 46, 8, 9, 1], dtype=np.int64), id="scattered"),
    ],
)
@pytest.mark.parametrize(
    "values",
    [
        pytest.param(7, id="one"),
        pytest.param(np.arange(100, 110, dtype=np.int64), id="progression"),
        pytest.param(np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3], dtype=np.int64), id="any"),
    ],
)
def test_put_is_one_record(where: Where, values: NDArray[np.int64] | int) -> None:
    """A bulk write of any shape is one record, undone and redone exactly, twice over."""
    column = make()
    column.all[:] = np.arange(1000) * 7 % 31
    before = column.all.copy()
    column.put(where, values)
    after = column.all.copy()

    assert WIDTH == column.history.mark
    assert np.array_equal(after[where], np.broadcast_to(values, 10))
    for _ in range(2):
        column.history.seek(0)
        assert np.array_equal(before, column.all)
        column.history.seek(WIDTH)
        assert np.array_equal(after, column.all)


def test_add_is_put() -> None:
    """Adding to many cells is one record."""
    column = make()
    column.all[:] = 5
    column.add(slice(2, 4), 3)

    assert [5, 8, 8, 5] == column.all[1:5].tolist()
    column.history.seek(0)
    assert [5, 5, 5, 5] == column.all[1:5].tolist()


@pytest.mark.parametrize("length", [10, 1_000_000])
def test_fresh_memory_costs_the_tape_one_record_of_fixed_size(length: int) -> None:
    """A bulk write on zeros, of any length, holds no array; nor does its undo of a progression."""
    column = make(length)
    column.put(slice(0, length), np.arange(length, dtype=np.int64) + 17)

    assert RECORD_BYTES == column.history.nbytes
    column.history.seek(0)
    _, _, where, held = column.history.tape
    assert slice(0, length) == where
    assert (17, 1, length) == (held.first, held.step, held.length)


def test_irregular_old_values_are_counted() -> None:
    """Where what is overwritten follows no rule, the record holds it, and the tape says so."""
    column = make(100)
    column.all[:] = np.arange(100) ** 2
    column.put(slice(0, 100), 0)

    assert RECORD_BYTES + 100 * 4 == column.history.nbytes


@pytest.mark.parametrize(
    ("values", "packed"),
    [
        ([], 0),
        ([5], 5),
        ([5, 5, 5], 5),
        ([1, 2, 3], (1, 1, 3)),
        ([9, 6, 3, 0], (9, -3, 4)),
        ([1, 3, 4], None),
        ([1, 3, 2, 4], None),
    ],
)
@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.uint32])
def test_pack_takes_the_smallest_form(values: list[int], packed: Any, dtype: Any) -> None:
    """One number where all are equal, a progression where they are one, else a copy."""
    array = np.array(values, dtype=dtype)
    found = pack(array)

    if isinstance(found, Progression):
        assert packed == (found.first, found.step, found.length)
        assert values == found.expand().tolist()
    elif isinstance(found, int):
        assert packed == found
    else:
        assert packed is None
        assert values == found.tolist()
        assert not np.shares_memory(array, found)


@given(
    firsts=st.lists(st.integers(0, 1 << 40), min_size=1, max_size=6),
    length=st.integers(1, 100),
    step=st.sampled_from((1, -1, 4096, 0)),
    tail=st.lists(st.integers(0, 1 << 40), max_size=3),
)
def test_progressions_come_back_exactly(firsts: list[int], length: int, step: int, tail: list[int]) -> None:
    """Whatever form an array is kept in, it is the array that was given."""
    rows = [np.arange(length, dtype=np.int64) * step + first + 4096 * length for first in firsts]
    values = np.concatenate([*rows, np.array(tail, dtype=np.int64)])
    found = pack(values)

    kept = np.full(len(values), found) if isinstance(found, int) else found
    assert values.tolist() == (kept if isinstance(kept, np.ndarray) else kept.expand()).tolist()


def test_what_page_tables_hold_is_two_numbers_a_table() -> None:
    """Frames handed out in order, in tables handed out from the top down, are undone and redone in little."""
    column = make(64 * 512)
    frames = np.arange(64 * 512).reshape(64, 512)[::-1].ravel()
    column.put(slice(0, len(column)), frames)
    column.history.seek(0)
    held = column.history.tape[3]

    assert held.nbytes == 64 * 16
    column.history.seek(column.history.end)
    assert frames.tolist() == column.all.tolist()


@pytest.mark.parametrize("values", [[1 << 63, (1 << 63) + 1, (1 << 63) + 2], [0, 1 << 63, 0]])
def test_pack_is_exact_where_int64_ends(values: list[int]) -> None:
    """64-bit entries with the top bit set come back as they were."""
    column = make(3, np.uint64)
    column.all[:] = np.array(values, dtype=np.uint64)
    column.put(slice(0, 3), 0)
    column.history.seek(0)

    assert values == column.all.tolist()


def test_as_slice_finds_runs() -> None:
    """Ascending neighbours become a slice; any other order stays an array."""
    assert slice(4, 7) == as_slice(np.array([4, 5, 6], dtype=np.int64))
    assert slice(4, 5) == as_slice(np.array([4], dtype=np.int64))
    for other in ([6, 5, 4], [4, 6, 5], [4, 5, 7], [4, 6, 5, 7]):
        assert other == np.asarray(as_slice(np.array(other, dtype=np.int64))).tolist()


@pytest.mark.parametrize(("cells", "released"), [(1 << 14, True), (1 << 10, False)])
def test_long_zeroed_ranges_are_released(cells: int, released: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What becomes zero again, by a write or by undo, goes back to the host if it is long."""
    ranges = []
    monkeypatch.setattr(column_module, "release", lambda _, start, stop: ranges.append((start, stop)))
    column = make(1 << 15)
    column.put(slice(8, 8 + cells), np.arange(1, cells + 1, dtype=np.int64))
    assert [] == ranges
    column.history.seek(0)
    assert ([(32, 32 + 4 * cells)] if released else []) == ranges
    column.history.seek(WIDTH)
    column.put(slice(8, 8 + cells), 0)
    assert ([(32, 32 + 4 * cells)] * 2 if released else []) == ranges


def test_release_keeps_neighbours() -> None:
    """A released range reads as zero and the cells beside it keep their values."""
    column = make(1 << 16)
    column.all[:] = 3
    column.put(slice(1000, 60000), 0)

    assert (3, 0, 0, 3) == (column[999], column[1000], column[59999], column[60000])
    column.history.seek(0)
    assert (column.all == 3).all()
