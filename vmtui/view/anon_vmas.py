"""Pane 3: the objects that hold lists of VMAs, each with its list as a strip of beads."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from vmtui.mm.mm_types import AnonVma
from vmtui.view.glyphs import char
from vmtui.view.model import Pane, Row, Rows, Span, line
from vmtui.view.now import step_at
from vmtui.view.subject import Subject, page_of, resolve
from vmtui.view.text import count, pad, size

if TYPE_CHECKING:
    from vmtui.session import Session

#: Cells of a row before its beads, and beads drawn at most.
_NAME: Final = 15
BEADS: Final = 24


def anon_vmas(session: Session, subject: Subject | None, width: int = 22) -> Pane:
    """The anon_vmas in order of their making: number, VMAs on the list, and in so many cells the list."""
    machine = session.machine
    lists = [*machine.anon_vmas]
    chosen = resolve(session, subject)
    step = step_at(session)
    pfn = page_of(session, subject) if chosen is not None and chosen[0] == "page" else 0
    pointed = 0
    if pfn and machine.scheme.live_member(machine.page(pfn)) == "anon_vma":
        pointed = machine.page(pfn).mapping
    lit = {step.vma if step is not None else 0, chosen[1] if chosen is not None and chosen[0] == "vma" else 0}

    def make(index: int) -> Row:
        anon_vma = lists[index]
        number = anon_vma.id
        name = (pad(f"anon_vma {number}", 10), "accent" if number == pointed else "anon_vma")
        return Row(
            (*line(name, f"{len(anon_vma.vmas):>4} "), *beads(anon_vma, lit, width - _NAME)),
            ("anon_vma", number),
            subject=chosen == ("anon_vma", number),
            current=step is not None and step.anon_vma == number,
            explain="anon_vma",
        )

    rows = Rows(len(lists), make) if lists else _nothing()
    nbytes = machine.ledger.by_kind().get("anon_vma", 0)
    focus = next((n for n, a in enumerate(lists) if chosen == ("anon_vma", a.id) or a.id == pointed), None)
    return Pane("anon_vma lists", rows, f"{count(len(lists), 'list')} · {size(nbytes)}", focus)


def beads(anon_vma: AnonVma, lit: set[int], room: int) -> tuple[Span, ...]:
    """``●─●─●`` in so many cells, head of the list first; the VMAs of `lit` stand out."""
    fit = max(1, min(BEADS, (room + 1) // 2))
    if len(anon_vma.vmas) > fit:
        fit = max(1, (room - 1) // 2)
    parts: list[tuple[str, str]] = []
    for vma in islice(anon_vma.vmas, fit):
        if parts:
            parts.append(("─", "line"))
        parts.append((char("list_node"), "accent" if vma.id in lit else "vma"))
    if len(anon_vma.vmas) > fit:
        parts.append(("─…", "dim"))
    return line(*parts)


def _nothing() -> tuple[Row, ...]:
    return (
        Row(line(("none yet: fork makes", "dim"))),
        Row(line(("the first one", "dim"))),
    )
