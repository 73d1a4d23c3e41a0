"""The session log: a text file that survives the app.

A log is a header, then one line a command in the command language.  Three kinds of line more: ``at B:N``
(what follows is done on branch B after its N-th command), ``show PLACE`` (the subject), ``mark STEP NAME``.
Every line is written and flushed before the call returns, so a killed app loses nothing that it accepted; a
power cut may cost the last line.  A log holds no times and no state: it is replayed, and the same commands
give the same machine.
"""

import hashlib
import os
import re
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import IO

import platformdirs
from attrs import frozen

from vmtui import __version__
from vmtui.errors import KernelError, VmtuiError, printable
from vmtui.session import Session

try:
    import fcntl
except ImportError:  # Windows has none: there, two runs that resume one session both write to it
    fcntl = None  # type: ignore[assignment]

KEEP = 20
SIZE_LIMIT = 256 << 20
_FIRST_LINE = re.compile(r"# vmtui session log 1, vmtui (\S+)")
_SCENARIO = re.compile(r"# scenario ([0-9a-f]{64}) (.*)")
_NAME = re.compile(r"session-(\d+)\.log")
_AT = re.compile(r"at (.+):(\d+)")
_MARK = re.compile(r"mark (\d+) (.*)")


class SessionLogError(VmtuiError):
    """A session log that cannot be read, or a file that cannot be written."""


@frozen
class At:
    """What follows happens on `branch`, after its first `number` commands."""

    branch: str
    number: int


@frozen
class Show:
    """The subject became `place`."""

    place: str


@frozen
class Mark:
    """Step `cursor` of the branch in force was called `name`."""

    cursor: int
    name: str


Entry = At | Show | Mark | str
"""One line of a log; a str is a command."""


@frozen
class Plan:
    """A log as read: what a replay is going to do."""

    path: Path
    version: str  # of the vmtui that wrote it
    scenario: str | None  # path of the scenario it began with
    sha256: str | None  # of that scenario's text, then
    machine: str  # "rmap=anon_vma_rfc ram=64M"; empty: all defaults
    entries: tuple[Entry, ...]
    torn: bool  # the last line had no end and was dropped

    @property
    def commands(self) -> int:
        """How many commands the log holds, over all branches."""
        return sum(isinstance(entry, str) for entry in self.entries)

    @property
    def last(self) -> str:
        """The last command, or an empty text."""
        return next((entry for entry in reversed(self.entries) if isinstance(entry, str)), "")

    def scenario_unchanged(self) -> bool:
        """Whether the scenario is still there with the text it had."""
        if self.scenario is None:
            return False
        try:
            return _sha256(Path(self.scenario).read_bytes()) == self.sha256
        except OSError:
            return False


@frozen
class Resumed:
    """What a replay came to."""

    plan: Plan
    session: Session
    done: int  # entries of the plan that were carried out
    subject: str | None
    marks: tuple[tuple[str, int, str], ...]  # (branch, cursor, name)
    stopped: str | None  # why it did not reach the end, in a sentence


def directory() -> Path:
    """Where the logs live: $VMTUI_HOME/sessions, or the user's state directory."""
    home = os.environ.get("VMTUI_HOME")
    base = Path(home) if home else Path(platformdirs.user_state_dir("vmtui", appauthor=False))
    return base / "sessions"


def list_sessions(folder: Path | None = None) -> tuple[Plan, ...]:
    """Every log that can be read, the last used first."""
    plans = []
    for path in _logs(folder or directory()):
        try:
            plans.append(read(path))
        except SessionLogError:
            continue
    return tuple(plans)


def read(path: Path | str) -> Plan:
    """Read a log without running it."""
    path = Path(path)
    shown = clean(str(path))
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise SessionLogError(f"{shown} is too large for a session log ({SIZE_LIMIT >> 20} MB)")
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise SessionLogError(f"{shown}: {error.strerror or error}") from None

    *lines, rest = text.split("\n")
    first = _FIRST_LINE.fullmatch(lines[0]) if lines else None
    if first is None:
        raise SessionLogError(f"{shown} is not a session log of this vmtui")

    scenario = sha256 = None
    machine = ""
    entries: list[Entry] = []
    for line in map(clean, lines[1:]):
        if header := _SCENARIO.fullmatch(line):
            sha256, scenario = header.groups()
        elif line == "machine" or line.startswith("machine "):
            machine = line.removeprefix("machine").strip()
        elif line and not line.startswith("#"):
            entries.append(_entry(line))
    return Plan(path, clean(first[1]), scenario, sha256, machine, tuple(entries), torn=bool(rest))


