"""Playing at a speed: when the next step is due. It owns no timer: the clock is handed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vmtui.mm.step import CANDIDATE, StepRecord

STEP_SECONDS = 0.25
"""A step at speed 1."""
SPEEDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""What ``-`` and ``+`` go through."""
LONG_WALK = 24
"""A walk of more candidates than this is hurried through its middle."""
FIRST, LAST = 6, 3
"""Its candidates that are played at speed."""
MIDDLE_SECONDS = 2.0
"""What the rest takes, whatever their number."""
CARD_SECONDS = 2.0
CHARACTER_SECONDS = 0.045
"""A card stays for the time it takes to read it."""

Clock = Callable[[], float]


class Playback:
    """Due times of steps.

    Args:
        clock: seconds, monotonic. A test hands in its own.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due = 0.0
        self.playing = False
        self.speed = 1.0

    @property
    def step_seconds(self) -> float:
        """Seconds a step takes at the present speed."""
        return STEP_SECONDS / self.speed

    def start(self) -> None:
        """Play from now on; the first step is due at once."""
        self.playing = True
        self._due = self._clock()

    def stop(self) -> None:
        """Play no more."""
        self.playing = False

    def change_speed(self, direction: int) -> float:
        """One speed slower (-1) or faster (1)."""
        at = SPEEDS.index(self.speed) + direction
        self.speed = SPEEDS[max(0, min(at, len(SPEEDS) - 1))]
        return self.speed

    def due(self) -> bool:
        """Whether the next step is to be shown now."""
        return self.playing and self._clock() >= self._due

    def wait(self, seconds: float) -> None:
        """Put off the next step.

        Time lost to a slow paint is caught up with, but never more than a tenth of a second of it.
        """
        self._due = max(self._due + seconds, self._clock() - 0.1)


def card_seconds(text: str, speed: float) -> float:
    """How long a card is shown."""
    return max(CARD_SECONDS, CHARACTER_SECONDS * len(text)) / speed


class Hurry:
    """Which steps of a command lie in the middle of a long walk.

    Args:
        records: the steps of one command.
        walks: its walks, with `first` and `last` counted from the first of `records`.
    """

    def __init__(self, records: Sequence[StepRecord], walks: Sequence[tuple[int, int]]) -> None:
        self._middles = []
        for first, last in walks:
            candidates = [n for n in range(first, last) if records[n].step.outcome in CANDIDATE]
            if len(candidates) > LONG_WALK:
                self._middles.append((candidates[FIRST], candidates[-LAST]))

    def seconds(self, index: int, step_seconds: float) -> float:
        """How long the step of that index is shown."""
        for first, last in self._middles:
            if first <= index < last:
                return min(step_seconds, MIDDLE_SECONDS / (last - first))
        return step_seconds
