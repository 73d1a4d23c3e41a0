"""Plain tables: a column of labels and columns of figures, aligned, never wider than a line.

Where they would be, headings longer than their figures go on in a second line; columns that do not fit all
the same follow in a table of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from vmtui.errors import printable

__all__ = ["WIDTH", "Table"]

WIDTH: Final = 100
LABEL_WIDTHS: Final = (24, 40)
"""Columns of the labels: those they can be cut to so that the figures fit, and those they have at most."""

GAP: Final = 2


@attrs.frozen
class Table:
    """
    A table.

    Attributes:
        title: What the figures are; stands over the labels.
        headings: One a column.
        rows: Each a label and a cell a column.
        width: Columns of a line.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    width: int = WIDTH

    def lines(self) -> Iterator[str]:
        """The table; columns that do not fit beside the others follow in a table of their own."""
        figures = [max(len(cells[at]) for _, cells in self.rows) for at in range(len(self.headings))]
        headings: list[Sequence[str]] = [self.headings]
        widths = [max(len(heading), room) for heading, room in zip(self.headings, figures, strict=True)]
        narrow, wide = LABEL_WIDTHS
        if self._left(widths) < min(wide, max(map(len, [self.title, *(label for label, _ in self.rows)]))):
            halves = [_halves(heading, room) for heading, room in zip(self.headings, figures, strict=True)]
            headings = [[upper for upper, _ in halves], [lower for _, lower in halves]]
            widths = [
                max(room, len(upper), len(lower))
                for room, (upper, lower) in zip(figures, halves, strict=True)
            ]
        left = self._left(widths)
        room = min(max(left, len(self.title)), wide) if left >= narrow else wide
        labels = [_cut(printable(label), room) for label, _ in self.rows]
        first = max(map(len, [self.title, *labels]))
        for start, end in _groups(widths, first, self.width):
            if start:
                yield ""
            for title, texts in zip((self.title, ""), headings, strict=False):
                if any(texts[start:end]):
                    yield self._line(title, texts, first, widths, start, end)
            for label, (_, cells) in zip(labels, self.rows, strict=True):
                yield self._line(label, cells, first, widths, start, end)

    def _left(self, widths: Sequence[int]) -> int:
        """Columns that figures so wide leave for the labels."""
        return self.width - sum(GAP + width for width in widths)

    @staticmethod
    def _line(
        label: str, cells: Sequence[str], first: int, widths: Sequence[int], start: int, end: int
    ) -> str:
        columns = [f"{cells[at]:>{widths[at]}}" for at in range(start, end)]
        return (" " * GAP).join([f"{label:<{first}}", *columns]).rstrip()


def _groups(widths: Sequence[int], first: int, room: int) -> Iterator[tuple[int, int]]:
    """Which columns stand beside each other, as (first, end): about as many in each table."""
    total = len(widths)
    for tables in range(1, total + 1):
        each = -(-total // tables)
        found = [(start, min(start + each, total)) for start in range(0, total, each)]
        if all(first + sum(GAP + width for width in widths[start:end]) <= room for start, end in found):
            break
    yield from found


def _halves(heading: str, room: int) -> tuple[str, str]:
    """A heading in two lines, parted before an underscore, if it has no room in one."""
    places = [at for at, sign in enumerate(heading) if sign == "_" and at]
    if len(heading) <= room or not places:
        return heading, ""
    at = min(places, key=lambda at: (max(at, len(heading) - at), -at))
    return heading[:at], heading[at:]


def _cut(label: str, room: int) -> str:
    return label if len(label) <= room else f"{label[: room - 1]}…"
