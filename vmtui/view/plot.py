"""Curves in braille dots: a figure of each series against a number, eight dots a cell."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import Final

import attrs

from vmtui.view.model import Row, Span, line
from vmtui.view.text import size, width

#: Roles of the series, in their order.
ROLES: Final = ("page", "vma", "pte", "mm", "anon_vma", "swap")
#: Cells left of the axis, and those on the right for the numbers of the series that end there.
LEFT: Final = 8
RIGHT: Final = 8
#: From this ratio of the greatest to the least figure on, the scale is one of powers.
_WIDE: Final = 100
#: Dot of a cell (column, row) → bit of the braille character.
_BITS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BRAILLE: Final = 0x2800


@attrs.frozen
class Series:
    """A curve.

    Attributes:
        name: What it is.
        points: (x, y), by x; y None where there is no figure.
    """

    name: str
    points: tuple[tuple[int, int | None], ...]


def plot(
    series: Sequence[Series], title: str, label: str, columns: int, lines: int, *, ascii: bool = False
) -> tuple[Row, ...]:
    """The curves in so many cells: title, figure, axis and legend; a number marks where each one ends.

    Args:
        label: What x is.
        ascii: Draw the numbers of the series instead of dots.
    """
    figures = [y for one in series for _, y in one.points if y is not None]
    numbers = sorted({x for one in series for x, _ in one.points})
    positive = [y for y in figures if y > 0]
    if not positive or len(numbers) < 2:
        return (Row(line((title, "title"))), Row(line(("nothing to draw: it is 0 everywhere", "dim"))))
    powers_x = numbers[0] >= 1 and numbers[-1] >= 20 * numbers[0]
    powers_y = max(positive) >= _WIDE * min(positive)
    area = max(4, columns - LEFT - 1 - RIGHT), max(2, lines - 4)
    canvas = _Dots(*area)
    ends: dict[int, list[int]] = {}
    left, right = _scaled(numbers[0], powers_x), _scaled(numbers[-1], powers_x)
    top = _scaled(max(positive), powers_y)
    for number, one in reversed(list(enumerate(series))):
        last: tuple[int, int] | None = None
        for x, y in one.points:
            if y is None:
                last = None
                continue
            dot = (
                round((_scaled(x, powers_x) - left) / (right - left) * (canvas.width - 1)),
                round((1 - _scaled(y, powers_y) / top) * (canvas.height - 1)),
            )
            canvas.line(last or dot, dot, number)
            last = dot
        if last is not None:
            ends.setdefault(last[1] // 4, []).append(number)

    rows = [Row(line((title, "title"), (" · scale of powers" if powers_y else "", "dim")))]
    for at in range(area[1]):
        mark = size_of(max(positive)) if at == 0 else "0" if at == area[1] - 1 else ""
        names = [Span(f"{number + 1}", _role(number)) for number in sorted(ends.get(at, []))]
        scale = (f"{mark:>{LEFT}}", "dim"), ("│", "line")
        rows.append(Row(line(*scale, *canvas.spans(at, ascii), " ", *names)))
    rows.append(Row(line((" " * LEFT + "╰" + "─" * area[0], "line"))))
    rows.append(_axis(numbers, label, area[0]))
    return (*rows, *_legend(series, columns))


def size_of(number: int) -> str:
    """A figure in a few cells."""
    return f"{number:,}" if number < 10_000 else size(number).removesuffix(" B")


def _role(number: int) -> str:
    return ROLES[number % len(ROLES)]


def _scaled(number: int, powers: bool) -> float:
    return log10(1 + number) if powers else float(number)


def _axis(numbers: Sequence[int], label: str, room: int) -> Row:
    first, last = f"{numbers[0]:,}", f"{numbers[-1]:,}"
    gap = max(1, room - len(first) - len(last))
    middle = label.center(gap) if width(label) + 2 <= gap else " " * gap
    return Row(line((" " * (LEFT + 1) + first + middle + last, "dim")))


def _legend(series: Sequence[Series], columns: int) -> tuple[Row, ...]:
    rows: list[list[Span]] = [[]]
    room = columns
    for number, one in enumerate(series):
        taken = len(one.name) + 4
        if taken > room and rows[-1]:
            rows.append([])
            room = columns
        rows[-1].append(Span(f"{number + 1} {one.name}  ", _role(number)))
        room -= taken
    return tuple(Row(tuple(spans)) for spans in rows)


class _Dots:
    """A canvas of braille dots; the series drawn last has a cell's colour.

    Args:
        columns, lines: In cells; a cell has two dots by four.
    """

    def __init__(self, columns: int, lines: int) -> None:
        self.width, self.height = columns * 2, lines * 4
        self._bits = [[0] * columns for _ in range(lines)]
        self._owner = [[-1] * columns for _ in range(lines)]

    def line(self, start: tuple[int, int], end: tuple[int, int], owner: int) -> None:
        """A straight line between two dots."""
        steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
        for step in range(steps + 1):
            x = start[0] + round((end[0] - start[0]) * step / steps)
            y = start[1] + round((end[1] - start[1]) * step / steps)
            self._bits[y // 4][x // 2] |= _BITS[x % 2][y % 4]
            self._owner[y // 4][x // 2] = owner

    def spans(self, at: int, ascii: bool) -> list[tuple[str, str]]:
        """A line of cells."""
        found = []
        for bits, owner in zip(self._bits[at], self._owner[at], strict=True):
            drawn = f"{owner + 1}" if ascii else chr(_BRAILLE + bits)
            found.append((drawn, _role(owner)) if bits else (" ", "text"))
        return found
