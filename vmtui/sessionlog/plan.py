"""The text of a log: its lines, read and written."""

import hashlib
import re
from pathlib import Path

from attrs import frozen

from vmtui import __version__
from vmtui.errors import VmtuiError, printable

SIZE_LIMIT = 256 << 20
_FIRST_LINE = re.compile(r"# vmtui session log 1, vmtui (\S+)")
_SCENARIO = re.compile(r"# scenario ([0-9a-f]{64}) (.*)")
_AT = re.compile(r"at (.+):(\d+)")
_FOLD = re.compile(r"fold (\d+)")
_SHOW = re.compile(r"show (.+)")
_FOLLOW = re.compile(r"follow (.+)")
_BEAT = re.compile(r"beat (\d+)")
_MARK = re.compile(r"mark (\d+) (.*)")


class SessionLogError(VmtuiError):
    """A session log that cannot be read, or a file that cannot be written."""


@frozen
class At:
    """What follows happens on `branch`, after its first `number` commands."""

    branch: str
    number: int

    def __str__(self) -> str:
        return f"at {clean(self.branch)}:{self.number}"


@frozen
class Fold:
    """The last `number` commands became one mark."""

    number: int

    def __str__(self) -> str:
        return f"fold {self.number}"


@frozen
class Show:
    """The subject became `place`."""

    place: str

    def __str__(self) -> str:
        return f"show {clean(self.place)}"


@frozen
class Follow:
    """The subject became `place` because it follows the steps."""

    place: str

    def __str__(self) -> str:
        return f"follow {clean(self.place)}"


@frozen
class Beat:
    """The first `number` items of the scenario are done here."""

    number: int

    def __str__(self) -> str:
        return f"beat {self.number}"


@frozen
class Mark:
    """Step `cursor` of the branch in force was called `name`."""

    cursor: int
    name: str

    def __str__(self) -> str:
        return f"mark {self.cursor} {clean(self.name)}"


Entry = At | Fold | Show | Follow | Beat | Mark | str
"""One line of a log; a str is a command."""


@frozen
class Plan:
    """A log as read: what a replay is going to do.

    Attributes:
        path: The file.
        version: The vmtui that wrote it.
        scenario: Path of the scenario it began with; None: it began with an empty machine.
        sha256: Of that scenario's text, then.
        machine: The machine options, ``rmap=anon_vma_rfc ram=64M``; empty: all defaults.
        entries: The lines.
        torn: The last line had no end and was dropped.
    """

    path: Path
    version: str
    scenario: str | None
    sha256: str | None
    machine: str
    entries: tuple[Entry, ...]
    torn: bool

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
            text = Path(self.scenario).read_bytes().decode("utf-8", "replace")
        except (OSError, ValueError):
            return False
        return sha256(text) == self.sha256


def read(path: Path | str) -> Plan:
    """Read a log without running it.

    Raises:
        SessionLogError: the file cannot be read, or is no session log.
    """
    path = Path(path)
    shown = clean(str(path))
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise SessionLogError(f"{shown} is too large for a session log ({SIZE_LIMIT >> 20} MB)")
        text = path.read_bytes().decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        raise SessionLogError(f"{shown}: {clean(str(getattr(error, 'strerror', '') or error))}") from None

    *lines, rest = text.split("\n")
    first = _FIRST_LINE.fullmatch(lines[0]) if lines else None
    if first is None:
        raise SessionLogError(f"{shown} is not a session log of this vmtui")

    scenario = digest = None
    machine = ""
    entries: list[Entry] = []
    for line in map(clean, lines[1:]):
        if header := _SCENARIO.fullmatch(line):
            digest, scenario = header.groups()
        elif line == "machine" or line.startswith("machine "):
            machine = line.removeprefix("machine").strip()
        elif line and not line.startswith("#"):
            entries.append(_entry(line))
    return Plan(path, clean(first[1]), scenario, digest, machine, tuple(entries), torn=bool(rest))


def _entry(line: str) -> Entry:
    if at := _AT.fullmatch(line):
        return At(at[1], int(at[2]))
    if fold := _FOLD.fullmatch(line):
        return Fold(int(fold[1]))
    if show := _SHOW.fullmatch(line):
        return Show(show[1])
    if follow := _FOLLOW.fullmatch(line):
        return Follow(follow[1])
    if beat := _BEAT.fullmatch(line):
        return Beat(int(beat[1]))
    if mark := _MARK.fullmatch(line):
        return Mark(int(mark[1]), mark[2])
    return line


def header(machine: str, scenario: str | None, digest: str | None) -> str:
    """The first lines of a log."""
    lines = [f"# vmtui session log 1, vmtui {__version__}"]
    if scenario is not None:
        lines.append(f"# scenario {digest} {clean(scenario)}")
    lines.append(f"machine {clean(machine)}".rstrip())
    return "\n".join(lines) + "\n"


def clean(text: str) -> str:
    """The text as one line that a terminal may be shown."""
    return printable(text).strip()


def sha256(text: str) -> str:
    """What a scenario is known by: its lines, however they end."""
    lines = [line.rstrip() for line in text.removeprefix("\ufeff").rstrip().split("\n")]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()
