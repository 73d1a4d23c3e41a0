"""
The same commands under several schemes: what each holds, walks and works, and where they differ.

A `Comparison` is plain frozen data; the schemes are played one after the other, on machines that differ in
nothing but their reverse map.  Only numbers are kept of a machine that was played.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping, Sequence
from operator import add
from typing import Final, TypeVar

import attrs

from vmtui.errors import KernelError
from vmtui.mm.content import content
from vmtui.mm.kernel import Options
from vmtui.mm.machine import Machine
from vmtui.mm.rmap.scheme import scheme_class, schemes_for
from vmtui.mm.walks import sums_by_kind, total
from vmtui.mm.work import LONGEST, WORK
from vmtui.player import Player
from vmtui.report.playing import Event, Tally, events
from vmtui.scenario.items import Item
from vmtui.scenario.script import Script
from vmtui.session import Done, Session

__all__ = [
    "Comparison",
    "Difference",
    "Stop",
    "Trial",
    "WalkRow",
    "compare",
    "comparing",
    "done_at_once",
    "try_scheme",
    "trying",
]

CLOSELY: Final = 4096
"""Pages in memory up to which the content is compared after every command; beyond, at the end."""

PAGE_OUT: Final = ("swapout", "evict", "reclaim", "swapoff")

Prints = dict[str, bytes]
Result = TypeVar("Result")


@attrs.frozen
class Stop:
    """
    Where a play ended before its end.

    Attributes:
        commands: The commands done before.
        line, loop: Where in the file the refused one stands.
        text: The command.
        errno, message: What it was refused with.
    """

    commands: int
    line: int
    loop: Mapping[str, int]
    text: str
    errno: str
    message: str


@attrs.frozen
class WalkRow:
    """
    The walks of one kind that one line of the file made, in all its repetitions.

    Attributes:
        line: Its number.
        text: The line.
        kind: ``referenced``, ``unmap`` or ``look``.
        walks: How many.
        examined, hits, misses: Their sums.
    """

    line: int
    text: str
    kind: str
    walks: int
    examined: int
    hits: int
    misses: int


@attrs.frozen
class Trial:
    """
    One scheme's play.

    Attributes:
        scheme: Its name.
        machine: The machine line.
        commands: Commands done.
        stop: Where it ended early; None if it did not.
        bytes: Low memory held at the end, by kind.
        lowmem_total, lowmem_free: Low memory in all, and what is free at the end.
        reverse_map: What the reverse map takes at the end, in bytes.
        most: The most that it took after any command.
        walks: What each line walked.
        work: What was done on the fast path, by counter.
        passed, failed, not_applicable: Its expects.
        failures: Those that failed, in words.
        bytes_after: The reverse map's bytes after each command.
        examined_by: The candidates that each command examined.
    """

    scheme: str
    machine: str
    commands: int
    stop: Stop | None
    bytes: Mapping[str, int]
    lowmem_total: int
    lowmem_free: int
    reverse_map: int
    most: int
    walks: tuple[WalkRow, ...]
    work: Mapping[str, int]
    passed: int
    failed: int
    not_applicable: int
    failures: tuple[str, ...]
    bytes_after: tuple[int, ...]
    examined_by: tuple[int, ...]

    @property
    def examined(self) -> int:
        """Candidates that all its walks examined."""
        return sum(self.examined_by)

    @property
    def out_of_memory(self) -> bool:
        """Whether it ended where memory did."""
        return self.stop is not None and self.stop.errno == "ENOMEM"


@attrs.frozen
class Difference:
    """
    The first command after which a scheme's machine holds something else than the reference's.

    Attributes:
        scheme: The scheme.
        line, loop, text: The command.
        what: What differs: ``refused with EFAULT``, ``process sh``, ``mapcounts``, ...
        reason: What a scheme says of itself that explains it; None: nothing does.
    """

    scheme: str
    line: int
    loop: Mapping[str, int]
    text: str
    what: tuple[str, ...]
    reason: str | None


@attrs.frozen
class Comparison:
    """
    A scenario under several schemes.

    Attributes:
        title, path: The scenario's.
        machine: The machine line, without the scheme.
        params: The params in force.
        reference: The scheme that the others are held against: the file's own, if it is among them.
        trials: A play a scheme, in the order asked for.
        differences: The first difference of each scheme that has one.
        closely: Whether all they hold was compared after every command, and not at the end alone.
        unit: What the numbers before commands count: a ``line`` of the scenario, or a ``command``.
    """

    title: str
    path: str | None
    machine: str
    params: Mapping[str, int]
    reference: str
    trials: tuple[Trial, ...]
    differences: tuple[Difference, ...]
    closely: bool = True
    unit: str = "line"

    @property
    def ok(self) -> bool:
        """Whether every difference is one that a scheme declares, and no expect failed but after one."""
        parted = {difference.scheme for difference in self.differences}
        return all(difference.reason is not None for difference in self.differences) and not any(
            trial.failed for trial in self.trials if trial.scheme not in parted
        )


def compare(script: Script, schemes: Sequence[str] = ()) -> Comparison:
    """
    Play a scenario under each of some schemes.

    Args:
        script: As it was loaded; its own scheme is no matter.

        schemes: Names, in the order in which they are shown; none: all that can have the machine.

    Raises:
        OptionError: a scheme cannot have the machine that the script names.
    """
    return done_at_once(comparing(script, schemes))


def comparing(script: Script, schemes: Sequence[str] = ()) -> Generator[tuple[str, int], None, Comparison]:
    """
    `compare` in slices.

    Yields:
        The scheme that is being played, and how many commands it has done.
    """
    schemes = schemes or schemes_for(script.machine)
    own = script.machine.rmap
    reference = own if own in schemes else schemes[0]
    plays = {scheme: _Play(script, scheme) for scheme in dict.fromkeys([reference, *schemes])}
    for play in plays.values():
        yield from play.playing()
    found = [_difference(plays[reference], plays[name]) for name in schemes if name != reference]
    return Comparison(
        title=script.title,
        path=script.path,
        machine=_machine_text(script),
        params={name: value for name, value in script.params.items() if isinstance(value, int)},
        reference=reference,
        trials=tuple(plays[scheme].trial for scheme in schemes),
        differences=tuple(difference for difference in found if difference is not None),
        closely=all(play.closely for play in plays.values()),
        unit=script.unit,
    )


def try_scheme(script: Script, scheme: str) -> Trial:
    """One scheme's play alone."""
    return done_at_once(trying(script, scheme))


