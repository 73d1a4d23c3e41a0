"""What the app holds: a session, its script, the subject, the marks, the log.

No widget, so it is tested without one. What may take long is returned as `Work`, which the screen runs in slices;
the rest is done at once.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Generator
from pathlib import Path

from attrs import frozen

from vmtui.errors import KernelError, PlaceError, ScenarioError, VmtuiError
from vmtui.player import Player, Script
from vmtui.scenario.items import PauseItem, Run, Show
from vmtui.session import Done, Session
from vmtui.sessionlog import SessionLog
from vmtui.tui import library
from vmtui.tui.completing import completions
from vmtui.tui.destinations import ToBranch, ToItem, ToMoment
from vmtui.tui.job import Work
from vmtui.tui.naming import subject_named
from vmtui.tui.playback import LONG_WALK, Hurry, card_seconds
from vmtui.tui.speaking import speak
from vmtui.view import subject as subjects
from vmtui.view.subject import Subject

OF_A_PROCESS = ("fork", "exit")
"""Letter commands that act on the process of the subject."""
LOOKS = ("read", "write", "walk", "referenced", "swapout", "evict", "reclaim")
"""Commands that fault or walk: the page of their steps becomes the subject that follows."""
PROCESS = re.compile(r"[.:]")
"""What ends the name of the process in a place."""


@frozen
class Note:
    """What the narration says before anything else, until the next move."""

    text: str
    role: str = "text"
    """``error``, ``warn`` or ``text``."""


@frozen
class Wanted:
    """Something else to open: a scenario's path, or the options of an empty machine."""

    path: str = ""
    options: tuple[tuple[str, str], ...] = ()


@frozen
class Mark:
    """A moment that was given a name."""

    name: str
    branch: str
    cursor: int


