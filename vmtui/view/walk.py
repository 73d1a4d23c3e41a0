"""Pane 7: what the command at the cursor has done so far: its steps, and the candidates of its walks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

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
from vmtui.view.model import Pane, Row, Rows, Span, line
from vmtui.view.overlay import last_counter
from vmtui.view.subject import Subject, page_of
from vmtui.view.text import wrap

if TYPE_CHECKING:
    from vmtui.session import Session


#: Cells of a step's sign, and of the blanks beside it.
_SIGN: Final = 3
#: What is said of a candidate, by outcome, behind its sign.
_SHORT: Final = {
    HIT: "{who} maps {page:#x}",
    MISS_PFN: "{who} has {other:#x}",
    MISS_NOPTE: "{who}: empty or swapped",
    MISS_NOTABLE: "{who}: no page table",
    MISS_RANGE: "{who}: outside",
}


def walk(session: Session, subject: Subject | None, room: int = 0, width: int = 0) -> Pane:
    """One row a step, up to the cursor; each row goes to its step.

    Args:
        room: Cells for the note below; 0: no matter.
        width: Cells of a row: what the last step says goes on in rows of its own; 0: no matter.
    """
    done = session.command_at(session.cursor)
    if done is None:
        return Pane("Walk", (Row(line(("no command has run yet", "dim"))),))
    first, cursor = done.first, session.cursor
    pfn = page_of(session, subject)
    digits = len(str(max(1, done.last - first)))

    last = session.steps[cursor - 1].step if cursor > first else None
    said = wrap(short(last), width - digits - _SIGN) if last is not None and width > digits + _SIGN else [""]

    def make(index: int) -> Row:
        number = first + min(index + 1, cursor - first)
        step = session.steps[number - 1].step
        more = index + 1 - (number - first)
        text = said[more] if number == cursor and len(said) > 1 else short(step)
        row = step_row(step, number, number - first, digits, now=number == cursor, pfn=pfn, text=text)
        rest = (Span(" " * (digits + _SIGN)), Span(text, row.spans[-1].role))
        return attrs.evolve(row, spans=rest) if more else row

    note = last_counter(session, room) or f"step {cursor - first} of {done.last - first}"
    rows = cursor - first + len(said) - 1
    return Pane(f"Walk · {done.text}", Rows(rows, make), note, max(0, rows - 1))


def step_row(
    step: Step, cursor: int, number: int, digits: int, *, now: bool, pfn: int = 0, text: str = ""
) -> Row:
    """A step in a line: number, sign, sentence, or as much of it as `text`."""
    name, role = sign(step)
    said = role if name != "step" else "accent" if now else "text" if step.page in (0, pfn) else "dim"
    spans = line((f"{number:>{digits}} ", "lineno"), (f"{char(name)} ", role), (text or short(step), said))
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
