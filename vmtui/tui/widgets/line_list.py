"""A list of rows of any length, drawn line by line.

Rows are asked for by index when they are painted, so a million of them cost what the screen shows.
"""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from vmtui.tui import keymap
from vmtui.tui.messages import Chosen
from vmtui.tui.paint import Painted, width_of
from vmtui.view.model import Pane, Row

GUTTER = 1
"""Cells kept for the subject's mark."""
INDENT = 2
"""Cells for each level of depth."""
CURSOR = Style(reverse=True)
NOTHING = Pane("", ())


class LineList(Painted, ScrollView, can_focus=True):
    """Rows with a cursor.

    The row cursor (reverse) is not the subject (accent and ▸): arrows move it, Enter and click post `Chosen`.
    """

    DEFAULT_CSS = """
    LineList {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.LIST)]

    cursor = var(0)
    """The row the cursor is on."""
    pane: Pane = NOTHING
    """What is drawn."""
    row_cursor: bool = True
    """False: the cursor's row is not shown in reverse; the widget shows the cursor in its own way."""
    left: int = 0
    """First cell of the text that is shown."""
    _focus_row: int | None = None

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._painted: dict[int, Row] = {}

    def show(self, pane: Pane) -> None:
        """Draw `pane`; repaint only the rows that differ from those on the screen."""
        old, self.pane = self.pane, pane
        painted, self._painted = self._painted, {}
        count = len(pane.rows)
        if count != len(old.rows):
            self._set_length(count)
            self.cursor = min(self.cursor, max(0, count - 1))
            self.refresh()
        else:
            self._repaint_changed(painted)
        if pane.focus is not None and pane.focus != self._focus_row and pane.focus < count:
            self.cursor = pane.focus
        self._focus_row = pane.focus
        self.entitle(pane.title, self.note)
        if count != len(old.rows):
            # Textual scrolls back to the top when the number of rows first needs a scroll bar.
            self.call_after_refresh(self._bring_into_view)

    @property
    def note(self) -> str:
        """What the frame says at its lower edge."""
        return self.pane.note

    def _set_length(self, count: int) -> None:
        """So many rows. Only a scroll bar that comes or goes is worth laying out the screen anew."""
        height = self.size.height
        if (count > height) == (self.virtual_size.height > height) and self.is_attached:
            self.set_reactive(Widget.virtual_size, Size(0, count))
            if self.show_vertical_scrollbar:
                self.vertical_scrollbar.window_virtual_size = count
            if self.scroll_offset.y > max(0, count - height):
                self.scroll_to(y=max(0, count - height), animate=False, force=True, immediate=True)
        else:
            self.virtual_size = Size(0, count)

    def _repaint_changed(self, painted: dict[int, Row]) -> None:
        top = self.scroll_offset.y
        changed = [y for y in range(self.size.height) if self.row_at(top + y) != painted.get(top + y)]
        if len(changed) > self.size.height // 2:
            self.refresh()
        else:
            for y in changed:
                self.refresh_lines(y, 1)

    def refresh_lines(self, y_start: int, line_count: int = 1) -> None:
        """Repaint lines of the visible part, counted from its top."""
        self.refresh(Region(0, y_start, self.size.width, line_count))

    def row_at(self, index: int) -> Row | None:
        """The row of that index, None where there is none.

        A lazy row is asked for once: after the session has moved it would tell of the new state.
        """
        if not 0 <= index < len(self.pane.rows):
            return None
        row = self._painted.get(index)
        if row is None:
            try:
                row = self.pane.rows[index]
            except LookupError:
                # Scrolled after a move and before the drawing that the move asked for.
                return None
            self._painted[index] = row
        return row

    @property
    def row_width(self) -> int:
        """Cells for the text of a row."""
        return max(0, self.scrollable_content_region.width - GUTTER)

    @property
    def current_row(self) -> Row | None:
        """The row under the cursor."""
        return self.row_at(self.cursor)

    def render_line(self, y: int) -> Strip:
        """One line of the visible part."""
        palette = self.palette
        index = self.scroll_offset.y + y
        row = self.row_at(index)
        if row is None:
            return self.blank()
        # One bar in the plain colour: the roles of the spans would make a patchwork of it.
        chosen = self.row_cursor and self.has_focus and index == self.cursor
        over = palette.plain + CURSOR if chosen else None
        if row.current:
            over = (over or Style.null()) + palette.style("current")
        if row.subject:
            over = palette.style("subject") + (over or Style.null())
        segments = [Segment(palette.pointer if row.subject else " ", over or palette.plain)]
        if row.depth:
            segments.append(Segment(" " * (INDENT * row.depth), over or palette.plain))
        segments += palette.segments(row.spans, over)
        return self.painted(segments, self.left, fill=over or palette.plain)

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor among the rows."""
        return max(0, min(cursor, len(self.pane.rows) - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        """Show where the cursor went."""
        if not self.is_attached:
            return
        if not self._bring_into_view():
            top, height = self.scroll_offset.y, self.size.height
            for index in (old, new):
                if top <= index < top + height:
                    self.refresh_lines(index - top)

    def _bring_into_view(self) -> bool:
        """Scroll so that the cursor is seen; False if it was."""
        top, height, at = self.scroll_offset.y, self.size.height, self.cursor
        if not height or top <= at < top + height:
            return False
        self.scroll_to(y=at if at < top else at - height + 1, animate=False, force=True, immediate=True)
        self.refresh()
        return True

    def _on_focus(self, event: events.Focus) -> None:
        super()._on_focus(event)
        self.refresh_lines(self.cursor - self.scroll_offset.y)

    def _on_blur(self, event: events.Blur) -> None:
        super()._on_blur(event)
        self.refresh_lines(self.cursor - self.scroll_offset.y)

    def _on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._bring_into_view)

    async def _on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        index = self.scroll_offset.y + offset.y
        if self.row_at(index) is not None:
            event.stop()
            self.cursor = index
            self.action_choose()

    def action_cursor_up(self) -> None:
        """The row above."""
        self.cursor -= 1

    def action_cursor_down(self) -> None:
        """The row below."""
        self.cursor += 1

    def action_page(self, direction: int) -> None:
        """A page up (-1) or down (1)."""
        self.cursor += direction * max(1, self.size.height - 1)

    def action_first(self) -> None:
        """The first row."""
        self.cursor = 0

    def action_last(self) -> None:
        """The last row."""
        self.cursor = len(self.pane.rows) - 1

    def action_scroll_text(self, cells: int) -> None:
        """Show text further to the left or right."""
        top = self.scroll_offset.y
        shown = (self.row_at(top + y) for y in range(self.size.height))
        widest = max(
            (GUTTER + INDENT * row.depth + width_of(row.spans) for row in shown if row is not None), default=0
        )
        self.left = max(0, min(self.left + cells, widest - self.size.width))
        self.refresh()

    def action_choose(self) -> None:
        """Choose the row under the cursor."""
        row = self.current_row
        if row is not None:
            self.post_message(Chosen(self.id or "", row.ref, row.step, self.cursor, row.place))
