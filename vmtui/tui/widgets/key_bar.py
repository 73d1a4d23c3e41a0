"""The footer: the six keys that matter now, each of which can be clicked, behind a word or two."""

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
    said: str = ""
    """What stands before them; empty: nothing."""

    def show(self, entries: Sequence[tuple[Key, str]], said: str = "") -> None:
        """Draw these keys."""
        if (entries, said) != (self.entries, self.said):
            self.entries, self.said = entries, said
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The one line."""
        palette = self.palette
        segments = [Segment(" ", palette.plain)]
        if self.said:
            segments.append(Segment(f"{self.said}   ", palette.style("card")))
        for key, label in self.entries:
            segments.append(Segment(key.first, palette.style("key")))
            segments.append(Segment(f" {label}   ", palette.style("dim")))
        return self.painted(segments)

    async def _on_click(self, event: events.Click) -> None:
        x = 1 + (cell_len(self.said) + 3 if self.said else 0)
        for key, label in self.entries:
            end = x + cell_len(key.first) + cell_len(label) + 2
            if x <= event.x < end:
                event.stop()
                self.post_message(Pressed(key.action))
                return
            x = end + 2
