"""Back to a session from its log, the script's player included."""

from __future__ import annotations

from pathlib import Path

from vmtui.errors import KernelError, VmtuiError
from vmtui.player import Player
from vmtui.scenario.items import Fold as FoldItem
from vmtui.scenario.items import Run
from vmtui.scenario.script import Script, load
from vmtui.session import Session
from vmtui.sessionlog import (
    At,
    Beat,
    Entry,
    Fold,
    Follow,
    Plan,
    Resumed,
    SessionLog,
    SessionLogError,
    Show,
    list_sessions,
    read,
)
from vmtui.sessionlog import Mark as LoggedMark
from vmtui.sessionlog.replay import go_to
from vmtui.tui.desk import Desk, Mark
from vmtui.tui.naming import subject_named
from vmtui.view.subject import Subject


def chosen_plan(which: bool | int | str | Path) -> Plan:
    """The log that was asked for: the last, the N-th last, or a file.

    Raises:
        SessionLogError: there is none.
    """
    if isinstance(which, (str, Path)):
        return read(which)
    number = int(which)
    plans = list_sessions()
    if not 1 <= number <= len(plans):
        kept = f"{len(plans)} are kept" if plans else "none is kept yet"
        raise SessionLogError(f"there is no session {number} to resume: {kept}")
    return plans[number - 1]


def resumed(plan: Plan, *, ascii: bool = False, keep: bool = True) -> Desk:
    """The desk as the log left it. Where a command is refused now, it stands before it and says so.

    Raises:
        VmtuiError: its machine cannot be built.
    """
    script = _script(plan)
    options = load(f"machine {plan.machine}\n").options if plan.machine else {}
    desk = Desk(Session(**options), script, ascii=ascii)
    result = Replaying(plan, desk).result()
    if keep:
        desk.go_on_in(SessionLog.resume(result))
    if result.stopped is not None:
        desk.say(result.stopped, "error")
    return desk


def _script(plan: Plan) -> Script | None:
    """The scenario that was played, if it still is what it was."""
    if plan.scenario is None or not plan.scenario_unchanged():
        return None
    try:
        return load(Path(plan.scenario))
    except VmtuiError:
        return None


class Replaying:
    """A log carried out at a desk.

    A command that is the script's next is run by the player, so that cards and beats are where they were; any
    other was typed. The subject is what the log says, not what it would be had it followed each command.
    """

    def __init__(self, plan: Plan, desk: Desk) -> None:
        self.plan = plan
        self.desk = desk
        self.session = desk.session
        self.player = desk.player

    def result(self) -> Resumed:
        """Carry out the log, as far as it goes."""
        stopped = None
        done = 0
        for entry in self.plan.entries:
            try:
                self._carry_out(entry)
            except VmtuiError as error:
                stopped = f"{entry} is refused now, so the session ends before it: {error}"
                break
            done += 1
        desk = self.desk
        marks = tuple((mark.branch, mark.cursor, mark.name) for mark in desk.marks)
        return Resumed(self.plan, self.session, done, desk.subject_text or None, marks, stopped)

    def _carry_out(self, entry: Entry) -> None:
        desk = self.desk
        match entry:
            case At(branch, number):
                go_to(self.session, branch, number)
            case Fold(number):
                if not self._fold_of_script():
                    self.session.fold(number)
            case Show(place):
                self._point(place, follow=False)
            case Follow(place):
                self._point(place, follow=True)
            case Beat(number):
                self._play_to(number)
            case LoggedMark(cursor, name):
                desk.marks.append(Mark(name, self.session.branch.name, cursor))
            case str():
                if not self._is_next(entry):
                    self._do(entry)
                    desk.history.append(entry)

    def _do(self, line: str) -> None:
        try:
            self.session.do(line)
        except KernelError as error:
            if not error.partial:  # what was done of it was kept then too
                raise

    def _is_next(self, line: str) -> bool:
        """Run the script up to its next command if that is this line; False if it is another."""
        player, session = self.player, self.session
        if player is None or player.detour or session.cursor != session.end:
            return False
        for item in player.items[player.played :]:
            if isinstance(item, Run):
                if str(item.command) != line:
                    return False
                break
        else:
            return False
        while not isinstance(player.items[player.played], Run):
            self._run_item(player)
        self._run_item(player)
        return True

    def _play_to(self, number: int) -> None:
        """What the script says, shows and checks, until `number` items are done: its commands are logged."""
        player, session = self.player, self.session
        if player is None or player.detour:
            return
        while player.played < min(number, len(player.items)) and session.cursor == session.end:
            if isinstance(player.items[player.played], Run):
                return
            self._run_item(player)
        player.stand(number)

    def _point(self, place: str, *, follow: bool) -> None:
        self.desk.subject = subject_named(self.session, place) or Subject("page", 0, place)
        self.desk.follow = follow

    def _fold_of_script(self) -> bool:
        """Fold if the script says so here."""
        player = self.player
        if player is None or player.detour or player.played == len(player.items):
            return False
        if not isinstance(player.items[player.played], FoldItem):
            return False
        self._run_item(player)
        return True

    @staticmethod
    def _run_item(player: Player) -> None:
        for _ in player.running_item():
            pass
