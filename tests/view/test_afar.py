"""Frames from afar: cells of 64 and of 4,096."""

from __future__ import annotations

import pytest

from vmtui.session import Session
from vmtui.view import panes
from vmtui.view.afar import KINDS, Cell, cell_of, census, first_of, told
from vmtui.view.frames import cells_per_row, columns_of, frame_at, kind_of
from vmtui.view.glyphs import to_ascii
from vmtui.view.model import Row
from vmtui.view.subject import Subject, page_of

LINES = (
    "spawn sh",
    "mmap sh heap 3000 pages rw private",
    "write sh.heap[0:2000]",
    "read sh.heap[2500]",
    "fork sh child",
    "write child.heap[0:700]",
    "swapout sh.heap[100:300]",
    "file f 500 pages",
    "mmap sh t 400 pages r private f",
    "read sh.t",
    "munmap child.heap[400:600]",
)


def lab(**options: str) -> Session:
    """A machine with frames of every kind."""
    session = Session(ram="32M", swap="16M", **options)
    for line in LINES:
        session.do(line)
    return session


def kinds_one_by_one(session: Session) -> dict[str, int]:
    """Every frame looked at by itself, as the grid of single frames does."""
    machine, found = session.machine, dict.fromkeys(KINDS, 0)
    for pfn in range(machine.frames_total):
        kind = "kernel"
        if pfn == 1 or pfn >= machine.zones[0].start:
            page = machine.page(pfn)
            kind = kind_of(page.flags, page.count, page.mapping)
        found[kind] += 1
    return found


@pytest.mark.parametrize("zoom", [64, 4096])
def test_every_frame_is_counted(zoom: int) -> None:
    """The cells hold all frames of the machine, each once, as the kind it has by itself."""
    session = lab()
    cells = census(session.machine, 0, session.machine.frames_total, zoom)

    assert sum(cell.frames for cell in cells) == session.machine.frames_total
    assert [cell.frames for cell in cells] == [sum(cell.counts) for cell in cells]
    expected = kinds_one_by_one(session)
    assert {kind: sum(cell.of(kind) for cell in cells) for kind in KINDS} == expected
    assert min(expected.values()) > 0


def test_the_last_cell_may_be_short() -> None:
    """Where memory is no multiple of a cell the last one counts what there is."""
    session = Session(ram="10M")
    cells = census(session.machine, 0, 2560, 4096)

    assert [(cell.first, cell.frames) for cell in cells] == [(0, 2560)]


def test_clusters_are_counted_as_they_are_drawn() -> None:
    """With page clustering a frame is what the first of its cluster is."""
    session = lab(cluster="8", rmap="pte_chain")
    cells = census(session.machine, 0, session.machine.frames_total, 64)

    assert sum(cell.of("anon") for cell in cells) % 8 == 0
    assert sum(sum(cell.counts) for cell in cells) == session.machine.frames_total
    assert sum(cell.of("free") for cell in cells) == sum(zone.free for zone in session.machine.zones)


def test_a_cell_says_what_most_are_and_how_full_it_is() -> None:
    """The first sign is the commonest kind in use, filled as most of its frames; the second is the share."""

    def cell(**counts: int) -> str:
        held = [0] * (3 * len(KINDS))
        for name, many in counts.items():
            kind, _, fill = name.partition("_")
            held[3 * list(KINDS).index(kind) + int(fill or 0)] = many
        return "".join(Cell(0, 64, tuple(held)).sign)

    assert cell(free=64) == "· "
    assert cell(free=63, table=1) == "▤▁"
    assert cell(free=32, anon_1=20, anon_2=12) == "◧▄"
    assert cell(table=30, anon_1=10, anon_2=24) == "■█"


def test_no_colour_and_no_unicode_are_needed() -> None:
    """Kinds that are drawn apart are drawn apart in ASCII as well, and without a look at their roles."""
    session = lab()
    pane = panes.frames(session, None, 57, 64)
    cells = {"".join(cell.sign) for cell in census(session.machine, 0, session.machine.frames_total, 64)}

    assert all(to_ascii(row.text).isascii() for row in pane.rows)
    assert len({to_ascii(cell) for cell in cells}) == len(cells)


def marked(rows: list[Row]) -> list[tuple[int, str]]:
    """Row and text of what is drawn as the subject."""
    return [(n, span.text) for n, row in enumerate(rows) for span in row.spans if span.role == "subject"]


@pytest.mark.parametrize("zoom", [64, 4096])
def test_the_cell_of_the_subject_is_marked(zoom: int) -> None:
    """It and no other, in the row that the pane keeps in view."""
    session = lab()
    subject = Subject.of(None, "sh.heap[1500]")
    pane = panes.frames(session, subject, 57, zoom)
    pfn = page_of(session, subject)

    assert marked(list(pane.rows)) == [(pane.focus, "".join(cell_of(session.machine, pfn, zoom).sign))]
    assert pane.focus == pfn // zoom // cells_per_row(57, zoom)


def test_the_cell_under_the_mouse() -> None:
    """Both signs of a cell lead to its first frame, and the column of each cell is where that is drawn."""
    assert [frame_at(30, 1, x, 64) for x in (8, 9, 10, 11, 16, 17, 18, 26)] == [
        0, 8 * 64, 8 * 64, 9 * 64, 11 * 64, 0, 12 * 64, 0,
    ]  # fmt: skip
    assert [frame_at(30, 0, x, 64) // 64 for x in columns_of(30, 64)] == list(range(8))


def test_one_page_stands_for_a_cell() -> None:
    """Chosen, a cell is the first of its frames that is what most are; the words count them all."""
    session = lab()
    machine = session.machine
    first = first_of(machine, 0, 64)

    assert machine.page(first).test("anon")
    assert machine.page(first_of(machine, machine.frames_total - 64, 64)).test("table")
    assert told(machine, 70, 64) == "0x40-0x7f: 38 anonymous · 26 swap cache"
