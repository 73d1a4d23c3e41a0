"""Curves in braille dots."""

from __future__ import annotations

import pytest

from vmtui.view.plot import Series, plot
from vmtui.view.text import spans_width


def text(*series: Series, columns: int = 40, lines: int = 9, ascii: bool = False) -> list[str]:
    """A plot as text."""
    return [row.text.rstrip() for row in plot(series, "bytes", "children", columns, lines, ascii=ascii)]


def test_a_straight_line() -> None:
    """From corner to corner; the greatest figure and 0 stand at the axis, the ends of x below."""
    assert text(Series("a", tuple((x, x) for x in range(11))), columns=29, lines=7) == [
        "bytes",
        "      10│        ⣀⠤⠒⠊ 1",
        "        │    ⢀⡠⠔⠉",
        "       0│⣀⠤⠒⠊⠁",
        "        ╰────────────",
        "         0         10",
        "1 a",
    ]


def test_who_ends_where() -> None:
    """Behind the axis each curve has its number where it ends; those that end together stand together."""
    rows = text(
        Series("flat", ((1, 5), (10, 5))),
        Series("same", ((1, 5), (10, 5))),
        Series("steep", ((1, 0), (10, 50))),
    )
    ends = {row.split(" ")[-1]: number for number, row in enumerate(rows[1:6])}

    assert ends["3"] == 0
    assert ends["12"] == 4
    assert rows[-1] == "1 flat  2 same  3 steep"


def test_a_curve_stops_where_there_is_no_figure() -> None:
    """Where a play ended early there is no dot and no end."""
    (whole, broken) = (
        text(Series("a", ((0, 1), (5, 5), (10, 10)))),
        text(Series("a", ((0, 1), (5, 5), (10, None)))),
    )

    assert whole != broken
    assert len(max(broken[1:-3], key=len)) < len(max(whole[1:-3], key=len))


def test_wide_figures_have_a_scale_of_powers() -> None:
    """Figures that are a hundred times others are drawn on a scale of powers, and it says so."""
    assert text(Series("a", ((1, 1), (2, 100))))[0] == "bytes · scale of powers"
    assert text(Series("a", ((1, 1), (2, 99))))[0] == "bytes"


def test_nothing_to_draw() -> None:
    """Zeroes alone, or one value of the param, are no curve."""
    assert text(Series("a", ((1, 0), (2, 0)))) == ["bytes", "nothing to draw: it is 0 everywhere"]


def test_ascii() -> None:
    """The number of the series is drawn in the place of dots."""
    rows = text(Series("a", ((0, 0), (9, 9))), Series("b", ((0, 9), (9, 0))), ascii=True)

    assert "1" in rows[1]
    assert rows[1].startswith("       9│2")


@pytest.mark.parametrize("columns", [20, 40, 102])
@pytest.mark.parametrize("lines", [6, 12, 30])
def test_it_keeps_to_its_room(columns: int, lines: int) -> None:
    """No line is wider than asked, whatever the figures."""
    series = [Series(f"scheme_{n}", tuple((x, x * n * 10**n) for x in range(1, 60))) for n in range(6)]
    rows = plot(series, "t", "children", columns, lines)

    assert all(spans_width(row.spans) <= max(columns, len("6 scheme_5  ")) for row in rows)
