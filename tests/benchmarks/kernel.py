"""The same operations on the kernel underneath, in the same run, and the ratio."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.benchmarks.engine import article
from tests.benchmarks.figures import GB, PAGE, Figure, cpu_time
from vmtui.session import Session

#: What is mapped: 1 GB.
SIZE: Final = GB
PAGES: Final = SIZE // PAGE

# include/uapi/asm-generic/mman-common.h; Python 3.11's mmap module has no names for them.
MADV_NOHUGEPAGE: Final = 15
MADV_PAGEOUT: Final = 21
MADV_POPULATE_WRITE: Final = 23

#: Which comparisons flatter the simulator, and why.
FLATTERED: Final = {
    "populate": "the kernel also zeroes each page, and charges it to a cgroup",
    "fork": "the kernel also takes locks and flushes the TLB",
    "write after fork": "the kernel also traps, and copies each page; the simulator records each step",
    "munmap": "the kernel also flushes the TLB, and frees through per-CPU lists",
    "pageout": "the kernel also writes each page",
    "swap-in": "the kernel also reads each page",
}

#: What the kernel underneath is not asked for while it has no swap to spare, and what is said instead.
SWAPPED: Final = ("pageout", "swap-in")
NO_SWAP: Final = "the kernel underneath has no 1 GB of swap free (/proc/swaps), and a benchmark makes none"


def memory() -> mmap.mmap:
    """Private anonymous memory in pages of 4 KB."""
    area = mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    area.madvise(MADV_NOHUGEPAGE)
    return area


def forked(work: Callable[[], float]) -> tuple[float, float]:
    """Seconds that fork takes in this process, and those that the child says it took for `work`."""
    ours, theirs = os.pipe()
    child = 0

    def fork() -> None:
        nonlocal child
        child = os.fork()

    seconds = cpu_time(fork)
    if not child:
        os.write(theirs, repr(work()).encode())
        os._exit(0)
    os.close(theirs)
    os.waitpid(child, 0)
    with os.fdopen(ours) as said:
        return seconds, float(said.read())


def touch(area: mmap.mmap) -> None:
    """Write a byte of each page."""
    for at in range(0, SIZE, PAGE):
        area[at] = 1


def touch_again(area: mmap.mmap) -> float:
    """Seconds to write a byte of each page, without what the loop itself takes."""
    first = cpu_time(lambda: touch(area))
    return first - cpu_time(lambda: touch(area))


def swap_room() -> int:
    """Bytes that there are to page out to."""
    areas = [line.split() for line in Path("/proc/swaps").read_text(encoding="ascii").splitlines()[1:]]
    return sum(int(area[2]) - int(area[3]) for area in areas) * 1024


def real() -> dict[str, float]:
    """Seconds on the kernel underneath."""
    bare, _ = forked(lambda: 0.0)
    area = memory()
    spent = {"populate": cpu_time(lambda: area.madvise(MADV_POPULATE_WRITE))}
    fork, spent["write after fork"] = forked(lambda: touch_again(area))
    spent["fork"] = fork - bare
    if swap_room() >= SIZE:
        spent["pageout"] = cpu_time(lambda: area.madvise(MADV_PAGEOUT))
        spent["swap-in"] = cpu_time(lambda: area.madvise(MADV_POPULATE_WRITE))
    spent["munmap"] = cpu_time(area.close)
    return spent


def simulated() -> dict[str, float]:
    """Seconds of the simulator for the same."""

    def run(session: Session, line: str) -> float:
        return cpu_time(lambda: session.do(line))

    session = article(swap="2G")
    session.do("spawn p")
    session.do(f"mmap p h {PAGES} pages rw private")
    spent = {"populate": run(session, "write p.h"), "fork": run(session, "fork p c")}
    spent["write after fork"] = run(session, "write c.h")
    session.do("exit c")
    spent["pageout"] = run(session, "evict p.h")
    spent["swap-in"] = run(session, "write p.h")
    spent["munmap"] = run(session, "munmap p.h")
    return spent


def beside_the_kernel() -> list[Figure]:
    """Nanoseconds a page of each, and the simulator's to the kernel's."""
    ours, theirs = simulated(), real()
    targets = {"populate": 0.3, "fork": 1.0}
    figures = []
    for name, seconds in theirs.items():
        figures += [
            Figure(f"{name}: the kernel, a page", seconds / PAGES * 1e9, "ns"),
            Figure(f"{name}: simulated, a page", ours[name] / PAGES * 1e9, "ns"),
        ]
        ratio, note = ours[name] / seconds, FLATTERED[name]
        figures.append(Figure(f"{name}: simulated to real", ratio, "×", targets.get(name), note=note))
    for name in SWAPPED:
        if name not in theirs:
            figures += [
                Figure(f"{name}: the kernel, a page", None, "ns", note=NO_SWAP),
                Figure(f"{name}: simulated, a page", ours[name] / PAGES * 1e9, "ns"),
            ]
    return figures
