"""What `vmtui play` prints, as lines: text, one JSON object, or one a command."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from vmtui.errors import FaultError, VmtuiError, printable
from vmtui.player import Player
from vmtui.report import contract, text
from vmtui.report.playing import Event, Tally, events
from vmtui.scenario.places import Place
from vmtui.scenario.script import Script
from vmtui.scenario.state import state
from vmtui.session import Session

__all__ = ["Output", "Wanted"]


@attrs.frozen(kw_only=True)
class Wanted:
    """
    What is wanted beside the commands and the expects.

    Attributes:
        steps: Every step.
        state: The state after the ``last`` line, after ``all``, or after lines ``7,12``; None for no state.
        state_of: The pages of this place alone.
        runs: Equal neighbours among the pages folded.
    """

    steps: bool = False
    state: str | None = None
    state_of: Place | None = None
    runs: bool = False

    def after(self, line: int) -> bool:
        """Whether the state is wanted after each command of a line."""
        if self.state in (None, "last"):
            return False
        return self.state == "all" or line in {int(part) for part in self.state.split(",")}


class Output:
    """
    One play, told in one of three ways; each is an iterator of lines and plays as it is read.

    Attributes:
        tally: How the expects fared so far.
        complaint: Why the play stopped before its end; "" if it did not.
    """

    def __init__(self, script: Script, wanted: Wanted) -> None:
        self.script = script
        self.wanted = wanted
        self.session = Session(**script.options)
        self.player = Player(self.session, script)
        self.tally = Tally()
        self.complaint = ""

    def text(self) -> Iterator[str]:
        """Lines for a reader, those of one event together."""
        yield from text.opening(self.script, self.session)
        blank = False
        for event in self._events():
            where = self.script.where(event.item.line)
            lines = list(text.event_lines(event, self.session, where=where, steps=self.wanted.steps))
            if lines and blank and not lines[0]:
                del lines[0]
            if lines:
                yield "\n".join(lines)
                blank = not lines[-1]
            if self.wanted.after(event.item.line) and (event.done or event.result):
                yield json.dumps(self._state(), indent=2)
        if self.wanted.state == "last":
            yield json.dumps(self._state(), indent=2)
        closing = list(text.closing(self.tally, len(self.session.commands)))
        yield from closing[1:] if blank and not closing[0] else closing

    def json(self) -> Iterator[str]:
        """One object."""
        commands = list(self._entries())
        yield json.dumps(
            {
                **contract.heading(self.script, self.session.options),
                "commands": commands,
                **contract.summary(self.tally, self.session),
            }
        )

    def jsonl(self) -> Iterator[str]:
        """One object a command, as it happens; then the summary."""
        for entry in self._entries():
            yield json.dumps(entry)
        heading = contract.heading(self.script, self.session.options)
        yield json.dumps({**heading, **contract.summary(self.tally, self.session)})

    def _entries(self) -> Iterator[dict[str, Any]]:
        """Every command as the contract has it.  One is held back: the last one may get the state."""
        held: dict[str, Any] | None = None
        for event in self._events():
            state = self._state if self.wanted.after(event.item.line) else None
            entry = contract.command(event, self.session, steps=self.wanted.steps, state=state)
            if entry is None:
                continue
            if held is not None:
                yield held
            held = entry
        if held is not None:
            if self.wanted.state == "last":
                held["state"] = self._state()
            yield held

    def _events(self) -> Iterator[Event]:
        """The events, counted; a fault of our own becomes one that can be reproduced."""
        playing = events(self.player)
        while True:
            try:
                event = next(playing)
            except StopIteration:
                return
            except VmtuiError:
                raise
            except Exception as fault:
                machine = f"machine {self.session.options.text}"
                log = (machine, *(done.text for done in self.session.commands))
                raise FaultError(fault, log) from fault
            self.tally.count(event)
            if event.refused is not None and event.done is not None:
                where = self.script.where(event.item.line)
                self.complaint = f"{where}: {printable(event.done.text)}: {event.refused}"
            yield event

    def _state(self) -> Mapping[str, Any]:
        return state(self.session.machine, of=self.wanted.state_of, runs=self.wanted.runs)
