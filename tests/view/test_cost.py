"""What a repaint costs on a big machine, counted in function calls: the same on every machine."""

from __future__ import annotations

import sys
from types import FrameType

from vmtui.session import Session
from vmtui.view import panes
from vmtui.view.subject import Subject


def calls(session: Session) -> int:
    """Python functions called to build all panes once, at 120×40."""
    subject = Subject.of(None, "sh.heap[1]")
    count = 0

    def profile(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        drawn = [
            panes.diagram(session, subject, 57, 16).rows,
            panes.processes(session, subject).rows[:18],
            panes.lists(session, subject).rows[:6],
            panes.struct_page(session, subject).rows,
            panes.source(session, 12).rows,
            panes.walk(session, subject).rows[-12:],
            panes.frames(session, subject, 57).rows[:10],
            panes.header(session, 120),
            panes.narration(session, None, 120),
            panes.timeline(session, None, 118).rows,
        ]
    finally:
        sys.setprofile(None)
    assert all(drawn)
    return count


def lab(ram: str, children: int) -> Session:
    """A page shared by a parent and so many children, half way through a walk over it."""
    session = Session(ram=ram)
    for line in ("spawn sh", "mmap sh heap 64 pages rw private", "write sh.heap"):
        session.do(line)
    for number in range(children):
        session.do(f"fork sh c{number}", quiet=True)
    done = session.do("walk sh.heap[1]")
    session.seek((done.first + done.last) // 2)
    return session


def test_cost_does_not_follow_the_frames():
    """A machine of 102,400 frames is drawn with the calls that one of 2,048 takes."""
    small, large = lab("8M", 10), lab("400M", 10)

    for session in (small, large):
        calls(session)

    assert calls(large) <= 1.1 * calls(small)


def test_cost_hardly_follows_the_processes():
    """1,000 processes and a walk of 1,001 candidates take less than three times the calls of ten."""
    few, many = lab("64M", 10), lab("64M", 1000)
    for session in (few, many):
        calls(session)

    assert calls(many) < 3 * calls(few)


def test_a_step_of_a_long_walk_costs_what_one_of_a_short_walk_does():
    """Once a walk has been drawn, the next step of 1,001 candidates takes the calls that one of 101 takes."""
    counted = []
    for children in (100, 1000):
        session = lab("64M", children)
        calls(session)
        session.step()
        counted.append(calls(session))

    assert counted[1] <= 1.2 * counted[0]
