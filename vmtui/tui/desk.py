"""What the app holds: a session, its script, the subject, the marks, the log.

No widget, so it is tested without one.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from attrs import frozen

from vmtui.errors import KernelError, PlaceError, ScenarioError, VmtuiError
from vmtui.player import Player, Script
from vmtui.scenario.items import Run, Show
from vmtui.session import Done, Session
from vmtui.sessionlog import SessionLog
from vmtui.tui import first_run, library
from vmtui.tui.arrangement import PANES
from vmtui.tui.completing import completions
from vmtui.tui.job import Work
from vmtui.tui.journey import Journey
from vmtui.tui.naming import subject_named
from vmtui.tui.speaking import speak
from vmtui.view import subject as subjects
from vmtui.view.model import Row
from vmtui.view.subject import Subject

OF_A_PROCESS = ("fork", "exit")
"""Letter commands that act on the process of the subject."""
LOOKS = ("read", "write", "walk", "referenced", "swapout", "evict", "reclaim")
"""Commands that fault or walk: the page of their steps becomes the subject that follows."""


@frozen
class Wanted:
    """Something else to open: a scenario's path, the options of an empty machine, or the list of words."""

    words: bool = False
    path: str = ""
    options: tuple[tuple[str, str], ...] = ()


@frozen
class Mark:
    """A moment that was given a name."""

    name: str
    branch: str
    cursor: int


