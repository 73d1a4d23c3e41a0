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

#: Beads drawn at most.
BEADS: Final = 6


def anon_vmas(session: Session, subject: Subject | None) -> Pane:
    """The anon_vmas in order of their making: number, VMAs on the list, the list."""
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
        name = (pad(f"anon_vma {number}", 12), "accent" if number == pointed else "anon_vma")
        return Row(
            (*line(name, f"{len(anon_vma.vmas):>5,}  "), *beads(anon_vma, lit)),
            ("anon_vma", number),
            subject=chosen == ("anon_vma", number),
            current=step is not None and step.anon_vma == number,
            explain="anon_vma",
        )

    rows = Rows(len(lists), make) if lists else _nothing()
    nbytes = machine.ledger.by_kind().get("anon_vma", 0)
    focus = next((n for n, a in enumerate(lists) if chosen == ("anon_vma", a.id) or a.id == pointed), None)
    return Pane("anon_vma lists", rows, f"{count(len(lists), 'list')} · {size(nbytes)}", focus)


def beads(anon_vma: AnonVma, lit: set[int]) -> tuple[Span, ...]:
    """``●─●─●``, head of the list first; the VMAs of `lit` stand out."""
    parts: list[tuple[str, str]] = []
    for vma in islice(anon_vma.vmas, BEADS):
        if parts:
            parts.append(("─", "line"))
        parts.append((char("list_node"), "accent" if vma.id in lit else "vma"))
    if len(anon_vma.vmas) > BEADS:
        parts.append(("─…", "dim"))
    return line(*parts)


def _nothing() -> tuple[Row, ...]:
    return (
        Row(line(("none yet", "dim"))),
        Row(line(("made when a page is shared", "dim"))),
    )
