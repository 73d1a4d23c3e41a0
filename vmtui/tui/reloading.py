"""A scenario file that changes while it is played: read anew, and played to the same beat."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from time import monotonic

from vmtui.errors import ScenarioErrors, VmtuiError
from vmtui.player import Player, Script
from vmtui.scenario.items import CheckError, Run
from vmtui.scenario.script import load
from vmtui.session import Session
from vmtui.sessionlog import SessionLog
from vmtui.tui.desk import Desk

EVERY = 1.0
"""Seconds between two looks at the file."""


class Watch:
    """Whether a file has become another on disk, by its time and size; one that is not there has not.

    Args:
        path: the file.
        clock: seconds, monotonic.
    """

    def __init__(self, path: str, clock: Callable[[], float] = monotonic) -> None:
        self.path = path
        self._clock = clock
        self._seen = self._look()
        self._next = clock() + EVERY

    def _look(self) -> tuple[int, int] | None:
        try:
            stat = Path(self.path).stat()
        except (OSError, ValueError):
            return None
        return stat.st_mtime_ns, stat.st_size

    def changed(self, *, now: bool = False) -> bool:
        """Whether it has changed since it was last said so; looks once a second, or `now`."""
        if not now and self._clock() < self._next:
            return False
        self._next = self._clock() + EVERY
        found = self._look()
        if found is None or found == self._seen:
            return False
        self._seen = found
        return True


def read_anew(script: Script) -> Script | None:
    """The script as its file has it now; None where that says the same.

    Raises:
        ScenarioErrors: it has bad lines.
        OptionError: its machine line is bad.
    """
    assert script.path is not None
    new = load(Path(script.path))
    return None if new.source == script.source else new


def complaint(error: VmtuiError, path: str) -> str:
    """What is wrong with the new file, and that the old one goes on."""
    name = Path(path).name
    if isinstance(error, ScenarioErrors):
        first, more = error.errors[0], len(error.errors) - 1
        where = ":".join([name, *(str(number) for number in (first.line, first.column) if number)])
        text = f"{where}: {first.hinted}"
        text += f" · and {more} more" if more else ""
    else:
        text = f"{name}: {error}"
    return f"{text}\nthe scenario of before goes on"


def beats_done(player: Player) -> int:
    """How many beats are over; one that is played to the end of the script counts."""
    index = player.index
    done = sum(player.is_stop(at) for at in range(index))
    return done + (player.finished and index > 0 and not player.is_stop(index - 1))


def reloading(desk: Desk, script: Script) -> Generator[object, None, Desk]:
    """A desk for the new script, at the beat where the old one stands; subject, marks and history stay."""
    assert desk.player is not None
    session = Session(**script.options)
    player = Player(session, script)
    wanted = beats_done(desk.player)
    while wanted and player.played < len(player.items):
        at = player.played
        if not (yield from player.running_item()):
            break
        wanted -= player.is_stop(at)
    new = Desk(session, script, player=player, ascii=desk.ascii)
    new.subject, new.follow, new.show_pages = desk.subject, desk.follow, desk.show_pages
    new.history, new.speed, new.first_run = desk.history, desk.speed, desk.first_run
    new.marks = [mark for mark in desk.marks if mark.branch == session.branch_name]
    return new


def take_over(new: Desk, old: Desk) -> None:
    """Let the new desk write the log of this run; the old log stays where it holds more than the script."""
    if old.log is None or new.script is None:
        return
    typed = _typed(old)
    old.close()
    if old.log.path is not None and not typed:
        old.log.path.unlink(missing_ok=True)
    source = "\n".join(new.script.source)
    new.log = SessionLog.open(new.session.options.text, scenario=new.script.path, source=source)
    for mark in new.marks:
        new.log.mark(mark.name, mark.cursor)


def _typed(desk: Desk) -> bool:
    """Whether the session holds a command that is not the script's."""
    player, session = desk.player, desk.session
    if player is None or len(session.branches) > 1:
        return True
    own = sum(isinstance(player.items[at], Run | CheckError) for at in range(player.played))
    return len(session.commands) > own


def said(new: Desk, old: Desk) -> str:
    """What the narration says when the new script plays."""
    assert new.script is not None
    assert new.script.path is not None
    text = f"{Path(new.script.path).name} read anew: the same beat"
    kept = old.log is not None and old.log.path is not None and _typed(old)
    return f"{text} · what was typed is in {old.log.path}" if kept and old.log is not None else text
