"""Find pages: by a predicate over all of memory or over all that processes map, or by a range of places.

What struct page tells is looked for frame by frame; what an entry of a page table tells, process by process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
import numpy as np

from vmtui.mm.page import FIRST_PFN, PAGE_SIZE, flag_names
from vmtui.player import facts_of
from vmtui.scenario.expressions import Expr, Scope, Variable
from vmtui.scenario.nodes import subnodes
from vmtui.scenario.observables import PageValue
from vmtui.scenario.parser import parse_expression
from vmtui.scenario.places import Range, find_range
from vmtui.view.frames import page_spans
from vmtui.view.model import Row, Rows, line
from vmtui.view.page_columns import COLUMNS, OF_A_PLACE, Frames, entries_of, unknown
from vmtui.view.predicate import Predicate
from vmtui.view.subject import page_place, typed_place
from vmtui.view.text import count, pad

if TYPE_CHECKING:
    from vmtui.session import Session

#: Pages that are listed.
LIMIT: Final = 1000
#: Frames that are looked at together: few enough for their numbers to stay in a processor's cache.
SLICE: Final = 1 << 16
#: Entries of page tables that are looked at: a fraction of a second.
MOST: Final = 1 << 24
_NAME: Final = 16


@attrs.frozen
class Found:
    """Pages for which a predicate holds.

    Attributes:
        total: How many there are.
        rows: The first of them, made when they are looked at.
        of_places: A page counts once for each process that has it, not once.
        stopped: There were more entries than are looked at.
    """

    total: int
    rows: Rows[Row]
    of_places: bool = False
    stopped: bool = False

    @property
    def summary(self) -> str:
        """How many, and of which the list and the search are."""
        text = count(self.total, "page") + (" of processes" if self.of_places else "")
        if self.stopped:
            text += f" among the first {MOST:,} touched"
        return text + (f", the first {LIMIT:,}" if self.total > LIMIT else "")


def columns_in(expr: Expr) -> list[str]:
    """The names in an expression that stand for something of each page."""
    return [node.name for node in subnodes(expr) if isinstance(node, Variable)]


def find_pages(session: Session, predicate: str) -> Found:
    """The pages for which `predicate` holds: ``mapcount > 100``, ``anon and not direct``, ``swapped``.

    Raises:
        ScenarioError: it cannot be read.
        ExpressionError: it is no predicate over pages.
    """
    expr = parse_expression(predicate)
    names = columns_in(expr)
    for name in names:
        if name not in COLUMNS:
            raise unknown(name)
    scope = facts_of(session)
    if OF_A_PLACE.isdisjoint(names):
        return _frames(session, expr, scope)
    return _places(session, expr, scope)


def _frames(session: Session, expr: Expr, scope: Scope) -> Found:
    """The frames in use of which it is true."""
    machine = session.machine
    pfns: list[int] = []
    total = 0
    for first in range(0, machine.frames_total, SLICE):
        where = slice(first, min(first + SLICE, machine.frames_total))
        used = machine.mem_map.count.all[where] > 0
        # The first slice is looked at in any case: it says whether this is a predicate at all.
        if first and not used.any():
            continue
        holds = Predicate(Frames(machine, where).column, where.stop - where.start, scope).holds(expr)
        found = first + np.flatnonzero(holds & used)
        found = found[found >= FIRST_PFN]
        total += len(found)
        pfns += found[: LIMIT - len(pfns)].tolist()

    def make(index: int) -> Row:
        pfn = pfns[index]
        page = machine.page(pfn)
        place = page_place(machine, pfn)
        spans = line(
            (pad(f"{pfn:#x}", 8), "page"),
            pad(place, _NAME),
            (f" mapcount {page.mapcount:<4} ", "text"),
            (" ".join(flag_names(page.flags)), "dim"),
        )
        return Row(spans, ("page", pfn), place=place)

    return Found(total, Rows(len(pfns), make))


def _places(session: Session, expr: Expr, scope: Scope) -> Found:
    """The pages that processes have touched of which it is true, process by process."""
    kept: list[tuple[int, int]] = []
    total = looked = 0
    stopped = False
    for task in session.machine.tasks:
        for entries in entries_of(task.mm) if task.mm is not None and not stopped else ():
            holds = Predicate(entries.column, len(entries.addresses), scope).holds(expr)
            found = entries.addresses[holds]
            total += len(found)
            kept += [(entries.mm.id, address) for address in found[: LIMIT - len(kept)].tolist()]
            looked += len(entries.addresses)
            stopped = looked >= MOST
            if stopped:
                break
    return Found(total, _rows(session, kept), of_places=True, stopped=stopped)


def pages_in(session: Session, where: Range) -> Found:
    """The pages of a range of addresses, touched or not."""
    total = (where.end - where.start) // PAGE_SIZE
    first = [(where.mm.id, where.start + page * PAGE_SIZE) for page in range(min(total, LIMIT))]
    return Found(total, _rows(session, first))


def pages_that(session: Session, observable: PageValue, scope: Scope) -> Found:
    """The pages of a range that have something: ``sh.heap.swapped``, ``sh.heap[0:4].slot``."""
    where = find_range(session.machine, observable.place)
    values = scope.observe_range(observable)
    having = [page for page, value in enumerate(values) if value is not None and value is not False]
    first = [(where.mm.id, where.start + page * PAGE_SIZE) for page in having[:LIMIT]]
    return Found(len(having), _rows(session, first))


def _rows(session: Session, pages: list[tuple[int, int]]) -> Rows[Row]:
    """A line for each page of (mm, address): where it is, and what its entry says."""

    def make(index: int) -> Row:
        number, address = pages[index]
        mm = session.machine.mms.get(number)
        vma = mm.vmas.at(address) if mm is not None else None
        if mm is None or vma is None:
            return Row(line(("not mapped at this step", "dim")))
        place = typed_place(mm, address)
        name = pad(place, max(_NAME, len(place)))
        spans, pfn = page_spans(session.machine, vma, name, address, short=True)
        return Row(spans, ("page", pfn) if pfn else None, place=place)

    return Rows(len(pages), make)
