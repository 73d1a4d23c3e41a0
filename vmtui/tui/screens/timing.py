"""The time keys of the main screen: steps, commands, beats, play; and long work between paints."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from textual.timer import Timer
from textual.worker import Worker

from vmtui.tui.job import AT_ONCE, SLICE, Job, Work
from vmtui.tui.playback import Playback
from vmtui.tui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from textual.screen import Screen

    from vmtui.tui.desk import Desk

    Base = Screen[None]
else:
    Base = object

POLL = 1 / 30
"""Seconds between two looks at the clock while playing."""
SHOW_WORK = 0.1
"""Seconds after which work is mentioned."""


class Timing(Base):
    """What the main screen does about time. The desk knows how; this knows when."""

    desk: Desk
    prompt: Prompt
    job: Job | None = None
    """The work that is going on, between two paints."""
    playback: Playback
    _ticker: Timer

    def start_timing(self) -> None:
        """Called once, when the screen is there."""
        self.playback = Playback(monotonic)
        self.desk.speed = self.playback.speed
        self._ticker = self.set_interval(POLL, self._tick, pause=True)

    def draw_soon(self) -> None:
        """The screen's own."""

    def clear_echo(self) -> None:
        """What a key wrote into the prompt is over."""
        self.prompt.clear_echo()

    # ---------------------------------------------------------------- work

    def begin(self, work: Work | None, label: str, then: Callable[[], None] | None = None) -> None:
        """Do a piece of work: at once if it is short, else in slices, with progress; Esc cancels.

        While one goes on, another is not begun.
        """
        if self.job is not None:
            return
        if work is None:
            self._ended(None, then)
            return
        job = Job(work, label)
        if job.run(AT_ONCE):
            self._ended(job, then)
        else:
            self.job = job
            self.run_worker(self._slices(job, then), group="work", exit_on_error=True)

    async def _slices(self, job: Job, then: Callable[[], None] | None) -> None:
        while not job.run(SLICE):
            if job.seconds >= SHOW_WORK:
                self.show_progress(job)
            await asyncio.sleep(0.001)
        self.job = None
        self._ended(job, then)

    def show_progress(self, job: Job) -> None:
        """The screen's own."""

    def cancel_job(self) -> bool:
        """Give up the work that is going on; False if there is none."""
        if self.job is None:
            return False
        self.job.cancel()
        self.desk.say(f"cancelled: {self.job.label}; the machine is as before", "warn")
        return True

    def _ended(self, job: Job | None, then: Callable[[], None] | None) -> None:
        if job is not None and job.error is not None:
            self.stop()
            self.desk.blame(job.error)
        elif then is not None and (job is None or not job.cancelled):
            then()
        self.draw_soon()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Nothing to do: a worker here never fails, its job keeps the error."""
        event.stop()

    # ---------------------------------------------------------------- playing

    def stop(self) -> None:
        """Play no more."""
        if self.playback.playing:
            self.playback.stop()
            self._ticker.pause()
            self.desk.playing = False
            self.draw_soon()

    def _tick(self) -> None:
        if self.job is not None or not self.playback.playing:
            return
        moved = False
        while self.playback.due():
            work = self.desk.next_step()
            if work is None:
                self.stop()
                break
            moved = True
            self.begin(work, "play", self._played)
            if self.job is not None:
                break
        if moved:
            self.draw_soon()

    def _played(self) -> None:
        seconds = self.desk.seconds_here(self.playback.step_seconds, self.playback.speed)
        if seconds is None:
            self.stop()
        else:
            self.playback.wait(seconds)

    def action_toggle_play(self) -> None:
        """Play or pause."""
        if self.playback.playing:
            self.stop()
            return
        if self.desk.at_end:
            self.desk.say_end()
            self.draw_soon()
            return
        self.clear_echo()
        self.desk.playing = True
        self.playback.start()
        self._ticker.resume()
        self.draw_soon()

    def action_slower(self) -> None:
        """Play slower."""
        self.desk.speed = self.playback.change_speed(-1)
        self.draw_soon()

    def action_faster(self) -> None:
        """Play faster."""
        self.desk.speed = self.playback.change_speed(1)
        self.draw_soon()

    # ---------------------------------------------------------------- moving

    def move(self, work: Work | None, label: str) -> None:
        """Stop playing, then do a piece of work that moves now."""
        self.stop()
        self.clear_echo()
        self.begin(work, label)

    def onward(self, work: Work | None, label: str) -> None:
        """Move forward; where there is nothing more, say so."""
        if work is None and self.job is None:
            self.desk.say_end()
        self.move(work, label)

    def action_forward(self) -> None:
        """One step forward."""
        self.onward(self.desk.next_step(), "step")

    def action_back(self) -> None:
        """One step back."""
        self.move(self.desk.back(), "back")

    def action_command_end(self) -> None:
        """To the end of this command."""
        self.onward(self.desk.command_end(), "to the end of the command")

    def action_command_start(self) -> None:
        """To the start of this command."""
        self.move(self.desk.command_start(), "to the start of the command")

    def action_next_beat(self) -> None:
        """Up to the next card, pause or section."""
        self.onward(self.desk.next_beat(), "next beat")

    def action_previous_beat(self) -> None:
        """The beat before."""
        self.move(self.desk.previous_beat(), "previous beat")

    def action_undo(self) -> None:
        """Undo one whole command."""
        self.move(self.desk.undo(), "undo")

    def action_redo(self) -> None:
        """Redo one whole command."""
        self.move(self.desk.redo(), "redo")
