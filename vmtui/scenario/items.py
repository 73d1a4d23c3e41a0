"""What a scenario becomes when it is expanded: a flat list of things to do, one after the other."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from vmtui.scenario.commands import Command
from vmtui.scenario.expressions import Expr, Scope
from vmtui.scenario.lines import Expect, Say
from vmtui.scenario.names import Name, print_name
from vmtui.scenario.nodes import Value
from vmtui.scenario.places import Place

__all__ = ["Card", "Check", "CheckError", "Fold", "Item", "LetItem", "PauseItem", "Run", "Section", "Show"]


@attrs.frozen(kw_only=True)
class Item:
    """
    One thing to do.

    Attributes:
        line: The line of the file, from 1.
        loop: The loop variables it stands under, outermost first.
        params: The params of the file.
        quiet: It stands in ``quietly``.
    """

    line: int = 0
    loop: Mapping[str, int] = attrs.field(factory=dict)
    params: Mapping[str, Value] = attrs.field(factory=dict)
    quiet: bool = False

    @property
    def variables(self) -> Mapping[str, Value]:
        """The variables known before anything runs."""
        return {**self.params, **self.loop}


@attrs.frozen(kw_only=True)
class Card(Item):
    """
    What is said: adjacent ``say`` lines.

    Attributes:
        lines: The lines.
    """

    lines: tuple[Say, ...]

    def text(self, scope: Scope) -> str:
        """The card as it reads now."""
        return "\n".join(line.shown(scope) for line in self.lines)


@attrs.frozen(kw_only=True)
class Section(Item):
    """A section begins."""

    text: str


@attrs.frozen(kw_only=True)
class Run(Item):
    """A command to run; its params and loop variables are in place, its lets may not be."""

    command: Command


@attrs.frozen(kw_only=True)
class Check(Item):
    """Something to be checked."""

    expect: Expect


@attrs.frozen(kw_only=True)
class CheckError(Item):
    """A command that must be refused."""

    errno: str
    command: Command


@attrs.frozen(kw_only=True)
class LetItem(Item):
    """A value to keep."""

    name: str
    value: Expr


@attrs.frozen(kw_only=True)
class Show(Item):
    """A new subject."""

    subject: Place | Name

    @property
    def text(self) -> str:
        """The subject as it is typed."""
        return str(self.subject) if isinstance(self.subject, Place) else print_name(self.subject)


@attrs.frozen(kw_only=True)
class PauseItem(Item):
    """A stop."""


@attrs.frozen(kw_only=True)
class Fold(Item):
    """The end of ``quietly``: what ran since becomes one step."""
