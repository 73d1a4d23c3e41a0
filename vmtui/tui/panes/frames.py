"""Pane 4: physical memory frame by frame, or the pages of a VMA."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.strip import Strip

from vmtui.tui.desk import Desk
from vmtui.tui.messages import Chosen
from vmtui.tui.paint import laid_over
from vmtui.tui.panes.pane import ListPane, demo
from vmtui.tui.widgets.line_list import GUTTER
from vmtui.view.frames import frame_at, frames, pages
from vmtui.view.model import Pane

CELL = Style(reverse=True)


class Frames(ListPane):
    """A grid in which a cell is a frame, or a list in which a row is a page (`v`)."""

    NAME: ClassVar[str] = "frames"
    ABOUT: ClassVar[str] = (
        "A frame, or a page of the subject's VMA (v). Choosing makes it the subject; again: its walk."
    )

    at: int = 0
    """The cell of the row that the cursor is on, in the grid."""
    grid: bool = True
    """True: frames; False: pages."""
    _held: tuple[int, int] = (0, 0)

    def build(self, desk: Desk) -> Pane:
        """The rows for what the desk holds now."""
        self.grid = not desk.show_pages
        self.row_cursor = desk.show_pages
        if desk.show_pages:
            return pages(desk.session, desk.subject)
        pane = frames(desk.session, desk.subject, self.row_width)
        self._snap(desk)
        return pane

    def _snap(self, desk: Desk) -> None:
        """Put the cell cursor on the subject's frame when that has become another."""
        pfn = desk.subject_frame
        if (pfn, self.row_width) != self._held:
            self._held = pfn, self.row_width
            cells = self._cells(0)
            self.at = cells[pfn % len(cells)] if cells else 0

    def _cells(self, row: int) -> list[int]:
        """Where the cells of a row are that stand for a frame."""
        return [x for x in range(self.row_width) if frame_at(self.row_width, 1, x)] if self.row_width else []

    def render_line(self, y: int) -> Strip:
        """A row, with the cell under the cursor in reverse."""
        strip = super().render_line(y)
        if self.grid and self.has_focus and self.scroll_offset.y + y == self.cursor:
            x = GUTTER + self.at
            return laid_over(strip, x, x + 1, CELL)
        return strip

    def action_scroll_text(self, cells: int) -> None:
        """The frame to the left or right; in the list, text further along."""
        if not self.grid:
            super().action_scroll_text(cells)
            return
        known = self._cells(self.cursor)
        if known:
            now = min(range(len(known)), key=lambda n: abs(known[n] - self.at))
            self.at = known[max(0, min(now + (1 if cells > 0 else -1), len(known) - 1))]
            self.refresh()

    async def _on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if self.grid and offset is not None:
            known = self._cells(0)
            if offset.x - GUTTER in known:
                self.at = offset.x - GUTTER
        await super()._on_click(event)

    def action_choose(self) -> None:
        """Choose the frame, or the page."""
        if not self.grid:
            super().action_choose()
            return
        pfn = frame_at(self.row_width, self.cursor, self.at)
        if pfn:
            self.post_message(Chosen(self.NAME, ("page", pfn), None, self.cursor))


if __name__ == "__main__":
    demo(Frames)
