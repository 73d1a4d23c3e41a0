"""From what a person typed to a subject."""

from __future__ import annotations

import re

from vmtui.mm.mm_types import vma_name
from vmtui.session import Session
from vmtui.view.subject import Subject, locate

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
    name = text.replace('"', "")
    machine = session.machine
    task = machine.task_named(name)
    if task is not None and task.mm is not None:
        return Subject("mm", task.mm.id)
    for dot in (at for at, sign in enumerate(name) if sign == "."):
        task = machine.task_named(name[:dot])
        label = task.mm.labels.called(name[dot + 1 :]) if task is not None and task.mm is not None else None
        vma = task.mm.vmas.at(label.start) if task is not None and task.mm is not None and label else None
        if vma is not None and vma_name(vma) == name:
            return Subject("vma", vma.id)
    return None
