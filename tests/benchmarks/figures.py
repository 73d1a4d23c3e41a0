"""What a benchmark gives: figures, each with the target that it is printed beside."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

MB: Final = 1 << 20
GB: Final = 1 << 30
PAGE: Final = 4096


@attrs.frozen
class Figure:
    """One measured number.

    Attributes:
        what: The operation, in a few words.
        value: The number; None where it cannot be had, and the note says why.
        unit: Its unit.
        target: What it must reach; None: nothing is asked.
        least: Whether the target is a least value, and not a most.
        note: What flatters it, or what it leaves out.
    """

    what: str
    value: float | None
    unit: str
    target: float | None = None
    least: bool = False
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without one, or without a number."""
        if self.target is None or self.value is None:
            return None
        return self.value >= self.target if self.least else self.value <= self.target


Benchmark = Callable[[], list[Figure]]


def cpu_time(work: Callable[[], object]) -> float:
    """Seconds of CPU that `work` took in this process, user and system."""
    start = time.process_time()
    work()
    return time.process_time() - start


def rss() -> float:
    """MB of this process in memory now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / MB


def peak_rss() -> float:
    """MB of this process in memory at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
