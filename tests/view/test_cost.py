"""What a repaint costs on a big machine."""

from statistics import median
from time import process_time

from vmtui.session import Session
from vmtui.view import panes
from vmtui.view.subject import Subject


def test_all_panes_of_a_big_machine():
    """102,400 frames, 1,001 processes, a walk of 1,001 candidates: all panes at 120×40 in 25 ms of CPU."""
    session = Session(ram="400M")
    for line in ("spawn sh", "mmap sh heap 64 pages rw private", "write sh.heap"):
        session.do(line)
    for number in range(1000):
        session.do(f"fork sh c{number}", quiet=True)
    session.do("walk sh.heap[1]")
    session.seek(session.end - 500)
    subject = Subject.of(None, "sh.heap[1]")

    def build():
        start = process_time()
        drawn = [
            panes.diagram(session, subject, 57, 16).rows,
            panes.processes(session, subject).rows[:18],
            panes.anon_vmas(session, subject).rows[:6],
            panes.struct_page(session, subject).rows,
            panes.source(session, 12).rows,
            panes.walk(session, subject).rows[-12:],
            panes.frames(session, subject, 57).rows[:10],
            panes.header(session, 120),
            panes.narration(session, None, 120),
            panes.timeline(session, None, 118).rows,
        ]
        assert all(drawn)
        return process_time() - start

    build()
    assert median(build() for _ in range(5)) < 0.025
