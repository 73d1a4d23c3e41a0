"""A picture whose rows are processes: the outcome of a walk is laid over them by process."""

from __future__ import annotations

import pytest

from vmtui.mm.rmap.scheme import Picture
from vmtui.session import Done, Session
from vmtui.view.diagram import diagram, row_of_number
from vmtui.view.overlay import Overlay, overlay
from vmtui.view.subject import Subject

PLACE = "b.h[1]"


@pytest.fixture
def session() -> Session:
    """Parent and child share three pages; a third process, which the scan comes to first, has four."""
    session = Session(rmap="virtual_scan")
    for line in ("spawn a", "mmap a h 3 pages rw private", "write a.h", "fork a b"):
        session.do(line)
    for line in ("spawn c", "mmap c h 4 pages rw private", "write c.h"):
        session.do(line)
    return session


def found(session: Session, done: Done) -> tuple[Overlay, Picture]:
    """What is laid over the picture of the page, at the cursor."""
    pfn = done.walks[-1].page
    picture = session.machine.scheme.picture(session.machine.page(pfn))
    return overlay(session, pfn, 0, row_of_number(picture)), picture


def test_a_process_is_a_hit_once_the_page_was_found_in_it(session: Session) -> None:
    """Rows are a process each, in the order of mmlist; what comes after a hit does not hide it."""
    done = session.do(f"walk {PLACE} full")
    over, picture = found(session, done)

    assert (3, True) == (picture.total, picture.per_mm)
    assert {0: "left", 1: "hit", 2: "hit"} == dict(over.outcomes)
    assert 10 == done.walks[-1].examined


def test_the_row_follows_the_scan(session: Session) -> None:
    """While the scan is in a process, that process is the one marked, at every step."""
    done = session.do(f"walk {PLACE} full")
    rows = []
    for cursor in range(done.first + 1, done.last + 1):
        session.seek(cursor)
        rows.append(found(session, done)[0].active)
        assert "mmlist" in "".join(span.text for row in drawn(session) for span in row.spans)

    assert [0, 0, 0, 0, 1, 1, 1, 2, 2, 2] == [row for row in rows if row >= 0][:10]


def drawn(session: Session) -> list[object]:
    """The lines of the diagram."""
    return list(diagram(session, Subject("page", place=PLACE), 100, 24).rows)


def test_many_processes(session: Session) -> None:
    """A process far down the list has its row too."""
    for number in range(60):
        session.do(f"fork a n{number}")
    session.do("swapout b.h[1]")

    assert 24 == len(drawn(session))
