"""
Playing a scenario on a session, with a screen or without.

The player runs the items of a script one after the other and remembers where the cursor stood after each, so
that a beat back is a move of the cursor and a beat forward over what was played runs nothing again.  Where it
stands follows from the session's cursor: whoever else moves that, moves the player.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator, Sequence
from itertools import accumulate
from typing import Final

import attrs

from vmtui.errors import KernelError, ScenarioError
from vmtui.mm.kernel import Options
from vmtui.scenario.checks import CheckResult, check, check_error, failed
from vmtui.scenario.commands import Command
from vmtui.scenario.expressions import Expr
from vmtui.scenario.facts import Facts
from vmtui.scenario.items import Card, Check, CheckError, Fold, Item, LetItem, PauseItem, Run, Section, Show
from vmtui.scenario.lines import Expect, Grounds, grounds
from vmtui.scenario.nodes import Value
from vmtui.scenario.script import Script, load
from vmtui.scenario.substitution import replace_variables
from vmtui.session import Done, Session

__all__ = ["Player", "Script", "facts_of", "load"]

_SCHEME: Final = ("rmap", "rules", "draft")
_BYTES: Final = ("arch", "ram", "split", "highpte", "smp", "cacheline", "slab", "lowmem", "cluster", "chain")
_MACHINE: Final = (*_SCHEME, *_BYTES)

UPCOMING: Final = 200
"""Commands that `Player.upcoming` looks ahead."""


def facts_of(session: Session, variables: dict[str, Value] | None = None) -> Facts:
    """What expressions read: the machine at the cursor, the walks and the work of the command there."""
    done = session.command_at(session.cursor)
    work = done.work if done is not None and session.cursor == done.last else {}
    return Facts(session.machine, session.walks, work, variables or {})


class Player:
    """
    A script on a session.

    Args:
        session: Fresh, with the script's machine options.
        script: What is played.

    Attributes:
        results: The expects played, in order.
        refused: The command that was refused where it should not have been, until the next item is run.
        done: The command that the last item run was; None if it was no command.
    """

    def __init__(self, session: Session, script: Script) -> None:
        self.session = session
        self.script = script
        self.items = script.items
        self.results: list[CheckResult] = []
        self.refused: Done | None = None
        self.done: Done | None = None
        self._index = 0
        self._after: list[int] = []  # the cursor after each item played
        self._numbers: list[int] = []  # the commands done after each item played
        self._folds: list[tuple[int, int]] = []  # the items that are one step
        self._lets: list[tuple[int, str, Value]] = []
        self._sections: list[int] = []
        self._shows: list[int] = []
        self._upcoming: tuple[int, tuple[str, ...]] = (-1, ())
        self._branch = session.branch_name
        self._commands = len(session.commands)
        self._quiet_from = 0
        self._grounds: dict[str, Grounds] = {}  # what the lets rest on
        self._expected: list[Done] = []  # refused, as the script says they are
        self._own = Options.parse(script.own_options)
        runs = accumulate(isinstance(item, Run) for item in reversed(self.items))
        self._runs_from = (*reversed((0, *runs)),)

    # Where it stands.

    @property
    def index(self) -> int:
        """How many items are done at the cursor."""
        if not self.detour and not self._stands(self._index):
            self._index = self._settle(self.session.cursor)
        return self._index

    def _stands(self, index: int) -> bool:
        """Whether `index` items are done at the cursor."""
        cursor = self.session.cursor
        low = self._after[index - 1] if index else 0
        return low <= cursor and (index == len(self._after) or cursor < self._after[index] or cursor == low)

    def _settle(self, cursor: int) -> int:
        """How many items are done at a cursor: up to the first stop there."""
        index = bisect_left(self._after, cursor)
        while index < len(self._after) and self._after[index] == cursor:
            index += 1
            if self.is_stop(index - 1):
                break
        return index

    @property
    def finished(self) -> bool:
        """Whether everything has been played and the cursor stands behind it."""
        return self.index == len(self.items)

    @property
    def played(self) -> int:
        """How many items have been run so far, wherever the cursor stands."""
        return len(self._after)

    @property
    def at_frontier(self) -> bool:
        """Whether the cursor stands at the end of what was run, and the script has more."""
        return not self.detour and self.session.cursor == self.session.end and self.played < len(self.items)

    @property
    def stuck(self) -> Done | None:
        """The command here that is refused, so that the script cannot go on; None if there is none."""
        return self.refused if self._wedged and not self.detour and self.index == self.played else None

    @property
    def _wedged(self) -> bool:
        """Whether the next item is a command that was refused: it would be again."""
        error = self.refused.error if self.refused is not None else None
        return error is not None and not error.partial

    def expects(self, done: Done) -> bool:
        """Whether the script says that this command is refused."""
        return any(known is done for known in self._expected)

    def place_of(self, line: int | None) -> str:
        """A line of the script as messages name it: ``FILE:LINE: ``; "" for what was typed."""
        return f"{self.script.where(line, short=True)}: " if line else ""

    def stand(self, index: int) -> None:
        """Where several stops have one cursor: `index` items are done here."""
        if self.position_of(index) == self.session.cursor:
            self._index = index

    def position_of(self, index: int) -> int | None:
        """The cursor after the first `index` items; None if they have not all been run."""
        if not 0 <= index <= len(self._after):
            return None
        return self._after[index - 1] if index else 0

    def is_stop(self, index: int) -> bool:
        """Whether a beat ends after this item: a card, a section or a pause that has none beside it."""
        item = self.items[index]
        if isinstance(item, Section):
            return not isinstance(self._neighbour(index, 1), Card)
        if isinstance(item, PauseItem):
            return not isinstance(self._neighbour(index, -1), Card)
        return isinstance(item, Card)

    def _neighbour(self, index: int, direction: int) -> Item | None:
        """The next item that a reader would notice."""
        index += direction
        while 0 <= index < len(self.items):
            item = self.items[index]
            if not isinstance(item, Show | LetItem | Check):
                return item
            index += direction
        return None

    # What there is to see.

    @property
    def variables(self) -> dict[str, Value]:
        """Params and lets as they are here."""
        index = self.index
        return {**self.script.params, **{name: value for at, name, value in self._lets if at < index}}

    @property
    def card(self) -> str | None:
        """What is said here; None if the cursor has moved on since."""
        index = self.index
        if not index or self.session.cursor != self._after[index - 1]:
            return None
        for at in range(index - 1, -1, -1):
            item = self.items[at]
            if isinstance(item, Card):
                return item.text(facts_of(self.session, {**self.variables, **item.loop}))
            if isinstance(item, Run | CheckError | Section):
                return None
        return None

    @property
    def section(self) -> str:
        """The heading of the section here; "" before the first."""
        heading = self._last(self._sections)
        return heading.text if isinstance(heading, Section) else ""

    @property
    def subject(self) -> str | None:
        """What the script last showed, as it is typed."""
        show = self._last(self._shows)
        return show.text if isinstance(show, Show) else None

    def _last(self, places: list[int]) -> Item | None:
        """The last of some items that is done here."""
        number = bisect_left(places, self.index)
        return self.items[places[number - 1]] if number else None

    @property
    def failure(self) -> CheckResult | None:
        """The expect that failed here, the last one first; None if none did, or the cursor has moved on."""
        index = self.index
        if not index or self.session.cursor != self._after[index - 1]:
            return None
        done = bisect_left(self.results, index, key=lambda result: result.index)
        for number in range(done - 1, -1, -1):
            result = self.results[number]
            if self._after[result.index] != self.session.cursor:
                return None
            if result.holds is False:
                return result
        return None

    @property
    def upcoming(self) -> tuple[str, ...]:
        """The next commands that have not been run, as text; at most 200."""
        if self._upcoming[0] == len(self._after):
            return self._upcoming[1]
        texts = []
        for at in range(len(self._after), min(len(self.items), len(self._after) + 2 * UPCOMING)):
            item = self.items[at]
            if isinstance(item, Run):
                texts.append(str(item.command))
        self._upcoming = (len(self._after), tuple(texts[:UPCOMING]))
        return self._upcoming[1]

    @property
    def remaining(self) -> int:
        """How many commands of the script have not been run."""
        return self._runs_from[self.played]

    # Detours.

    @property
    def branch(self) -> str:
        """The branch that the script is on."""
        return self._branch

    @property
    def detour(self) -> bool:
        """Whether the session has left the script: a command was typed."""
        if self.session.branch_name != self._branch:
            return True
        end = self._after[-1] if self._after else 0
        return len(self.session.commands) > self._commands and self.session.cursor > end

    def return_to_script(self) -> None:
        """Back to where the script was left."""
        session = self.session
        left = self._left()
        if session.branch_name != self._branch:
            session.checkout(self._branch)
        self._measure()
        cursor = session.commands[left - 1].last if left else 0
        if self.position_of(self._index) != cursor:
            self._index = self._settle(cursor)
        session.seek(cursor)

    def _left(self) -> int:
        """How many commands of the script had been done where it was left."""
        branches = {branch.name: branch for branch in self.session.branches}
        branch, left = self.session.branch, self._commands
        while branch.name != self._branch:
            if branch.parent is None:
                return self._commands
            branch, left = branches[branch.parent], min(left, branch.at)
        return left

    def _measure(self) -> None:
        """Read the cursor after each item off the commands again: a fold or a replay moves it."""
        commands = self.session.commands
        self._after = [commands[number - 1].last if number else 0 for number in self._numbers]
        for first, last in self._folds:
            # Half of what is done at once is no place to stand.
            self._after[first:last] = [self._after[last - 1]] * (last - first)

    # Playing.

    def beat(self) -> bool:
        """Play to the next stop; False if there was nothing to play."""
        playing = self.beating()
        while True:
            try:
                next(playing)
            except StopIteration as end:
                return bool(end.value)

    def beating(self) -> Generator[None, None, bool]:
        """`beat` in slices: yields now and then."""
        if self.detour or self.finished or self.stuck is not None:
            return False
        index = self.index
        cursor = self.session.cursor
        while index < len(self.items):
            if index < len(self._after):
                cursor = self._after[index]
            elif self._wedged:
                break
            else:
                self.session.seek(self._after[-1] if self._after else 0)
                done = yield from self.running_item()
                cursor = self.session.cursor
                if not done or self._failed_at(index):
                    index += done
                    break
                # A command in bulk makes too few steps to yield by itself.
                yield
            index += 1
            if self.is_stop(index - 1):
                break
        if self.session.cursor != cursor:
            self.session.seek(cursor)
        self._index = index
        return True

    def _failed_at(self, index: int) -> bool:
        return bool(self.results) and self.results[-1].index == index and self.results[-1].holds is False

    def forward(self) -> bool:
        """One step forward, running the next command where the tape ends; False if nothing is left."""
        session = self.session
        if session.cursor < session.end or self.detour:
            return session.step()
        index = self.index
        start = session.cursor
        while index < len(self.items):
            if index == len(self._after) and (self._wedged or not _drain(self.running_item())):
                return session.cursor != start
            index += 1
            self._index = index
            if session.cursor != start and not self.items[index - 1].quiet:
                break
            if self.is_stop(index - 1) or self._failed_at(index - 1):
                return True
        if session.cursor > start:
            session.seek(start + 1)
        return session.cursor != start

    def previous_beat(self) -> bool:
        """Back to the stop before; False at the start."""
        if self.detour:
            return False
        index = self.index
        here = self._after[index - 1] if index else 0
        if index == 0 and self.session.cursor == 0:
            return False
        target = index if self.session.cursor > here else index - 1
        while target > 0 and not self.is_stop(target - 1):
            target -= 1
        self._index = max(target, 0)
        self.session.seek(self._after[self._index - 1] if self._index else 0)
        return True

    def run_item(self) -> Done | None:
        """Run the first item that has not been run; the command it was, if it was one."""
        _drain(self.running_item())
        return self.done

    def running_item(self) -> Generator[None, None, bool]:
        """Run the first item that has not been run, in slices; False if it was refused."""
        index = len(self._after)
        item = self.items[index]
        self.refused = self.done = None
        match item:
            case Run(command=command):
                self.done = done = yield from self._attempt(command, item)
                if done.error is not None:
                    self.refused = done
                    if not done.error.partial:
                        return False
            case CheckError(errno=errno, command=command):
                self.done = done = yield from self._attempt(command, item)
                # Where low memory ends is a fact of the scheme, and of the machine.
                applies = errno != "ENOMEM" or self._is_own(_MACHINE)
                result = check_error(errno, done.text, done.error, applies=applies)
                self._judge(result, item, index)
                if result.holds is not False:
                    self._expected.append(done)
            case Check(expect=expect):
                facts = facts_of(self.session, {**self._all_lets(), **item.loop})
                self._judge(check(expect, facts, applies=self._applies(expect)), item, index)
            case LetItem(name=name, value=value):
                self._let(name, value, item, index)
            case Fold():
                self._fold()
            case Section():
                self._sections.append(index)
            case Show():
                self._shows.append(index)
        self._enter(item)
        return True

    def _applies(self, expect: Expect) -> bool:
        """Whether an expect states a fact of this machine, or of another than the one the file names."""
        rests = grounds(expect.expr, self._grounds)
        if rests.bytes and not self._is_own(_BYTES):
            return False
        if expect.schemes:
            return self.session.options.rmap in expect.schemes and self._is_own(("rules", "draft"))
        return not rests.scheme or self._is_own(_SCHEME)

    def _is_own(self, names: Sequence[str]) -> bool:
        """Whether these options are as the file has them."""
        options = self.session.options
        return all(getattr(self._own, name) == getattr(options, name) for name in names)

    def _let(self, name: str, value: Expr, item: Item, index: int) -> None:
        """Keep a value; one that cannot be read is a failed expect, and none."""
        found: Value = None
        try:
            found = value.evaluate(facts_of(self.session, {**self._all_lets(), **item.loop}))
        except (KernelError, ScenarioError) as error:
            self._judge(failed(f"let {name} = {value}", error.message), item, index)
        self._lets.append((index, name, found))
        self._grounds[name] = grounds(value, self._grounds)

    def _attempt(self, command: Command, item: Item) -> Generator[None, None, Done]:
        """Run a command in its place."""
        try:
            ready = replace_variables(command, self._all_lets())
        except ScenarioError as error:
            at, number = self.session.cursor, len(self.session.commands)
            trouble = KernelError("EINVAL", error.message)
            return Done(number, str(command), command, at, at, trouble, item.line, item.loop)
        if item.quiet and not self._quiet_from:
            self._quiet_from = len(self.session.commands) + 1
        done = yield from self.session.running(
            ready, line_number=item.line, loop=item.loop or None, quiet=item.quiet
        )
        self._branch = self.session.branch_name
        self._commands = len(self.session.commands)
        return done

    def _all_lets(self) -> dict[str, Value]:
        return {**self.script.params, **{name: value for _, name, value in self._lets}}

    def _judge(self, result: CheckResult, item: Item, index: int) -> None:
        self.results.append(attrs.evolve(result, line=item.line, loop=item.loop, index=index))

    def _fold(self) -> None:
        """The end of ``quietly``: one step for all its commands."""
        if self._quiet_from and not self._inside_quiet():
            self.session.fold(len(self.session.commands) - self._quiet_from + 1)
            self._quiet_from = 0
            last = len(self._after)
            first = last
            while first and self.items[first - 1].quiet:
                first -= 1
            self._folds.append((first, last))
            self._measure()

    def _inside_quiet(self) -> bool:
        """Whether a block around this one is quiet too."""
        return self.items[len(self._after)].quiet

    def _enter(self, item: Item) -> None:
        self._numbers.append(self._commands)
        self._after.append(self.session.cursor if self.session.failed is None else self.session.end)
        self._index = len(self._after)


def _drain(work: Generator[None, None, bool]) -> bool:
    while True:
        try:
            next(work)
        except StopIteration as end:
            return bool(end.value)