def trying(script: Script, scheme: str) -> Generator[tuple[str, int], None, Trial]:
    """`try_scheme` in slices, as those of `comparing`."""
    play = _Play(script, scheme)
    yield from play.playing(prints=False)
    return play.trial


def done_at_once(work: Generator[object, None, Result]) -> Result:
    """Sliced work to its end, and what it came to."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result


def _machine_text(script: Script) -> str:
    """The machine line without the scheme."""
    words = script.machine.text.split(" ")
    return " ".join(word for word in words if not word.startswith("rmap="))


class _Play:
    """
    A play, with a print of what the machine held after each command; `playing` does it.

    Attributes:
        trial: Its figures, once it is over.
        prints: After each command, errno and what the machine holds, hashed by part.
        known: Anomalies that the scheme is known for under these options.
        closely: Whether it was always small enough to print all it holds.
        items: The item of each command.
        texts: Each command.
    """

    trial: Trial
    known: frozenset[str]

    def __init__(self, script: Script, scheme: str) -> None:
        self.scheme = scheme
        # Where the file asks for no rules: those that every scheme can have.
        self.options = {"rules": "2.6", **script.options, "rmap": scheme}
        # A machine that cannot be had is refused before any is played.
        Options.parse(self.options)
        self.script = attrs.evolve(script, options=self.options)
        self.tally = Tally()
        self.prints: list[tuple[str | None, Prints]] = []
        self.closely = True
        self.items: list[Item] = []
        self.texts: list[str] = []
        self._walks: dict[tuple[int, str], tuple[int, ...]] = {}
        self._bytes: list[int] = []
        self._examined: list[int] = []
        self._work = dict.fromkeys(WORK, 0)
        self._stop: Stop | None = None
        self._failures: list[str] = []
        self._rows = script.lines

    def playing(self, *, prints: bool = True) -> Generator[tuple[str, int], None, None]:
        """Play, on a machine that is there as long as the play goes on."""
        self.session = Session(**self.options)
        for event in events(Player(self.session, self.script)):
            self._take(event, prints)
            yield self.scheme, len(self.session.commands)
        if self.prints:
            self.prints[-1] = (self.prints[-1][0], _prints(self.session.machine))
        self.known = self.session.machine.scheme.expected
        self.trial = self._trial(self.scheme)
        del self.session

    def _take(self, event: Event, prints: bool) -> None:
        self.tally.count(event)
        if event.result is not None and event.result.holds is False:
            self._failures.append(
                f"{self.script.unit} {event.item.line}: {event.result.text}: {event.result.sentence}"
            )
        done = event.done
        if done is None:
            return
        error = event.refused
        if error is not None:
            self._stop = _stop(done, event.item, error)
        machine = self.session.machine
        self.items.append(event.item)
        self.texts.append(done.text)
        self._count(done, event.item.line)
        self._bytes.append(machine.scheme.reverse_map_bytes())
        if prints:
            errno = done.error.errno if done.error is not None else None
            small = _is_small(machine)
            self.closely &= small
            self.prints.append((errno, _prints(machine) if small else _outline(machine)))

    def _count(self, done: Done, line: int) -> None:
        for kind, more in sums_by_kind(done.walks, ("examined", "hits", "misses")).items():
            sums = self._walks.get((line, kind), (0, 0, 0, 0))
            self._walks[line, kind] = tuple(map(add, sums, more))
        self._examined.append(total(done.walks, "examined"))
        for name, number in done.work.items():
            # Of the longest list the longest counts, not all of them together.
            self._work[name] = max(self._work[name], number) if name == LONGEST else self._work[name] + number

    def _trial(self, scheme: str) -> Trial:
        ledger = self.session.machine.ledger
        return Trial(
            scheme=scheme,
            machine=self.session.options.text,
            commands=len(self.session.commands),
            stop=self._stop,
            bytes=ledger.by_kind(),
            lowmem_total=ledger.lowmem_total,
            lowmem_free=ledger.lowmem_free,
            reverse_map=self.session.machine.scheme.reverse_map_bytes(),
            most=max(self._bytes, default=0),
            walks=tuple(
                WalkRow(line, str(self._rows[line - 1].statement), kind, *sums)
                for (line, kind), sums in sorted(self._walks.items(), key=lambda found: found[0][0])
            ),
            work=dict(self._work),
            passed=self.tally.passed,
            failed=self.tally.failed,
            not_applicable=self.tally.not_applicable,
            failures=tuple(self._failures),
            bytes_after=tuple(self._bytes),
            examined_by=tuple(self._examined),
        )


def _stop(done: Done, item: Item, error: KernelError) -> Stop:
    return Stop(done.number, item.line, dict(item.loop), done.text, error.errno, error.message)


def _is_small(machine: Machine) -> bool:
    return sum(mm.rss for mm in machine.mms) <= CLOSELY and len(machine.mms) <= CLOSELY // 64


def _outline(machine: Machine) -> Prints:
    """What can be said of a large machine after every command: frames, slots and pages in memory."""
    free = sum(zone.free for zone in machine.zones)
    found = {"free frames": free, "swap": machine.swap.used(), "pages": sum(mm.rss for mm in machine.mms)}
    return {name: str(number).encode() for name, number in found.items()}


def _prints(machine: Machine) -> Prints:
    """What a machine holds, hashed by part."""
    return {
        name: hashlib.blake2b(values.tobytes(), digest_size=8).digest()
        for name, values in content(machine).items()
    }


def _difference(reference: _Play, other: _Play) -> Difference | None:
    """Where a play first parted from the reference; None if it never did, or memory had ended first."""
    name = other.trial.scheme
    for at, (ours, theirs) in enumerate(zip(reference.prints, other.prints, strict=False)):
        if "ENOMEM" in (ours[0], theirs[0]) and ours[0] != theirs[0]:
            return None
        if ours == theirs:
            continue
        if ours[0] != theirs[0]:
            what: tuple[str, ...] = (f"refused with {theirs[0]}" if theirs[0] else "not refused",)
        else:
            parts = dict.fromkeys([*ours[1], *theirs[1]])
            what = tuple(part for part in parts if ours[1].get(part) != theirs[1].get(part))
        item, text = other.items[at], other.texts[at]
        reason = _reason(other, at) or _reason(reference, at)
        return Difference(name, item.line, dict(item.loop), text, what, reason)
    return None


def _reason(play: _Play, at: int) -> str | None:
    """What a scheme says of itself that explains a difference after its command number `at`."""
    scheme = play.trial.scheme
    keywords = [text.split(" ")[0] for text in play.texts[: at + 1]]
    departs = scheme_class(scheme).departs
    said = departs.get(keywords[at])
    for earlier in ("remap_file_pages", "mlock"):
        if said is None and keywords[at] in PAGE_OUT and earlier in keywords:
            said = departs.get(earlier)
    if said is None and play.known:
        said = f"known for pages that are {', '.join(sorted(play.known))}"
    return f"{scheme}: {said}" if said is not None else None
