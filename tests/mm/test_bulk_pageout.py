"""Many pages of files, of shared memory, and of what was given up, out at once."""

from __future__ import annotations

import pytest

from tests.mm.test_bulk_swap import WALKED, at_once
from tests.properties.test_swap import KINDS, agree
from vmtui.mm.check import problems
from vmtui.session import Session

PAGES = 1500
#: Where single pages go the same way too.
SOME = 400

#: How PAGES pages come to be mapped as ``a.m``, of a file or as shared memory.
MAPPED = (f"mmap a m {PAGES} pages rw shared g", f"mmap a m {PAGES} pages r private g")
SHARED_MEMORY = f"mmap a m {PAGES} pages rw shared"
FORKED = ("fork a b", "fork a c")


def session_of(rmap: str, rules: str, *lines: str, pages: int = PAGES, **options: object) -> Session:
    """A session with a process and a file, in which some lines were done."""
    session = Session(rmap=rmap, rules=rules, **{"ram": "64M", "swap": "64M", **options})
    for line in (f"file g {2 * pages} pages", "spawn a", *lines):
        session.do(line)
    return session


@pytest.mark.parametrize("word", ["swapout", "evict"])
@pytest.mark.parametrize(
    ("rmap", "rules", "before"),
    [
        *((*kind, (how, "read a.m")) for kind in KINDS for how in (*MAPPED, SHARED_MEMORY)),
        *((*kind, (MAPPED[0], "write a.m")) for kind in KINDS),
        *((*kind, (SHARED_MEMORY, "write a.m")) for kind in KINDS),
        *(
            (*kind, (how, touch, "fork a b", "read b.m", "fork b c"))
            for kind in KINDS
            for how, touch in (
                (MAPPED[0], "write a.m"),
                (SHARED_MEMORY, "write a.m"),
                (MAPPED[1], "read a.m"),
            )
        ),
    ],
)
def test_out_at_once(rmap: str, rules: str, before: tuple[str, ...], word: str) -> None:
    """All that is mapped of a file, or of shared memory, goes out without a step for a single page."""
    session = session_of(rmap, rules, *before)
    done = session.do(f"{word} a.m")

    assert PAGES == at_once(session, done)
    assert 0 == sum(mm.rss for mm in session.machine.mms)
    assert done.last - done.first <= 5


@pytest.mark.parametrize(("rmap", "rules"), WALKED)
def test_reclaim_of_a_file_at_once(rmap: str, rules: str) -> None:
    """Reclaim frees clean pages of a file by batches, mapped or not, in the midst of memory that is used."""
    lines = (MAPPED[1], f"mmap a h {PAGES} pages rw private", "read a.m", "write a.h", *FORKED)
    session = session_of(rmap, rules, *lines, "munmap a.m", "munmap b.m", "referenced c.m", bulk=32)
    done = session.do(f"reclaim {PAGES} pages")
    *steps, last = [record.step for record in session.steps[done.first : done.last]]

    assert all("at once" in step.text for step in steps)
    assert PAGES == last.values["n"]


def test_reclaim_of_2_4_at_once() -> None:
    """2.4 frees pages of a file that nobody maps any more by one look at its list."""
    session = session_of("virtual_scan", "2.6", MAPPED[0], "write a.m", "munmap a.m")
    session.do(f"reclaim {PAGES} pages")
    done = session.do(f"reclaim {PAGES} pages")
    texts = [record.step.text for record in session.steps[done.first : done.last]]

    assert len(texts) < 30
    assert 0 == session.machine.files.get(1).nrpages


@pytest.mark.parametrize("cluster", [1, 4])
def test_shared_memory_to_swap_under_2_4(cluster: int) -> None:
    """What the scan has unmapped of shared memory is moved to swap at once, among pages that are mapped."""
    lines = ["spawn a", f"mmap a m {SOME} pages rw shared", f"mmap a h {SOME} pages rw private", "write a.m"]
    lines += ["write a.h", *[f"reclaim {SOME} pages"] * 8]
    session = agree(lines, 8, rmap="virtual_scan", ram="16M", swap="4M", cluster=cluster)
    looks = [record.step.values for record in session.steps if "written" in record.step.values]

    assert any(look["written"] for look in looks)
    assert any(look["held"] for look in looks)
    assert session.machine.files.get(1).slots.all[:SOME].any()


def test_scan_of_2_4_at_once() -> None:
    """Its scan passes memory that three processes share, and used, without a step for an entry."""
    lines = (
        f"mmap a h {PAGES} pages rw private",
        "write a.h",
        "fork a b",
        "fork b c",
        "read b.h",
        "write c.h",
    )
    session = session_of("virtual_scan", "2.6", *lines)
    for _ in range(12):
        done = session.do(f"reclaim {PAGES} pages")
        steps = [record.step for record in session.steps[done.first : done.last]]
        scans = [step for step in steps if "by the scan" in step.text]

        assert len(scans) == len(done.walks)
    assert sum(step.values["hits"] for step in scans) > 0
    assert [] == problems(session.machine)


@pytest.mark.parametrize("again", [(), ("write a.h[500:1000]",)])
@pytest.mark.parametrize("word", ["swapout", "evict"])
def test_given_up_at_once(word: str, again: tuple[str, ...]) -> None:
    """What MADV_FREE gave up goes at once and without a slot; what was written since stays, as at once."""
    lines = (f"mmap a h {PAGES} pages rw private", "write a.h", "madvise a.h free", *again)
    session = session_of("anon_vma_chain", "6.18", *lines)
    done = session.do(f"{word} a.h")

    assert PAGES == at_once(session, done)
    assert 500 * len(again) == sum(mm.rss for mm in session.machine.mms)
    assert 0 == session.machine.swap.used()


@pytest.mark.parametrize(("rmap", "rules"), WALKED)
def test_an_earlier_page_of_the_batch_has_left_the_pte(rmap: str, rules: str) -> None:
    """A walk that misses at the PTE of a page which went out before it finds that empty."""
    lines = [f"file g {SOME} pages", "spawn a"]
    lines += [f"mmap a {label} {SOME} pages rw {how} g" for label, how in (("f", "private"), ("s", "shared"))]
    lines += ["write a.f", "read a.s", f"reclaim {SOME} pages", f"reclaim {SOME} pages"]
    session = agree(lines, 32, rmap=rmap, rules=rules, ram="32M", swap="1M")

    assert any("at once" in record.step.text for record in session.steps)


@pytest.mark.parametrize(("rmap", "rules"), WALKED)
def test_windows_of_a_file(rmap: str, rules: str) -> None:
    """Pages that different windows show have different candidates, wherever trees branch."""
    lines = ["file g 3000 pages", "spawn a"]
    for number, (first, size) in enumerate([(0, 7), (3, 900), (5, 2), (250, 300), (511, 2), (512, 1000)]):
        lines += [f"mmap a w{number} {size} pages rw shared g + {first} pages", f"read a.w{number}"]
    lines += ["fork a b", "read b.w1", "write b.w3[20:90]", "swapout b.w1", "evict a.w5", "read a.w1"]
    agree([*lines, "munmap a.w3", "swapout a.w1", "reclaim 2000 pages"], 64, rmap=rmap, rules=rules)
