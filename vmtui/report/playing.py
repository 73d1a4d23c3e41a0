"""Playing a scenario to its end without a screen, one event an item."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from vmtui.errors import KernelError
from vmtui.player import Player
from vmtui.scenario.checks import CheckResult
from vmtui.scenario.items import Card, CheckError, Item, Run, Section
from vmtui.session import Done

__all__ = ["Event", "Tally", "events"]


@attrs.frozen
class Event:
    """
    An item that was played.

    Attributes:
        item: The item.
        done: The command it ran.
        result: The expect it was.
        text: What it says.
    """

    item: Item
    done: Done | None = None
    result: CheckResult | None = None
    text: str = ""

    @property
    def refused(self) -> KernelError | None:
        """The refusal that ends the play; None if there is none, or it was expected."""
        return self.done.error if self.done is not None and isinstance(self.item, Run) else None


@attrs.define
class Tally:
    """How the expects fared."""

    passed: int = 0
    failed: int = 0
    not_applicable: int = 0
    refused: KernelError | None = None

    def count(self, event: Event) -> None:
        """Take in an event."""
        self.refused = self.refused or event.refused
        if event.result is not None:
            self.passed += event.result.holds is True
            self.failed += event.result.holds is False
            self.not_applicable += event.result.holds is None

    @property
    def ok(self) -> bool:
        """Whether every expect holds and nothing was refused."""
        return not self.failed and self.refused is None


def events(player: Player) -> Iterator[Event]:
    """
    Play to the end, or to the first command that is refused where it should not be.

    Between two events the session's cursor stands at the end of what was played.
    """
    while player.played < len(player.items):
        index = player.played
        item = player.items[index]
        results = len(player.results)
        done = player.run_item()
        result = player.results[-1] if len(player.results) > results else None
        text = ""
        if isinstance(item, Card):
            text = player.card or ""
        elif isinstance(item, Section):
            text = item.text
        event = Event(item, done if isinstance(item, Run | CheckError) else None, result, text)
        yield event
        if event.refused is not None:
            return
