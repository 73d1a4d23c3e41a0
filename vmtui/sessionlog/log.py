"""The log of the run that is going on."""

from pathlib import Path
from typing import IO, Self

from vmtui.session import Done, Session
from vmtui.sessionlog.folder import create, directory, lock
from vmtui.sessionlog.plan import At, Beat, Entry, Fold, Follow, Mark, Show, clean, header, sha256
from vmtui.sessionlog.replay import Resumed, position


class SessionLog:
    """The log of one run, appended to as the run goes on.

    The file appears with the first command: a run that did nothing leaves nothing.  Where it cannot be
    written the run goes on, and `trouble` says why in a sentence.
    """

    def __init__(self, head: str) -> None:
        self.path: Path | None = None
        self.trouble: str | None = None
        self._head = head  # what is written before the first command
        self._file: IO[bytes] | None = None
        self._closed = False
        self._here = At("main", 0)  # where a command is done if nothing else is said
        self._known = {"main": 0}  # branch: how many of its commands the log has
        self._last: Done | None = None  # the command before `_here`
        self._folds: set[At] = set()  # the ends of the folds that the log has

    @classmethod
    def open(cls, machine: str = "", *, scenario: str | None = None, source: str = "") -> Self:
        """The log of a new run.

        Args:
            machine: ``session.options.text``.
            scenario: The path of the scenario that is played.
            source: That scenario's text.
        """
        if scenario is None:
            return cls(header(machine, None, None))
        return cls(header(machine, str(Path(scenario).absolute()), sha256(source)))

    @classmethod
    def resume(cls, resumed: Resumed) -> Self:
        """Go on in the file that was replayed; in a copy where it stopped short or another run holds it."""
        plan = resumed.plan
        log = cls(header(plan.machine, plan.scenario, plan.sha256))
        if resumed.stopped is not None or plan.torn or not log._reopen(resumed):
            log._write("".join(f"{entry}\n" for entry in plan.entries[: resumed.done]))
        session = resumed.session
        log._stand(session, position(session))
        log._known = {branch.name: len(session.texts_of(branch.name)) for branch in session.branches}
        log._folds = {At(session.branch.name, done.number + 1) for done in session.commands if done.quiet}
        return log

    def _reopen(self, resumed: Resumed) -> bool:
        try:
            file = resumed.plan.path.open("ab")
        except OSError:
            return False
        if not lock(file):
            file.close()
            return False
        self.path, self._file = resumed.plan.path, file
        return True

    def follow(self, session: Session) -> None:
        """Log what the session has done since the last call: commands, branches, folds.

        This is all that an app need call, after each command.
        """
        if not self._follow_one(session):
            self._follow_all(session)
        if session.commands:
            self._follow_fold(session, At(session.branch.name, len(session.commands)))

    def _follow_one(self, session: Session) -> bool:
        """The common case, one command more on the branch we are on, without a look at the others."""
        branch, number = self._here.branch, self._here.number
        if self._known[branch] != number or len(session.commands) != number + 1:
            return False
        if session.branch_name != branch or (number and session.commands[number - 1] is not self._last):
            return False
        self._new_command(session, At(branch, number), session.commands[number].text)
        return True

    def _follow_all(self, session: Session) -> None:
        for branch in session.branches:
            if branch.name not in self._known:
                parent = branch.parent or "main"
                self._known[branch.name] = branch.at
                self._go(session, At(parent, branch.at))
                if branch.at == self._known[parent]:
                    # What follows on the end of the parent would be the parent's.
                    self.branch_at(branch.name, branch.at)
                self._stand(session, At(branch.name, branch.at))
            first = self._known[branch.name] - branch.at
            for number, text in enumerate(branch.commands[first:], start=self._known[branch.name]):
                self._new_command(session, At(branch.name, number), text)
                if branch.name == session.branch.name:
                    self._follow_fold(session, self._here)

    def _follow_fold(self, session: Session, end: At) -> None:
        """Log the fold that ends with a command, if one does and the log has it not."""
        last = session.commands[end.number - 1]
        if not last.quiet or last.last == last.first or end in self._folds:
            return
        size = 1
        while size < end.number and session.commands[end.number - 1 - size].first == last.first:
            size += 1
        self._go(session, end)
        self._write(f"{Fold(size)}\n")
        self._folds.add(end)

    def _new_command(self, session: Session, where: At, text: str) -> None:
        self._go(session, where)
        self.command(text)
        self._known[where.branch] = where.number + 1
        self._stand(session, At(where.branch, where.number + 1))

    def _go(self, session: Session, where: At) -> None:
        if where != self._here:
            self.branch_at(where.branch, where.number)
            self._stand(session, where)

    def _stand(self, session: Session, where: At) -> None:
        self._here = where
        self._last = session.commands[where.number - 1] if 0 < where.number <= len(session.commands) else None

    def command(self, text: str) -> None:
        """A command was accepted.  The kernel has the line when this returns."""
        self._write(f"{clean(text)}\n")

    def branch_at(self, branch: str, number: int) -> None:
        """What follows is done on `branch` after its first `number` commands."""
        self._here = At(branch, number)
        self._note(self._here)

    def show(self, text: str) -> None:
        """The subject is `text` now."""
        self._note(Show(text))

    def follow_to(self, text: str) -> None:
        """The subject is `text` now, because it follows."""
        self._note(Follow(text))

    def beat(self, number: int) -> None:
        """`number` items of the scenario are done here."""
        self._note(Beat(number))

    def mark(self, name: str, cursor: int) -> None:
        """Step `cursor` is called `name`."""
        self._note(Mark(cursor, name))

    def leave(self, session: Session) -> None:
        """Say where the session stands now if that is not at the log's end: it is to be left there."""
        if self._file is not None:
            self.follow(session)
            self._go(session, position(session))

    def close(self, session: Session | None = None) -> None:
        """Let the file go; the log stays, and says where the session was left."""
        if session is not None:
            self.leave(session)
        self._closed = True
        if self._file is not None:
            self._file.close()
            self._file = None

    def _note(self, entry: Entry) -> None:
        """Log what is worth nothing alone: before the first command it waits with the header."""
        if self._file is None and self.trouble is None:
            self._head += f"{entry}\n"
        else:
            self._write(f"{entry}\n")

    def _write(self, text: str) -> None:
        if self.trouble is not None or self._closed:
            return
        try:
            if self._file is None:
                self.path, self._file = create(directory())
                text, self._head = self._head + text, ""
            self._file.write(text.encode("utf-8", "replace"))
            self._file.flush()
        except OSError as error:
            self.trouble = f"this session is not being saved: {error.strerror or error}"
