"""Many pages out to swap and back: that they go at once, and what must be minded where they do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.properties.test_swap import KINDS, outcome
from vmtui.mm.digest import digest
from vmtui.mm.page import PG_mlock_missed
from vmtui.mm.step import SKIP_NO_RSS
from vmtui.session import Done, Session

PAGES = 1500
#: Where single pages go the same way too.
SOME = 400
#: Those that find a page that several processes share in other ways than by a scan of them all.
WALKED = [kind for kind in KINDS if kind[0] != "virtual_scan"]


def session_of(rmap: str, rules: str, *lines: str, pages: int = PAGES, **options: Any) -> Session:
    """A session in which a process has a heap that it has written, and some lines were done."""
    session = Session(rmap=rmap, rules=rules, **{"ram": "64M", "swap": "64M", **options})
    for line in ("spawn a", f"mmap a h {pages} pages rw private", "write a.h", *lines):
        session.do(line)
    return session


def at_once(session: Session, done: Done) -> int:
    """How many pages or entries the steps of a command say were done at once."""
    found = 0
    for record in session.steps[done.first : done.last]:
        assert "at once" in record.step.text, record.step
        found += record.step.values["n"] + record.step.values.get("slots", 0)
    return found


FORKED = ("fork a b", "fork a c")
OUT = "swapout a.h"


@pytest.mark.parametrize(("rmap", "rules"), KINDS)
@pytest.mark.parametrize(
    ("before", "line"),
    [
        ((OUT,), "read a.h"),
        ((OUT,), "write a.h"),
        (("evict a.h",), "read a.h"),
        (("evict a.h",), "write a.h"),
        (("evict a.h", *FORKED), "read b.h"),
        (("evict a.h", *FORKED), "write b.h"),
        ((OUT, *FORKED), "write a.h"),
        ((OUT,), "munmap a.h"),
        (("evict a.h",), "madvise a.h dontneed"),
        ((OUT, "read a.h"), "munmap a.h"),
        ((OUT, *FORKED), "munmap b.h"),
        ((OUT, *FORKED, "read a.h"), "munmap a.h"),
    ],
)
def test_back_from_swap_and_away_at_once(rmap: str, rules: str, before: tuple[str, ...], line: str) -> None:
    """A whole heap of swap entries is brought back, or dropped, without a step for a single page."""
    session = session_of(rmap, rules, *before)
    done = session.do(line)
    steps = session.steps[done.first : done.last]
    many = [record.step for record in steps if "at once" in record.step.text]

    assert PAGES == sum(step.values["n"] + step.values.get("slots", 0) for step in many)
    assert len(steps) <= len(many) + 2


ALONE = [(), (OUT, "read a.h"), ("spawn b", "mmap b k 99 pages rw private", "write b.k")]
SHARED = [FORKED, (*FORKED, "exit b"), (OUT, *FORKED, "read a.h", "read c.h")]


@pytest.mark.parametrize("word", ["swapout", "evict"])
@pytest.mark.parametrize(
    ("rmap", "rules", "before"),
    [
        *((*kind, before) for kind in KINDS for before in (*ALONE, *SHARED)),
    ],
)
def test_out_to_swap_at_once(rmap: str, rules: str, before: tuple[str, ...], word: str) -> None:
    """A whole heap goes out, of one process or of three, without a step for a single page."""
    session = session_of(rmap, rules, *before)
    done = session.do(f"{word} a.h")

    assert PAGES == at_once(session, done)
    kinds = 1 if rules == "6.18" else 2
    assert kinds * PAGES == len(done.walks)
    assert done.last - done.first <= 3


def test_advised_at_once() -> None:
    """MADV_PAGEOUT of a heap that nobody else maps goes without a step for a single page."""
    session = session_of("anon_vma_chain", "6.18")

    assert PAGES == at_once(session, session.do("madvise a.h pageout"))
    assert PAGES == session.machine.swap.used()


@pytest.mark.parametrize(("rmap", "rules"), WALKED)
def test_reclaim_at_once(rmap: str, rules: str) -> None:
    """Reclaim goes by batches: from the active list to the inactive one, to swap, and free."""
    session = session_of(rmap, rules, "fork a b", "referenced a.h", bulk=32)
    done = session.do(f"reclaim {PAGES} pages")
    *steps, last = [record.step for record in session.steps[done.first : done.last]]

    assert all("at once" in step.text for step in steps)
    assert 256 < last.values["n"] == sum(step.values.get("freed", 0) for step in steps)


def both(rmap: str, rules: str, lines: list[str], bulk: int, **options: Any) -> Session:
    """Both paths do some lines and agree after each; the session of the bulk path."""
    scalar, many = (session_of(rmap, rules, pages=SOME, bulk=n, **options) for n in (1 << 40, bulk))
    for line in lines:
        assert outcome(scalar.attempt(line)) == outcome(many.attempt(line)), line
        assert scalar.digest() == many.digest(), line
    return many


@pytest.mark.parametrize(
    ("rmap", "lines"),
    [
        ("anon_vma", ["fork a c", "write c.h", "write b.h", *(f"referenced {name}.h" for name in "acb")]),
        ("anonmm", ["write a.h", "referenced a.h", "read b.h"]),
    ],
)
def test_a_process_loses_its_last_page_in_the_middle(rmap: str, lines: list[str]) -> None:
    """Whose last page has gone is passed over by the walks that follow, in the same batch too."""
    session = both(rmap, "2.6", ["fork a b", *lines, f"reclaim {3 * SOME} pages"], 32)

    skipped = [walk for walk in session.commands[-1].walks if getattr(walk, SKIP_NO_RSS)]
    assert len(skipped) > 32


@pytest.mark.parametrize(("rmap", "rules"), WALKED)
@pytest.mark.parametrize(("swap", "kept"), [("2M", 256), ("64M", SOME)])
def test_a_slot_is_given_up_early_where_swap_is_half_full(
    rmap: str, rules: str, swap: str, kept: int
) -> None:
    """The last entry of a slot goes and others map its page: it stays cached where swap is not half full."""
    session = both(rmap, rules, ["evict a.h", "fork a b", "read b.h", "munmap a.h"], 64, swap=swap)

    assert kept == session.machine.swap.used()


@pytest.mark.parametrize(("rmap", "rules"), WALKED)
@pytest.mark.parametrize("swap", ["1M", "2M"])
def test_swap_fills_up_in_the_middle(rmap: str, rules: str, swap: str) -> None:
    """As many go out as there are slots; then, half full, slots are given up as pages come back."""
    both(rmap, rules, ["swapout a.h", "read a.h[20:360]", "write a.h", "evict a.h"], 64, swap=swap)


@pytest.mark.parametrize(("rmap", "rules"), WALKED)
def test_memory_fills_up_in_the_middle(rmap: str, rules: str) -> None:
    """What does not fit in memory any more is refused on both paths."""
    lines = ["evict a.h", "mmap a k 1000 pages rw private", "write a.k", "read a.h"]
    both(rmap, rules, lines, 64, ram="5M")


@pytest.mark.parametrize(("rmap", "rules"), WALKED)
def test_full_heads_and_mixed_chains(rmap: str, rules: str) -> None:
    """Copies of pages that many others map: where chains are full to the brim, and where pages differ."""
    names = [f"c{number}" for number in range(7)]
    lines = ["evict a.h", *(f"fork a {name}" for name in names)]
    lines += [f"read {name}.h[{50 * number}:400]" for number, name in enumerate(names)]
    lines += ["write a.h", "swapout c0.h", "write c3.h", "exit c5", "evict c1.h"]
    both(rmap, rules, lines, 64, **({"cacheline": "32", "highpte": "on"} if rules == "2.6" else {}))


def test_active_pages_give_up_slots_where_swap_is_half_full() -> None:
    """Under 6.18 a page that goes back to the active list loses its slot if swap is half full by then."""
    lines = ["evict a.h", "read a.h", "spawn b", "mmap b k 300 pages rw private", "write b.k", "evict b.k"]
    lines += ["reclaim 1 pages", "read a.h", "reclaim 1 pages"]
    session = both("anon_vma_chain", "6.18", lines, 32, swap="4M")

    assert session.machine.swap.used() < SOME + 300


@pytest.mark.parametrize(("before", "missed"), [("evict a.h", SOME), ("swapout a.h", 0)])
def test_which_pages_miss_the_lock(before: str, missed: int) -> None:
    """All that are read from swap, none that is found in its cache; at once as page by page, and until the
    next lock."""
    sessions = [
        session_of("anon_vma_chain", "6.18", before, "mlock a.h", pages=SOME, bulk=bulk)
        for bulk in (16, 1 << 40)
    ]
    for session in sessions:
        flags = session.machine.mem_map.flags.all
        assert missed == np.count_nonzero(flags & PG_mlock_missed)
        session.do("munlock a.h")
        session.do("mlock a.h")
        assert not (flags & PG_mlock_missed).any()
    assert digest(sessions[0].machine) == digest(sessions[1].machine)
