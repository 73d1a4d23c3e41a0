"""The strip between panes and timeline: the one place for messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vmtui.tui.desk import Desk
from vmtui.tui.job import Job
from vmtui.tui.journey import Note
from vmtui.tui.panes.pane import redraw
from vmtui.tui.widgets.strip_text import StripText
from vmtui.view.model import Row, Span
from vmtui.view.narration import narration, wrap
from vmtui.view.text import pad

BAR = 24
"""Cells of the bar that shows that work goes on."""
SHOW_BAR = 0.5
"""Seconds after which there is a bar."""


class Narration(StripText):
    """Two to seven lines; a click is the next beat."""

    NAME: ClassVar[str] = "narration"
    ABOUT: ClassVar[str] = (
        "What happened: an error, a failed expect, a card, the last step. A click is the next beat."
    )
    pressed = "next_beat"

    def __init__(self) -> None:
        super().__init__(id=self.NAME)

    def on_resize(self) -> None:
        """What is drawn depends on the size."""
        redraw(self)

    def draw(self, desk: Desk) -> None:
        """Show what the desk holds now."""
        width, height = self.size
        if width and height:
            card = desk.player.card if desk.player is not None else None
            notice = None if card or not desk.session.notice else (desk.session.notice, "warn")
            rows = narration(desk.session, desk.player, width, height, notice)
            self.show(rows if desk.note is None else answered(desk.note, rows, width))

    def show_progress(self, job: Job, done: str) -> None:
        """Say what goes on, and after a while how much of it is done, and that Esc ends it."""
        spans = [Span(f" {job.label} … ", "card")]
        if job.seconds >= SHOW_BAR:
            at = int(job.seconds * 8) % BAR
            cells = ["─"] * BAR
            for offset in range(5):
                cells[(at + offset) % BAR] = "━"
            spans += [
                Span("".join(cells), "bar"),
                Span(f" {done}, {job.seconds:.0f} s", "dim"),
            ]
            spans.append(Span(" · Esc cancels, and the machine is as before", "key"))
        self.show((Row(tuple(spans)), *[Row()] * (self.size.height - 1)))


def answered(note: Note, rows: Sequence[Row], width: int) -> tuple[Row, ...]:
    """The answer to the last key or line in the place of all but the status, which stays if there is room.

    What is said of a card goes with it: half of one says nothing.  A note that goes below a card leaves it.
    """
    if note.below:
        last = rows[-1]
        free = last.spans[0].role == "dim" or not last.text.strip()
        return (*rows[:-1], Row((Span(f" {pad(note.text, width - 1)}", "key"),)) if free else last)
    texts = [row for part in note.text.split("\n") for row in wrap(part, width - 2)]
    texts += [""] * (len(rows) - 1 - len(texts))
    lines = [Row((Span(f" {text}", note.role),)) for text in texts[: len(rows)]]
    left = rows[len(lines) :]
    status = left[-1:] if left and left[-1].spans[0].role == "dim" else ()
    return (*lines, *[Row()] * (len(left) - len(status)), *status)
