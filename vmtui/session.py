"""A session: a machine, the commands given to it, and a cursor that can stand after any step.

All that a person sees is a function of the machine at the cursor.  Moving the cursor swaps the tape;
a command at an earlier cursor starts a branch, kept as text.  What has been dropped from the tape is
visited on a second machine, replayed from the log: nothing outside may hold a struct, a Page or a
memoryview across a move of the cursor.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final

import attrs

from vmtui.errors import KernelError
from vmtui.mm.digest import digest
from vmtui.mm.kernel import Options
from vmtui.mm.machine import Machine
from vmtui.mm.step import Driver, Place, StepLog, WalkRecord, step
from vmtui.mm.walks import all_walks
from vmtui.mm.work import work_of
from vmtui.scenario import parse_command
from vmtui.scenario.commands import Command
from vmtui.scenario.state import state
from vmtui.state.history import RECORD_BYTES, WIDTH

#: Bytes of tape and steps kept before the oldest commands are dropped.
TAPE_BUDGET: Final = 256 << 20

#: What a recorded step costs, in bytes, for the budget.
STEP_BYTES: Final = 300


@attrs.define
class Done:
    """A command that was run.

    Attributes:
        number: Its place in the branch, from 0.
        text: Its canonical text.
        command: The command.
        first, last: Its steps are ``steps[first:last]``; the cursor stands at `last` when it is done.
        error: What it was refused with, or how far it got.
        line_number, loop: Where in a file it stands.
        quiet: It left one step only.
        walks: Its walks of the reverse map.
        work: What it did on the fast path, by counter.
    """

    number: int
    text: str
    command: Command
    first: int
    last: int
    error: KernelError | None = None
    line_number: int | None = None
    loop: Mapping[str, int] | None = None
    quiet: bool = False
    walks: Sequence[WalkRecord] = ()
    work: Mapping[str, int] = attrs.field(factory=dict)


@attrs.frozen
class Branch:
    """A line of commands: where it leaves another, and what follows.

    Attributes:
        name: ``main``, ``w1``, ``w2``, …
        parent: The branch it leaves; None for main.
        at: The number of commands it has in common with its parent.
        commands: The canonical texts of the rest.
    """

    name: str
    parent: str | None
    at: int
    commands: tuple[str, ...]


class Session:
    """A machine with its commands, steps and branches.

    Args:
        options: Machine options as the ``machine`` line has them: rmap, ram, swap, draft, …

    Raises:
        OptionError: an option that is not one, or a value it cannot have.
        ReserveError: the host has no address space for so much memory.
    """

    def __init__(self, *, tape_budget: int = TAPE_BUDGET, **options: Any) -> None:
        self.options = Options.parse(options)
        self.machine = Machine(self.options)
        #: The steps of the current branch, those of a refused command last.
        self.steps = StepLog()
        #: The commands of the current branch.
        self.commands: list[Done] = []
        #: Steps done; 0: the machine just built.
        self.cursor = 0
        #: The last command refused, until the next one is given.
        self.failed: Done | None = None
        #: What the last command or move has to say beside its result.
        self.notice = ""
        self._tape_budget = tape_budget
        self._driver = Driver()
        self._branches: dict[str, Branch] = {"main": Branch("main", None, 0, ())}
        self._branch = "main"
        # The tape holds the machine from step `_low`, at mark `_low_mark`, to the end of command
        # `_run` - 1, at mark `_top`.  What is older or younger is run again when it is visited.
        self._low = self._run = 0
        self._low_mark = self._top = self.machine.history.mark
        self._walks: tuple[int, int, Sequence[WalkRecord]] = (-1, -1, ())

    # Commands.

    def do(self, line: str | Command, **where: Any) -> Done:
        """Run one command to its end.

        Raises:
            ScenarioError: the line is no command.
            KernelError: it was refused; the machine is as before, unless the error says `partial`.
        """
        done = self.attempt(line, **where)
        if done.error is not None:
            raise done.error
        return done

    def attempt(self, line: str | Command, **where: Any) -> Done:
        """`do`, with a refusal in the result instead of raised."""
        running = self.running(line, **where)
        while True:
            try:
                next(running)
            except StopIteration as end:
                done: Done = end.value
                return done

    def running(
        self,
        line: str | Command,
        *,
        line_number: int | None = None,
        loop: Mapping[str, int] | None = None,
        quiet: bool = False,
        aside: bool = False,
    ) -> Generator[None, None, Done]:
        """`attempt` in slices: yields now and then, and returns the result.

        A command at the branch's end goes on with it; `aside`, it begins a branch there too.

        Closed before its end, it leaves the machine as before.  So does any error that is not the
        kernel's: the machine is then made anew and the log replayed, and the error goes on.
        """
        command = parse_command(line) if isinstance(line, str) else line
        self._forget_failed()
        start, number = self._command_boundary()
        self.notice = ""
        if start != self.cursor:
            self.notice = f"went back to the start of command {number + 1}: half a command is no machine"
        self.seek(start)

        done = Done(number, str(command), command, start, start, None, line_number, loop, quiet)
        records = yield from self._pull(command, done)
        if done.error is not None and not done.error.partial:
            self._refused(done, records)
            return done
        self._accept(done, records, aside=aside)
        return done

    def _command_boundary(self) -> tuple[int, int]:
        """The cursor, or the start of the command it is in; and the number of commands before it."""
        number = 0
        for done in reversed(self.commands):
            if done.last <= self.cursor:
                number = done.number + 1
                break
        if number < len(self.commands) and self.commands[number].first < self.cursor:
            return self.commands[number].first, number
        return self.cursor, number

    def _pull(self, command: Command, done: Done) -> Generator[None, None, StepLog]:
        """Run a command; its records.  Whatever interrupts it, the machine is sound afterwards."""
        history = self.machine.history
        before, work = history.mark, self.machine.work.as_dict()
        records = StepLog()
        try:
            self.machine.housekeeping()
            yield from self._driver.run(command.apply(self.machine), records, history)
        except KernelError as error:
            done.error = error
            if not error.partial:
                history.seek(before)
        except GeneratorExit:
            history.seek(before)
            self._run, self._top = done.number, before
            raise
        except BaseException:
            self._rebuild(done.number)
            raise
        if not records:
            place = Place(None, type(command).apply.__code__, 0)
            records.append(step(done.text.replace("{", "{{").replace("}", "}}")), place, before)
        done.walks = all_walks(records)
        if done.error is None or done.error.partial:
            records.move_mark(len(records) - 1, history.mark)
            done.work = work_of(self.machine, work, records, done.walks)
        return records

    def _accept(self, done: Done, records: StepLog, *, aside: bool) -> None:
        """Enter a command that was run into the branch; into a new one if it was not the last, or aside."""
        if aside or done.number < len(self.commands):
            self._new_branch(done.number)
        kept = records[-1:] if done.quiet else records
        self.steps.replace(done.first, None, kept)
        done.last = done.first + len(kept)
        self.commands.append(done)
        self._run, self._top = len(self.commands), self.machine.history.mark
        self.cursor = done.last
        self._trim()

    def _refused(self, done: Done, records: StepLog) -> None:
        """Keep a refused command's steps ahead of the cursor, to be walked up to the failure."""
        self._run, self._top = done.number, self.machine.history.mark
        if done.number == len(self.commands):
            self.steps.replace(done.first, None, records)
            done.last = done.first + len(records)
            self.failed = done

    def _forget_failed(self) -> None:
        if self.failed is not None:
            self.seek(min(self.cursor, self.failed.first))
            self.steps.cut(self.failed.first)
            self.failed = None

    def fold(self, n: int) -> None:
        """Make the last `n` commands one mark: what `quietly … end` asks for."""
        group = self.commands[len(self.commands) - n :]
        if not group or self.cursor != group[-1].last:
            return
        first = group[0].first
        self.steps.replace(first, None, self.steps[group[-1].last - 1 : group[-1].last])
        for done in group:
            done.first = done.last = first
            done.quiet = True
        group[-1].last = self.cursor = first + 1

    # Time.

    @property
    def end(self) -> int:
        """The cursor after the last command of the branch."""
        return self.commands[-1].last if self.commands else 0

    def seek(self, cursor: int) -> None:
        """Stand after `cursor` steps; 0 is the machine just built.

        Raises:
            ValueError: there is no such step.
        """
        if not 0 <= cursor <= len(self.steps):
            raise ValueError(f"step {cursor} is not between 0 and {len(self.steps)}")
        if cursor < self._low:
            self._rebuild(0)
        while self._run < len(self.commands) and self.commands[self._run].first < cursor:
            self._rerun(self.commands[self._run])
        self.machine.history.seek(self._mark(cursor))
        self.cursor = cursor

    def step(self) -> bool:
        """One step forward; False at the end."""
        if self.cursor == len(self.steps):
            return False
        self.seek(self.cursor + 1)
        return True

    def back(self) -> bool:
        """One step back; False at the start."""
        if self.cursor == 0:
            return False
        self.seek(self.cursor - 1)
        return True

    def undo(self) -> bool:
        """To the start of the command at the cursor; False at the start of all."""
        done = self.command_at(self.cursor)
        if done is None:
            return False
        self.seek(done.first)
        return True

    def redo(self) -> bool:
        """To the end of the command after the cursor, or of the one it is in; False at the end."""
        for done in self._commands_from(self.cursor):
            if done.last > self.cursor:
                self.seek(done.last)
                return True
        return False

    def command_at(self, cursor: int) -> Done | None:
        """The command that made the step before `cursor`; None at 0."""
        if self.failed is not None and cursor > self.failed.first:
            return self.failed
        low, high = 0, len(self.commands)
        while low < high:
            middle = (low + high) // 2
            if self.commands[middle].last < cursor:
                low = middle + 1
            else:
                high = middle
        return self.commands[low] if cursor and low < len(self.commands) else None

    def _commands_from(self, cursor: int) -> Sequence[Done]:
        done = self.command_at(cursor)
        return self.commands[done.number if done is not None else 0 :]

    def _mark(self, cursor: int) -> int:
        return self._low_mark if cursor == self._low else self.steps.mark(cursor - 1)

    # Branches.

    @property
    def branch(self) -> Branch:
        """The branch the session is on."""
        branch = self._branches[self._branch]
        return attrs.evolve(branch, commands=tuple(done.text for done in self.commands[branch.at :]))

    @property
    def branch_name(self) -> str:
        """The name of the branch the session is on."""
        return self._branch

    @property
    def branches(self) -> list[Branch]:
        """All branches, main first, in order of their making."""
        return [self.branch if name == self._branch else branch for name, branch in self._branches.items()]

    def branch_off(self) -> str:
        """Begin a branch at the cursor, be it the end; its name.

        In the middle of a command it is the start of that, as for a command given there.
        """
        self._forget_failed()
        start, number = self._command_boundary()
        self.seek(start)
        self._new_branch(number)
        self.steps.cut(start)
        self._run, self._top = number, self.machine.history.mark
        return self._branch

    def _new_branch(self, at: int) -> None:
        self._branches[self._branch] = self.branch
        name = f"w{len(self._branches)}"
        left = len(self.commands) - at
        kept = f"{self._branch} keeps {left} more (B)" if left else f"{self._branch} ends there (B)"
        self.notice = f"what-if {name} from command {at}; {kept}"
        self._branches[name] = Branch(name, self._branch, at, ())
        self._branch = name
        del self.commands[at:]

    def texts_of(self, name: str) -> tuple[str, ...]:
        """All commands of a branch, from the machine just built."""
        branch = self.branch if name == self._branch else self._branches[name]
        before = self.texts_of(branch.parent)[: branch.at] if branch.parent is not None else ()
        return before + branch.commands

    def checkout(self, name: str) -> None:
        """Go to the end of another branch, by replaying what it does not share with this one.

        Raises:
            KeyError: there is no such branch.
        """
        if name == self._branch:
            self.seek(self.end)
            return
        texts = self.texts_of(name)
        common = 0
        for ours, text in zip(self.commands, texts, strict=False):
            if ours.text != text:
                break
            common += 1
        # A fold has no place inside it to leave from.
        done = self.commands
        while 0 < common < len(done) and done[common].first == done[common - 1].first:
            common -= 1
        self._forget_failed()
        self.seek(self.commands[common - 1].last if common else 0)
        self._branches[self._branch] = self.branch
        self._branch = name
        del self.commands[common:]
        self.steps.cut(self.cursor)
        self._run, self._top = common, self.machine.history.mark
        for text in texts[common:]:
            self.attempt(text)
        self.notice = f"on {name}"

    # The tape's budget.

    def _trim(self) -> None:
        """Drop the oldest commands from the tape when it has outgrown its budget."""
        history = self.machine.history
        held = history.nbytes + (len(self.steps) - self._low) * STEP_BYTES
        if held <= self._tape_budget or len(self.commands) < 2:
            return
        # Half the budget is left free, so that this is not done after every command.
        keep = self._tape_budget // 2
        for done in self.commands[1:]:
            enough = done.first > self._low and self._held_from(done.first) <= keep
            if enough or done is self.commands[-1]:
                self._drop(done.first)
                return

    def _held_from(self, cursor: int) -> int:
        """Bytes of tape and steps after a cursor, as if every record were of the usual size."""
        records = (self.machine.history.end - self._mark(cursor)) // WIDTH
        return records * RECORD_BYTES + (len(self.steps) - cursor) * STEP_BYTES

    def _drop(self, low: int) -> None:
        mark = self._mark(low)
        self.machine.history.drop(mark)
        self.steps.fill(self._low, low, *_DROPPED)
        self._low, self._low_mark = low, mark

    def _rebuild(self, commands: int) -> None:
        """A new machine, with the first `commands` commands of the branch run again."""
        self.machine = Machine(self.options)
        self._driver = Driver()
        self._low = self._run = 0
        self._low_mark = self._top = self.machine.history.mark
        self.cursor = 0
        while self._run < commands:
            self._rerun(self.commands[self._run])

    def _rerun(self, done: Done) -> None:
        """Run a command of the log again, in its old place."""
        self.machine.history.seek(self._top)
        again = attrs.evolve(done)
        running = self._pull(done.command, again)
        records = StepLog()
        while True:
            try:
                next(running)
            except StopIteration as end:
                records = end.value
                break
        if done.last > done.first:
            self.steps.replace(done.first, done.last, records[-1:] if done.quiet else records)
        self._run, self._top = done.number + 1, self.machine.history.mark
        self.cursor = done.last

    # Reading.

    @property
    def walks(self) -> Sequence[WalkRecord]:
        """The walks of the command at the cursor, as far as the cursor."""
        done = self.command_at(self.cursor)
        if done is None:
            return ()
        if self.cursor == done.last:
            return done.walks
        if self._walks[:2] != (done.first, self.cursor):
            self._walks = (done.first, self.cursor, all_walks(self.steps[done.first : self.cursor]))
        return self._walks[2]

    def state(self) -> dict[str, Any]:
        """The machine's state at the cursor, as the JSON of ``vmtui play --state`` has it."""
        return state(self.machine)

    def digest(self) -> str:
        """The state at the cursor as one number."""
        return digest(self.machine)


_DROPPED: Final = (
    step("this step was dropped from memory; go there and it is played again"),
    Place(None, Session.seek.__code__, 0),
)