class Desk(Journey):
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
        super().__init__(session, script, player)
        self.log = log
        self.ascii = ascii
        self.subject: Subject | None = None
        self.follow = True
        self.show_pages = False
        self.zoom = 1
        """Frames that a cell of pane 4 stands for."""
        self.first_run = False
        """Nobody has used vmtui here before: what is not needed yet is dim."""
        self._branched: tuple[object, bool] = (None, False)
        self.marks: list[Mark] = []
        self.history: list[str] = []
        self._logged: tuple[str, int, Done | None, int] | None = None
        self._logged_beat = 0
        self._logged_subject: tuple[bool, str] | None = None
        self._trouble_told = False
        self.wanted: Wanted | None = None
        """What a line at the prompt asked to open; the screen does it."""

    @property
    def branched(self) -> bool:
        """Whether there is more than one branch; counted when the session has come to another."""
        here = self.session, self.session.branch_name
        if here != self._branched[0]:
            self._branched = here, len(self.session.branches) > 1
        return self._branched[1]

    # ---------------------------------------------------------------- saying

    def blame(self, error: Exception) -> None:
        """Say what went wrong; the machine is as it was."""
        if isinstance(error, ScenarioError):
            self.say(error.hinted, "error")
        elif isinstance(error, KernelError) and self.session.failed is not None:
            self.note = None  # the narration tells of a refused command as long as it is the last
        elif isinstance(error, VmtuiError):
            self.say(str(error), "error")
        else:
            self.say(
                f"a fault of vmtui's ({type(error).__name__}: {error}); the machine is as before", "error"
            )

    def moved(self) -> None:
        """Whatever has moved now: the log is written, the subject follows."""
        accepted = self._write_log()
        self.look_again()
        if accepted:
            self._log_subject()
        player = self.player
        if player is not None and player.finished and self.script is not None and self.script.path:
            library.note_played(Path(self.script.path).name)

    def go_on_in(self, log: SessionLog) -> None:
        """Log into what has all of this already: it was replayed from there."""
        self.log = log
        self._logged = self._accepted()
        self._logged_beat = self.player.index if self.player is not None else 0
        self._logged_subject = self.follow, subjects.command_place(self.session, self.subject)

    def _accepted(self) -> tuple[str, int, Done | None, int]:
        """What tells whether a command was accepted since."""
        session = self.session
        last = session.commands[-1] if session.commands else None
        # A fold comes after its last command, and moves it.
        return session.branch_name, len(session.commands), last, last.first if last is not None else 0

    def _write_log(self) -> bool:
        """Log the commands and the beats played since the last time; whether there was a command."""
        session, state = self.session, self._accepted()
        accepted = state != self._logged
        if self.log is None:
            return False
        if accepted:
            self._logged = state
            self.log.follow(session)
            if self.log.trouble and not self._trouble_told:
                self._trouble_told = True
                self.say(self.log.trouble, "warn")
        player = self.player
        if player is not None and not player.detour and player.played > self._logged_beat:
            self._logged_beat = player.played
            self.log.beat(player.played)
        return accepted

    def look_again(self) -> None:
        """What the script shows here, or the page of the step if the subject follows, becomes the subject."""
        if self.subject is not None and self.subject.pinned:
            return
        shown = self._shown_here()
        if shown is not None:
            self.subject = subject_named(self.session, shown) or Subject("page", 0, shown)
            return
        done = self.session.command_at(self.session.cursor)
        looks = done is not None and not done.quiet and done.command.keyword in LOOKS
        if (looks and self.follow) or self.subject is None:
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

    def words_of(self, pane: str, row: Row) -> tuple[str, ...]:
        """What a row itself says, where `i` tells that too: a step in full and where it was made, a field."""
        if pane == "walk" and row.step is not None:
            record = self.session.steps[row.step - 1]
            where = [f"{frame.function}(), {frame.file}:{frame.line}" for frame in record.place.frames[-1:]]
            return (record.step.sentence, *where)
        return (" ".join(row.text.split()),) if pane == "struct-page" else ()

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
        """Log the subject, if it has become another."""
        place = subjects.command_place(self.session, self.subject)
        if self.log is None or not place:
            return
        if (self.follow, place) != self._logged_subject:
            self._logged_subject = self.follow, place
            (self.log.follow_to if self.follow else self.log.show)(place)

    @property
    def lit(self) -> frozenset[str]:
        """The panes that are not dim."""
        if not self.first_run:
            return frozenset(PANES)
        return first_run.lit(done.command.keyword for done in self.session.commands if not done.quiet)

    # ---------------------------------------------------------------- commands

    def needs(self, word: str) -> str:
        """What kind of subject a letter command acts on."""
        return "process" if word in OF_A_PROCESS else "page or VMA"

    def line_for(self, word: str) -> str | None:
        """The line of a letter command on the subject, None where the subject will not do."""
        if self.subject is None:
            return None
        if word in OF_A_PROCESS:
            process = subjects.command_process(self.session, self.subject)
            return f"{word} {process}" if process else None
        place = subjects.command_place(self.session, self.subject)
        return f"{word} {place}" if place and self.subject.kind not in ("mm", "task", "anon_vma") else None

    def run(self, line: str) -> Work:
        """Run what stands between the semicolons of a line, one after the other."""
        return self._moving(lambda: speak(self, line))

    def reproduction(self) -> str:
        """A shell line that makes the machine as it is now."""
        done = self.session.command_at(self.session.cursor)
        count = done.number + 1 if done is not None else 0
        lines = [f"machine {self.session.options.text}".strip()] if self.session.options.text else []
        for command in self.session.commands[:count]:
            refused = f"expect-error {command.error.errno} " if command.error is not None else ""
            lines.append(f"{refused}{command.text}")
        return f"vmtui -c {shlex.quote('; '.join(lines))}"

    def close(self) -> str:
        """Let the log go; where it lies, in a sentence."""
        if self.log is None:
            return ""
        self.log.leave(self.session)
        player = self.player
        if player is not None and not player.detour and player.index != self._logged_beat:
            self.log.beat(player.index)
        self._log_subject()
        self.log.close()
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

    def ask_words(self) -> None:
        """Ask the screen for the list of all words."""
        self.wanted = Wanted(words=True)

    def ask_new_machine(self, options: dict[str, str]) -> None:
        """Ask the screen for an empty machine in a new session."""
        self.wanted = Wanted(options=tuple(options.items()))

    def completions(self, line: str) -> list[str]:
        """The whole lines that a line could become."""
        return completions(self, line)

    # ---------------------------------------------------------------- marks

    def set_mark(self) -> None:
        """Give this moment a name."""
        mark = Mark(f"m{len(self.marks) + 1}", self.session.branch_name, self.session.cursor)
        self.marks.append(mark)
        if self.log is not None:
            self.log.mark(mark.name, mark.cursor)
        self.say(f"{mark.name} marks step {mark.cursor} in all, on {mark.branch}: ' lists the marks")

    @property
    def subject_frame(self) -> int:
        """The frame that struct page and diagram show, 0 for none."""
        return subjects.page_of(self.session, self.subject)
