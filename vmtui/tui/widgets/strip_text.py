"""A few lines of spans with no cursor: the header, the narration."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.geometry import Region
from textual.strip import Strip

from vmtui.tui.messages import Pressed
from vmtui.tui.paint import Painted
from vmtui.view.model import Row


class StripText(Painted):
    """Draws rows as they are; a click asks for `pressed`, an action of the registry."""

    rows: Sequence[Row] = ()
    """What is drawn."""
    pressed: str = ""
    """The action that a click asks for; empty: none."""

    def show(self, rows: Sequence[Row]) -> None:
        """Draw `rows`; repaint only lines that differ from what is drawn."""
        old, self.rows = self.rows, rows
        if len(old) != len(rows):
            self.refresh()
            return
        for y, (was, now) in enumerate(zip(old, rows, strict=True)):
            if was != now:
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """One line."""
        palette = self.palette
        if y >= len(self.rows):
            return self.blank()
        return self.painted(palette.segments(self.rows[y].spans))

    async def _on_click(self, event: events.Click) -> None:
        if self.pressed:
            event.stop()
            self.post_message(Pressed(self.pressed))
