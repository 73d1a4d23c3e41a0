"""What ``/`` finds: a place, processes and VMAs by a fragment of their name, pages by a predicate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vmtui.errors import VmtuiError
from vmtui.tui.naming import subject_named
from vmtui.tui.screens.chooser import Choice, Source, plain
from vmtui.view.find import LIMIT, find_pages
from vmtui.view.model import Row
from vmtui.view.processes import matching
from vmtui.view.subject import Subject, describe

if TYPE_CHECKING:
    from vmtui.tui.desk import Desk

PREDICATE = re.compile(r"[<>=!]|\b(and|or|not)\b")
"""What makes a text a predicate, not a name."""


def finder(desk: Desk) -> Source:
    """The choices for what is typed; nothing typed: every process and VMA."""

    def source(typed: str) -> Sequence[Choice]:
        typed = typed.strip()
        if PREDICATE.search(typed):
            return _pages(desk, typed)
        return [*_place(desk, typed), *_names(desk, typed)] or [Choice(plain("nothing has that name", "dim"))]

    return source


def _place(desk: Desk, typed: str) -> list[Choice]:
    """The page of that place, or the frame of that number."""
    subject = subject_named(desk.session, typed) if typed else None
    if subject is not None and subject.kind != "page":
        return []  # it is among the names
    return [Choice(plain(describe(desk.session, subject)), subject)] if subject is not None else []


def _names(desk: Desk, typed: str) -> list[Choice]:
    """Processes and VMAs whose name holds what was typed; a VMA also by that of its process."""
    return [Choice(row, Subject.of(row.ref)) for row in matching(desk.session, typed, LIMIT)]


def _quiet(row: Row) -> Row:
    """A row without the marks of the pane that it comes from."""
    return Row(row.spans, row.ref, depth=row.depth, place=row.place)


def _pages(desk: Desk, typed: str) -> list[Choice]:
    """Pages for which the predicate holds."""
    try:
        found = find_pages(desk.session, typed)
    except VmtuiError as error:
        return [Choice(plain(error.message, "dim"))]
    head = f"{found.total:,} pages" + (f", the first {LIMIT:,}" if found.total > LIMIT else "")
    choices = [Choice(plain(head, "title"))]
    choices += [Choice(_quiet(row), Subject.of(row.ref, row.place)) for row in found.rows]
    return choices
