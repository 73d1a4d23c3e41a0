"""Playing at a speed, on a clock that the test owns."""

import pytest

from vmtui.mm.step import HIT, MISS_PFN, WALK, WALKED, Step, StepRecord
from vmtui.tui.playback import FIRST, LAST, MIDDLE_SECONDS, STEP_SECONDS, Hurry, Playback, card_seconds


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def steps_shown(playback: Playback, clock: Clock, seconds: float) -> int:
    """How many steps are shown in so many seconds, polled 30 times a second."""
    shown = 0
    for _ in range(round(seconds * 30)):
        clock.now += 1 / 30
        while playback.due():
            shown += 1
            playback.wait(playback.step_seconds)
    return shown


@pytest.mark.parametrize(("faster", "expected"), [(0, 40), (1, 80), (4, 640), (9, 640), (-1, 20), (-9, 20)])
def test_speed(faster, expected):
    """A step takes a quarter of a second; speeds go from a half to sixteen times and no further."""
    clock = Clock()
    playback = Playback(clock)
    for _ in range(abs(faster)):
        playback.change_speed(1 if faster > 0 else -1)
    playback.start()

    assert expected == pytest.approx(steps_shown(playback, clock, 10), abs=1)


def test_nothing_is_due_while_paused():
    """A paused playback shows nothing, however long one waits."""
    clock = Clock()
    playback = Playback(clock)
    playback.start()
    playback.stop()

    assert steps_shown(playback, clock, 60) == 0


def test_a_slow_paint_is_not_made_up_for_without_end():
    """After a long pause of the machine at most a tenth of a second of steps is shown at once."""
    clock = Clock()
    playback = Playback(clock)
    playback.start()
    playback.wait(0)
    clock.now += 60
    playback.wait(playback.step_seconds)

    assert steps_shown(playback, clock, 1 / 30) <= 2


def record(outcome: str) -> StepRecord:
    """A step of an outcome."""
    return StepRecord(Step("step", outcome, {}), None, 0)


def walk(candidates: int) -> list[StepRecord]:
    """The steps of one walk."""
    middle = [record(HIT if n % 2 else MISS_PFN) for n in range(candidates)]
    return [record(WALK), *middle, record(WALKED)]


def test_a_long_walk_hurries_through_its_middle():
    """Of a walk of 1,000 candidates the first 6 and the last 3 are played at speed, the rest in 2 s."""
    records = walk(1000)
    hurry = Hurry(records, [(0, len(records))])
    seconds = [hurry.seconds(n, STEP_SECONDS) for n in range(len(records))]

    assert seconds[: 1 + FIRST] == [STEP_SECONDS] * (1 + FIRST)
    assert seconds[-LAST - 1 :] == [STEP_SECONDS] * (LAST + 1)
    assert pytest.approx(sum(seconds[1 + FIRST : -LAST - 1])) == MIDDLE_SECONDS


def test_a_walk_of_24_candidates_is_played_whole():
    """Up to 24 candidates are each worth a quarter of a second."""
    records = walk(24)
    hurry = Hurry(records, [(0, len(records))])

    assert {STEP_SECONDS} == {hurry.seconds(n, STEP_SECONDS) for n in range(len(records))}


def test_a_card_stays_long_enough_to_be_read():
    """A card is shown for two seconds at least, longer the longer it is, and less at a higher speed."""
    assert card_seconds("short", 1.0) == 2.0
    assert card_seconds("x" * 200, 1.0) > 5
    assert card_seconds("short", 2.0) == 1.0
