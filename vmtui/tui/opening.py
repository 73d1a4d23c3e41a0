"""From what was asked for to a desk: a scenario, a text, an empty machine, a session to resume."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from vmtui.scenario.script import Script, load
from vmtui.session import Session
from vmtui.sessionlog import SessionLog, list_sessions
from vmtui.tui import library
from vmtui.tui.desk import Desk
from vmtui.tui.resuming import chosen_plan, resumed


@frozen
class Opening:
    """What the app starts with.

    Attributes:
        desk: What it works at.
        offer: Show the scenarios first: nothing was asked for, and this is not the first run.
        at_prompt: Begin at the prompt.
    """

    desk: Desk
    offer: bool = False
    at_prompt: bool = False


def opening(
    source: str | Path | None = None,
    *,
    text: str | None = None,
    new: Mapping[str, Any] | None = None,
    resume: bool | int | str | Path | None = None,
    ascii: bool = False,
    keep: bool = True,
) -> Opening:
    """What the app starts with.

    Args:
        source: A scenario file.
        text: A scenario's text.
        new: Options of an empty machine.
        resume: True for the last session, N for the N-th last, or a log's path.
        ascii: Draw in ASCII.
        keep: Write a session log.

    Raises:
        VmtuiError: it cannot be opened; nothing was drawn yet.
    """
    if resume is not None and resume is not False:
        return Opening(resumed(chosen_plan(resume), ascii=ascii, keep=keep))
    if source is not None:
        return Opening(played(load(Path(source)), ascii=ascii, keep=keep))
    if text is not None:
        return Opening(played(load(text), ascii=ascii, keep=keep))
    if new is not None:
        return Opening(empty(new, ascii=ascii, keep=keep), at_prompt=True)
    first = library.first()
    if first is None:
        return Opening(empty({}, ascii=ascii, keep=keep), at_prompt=True)
    used = bool(list_sessions())
    desk = played(load(first), ascii=ascii, keep=keep)
    desk.first_run = not used
    return Opening(desk, offer=used)


def empty(options: Mapping[str, Any], *, ascii: bool = False, keep: bool = True) -> Desk:
    """A machine on which nothing has happened."""
    session = Session(**options)
    return Desk(session, log=SessionLog.open(session.options.text) if keep else None, ascii=ascii)


def played(script: Script, *, ascii: bool = False, keep: bool = True) -> Desk:
    """A scenario, before its first line."""
    session = Session(**script.options)
    log = None
    if keep:
        source = "\n".join(script.source)
        log = SessionLog.open(session.options.text, scenario=script.path, source=source)
    return Desk(session, script, log, ascii=ascii)
