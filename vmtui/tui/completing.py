"""What a line at the prompt could become: words of the language, then the names that the machine has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmtui.scenario import COMMANDS
from vmtui.scenario.lines import STATEMENTS
from vmtui.tui.speaking import PROMPT_WORDS
from vmtui.view.processes import processes
from vmtui.view.subject import command_place, ref_name

if TYPE_CHECKING:
    from vmtui.tui.desk import Desk

_PROCESS = re.compile(r"\bP\b")
_PLACE = re.compile(r"\bPLACE\b")
_CHOICE = re.compile(r"[a-z]+(?:\|[a-z]+)+")
NAMES = 200
"""Names that are offered at most."""
PERMISSIONS = ["r", "rw", "rx", "rwx", "none"]


def completions(desk: Desk, line: str) -> list[str]:
    """The whole lines that `line` could become, the likeliest first."""
    before, last = _last_part(line)
    words = last.split(" ")
    typed = words[-1]
    stem = before + last[: len(last) - len(typed)]
    if len(words) == 1:
        return _older(desk, line) + [
            stem + word for word in _words() if word.startswith(typed) and word != typed
        ]
    offers = _arguments(desk, words)
    return [stem + offer for offer in offers if offer.startswith(typed) and offer != typed] + _older(
        desk, line
    )


def _last_part(line: str) -> tuple[str, str]:
    """What stands before the last command of a line, and that command."""
    at = line.rfind(";") + 1
    while at < len(line) and line[at] == " ":
        at += 1
    return line[:at], line[at:]


def _words() -> list[str]:
    return [*COMMANDS, *STATEMENTS, *PROMPT_WORDS]


def _older(desk: Desk, line: str) -> list[str]:
    """Lines of the history that begin so, the newest first; with a word typed at least."""
    if len(line) < 2:
        return []
    return [old for old in reversed(dict.fromkeys(desk.history)) if old.startswith(line) and old != line]


def _arguments(desk: Desk, words: list[str]) -> list[str]:
    """What may stand at the place of the last word."""
    first = words[0]
    if first == "help":
        return _words()
    if first in ("expect", "let", "say", "title", "section"):
        return []
    if first == "expect-error":
        return _arguments(desk, words[2:]) if len(words) > 3 else list(COMMANDS) if len(words) == 3 else []
    found = COMMANDS.get(first) or STATEMENTS.get(first)
    if found is None:
        return []
    usage = found.usage.split(" ", 1)[1] if " " in found.usage else ""
    if len(words) == 2:
        return _named(desk, usage)
    slots = usage.replace("[", "").replace("]", "").split(" ")
    at = len(words) - 2
    slot = slots[at] if at < len(slots) else ""
    if slot == "PERMS":
        return PERMISSIONS
    choice = _CHOICE.search(slot)
    return choice[0].split("|") if choice else [slot] if slot.islower() else []


def _named(desk: Desk, usage: str) -> list[str]:
    """Names of the machine for the first slot of a usage: the subject's first, then in order of making."""
    subject = command_place(desk.session, desk.subject)
    names = [subject] if subject and _PLACE.match(usage) else []
    for row in processes(desk.session, None).rows[:NAMES]:
        if row.ref is None:
            continue
        name = ref_name(desk.session.machine, row.ref)
        if (_PLACE.match(usage) and row.ref[0] == "vma") or (
            _PROCESS.match(usage) and row.ref[0] in ("mm", "task")
        ):
            names.append(name)
    return list(dict.fromkeys(names))
