"""Every figure that was published, or follows from what was: this machine gives the same."""

from __future__ import annotations

import os

import pytest

from tests.published.__main__ import WHAT, line
from tests.published.left_out import LEFT_OUT
from tests.published.low_memory import new_node
from tests.published.row import Row
from tests.published.table import ROWS, SECTIONS

LONG = bool(os.environ.get("VMTUI_LONG"))


def as_test(row: Row) -> object:
    """A row under its name; the large ones wait for VMTUI_LONG."""
    marks = [pytest.mark.skipif(not LONG, reason="set VMTUI_LONG=1 to run it")] if row.long else []
    return pytest.param(row, id=row.name, marks=marks)


@pytest.mark.parametrize("row", [as_test(row) for row in ROWS])
def test_figure(row: Row) -> None:
    """The machine gives the figure."""
    assert row.figure == row.measured()


def test_names_are_unique() -> None:
    """A row is found by its name, and says what was counted and who says so."""
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(row.what and row.source and len(row.what) <= WHAT for row in ROWS)
    assert all(rows for rows in SECTIONS.values())


def test_what_is_left_out_has_a_reason() -> None:
    """No figure is passed over in silence."""
    assert LEFT_OUT
    assert all(why for why in LEFT_OUT.values())


def test_line_has_both_columns() -> None:
    """What was published and what was computed stand in one line; where they differ it says so."""
    row = Row(name="n", what="two and two", figure=4, measure=lambda: 4, said="about 4")
    wrong = Row(name="n", what="two and two", figure=5, measure=lambda: 4)

    assert line(row)[0].split() == ["two", "and", "two", "about", "4", "4"]
    assert (line(wrong)[0].split()[-2:], line(wrong)[1]) == (["4", "differs"], False)


@pytest.mark.parametrize("slots", [3, 7, 15, 31])
def test_rule_of_nodes(slots: int) -> None:
    """The nodes that mappings 1 to n take are those of the formula."""
    taken = 0
    for n in range(1, 200):
        taken += new_node(n, slots)
        assert taken == (0 if n == 1 else -(-n // slots))
