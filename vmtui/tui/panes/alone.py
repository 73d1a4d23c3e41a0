"""One pane alone, on a built-in example: what ``python -m vmtui.tui.panes.NAME`` shows."""

from __future__ import annotations

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widget import Widget

from vmtui.scenario.script import load
from vmtui.tui import themes
from vmtui.tui.messages import Chosen
from vmtui.tui.opening import played
from vmtui.view.subject import Subject

EXAMPLE = """\
title One page, three processes
machine ram=16M
spawn sh
mmap sh heap 4 pages rw private
write sh.heap
fork sh child
fork sh other
write child.heap[1]
walk sh.heap[1] full
swapout sh.heap[2]
"""
"""The example: a shared page, a copy, a page in swap."""


class Alone(App[None]):
    """A pane and nothing else; ``,`` and ``.`` step, Enter and click choose, q quits."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("comma", "step(-1)", "back"),
        ("full_stop", "step(1)", "step"),
        ("q", "quit", "quit"),
    ]
    CSS = ".pane { border: round $role-border; height: 1fr; }"

    def __init__(self, pane: Widget) -> None:
        super().__init__()
        for theme in themes.textual_themes():
            self.register_theme(theme)
        self.theme = themes.DEFAULT
        self.palette = themes.palette(themes.DEFAULT)
        self.pane = pane
        self.desk = played(load(EXAMPLE), keep=False)
        for _ in self.desk.first_beat() or ():
            pass
        self.desk.choose(Subject("page", 0, "sh.heap[1]"))

    def compose(self) -> ComposeResult:
        """The pane."""
        yield self.pane

    def on_mount(self) -> None:
        """Draw it once its size is known."""
        self.call_after_refresh(self.draw)

    def on_resize(self) -> None:
        """Draw it for the new size."""
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Show what the desk holds now."""
        draw = getattr(self.pane, "draw", None)
        if draw is not None:
            draw(self.desk)

    def on_chosen(self, event: Chosen) -> None:
        """What is chosen becomes the subject, or the time."""
        subject = Subject.of(event.ref, event.place)
        if event.step is not None:
            self.desk.session.seek(event.step)
        elif subject is not None:
            self.desk.choose(subject)
        self.draw()

    def action_step(self, direction: int) -> None:
        """A step back or forward."""
        (self.desk.session.step if direction > 0 else self.desk.session.back)()
        self.draw()
