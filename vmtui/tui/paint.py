"""From roles to terminal styles: the one place where a view model's `role` becomes a colour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget


class SpanLike(Protocol):
    """What is painted: a run of text in one role."""

    @property
    def text(self) -> str: ...
    @property
    def role(self) -> str: ...


class Palette:
    """The styles of one theme.

    Args:
        styles: role → style. A role that is not there is painted as ``text``.
        ascii: paint with ASCII marks only.
    """

    def __init__(self, styles: Mapping[str, Style], *, ascii: bool = False) -> None:
        self.styles = dict(styles)
        self.ascii = ascii
        self.plain = self.styles.get("text", Style.null())
        self.pointer = ">" if ascii else "▸"
        self.ellipsis = "~" if ascii else "…"

    def style(self, role: str) -> Style:
        """The style of a role."""
        return self.styles.get(role, self.plain)

    def segments(self, spans: Iterable[SpanLike], under: Style | None = None) -> list[Segment]:
        """Spans as segments, `under` (if any) laid over each style."""
        style = self.style
        if under is None:
            return [Segment(span.text, style(span.role)) for span in spans]
        return [Segment(span.text, style(span.role) + under) for span in spans]


EMPTY = Palette({})
"""What a widget outside the app is painted with."""


def palette_of(widget: Widget) -> Palette:
    """The palette of the app a widget is in."""
    palette = getattr(widget.app, "palette", EMPTY)
    return palette if isinstance(palette, Palette) else EMPTY


def fitted(segments: list[Segment], width: int, left: int, ellipsis: str, fill: Style | None = None) -> Strip:
    """Segments from cell `left` on in exactly `width` cells; what does not fit on the right ends in an ellipsis."""
    total = sum(segment.cell_length for segment in segments)
    strip = Strip(segments, total)
    if left:
        strip = strip.crop(min(left, total), total)
        total = strip.cell_length
    if total > width:
        cut = strip.crop(0, max(0, width - 1))
        last = cut._segments[-1].style if cut._segments else fill
        return Strip([*cut, Segment(set_cell_size(ellipsis, width - cut.cell_length), last)], width)
    return strip.adjust_cell_length(width, fill)


def width_of(spans: Iterable[SpanLike]) -> int:
    """Cells that spans take."""
    return sum(cell_len(span.text) for span in spans)
