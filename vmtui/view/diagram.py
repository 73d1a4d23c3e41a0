"""Pane 2: the reverse map of the subject's page, with what the walk at the cursor has found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmtui.mm.page import ZERO_PFN, PG_table
from vmtui.mm.rmap.scheme import Picture
from vmtui.mm.step import Ref
from vmtui.view.canvas import BoxCanvas
from vmtui.view.figure import Figure, arrange, named
from vmtui.view.model import Diagram
from vmtui.view.overlay import overlay
from vmtui.view.plan import plan
from vmtui.view.subject import Subject, describe, name_of, page_of, page_place, resolve
from vmtui.view.text import cut, width

if TYPE_CHECKING:
    from vmtui.session import Session

#: Candidate rows asked for at first: more than any screen shows as boxes.
_ROWS = 48


def diagram(session: Session, subject: Subject | None, columns: int, lines: int) -> Diagram:
    """The reverse map of the subject's page in exactly `columns` × `lines` cells."""
    size = (max(1, columns), max(1, lines))
    if subject is None:
        return blank("Reverse map", ("Choose a page, a VMA or a process: Enter or click.",), size)
    pfn = page_of(session, subject)
    name = name_of(session, subject)
    if not pfn:
        return blank(
            f"Reverse map of {name}", (describe(session, subject), "No frame, so nobody to look for."), size
        )
    if pfn == ZERO_PFN:
        said = ("The zero page: mapped by all who only read.", "It is not reverse-mapped.")
        return blank(f"Reverse map of {name}", said, size)
    page = session.machine.page(pfn)
    if page.test(PG_table):
        return blank(f"Reverse map of {name}", ("This frame holds a page table.", "Nobody maps it."), size)

    scheme = session.machine.scheme
    place = subject.place if subject.kind == "page" else ""
    place = place or page_place(session.machine, pfn)
    names: dict[Ref, str] = {("page", pfn): place} if place else {}
    picture = scheme.picture(page, 0, _ROWS)
    if picture.per_mm or picture.per_vma:
        found = overlay(session, pfn, 0, row_of_number(picture), of_vma=picture.per_vma)
    else:
        found = overlay(session, pfn, picture.total)
    layout, again = arrange(named(picture, names), size, found.last)
    if again:
        picture = scheme.picture(page, layout.first, layout.count)
    picture = named(picture, names)
    # The rows in view may be wider or narrower than those the form was chosen by.
    layout = plan(picture, layout.form, layout.count, layout.first, size)
    figure = Figure(picture, layout, size, found, resolve(session, subject))
    rows = figure.draw()
    return Diagram(f"Reverse map of {place or f'frame {pfn:#x}'}", rows, found.note, figure.boxes())


def row_of_number(picture: Picture) -> dict[int, int]:
    """The row of each mm, or VMA, in a picture whose rows are such."""
    return {number: row for row, number in enumerate(picture.order)}


def blank(title: str, said: tuple[str, ...], size: tuple[int, int]) -> Diagram:
    """A diagram that only says something, in its middle."""
    canvas = BoxCanvas(*size)
    y = max(0, (size[1] - len(said)) // 2)
    for number, line in enumerate(said):
        text = cut(line, size[0])
        canvas.text((size[0] - width(text)) // 2, y + number, text, "text" if number == 0 else "dim")
    return Diagram(title, canvas.rows())
