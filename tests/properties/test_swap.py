"""Many pages that go out to swap at once, come back, or are dropped there: as single pages would.

The programs here do little else.  They reach pages that are swapped in part, held by several processes, in
the swap cache and not, locked, read-only, exclusive and shared; and swap that fills up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmtui.mm.check import problems
from vmtui.mm.rmap import SCHEMES
from vmtui.mm.step import WalkRecord
from vmtui.session import Done, Session

#: Each scheme under the rules of 2.6, and today's under its own.
KINDS = (*((scheme, "2.6") for scheme in SCHEMES), ("anon_vma_chain", "6.18"))
NAMES = ("a", "b", "c", "d", "e")


@st.composite
def swap_places(draw: st.DrawFn, pages: int) -> str:
    """A process's memory, or a long part of it."""
    label = draw(st.sampled_from(("a", *NAMES))) + ".h"
    kind = draw(st.integers(0, 3))
    if kind <= 1:
        return label
    first = draw(st.integers(0, pages - 1))
    return f"{label}[{first}:{draw(st.integers(first + 1, pages))}]"


@st.composite
def swap_lines(draw: st.DrawFn, pages: int, advice: tuple[str, ...]) -> str:
    """A line that goes out to swap, comes back, or decides how that can be done."""
    place, who = draw(swap_places(pages)), draw(st.sampled_from("aa" + "".join(NAMES)))
    often = (
        *(f"swapout {place}", f"evict {place}", f"read {place}", f"write {place}") * 3,
        *(f"fork {who} {other}" for other in NAMES if other != who),
        *(f"reclaim {n} pages" for n in (3, pages // 2, pages)),
        *(f"madvise {place} {what}" for what in advice),
    )
    rare = (
        f"munmap {place}",
        f"exit {who}",
        f"mlock {place}",
        f"munlock {place}",
        f"mprotect {place} {draw(st.sampled_from(('r', 'rw', 'none')))}",
        f"referenced {place}",
        f"mremap {place} {pages} pages to 0x{0x60000 + draw(st.integers(0, 64)):x}000 as h",
        f"mmap {who} h {pages} pages rw private",
        f"write {who}.m",
        f"swapout {who}.m",
        f"swapout {who}.f",
    )
    return draw(st.sampled_from(often if draw(st.integers(0, 3)) else rare))


@st.composite
def swap_programs(
    draw: st.DrawFn, pages: int = 20, size: int = 16, advice: tuple[str, ...] = ("dontneed",)
) -> list[str]:
    """A program that begins with memory which is written, and now and then forked and out already."""
    begin = ["spawn a", f"mmap a h {pages} pages rw private", "write a.h"]
    if draw(st.booleans()):
        begin += ["file g 6 pages", "mmap a f 6 pages rw private g", "read a.f", "mmap a m 5 pages rw shared"]
    line = swap_lines(pages, advice)
    return begin + draw(st.lists(line, min_size=size // 2, max_size=size))


def outcome(done: Done) -> tuple[str | None, Any, Any]:
    """What a command was refused with, its work and its walks."""
    errno = None if done.error is None else done.error.errno
    if errno is not None:
        return errno, None, None
    return errno, dict(done.work), counted(done.walks)


def counted(walks: Sequence[WalkRecord]) -> list[WalkRecord]:
    """Walks without the steps that they were."""
    return [attrs.evolve(walk, first=0, last=0) for walk in walks]


def agree(program: list[str], pages: int, **options: Any) -> Session:
    """Run a program on both paths: the same errors, work, walks and machine; the session of the bulk path."""
    scalar, bulk = Session(bulk=1 << 40, **options), Session(bulk=pages, **options)
    for line in program:
        one, many = scalar.attempt(line), bulk.attempt(line)

        assert outcome(one) == outcome(many), line
        assert scalar.digest() == bulk.digest(), line
    return bulk


@pytest.mark.parametrize(("rmap", "rules"), KINDS)
@given(program=swap_programs(advice=("dontneed", "pageout", "free")), data=st.data())
def test_bulk_equals_scalar(rmap: str, rules: str, program: list[str], data: st.DataObject) -> None:
    """Out to swap and back at once leaves the machine, the walks and the work that single pages leave."""
    pages = data.draw(st.sampled_from((1, 3, 8, 20)), "bulk")
    swap = data.draw(st.sampled_from(("0", "24K", "100K", "200K", "1M")), "swap")
    # The shortest chains there are: three entries a node.
    small = {"cacheline": "32", "highpte": "on"} if rules == "2.6" else {}
    session = agree(program, pages, rmap=rmap, rules=rules, ram="8M", swap=swap, **small)
    assert [] == problems(session.machine)


@pytest.mark.parametrize(("rmap", "rules"), [kind for kind in KINDS if kind[0] != "virtual_scan"])
@given(program=swap_programs(pages=700, size=8, advice=("pageout",)), data=st.data())
@settings(max_examples=15)
def test_bulk_equals_scalar_over_page_tables(
    rmap: str, rules: str, program: list[str], data: st.DataObject
) -> None:
    """The same over more than one page table, and where memory runs out."""
    pages = data.draw(st.sampled_from((3, 100, 600)), "bulk")
    swap = data.draw(st.sampled_from(("1M", "2M", "8M")), "swap")
    ram = data.draw(st.sampled_from(("5M", "16M")), "ram")
    agree(program, pages, rmap=rmap, rules=rules, ram=ram, swap=swap)


@pytest.mark.parametrize(("rmap", "rules"), KINDS)
@given(program=swap_programs())
@settings(max_examples=20)
def test_undone_and_redone(rmap: str, rules: str, program: list[str]) -> None:
    """Each command of the bulk path can be undone, and done again."""
    session = Session(rmap=rmap, rules=rules, ram="8M", swap="200K", bulk=4)
    digests = {0: session.digest()}
    for line in program:
        session.attempt(line)
        digests[session.end] = session.digest()
    for cursor in [*sorted(digests, reverse=True), *sorted(digests)]:
        session.seek(cursor)
        assert digests[cursor] == session.digest()
