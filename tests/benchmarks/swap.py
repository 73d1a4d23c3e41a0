"""Out to swap, to files, and back: what a page costs, from 10,000 pages to 1,000,000, and what is shared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.benchmarks.engine import TWO_GB, article, fill, filled
from tests.benchmarks.figures import Figure, cpu_time
from vmtui.session import Session

#: How many pages.
SIZES: Final = (10_000, 100_000, 1_000_000)


def swap() -> list[Figure]:
    """All that goes out at once and comes back."""
    return [*flat(memory), *flat(files), *flat(clusters), *flat(scanned), *shared()]


def flat(measured: Callable[[int], dict[str, float]]) -> list[Figure]:
    """What a page costs in each row that is measured, at each size, and how flat that is."""
    figures, costs = [], dict[str, list[float]]()
    for pages in SIZES:
        best: dict[str, float] = {}
        for _ in range(5 if pages < 1_000_000 else 1):
            for what, seconds in measured(pages).items():
                best[what] = min(seconds, best.get(what, seconds))
        for what, seconds in best.items():
            costs.setdefault(what, []).append(seconds / pages)
            figures.append(Figure(f"{what}, a page among {pages:,}", seconds / pages * 1e9, "ns"))
    for what, spent in costs.items():
        figures.append(Figure(f"{what}, pages", 1 / spent[-1] / 1e6, "M/s"))
        figures.append(Figure(f"{what}: the dearest page to the cheapest", max(spent) / min(spent), "×", 2))
    return figures


def seconds(session: Session, pages: int, line: str) -> float:
    """What a line takes, done for each of the processes that have so many pages."""
    places = [f"p{number}.h" for number in range(-(-pages // TWO_GB))]
    return sum(cpu_time(lambda place=place: session.do(line.replace("@", place))) for place in places)


def memory(pages: int) -> dict[str, float]:
    """Memory that is written, goes out, and comes back."""
    session = article(swap="8G")
    fill(session, pages)
    rows = {
        "swap-out": "swapout @",
        "swap-in from the swap cache": "read @",
        "frames of clean pages freed": "evict @",
        "swap-in": "read @",
        "munmap in the swap cache": "munmap @",
    }
    return {what: seconds(session, pages, line) for what, line in rows.items()}


def clusters(pages: int) -> dict[str, float]:
    """Clusters of four pages each."""
    session, pages = article(swap="16G", cluster=4), 4 * pages
    fill(session, pages)
    rows = {"swap-out of a cluster": "swapout @", "swap-in of a cluster": "read @"}
    costs = {what: seconds(session, pages, line) for what, line in rows.items()}
    seconds(session, pages, "swapout @")
    return {**costs, "munmap of a cluster's swap entries": seconds(session, pages, "munmap @")}


def scanned(pages: int) -> dict[str, float]:
    """Memory that 2.4's reclaim comes by, used as all of it was."""
    session = article(rmap="virtual_scan", swap="8G")
    fill(session, pages)
    return {"2.4's scan of memory in use": cpu_time(lambda: session.do(f"reclaim {pages} pages"))}


def mapped(pages: int, what: str) -> Session:
    """Processes of at most 2 GB that map so many pages of a file, or of shared memory."""
    session = article(swap="8G")
    session.do(f"file g {pages} pages")
    for number in range(-(-pages // TWO_GB)):
        first = number * TWO_GB
        session.do(f"spawn p{number}")
        where = f"g + {first} pages" if what == "file" else ""
        session.do(f"mmap p{number} h {min(TWO_GB, pages - first)} pages rw shared {where}".strip())
    return session


def files(pages: int) -> dict[str, float]:
    """A file that is read, is out of the cache, is written and is out again; and shared memory."""
    session, shmem = mapped(pages, "file"), mapped(pages, "shmem")
    seconds(session, pages, "read @")
    costs = {"clean pages of a file freed": seconds(session, pages, "evict @")}
    seconds(session, pages, "write @")
    costs["dirty pages of a file written"] = seconds(session, pages, "swapout @")
    seconds(shmem, pages, "write @")
    costs["shared memory to swap"] = seconds(shmem, pages, "swapout @")
    return costs


def shared() -> list[Figure]:
    """What several processes have, by its list and by its chains."""
    figures = []
    for rmap in ("anon_vma_rfc", "pte_chain"):
        session, pages, children = article(rmap=rmap, swap="2G"), 100_000, 9
        filled(session, pages)
        for number in range(children):
            session.do(f"fork p c{number}")
        spent = cpu_time(lambda session=session: session.do("swapout p.h"))
        mappings = pages * (children + 1)
        figures.append(Figure(f"swap-out of what 10 share, PTEs, {rmap}", mappings / spent / 1e6, "M/s"))
    return figures