def _entry(line: str) -> Entry:
    if at := _AT.fullmatch(line):
        return At(at[1], int(at[2]))
    if mark := _MARK.fullmatch(line):
        return Mark(int(mark[1]), mark[2])
    if line.startswith("show "):
        return Show(line.removeprefix("show "))
    return line


def replay(plan: Plan | Path | str) -> Resumed:
    """Replay a log to the branch, the command and the subject it ends at."""
    work = replaying(plan if isinstance(plan, Plan) else read(plan))
    while True:
        try:
            next(work)
        except StopIteration as stop:
            resumed: Resumed = stop.value
            return resumed


def replaying(plan: Plan) -> Generator[int, None, Resumed]:
    """`replay` in slices: yields how many entries are done, so that an app can paint in between."""
    session = Session(**_options(plan))
    subject: str | None = None
    marks: list[tuple[str, int, str]] = []
    stopped = None
    done = 0
    for entry in plan.entries:
        try:
            _carry_out(session, entry)
        except VmtuiError as error:
            stopped = f"{_position(plan, done)} is refused now, so the session ends before it: {error}"
            break
        if isinstance(entry, Show):
            subject = entry.place
        elif isinstance(entry, Mark):
            marks.append((session.branch.name, entry.cursor, entry.name))
        done += 1
        yield done
    return Resumed(plan, session, done, subject, tuple(marks), stopped)


def _carry_out(session: Session, entry: Entry) -> None:
    match entry:
        case At(branch, number):
            go_to(session, branch, number)
        case str():
            try:
                session.do(entry)
            except KernelError as error:
                if not error.partial:  # a part that was done was kept then too
                    raise


def go_to(session: Session, branch: str, number: int) -> None:
    """Stand on `branch` after its first `number` commands."""
    if session.branch.name != branch:
        if branch not in {known.name for known in session.branches}:
            raise SessionLogError(f"no branch is called {branch!r}")
        session.checkout(branch)
    if number > len(session.commands):
        raise SessionLogError(f"branch {branch} has {len(session.commands)} commands, not {number}")
    session.seek(session.commands[number - 1].last if number else 0)


def _options(plan: Plan) -> dict[str, str]:
    options = {}
    for word in plan.machine.split():
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise SessionLogError(f"the machine line says {word!r}, which is not NAME=VALUE")
        options[name] = value
    return options


def _position(plan: Plan, entry: int) -> str:
    number = sum(isinstance(earlier, str) for earlier in plan.entries[: entry + 1])
    return f"command {number} ({_line(plan.entries[entry])})"


