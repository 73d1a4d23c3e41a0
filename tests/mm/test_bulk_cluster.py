"""Many clusters of pages out to swap, back from there, and dropped there, at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mm.test_bulk_swap import at_once
from tests.properties.test_cluster import KINDS
from tests.properties.test_swap import agree
from vmtui.session import Session

#: Hardware pages, and those of a cluster.
PAGES = 2400
CLUSTER = 8

#: Those that find a cluster in other ways than by a scan.
WALKED = [kind for kind in KINDS if kind[0] != "virtual_scan"]
FORKED = ("fork a b", "fork a c")
OUT = "swapout a.h"


def session_of(rmap: str, chain: str, *lines: str) -> Session:
    """A session in which a process has a heap that it has written, and some lines were done."""
    options: dict[str, Any] = {"cluster": CLUSTER, "chain": chain, "ram": "64M", "swap": "64M"}
    session = Session(rmap=rmap, **options)
    for line in (
        f"file g {PAGES} pages",
        "spawn a",
        f"mmap a h {PAGES} pages rw private",
        "write a.h",
        *lines,
    ):
        session.do(line)
    return session


@pytest.mark.parametrize("word", ["swapout", "evict"])
@pytest.mark.parametrize("before", [(), FORKED, (OUT, "read a.h"), (OUT, *FORKED, "read a.h")])
@pytest.mark.parametrize(("rmap", "chain"), WALKED)
def test_out_at_once(rmap: str, chain: str, before: tuple[str, ...], word: str) -> None:
    """A heap of clusters goes out, of one process or of three, without a step for a single one."""
    session = session_of(rmap, chain, *before)
    done = session.do(f"{word} a.h")

    assert PAGES // CLUSTER == at_once(session, done)
    assert 0 == session.machine.mms.get(1).rss


@pytest.mark.parametrize("how", ["rw shared g", "rw shared"])
@pytest.mark.parametrize(("rmap", "chain"), WALKED)
def test_files_out_at_once(rmap: str, chain: str, how: str) -> None:
    """Clusters of a file, and of shared memory, go out likewise."""
    session = session_of(rmap, chain, f"mmap a m {PAGES} pages {how}", "write a.m", *FORKED, "read b.m")

    assert PAGES // CLUSTER == at_once(session, session.do("evict a.m"))


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ((OUT,), "read a.h"),
        ((OUT,), "write a.h"),
        ((OUT,), "munmap a.h"),
        ((OUT, *FORKED), "madvise b.h dontneed"),
        ((OUT, *FORKED), "read b.h"),
    ],
)
@pytest.mark.parametrize(("rmap", "chain"), KINDS)
def test_back_and_away_at_once(rmap: str, chain: str, before: tuple[str, ...], line: str) -> None:
    """A heap of swap entries is brought back, or dropped, without a step for a single page."""
    session = session_of(rmap, chain, *before)
    done = session.do(line)
    steps = session.steps[done.first : done.last]
    many = [record.step for record in steps if "at once" in record.step.text]

    assert PAGES == sum(step.values["n"] + step.values.get("slots", 0) for step in many)
    assert len(steps) <= len(many) + 2


@pytest.mark.parametrize(("rmap", "chain"), KINDS)
def test_both_paths_over_page_tables(rmap: str, chain: str) -> None:
    """Over several page tables, in parts, and where swap is half full, both paths do the same."""
    lines = ["spawn a", "mmap a h 1100 pages rw private", "write a.h", "swapout a.h[8:1000]", "fork a b"]
    lines += [
        "read b.h[40:900]",
        "write a.h[24:1100]",
        "evict a.h",
        "fork a c",
        "munmap c.h[0:700]",
        "read a.h",
    ]
    lines += ["read a.h", "swapout b.h", "write b.h", "exit c", "evict b.h", "madvise a.h dontneed", "exit b"]
    agree(lines, 64, rmap=rmap, chain=chain, cluster=CLUSTER, ram="32M", swap="1M")
