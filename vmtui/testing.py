"""
For tests: of vmtui itself, and of scenarios that others write.

`play` runs a text without a screen and fails as a test fails; `lab` opens the app on one, headless.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from vmtui.player import Player
from vmtui.scenario.checks import CheckResult
from vmtui.scenario.script import Script, load
from vmtui.session import Session

if TYPE_CHECKING:
    from vmtui.tui.lab import Lab as Lab
    from vmtui.tui.lab import lab as lab

__all__ = ["Played", "lab", "play"]


@attrs.frozen
class Played:
    """
    A scenario that was played.

    Attributes:
        script: What was played.
        session: Its machine, at the end.
        player: Its player.
    """

    script: Script
    session: Session
    player: Player

    @property
    def results(self) -> list[CheckResult]:
        """Its expects, in order."""
        return self.player.results

    def value(self, expression: str) -> int | bool | str | None:
        """What an expression comes to now: ``played.value("walk.examined")``."""
        from vmtui.player import facts_of
        from vmtui.scenario.parser import parse_expression

        return parse_expression(expression).evaluate(facts_of(self.session, self.player.variables))


def play(source: Path | str, *, params: Mapping[str, int] | None = None, **options: Any) -> Played:
    """
    Play a scenario to its end.

    Args:
        source: A path, or a text; in a text of one line ``;`` separates the commands.

        params: Values for its params.

        options: Machine options, over the file's own.

    Raises:
        AssertionError: An expect failed.  All that did are named.
        KernelError: A command was refused where that was not expected.
        ScenarioErrors: It cannot be read.
    """
    script = load(source, params=params, **options)
    player = Player(Session(**script.options), script)
    while player.played < len(player.items):
        player.run_item()
        if player.refused is not None and player.refused.error is not None:
            raise player.refused.error
    failed = [result for result in player.results if result.holds is False]
    if failed:
        told = (f"{script.where(each.line)}: {each.text}: {each.sentence}" for each in failed)
        raise AssertionError("\n".join(told))
    return Played(script, player.session, player)


def __getattr__(name: str) -> object:
    """`lab`, which needs Textual, when it is asked for."""
    if name in ("lab", "Lab"):
        from vmtui.tui import lab as module

        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
