"""Finding by a predicate looks at memory slice by slice."""

from __future__ import annotations

import pytest

from vmtui.scenario.nodes import ExpressionError
from vmtui.session import Session
from vmtui.view.find import LIMIT, SLICE, find_pages


@pytest.fixture(scope="module")
def session() -> Session:
    """Memory in use in three slices, of which the last is not whole."""
    session = Session(ram="600M", swap="16M")
    for line in (
        "spawn sh",
        f"mmap sh heap {2 * SLICE + 100} pages rw private",
        "write sh.heap",
        "fork sh child",
        "write child.heap[0:3]",
    ):
        session.do(line)
    assert session.machine.frames_total % SLICE
    return session


def one_by_one(session: Session, mapcount: int) -> list[int]:
    """The frames in use with so many mappings, each looked at by itself."""
    machine = session.machine
    pages = (machine.page(pfn) for pfn in range(2, machine.frames_total))
    return [page.pfn for page in pages if page.count > 0 and page.mapcount == mapcount]


@pytest.mark.parametrize("mapcount", [1, 2])
def test_every_slice_counts(session: Session, mapcount: int) -> None:
    """All hits of all slices are counted, and the first thousand listed in order."""
    expected = one_by_one(session, mapcount)
    found = find_pages(session, f"mapcount == {mapcount}")

    assert found.total == len(expected) > 0
    listed = [row.ref[1] for row in found.rows if row.ref is not None]
    assert listed == expected[:LIMIT]


def test_a_frame_number_is_that_of_all_memory(session: Session) -> None:
    """``pfn`` counts on from slice to slice."""
    found = find_pages(session, f"pfn >= {SLICE} and pfn < {SLICE + 5}")

    assert [row.ref for row in found.rows] == [("page", SLICE + n) for n in range(5)]


def test_what_is_no_predicate_is_refused_whatever_memory_holds() -> None:
    """Also where nothing is in use."""
    with pytest.raises(ExpressionError):
        find_pages(Session(ram="600M"), "mapcount + 1")
