"""What is kept of the folds between two looks."""

from __future__ import annotations

import random

from vmtui.session import Session
from vmtui.view import folding, panes
from vmtui.view.subject import Subject

LINES = (
    "spawn sh",
    "mmap sh heap 8 pages rw private",
    "write sh.heap",
    *(f"fork sh c{number}" for number in range(12)),
    "walk sh.heap[1] full",
    "write c5.heap[2]",
    "swapout sh.heap[3]",
    "exit c7",
    "mprotect c9.heap[2] r",
    "fork c9 other",
    "walk sh.heap[1] full",
    "munmap c2.heap",
)
LATER = ("fork sh late", "exit c3", "write c1.heap[5]", "munmap c4.heap", "mmap sh x 2 pages rw private")


def drawn(session: Session, subject: Subject | None) -> tuple[object, ...]:
    """Rows and focus of the pane."""
    pane = panes.processes(session, subject, 40)
    return tuple(pane.rows), pane.focus


def anew(session: Session, subject: Subject | None) -> tuple[object, ...]:
    """The same with nothing kept."""
    folding._KEPT.pop(session, None)
    return drawn(session, subject)


def test_what_is_kept_is_what_is_there() -> None:
    """Wherever the cursor goes, on this branch or another, after commands refused and commands done."""
    session = Session(ram="16M", swap="4M")
    for line in LINES:
        session.do(line)
    rng = random.Random(7)
    subjects = (None, Subject.of(None, "c5.heap[2]"), Subject("mm", 4), Subject("vma", 3))
    more = iter(LATER)
    for turn in range(400):
        move = rng.randrange(40)
        if move == 0:
            session.attempt("munmap nobody.heap")
        elif move == 1 and (line := next(more, "")):
            session.attempt(line)
        elif move < 30:
            session.seek(max(0, min(session.cursor + rng.choice((-1, 1)), len(session.steps))))
        else:
            session.seek(rng.randrange(len(session.steps) + 1))
        subject = rng.choice(subjects)
        seen = drawn(session, subject)
        kept = folding._KEPT[session]

        assert seen == anew(session, subject), turn
        folding._KEPT[session] = kept


def test_a_walk_works_nothing_out_anew() -> None:
    """Over a walk's steps the folds stay the same object, though the one it looks at stands alone."""
    session = Session(ram="16M")
    for line in LINES[:15]:
        session.do(line)
    done = session.do("walk sh.heap[1] full")
    session.seek(done.first + 2)
    drawn(session, None)
    kept = folding._KEPT[session]
    alone = set()
    for cursor in range(done.first + 3, done.last + 1):
        session.seek(cursor)
        drawn(session, None)
        assert folding._KEPT[session] is kept
        alone.add(len(panes.processes(session, None, 40).rows))

    assert len(alone) > 1


def test_the_focus_is_the_vma_however_many_there_are() -> None:
    """Among thousands of VMAs the row of the subject's is in view."""
    session = Session(ram="16M")
    session.do("spawn sh")
    session.do("mmap sh heap 5000 pages rw private")
    for number in range(0, 5000, 2):
        session.do(f"mprotect sh.heap[{number}] r")
    pane = panes.processes(session, Subject.of(None, "sh.heap[4000]"), 40)

    assert pane.focus == 1 + 4000
    assert "heap[4000:4001]" in pane.rows[pane.focus].text
