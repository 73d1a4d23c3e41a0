"""
Random programs, played on both sides until the time is up or a difference is found.

A difference is cut down to the fewest commands that still show it, and is a scenario then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final

import attrs

from vmtui.live.abilities import Abilities
from vmtui.live.errors import NoiseError
from vmtui.live.premises import Premises
from vmtui.live.programs import program, scenario_lines
from vmtui.live.verify import Verification, play_on
from vmtui.mm.kernel import Options
from vmtui.scenario.script import Script, load

__all__ = ["Found", "Tally", "fuzz", "shortest"]

SIZE: Final = 40
"""Commands of a program."""


@attrs.define
class Tally:
    """What was done: programs, commands and pages compared, and programs that met noise."""

    programs: int = 0
    commands: int = 0
    pages: int = 0
    noisy: int = 0

    @property
    def text(self) -> str:
        """In a line."""
        noise = f"; {self.noisy:,} met noise" if self.noisy else ""
        compared = f"{self.programs:,} programs, {self.commands:,} commands, {self.pages:,} pages compared"
        return compared + noise

    def count(self, found: Verification) -> None:
        """Take in a program."""
        self.programs += 1
        self.commands += len(found.rows)
        self.pages += found.pages


@attrs.frozen
class Found:
    """
    A difference.

    Attributes:
        number: The program's, from 0.
        text: The shortest scenario that shows it.
        verification: How that fared.
    """

    number: int
    text: str
    verification: Verification


def fuzz(
    abilities: Abilities,
    options: Mapping[str, Any],
    *,
    seconds: float,
    seed: int,
    tally: Tally,
    size: int = SIZE,
    tell: Callable[[str], None] = lambda text: None,
) -> Found | None:
    """
    Play random programs for so long.

    Args:
        options: Of the machine.

        seed: The same gives the same programs.

        tell: Is called with a sentence if another run has to be waited for.

        tally: Kept up to date, so that it tells how far this came if it is interrupted.

    Returns:
        The first difference, shortened; None if there was none.
    """
    end = time.monotonic() + seconds
    with Premises(abilities, tell=tell) as premises:
        number = 0
        while time.monotonic() < end:
            commands = program(Random(f"{seed}-{number}"), options, size)
            found = _differs(premises, commands, options, tally)
            if found is not None:
                tally.count(found)
                text = _shortened(premises, commands, options, tally, found)
                return Found(number, _titled(text, seed, number), _verified(premises, text))
            number += 1
    return None


def _shortened(
    premises: Premises, commands: list[str], options: Mapping[str, Any], tally: Tally, found: Verification
) -> str:
    """The fewest of the commands that still differ in one of the fields that differed first."""
    fields = _fields(found)
    unheard = Tally()

    def still(kept: Sequence[str]) -> bool:
        again = _differs(premises, kept, options, unheard)
        return again is not None and bool(_fields(again) & fields)

    kept = shortest(commands, still)
    tally.noisy += unheard.noisy
    return _text(kept, options)


def shortest(commands: Sequence[str], still: Callable[[Sequence[str]], bool]) -> list[str]:
    """
    Fewer commands of which `still` holds: none of them can be left out any more.

    Args:
        still: Whether commands show what is looked for; holds of `commands`.
    """
    kept = list(commands)
    length = max(len(kept) // 2, 1)
    while True:
        shrunk = False
        start = len(kept)
        while start > 0:
            first = max(start - length, 0)
            without = kept[:first] + kept[start:]
            if still(without):
                kept, shrunk = without, True
            start = first
        if length == 1 and not shrunk:
            return kept
        length = max(length // 2, 1)


def _differs(
    premises: Premises, commands: Sequence[str], options: Mapping[str, Any], tally: Tally
) -> Verification | None:
    """How commands fared, if both sides differ, and again when it is tried once more."""
    script = load(_text(commands, options))
    for _ in range(2):
        try:
            found = play_on(premises, script)
        except NoiseError:
            tally.noisy += 1
            continue
        if found.agrees:
            tally.count(found)
            return None
        again = _again(premises, script)
        if again is not None:
            return again
        tally.noisy += 1
    return None


def _again(premises: Premises, script: Script) -> Verification | None:
    try:
        found = play_on(premises, script)
    except NoiseError:
        return None
    return None if found.agrees else found


def _verified(premises: Premises, text: str) -> Verification:
    return play_on(premises, load(text))


def _fields(found: Verification) -> set[str]:
    """The fields that differ in the first row that does."""
    row = next((row for row in found.rows if row.differences), None)
    return {difference.field for difference in row.differences} if row is not None else {"refused"}


def _text(commands: Sequence[str], options: Mapping[str, Any]) -> str:
    lines = [f"machine {Options.parse(options).text}", *scenario_lines(commands, options)]
    return "".join(f"{line}\n" for line in lines)


def _titled(text: str, seed: int, number: int) -> str:
    return f"title A difference found by chance\n# vmtui verify --fuzz, seed {seed}, program {number}\n{text}"
