"""What the walk at the cursor has found so far, laid over the picture of its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from vmtui.mm.step import CANDIDATE, HIT, WalkRecord
from vmtui.view.glyphs import char
from vmtui.view.text import count, width
from vmtui.view.trail import Examined, Going, SoFar, examined_at, trail_of, walks_at

if TYPE_CHECKING:
    from vmtui.session import Session


@attrs.frozen
class Overlay:
    """Outcomes of a walk by candidate row.

    Attributes:
        outcomes: Row → outcome, of the rows examined up to the cursor.
        steps: Row → the cursor position at which its outcome is known.
        active: The row whose candidate is being dealt with at the cursor; -1 for none.
        walking: There is a walk; without one nothing is dim.
        note: The counter line.
    """

    outcomes: Mapping[int, str] = attrs.field(factory=dict)
    steps: Mapping[int, int] = attrs.field(factory=dict)
    active: int = -1
    walking: bool = False
    note: str = ""

    @property
    def last(self) -> int:
        """The row examined last; -1 for none."""
        if isinstance(self.outcomes, SoFar):
            return len(self.outcomes) - 1
        return max(self.outcomes, default=-1)

    def hits(self, start: int, stop: int) -> int:
        """How many rows from `start` to `stop` are hits."""
        if isinstance(self.outcomes, SoFar):
            return self.outcomes.hits(start, stop)
        return sum(1 for row, outcome in self.outcomes.items() if start <= row < stop and outcome == HIT)


def overlay(
    session: Session,
    pfn: int,
    total: int = 0,
    row_of: Mapping[int, int] | None = None,
    *,
    of_vma: bool = False,
) -> Overlay:
    """The last walk over a frame that the command at the cursor has begun; `total` candidates in all.

    Args:
        row_of: Where a row is an mm and not one candidate, the row of each mm; it is a hit once it had one.
        of_vma: A row is a VMA, likewise.
    """
    done = session.command_at(session.cursor)
    walk = next((walk for walk in reversed(walks_at(session)) if walk.page == pfn), None)
    if done is None or walk is None:
        return Overlay()
    note = counter(walk, total)
    if done.quiet:
        return Overlay(note=note)

    if row_of is None:
        trail = trail_of(session, done, walk)
        examined = examined_at(trail, session.cursor)
        active = examined - 1 if walk.stopped is None else -1
        return Overlay(SoFar(trail, examined), Examined(trail.cursors, examined), active, True, note)

    outcomes: dict[int, str] = {}
    steps: dict[int, int] = {}
    active = -1
    for cursor in range(done.first + walk.first + 1, min(done.first + walk.last, session.cursor) + 1):
        step = session.steps[cursor - 1].step
        outcome = step.outcome
        if outcome in CANDIDATE:
            number = step.vma if of_vma else step.mm
            row = row_of.get(number, 0)
            if outcomes.get(row) == HIT:
                outcome = HIT
            outcomes[row], steps[row] = outcome, cursor
            active = row if walk.stopped is None else -1
    return Overlay(outcomes, steps, active, True, note)


def counter(walk: WalkRecord | Going, total: int = 0) -> str:
    """The counter line of a walk: how far it is, or what it came to."""
    hits, misses = count(walk.hits, "hit"), count(walk.misses, "miss", "misses")
    if walk.stopped is None:
        if not walk.examined:
            return count(total, "candidate") if total else ""
        where = f"{ordinal(walk.examined)} of {total:,}" if total else ordinal(walk.examined)
        return f"{where} · {hits} · {misses}"
    nodes, ptes = count(walk.nodes, "node"), count(walk.ptes, "pte")
    return f"examined {walk.examined:,} = {hits} + {misses} · {nodes} · {ptes}"


def last_counter(session: Session, room: int = 0) -> str:
    """The counter line of the last walk of the command at the cursor; "" where there is none.

    Args:
        room: Cells there are; in fewer than it needs, signs stand for the words. 0: no matter.
    """
    walks = walks_at(session)
    if not walks:
        return ""
    walk, machine = walks[-1], session.machine
    going_on = walk.stopped is None
    total = machine.scheme.picture(machine.page(walk.page), 0, 0).total if going_on else 0
    text = counter(walk, total)
    if not room or width(text) <= room or not walk.examined:
        return text
    found = f"{walk.hits:,} {char('hit')}", f"{walk.misses:,} {char('miss')}"
    if going_on:
        return " · ".join((text.partition(" · ")[0], *found))
    return f"examined {walk.examined:,} = {' + '.join(found)}"


def ordinal(number: int) -> str:
    """``1st``, ``2nd``, ``3rd``, ``11th``."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"