class Desk:
    """One session as a person works at it.

    Args:
        session: the machine and its tape.
        script: what is played; None at an empty machine.
        log: where accepted commands are written; None: nowhere.
        ascii: what is drawn is drawn in ASCII.
    """

    def __init__(
        self,
        session: Session,
        script: Script | None = None,
        log: SessionLog | None = None,
        *,
        player: Player | None = None,
        ascii: bool = False,
    ) -> None:
        self.session = session
        self.script = script
        self.player = player or (Player(session, script) if script is not None else None)
        self.log = log
        self.ascii = ascii
        self.subject: Subject | None = None
        self.follow = True
        self.show_pages = False
        self.playing = False
        self.speed = 1.0
        self.note: Note | None = None
        self.marks: list[Mark] = []
        self.history: list[str] = []
        self._hurry: tuple[Done, Hurry] | None = None
        self.wanted: Wanted | None = None
        """What a line at the prompt asked to open; the screen does it."""

    # ---------------------------------------------------------------- saying

    def say(self, text: str, role: str = "text") -> None:
        """Put a sentence into the narration, until the next move."""
        self.note = Note(text, role)

    def blame(self, error: Exception) -> None:
        """Say what went wrong; the machine is as it was."""
        if isinstance(error, ScenarioError):
            text = error.message + (f" · did you mean {error.suggestion}?" if error.suggestion else "")
            self.say(text, "error")
        elif isinstance(error, KernelError) and self.session.failed is not None:
            self.note = None  # the narration tells of a refused command as long as it is the last
        elif isinstance(error, VmtuiError):
            self.say(str(error), "error")
        else:
            self.say(
                f"a fault of vmtui's ({type(error).__name__}: {error}); the machine is as before", "error"
            )

    # ---------------------------------------------------------------- time

    @property
    def upcoming(self) -> bool:
        """Whether the script has more to play from here, or the tape goes on."""
        return self.session.cursor < len(self.session.steps) or self._script_goes_on

    @property
    def at_end(self) -> bool:
        """Whether playing would show nothing."""
        return not self.upcoming

    @property
    def _script_goes_on(self) -> bool:
        player = self.player
        return player is not None and not player.detour and not player.finished

    def next_step(self) -> Work | None:
        """One step forward: along the tape, or by running the next item of the script."""
        if self.session.cursor < len(self.session.steps):
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
        return None if self.at_end else self._moving(player.beating)

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

    def first_beat(self) -> Work | None:
        """What a scenario does before a person has pressed a key."""
        return self._moving(self.player.beating) if self.player is not None else None

    def seconds_here(self, step_seconds: float, speed: float) -> float | None:
        """How long playing stays here; None: it stops."""
        player, session = self.player, self.session
        if session.failed is not None and session.cursor >= session.failed.first:
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
        walks = tuple((walk.first, walk.last) for walk in done.walks)
        if not any(last - first > LONG_WALK for first, last in walks):
            return step_seconds
        if self._hurry is None or self._hurry[0] is not done:
            self._hurry = done, Hurry(session.steps[done.first : done.last], walks)
        return self._hurry[1].seconds(session.cursor - done.first - 1, step_seconds)

    def _moving(self, move: Callable[[], object]) -> Work:
        """A move, and what follows from any move."""
        self.note = None
        try:
            result = move()
            if isinstance(result, Generator):
                yield from result
        finally:
            self._moved()

    def _moved(self) -> None:
        """Whatever has moved now: the subject follows, the log is written."""
        if self.log is not None:
            self.log.follow(self.session)
        if self.follow:
            self._follow()
        player = self.player
        if player is not None and player.finished and self.script is not None and self.script.path:
            library.note_played(Path(self.script.path).name)

    def _follow(self) -> None:
        """The page of the step, or what the script shows here, becomes the subject."""
        shown = self._shown_here()
        if shown is not None:
            self.subject = subject_named(self.session, shown) or Subject("page", 0, shown)
            return
        done = self.session.command_at(self.session.cursor)
        looks = done is not None and not done.quiet and done.command.keyword in LOOKS
        if looks or self.subject is None:
            self.subject = subjects.followed(self.session, self.subject)

    def _shown_here(self) -> str | None:
        """What the script has shown since the last step; None if nothing."""
        player = self.player
        if player is None or player.detour:
            return None
        for at in range(player.index - 1, -1, -1):
            if player.position_of(at + 1) != self.session.cursor:
                return None
            item = player.items[at]
            if isinstance(item, Show):
                return item.text
            if isinstance(item, Run):
                return None
        return None

    # ---------------------------------------------------------------- subject

    @property
    def subject_text(self) -> str:
        """The subject as it is named, empty where there is none."""
        return subjects.name_of(self.session, self.subject) if self.subject is not None else ""

    def choose(self, subject: Subject) -> None:
        """Make something the subject; it stays until something else is chosen or `follow` is turned on."""
        self.subject = subject
        self.follow = False
        self.note = None
        self._log_subject()

    def choose_first_page(self) -> None:
        """Go from a VMA, a process or a list to its first page."""
        pfn = subjects.page_of(self.session, self.subject)
        if pfn:
            place = subjects.page_place(self.session.machine, pfn)
            self.choose(Subject("page", 0, place) if place else Subject("page", pfn))
        else:
            self.say("it has no page in memory")

    def pin(self) -> None:
        """Keep the subject to its frame, or let it go."""
        if self.subject is None:
            self.say("choose a page first: Enter or a click")
            return
        self.subject = subjects.pin(self.session, self.subject)
        self.follow = self.follow and not self.subject.pinned
        state = "pinned to its frame" if self.subject.pinned else "looked up anew at each step"
        self.say(f"{self.subject_text}: {state}")

    def _log_subject(self) -> None:
        place = subjects.command_place(self.session, self.subject)
        if self.log is not None and place:
            self.log.show(place)

    # ---------------------------------------------------------------- commands

    def needs(self, word: str) -> str:
        """What kind of subject a letter command acts on."""
        return "process" if word in OF_A_PROCESS else "page or VMA"

    def line_for(self, word: str) -> str | None:
        """The line of a letter command on the subject, None where the subject will not do."""
        if self.subject is None:
            return None
        if word in OF_A_PROCESS:
            process = self._process()
            return f"{word} {process}" if process else None
        place = subjects.command_place(self.session, self.subject)
        return f"{word} {place}" if place and self.subject.kind not in ("mm", "task", "anon_vma") else None

    def _process(self) -> str:
        """The process that the subject is, or is of; empty where it is of none."""
        subject = self.subject
        text = subjects.command_place(self.session, subject)
        if text.startswith("pfn:"):
            text = subjects.page_place(self.session.machine, int(text[4:]))
        return PROCESS.split(text)[0]

    def run(self, line: str) -> Work:
        """Run what stands between the semicolons of a line, one after the other."""
        return self._moving(lambda: speak(self, line))

    def reproduction(self) -> str:
        """A shell line that makes the machine as it is now."""
        done = self.session.command_at(self.session.cursor)
        count = done.number + 1 if done is not None else 0
        lines = [f"machine {self.session.options.text}".strip()] if self.session.options.text else []
        lines += [command.text for command in self.session.commands[:count]]
        return f"vmtui -c {shlex.quote('; '.join(lines))}"

    def close(self) -> str:
        """Let the log go; where it lies, in a sentence."""
        if self.log is None:
            return ""
        self.log.close(self.session)
        if self.log.trouble:
            return self.log.trouble
        return f"the session is in {self.log.path}: vmtui resume" if self.log.path is not None else ""

    # ---------------------------------------------------------------- what the prompt asks for

    def show_place(self, text: str) -> None:
        """Make a place or a process the subject, as ``show`` does."""
        found = subject_named(self.session, text)
        if found is None:
            raise PlaceError("ENOENT", f"there is no {text} to show")
        self.choose(found)

    def ask_open(self, path: str) -> None:
        """Ask the screen to open a scenario."""
        if not path:
            raise ScenarioError("open needs the name of a file", source="open")
        self.wanted = Wanted(path=path)

    def ask_new_machine(self, options: dict[str, str]) -> None:
        """Ask the screen for an empty machine in a new session."""
        self.wanted = Wanted(options=tuple(options.items()))

    def completions(self, line: str) -> list[str]:
        """The whole lines that a line could become."""
        return completions(self, line)

    # ---------------------------------------------------------------- places in time

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
            if self.session.branch.name != branch:
                self.session.checkout(branch)
            self.session.seek(min(cursor, len(self.session.steps)))

        return self._moving(move)

    def set_mark(self) -> None:
        """Give this moment a name."""
        mark = Mark(f"m{len(self.marks) + 1}", self.session.branch.name, self.session.cursor)
        self.marks.append(mark)
        if self.log is not None:
            self.log.mark(mark.name, mark.cursor)
        self.say(f"{mark.name} marks step {mark.cursor} of {mark.branch}: ' lists the marks")

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
                    return
            position = player.position_of(index + 1)
            if position is not None:
                self.session.seek(position)

        return self._moving(move)

    @property
    def subject_frame(self) -> int:
        """The frame that struct page and diagram show, 0 for none."""
        return subjects.page_of(self.session, self.subject)

