"""From a log back to the session: the same branch, the same command, the same subject."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from attrs import frozen

from vmtui.errors import KernelError, VmtuiError
from vmtui.mm.kernel import Options
from vmtui.session import Session
from vmtui.sessionlog.plan import At, Entry, Fold, Follow, Mark, Plan, SessionLogError, Show, read


@frozen
class Resumed:
    """What a replay came to.

    Attributes:
        plan: The log.
        session: The session, standing where the log ends or where the replay stopped.
        done: Entries of the plan that were carried out.
        subject: The place shown last.
        marks: (branch, cursor, name) of each mark.
        stopped: Why it did not reach the end, in a sentence.
    """

    plan: Plan
    session: Session
    done: int
    subject: str | None
    marks: tuple[tuple[str, int, str], ...]
    stopped: str | None


def replay(plan: Plan | Path | str) -> Resumed:
    """Replay a log to where it ends, on a session of its own.

    Raises:
        SessionLogError: it cannot be read.
        OptionError: its machine cannot be built.
    """
    work = replaying(plan if isinstance(plan, Plan) else read(plan))
    while True:
        try:
            next(work)
        except StopIteration as stop:
            resumed: Resumed = stop.value
            return resumed


def replaying(
    plan: Plan,
    session: Session | None = None,
    *,
    do: Callable[[str], object] | None = None,
    fold: Callable[[int], object] | None = None,
) -> Generator[int, None, Resumed]:
    """`replay` in slices: yields how many entries are done, so that an app can paint in between.

    Args:
        plan: The log.
        session: A fresh session; None: one is made as the log's machine line says.
        do: What carries out a command, where a player stands beside the session; ``session.do`` if None.
        fold: What carries out a fold; ``session.fold`` if None.
    """
    session = session or Session(**_options(plan))
    do, fold = do or session.do, fold or session.fold
    subject: str | None = None
    marks: list[tuple[str, int, str]] = []
    stopped = None
    done = 0
    for entry in plan.entries:
        try:
            _carry_out(session, entry, do, fold)
        except VmtuiError as error:
            number = sum(isinstance(earlier, str) for earlier in plan.entries[: done + 1])
            stopped = f"command {number} ({entry}) is refused now, so the session ends before it: {error}"
            break
        if isinstance(entry, Show | Follow):
            subject = entry.place
        elif isinstance(entry, Mark):
            marks.append((session.branch.name, entry.cursor, entry.name))
        done += 1
        yield done
    return Resumed(plan, session, done, subject, tuple(marks), stopped)


def _carry_out(
    session: Session, entry: Entry, do: Callable[[str], object], fold: Callable[[int], object]
) -> None:
    match entry:
        case At(branch, number):
            go_to(session, branch, number)
        case Fold(number):
            fold(number)
        case str():
            try:
                do(entry)
            except KernelError as error:
                if not error.partial:  # what was done of it was kept then too
                    raise


def go_to(session: Session, branch: str, number: int) -> None:
    """Stand on `branch` after its first `number` commands; a branch that is to be the next one begins here.

    Raises:
        SessionLogError: there is no such place.
    """
    if session.branch.name != branch:
        known = {known.name for known in session.branches}
        if branch == f"w{len(known)}" and number == position(session).number:
            session.branch_off()
        elif branch in known:
            session.checkout(branch)
        else:
            raise SessionLogError(f"no branch is called {branch}")
    if number > len(session.commands):
        raise SessionLogError(f"branch {branch} has {len(session.commands)} commands, not {number}")
    session.seek(session.commands[number - 1].last if number else 0)


def position(session: Session) -> At:
    """Where the cursor stands: on which branch, after how many whole commands."""
    done = session.command_at(session.cursor)
    number = 0
    if done is not None:
        whole = done is not session.failed and done.last == session.cursor
        number = done.number + 1 if whole else done.number
    return At(session.branch.name, number)


def _options(plan: Plan) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for word in plan.machine.split():
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise SessionLogError(f"the machine line says {word!r}, which is not NAME=VALUE")
        options[name] = value
    Options.parse(options)  # what is no machine option never reaches Session
    return options
