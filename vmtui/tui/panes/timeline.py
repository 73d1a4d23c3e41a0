"""Pane 8: the commands on a line, and now."""

from __future__ import annotations

from typing import ClassVar

from attrs import evolve

from vmtui.tui.desk import Desk
from vmtui.tui.panes.pane import demo, redraw
from vmtui.tui.widgets.track_bar import TrackBar
from vmtui.view.timeline import timeline


class Timeline(TrackBar):
    """The track; a click chooses the moment of a cell, Enter the command that now stands in."""

    NAME: ClassVar[str] = "timeline"
    ABOUT: ClassVar[str] = (
        "A command. Choosing goes to just after it; again: its steps, each of which can be chosen; "
        "and again: folded."
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
            done = desk.session.command_at(desk.session.cursor)
            self.here = done.last if done is not None else None
            track = timeline(desk.session, desk.player, width, height, desk.unfolded)
            self.show(evolve(track, note=f"{state_of(desk)} · {track.note}"))


def state_of(desk: Desk) -> str:
    """Playing or paused, and how fast."""
    speed = f"{desk.speed:g}×"
    return f"▶ playing {speed}" if desk.playing else f"paused {speed}"


if __name__ == "__main__":
    demo(Timeline)
