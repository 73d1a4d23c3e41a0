"""Plain tables: a column of labels and columns of figures, aligned, never wider than a line."""

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
        widths = [
            max(len(heading), *(len(cells[at]) for _, cells in self.rows))
            for at, heading in enumerate(self.headings)
        ]
        narrow, wide = LABEL_WIDTHS
        left = self.width - sum(GAP + width for width in widths)
        room = min(max(left, len(self.title)), wide) if left >= narrow else wide
        labels = [_cut(printable(label), room) for label, _ in self.rows]
        first = max(map(len, [self.title, *labels]))
        for start, end in _groups(widths, first, self.width):
            yield self._line(self.title, self.headings, first, widths, start, end)
            for label, (_, cells) in zip(labels, self.rows, strict=True):
                yield self._line(label, cells, first, widths, start, end)

    @staticmethod
    def _line(
        label: str, cells: Sequence[str], first: int, widths: Sequence[int], start: int, end: int
    ) -> str:
        columns = [f"{cells[at]:>{widths[at]}}" for at in range(start, end)]
        return (" " * GAP).join([f"{label:<{first}}", *columns]).rstrip()


def _groups(widths: Sequence[int], first: int, room: int) -> Iterator[tuple[int, int]]:
    """Which columns stand beside each other, as (first, end)."""
    start, used = 0, first
    for at, width in enumerate(widths):
        if at > start and used + GAP + width > room:
            yield start, at
            start, used = at, first
        used += GAP + width
    yield start, len(widths)


def _cut(label: str, room: int) -> str:
    return label if len(label) <= room else f"{label[: room - 1]}…"
