"""The picker: the scenarios in reading order, and the session to resume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import frozen
from textual.binding import BindingType
from textual.widgets import Input

from vmtui.tui import keymap
from vmtui.tui.screens.chooser import Choice, Chooser, Filter, filtered, plain
from vmtui.tui.widgets.line_list import LineList
from vmtui.view.model import Row, Span


@frozen
class Entry:
    """One scenario as the picker shows it."""

    path: str
    """What is opened."""
    number: str
    """Its place in the reading order."""
    title: str
    line: str
    """What it shows, in one line."""
    group: str
    scheme: str
    played: bool = False
    """Whether it was played to its end."""


@frozen
class Picked:
    """What was picked."""

    path: str
    """A scenario's path; empty: the session to resume."""
    paused: bool = False
    """True: open it at the prompt, playing nothing."""


class Picker(Chooser):
    """Dismissed with a `Picked`.

    Args:
        entries: the scenarios, in reading order.
        resume: what the session to resume was doing, or empty.
        tick: the mark of a scenario played to the end.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.PICKER)]

    def __init__(self, entries: Sequence[Entry], resume: str = "", tick: str = "✓") -> None:
        choices: list[Choice] = []
        if resume:
            choices.append(Choice(Row((Span("Resume ", "title"), Span(resume, "text"))), Picked("")))
        group = None
        for entry in entries:
            if entry.group != group:
                group = entry.group
                if choices:
                    choices.append(Choice(plain("")))
                choices.append(Choice(plain(group, "title")))
            choices += self._rows(entry, tick)
        if not choices:
            choices.append(Choice(plain("no scenarios are installed", "dim")))
        note = "Enter plays · e opens it paused · / filters · Esc closes"
        super().__init__("Scenarios", filtered(choices), hint="/ filters", note=note)

    @staticmethod
    def _rows(entry: Entry, tick: str) -> list[Choice]:
        mark = tick if entry.played else " "
        head = (
            Span(f" {mark} ", "hit"),
            Span(f"{entry.number} ", "dim"),
            Span(entry.title.ljust(40), "text"),
            Span(f" {entry.scheme}", "dim"),
        )
        rows = [Choice(Row(head), Picked(entry.path))]
        if entry.line:
            rows.append(Choice(Row((Span("      " + entry.line, "dim"),))))
        return rows

    def on_mount(self) -> None:
        """Start in the list; ``/`` goes to the filter."""
        super().on_mount()
        self.query_one(LineList).focus()

    def action_filter(self) -> None:
        """Type to filter."""
        self.query_one(Filter).focus()

    def action_edit(self) -> None:
        """Open what the cursor is on, paused at the prompt."""
        rows = self.query_one(LineList)
        value = self._choices[rows.cursor].value if rows.cursor < len(self._choices) else None
        if isinstance(value, Picked):
            self.dismiss(Picked(value.path, paused=True))

    def action_close(self) -> None:
        """Leave the filter first, then the picker."""
        if isinstance(self.focused, Filter):
            self.query_one(Input).value = ""
            self.query_one(LineList).focus()
        else:
            self.dismiss(None)
