"""Many pages that go out to swap at once, come back, or are dropped there: as single pages would.

The programs here do little else.  They reach pages that are swapped in part, held by several processes, in
the swap cache and not, locked, read-only, exclusive and shared; and swap that fills up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.test_cluster import KINDS as CLUSTERED
from vmtui.mm import bulk_pageout, bulk_swap
from vmtui.mm.bulk_swap import Batch
from vmtui.mm.check import problems
from vmtui.mm.machine import Machine
from vmtui.mm.page import Page
from vmtui.mm.rmap import SCHEMES, scan_bulk, swap_out_bulk, swap_out_scan
from vmtui.mm.rmap.scan_bulk import Round
from vmtui.mm.rmap.swap_out_bulk import Cold
from vmtui.mm.rmap.virtual_scan import VirtualScan
from vmtui.mm.rmap.walk_bulk import Indices
from vmtui.mm.step import Told, WalkRecord
from vmtui.session import Done, Session

#: Each scheme under the rules of 2.6, and today's under its own.
KINDS = (*((scheme, "2.6") for scheme in SCHEMES), ("anon_vma_chain", "6.18"))
NAMES = ("a", "b", "c", "d", "e")
#: Labels that `file_programs` begin with, and what is mapped there.
WAYS = (("h", "private"), ("f", "private g"), ("s", "shared g + 3 pages"), ("m", "shared"))
#: The advice that each kernel knows.
ADVICE = {"2.6": ("dontneed",), "6.18": ("dontneed", "pageout", "free", "free", "free")}
#: What happens to pages that go out at once, as `Batch` calls it.
FATES = {
    "2.6": ("active", "memory", "file", "shmem"),
    "6.18": ("active", "kept", "memory", "file", "shmem", "lazy", "flushed", "rewritten"),
}


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


@st.composite
def file_lines(draw: st.DrawFn, pages: int, advice: tuple[str, ...]) -> str:
    """A line that pages out a file's pages, shared memory or memory that was given up, or maps them anew."""
    who, label = draw(st.sampled_from("aa" + "".join(NAMES))), draw(st.sampled_from("ffssmmhhw"))
    first = draw(st.integers(0, pages - 1))
    part = f"{who}.{label}[{first}:{draw(st.integers(first + 1, pages))}]"
    place = draw(st.sampled_from((f"{who}.{label}", part)))
    often = (
        *(f"swapout {place}", f"evict {place}", f"read {place}", f"write {place}") * 3,
        *(f"fork {who} {other}" for other in NAMES if other != who),
        *(f"reclaim {n} pages" for n in (3, pages // 2, pages, 3 * pages)),
        *(f"madvise {part.replace(f'.{label}', '.h')} {what}" for what in advice),
        f"mmap {who} w {draw(st.integers(1, pages))} pages rw shared g + {first} pages",
    )
    rare = (
        f"munmap {place}",
        f"exit {who}",
        f"mlock {place}",
        f"munlock {place}",
        f"mprotect {place} {draw(st.sampled_from(('r', 'rw', 'none')))}",
        f"referenced {place}",
        f"madvise {place} dontneed",
        f"mremap {place} {pages} pages to 0x{0x60000 + first:x}000 as w",
        f"remap_file_pages {who}.w to {first * 4096}",
        f"truncate g {draw(st.integers(1, 2 * pages))} pages",
        f"mmap {who} f {pages} pages rw private g + {first} pages",
        "swapoff",
    )
    return draw(st.sampled_from(often if draw(st.integers(0, 3)) else rare))


@st.composite
def file_programs(
    draw: st.DrawFn, pages: int = 20, size: int = 16, advice: tuple[str, ...] = ("dontneed",)
) -> list[str]:
    """A program that begins with a file, mapped private and shared, shared memory, and memory."""
    begin = [
        f"file g {2 * pages} pages",
        "spawn a",
        *(f"mmap a {label} {pages} pages rw {how}" for label, how in WAYS),
        *(f"{draw(st.sampled_from(('read', 'read', 'write')))} a.{label}" for label in "fsmh"),
    ]
    if "free" in advice and draw(st.booleans()):
        begin += ["madvise a.h free", f"write a.h[{pages // 2}:{pages}]", "madvise a.h pageout"]
    line = file_lines(pages, advice)
    return begin + draw(st.lists(line, min_size=size // 2, max_size=size))


def outcome(done: Done) -> tuple[str | None, Any, Any]:
    """What a command was refused with, its work and its walks."""
    errno = None if done.error is None else done.error.errno
    if errno is not None:
        return errno, None, None
    return errno, dict(done.work), counted(done.walks)


def count_fates(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """From now on, how many pages met each fate in a batch."""
    met: Counter[str] = Counter()

    def carry_out(batch: Batch) -> None:
        for fate in {*FATES["6.18"], "freed", "written"}:
            met[fate] += int(np.count_nonzero(getattr(batch, fate)))
        done(batch)

    done = bulk_pageout.carry_out
    monkeypatch.setattr(bulk_swap, "carry_out", carry_out)
    return met


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
def test_bulk_equals_scalar_for_files(rmap: str, rules: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of files, of shared memory and what was given up go out at once as they do one by one."""
    met = count_fates(monkeypatch)

    @given(program=file_programs(advice=ADVICE[rules]), data=st.data())
    @settings(max_examples=60)
    def holds(program: list[str], data: st.DataObject) -> None:
        pages = data.draw(st.sampled_from((1, 3, 8, 20)), "bulk")
        swap = data.draw(st.sampled_from(("0", "24K", "100K", "200K", "1M")), "swap")
        small = {"cacheline": "32", "highpte": "on"} if rules == "2.6" else {}
        session = agree(program, pages, rmap=rmap, rules=rules, ram="8M", swap=swap, **small)
        assert [] == problems(session.machine)

    holds()
    # Under virtual_scan only pages that are named go so; memory has a test of its own.
    expected = FATES[rules] if rmap != "virtual_scan" else ("file",)
    assert [fate for fate in expected if not met[fate]] == []
    assert met["freed"]


@pytest.mark.parametrize(("rmap", "rules"), [kind for kind in KINDS if kind[0] != "virtual_scan"])
@given(data=st.data())
@settings(max_examples=15)
def test_bulk_equals_scalar_for_files_over_page_tables(rmap: str, rules: str, data: st.DataObject) -> None:
    """The same over more than one page table."""
    program = data.draw(file_programs(pages=600, size=8, advice=ADVICE[rules]), "program")
    pages = data.draw(st.sampled_from((3, 100, 600)), "bulk")
    swap = data.draw(st.sampled_from(("1M", "8M")), "swap")
    agree(program, pages, rmap=rmap, rules=rules, ram="32M", swap=swap)


@pytest.mark.parametrize(("rmap", "chain"), CLUSTERED)
def test_bulk_equals_scalar_for_clusters(rmap: str, chain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clusters go out at once, come back and are dropped as they do one by one."""
    met = count_fates(monkeypatch)

    @given(program=st.one_of(swap_programs(pages=37), file_programs(pages=37)), data=st.data())
    @settings(max_examples=40)
    def holds(program: list[str], data: st.DataObject) -> None:
        pages = data.draw(st.sampled_from((1, 3, 8, 20)), "bulk")
        cluster = data.draw(st.sampled_from((2, 4, 16)), "cluster")
        swap = data.draw(st.sampled_from(("0", "24K", "100K", "200K", "1M")), "swap")
        small = {"cacheline": "32", "highpte": "on", "chain": chain}
        session = agree(program, pages, rmap=rmap, cluster=cluster, ram="8M", swap=swap, **small)
        assert [] == problems(session.machine)

    holds()
    expected = FATES["2.6"] if rmap != "virtual_scan" else ()
    assert [fate for fate in expected if not met[fate]] == []


def test_bulk_equals_scalar_for_a_scan_of_shared_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that several processes map are scanned for at once as they are one by one."""
    met: Counter[int] = Counter()
    counted_ahead = scan_bulk.pages_ahead

    def pages_ahead(machine: Machine, entries: Round, starts: Indices, pages: Indices) -> int:
        n = counted_ahead(machine, entries, starts, pages)
        met[len(starts)] += n
        return n

    monkeypatch.setattr(scan_bulk, "pages_ahead", pages_ahead)

    @given(program=swap_programs(), first=st.integers(0, 19), data=st.data())
    @settings(max_examples=60)
    def holds(program: list[str], first: int, data: st.DataObject) -> None:
        forks = data.draw(st.sampled_from((["fork a b"], ["fork a b", "fork b c"])), "forks")
        pages = data.draw(st.sampled_from((1, 3, 8, 20)), "bulk")
        swap = data.draw(st.sampled_from(("100K", "200K", "1M")), "swap")
        lines = [*program[:3], *forks, f"swapout a.h[{first}:20]", *program[3:]]
        agree(lines, pages, rmap="virtual_scan", ram="8M", swap=swap)

    holds()
    assert [] == [processes for processes in (1, 2, 3) if not met[processes]]


@st.composite
def reclaiming(draw: st.DrawFn) -> list[str]:
    """A program that reclaims again and again, in the end until all is out."""
    program = []
    for line in draw(st.one_of(swap_programs(), file_programs())):
        often = st.sampled_from(("", "", *(f"reclaim {n} pages" for n in (3, 10, 20, 60))))
        program += filter(None, (line, draw(often)))
    return [*program, *["reclaim 60 pages"] * 6]


@pytest.mark.parametrize("cluster", [1, 4])
def test_bulk_equals_scalar_for_reclaim_of_2_4(cluster: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """2.4's reclaim goes through its lists, and page tables, at once as it does one by one."""
    met: Counter[str] = Counter()
    refill, shrink = swap_out_bulk.refill_inactive, swap_out_bulk.shrink_cache
    scan_all = swap_out_scan.swap_out

    def swap_out(scan: VirtualScan, wanted: Page, quota: int) -> Told | None:
        told = scan_all(scan, wanted, quota)
        met["scanned"] += told[2]["n"] if told is not None else 0
        return told

    def refill_inactive(machine: Machine, nr_pages: int) -> Told:
        told = refill(machine, nr_pages)
        met["cold"] += told[2]["cold"]
        return told

    def shrink_cache(machine: Machine, pfns: list[int], nr_pages: int, max_mapped: int) -> Cold | None:
        cold = shrink(machine, pfns, nr_pages, max_mapped)
        for fate in ("written", "freed") if cold is not None else ():
            met[fate] += int(np.count_nonzero(getattr(cold, fate)))
        return cold

    monkeypatch.setattr(swap_out_bulk, "refill_inactive", refill_inactive)
    monkeypatch.setattr(swap_out_bulk, "shrink_cache", shrink_cache)
    monkeypatch.setattr(swap_out_scan, "swap_out", swap_out)

    @given(program=reclaiming(), data=st.data())
    @settings(max_examples=60)
    def holds(program: list[str], data: st.DataObject) -> None:
        pages = data.draw(st.sampled_from((1, 3, 8, 20)), "bulk")
        swap = data.draw(st.sampled_from(("0", "24K", "100K", "200K", "1M")), "swap")
        session = agree(program, pages, rmap="virtual_scan", ram="8M", swap=swap, cluster=cluster)
        assert [] == problems(session.machine)

    holds()
    # Clusters are scanned for one by one.
    scanned = {"scanned"} if cluster == 1 else set()
    assert {"cold", "written", "freed"} | scanned == set(+met)


@pytest.mark.parametrize(("rmap", "rules"), KINDS)
@given(program=st.one_of(swap_programs(), file_programs()))
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
