"""Where the logs lie: one file a run, the last twenty kept, none taken from a run that writes to it."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import platformdirs

from vmtui.sessionlog.plan import Plan, SessionLogError, read

try:
    import fcntl
except ImportError:  # Windows has none: there, two runs that resume one session both write to it
    fcntl = None  # type: ignore[assignment]

KEEP = 20
_NAME = re.compile(r"session-(\d+)\.log")


def directory() -> Path:
    """Where the logs live: $VMTUI_HOME/sessions, or the user's state directory."""
    home = os.environ.get("VMTUI_HOME")
    base = Path(home) if home else Path(platformdirs.user_state_dir("vmtui", appauthor=False))
    return base / "sessions"


def list_sessions(folder: Path | None = None) -> tuple[Plan, ...]:
    """Every log that can be read, the last used first."""
    plans = []
    for path in logs(folder or directory()):
        try:
            plans.append(read(path))
        except SessionLogError:
            continue
    return tuple(plans)


def logs(folder: Path) -> list[Path]:
    """The logs of a folder, the last used first; the higher number where two are of one age."""
    found = []
    try:
        for path in folder.iterdir():
            if _NAME.fullmatch(path.name):
                found.append((path.stat().st_mtime_ns, _number(path), path))
    except OSError:
        return []
    return [path for _, _, path in sorted(found, reverse=True)]


def create(folder: Path) -> tuple[Path, IO[bytes]]:
    """A new log, locked by this run; the oldest beyond twenty go.

    Raises:
        OSError: the folder or the file cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    taken = logs(folder)
    _drop(taken[KEEP - 1 :])
    number = max((_number(path) for path in taken), default=0)
    while True:
        number += 1
        path = folder / f"session-{number:04}.log"
        try:
            file = path.open("xb")
        except FileExistsError:
            continue
        lock(file)
        return path, file


def lock(file: IO[bytes]) -> bool:
    """Take the file for this run; False: another has it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _drop(old: Iterable[Path]) -> None:
    """Remove logs, but none that a run is writing to."""
    for path in old:
        try:
            with path.open("ab") as file:
                if lock(file):
                    path.unlink(missing_ok=True)
        except OSError:
            continue


def _number(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else 0
