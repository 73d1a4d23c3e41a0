"""The frozen models."""

import pytest

from vmtui.view.model import Rows, Span, Track, line


def test_rows_are_made_when_asked_for():
    """A list of a million rows makes the rows that are looked at and no others."""
    made = []
    rows = Rows(1_000_000, lambda index: made.append(index) or index)

    assert (rows[0], rows[-1], rows[10:12]) == (0, 999_999, (10, 11))
    assert made == [0, 999_999, 10, 11]
    with pytest.raises(IndexError):
        rows[1_000_000]


def test_line_joins_neighbours_of_one_role():
    """A line is as few spans as its roles allow."""
    joined = line("a", ("b", "text"), ("", "dim"), ("c", "dim"), Span("d", "dim"))

    assert joined == (Span("ab"), Span("cd", "dim"))


def test_a_track_knows_its_moments():
    """A cell that stands for a moment gives it; others, and cells outside, give none."""
    track = Track("", (), moments=((0, 3, -1),))

    assert [track.cursor_at(x, 0) for x in (-1, 0, 1, 2, 3)] == [None, 0, 3, None, None]
    assert track.cursor_at(0, 1) is None
