"""The scenarios that vmtui carries, as the picker lists them, and which of them were played to the end."""

from __future__ import annotations

import os
import re
from pathlib import Path

from vmtui.scenario import library
from vmtui.sessionlog import directory, list_sessions
from vmtui.sessionlog.plan import clean
from vmtui.tui.screens.picker import Entry

_GROUP = re.compile(r"#\s*group:\s*(.+)")
_RMAP = re.compile(r"machine\b.*\brmap=(\S+)")
DEFAULT_SCHEME = "anon_vma_rfc"
OTHERS = "More"


def entries() -> list[Entry]:
    """Every scenario, in reading order."""
    played = played_names()
    return [_entry(path, path.name in played) for path in library()]


def _entry(path: Path, played: bool) -> Entry:
    """What the head of a file says: title, group, scheme, and its first ``say``."""
    title, group, scheme, line = path.stem, OTHERS, DEFAULT_SCHEME, ""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    for raw in text.splitlines():
        word, _, rest = raw.strip().partition(" ")
        if word == "title":
            title = clean(rest)
        elif match := _GROUP.match(raw.strip()):
            group = clean(match[1])
        elif match := _RMAP.match(raw.strip()):
            scheme = clean(match[1])
        elif word == "say" and rest:
            line = clean(rest)
            break
    number, _, _ = path.stem.partition("-")
    return Entry(str(path), number if number.isdigit() else "  ", title, line, group, scheme, played)


def first() -> Path | None:
    """The scenario of the first run."""
    return next(iter(library()), None)


def resumable() -> str:
    """What the last session was doing, in a few words; empty where there is none."""
    plan = next(iter(list_sessions()), None)
    if plan is None or not plan.commands:
        return ""
    name = Path(plan.scenario).stem if plan.scenario else "an empty machine"
    return f"{name} · {plan.commands} commands, the last: {plan.last}"


def _played_file() -> Path:
    return directory().parent / "played"


def played_names() -> frozenset[str]:
    """File names of the scenarios that were played to the end."""
    try:
        return frozenset(_played_file().read_text(encoding="utf-8").split("\n")) - {""}
    except (OSError, UnicodeDecodeError):
        return frozenset()


def note_played(name: str) -> None:
    """Remember that a scenario was played to the end; where that cannot be written, only a tick is lost."""
    names = played_names()
    if name in names:
        return
    file = _played_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(f".{os.getpid()}")
        new.write_text("".join(f"{name}\n" for name in sorted(names | {name})), encoding="utf-8")
        new.replace(file)
    except OSError:
        return
