"""An overlay with a list to choose from, and a line that filters it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from attrs import frozen
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from vmtui.tui import keymap
from vmtui.tui.messages import Chosen
from vmtui.tui.paint import Painted
from vmtui.tui.widgets.line_list import LineList
from vmtui.view.model import Pane, Row, Span


@frozen
class Choice:
    """One thing to choose."""

    row: Row
    """How it is drawn."""
    value: object = None
    """What the caller gets when it is chosen; None: a heading, which cannot be chosen."""


Source = Callable[[str], Sequence[Choice]]
"""The choices for what stands in the filter line."""


def plain(text: str, role: str = "text") -> Row:
    """A row of one span."""
    return Row((Span(text, role),))


def text_of(row: Row) -> str:
    """The text of a row."""
    return "".join(span.text for span in row.spans)


def filtered(choices: Sequence[Choice]) -> Source:
    """A source that keeps the choices holding every word that was typed."""

    def source(typed: str) -> Sequence[Choice]:
        words = typed.casefold().split()
        if not words:
            return choices
        return [
            choice
            for choice in choices
            if choice.value is not None and all(word in text_of(choice.row).casefold() for word in words)
        ]

    return source


class Filter(Input):
    """The line above a list; arrows and Enter go to the list below."""

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder, compact=True, id="filter")
        self.cursor_blink = False


class Box(Painted, Vertical):
    """The frame of an overlay."""


class Choices(LineList):
    """A list whose cursor passes over headings."""

    choices: Sequence[Choice] = ()

    def action_cursor_up(self) -> None:
        """The choice above."""
        self._go(-1)

    def action_cursor_down(self) -> None:
        """The choice below."""
        self._go(1)

    def _go(self, direction: int) -> None:
        at = self.cursor + direction
        while 0 <= at < len(self.choices):
            if self.choices[at].value is not None:
                self.cursor = at
                return
            at += direction
        # No choice that way: what is there can still be read.
        self.cursor += direction


class Chooser(ModalScreen[object]):
    """Dismissed with the value of what was chosen, or None.

    Args:
        title: of the frame.
        source: the choices for a typed text.
        hint: shown while nothing is typed; None: there is no line to type in.
        start: the row the cursor is on at first.
        lazily: ask the source on Enter, not at each keystroke.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.OVERLAY)]

    def __init__(
        self,
        title: str,
        source: Source,
        *,
        hint: str | None = None,
        note: str = "",
        start: int | None = None,
        lazily: bool = False,
    ) -> None:
        super().__init__()
        self._title = title
        self._source = source
        self._hint = hint
        self._note = note
        self._start = start
        self._lazily = lazily
        self._choices: Sequence[Choice] = ()

    def compose(self) -> ComposeResult:
        """A filter line over a list."""
        with Box(id="box"):
            if self._hint is not None:
                yield Filter(self._hint)
            yield Choices(id="choices")

    def on_mount(self) -> None:
        """Fill the list."""
        box = self.query_one(Box)
        self.call_after_refresh(box.entitle, self._title, self._note or "Enter chooses · Esc closes")
        self.fill("")
        self._fit()
        rows = self.query_one(LineList)
        if self._start is not None:
            rows.cursor = self._start
        if self._hint is None:
            rows.focus()

    def _fit(self) -> None:
        """As high as the list, within the screen."""
        room = self.app.size.height - 4
        extra = 2 + (2 if self._hint is not None else 0)
        rows = room if self._lazily else min(room, max(4, len(self._choices)) + extra)
        self.query_one("#box").styles.height = rows

    def fill(self, typed: str) -> None:
        """Show the choices for a text."""
        self._choices = self._source(typed)
        rows = self.query_one(Choices)
        rows.choices = self._choices
        rows.show(Pane("", tuple(choice.row for choice in self._choices)))
        rows.cursor = next((n for n, choice in enumerate(self._choices) if choice.value is not None), 0)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if not self._lazily:
            self.fill(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if self._lazily:
            self.fill(event.value)
            self.query_one(LineList).focus()
        else:
            self.query_one(LineList).action_choose()

    def on_key(self, event: object) -> None:
        """Up and down move the row cursor from the filter line too."""
        key = getattr(event, "key", "")
        if isinstance(self.focused, Filter) and key in {"up", "down", "pageup", "pagedown"}:
            rows = self.query_one(Choices)
            if key in ("up", "down"):
                (rows.action_cursor_up if key == "up" else rows.action_cursor_down)()
            else:
                rows.action_page(-1 if key == "pageup" else 1)

    @on(Chosen)
    def _chosen(self, event: Chosen) -> None:
        event.stop()
        if 0 <= event.row < len(self._choices) and self._choices[event.row].value is not None:
            self.dismiss(self._choices[event.row].value)

    def action_close(self) -> None:
        """Close without choosing."""
        self.dismiss(None)
