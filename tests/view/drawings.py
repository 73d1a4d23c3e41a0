"""Each scheme's pictures of one story, as text: ``python -m tests.view.drawings`` draws them anew.

The files in tests/view/drawings/ are what `test_drawings` compares with. Look at the diff before you keep it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from vmtui.mm.rmap import SCHEMES
from vmtui.mm.rmap.scheme import scheme_class
from vmtui.mm.step import HIT
from vmtui.session import Session
from vmtui.view import panes
from vmtui.view.subject import Subject

FOLDER: Final = Path(__file__).parent / "drawings"
SIZES: Final = ((57, 16), (100, 22), (78, 9))

#: Three generations share a page that the middle one copied, and a file of which somebody maps another part.
STORY: Final = (
    "spawn sh",
    "mmap sh heap 4 pages rw private",
    "write sh.heap",
    "fork sh child",
    "fork child baby",
    "write child.heap[1]",
    "file libc 8 pages",
    "mmap sh text 4 pages rx private libc",
    "read sh.text",
    "fork sh twin",
    "read twin.text",
    "mmap child rest 4 pages rx shared libc + 4 pages",
)
#: A window on a file that shows some pages out of order, in two processes; a plain mapping of the same.
NONLINEAR: Final = (
    "spawn db",
    "file data 64 pages",
    "mmap db win 64 pages rw shared data",
    "remap_file_pages db.win[0:4] to 0x10000",
    "fork db kid",
    "spawn ls",
    "mmap ls lin 4 pages r shared data + 16 pages",
    "read ls.lin",
)
ANON, FILE = Subject.of(None, "baby.heap[1]"), Subject.of(None, "twin.text[2]")


def story(scheme: str, *more: str) -> Session:
    """A session that has run it, and some lines more."""
    session = Session(rmap=scheme, cacheline=32)
    for line in (*STORY, *more):
        session.do(line)
    return session


def drawings(scheme: str) -> str:
    """Every picture of a scheme, in every size."""
    parts: list[str] = []
    alone = Session(rmap=scheme, cacheline=32)
    for line in STORY[:3]:
        alone.do(line)
    after = story(scheme)
    orphaned = story(scheme, "exit sh")
    walking = story(scheme, "walk baby.heap[1] full")
    hits = [n for n, record in enumerate(walking.steps, 1) if record.step.outcome == HIT]
    walking.seek(hits[-1])
    shots: tuple[tuple[str, Session, Subject], ...] = (
        ("mapped once", alone, Subject.of(None, "sh.heap[1]")),
        ("shared, and copied by one", after, ANON),
        ("the first of them gone", orphaned, ANON),
        ("a walk at its last hit", walking, ANON),
        ("a page of a file", after, FILE),
    )
    if not scheme_class(scheme).no_nonlinear:
        window = Session(rmap=scheme, cacheline=32)
        for line in (*NONLINEAR, "walk db.win[1] full"):
            window.do(line)
        shots += (("a page of a nonlinear mapping, looked for", window, Subject.of(None, "db.win[1]")),)
    for what, session, subject in shots:
        for width, height in SIZES:
            drawn = panes.diagram(session, subject, width, height)
            parts += [f"{what} · {width}×{height}", f"{drawn.title} · {drawn.note}".rstrip(" ·")]
            parts += [row.text.rstrip() for row in drawn.rows]
            parts.append("")
    return "\n".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in SCHEMES:
        (FOLDER / f"{name}.txt").write_text(drawings(name), encoding="utf-8")
