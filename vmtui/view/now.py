"""The step at the cursor, and what struct page was just before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vmtui.mm.filemap import page_mapping
from vmtui.mm.page import PG_swapcache
from vmtui.mm.step import Step

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine
    from vmtui.session import Session

#: Fields of struct page that are numbers.
FIELDS: Final = ("flags", "count", "mapcount", "mapping", "index", "private", "lru")
#: A step that did more than this many pages at once is not taken back to look at what was before.
_BULK: Final = 4096


def step_at(session: Session) -> Step | None:
    """The step that was made last; None at the start."""
    return session.steps[session.cursor - 1].step if 0 < session.cursor <= len(session.steps) else None


def fields_of(machine: Machine, pfn: int) -> dict[str, int | str]:
    """A struct page's fields as numbers, which member of its union is live, what that and `mapping` say."""
    page, scheme = machine.page(pfn), machine.scheme
    fields: dict[str, int | str] = {name: getattr(page, name) for name in FIELDS}
    fields["live"] = scheme.live_member(page) or ""
    fields["target"] = scheme.live_target(page)[1]
    mapping = page_mapping(page)
    fields["file"] = "swapper_space" if page.test(PG_swapcache) else mapping.name if mapping else "NULL"
    return fields


def before(session: Session, pfn: int) -> dict[str, int | str] | None:
    """`fields_of` a frame before the step at the cursor; None where that is not at hand.

    The session is taken one step back and forward again: exact, and cheap on a tape.
    """
    step = step_at(session)
    # A mark of 0 belongs to a step that was dropped from the tape: to go there is to play it all again.
    if step is None or session.steps[session.cursor - 1].mark == 0:
        return None
    many = step.values.get("n", 0)
    if isinstance(many, int) and many > _BULK:
        return None
    cursor = session.cursor
    session.seek(cursor - 1)
    try:
        return fields_of(session.machine, pfn)
    finally:
        session.seek(cursor)
