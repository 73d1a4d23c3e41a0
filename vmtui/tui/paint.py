"""From roles to terminal styles: the one place where a view model's `role` becomes a colour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import ClassVar, Protocol

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from vmtui.view.glyphs import to_ascii

LONG_WORD = 12
"""Cells from which a word is cut rather than left out."""


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

    @cached_property
    def faint(self) -> Palette:
        """The same with every role written dim, for what is not needed yet."""
        return Palette(dict.fromkeys(self.styles, self.style("dim")), ascii=self.ascii)

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


class Painted(Widget):
    """A widget that paints itself line by line, from spans, and repaints no more than has changed."""

    later: bool = False
    """It is not needed yet: drawn dim until it has the focus."""
    _ground: Style | None = None
    prose: ClassVar[bool] = False
    """Lines that are too long are cut between words."""
    _entitled: tuple[str, str, int] = ("", "", 0)

    @property
    def palette(self) -> Palette:
        """What it paints with."""
        palette = palette_of(self)
        return palette.faint if self.later and not self.has_focus else palette

    def put_off(self, later: bool) -> None:
        """Draw it dim from now on, or no longer."""
        if later != self.later:
            self.later = later
            self.refresh()

    def notify_style_update(self) -> None:
        """Its ground may be another colour now."""
        self._ground = None
        super().notify_style_update()

    @property
    def ground(self) -> Style:
        """What lies under the text; worked out once, because it is asked for at every line."""
        if self._ground is None:
            self._ground = self.rich_style
        return self._ground

    def painted(self, segments: list[Segment], left: int = 0, fill: Style | None = None) -> Strip:
        """Segments from cell `left` on as one line; an ellipsis ends what is cut."""
        width = self.scrollable_content_region.width
        palette = self.palette
        total = sum(segment.cell_length for segment in segments)
        strip = Strip(segments, total)
        if left:
            strip = strip.crop(min(left, total), total)
            total = strip.cell_length
        if total > width:
            room = max(0, width - 1)
            cut = strip.crop(0, last_word(strip.text, room) if self.prose else room)
            last = next((segment.style for segment in reversed(list(cut))), fill)
            ending = set_cell_size(palette.ellipsis, max(0, min(1, width - cut.cell_length)))
            strip = Strip([*cut, Segment(ending, last)])
        return strip.adjust_cell_length(width, fill or palette.plain).apply_style(self.ground)

    def blank(self) -> Strip:
        """An empty line."""
        return Strip.blank(self.size.width, self.ground)

    @property
    def edge_room(self) -> int:
        """Cells for a text at an edge of the frame."""
        return max(1, self.outer_size.width - 6)

    def entitle(self, title: str, note: str) -> None:
        """What its frame says at its upper and lower edge, never read as markup."""
        room = self.edge_room
        if (title, note, room) == self._entitled:
            return
        old, self._entitled = self._entitled, (title, note, room)
        for name, text, before in (("border_title", title, old[0]), ("border_subtitle", note, old[1])):
            if text != before or room != old[2]:
                if cell_len(text) > room:
                    text = set_cell_size(text, room - 1) + "…"
                setattr(self, name, Content(self.palette.text(text)))


def last_word(text: str, room: int) -> int:
    """Cells of a text that `room` cells hold without part of a word; all of them where a word is long."""
    at = text.rfind(" ", 0, room + 1)
    wide = cell_len(text) != len(text)
    if wide or not text[: max(0, at)].strip() or room - at > LONG_WORD:
        return room
    return min(at + 1, room)


def width_of(spans: Iterable[SpanLike]) -> int:
    """Cells that spans take."""
    return sum(cell_len(span.text) for span in spans)


def laid_over(strip: Strip, start: int, end: int, style: Style) -> Strip:
    """`strip` with `style` laid over its cells from `start` to `end`."""
    width = strip.cell_length
    start, end = max(0, min(start, width)), max(0, min(end, width))
    middle = [Segment(text, (under or Style.null()) + style) for text, under, _ in strip.crop(start, end)]
    return Strip([*strip.crop(0, start), *middle, *strip.crop(end, width)], width)
