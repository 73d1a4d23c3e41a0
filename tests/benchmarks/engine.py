"""The machine alone: ranges at once, single steps, undo, and the sizes the article argues about."""

from __future__ import annotations

import random
from typing import Final

import numpy as np

from tests.benchmarks.figures import GB, PAGE, Figure, cpu_time, peak_rss, rss
from vmtui.session import Session

#: Pages of 2 GB.
TWO_GB: Final = 2 * GB // PAGE


def article(**options: object) -> Session:
    """A session on a machine of 32 GB."""
    return Session(ram="32G", highpte="on", **options)


def filled(session: Session, pages: int) -> float:
    """A process that writes so many pages; the seconds it takes."""
    session.do("spawn p")
    session.do(f"mmap p h {pages} pages rw private")
    return cpu_time(lambda: session.do("write p.h"))


def scatter(session: Session, pages: int) -> None:
    """Age the machine: the next `pages` frames come in random order, as if they had been freed so.

    Behind the session's back, before its first command: by commands it would take minutes.
    """
    zone, history = session.machine.zones[-1], session.machine.history
    zone.give_user_bulk(np.random.default_rng(1).permutation(zone.take_user_bulk(pages)))
    history.drop(history.mark)
    session._low_mark = session._top = history.mark


def ranges() -> list[Figure]:
    """Faults, fork (the best of three), exit and munmap of 2 GB at once."""
    figures = []
    for kind, fault_target, fork_target in (("fresh", 10, 20), ("scattered", 3, 7)):
        session = article()
        if kind == "scattered":
            scatter(session, TWO_GB)
        seconds = filled(session, TWO_GB)
        figures.append(
            Figure(f"bulk faults, {kind} frames", TWO_GB / seconds / 1e6, "M/s", fault_target, least=True)
        )
        seconds = min(cpu_time(lambda session=session, n=n: session.do(f"fork p c{n}")) for n in range(3))
        figures.append(
            Figure(f"fork, PTEs, {kind} frames", TWO_GB / seconds / 1e6, "M/s", fork_target, least=True)
        )
        if kind == "fresh":
            start = session.commands[-1].first
            seconds = cpu_time(lambda session=session, start=start: session.seek(start))
            figures.append(Figure("undo of a 2 GB fork", seconds * 1e3, "ms", 20))
            session.seek(session.end)
        seconds = cpu_time(lambda session=session: session.do("exit c0"))
        figures.append(Figure(f"exit of the child, PTEs, {kind} frames", TWO_GB / seconds / 1e6, "M/s"))
        seconds = cpu_time(lambda session=session: session.do("munmap p.h"))
        figures.append(Figure(f"munmap, {kind} frames", TWO_GB / seconds / 1e6, "M/s"))
    return figures


def steps() -> list[Figure]:
    """Watched faults, with undo, steps and stacks recorded and the collector on; undo; a stepped walk (the
    best of fifty)."""
    session = Session(ram="1G", bulk=1 << 40)
    pages = 60_000
    seconds = filled(session, pages)
    figures = [Figure("watched faults", pages / seconds / 1e3, "k/s", 60, least=True)]

    many = 2_000
    seconds = cpu_time(lambda: [session.back() for _ in range(many)])
    figures.append(Figure("undo of one watched step", seconds / many * 1e6, "µs", 20))

    session = Session(ram="1G")
    filled(session, 4)
    children, walks = 1_000, 50
    for number in range(children):
        session.do(f"fork p c{number}")
    seconds = min(cpu_time(lambda: session.do("walk p.h[0] full")) for _ in range(walks))
    examined = children + 1
    figures.append(Figure("stepped walk, candidates", examined / seconds / 1e3, "k/s", 300, least=True))
    return figures


def jumps() -> list[Figure]:
    """Seeks in a history of 100,000 steps."""
    session = Session(ram="1G", bulk=1 << 40)
    filled(session, 34_000)
    choose, jumps = random.Random(1), 40
    places = [choose.randrange(session.end) for _ in range(jumps)]
    seconds = cpu_time(lambda: [session.seek(place) for place in places])
    return [Figure(f"a random jump among {session.end:,} steps", seconds / jumps * 1e3, "ms")]


def fill(session: Session, pages: int) -> float:
    """Processes of at most 2 GB that write so many pages; the seconds it takes."""
    seconds = 0.0
    for number in range(-(-pages // TWO_GB)):
        n = min(TWO_GB, pages - number * TWO_GB)
        session.do(f"spawn p{number}")
        session.do(f"mmap p{number} h {n} pages rw private")
        seconds += cpu_time(lambda number=number: session.do(f"write p{number}.h"))
    return seconds


def growth() -> list[Figure]:
    """What a page costs, from 10,000 pages to 8,000,000."""
    costs = {}
    for pages in (10_000, 100_000, 1_000_000, 8_000_000):
        best = min(fill(article(), pages) for _ in range(5 if pages < 1_000_000 else 1))
        costs[pages] = best / pages * 1e9
    figures = [Figure(f"a bulk fault among {pages:,}", cost, "ns") for pages, cost in costs.items()]
    most, least = max(costs.values()), min(costs.values())
    return [*figures, Figure("the dearest page to the cheapest", most / least, "×", 2)]


def all_of_it() -> list[Figure]:
    """32 GB, every frame faulted, those that mem_map would lie in too; but for page tables."""
    session = article(lowmem="count")
    free = sum(zone.free for zone in session.machine.zones)
    pages = (free - 128) * 512 // 513
    fill(session, pages)
    left = sum(zone.free for zone in session.machine.zones)
    note = f"{pages:,} pages written, {left:,} frames left"
    return [Figure("32 GB, every frame faulted: RSS", rss(), "MB", 450, note=note)]


def share(session: Session, processes: int) -> float:
    """So many processes that each map and touch a shared file of 2 GB; the seconds it takes."""

    def build() -> None:
        session.do(f"file sga {TWO_GB} pages")
        for number in range(processes):
            session.do(f"spawn p{number}")
            session.do(f"mmap p{number} s {TWO_GB} pages rw shared sga")
            session.do(f"read p{number}.s")

    return cpu_time(build)


def hundred() -> list[Figure]:
    """100 processes that share 2 GB: 52 million PTEs."""
    session = article(rmap="anon_vma_rfc")
    seconds = share(session, 100)
    return [
        Figure("100 × 2 GB shared: build", seconds, "s", 2),
        Figure("100 × 2 GB shared: RSS", rss(), "MB", 650),
    ]


def thousand() -> list[Figure]:
    """1,000 processes that share 2 GB: 524 million PTEs."""
    session = article(rmap="anon_vma_rfc")
    seconds = share(session, 1_000)
    built = rss()
    session.seek(0)
    session.seek(session.end)
    return [
        Figure("1,000 × 2 GB shared: build", seconds, "s"),
        Figure("1,000 × 2 GB shared: RSS", built, "MB", 6 * 1024),
        Figure("1,000 × 2 GB shared: peak RSS, undone and redone", peak_rss(), "MB"),
    ]
