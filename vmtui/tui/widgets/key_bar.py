"""The footer: the six keys that matter now, each of which can be clicked."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.strip import Strip

from vmtui.tui.keymap import Key
from vmtui.tui.messages import Pressed
from vmtui.tui.paint import Painted


class KeyBar(Painted):
    """Draws keys with their labels; a click posts `Pressed` with the action of the key."""

    DEFAULT_CSS = "KeyBar { height: 1; }"

    entries: Sequence[tuple[Key, str]] = ()
    """The keys shown and the word beside each."""

    def show(self, entries: Sequence[tuple[Key, str]]) -> None:
        """Draw these keys."""
        if entries != self.entries:
            self.entries = entries
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The one line."""
        palette = self.palette
        segments = [Segment(" ", palette.plain)]
        for key, label in self.entries:
            segments.append(Segment(key.first, palette.style("key")))
            segments.append(Segment(f" {label}   ", palette.style("dim")))
        return self.painted(segments)

    async def _on_click(self, event: events.Click) -> None:
        x = 1
        for key, label in self.entries:
            end = x + cell_len(key.first) + cell_len(label) + 2
            if x <= event.x < end:
                event.stop()
                self.post_message(Pressed(key.action))
                return
            x = end + 2
