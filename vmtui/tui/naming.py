"""From what a person typed to a subject."""

from __future__ import annotations

import re

from vmtui.session import Session
from vmtui.view.processes import processes
from vmtui.view.subject import Subject, locate, ref_name

_RANGE = re.compile(r"\[(\d+):\d+\]$")


def subject_named(session: Session, text: str) -> Subject | None:
    """The page, VMA, process or frame of that name; None where there is none.

    A range stands for its first page.
    """
    text = text.strip()
    if text.startswith("pfn:"):
        try:
            return Subject("page", int(text[4:], 0))
        except ValueError:
            return None
    page = _RANGE.sub(r"[\1]", text)
    if locate(session.machine, page) is not None:
        return Subject("page", 0, page)
    for row in processes(session, None).rows:
        if row.ref is not None and ref_name(session.machine, row.ref) == text.replace('"', ""):
            return Subject.of(row.ref)
    return None