class SessionLog:
    """The log of one run, appended to as the run goes on.

    The file appears with the first command: a run that did nothing leaves nothing.  Where it cannot be
    written the run goes on, and `trouble` says why in a sentence.
    """

    def __init__(self, path: Path | None, header: str, file: IO[bytes] | None = None) -> None:
        self.path = path
        self.trouble: str | None = None
        self._header = header
        self._file = file
        self._folder = path.parent if path else directory()

    @classmethod
    def open(cls, machine: str = "", *, scenario: str | None = None, source: str = "") -> "SessionLog":
        """The log of a new run: `machine` as ``session.options.text``, the scenario's path and its text."""
        return cls(None, _header(machine, scenario, _sha256(source.encode()) if scenario else None))

    @classmethod
    def resume(cls, resumed: Resumed) -> "SessionLog":
        """Go on in the file that was replayed; in a copy where it stopped short or another run holds it."""
        plan = resumed.plan
        if resumed.stopped is None and not plan.torn:
            try:
                file = plan.path.open("ab")
            except OSError:
                pass
            else:
                if _lock(file):
                    return cls(plan.path, "", file)
                file.close()
        log = cls(None, _header(plan.machine, plan.scenario, plan.sha256))
        log._write("".join(f"{_line(entry)}\n" for entry in plan.entries[: resumed.done]))
        return log

    def command(self, text: str) -> None:
        """A command was accepted.  On disk (as far as the kernel has it) when this returns."""
        self._write(f"{clean(text)}\n")

    def branch_at(self, branch: str, number: int) -> None:
        """What follows is done on `branch` after its first `number` commands."""
        self._note(At(clean(branch), number))

    def show(self, text: str) -> None:
        """The subject is `text` now."""
        self._note(Show(clean(text)))

    def mark(self, name: str, cursor: int) -> None:
        """Step `cursor` is called `name`."""
        self._note(Mark(cursor, clean(name)))

    def close(self) -> None:
        """Let the file go; the log stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _note(self, entry: Entry) -> None:
        """Log what is worth nothing alone: before the first command it waits with the header."""
        if self._file is None and self.trouble is None:
            self._header += f"{_line(entry)}\n"
        else:
            self._write(f"{_line(entry)}\n")

    def _write(self, text: str) -> None:
        if self.trouble is not None:
            return
        try:
            if self._file is None:
                self._file = self._create()
                text, self._header = self._header + text, ""
            self._file.write(text.encode("utf-8", "replace"))
            self._file.flush()
        except OSError as error:
            self.trouble = f"this session is not being saved: {error.strerror or error}"

    def _create(self) -> IO[bytes]:
        self._folder.mkdir(parents=True, exist_ok=True)
        taken = _logs(self._folder)
        _drop(taken[KEEP - 1 :])
        number = max((_number(path) for path in taken), default=0)
        while True:
            number += 1
            path = self._folder / f"session-{number:04}.log"
            try:
                file = path.open("xb")
            except FileExistsError:
                continue
            _lock(file)
            self.path = path
            return file


def save_scenario(session: Session, path: Path | str, *, title: str | None = None) -> Path:
    """Write the current branch as a scenario that can be played; refuses to write over a file."""
    if not str(path).strip() or clean(str(path)) != str(path):
        raise SessionLogError("a file name needs characters that can be seen, and no others")
    path = Path(path)
    if not path.suffix:
        path = path.with_suffix(".scenario")
    lines = [f"title {clean(title or path.stem)}", f"machine {session.options.text}".rstrip()]
    for done in session.commands:
        lines.append(f"expect-error {done.error.errno} {done.text}" if done.error else done.text)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(lines) + "\n")
    except FileExistsError:
        raise SessionLogError(f"{path} is there already: give another name") from None
    except OSError as error:
        raise SessionLogError(f"{path}: {error.strerror or error}") from None
    return path


def clean(text: str) -> str:
    """The text as one line that a terminal may be shown."""
    return printable(text).strip()


def _header(machine: str, scenario: str | None, sha256: str | None) -> str:
    lines = [f"# vmtui session log 1, vmtui {__version__}"]
    if scenario is not None:
        lines.append(f"# scenario {sha256} {clean(scenario)}")
    lines.append(f"machine {clean(machine)}".rstrip())
    return "\n".join(lines) + "\n"


def _line(entry: Entry) -> str:
    match entry:
        case At(branch, number):
            return f"at {branch}:{number}"
        case Show(place):
            return f"show {place}"
        case Mark(cursor, name):
            return f"mark {cursor} {name}"
        case str():
            return entry


def _logs(folder: Path) -> list[Path]:
    """The logs of a folder, the last used first; the higher number where two are of one age."""
    found = []
    try:
        for path in folder.iterdir():
            if _NAME.fullmatch(path.name):
                found.append((path.stat().st_mtime_ns, _number(path), path))
    except OSError:
        return []
    return [path for _, _, path in sorted(found, reverse=True)]


def _number(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else 0


def _drop(old: Iterable[Path]) -> None:
    """Remove logs, but none that a run is writing to."""
    for path in old:
        try:
            with path.open("ab") as file:
                if _lock(file):
                    path.unlink(missing_ok=True)
        except OSError:
            continue


def _lock(file: IO[bytes]) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
