"""One parent, N children: the family that every scheme's table of walks is about."""

from __future__ import annotations

from typing import Any

from tests.mm.rmap.lab import Lab
from vmtui.mm.mm_types import Task
from vmtui.mm.page import Page

#: Children.
SIZES = (1, 10, 1000)

#: Examined and hits of a walk.
Counts = tuple[int, int]


def family(rmap: str, children: int, *, copied: bool, **options: Any) -> tuple[Lab, list[Task]]:
    """A parent that wrote one page, then its children, oldest first; `copied`: each wrote its own copy."""
    lab = Lab(rmap, **options)
    tasks = [lab.spawn("parent")]
    lab.map(tasks[0], 1)
    lab.write(tasks[0])
    tasks += [lab.fork(tasks[0], f"c{number}") for number in range(1, children + 1)]
    for task in tasks[1:] if copied else ():
        lab.write(task)
    return lab, tasks


def page_out(lab: Lab, page: Page) -> dict[str, Counts]:
    """What the two walks of a page-out examine and hit."""
    lab.swapout(page)
    assert lab.problems() == []
    return {walk.kind: (walk.examined, walk.hits) for walk in lab.walks}


def both(examined: int, hits: int) -> dict[str, Counts]:
    """Both walks alike."""
    return {"referenced": (examined, hits), "unmap": (examined, hits)}
