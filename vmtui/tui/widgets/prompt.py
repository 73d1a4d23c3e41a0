"""The prompt: one line of the command language, with completion and history.

It gets keys only while it is focused. Leaving it keeps its text; the text that a letter command writes into
it is an echo, which goes when something else happens or the prompt is focused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import var
from textual.suggester import Suggester
from textual.widgets import Input

from vmtui.tui import keymap
from vmtui.tui.messages import Entered

Completer = Callable[[str], Iterable[str]]
"""The whole lines that a line could become, best first."""


class _Completion(Suggester):
    """Suggests the best line that begins with what was typed."""

    def __init__(self, prompt: Prompt) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.prompt = prompt

    async def get_suggestion(self, value: str) -> str | None:
        """The first completion, None where there is none."""
        return next((line for line in self.prompt.candidates(value) if line.startswith(value)), None)


class Prompt(Input):
    """The command line. Enter posts `Entered`; Esc gives the focus back."""

    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.PROMPT)]

    echo = var(False)
    """True while the text is what a letter command wrote."""
    completer: Completer | None = None
    """Asked for completions."""

    def __init__(self, *, id: str | None = None, placeholder: str = "") -> None:
        super().__init__(id=id, placeholder=placeholder, compact=True, select_on_focus=False)
        self.suggester = _Completion(self)
        self.cursor_blink = False
        self.history: list[str] = []
        """Lines run, oldest first, no two neighbours alike."""
        self._at: int | None = None
        self._draft = ""
        self._cycle: tuple[str, list[str], int] | None = None

    def candidates(self, value: str) -> list[str]:
        """The whole lines that `value` could become."""
        if self.completer is None or not value.strip():
            return []
        return list(self.completer(value))

    def remember(self, line: str) -> None:
        """Put a line into the history."""
        line = line.strip()
        if line and (not self.history or self.history[-1] != line):
            self.history.append(line)
        self._at = None

    def write_echo(self, line: str) -> None:
        """Show the line that a key ran, as if it had been typed, and keep it in the history.

        A line that the user is in the middle of typing is not overwritten.
        """
        self.remember(line)
        if self.value and not self.echo:
            return
        self.value = line
        self.cursor_position = len(line)
        self.echo = True

    def write_half(self, line: str) -> None:
        """Put a half-typed command at the cursor's gap and take the focus."""
        self.echo = False
        self.value = line
        self.cursor_position = len(line)
        self.focus()

    def _on_focus(self, event: events.Focus) -> None:
        super()._on_focus(event)
        self.clear_echo()

    def clear_echo(self) -> None:
        """Something else happens: what a key wrote is over, what was typed stays."""
        if self.echo:
            self.value = ""
            self.echo = False

    async def _on_key(self, event: events.Key) -> None:
        if event.key != "tab":
            self._cycle = None
        self.clear_echo()
        await super()._on_key(event)

    async def action_submit(self) -> None:
        """Run the line."""
        line = self.value.strip()
        if not line:
            return
        self.remember(line)
        self.value = ""
        self.post_message(Entered(line))

    def action_recall(self, direction: int) -> None:
        """An older (-1) or newer (1) line of the history."""
        if not self.history:
            return
        if self._at is None:
            if direction > 0:
                return
            self._draft, self._at = self.value, len(self.history)
        self._at += direction
        if self._at >= len(self.history):
            self._at = None
            self.value = self._draft
        else:
            self._at = max(0, self._at)
            self.value = self.history[self._at]
        self.cursor_position = len(self.value)

    def action_complete(self) -> None:
        """Complete the line; again: the next line that fits. In an empty prompt: on to the next pane."""
        if self._cycle is not None and self.value == self._cycle[1][self._cycle[2]]:
            typed, lines, at = self._cycle
            at = (at + 1) % len(lines)
        else:
            typed = self.value
            lines = self.candidates(typed)
            at = 0
            if not lines:
                if not typed:
                    self.screen.focus_next()
                return
        self._cycle = (typed, lines, at)
        self.value = lines[at]
        self.cursor_position = len(self.value)

    def action_leave(self) -> None:
        """Give the focus back to the pane that had it; the text stays."""
        self.screen.set_focus(None)
        self.post_message(Left())


class Left(Message):
    """The prompt was left with Esc."""
