"""The main screen and the file of its scenario: when that changes on disk, it is read anew."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from vmtui.errors import VmtuiError
from vmtui.tui.job import Job, Work
from vmtui.tui.reloading import EVERY, Watch, complaint, read_anew, reloading, said, take_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.screen import Screen

    from vmtui.tui.desk import Desk
    from vmtui.tui.widgets.prompt import Prompt

    Base = Screen[None]
else:
    Base = object


class Watching(Base):
    """What the main screen does about a file that is written while it is played."""

    desk: Desk
    job: Job | None
    prompt: Prompt
    file_watch: Watch | None = None

    # The screen's own, and Timing's.

    def draw_soon(self) -> None:
        """Draw once."""

    def stop(self) -> None:
        """Play no more."""

    def begin(self, work: Work | None, label: str, then: Callable[[], None] | None = None) -> None:
        """Do a piece of work."""

    def start_watching(self) -> None:
        """Look at the file once a second from now on."""
        self.set_interval(EVERY, self.look_at_file)

    def watch_desk_file(self) -> None:
        """Watch the file of the scenario that is played at this desk."""
        script = self.desk.script
        self.file_watch = Watch(script.path) if script is not None and script.path is not None else None

    def look_at_file(self, *, now: bool = False) -> None:
        """Read the scenario anew if its file has changed; not in the middle of work, nor in a what-if."""
        desk = self.desk
        player, script = desk.player, desk.script
        if self.file_watch is None or player is None or script is None:
            return
        if self.job is not None or player.detour or not self.file_watch.changed(now=now):
            return
        try:
            new = read_anew(script)
        except VmtuiError as error:
            self.stop()
            desk.say(complaint(error, self.file_watch.path), "error")
            self.draw_soon()
            return
        if new is None:
            return
        made: list[Desk] = []

        def work() -> Generator[object, None, None]:
            made.append((yield from reloading(desk, new)))

        self.stop()
        self.begin(work(), "the scenario is read anew", lambda: self._reloaded(made[0]))

    def _reloaded(self, desk: Desk) -> None:
        old, self.desk = self.desk, desk
        text = said(desk, old)
        take_over(desk, old)
        self.prompt.completer = desk.completions
        self.begin(desk.first_beat(), "first beat")
        desk.say(text, "good")
