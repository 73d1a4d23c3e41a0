"""The frozen values that cross from the view to whatever draws it.

Text is plain: a `role` (see `vmtui.view.roles`) stands where a colour would, and glyphs are the Unicode
ones of `vmtui.view.glyphs`, each of which has a one-cell ASCII twin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, overload

import attrs

from vmtui.mm.step import Ref

T = TypeVar("T")


@attrs.frozen
class Span:
    """A run of text in one role."""

    text: str
    role: str = "text"


@attrs.frozen
class Row:
    """One line of a pane.

    Attributes:
        spans: Its text.
        ref: The kernel object it stands for.
        step: The cursor position it stands for: choosing the row goes there.
        subject: It is the subject (accent and ▸).
        current: It is where the kernel stands now.
        depth: Levels of indentation.
        place: The page as a person names it (``sh.heap[3]``), where the row is a page of a process.
        explain: Key of `vmtui.view.explain`, for the overlay of ``i``.
    """

    spans: tuple[Span, ...] = ()
    ref: Ref | None = None
    step: int | None = None
    subject: bool = False
    current: bool = False
    depth: int = 0
    place: str = ""
    explain: str = ""

    @property
    def text(self) -> str:
        """Its text without roles."""
        return "".join(span.text for span in self.spans)


@attrs.frozen
class Pane:
    """A list of rows under a title.

    Attributes:
        rows: May be lazy: a `Rows` builds a row when it is asked for.
        note: What the frame says at its lower edge.
        focus: The row to keep in view, if any.
    """

    title: str
    rows: Sequence[Row]
    note: str = ""
    focus: int | None = None


@attrs.frozen
class Box:
    """A part of a drawing that can be chosen: its cells, and what it stands for (as in `Row`)."""

    x: int
    y: int
    width: int
    height: int
    ref: Ref | None = None
    step: int | None = None
    place: str = ""
    explain: str = ""


@attrs.frozen
class Diagram:
    """A drawing: lines of exactly the width that was asked for, and the boxes in it in reading order."""

    title: str
    rows: tuple[Row, ...]
    note: str = ""
    boxes: tuple[Box, ...] = ()


@attrs.frozen
class Track:
    """The timeline: lines of cells, each of which may stand for a moment.

    Attributes:
        rows: The lines.
        moments: For each line the cursor position of each cell; -1 where there is none.
    """

    title: str
    rows: tuple[Row, ...]
    note: str = ""
    moments: tuple[tuple[int, ...], ...] = ()

    def cursor_at(self, x: int, y: int) -> int | None:
        """The cursor position of a cell, None where there is none."""
        if not 0 <= y < len(self.moments) or not 0 <= x < len(self.moments[y]):
            return None
        moment = self.moments[y][x]
        return moment if moment >= 0 else None


class Rows(Sequence[T], Generic[T]):
    """A sequence whose items are made when they are asked for.

    Two of them are equal only if they are the same object: what they would give may differ.

    Args:
        length: How many there are.
        make: The item of an index in ``range(length)``.
    """

    __slots__ = ("_length", "_make")

    def __init__(self, length: int, make: Callable[[int], T]) -> None:
        self._length = length
        self._make = make

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        if isinstance(index, slice):
            return tuple(self._make(n) for n in range(*index.indices(self._length)))
        if index < 0:
            index += self._length
        if not 0 <= index < self._length:
            raise IndexError(index)
        return self._make(index)


def line(*parts: str | tuple[str, str] | Span) -> tuple[Span, ...]:
    """Spans from texts, (text, role) pairs and spans; empty ones dropped, neighbours of one role joined."""
    spans: list[Span] = []
    for part in parts:
        span = part if isinstance(part, Span) else Span(part) if isinstance(part, str) else Span(*part)
        if spans and spans[-1].role == span.role:
            spans[-1] = Span(spans[-1].text + span.text, span.role)
        elif span.text:
            spans.append(span)
    return tuple(spans)
