"""From roles to terminal styles: the one place where a view model's `role` becomes a colour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from vmtui.view.glyphs import to_ascii


class SpanLike(Protocol):
    """What is painted: a run of text in one role."""

    @property
    def text(self) -> str:
        """The text."""

    @property
    def role(self) -> str:
        """A name of `vmtui.view.roles`."""


class Palette:
    """The styles of one theme.

    Args:
        styles: role → style. A role that is not there is painted as ``text``.
        ascii: paint the ASCII twins of the glyphs.
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
        if self.ascii:
            return [Segment(to_ascii(span.text), style(span.role) + under) for span in spans]
        if under is None:
            return [Segment(span.text, style(span.role)) for span in spans]
        return [Segment(span.text, style(span.role) + under) for span in spans]

    def text(self, text: str) -> str:
        """A text as it is painted: in ASCII where that was asked for."""
        return to_ascii(text) if self.ascii else text


EMPTY = Palette({})
"""What a widget outside the app is painted with."""


def palette_of(widget: Widget) -> Palette:
    """The palette of the app a widget is in."""
    palette = getattr(widget.app, "palette", EMPTY)
    return palette if isinstance(palette, Palette) else EMPTY


def painted(widget: Widget, segments: list[Segment], left: int = 0, fill: Style | None = None) -> Strip:
    """Segments from cell `left` on as a line of a widget, on its ground; an ellipsis ends what is cut."""
    width = widget.scrollable_content_region.width
    palette = palette_of(widget)
    total = sum(segment.cell_length for segment in segments)
    strip = Strip(segments, total)
    if left:
        strip = strip.crop(min(left, total), total)
        total = strip.cell_length
    if total > width:
        cut = strip.crop(0, max(0, width - 1))
        last = next((segment.style for segment in reversed(list(cut))), fill)
        strip = Strip([*cut, Segment(set_cell_size(palette.ellipsis, width - cut.cell_length), last)], width)
    return strip.adjust_cell_length(width, fill or palette.plain).apply_style(widget.rich_style)


def blank(widget: Widget) -> Strip:
    """An empty line of a widget on its ground."""
    return Strip.blank(widget.size.width, widget.rich_style)


def width_of(spans: Iterable[SpanLike]) -> int:
    """Cells that spans take."""
    return sum(cell_len(span.text) for span in spans)


def entitle(widget: Widget, title: str, note: str) -> None:
    """What the frame of a widget says at its upper and lower edge, never read as markup."""
    palette = palette_of(widget)
    room = max(1, widget.outer_size.width - 6)
    for name, text in (("border_title", title), ("border_subtitle", note)):
        if cell_len(text) > room:
            text = set_cell_size(text, room - 1) + "…"
        setattr(widget, name, Content(palette.text(text)))


def laid_over(strip: Strip, start: int, end: int, style: Style) -> Strip:
    """`strip` with `style` laid over its cells from `start` to `end`."""
    width = strip.cell_length
    start, end = max(0, min(start, width)), max(0, min(end, width))
    middle = [Segment(text, (under or Style.null()) + style) for text, under, _ in strip.crop(start, end)]
    return Strip([*strip.crop(0, start), *middle, *strip.crop(end, width)], width)
