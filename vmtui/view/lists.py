"""Pane 3: the objects that hold lists, each with its list as a strip of beads."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Final

from vmtui.mm.rmap.lists import BORDER, Group, ObjectList
from vmtui.mm.step import Ref
from vmtui.view.glyphs import char
from vmtui.view.model import Pane, Row, Rows, Span, line
from vmtui.view.now import step_at
from vmtui.view.subject import Subject, page_of, page_place, resolve
from vmtui.view.text import count, pad, size, wrap

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine
    from vmtui.session import Session

#: Cells from which a pane is wide; those of a name and of the number behind it, in a wide pane and a narrow
#: one, and of pages, whose names are short and whose chains want room.
_WIDE: Final = 54
_SHARES: Final = (18, 5), (10, 5), (8, 3)
#: Cells of an edge that no text takes.
_EDGE: Final = 4
#: Beads drawn at most.
BEADS: Final = 64


def lists(session: Session, subject: Subject | None, width: int = 22) -> Pane:
    """The lists of the scheme's kernel: object, how many hang on it, and in so many cells the list."""
    machine = session.machine
    kinds = machine.scheme.lists()
    ends = list(accumulate(len(kind) for kind in kinds))
    chosen = resolve(session, subject)
    pfn = page_of(session, subject) if chosen is not None and chosen[0] == "page" else 0
    pointed = machine.scheme.live_target(machine.page(pfn))[0] if pfn else None
    step = step_at(session)
    touched = step.refs if step is not None else ()
    lit = {ref for ref in (*touched, chosen) if ref is not None and ref[0] != "page"}

    wide = width >= _WIDE

    def make(index: int) -> Row:
        at = bisect_right(ends, index)
        kind = kinds[at]
        number = int(kind.ids[index - (ends[at - 1] if at else 0)])
        drawn = kind.make(number)
        name, digits = _SHARES[0 if wide else 2 if kind.kind == "page" else 1]
        role = "accent" if drawn.ref is not None and drawn.ref in (pointed, chosen) else "anon_vma"
        return Row(
            (
                *line((pad(_name(machine, drawn, wide=wide), name), role), f"{drawn.length:>{digits - 1}} "),
                *beads(drawn.groups, drawn.length, lit, width - name - digits),
            ),
            drawn.ref,
            subject=drawn.ref is not None and drawn.ref == chosen,
            current=drawn.ref in touched,
            explain=kind.topic,
        )

    full = [kind for kind in kinds if len(kind)]
    none = tuple(Row(line((said, "dim"))) for said in wrap(kinds[0].empty, width))
    rows = Rows(ends[-1], make) if full else none
    titles = [kind.title for kind in full or kinds[:1]]
    said = [count(len(kind), kind.noun) for kind in full or kinds[:1]]
    note = _note(said, sum(kind.nbytes for kind in kinds), machine, width)
    focus = None
    for at, kind in enumerate(kinds):
        found = max(kind.find(chosen), kind.find(pointed))
        if found >= 0 and focus is None:
            focus = found + (ends[at - 1] if at else 0)
    return Pane(_fitting([" · ".join(titles), titles[0]], width), rows, note, focus)


def _fitting(texts: list[str], columns: int) -> str:
    """The first text that the edge of the pane has room for, or the last."""
    return next((text for text in texts if len(text) <= columns - _EDGE), texts[-1])


def _note(counts: list[str], held: int, machine: Machine, columns: int) -> str:
    """How many lists, and their bytes beside those of the whole reverse map, as the top line has them.

    The rest are members of VMAs and mms.  With slabs, lists take whole frames, as only the ledger counts.
    """
    whole = machine.scheme.reverse_map_bytes()
    took, name = size(held), f"rmap {size(whole)}"
    if machine.options.slab:
        took = name = f"{took} in slabs"
    elif held != whole:
        took = f"{took} of {name}"
    else:
        name = took
    forms = [[*counts, took], [counts[0], took], [counts[0], name], [name]]
    return _fitting([" · ".join(form) for form in forms], columns)


def _name(machine: Machine, drawn: ObjectList, *, wide: bool) -> str:
    """A page by a place it is mapped at, in a narrow pane without the process; else the object's own name."""
    if drawn.ref is None or drawn.ref[0] != "page":
        return drawn.title
    place = page_place(machine, drawn.ref[1])
    return (place if wide else place.partition(".")[2] or place) or drawn.title


def beads(groups: Iterable[Group], length: int, lit: set[Ref], room: int) -> tuple[Span, ...]:
    """``●─●─●`` in so many cells, head of the list first; what is in `lit` stands out.

    Elements that share a node stand together, slot by slot where there is room: ``···●●─●●●●●``.
    """
    head = list(islice(groups, min(BEADS, max(1, room)) + 1))
    nodes = any(len(group) > 1 for group in head)
    if nodes and length <= len(head) and sum(map(len, head)) + length - 1 <= room:
        return _joined([_slots(group, lit) for group in head], more=False)
    drawn = [(_node(group, lit),) if nodes else _slots(group, lit) for group in head]
    bordered = BORDER in head
    fit = max(1, min(BEADS, (room + 1) // 2))
    whole = length + bordered <= fit
    if not whole:
        fit = max(1, (room - 1) // 2)
    return _joined(drawn[:fit], more=not whole)


def _joined(groups: list[tuple[tuple[str, str], ...]], *, more: bool) -> tuple[Span, ...]:
    parts: list[tuple[str, str]] = []
    for number, group in enumerate(groups):
        if number:
            parts.append(("─", "line") if group and groups[number - 1] else (" ", "line"))
        parts += group or (("┆", "line"),)
    return line(*parts, *((("─…", "dim"),) if more else ()))


def _slots(group: Group, lit: set[Ref]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (char("list_free"), "free")
        if ref is None
        else (char("list_node"), "accent" if ref in lit else "pte" if ref[0] == "pte" else ref[0])
        for ref in group
    )


def _node(group: Group, lit: set[Ref]) -> tuple[str, str]:
    role = "accent" if any(ref in lit for ref in group) else "pte"
    return char("list_part" if None in group else "list_node"), role
