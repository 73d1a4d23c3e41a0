"""Processes alike are folded to one row; worked out anew only when a process has changed."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import attrs
import numpy as np
from numpy.typing import NDArray

from vmtui.mm.mm_types import Mm, Task
from vmtui.state.column import swap_cell, swap_range
from vmtui.state.history import WIDTH
from vmtui.state.struct import swap_attribute

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine
    from vmtui.session import Session

#: Processes alike that are folded, at least.
FOLD: Final = 4
#: Structs that the rows of processes tell of.
_TOLD: Final = frozenset({"task", "mm", "vma"})
#: Cells of the tape that are looked through for a change; more than that is one.
_LOOKED: Final = 4096 * WIDTH


@attrs.frozen
class Group:
    """One process with its VMAs, or several folded to a row."""

    tasks: tuple[Task, ...]
    mm: Mm

    @property
    def length(self) -> int:
        """Rows."""
        return 1 if len(self.tasks) > 1 else 1 + len(self.mm.vmas)


@attrs.frozen
class Groups:
    """All living processes in rows.

    Attributes:
        groups: In order of their making.
        ends: The row after the last of each.
        where: For each mm the group it was in before any was taken out of its fold.
        shifts: For each fold that was opened its place, and how many groups it is more than one.
    """

    groups: list[Group]
    ends: NDArray[np.int64]
    where: dict[int, int]
    shifts: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def at(self, row: int) -> tuple[Group, int]:
        """The group that a row is of, and which of its rows it is."""
        number = int(np.searchsorted(self.ends, row, side="right"))
        return self.groups[number], row - self.start(number)

    def start(self, number: int) -> int:
        """The first row of a group."""
        return int(self.ends[number - 1]) if number else 0

    def row_of(self, mm: int) -> int | None:
        """The row of a process that is not folded, or is the first of its fold; None if there is none."""
        at = self.where.get(mm)
        if at is None:
            return None
        first = at + sum(more for place, more in self.shifts if place < at)
        count = 1 + sum(more for place, more in self.shifts if place == at)
        found = (n for n in range(first, first + count) if self.groups[n].mm.id == mm)
        return next((self.start(number) for number in found), None)

    def opened(self, shown: set[int]) -> Groups:
        """The same with some processes taken out of their folds."""
        places = sorted({self.where[mm] for mm in shown if mm in self.where})
        groups, ends, shifts = self.groups, self.ends, []
        for place in reversed([place for place in places if len(self.groups[place].tasks) > 1]):
            pieces = _split(self.groups[place].tasks, shown)
            starts = self.start(place) + np.cumsum([piece.length for piece in pieces])
            rest = ends[place + 1 :] + (starts[-1] - self.ends[place])
            groups = [*groups[:place], *pieces, *groups[place + 1 :]]
            ends = np.concatenate([ends[:place], starts, rest])
            shifts.append((place, len(pieces) - 1))
        return Groups(groups, ends, self.where, tuple(shifts))


def groups_of(session: Session, shown: set[int]) -> Groups:
    """The living processes, those alike and next to each other folded, but for the mms of `shown`."""
    kept = _KEPT.get(session)
    if kept is None or not kept.holds(session):
        kept = _KEPT[session] = Kept.of(session)
    return kept.groups.opened(shown)


@attrs.frozen
class Kept:
    """What was worked out last, and when.

    Attributes:
        mark: Where on the tape that was.
        tape: Where that ended, and the record before the mark: if they are others, it is another past.
    """

    groups: Groups
    machine: Machine
    branch: str
    mark: int
    tape: tuple[object, ...]

    @classmethod
    def of(cls, session: Session) -> Kept:
        """The processes as they are now."""
        machine = session.machine
        groups = _fold([task for task in machine.tasks if task.mm is not None])
        ends = np.cumsum([group.length for group in groups], dtype=np.int64)
        where = {
            task.mm.id: number
            for number, group in enumerate(groups)
            for task in group.tasks
            if task.mm is not None
        }
        mark = machine.history.mark
        return cls(Groups(groups, ends, where), machine, session.branch_name, mark, _past(machine, mark))

    def holds(self, session: Session) -> bool:
        """Whether no process, mm or VMA has changed since, as the tape between then and now says."""
        machine = session.machine
        if machine is not self.machine or session.branch_name != self.branch:
            return False
        history = machine.history
        first, last = sorted((self.mark, history.mark))
        if first < history.base or last > history.end or last - first > _LOOKED:
            return False
        # Ahead of the cursor there may be what a refused command did, in the place of what was there.
        past = _past(machine, self.mark)
        if past[1:] != self.tape[1:] or (self.mark > history.mark and past != self.tape):
            return False
        records = history.tape[first - history.base : last - history.base]
        return not any(map(_tells, records[::WIDTH], records[1::WIDTH]))


#: What was worked out last for each session.
_KEPT: Final[WeakKeyDictionary[Session, Kept]] = WeakKeyDictionary()


def _past(machine: Machine, mark: int) -> tuple[object, ...]:
    """The end of the tape, and the target of the record before a mark."""
    history = machine.history
    at = mark - history.base - WIDTH
    return (history.end, id(history.tape[at + 1]), str(history.tape[at + 2])) if at >= 0 else (history.end,)


def _tells(swap: object, target: Any) -> bool:
    """Whether a record of the tape may be of a process: it is neither of a column nor of another struct."""
    if swap is swap_attribute:
        return target.kind in _TOLD
    return swap is not swap_cell and swap is not swap_range


def _fold(tasks: list[Task]) -> list[Group]:
    groups: list[Group] = []
    run: list[Task] = []
    kind: Hashable = None
    for task in tasks:
        this = _likeness(task)
        if run and (this is None or this != kind):
            groups += _folded(run)
            run = []
        run.append(task)
        kind = this
    return groups + _folded(run)


def _split(tasks: tuple[Task, ...], shown: set[int]) -> list[Group]:
    """A fold without those shown, who stand where they stood."""
    pieces: list[Group] = []
    run: list[Task] = []
    for task in tasks:
        if task.mm is not None and task.mm.id in shown:
            pieces += [*_folded(run), Group((task,), task.mm)]
            run = []
        else:
            run.append(task)
    return pieces + _folded(run)


def _folded(run: list[Task]) -> list[Group]:
    if len(run) >= FOLD and run[0].mm is not None:
        return [Group(tuple(run), run[0].mm)]
    return [Group((task,), task.mm) for task in run if task.mm is not None]


def _likeness(task: Task) -> Hashable:
    """What two processes must share to be alike; None: like no other."""
    mm = task.mm
    if mm is None or task.parent is None:
        return None
    vmas = mm.vmas
    ends = (vmas[0].vm_start, vmas[len(vmas) - 1].vm_end) if len(vmas) else ()
    return task.parent, task.name.rstrip("0123456789"), mm.rss, len(vmas), ends
