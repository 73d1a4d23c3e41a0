"""A canvas of character cells on which lines join by themselves.

Each cell of a line remembers how heavy its four arms are; corners, tees and crossings follow from that when
the canvas is read.  Text lies over lines.  Every row comes out exactly as wide as the canvas.
"""

from __future__ import annotations

from typing import Final

from vmtui.view.glyphs import BOX, ROUND
from vmtui.view.model import Row, Span
from vmtui.view.text import char_width, cut

LIGHT: Final = 1
HEAVY: Final = 2
#: Weight of a box that is only a place kept: drawn dashed, joined to nothing.
DASHED: Final = 0

_NORTH, _EAST, _SOUTH, _WEST = 27, 9, 3, 1
_DASH_ACROSS, _DASH_DOWN = "┄", "┆"


class BoxCanvas:
    """Cells of a fixed size; what falls outside is not drawn.

    Args:
        width, height: In cells.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._arms = [[0] * width for _ in range(height)]
        self._text: list[list[str | None]] = [[None] * width for _ in range(height)]
        self._role = [[""] * width for _ in range(height)]

    def text(self, x: int, y: int, text: str, role: str = "text", room: int | None = None) -> int:
        """Write a text, in at most `room` cells; the cell after its end."""
        if not 0 <= y < self.height:
            return x
        room = self.width - x if room is None else min(room, self.width - x)
        for char in cut(text, room):
            wide = char_width(char)
            if wide == 0 and x > 0:
                self._text[y][x - 1] = (self._text[y][x - 1] or "") + char
                continue
            if x >= 0:
                self._text[y][x], self._role[y][x] = char, role
                if wide == 2:
                    self._text[y][x + 1], self._role[y][x + 1] = "", role
            x += wide
        return x

    def across(self, y: int, x1: int, x2: int, role: str, weight: int = LIGHT) -> None:
        """A line from cell `x1` to `x2`, its ends half cells."""
        low, high = sorted((x1, x2))
        for x in range(low, high + 1):
            arms = (_EAST if x < high else 0) + (_WEST if x > low else 0)
            self._join(x, y, arms, weight, role)

    def down(self, x: int, y1: int, y2: int, role: str, weight: int = LIGHT) -> None:
        """A line from row `y1` to `y2`, its ends half cells."""
        low, high = sorted((y1, y2))
        for y in range(low, high + 1):
            arms = (_SOUTH if y < high else 0) + (_NORTH if y > low else 0)
            self._join(x, y, arms, weight, role)

    def box(self, x: int, y: int, width: int, height: int, role: str, weight: int = LIGHT) -> None:
        """A frame of this outer size."""
        right, bottom = x + width - 1, y + height - 1
        if weight == DASHED:
            self._dashed(x, y, right, bottom, role)
            return
        for row in (y, bottom):
            self.across(row, x, right, role, weight)
        for column in (x, right):
            self.down(column, y, bottom, role, weight)

    def rows(self) -> tuple[Row, ...]:
        """The lines, each exactly as wide as the canvas."""
        return tuple(Row(self._spans(y)) for y in range(self.height))

    def _dashed(self, x: int, y: int, right: int, bottom: int, role: str) -> None:
        for row, (left_corner, right_corner) in ((y, "╭╮"), (bottom, "╰╯")):
            self.text(x, row, left_corner + _DASH_ACROSS * (right - x - 1) + right_corner, role)
        for row in range(y + 1, bottom):
            self.text(x, row, _DASH_DOWN, role)
            self.text(right, row, _DASH_DOWN, role)

    def _join(self, x: int, y: int, arms: int, weight: int, role: str) -> None:
        if not (0 <= x < self.width and 0 <= y < self.height):
            return
        old = self._arms[y][x]
        joined = 0
        for arm in (_NORTH, _EAST, _SOUTH, _WEST):
            had = old // arm % 3
            joined += arm * max(had, weight if arms // arm % 3 else 0)
        self._arms[y][x] = joined
        # The heavier line, or the later of two alike, colours the cell they share.
        heaviest = max((old // arm % 3 for arm in (_NORTH, _EAST, _SOUTH, _WEST)), default=0)
        if weight >= heaviest:
            self._role[y][x] = role

    def _spans(self, y: int) -> tuple[Span, ...]:
        spans: list[Span] = []
        run: list[str] = []
        current = ""
        for text, arms, role in zip(self._text[y], self._arms[y], self._role[y], strict=True):
            char = text if text is not None else BOX[arms]
            # A blank takes the role before it: nothing shows, and a row is fewer spans.
            if char != " " and role != current:
                if run:
                    spans.append(Span("".join(run), current or "text"))
                    run = []
                current = role
            run.append(ROUND.get(char, char) if text is None else char)
        spans.append(Span("".join(run), current or "text"))
        return tuple(spans)
