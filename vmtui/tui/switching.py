"""The same commands on another kernel: a machine with another reverse map, and what it made of them."""

from __future__ import annotations

from collections.abc import Generator

import attrs

from vmtui.mm.rmap import SCHEMES
from vmtui.mm.rmap.scheme import scheme_class
from vmtui.player import Player
from vmtui.scenario.items import CheckError, Run
from vmtui.scenario.script import load
from vmtui.session import Done, Session
from vmtui.sessionlog import SessionLog
from vmtui.tui.desk import Desk
from vmtui.tui.screens.chooser import Choice
from vmtui.view.glyphs import char
from vmtui.view.model import Row, line
from vmtui.view.subject import Subject
from vmtui.view.text import count, pad

TITLE = 24
"""Cells of a scheme's title in the menu."""


@attrs.frozen
class Switched:
    """A desk at another machine.

    Attributes:
        desk: It; its session stands after the last command that was replayed.
        replayed: How many were.
        refused: The command that this machine refuses, if there was one.
    """

    desk: Desk
    replayed: int
    refused: Done | None = None

    @property
    def said(self) -> str:
        """What the narration says of it."""
        text = f"new machine, {count(self.replayed, 'command')} replayed under {self.scheme}"
        if self.refused is None:
            return text
        return f"{text}, and no more: {self.refused.text} is refused here: {self.refused.error}"

    @property
    def scheme(self) -> str:
        """The title of its scheme."""
        return self.desk.session.machine.scheme.title


def scheme_choices(session: Session) -> tuple[list[Choice], int]:
    """The schemes in the order of their kernels, each over what it is, and where the present one stands.

    The present one is told of as this machine has it: a draft may have been asked for as it was posted.
    """
    choices: list[Choice] = []
    start = 0
    for name in SCHEMES:
        here = name == session.options.rmap
        scheme = session.machine.scheme if here else scheme_class(name)
        start = len(choices) if here else start
        mark = (f"{char('pointer')} " if here else "  ", "accent")
        title = (pad(scheme.title, TITLE), "accent" if here else "text")
        choices.append(Choice(Row(line(mark, title, (scheme.kernel, "dim"))), name))
        choices.append(Choice(Row(line(" " * 2, (scheme.period, "text" if here else "dim")))))
    return choices, start


def commands_so_far(session: Session) -> list[Done]:
    """The commands of the branch to the end of the one the cursor is in."""
    done = session.command_at(session.cursor)
    return session.commands[: done.number + 1] if done is not None else []


def switching(desk: Desk, scheme: str) -> Generator[object, None, Switched]:
    """The branch up to the current command's end, on a machine that differs in its reverse map alone.

    A command that is the script's next is run by the player, so that cards and beats are where they were.

    Raises:
        OptionError: the scheme cannot have this machine.
    """
    wanted = commands_so_far(desk.session)
    options = load(f"machine {desk.session.options.under(scheme).text}\n").options
    session = Session(**options)
    script = attrs.evolve(desk.script, options=options) if desk.script is not None else None
    player = Player(session, script) if script is not None else None
    refused: Done | None = None
    for done in wanted:
        if player is not None and _is_next(player, done.text):
            yield from _play_command(player)
            again = player.done
        else:
            if player is not None:
                yield from _finish_beat(player)
            again = yield from session.running(
                done.text,
                line_number=done.line_number,
                loop=done.loop,
                quiet=done.quiet,
                aside=player is not None and player.at_frontier,
            )
        if len(session.commands) == done.number:
            refused = again
            break
    if player is not None and refused is None:
        yield from _finish_beat(player)

    new = Desk(session, script, player=player, ascii=desk.ascii)
    new.follow, new.show_pages, new.history = desk.follow, desk.show_pages, desk.history
    new.speed, new.first_run = desk.speed, desk.first_run
    new.subject = _the_same(session, desk.subject)
    return Switched(new, len(session.commands), refused)


def _is_next(player: Player, text: str) -> bool:
    """Whether the script's next command is this one."""
    if player.detour or player.session.cursor != player.session.end:
        return False
    for item in player.items[player.played :]:
        if isinstance(item, Run):
            return str(item.command) == text
    return False


def _play_command(player: Player) -> Generator[object, None, None]:
    """Run the script up to its next command, and that."""
    while True:
        item = player.items[player.played]
        yield from player.running_item()
        if isinstance(item, Run):
            return


def _finish_beat(player: Player) -> Generator[object, None, None]:
    """What the script says and checks after its last command, up to a stop: nothing that runs."""
    while not player.detour and player.played < len(player.items):
        at = player.played
        if isinstance(player.items[at], Run | CheckError):
            return
        yield from player.running_item()
        if player.is_stop(at):
            return


def _the_same(session: Session, subject: Subject | None) -> Subject | None:
    """The subject as it may be named on another machine: objects of one scheme are not another's."""
    if subject is None or subject.place:
        return subject if subject is None or not subject.pinned else Subject("page", 0, subject.place)
    return subject if subject.kind in ("mm", "vma", "task") else None


def take_over(new: Desk, old: Desk) -> None:
    """Let the old desk's log end, and give the new one its own, with all it has done."""
    if old.log is None:
        return
    old.close()
    script = new.script
    if script is None:
        new.log = SessionLog.open(new.session.options.text)
    else:
        source = "\n".join(script.source)
        new.log = SessionLog.open(new.session.options.text, scenario=script.path, source=source)
