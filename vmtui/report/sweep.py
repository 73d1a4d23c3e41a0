"""
A scenario under several schemes for a range of one of its params: who costs how much, and where they cross.

Few values are played; between two of them where one scheme has overtaken another, the first value at which it
has is looked for by halving.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Final

import attrs

from vmtui.errors import OptionError
from vmtui.mm.rmap.scheme import schemes_for
from vmtui.report.compare import Stop, done_at_once, trying
from vmtui.scenario.script import Script

__all__ = ["QUANTITIES", "Crossing", "End", "Point", "Sweep", "sweep", "sweeping", "values_of"]

STEPS: Final = 10
"""Values that are played if nothing else is said."""

HALVINGS: Final = 100
"""Plays that looking for exact places may take in all; then a place is given as a range."""

QUANTITIES: Mapping[str, str] = {"bytes": "reverse-map bytes", "examined": "candidates examined"}
"""What is compared: a field of `Point`, and its name."""


@attrs.frozen
class Point:
    """
    One play.

    Attributes:
        scheme: Its scheme.
        value: The param's value.
        bytes: The most that the reverse map took after any command.
        examined: The candidates that all walks examined.
        stop: Where it ended early; None if it did not.
    """

    scheme: str
    value: int
    bytes: int
    examined: int
    stop: Stop | None


@attrs.frozen
class Crossing:
    """
    Where one scheme overtakes another.

    Attributes:
        quantity: A key of `QUANTITIES`.
        more, less: The scheme that has more from here on, and the one that had more before.
        before: The greatest value known at which `more` had not more yet.
        at: The least value known at which it has; `before` + 1 if that was looked for to the end.
        more_at, less_at: What the two have at `at`.
    """

    quantity: str
    more: str
    less: str
    before: int
    at: int
    more_at: int
    less_at: int


@attrs.frozen
class End:
    """
    Where a scheme's plays begin to end early.

    Attributes:
        scheme: The scheme.
        before: The greatest value known at which it came to the end; None if it never did.
        at: The least known at which it did not.
        stop: Where it stopped there.
    """

    scheme: str
    before: int | None
    at: int
    stop: Stop


@attrs.frozen
class Sweep:
    """
    Plays of a scenario for several values of a param.

    Attributes:
        title, path: The scenario's.
        param: The param.
        values: Its values, ascending.
        schemes: In the order asked for.
        points: A play a scheme and value; by scheme, then by value.
        crossings: By quantity, then by value.
        ends: Of the schemes that did not always come to the end.
        unit: What the number of a place where a play stopped counts: a ``line``, or a ``command``.
    """

    title: str
    path: str | None
    param: str
    values: tuple[int, ...]
    schemes: tuple[str, ...]
    points: tuple[Point, ...]
    crossings: tuple[Crossing, ...]
    ends: tuple[End, ...]
    unit: str = "line"


def values_of(first: int, last: int, steps: int = STEPS) -> tuple[int, ...]:
    """
    The values of a range that are played, both ends among them.

    Evenly spaced; by equal factors where the last is twenty times the first or more, so that the small ones,
    at which most is decided, are not passed over.

    Raises:
        OptionError: the range is empty, or there are fewer than two steps.
    """
    if not 0 <= first <= last:
        raise OptionError(f"{first}..{last} is no range: the second number must not be the smaller one")
    if steps < 2:
        raise OptionError(f"a sweep has two steps at least, not {steps}")
    if first >= 1 and last >= 20 * first:
        factor = (last / first) ** (1 / (steps - 1))
        found = [round(first * factor**at) for at in range(steps)]
    else:
        found = [first + (last - first) * at // (steps - 1) for at in range(steps)]
    return tuple(sorted({first, last, *found}))


def sweep(
    load: Callable[[Mapping[str, int]], Script],
    param: str,
    values: Sequence[int],
    schemes: Sequence[str] = (),
) -> Sweep:
    """
    Play a scenario for each value under each scheme.

    Args:
        load: Reads the scenario with these params.

        param: The param's name.

        values: Ascending.

        schemes: In the order in which they are shown; none: all that can have the machine.

    Raises:
        ScenarioErrors: the scenario cannot be read, or has no such param.
    """
    return done_at_once(sweeping(load, param, values, schemes))


Slices = Generator[tuple[str, int], None, None]
"""Plays in slices: the scheme that is being played, and with which value."""


def sweeping(
    load: Callable[[Mapping[str, int]], Script],
    param: str,
    values: Sequence[int],
    schemes: Sequence[str] = (),
) -> Generator[tuple[str, int], None, Sweep]:
    """
    `sweep` in slices.

    Yields:
        The scheme that is being played, and the param's value.
    """
    plays = _Plays(load, param)
    schemes = schemes or schemes_for(plays.script(values[0]).machine)
    for scheme in schemes:
        for value in values:
            yield from plays.playing(scheme, value)
    points = tuple(plays.at(scheme, value) for scheme in schemes for value in values)
    plays.left = HALVINGS
    script = plays.script(values[0])
    ends: list[End] = []
    for scheme in schemes:
        yield from _end(plays, scheme, values, ends)
    crossings: list[Crossing] = []
    for quantity in QUANTITIES:
        for one, other in combinations(schemes, 2):
            yield from _crossings(plays, quantity, one, other, values, crossings)
    order = list(QUANTITIES)
    return Sweep(
        title=script.title,
        path=script.path,
        param=param,
        values=tuple(values),
        schemes=tuple(schemes),
        points=points,
        crossings=tuple(sorted(crossings, key=lambda found: (order.index(found.quantity), found.at))),
        ends=tuple(ends),
        unit=script.unit,
    )


class _Plays:
    """The plays made so far; none is made twice."""

    def __init__(self, load: Callable[[Mapping[str, int]], Script], param: str) -> None:
        self.left = 0
        self._load = load
        self._param = param
        self._scripts: dict[int, Script] = {}
        self._points: dict[tuple[str, int], Point] = {}

    def script(self, value: int) -> Script:
        """The scenario with this value."""
        if value not in self._scripts:
            self._scripts[value] = self._load({self._param: value})
        return self._scripts[value]

    def playing(self, scheme: str, value: int) -> Slices:
        """Play a scheme with a value, if that was not done."""
        if (scheme, value) in self._points:
            return
        self.left -= 1
        playing = trying(self.script(value), scheme)
        while True:
            try:
                next(playing)
            except StopIteration as end:
                trial = end.value
                break
            yield scheme, value
        self._points[scheme, value] = Point(scheme, value, trial.most, trial.examined, trial.stop)

    def at(self, scheme: str, value: int) -> Point:
        """The play of a scheme with a value, which was done."""
        return self._points[scheme, value]

    def amount(self, quantity: str, scheme: str, value: int) -> int:
        """How much of a quantity a play has."""
        point = self.at(scheme, value)
        return {"bytes": point.bytes, "examined": point.examined}[quantity]


def _narrow(
    plays: _Plays, schemes: Sequence[str], before: int, at: int, holds: Callable[[int], bool]
) -> Generator[tuple[str, int], None, tuple[int, int]]:
    """The neighbours between which `holds` becomes true, or as near as the plays left allow."""
    while at - before > 1 and plays.left > 0:
        middle = (before + at) // 2
        for scheme in schemes:
            yield from plays.playing(scheme, middle)
        if holds(middle):
            at = middle
        else:
            before = middle
    return before, at


def _end(plays: _Plays, scheme: str, values: Sequence[int], found: list[End]) -> Slices:
    """Where a scheme begins to end early; added to those found."""
    before: int | None = None
    for value in values:
        if plays.at(scheme, value).stop is None:
            before = value
            continue
        at = value
        if before is not None:
            stopped = partial(_stopped, plays, scheme)
            before, at = yield from _narrow(plays, [scheme], before, at, stopped)
        stop = plays.at(scheme, at).stop
        assert stop is not None
        found.append(End(scheme, before, at, stop))
        return


def _stopped(plays: _Plays, scheme: str, value: int) -> bool:
    """Whether a play ended early."""
    return plays.at(scheme, value).stop is not None


def _crossings(
    plays: _Plays, quantity: str, one: str, other: str, values: Sequence[int], found: list[Crossing]
) -> Slices:
    """Where one of two schemes overtakes the other; added to those found."""
    leader, before = "", values[0]
    for value in values:
        for more, less in ((one, other), (other, one)):
            if not _has_more(plays, quantity, more, less, value):
                continue
            if leader == less:
                holds = partial(_has_more, plays, quantity, more, less)
                last, at = yield from _narrow(plays, [more, less], before, value, holds)
                more_at, less_at = plays.amount(quantity, more, at), plays.amount(quantity, less, at)
                found.append(Crossing(quantity, more, less, last, at, more_at, less_at))
            leader = more
        before = value


def _has_more(plays: _Plays, quantity: str, more: str, less: str, value: int) -> bool:
    """Whether one scheme has more than another; not where one of them ended early."""
    if plays.at(more, value).stop is not None or plays.at(less, value).stop is not None:
        return False
    return plays.amount(quantity, more, value) > plays.amount(quantity, less, value)
