"""
A scenario played twice: by the simulator and by real processes, one command after the other, compared after
each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import attrs

from vmtui.errors import CannotError, FaultError, KernelError, ScenarioError, ScenarioErrors, VmtuiError
from vmtui.live.abilities import Abilities
from vmtui.live.calls import Call, resolve, why_not
from vmtui.live.compare import Difference, Namer, compare, unlike_pages
from vmtui.live.compare_topology import VMA_FIELDS
from vmtui.live.errors import NoiseError
from vmtui.live.observe_live import LiveObserver
from vmtui.live.observe_simulated import SimulatedObserver
from vmtui.live.observed import FIELDS, TOPOLOGY, Observed, Where
from vmtui.live.pairing import Pairing
from vmtui.live.player import LivePlayer
from vmtui.live.premises import Premises
from vmtui.mm.mm_types import place_name
from vmtui.mm.step import Step
from vmtui.player import Player
from vmtui.scenario import commands as c
from vmtui.scenario.commands import Command
from vmtui.scenario.items import CheckError, Run
from vmtui.scenario.script import Script
from vmtui.scenario.substitution import replace_variables
from vmtui.session import Done, Session

__all__ = ["Decision", "Row", "Verification", "check_script", "play_on", "verify"]

_PUSHES: Final = (c.Swapout, c.Evict, c.Swapoff)


@attrs.frozen
class Decision:
    """
    The step of the simulator that a difference goes back to.

    Attributes:
        function, file, line: Where it was made, under vmtui/.
        text: What it did.
    """

    function: str
    file: str
    line: int
    text: str


@attrs.frozen
class Row:
    """
    A command, done on both sides.

    Attributes:
        line, loop: Where it stands.
        text: The command.
        asked: Whether the kernel was asked to do anything.
        differences: What the sides do not agree on after it.
        new: Those of them that there were not before it, each with the step it goes back to.
        simulated, live: The states after it.
        names: How a person names the pages in them.
    """

    line: int
    loop: Mapping[str, int]
    text: str
    asked: bool
    differences: tuple[Difference, ...]
    new: tuple[tuple[Difference, Decision | None], ...]
    simulated: Observed = attrs.field(repr=False)
    live: Observed = attrs.field(repr=False)
    names: Mapping[Where, str] = attrs.field(repr=False)

    def name(self, where: Where) -> str:
        """A page, as a person names it."""
        return self.names.get(where) or f"{where[0]}:{where[1]:#x}"

    def says(self, field: str) -> bool | None:
        """Whether a field agrees; None if it was not compared."""
        if field not in self.simulated.fields & self.live.fields:
            return None
        return not any(difference.field == field for difference in self.differences)


@attrs.frozen
class Verification:
    """
    How a scenario fared.

    Attributes:
        script: The scenario.
        rows: Its commands, of the run that is told of: the first that differs, else the last.
        runs: How often it was run.
        noisy: How often something else got in the way, and it was run again.
        refused: Why it stopped before its end; "" if it did not.
    """

    script: Script
    rows: tuple[Row, ...]
    runs: int = 1
    noisy: int = 0
    refused: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that were compared."""
        return tuple(field for field in self.columns if any(row.says(field) is not None for row in self.rows))

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields that a table of it has: those of anon_vmas where they were asked for."""
        asked = any(row.live.fields & TOPOLOGY.keys() for row in self.rows)
        return (*FIELDS, *TOPOLOGY) if asked else tuple(FIELDS)

    @property
    def pages(self) -> int:
        """How many pages were compared, in all rows together."""
        return sum(len(process.pages) for row in self.rows for process in row.live.processes.values())

    @property
    def agrees(self) -> bool:
        """Whether both sides said the same after every command, to the end."""
        return not self.refused and not any(row.differences for row in self.rows)


def check_script(script: Script) -> None:
    """
    Refuse a scenario that no real kernel can be asked to play.

    Raises:
        ScenarioErrors: every command that cannot be, at most ten.
    """
    errors: list[ScenarioError] = []
    for item in script.items:
        reason = why_not(item.command) if isinstance(item, Run | CheckError) else None
        if reason is not None and all(error.line != item.line for error in errors):
            errors.append(ScenarioError(reason, path=script.path, line=item.line, unit=script.unit))
        if len(errors) == 10:
            break
    if errors:
        raise ScenarioErrors(errors)


def verify(
    script: Script, abilities: Abilities, *, repeat: int = 1, tell: Callable[[str], None] = lambda text: None
) -> Verification:
    """
    Play a scenario on both sides and compare.

    Args:
        repeat: How often; it ends with the first run that differs.

        tell: Is called with a sentence if another run has to be waited for.

    Raises:
        ScenarioErrors: no real kernel can be asked to play it.
        CannotError: this machine cannot.
        LiveError: a process of ours did what it should not.
    """
    check_script(script)
    if not abilities.processes:
        raise CannotError(abilities.missing[0])
    noisy = 0
    found = Verification(script, ())
    for run in range(1, repeat + 1):
        try:
            found = _play(script, abilities, tell)
        except NoiseError:
            noisy += 1
            found = _play(script, abilities, tell)
        found = attrs.evolve(found, runs=run, noisy=noisy)
        if not found.agrees:
            break
    return found


def _play(script: Script, abilities: Abilities, tell: Callable[[str], None]) -> Verification:
    commands = [item.command for item in script.items if isinstance(item, Run | CheckError)]
    wants_swap = any(isinstance(command, _PUSHES) or _pages_out(command) for command in commands)
    with Premises(abilities, wants_swap=wants_swap, tell=tell) as premises:
        return play_on(premises, script)


def play_on(premises: Premises, script: Script) -> Verification:
    """
    Play a scenario once on both sides, where everything is made already.

    Raises:
        NoiseError: something else moved the pages.
        CannotError: this machine cannot.
        LiveError: a process of ours did what it should not.
    """
    with LivePlayer(premises) as live:
        playing = _Playing(Player(Session(**script.options), script), live)
        rows = tuple(playing.rows())
    return Verification(script, rows, refused=playing.refused)


def _pages_out(command: Command) -> bool:
    return isinstance(command, c.Madvise) and command.advice == "pageout"


class _Playing:
    """One run, on both sides."""

    def __init__(self, player: Player, live: LivePlayer) -> None:
        self._player = player
        self._live = live
        self._pairing = Pairing() if live.topology is not None else None
        self._simulated_observer = SimulatedObserver(player.session, topology=self._pairing is not None)
        self._live_observer = LiveObserver(live)
        self._unlike: frozenset[Where] = frozenset()
        self._known: set[Difference] = set()
        self._names: dict[Where, str] = {}
        self.refused = ""

    def rows(self) -> Iterator[Row]:
        """Play to the end, or to a command that is refused where it should not be."""
        player = self._player
        while player.played < len(player.items):
            item = player.items[player.played]
            if not isinstance(item, Run | CheckError):
                player.run_item()
                continue
            call = self._call(item.command)
            done = self._simulate()
            yield self._row(item, done, call)
            if player.refused is not None:
                self.refused = f"{player.refused.text}: {player.refused.error}"
                return

    def _simulate(self) -> Done:
        """Run the command in the simulator; a fault of its own becomes one that can be reproduced."""
        session = self._player.session
        try:
            done = self._player.run_item()
        except VmtuiError:
            raise
        except Exception as fault:
            log = (f"machine {session.options.text}", *(done.text for done in session.commands))
            raise FaultError(fault, log) from fault
        assert done is not None
        return done

    def _call(self, command: Command) -> Call | None:
        """What the kernel is to do, worked out on the simulated machine as it stands before."""
        try:
            ready = replace_variables(command, self._player.variables)
            return resolve(self._player.session.machine, ready)
        except (ScenarioError, KernelError):
            return None

    def _row(self, item: Run | CheckError, done: Done, call: Call | None) -> Row:
        error = done.error.errno if done.error is not None else None
        simulated = self._simulated_observer.observe(error)
        live = self._live_observer.observe(self._live.perform(call) if call is not None else error)
        if self._pairing is not None:
            live = self._pairing.translate(simulated, live)
        names = self._name_all(simulated, live)
        differences = compare(simulated, live, _namer(names), self._unlike)
        self._unlike = unlike_pages(differences)
        new = [difference for difference in differences if difference not in self._known]
        self._known = {difference for difference in differences if difference.field != "errno"}
        return Row(
            item.line,
            item.loop,
            done.text,
            call is not None,
            differences,
            tuple((difference, self._decision(done, difference, simulated)) for difference in new),
            simulated,
            live,
            names,
        )

    def _name_all(self, *states: Observed) -> dict[Where, str]:
        """Every page of both states by its name; one that has gone keeps the name it had."""
        machine = self._player.session.machine
        for state in states:
            for task, process in state.processes.items():
                addresses = {*process.pages, *(vma.start for vma in process.vmas)}
                found = machine.task_named(task)
                mm = found.mm if found is not None else None
                if mm is not None:
                    names = {(task, address): place_name(mm, address) for address in addresses}
                    self._names.update(names)
        return dict(self._names)

    def _decision(self, done: Done, difference: Difference, simulated: Observed) -> Decision | None:
        """
        The step that a difference goes back to: the last of this command that was about the anon_vma, the VMA
        or one of the frames in question, else about the process, else the last.
        """
        records = self._player.session.steps[done.first : done.last]
        if not records:
            return None
        process = simulated.processes.get(difference.process)
        pages = process.pages if process is not None else {}
        frames = {
            page.frame
            for address, page in pages.items()
            if difference.start <= address < difference.end and page.frame is not None
        }
        task = self._player.session.machine.task_named(difference.process)
        mm = task.mm.id if task is not None and task.mm is not None else 0
        vma = self._vma_of(difference) if difference.field in VMA_FIELDS else 0
        about: tuple[Callable[[Step], bool], ...] = (
            lambda step: ("anon_vma", difference.anon_vma) in step.refs,
            lambda step: vma != 0 and step.vma == vma,
            lambda step: step.page in frames,
            lambda step: mm != 0 and step.mm == mm,
        )
        found = (
            next((record for record in reversed(records) if wanted(record.step)), None) for wanted in about
        )
        record = next((record for record in found if record is not None), records[-1])
        inner = [frame for frame in record.place.frames if frame.file.startswith("mm/")]
        if not inner:
            return None
        return Decision(inner[-1].function, inner[-1].file, inner[-1].line, record.step.sentence)

    def _vma_of(self, difference: Difference) -> int:
        """The number of the VMA that a difference is about; 0 if it has gone."""
        task = self._player.session.machine.task_named(difference.process)
        vma = task.mm.vmas.at(difference.start) if task is not None and task.mm is not None else None
        return vma.id if vma is not None else 0


def _namer(names: Mapping[Where, str]) -> Namer:
    return lambda where: names.get(where) or f"{where[0]}:{where[1]:#x}"
