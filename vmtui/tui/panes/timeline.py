"""Pane 8: the commands on a line, and now."""

from __future__ import annotations

from typing import ClassVar

from attrs import evolve

from vmtui.tui.desk import Desk
from vmtui.tui.panes.pane import demo, redraw
from vmtui.tui.widgets.track_bar import TrackBar
from vmtui.view.timeline import timeline


class Timeline(TrackBar):
    """The track; a click goes to the moment of a cell."""

    NAME: ClassVar[str] = "timeline"
    ABOUT: ClassVar[str] = (
        "A command, as wide as it did much. A click goes there; < > go from command to command."
    )

    def __init__(self) -> None:
        super().__init__(id=self.NAME, classes="pane")

    def on_resize(self) -> None:
        """What is drawn depends on the size."""
        redraw(self)

    def draw(self, desk: Desk) -> None:
        """Show what the desk holds now."""
        width, height = self.size
        if width and height:
            track = timeline(desk.session, desk.player, width, height)
            self.show(evolve(track, note=f"{state_of(desk)} · {track.note}"))


def state_of(desk: Desk) -> str:
    """Playing or paused, and how fast."""
    speed = f"{desk.speed:g}×"
    return f"▶ playing {speed}" if desk.playing else f"paused {speed}"


if __name__ == "__main__":
    demo(Timeline)
