"""The timeline: lines of cells, each of which is a moment one can go to."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.strip import Strip

from vmtui.tui import keymap
from vmtui.tui.messages import Chosen
from vmtui.tui.paint import Painted
from vmtui.view.model import Track

NOTHING = Track("", ())


class TrackBar(Painted, can_focus=True):
    """Draws a `Track`; a click posts `Chosen` with the cursor position of the cell."""

    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.TIMELINE)]

    track: Track = NOTHING
    """What is drawn."""
    here: int | None = None
    """The cursor position that Enter chooses."""

    def show(self, track: Track) -> None:
        """Draw `track`; repaint only lines that differ from what is drawn."""
        old, self.track = self.track, track
        self.entitle(track.title, track.note)
        if len(old.rows) != len(track.rows):
            self.refresh()
            return
        for y, (was, now) in enumerate(zip(old.rows, track.rows, strict=True)):
            if was != now:
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """One line of the track."""
        palette = self.palette
        if y >= len(self.track.rows):
            return self.blank()
        return self.painted(palette.segments(self.track.rows[y].spans))

    async def _on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        step = self.track.cursor_at(offset.x, offset.y)
        if step is not None:
            event.stop()
            self.post_message(Chosen(self.id or "", None, step))

    def action_choose(self) -> None:
        """Choose the command that now stands in."""
        if self.here is not None:
            self.post_message(Chosen(self.id or "", None, self.here))
