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
    Fold,
    Plan,
    Resumed,
    SessionLog,
    SessionLogError,
    Show,
    list_sessions,
    read,
    replay,
)
from vmtui.sessionlog import Mark as LoggedMark
from vmtui.sessionlog.replay import go_to
from vmtui.tui.desk import Desk, Mark
from vmtui.tui.naming import subject_named


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
    """The desk as the log left it. Where a command is refused now, it stands before it and says so."""
    script = _script(plan)
    player = None
    if script is None:
        result = replay(plan)
    else:
        session = Session(**script.options)
        player = Player(session, script)
        result = Replaying(plan, session, player).result()
    log = SessionLog.resume(result) if keep else None
    desk = Desk(result.session, script, log, player=player, ascii=ascii)
    desk.marks = [Mark(name, branch, cursor) for branch, cursor, name in result.marks]
    desk.history = [entry for entry in plan.entries if isinstance(entry, str)]
    if result.subject is not None:
        desk.subject = subject_named(result.session, result.subject)
        desk.follow = not any(isinstance(entry, Show) for entry in _after_last_command(plan))
    if result.stopped is not None:
        desk.say(result.stopped, "error")
    return desk


def _after_last_command(plan: Plan) -> list[object]:
    """What the log says after its last command."""
    tail: list[object] = []
    for entry in reversed(plan.entries):
        if isinstance(entry, str):
            break
        tail.append(entry)
    return tail


def _script(plan: Plan) -> Script | None:
    """The scenario that was played, if it still is what it was."""
    if plan.scenario is None or not plan.scenario_unchanged():
        return None
    try:
        return load(Path(plan.scenario))
    except VmtuiError:
        return None


class Replaying:
    """A log carried out with the script's player beside it.

    A command that is the script's next is run by the player, so that cards and beats are where they were; any
    other was typed.
    """

    def __init__(self, plan: Plan, session: Session, player: Player) -> None:
        self.plan = plan
        self.session = session
        self.player = player
        self._marks: list[tuple[str, int, str]] = []
        self._subject: str | None = None

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
        return Resumed(self.plan, self.session, done, self._subject, tuple(self._marks), stopped)

    def _carry_out(self, entry: At | Fold | Show | LoggedMark | str) -> None:
        match entry:
            case At(branch, number):
                go_to(self.session, branch, number)
            case Fold(number):
                if not self._fold_of_script():
                    self.session.fold(number)
            case Show(place):
                self._subject = place
            case LoggedMark(cursor, name):
                self._marks.append((self.session.branch.name, cursor, name))
            case str():
                if not self._is_next(entry):
                    self._do(entry)

    def _do(self, line: str) -> None:
        try:
            self.session.do(line)
        except KernelError as error:
            if not error.partial:  # what was done of it was kept then too
                raise

    def _is_next(self, line: str) -> bool:
        """Run the script up to its next command if that is this line; False if it is another."""
        player, session = self.player, self.session
        if player.detour or session.cursor != session.end:
            return False
        for item in player.items[player.played :]:
            if isinstance(item, Run):
                if str(item.command) != line:
                    return False
                break
        else:
            return False
        while not isinstance(player.items[player.played], Run):
            self._run_item()
        self._run_item()
        return True

    def _fold_of_script(self) -> bool:
        """Fold if the script says so here."""
        player = self.player
        if player.detour or player.played == len(player.items):
            return False
        if not isinstance(player.items[player.played], FoldItem):
            return False
        self._run_item()
        return True

    def _run_item(self) -> None:
        for _ in self.player.running_item():
            pass
