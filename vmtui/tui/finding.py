"""What ``/`` finds: a place, a name, the value of an expression, and the pages of which one is true."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from vmtui.errors import ScenarioError, VmtuiError
from vmtui.player import facts_of
from vmtui.scenario.expressions import Expr, Observable, Variable
from vmtui.scenario.nodes import subnodes
from vmtui.scenario.observables import PageValue, TaskValue
from vmtui.scenario.parser import parse_expression, parse_place
from vmtui.scenario.places import LabelPlace, PfnPlace, Place, find_range
from vmtui.scenario.suggest import closest
from vmtui.scenario.values import show_value
from vmtui.tui.naming import subject_named
from vmtui.tui.screens.chooser import Choice, Source, plain
from vmtui.view.find import LIMIT, Found, columns_in, find_pages, pages_in, pages_that
from vmtui.view.model import Row
from vmtui.view.page_columns import COLUMNS
from vmtui.view.processes import matching
from vmtui.view.subject import Subject, describe

if TYPE_CHECKING:
    from vmtui.tui.desk import Desk

HINT: Final = "sh.heap[3] · swapped · mapcount > 1 and anon · part of a name"
EXAMPLES: Final = (
    ("sh.heap[3]", "a page: its frame, or its slot"),
    ("swapped", "all pages of which that is true"),
    ("mapcount > 1 and not dirty", "the same, put together"),
    ("sh.heap[3].young", "a value, as expect reads it"),
)
_NO_NAME: Final = re.compile(r"[<>=!.:\[(]|\b(and|or|not)\b")
"""What makes a text more than a fragment of a name, so that why it cannot be read is worth saying."""


def finder(desk: Desk) -> Source:
    """The choices for what is typed; nothing typed: every process and VMA."""

    def source(typed: str) -> Sequence[Choice]:
        typed = typed.strip()
        names = [Choice(row, Subject.of(row.ref)) for row in matching(desk.session, typed, LIMIT)]
        if not typed:
            return names
        try:
            found = [*_place(desk, typed), *names, *_said(desk, typed, bool(names))]
        except VmtuiError as error:
            text = error.hinted if isinstance(error, ScenarioError) else error.message
            found = names or [Choice(plain(text, "warn"))]
        return found or [*_nothing(typed), *_examples()]

    return source


def _place(desk: Desk, typed: str) -> list[Choice]:
    """The page of that place and where it is, the frame of that number, or all pages of a range.

    Raises:
        PlaceError: its process has no such page.
    """
    place = _as_place(typed)
    if place is None or (isinstance(place, LabelPlace) and place.slice is None):
        return []  # a process or a VMA is among the names
    session = desk.session
    if not isinstance(place, PfnPlace):
        where = find_range(session.machine, place)
        if place.is_range:
            return _list(pages_in(session, where))
    subject = subject_named(session, typed)
    return [Choice(plain(describe(session, subject)), subject)] if subject is not None else []


def _as_place(typed: str) -> Place | None:
    try:
        return parse_place(typed)
    except VmtuiError:
        return None


def _said(desk: Desk, typed: str, named: bool) -> list[Choice]:
    """What an expression comes to, and of which pages it is true.

    Args:
        named: There is something whose name holds it: that it is no expression needs no words.

    Raises:
        VmtuiError: it has no value.
    """
    try:
        expr = parse_expression(typed)
    except VmtuiError:
        if named or not _NO_NAME.search(typed) or _as_place(typed) is not None:
            return []
        raise
    if isinstance(expr, Variable) and expr.name not in COLUMNS:
        return []
    if columns_in(expr):
        return _list(find_pages(desk.session, typed))
    return _value(desk, expr)


def _value(desk: Desk, expr: Expr) -> list[Choice]:
    """The value of an expression that reads the machine, and what it reads it of."""
    session = desk.session
    observed = [node for node in subnodes(expr) if isinstance(node, Observable)]
    if not observed:
        return []
    facts = facts_of(session, desk.player.variables if desk.player is not None else None)
    if isinstance(expr, PageValue) and expr.is_range:
        return _list(pages_that(session, expr, facts))
    choices = [Choice(plain(f"{expr} is {show_value(expr.evaluate(facts))}", "title"))]
    read = dict.fromkeys(_read_of(node) for node in observed)
    for subject in (subject_named(session, name) for name in read if name):
        if subject is not None:
            choices.append(Choice(plain(describe(session, subject)), subject))
    return choices


def _read_of(node: Observable) -> str:
    """The page, VMA or process that an observable is read of; empty for the machine."""
    if isinstance(node, PageValue):
        return str(node.place)
    return str(node.task) if isinstance(node, TaskValue) else ""


def _list(found: Found) -> list[Choice]:
    """How many pages, and the first of them."""
    choices = [Choice(plain(found.summary, "title"))]
    choices += [Choice(_quiet(row), Subject.of(row.ref, row.place)) for row in found.rows]
    return choices


def _quiet(row: Row) -> Row:
    """A row without the marks of the pane that it comes from."""
    return Row(row.spans, row.ref, depth=row.depth, place=row.place)


def _nothing(typed: str) -> list[Choice]:
    near = closest(typed, COLUMNS)
    hint = f": did you mean {near}?" if near else ""
    return [Choice(plain(f"nothing has that name{hint}", "warn"))]


def _examples() -> list[Choice]:
    """What can be typed."""
    wide = max(len(text) for text, _ in EXAMPLES)
    return [Choice(plain(f"{text:<{wide}}  {meaning}", "dim")) for text, meaning in EXAMPLES]
