"""Places in time to choose from: commands, sections, marks, branches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from vmtui.tui.screens.chooser import Choice, plain
from vmtui.view.model import Row, Span, line

if TYPE_CHECKING:
    from vmtui.tui.desk import Desk

NEWEST = 2_000
"""Commands that are listed at most, those around now."""


@frozen
class ToItem:
    """Go to an item of the script, playing up to it if need be."""

    index: int


@frozen
class ToBranch:
    """Go to the end of a branch."""

    name: str


@frozen
class ToMoment:
    """Go to a step of a branch."""

    branch: str
    cursor: int


Destination = int | ToItem | ToBranch | ToMoment
"""Where to go; a number is a step of this branch."""


def destinations(desk: Desk) -> tuple[list[Choice], int]:
    """Sections, marks, commands and branches; and the row of where we are."""
    choices: list[Choice] = []
    if desk.script is not None and desk.script.sections:
        choices.append(Choice(plain("Sections", "title")))
        for index, heading in desk.script.sections:
            choices.append(Choice(_row("   ", heading), ToItem(index)))
    if desk.marks:
        choices += [Choice(plain("Marks", "title")), *marks(desk)]
    if len(desk.session.branches) > 1:
        choices += [Choice(plain("Branches", "title")), *branches(desk)]
    choices.append(Choice(plain("Commands", "title")))
    start = len(choices)
    here = desk.session.command_at(desk.session.cursor)
    choices.append(Choice(_row("  0", "the machine just built", current=here is None), 0))
    now = here.number if here is not None else 0
    first = max(0, now - NEWEST // 2)
    for done in desk.session.commands[first : first + NEWEST]:
        current = here is not None and done.number == here.number
        start = len(choices) if current else start
        role = "error" if done.error is not None else "text"
        choices.append(
            Choice(_row(f"{done.number + 1:>3}", done.text, role=role, current=current), done.last)
        )
    return choices, start


def marks(desk: Desk) -> list[Choice]:
    """The marks, in the order in which they were set."""
    return [
        Choice(
            _row(f"  {mark.name}", f"step {mark.cursor} in all, on {mark.branch}"),
            ToMoment(mark.branch, mark.cursor),
        )
        for mark in desk.marks
    ]


def branches(desk: Desk) -> list[Choice]:
    """The branches, the one we are on marked."""
    here = desk.session.branch.name
    choices = []
    for branch in desk.session.branches:
        whence = f"from command {branch.at} of {branch.parent}" if branch.parent is not None else "the first"
        last = branch.commands[-1] if branch.commands else "nothing yet"
        row = Row(
            line(
                (f"  {branch.name:<6}", "branch"),
                f"{whence}, {len(branch.commands)} commands",
                (f" · the last: {last}", "dim"),
            ),
            current=branch.name == here,
        )
        choices.append(Choice(row, ToBranch(branch.name)))
    return choices


def _row(head: str, text: str, *, role: str = "text", current: bool = False) -> Row:
    return Row((Span(f"{head}  ", "key"), Span(text, role)), current=current)


def heading_at(sections: Sequence[tuple[int, str]], index: int) -> str:
    """The section that an item stands in, empty before the first."""
    found = ""
    for first, heading in sections:
        if first > index:
            break
        found = heading
    return found
