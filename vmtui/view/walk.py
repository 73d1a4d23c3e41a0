"""Pane 7: what the command at the cursor has done so far: its steps, and the candidates of its walks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vmtui.mm.step import (
    CANDIDATE,
    HIT,
    MISS_NOPTE,
    MISS_NOTABLE,
    MISS_PFN,
    MISS_RANGE,
    WALK,
    WALKED,
    Step,
)
from vmtui.view.glyphs import char, outcome_name
from vmtui.view.model import Pane, Row, Rows, line
from vmtui.view.overlay import last_counter
from vmtui.view.subject import Subject, page_of

if TYPE_CHECKING:
    from vmtui.session import Session


#: What is said of a candidate, by outcome, behind its sign.
_SHORT: Final = {
    HIT: "{who} maps {page:#x}",
    MISS_PFN: "{who} has {other:#x}",
    MISS_NOPTE: "{who}: empty or swapped",
    MISS_NOTABLE: "{who}: no page table",
    MISS_RANGE: "{who}: outside",
}


def walk(session: Session, subject: Subject | None, room: int = 0) -> Pane:
    """One row a step, up to the cursor; each row goes to its step.

    Args:
        room: Cells for the note below; 0: no matter.
    """
    done = session.command_at(session.cursor)
    if done is None:
        return Pane("Walk", (Row(line(("no command has run yet", "dim"))),))
    first, cursor = done.first, session.cursor
    pfn = page_of(session, subject)
    digits = len(str(max(1, done.last - first)))

    def make(index: int) -> Row:
        step = session.steps[first + index].step
        return step_row(step, first + index + 1, index + 1, digits, now=first + index + 1 == cursor, pfn=pfn)

    note = last_counter(session, room) or f"step {cursor - first} of {done.last - first}"
    return Pane(f"Walk · {done.text}", Rows(cursor - first, make), note, max(0, cursor - first - 1))


def step_row(step: Step, cursor: int, number: int, digits: int, *, now: bool, pfn: int = 0) -> Row:
    """A step in a line: number, sign, sentence."""
    name, role = sign(step)
    said = role if name != "step" else "accent" if now else "text" if step.page in (0, pfn) else "dim"
    spans = line((f"{number:>{digits}} ", "lineno"), (f"{char(name)} ", role), (short(step), said))
    ref = next(iter(step.refs), None)
    return Row(spans, ref, cursor, current=now, explain=step.outcome or name)


def short(step: Step) -> str:
    """A step's sentence for a narrow pane: what became of a candidate first, no frame said twice.

    The narration has the whole sentence.
    """
    who, text = step.values.get("who"), _SHORT.get(step.outcome)
    if who is not None and text is not None:
        return text.format(who=who, page=step.page, other=step.values.get("other", 0))
    return step.sentence.removeprefix(f"frame {step.page:#x}: ")


def sign(step: Step) -> tuple[str, str]:
    """The glyph and the role of a step."""
    if step.outcome in CANDIDATE:
        name = outcome_name(step.outcome)
        return name, name
    if step.outcome in (WALK, WALKED):
        return step.outcome, "accent"
    return "step", "dim"
