"""History: one tape, undone and redone by the same motion."""

from __future__ import annotations

import random
from typing import Any

import pytest

from vmtui.state.history import RECORD_BYTES, WIDTH, History, TooOldError


class Cells:
    """A list whose every change is on a tape."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.values = [0] * 4

    def set(self, index: int, value: int) -> None:
        """Journal, then write."""
        self.history.note(swap, self, index, self.values[index])
        self.values[index] = value


def swap(cells: Cells, index: int, value: int) -> int:
    """Exchange one cell with `value`."""
    old, cells.values[index] = cells.values[index], value
    return old


@pytest.fixture
def cells() -> Cells:
    """Cells on a tape of their own."""
    return Cells(History())


def test_seek_moves_state_both_ways(cells: Cells) -> None:
    """Each mark has one state, whichever way it is reached and however often."""
    history = cells.history
    rng = random.Random(1)
    states: dict[int, list[int]] = {history.mark: list(cells.values)}
    for number in range(1, 40):
        cells.set(rng.randrange(4), number)
        states[history.mark] = list(cells.values)

    for mark in rng.choices(list(states), k=200):
        history.seek(mark)
        assert states[mark] == cells.values
        assert mark == history.mark


def test_note_gives_up_what_is_ahead(cells: Cells) -> None:
    """A change at an earlier position takes the place of what followed."""
    cells.set(0, 1)
    start = cells.history.mark
    cells.set(1, 2)
    cells.set(1, 3)
    end = cells.history.end
    cells.history.seek(start)
    cells.set(2, 9)

    assert start + WIDTH == cells.history.end == cells.history.mark < end
    assert [1, 0, 9, 0] == cells.values
    with pytest.raises(ValueError, match="beyond the end"):
        cells.history.seek(end)


def test_undone_records_stay_until_the_next_change(cells: Cells) -> None:
    """Going back keeps what is ahead: the end of the tape does not move."""
    cells.set(0, 1)
    end = cells.history.end
    cells.history.seek(0)

    assert end == cells.history.end
    cells.history.seek(end)
    assert [1, 0, 0, 0] == cells.values


def test_drop_keeps_marks(cells: Cells) -> None:
    """Marks count from the first record ever made: dropping old records renames none."""
    marks = []
    for number in range(10):
        cells.set(number % 4, number + 1)
        marks.append(cells.history.mark)
    cells.history.drop(marks[4])
    cells.history.seek(marks[6])

    assert [5, 6, 7, 4] == cells.values
    assert marks[4] == cells.history.base
    cells.history.seek(marks[4])
    assert [5, 2, 3, 4] == cells.values


def test_what_is_dropped_is_too_old(cells: Cells) -> None:
    """A mark before the oldest record kept is refused, and nothing moves."""
    cells.set(0, 1)
    first = cells.history.mark
    cells.set(0, 2)
    cells.history.drop(cells.history.mark)

    with pytest.raises(TooOldError, match=f"mark {first} is older than the tape, which starts at 8"):
        cells.history.seek(first)
    assert [2, 0, 0, 0] == cells.values
    assert 0 == cells.history.nbytes


def test_drop_refuses_what_is_ahead(cells: Cells) -> None:
    """Only what lies behind the cursor can be dropped."""
    cells.set(0, 1)
    end = cells.history.mark
    cells.history.seek(0)

    with pytest.raises(ValueError, match="ahead of the cursor"):
        cells.history.drop(end)


def test_drop_of_what_is_gone_already_does_nothing(cells: Cells) -> None:
    """Dropping twice is dropping once."""
    cells.set(0, 1)
    cells.set(0, 2)
    cells.history.drop(WIDTH)
    cells.history.drop(0)

    assert WIDTH == cells.history.base
    assert RECORD_BYTES == cells.history.nbytes


def note_bulk(cells: Cells, value: int, nbytes: int) -> None:
    """A record that says it holds `nbytes` of arrays."""
    cells.history.note_bulk(swap, cells, 0, cells.values[0], nbytes)
    cells.values[0] = value


def test_bytes_count_records_and_arrays(cells: Cells) -> None:
    """The tape's size is its records and the arrays they hold, and it falls when they are dropped."""
    note_bulk(cells, 1, 1000)
    cells.set(1, 1)
    note_bulk(cells, 2, 500)

    assert 3 * RECORD_BYTES + 1500 == cells.history.nbytes
    cells.history.drop(WIDTH)
    assert 2 * RECORD_BYTES + 500 == cells.history.nbytes
    cells.history.drop(cells.history.mark)
    assert 0 == cells.history.nbytes


@pytest.mark.parametrize("rounds", [1, 5])
def test_bytes_given_up_ahead_are_not_counted(cells: Cells, rounds: int) -> None:
    """A what-if given up takes its arrays with it, however often another is begun."""
    cells.set(1, 1)
    start = cells.history.mark
    for _ in range(rounds):
        cells.history.seek(start)
        note_bulk(cells, 1, 4096)

    assert 2 * RECORD_BYTES + 4096 == cells.history.nbytes
    cells.history.seek(start)
    cells.set(0, 7)
    assert 2 * RECORD_BYTES == cells.history.nbytes


def test_any_object_can_stand_on_the_tape(cells: Cells) -> None:
    """A record calls its own swap; different kinds lie on one tape in the order they happened."""
    names: list[Any] = ["a"]

    def swap_name(names: list[Any], index: int, value: Any) -> Any:
        old, names[index] = names[index], value
        return old

    cells.set(0, 5)
    cells.history.note(swap_name, names, 0, "a")
    names[0] = "b"
    cells.history.seek(WIDTH)

    assert (["a"], [5, 0, 0, 0]) == (names, cells.values)
    cells.history.seek(0)
    assert [0, 0, 0, 0] == cells.values
    cells.history.seek(2 * WIDTH)
    assert (["b"], [5, 0, 0, 0]) == (names, cells.values)
