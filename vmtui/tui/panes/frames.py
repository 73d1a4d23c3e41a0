"""Pane 4: physical memory frame by frame or from afar, or the pages of a VMA."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.strip import Strip

from vmtui.tui.desk import Desk
from vmtui.tui.messages import Chosen
from vmtui.tui.paint import laid_over
from vmtui.tui.panes.pane import ListPane, demo
from vmtui.tui.widgets.line_list import GUTTER
from vmtui.view.afar import first_of, told
from vmtui.view.frames import cell_width, columns_of, frame_at, frames, pages
from vmtui.view.model import Pane

CELL = Style(reverse=True)


class Frames(ListPane):
    """A grid in which a cell is a frame or many (`z`, `Z`), or a list in which a row is a page (`v`)."""

    NAME: ClassVar[str] = "frames"
    ABOUT: ClassVar[str] = (
        "A frame, many of them (z), or a page of the subject's VMA (v). Choosing makes it the subject; of "
        "many frames, the first that is what most are. Again: its walk."
    )
    prose: ClassVar[bool] = True

    at: int = 0
    """The column of the cell that the cursor is on, in the grid."""
    grid: bool = True
    """True: frames; False: pages."""
    zoom: int = 1
    """Frames of a cell."""
    _total: int = 1
    _held: tuple[int, int] = (0, 0)
    _told: Callable[[int], str] | None = None
    _first_of: Callable[[int], int] | None = None

    def build(self, desk: Desk) -> Pane:
        """The rows for what the desk holds now."""
        self.grid = not desk.show_pages
        self.row_cursor = desk.show_pages
        if desk.show_pages:
            return pages(desk.session, desk.subject, self.row_width)
        self._total, afar = desk.session.machine.frames_total, desk.zoom > 1
        self._told = partial(told, desk.session.machine, zoom=desk.zoom) if afar else None
        self._first_of = partial(first_of, desk.session.machine, zoom=desk.zoom) if afar else None
        return frames(desk.session, desk.subject, self.row_width, desk.zoom)

    def draw(self, desk: Desk) -> None:
        """Show what the desk holds now, the cursor on the subject's frame when that has become another."""
        pane = self.build(desk)
        held, self._held = self._held, (desk.subject_frame, self.row_width)
        goal = self._held[0] if held != self._held else -1
        if self.grid and desk.zoom != self.zoom:
            # Nearer or farther, the cursor stays where it was, on the subject if that is there.
            under, reach = self.frame, max(self.zoom, desk.zoom)
            goal = self._held[0] if self._held[0] // reach == under // reach else under
            self.zoom = desk.zoom
        self.show(pane)
        if self.grid and goal >= 0:
            self._go_to(goal)

    def _go_to(self, pfn: int) -> None:
        """Put the cursor on the cell that a frame is in; of none, on the first of its row."""
        columns, cell = columns_of(self.row_width, self.zoom), pfn // self.zoom
        if pfn:
            self.cursor = cell // len(columns)
        self.at = columns[cell % len(columns)]
        self._cell_moved()

    @property
    def frame(self) -> int:
        """The frame under the cursor, or the first of those; behind the end of memory the last."""
        return min(frame_at(self.row_width, self.cursor, self.at, self.zoom), self._total - 1)

    @property
    def note(self) -> str:
        """What the frame says at its lower edge: what a cell of many frames holds, under the cursor."""
        if self.grid and self._told is not None and self.has_focus and len(self.pane.rows):
            return self._told(self.frame)
        return self.pane.note

    def _cell_moved(self) -> None:
        self.entitle(self.pane.title, self.note)
        self.refresh_lines(self.cursor - self.scroll_offset.y)

    def watch_cursor(self, old: int, new: int) -> None:
        """Show where the cursor went, and what is there."""
        super().watch_cursor(old, new)
        if self.is_attached:
            self.entitle(self.pane.title, self.note)

    def _on_focus(self, event: events.Focus) -> None:
        super()._on_focus(event)
        self._cell_moved()

    def _on_blur(self, event: events.Blur) -> None:
        super()._on_blur(event)
        self._cell_moved()

    def render_line(self, y: int) -> Strip:
        """A row, with the cell under the cursor in reverse."""
        strip = super().render_line(y)
        if self.grid and self.has_focus and self.scroll_offset.y + y == self.cursor:
            x = GUTTER + self.at
            return laid_over(strip, x, x + cell_width(self.zoom), CELL)
        return strip

    def action_scroll_text(self, cells: int) -> None:
        """The cell to the left or right; in the list, text further along."""
        if not self.grid:
            super().action_scroll_text(cells)
            return
        known = columns_of(self.row_width, self.zoom)
        now = min(range(len(known)), key=lambda n: abs(known[n] - self.at))
        self.at = known[max(0, min(now + (1 if cells > 0 else -1), len(known) - 1))]
        self._cell_moved()

    async def _on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if self.grid and offset is not None:
            signs = range(cell_width(self.zoom))
            for column in columns_of(self.row_width, self.zoom):
                if offset.x - GUTTER - column in signs:
                    self.at = column
        await super()._on_click(event)
        self._cell_moved()

    def action_choose(self) -> None:
        """Choose the frame, the page that stands for the cell, or the page of the list."""
        if not self.grid:
            super().action_choose()
            return
        pfn = self.frame
        if self._first_of is not None:
            pfn = self._first_of(pfn)
        if pfn:
            self.post_message(Chosen(self.NAME, ("page", pfn), None, self.cursor))


if __name__ == "__main__":
    demo(Frames)
