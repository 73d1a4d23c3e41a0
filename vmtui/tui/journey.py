"""Where now is and how it moves: along the tape, along the script, from branch to branch. No widget here.

What may take long is returned as `Work`, which the screen runs in slices.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from attrs import frozen

from vmtui.mm.walks import split
from vmtui.player import Player, Script
from vmtui.scenario.items import PauseItem
from vmtui.session import Done, Session
from vmtui.tui.destinations import ToBranch, ToItem, ToMoment
from vmtui.tui.job import Work
from vmtui.tui.playback import LONG_WALK, Hurry, card_seconds
from vmtui.view.now import step_at


@frozen
class Note:
    """The answer to the last key or line: the narration says it before anything else, until the next move."""

    text: str
    role: str = "text"
    """``error``, ``warn``, ``good``, ``card`` or ``text``."""
    below: bool = False
    """A card stays; this comes in the last row, if that is free."""


class Journey:
    """A session, the script that is played on it if there is one, and the moves that a person can make.

    Args:
        session: the machine and its tape.
        script: what is played; None at an empty machine.
        player: the script's player, where one exists already.
    """

    def __init__(self, session: Session, script: Script | None = None, player: Player | None = None) -> None:
        self.session = session
        self.script = script
        self.player = player or (Player(session, script) if script is not None else None)
        self.playing = False
        self.speed = 1.0
        self.note: Note | None = None
        self.unfolded: int | None = None
        """The number of the command whose steps the timeline shows."""
        self._hurry: tuple[Done, Hurry] | None = None

    def say(self, text: str, role: str = "text", *, below: bool = False) -> None:
        """Put a sentence into the narration, until the next move; `below`, under a card that stands there."""
        self.note = Note(text, role, below and self.player is not None and bool(self.player.card))

    def say_undo(self) -> None:
        """What the command just done did, and that it can be taken back."""
        session = self.session
        step = step_at(session)
        said = session.notice or (step.sentence if step is not None else "")
        self.say(f"{said} · u undoes it", "warn" if session.notice else "text")

    def moved(self) -> None:
        """Called after every move."""

    @property
    def upcoming(self) -> bool:
        """Whether the script has more to play from here, or the tape goes on."""
        return self.session.cursor < self._tape_end or self._script_goes_on

    @property
    def _tape_end(self) -> int:
        """The last step to go to: a refusal is walked up to, but not one that the script expects."""
        failed = self.session.failed
        expected = failed is not None and self.player is not None and self.player.expects(failed)
        return self.session.end if expected else len(self.session.steps)

    @property
    def at_end(self) -> bool:
        """Whether playing would show nothing."""
        return not self.upcoming

    @property
    def ended(self) -> bool:
        """Whether this is the end of the script: there is one, and it has no more to show."""
        return self.player is not None and not self.player.detour and self.at_end

    @property
    def beside_script(self) -> bool:
        """Whether R leads back to a script."""
        return self.player is not None and self.player.detour

    @property
    def _script_goes_on(self) -> bool:
        player = self.player
        return player is not None and not player.detour and not player.finished and player.stuck is None

    def say_end(self) -> None:
        """Why nothing comes next, and what can be done."""
        player, session = self.player, self.session
        if player is not None and player.stuck is not None:
            self.note = None  # the narration tells of the refusal, and what can be done
        elif player is not None and player.detour:
            self.say(f"the end of {session.branch_name}: R goes back to the script, : takes a command")
        elif player is not None:
            self.say("the end: b goes back a beat, : takes a command", below=True)
        else:
            self.say("the end: u undoes a command, : takes another")

    def next_step(self) -> Work | None:
        """One step forward: along the tape, or by running the next item of the script."""
        if self.session.cursor < self._tape_end:
            return self._moving(self.session.step)
        if self._script_goes_on:
            return self._moving(self._forward)
        return None

    def _forward(self) -> Work:
        """Run what the script has next, up to its first step, or to something said."""
        player, session = self.player, self.session
        assert player is not None
        start = session.cursor
        if player.index < player.played:
            player.forward()
            return None
        while player.played < len(player.items):
            at = player.played
            done = yield from player.running_item()
            if not done or player.failure is not None or player.is_stop(at):
                return None
            if session.cursor != start and not player.items[at].quiet:
                break
            yield None
        if session.cursor > start:
            session.seek(start + 1)
        return None

    def back(self) -> Work:
        """One step back."""
        return self._moving(self.session.back)

    def command_end(self) -> Work | None:
        """To the end of the command the cursor is in, or of the next."""
        session = self.session
        done = session.command_at(session.cursor)
        if done is not None and session.cursor < done.last:
            return self.seek(done.last)
        if session.cursor < session.end:
            return self._moving(session.redo)
        return self.next_beat() if self._script_goes_on else None

    def command_start(self) -> Work:
        """To the start of the command the cursor is in."""
        return self._moving(self.session.undo)

    def next_beat(self) -> Work | None:
        """Up to the next card, pause or section; beside the script, to the end of the next command."""
        player = self.player
        if player is None or player.detour:
            return self._moving(self.session.redo) if self.session.cursor < self.session.end else None
        return self._moving(player.beating) if self._script_goes_on else None

    def previous_beat(self) -> Work:
        """The beat before; beside the script, the start of the command."""
        player = self.player
        if player is None or player.detour:
            return self._moving(self.session.undo)
        return self._moving(player.previous_beat)

    def undo(self) -> Work:
        """Undo one whole command."""
        return self._moving(self.session.undo)

    def redo(self) -> Work:
        """Redo one whole command."""
        return self._moving(self.session.redo)

    def seek(self, cursor: int) -> Work:
        """Go to a step."""
        return self._moving(lambda: self.session.seek(max(0, min(cursor, len(self.session.steps)))))

    def choose_moment(self, cursor: int) -> Work | None:
        """Go to a step; chosen again at the end of a command, unfold its steps, or fold them."""
        if cursor != self.session.cursor:
            return self.seek(cursor)
        done = self.session.command_at(cursor)
        if done is not None and cursor == done.last:
            self.unfolded = None if self.unfolded == done.number else done.number
        return None

    def first_beat(self) -> Work | None:
        """What a scenario does before a key is pressed; a session that was resumed stays where it is."""
        if self.player is None or self.session.commands or self.player.played:
            return self._moving(lambda: None)
        return self._moving(self.player.beating)

    def seconds_here(self, step_seconds: float, speed: float) -> float | None:
        """How long playing stays here; None: it stops."""
        player, session = self.player, self.session
        failed = session.failed
        expected = failed is not None and player is not None and player.expects(failed)
        if failed is not None and session.cursor >= failed.first and not expected:
            return None
        if player is not None and not player.detour:
            if player.failure is not None or player.refused is not None:
                return None
            index = player.index
            at_stop = 0 < index and player.is_stop(index - 1) and player.position_of(index) == session.cursor
            if at_stop:
                pauses = index < len(player.items) and isinstance(player.items[index], PauseItem)
                if pauses or isinstance(player.items[index - 1], PauseItem):
                    return None
                return card_seconds(player.card or "", speed)
        done = session.command_at(session.cursor)
        if done is None:
            return step_seconds
        watched, _ = split(done.walks)
        walks = tuple((walk.first, walk.last) for walk in watched)
        if not any(last - first > LONG_WALK for first, last in walks):
            return step_seconds
        if self._hurry is None or self._hurry[0] is not done:
            self._hurry = done, Hurry(session.steps[done.first : done.last], walks)
        return self._hurry[1].seconds(session.cursor - done.first - 1, step_seconds)

    def _moving(self, move: Callable[[], object]) -> Work:
        """A move, and what follows from any move; given up half way, the machine is as it was before."""
        self.note = None
        self.session.notice = ""
        branch, cursor = self.session.branch_name, self.session.cursor
        try:
            result = move()
            if isinstance(result, Generator):
                yield from result
            return None
        except GeneratorExit:
            if self.session.branch_name != branch:
                self.session.checkout(branch)
            self.session.seek(min(cursor, len(self.session.steps)))
            raise
        finally:
            self.moved()

    def go(self, destination: object) -> Work | None:
        """Go to a place that `destinations` offered."""
        match destination:
            case int():
                return self.seek(destination)
            case ToItem(index):
                return self._to_item(index)
            case ToBranch(name):
                return self._moving(lambda: self.session.checkout(name))
            case ToMoment(branch, cursor):
                return self._to_moment(branch, cursor)
        return None

    def _to_moment(self, branch: str, cursor: int) -> Work:
        def move() -> None:
            if self.session.branch_name != branch:
                self.session.checkout(branch)
            self.session.seek(min(cursor, len(self.session.steps)))

        return self._moving(move)

    def return_to_script(self) -> Work | None:
        """Back to where the script was left."""
        if self.player is None:
            self.say("there is no script: this machine was empty")
            return None
        if not self.player.detour:
            self.say("this is the script")
            return None
        return self._moving(self.player.return_to_script)

    def _to_item(self, index: int) -> Work | None:
        """Just after an item of the script, playing up to it if need be."""
        player = self.player
        if player is None:
            return None

        def move() -> Work:
            if player.detour:
                player.return_to_script()
            while player.played <= index:
                if not (yield from player.running_item()):
                    return None
                yield None
            position = player.position_of(index + 1)
            if position is not None:
                self.session.seek(position)
            return None

        return self._moving(move)
