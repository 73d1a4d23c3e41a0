"""Reading a machine for expressions: the scope of ``expect``, ``let`` and ``say``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from vmtui.errors import PlaceError
from vmtui.mm.machine import Machine
from vmtui.mm.mm_types import Vma
from vmtui.mm.page import PAGE_SIZE
from vmtui.mm.pgtable import present_ptes
from vmtui.mm.step import WalkRecord
from vmtui.mm.walks import total
from vmtui.scenario.expressions import Observable
from vmtui.scenario.nodes import ExpressionError, Value
from vmtui.scenario.observables import (
    PAGE_VALUES,
    TASK_VALUES,
    VMA_VALUES,
    GlobalValue,
    Known,
    PageValue,
    TaskValue,
)
from vmtui.scenario.pages import PageView, shared_slots
from vmtui.scenario.places import PfnPlace, Place, find_range, find_task, known_number
from vmtui.scenario.substitution import replace_variables
from vmtui.scenario.suggest import closest

__all__ = ["Facts", "deciding_walk"]

_DECIDING: Final = ("unmap", "look")


def deciding_walk(walks: Sequence[WalkRecord], kind: str | None = None) -> WalkRecord | None:
    """The last unmap or look walk, else the last walk; or the last of a kind."""
    if kind is not None:
        return next((walk for walk in reversed(walks) if walk.kind == kind), None)
    return next((walk for walk in reversed(walks) if walk.kind in _DECIDING), walks[-1] if walks else None)


@attrs.frozen
class Facts:
    """
    A machine as expressions read it.

    Attributes:
        machine: At the cursor.
        walks, work: Of the command at the cursor.
        variables: Params, loop variables and lets.
    """

    machine: Machine
    walks: Sequence[WalkRecord] = ()
    work: Mapping[str, int] = attrs.field(factory=dict)
    variables: Mapping[str, Value] = attrs.field(factory=dict)

    def variable(self, name: str) -> Value:
        """The value of a param, a loop variable or a let."""
        if name not in self.variables:
            meant = closest(name, self.variables)
            hint = f": did you mean {meant}?" if meant else ""
            raise ExpressionError(f"no param, loop variable or let is called {name}{hint}")
        return self.variables[name]

    def observe(self, observable: Observable) -> Value:
        """
        One value of the machine.

        Raises:
            PlaceError: the process or the label is not there.
            ExpressionError: it is a range, which has no one value.
        """
        match replace_variables(observable, self.variables):
            case GlobalValue(path):
                return self._global(path)
            case TaskValue(task, attribute):
                return TASK_VALUES[attribute].read(find_task(self.machine, task, alive=False))
            case PageValue(place, attribute) if attribute in VMA_VALUES:
                return self._vma(place, VMA_VALUES[attribute])
            case PageValue(place, attribute):
                return self._page(place, PAGE_VALUES[attribute])
        raise ExpressionError(f"{observable} cannot be read")

    def observe_range(self, observable: Observable) -> Sequence[Value]:
        """The values of every page of a range, in order."""
        ready = replace_variables(observable, self.variables)
        assert isinstance(ready, PageValue)
        known = PAGE_VALUES[ready.attribute]
        where = find_range(self.machine, ready.place)
        untouched = known.read(PageView(self.machine, None, 0, 0, None))
        values: list[Value] = [untouched] * ((where.end - where.start) // PAGE_SIZE)
        touched = present_ptes(where.mm, where.start, where.end).tolist()
        for address in touched + shared_slots(where.mm, where.start, where.end):
            values[(address - where.start) // PAGE_SIZE] = known.read(PageView.at(where.mm, address))
        return values

    def _page(self, place: Place, known: Known) -> Value:
        if isinstance(place, PfnPlace):
            pfn = known_number(place.pfn)
            if not 0 < pfn < self.machine.frames_total:
                last = self.machine.frames_total - 1
                raise PlaceError("EINVAL", f"{place}: there are frames 1 to {last:,}")
            return known.read(PageView.of_frame(self.machine, pfn))
        where = find_range(self.machine, place)
        if where.end - where.start != PAGE_SIZE:
            raise ExpressionError(f"{place} is a range: use all, any, count, sum, min or max")
        return known.read(PageView.at(where.mm, where.start))

    def _vma(self, place: Place, known: Known) -> Value:
        where = find_range(self.machine, place)
        vma: Vma | None = where.mm.vmas.at(where.start)
        return None if vma is None else known.read(vma)

    def _global(self, path: tuple[str, ...]) -> Value:
        root, *rest = path
        machine = self.machine
        readers: Mapping[str, Callable[[], Value]] = {
            "anon_vmas": lambda: len(machine.anon_vmas),
            "walk": lambda: self._walk(rest),
            "walks": lambda: self._walks(rest),
            "work": lambda: self.work.get(rest[0]),
            "ledger": lambda: self._ledger(rest[0]),
            "frames": lambda: machine.frames()[rest[0]],
            "swap": lambda: machine.swap.slots if rest[0] == "slots" else machine.swap.used(),
        }
        return readers[root]()

    def _walk(self, path: list[str]) -> Value:
        walk = deciding_walk(self.walks, path[0] if len(path) > 1 else None)
        value: Value = getattr(walk, path[-1]) if walk is not None else None
        return value

    def _walks(self, path: list[str]) -> Value:
        if path == ["count"]:
            return len(self.walks)
        return total(self.walks, path[-1])

    def _ledger(self, kind: str) -> Value:
        ledger = self.machine.ledger
        held = {**ledger.by_kind(), "lowmem_free": ledger.lowmem_free, "lowmem_total": ledger.lowmem_total}
        if kind not in held:
            meant = closest(kind, held)
            hint = f": did you mean ledger.{meant}?" if meant else f"; it has {', '.join(held)}"
            raise ExpressionError(f"the ledger has no {kind}{hint}")
        return held[kind]
