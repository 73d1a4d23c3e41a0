"""Long work in slices, between paints: never a second thread over the same tape."""

from __future__ import annotations

from collections.abc import Callable, Generator
from time import perf_counter

Work = Generator[object, None, object]
"""Work that yields now and then, and returns its result; a string it yields says what goes on."""
SLICE = 0.02
"""Seconds of work between two paints."""
AT_ONCE = 0.06
"""Seconds in which work is expected to end; only what takes longer is spread over slices."""


class Job:
    """A piece of work, its progress, and what came of it.

    Args:
        work: the generator. Closing it must leave everything as it was before.
        label: what it is, for the progress line.
        clock: seconds, monotonic.
    """

    def __init__(self, work: Work, label: str, clock: Callable[[], float] = perf_counter) -> None:
        self._work = work
        self._clock = clock
        self.label = label
        self.began = clock()
        self.slices = 0
        """How often the work has yielded."""
        self.result: object = None
        self.error: Exception | None = None
        self.finished = False
        self.cancelled = False

    def run(self, seconds: float) -> bool:
        """Work for so long. True when there is nothing left to do."""
        until = self._clock() + seconds
        while not self.finished:
            try:
                said = next(self._work)
                self.slices += 1
                if isinstance(said, str):
                    self.label = said
            except StopIteration as stop:
                self.result = stop.value
                self.finished = True
            except Exception as error:
                self.error = error
                self.finished = True
            if self._clock() >= until:
                break
        return self.finished

    def cancel(self) -> None:
        """Give up. What the work had begun is taken back by its own ``finally``."""
        if not self.finished:
            self.cancelled = self.finished = True
            self._work.close()

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return self._clock() - self.began


def at_once(function: Callable[[], object]) -> Work:
    """A short call as work."""
    return function()
    yield
