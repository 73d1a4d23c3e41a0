"""Steps, and the driver that pulls them and records where the kernel stood.

A watched function is a generator.  It yields a `Step` *after* the effect it tells of.  At each yield
the driver looks at the chain of suspended generators: that is the kernel's call stack, and the
instruction each is suspended at gives the line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from itertools import repeat
from types import CodeType
from typing import Any, Final, overload

import attrs

from vmtui.state.history import History

#: (kind, number): how objects are named outside mm/.  Kinds: page (pfn), vma, mm, task, anon_vma, pte
#: (its address in 8-byte units), swap (slot).
Ref = tuple[str, int]

HIT: Final = "hit"
MISS_RANGE: Final = "miss_range"
MISS_NOTABLE: Final = "miss_notable"
MISS_NOPTE: Final = "miss_nopte"
MISS_PFN: Final = "miss_pfn"
SKIP_NO_RSS: Final = "skip_no_rss"
SKIP_NO_MM: Final = "skip_no_mm"
LEFT: Final = "left"

#: Outcomes of a candidate; a candidate that a walk examines yields exactly one Step with one of these.
CANDIDATE: Final = frozenset(
    {HIT, MISS_RANGE, MISS_NOTABLE, MISS_NOPTE, MISS_PFN, SKIP_NO_RSS, SKIP_NO_MM, LEFT}
)
#: Outcomes for which a PTE was read.
_READ_PTE: Final = frozenset({HIT, MISS_NOPTE, MISS_PFN, LEFT})

WALK: Final = "walk"
WALKED: Final = "walked"

#: Steps after which the driver stops for breath.
SLICE: Final = 64

#: Why a walk ended.
END: Final = "end"
MAPCOUNT: Final = "mapcount"
LOCKED: Final = "locked"


#: The names under which a step says what it is about, and the kind of each.
_KINDS: Final = {"page": "page", "vma": "vma", "mm": "mm", "anon_vma": "anon_vma", "ptep": "pte"}


def _about(name: str, meaning: str) -> property:
    """An object that a step is about, by the name it has among the values."""
    return property(lambda step: step.values.get(name, 0), doc=meaning)


class Step:
    """What a watched function has just done, in one plain sentence.

    The sentence is kept as a pattern and its values, and formatted when it is shown.

    Attributes:
        text: The pattern, in the past tense, subject first.
        outcome: What became of a candidate, `WALK`, `WALKED`, or "".
        values: What it is about, as numbers (page, vma, mm, anon_vma, ptep), and what the pattern needs.
    """

    __slots__ = ("outcome", "text", "values")

    def __init__(self, text: str, outcome: str = "", **values: Any) -> None:
        self.text = text
        self.outcome = outcome
        self.values = values

    @property
    def sentence(self) -> str:
        """The sentence."""
        return self.text.format_map(self.values)

    page = _about("page", "The frame it is about; 0 for none.")
    vma = _about("vma", "The VMA it is about; 0 for none.")
    mm = _about("mm", "The mm it is about; 0 for none.")
    ptep = _about("ptep", "The PTE it is about, its address in 8-byte units; 0 for none.")

    @property
    def refs(self) -> tuple[Ref, ...]:
        """What it is about, as references."""
        return tuple((kind, self.values[name]) for name, kind in _KINDS.items() if self.values.get(name))

    def __repr__(self) -> str:
        return f"<Step {self.outcome or '-'}: {self.sentence}>"


#: What a watched function is: it yields Steps and may return a value.
Steps = Generator[Step, None, Any]


@attrs.frozen
class Frame:
    """One function on the simulated kernel's stack.

    Attributes:
        function: Its name.
        file: Its file under the package, as ``mm/fork.py``.
        line: The line it stands at, from 1.
        first_line: The line its ``def`` is on.
    """

    function: str
    file: str
    line: int
    first_line: int


class Place:
    """Where a step was yielded: a code object, an instruction in it, and the place of its caller.

    Places are interned: equal stacks are one object, and lines are worked out only when asked for.
    """

    __slots__ = ("_code", "_inner", "_lasti", "parent")

    def __init__(self, parent: Place | None, code: CodeType | None, lasti: int) -> None:
        self.parent = parent
        self._code = code
        self._lasti = lasti
        # By where the instruction lies: no two codes that live overlap, and each place keeps its own alive.
        self._inner: dict[int, Place] = {}

    def inner(self, code: CodeType, lasti: int) -> Place:
        """The place of a function called from here, where it is suspended."""
        place = self._inner.get(id(code) + lasti)
        if place is None:
            place = self._inner[id(code) + lasti] = Place(self, code, lasti)
        return place

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The call stack, outermost first."""
        code = self._code
        if code is None:
            return ()
        outer = self.parent.frames if self.parent is not None else ()
        _, _, path = code.co_filename.replace("\\", "/").rpartition("/vmtui/")
        return (*outer, Frame(code.co_name, path, _line(code, self._lasti), code.co_firstlineno))


def _line(code: CodeType, lasti: int) -> int:
    for start, stop, line in code.co_lines():
        if start <= lasti < stop and line is not None:
            return line
    return code.co_firstlineno


class StepRecord:
    """A step as recorded: what, where, and the tape position at which the state is that of the step."""

    __slots__ = ("mark", "place", "step")

    def __init__(self, step: Step, place: Place, mark: int) -> None:
        self.step = step
        self.place = place
        self.mark = mark


class StepLog(Sequence[StepRecord]):
    """Records of steps, in order.

    Kept in parts, and put together when one is looked at: a list of a hundred thousand small objects is
    what Python's collector would go through again and again.
    """

    __slots__ = ("_marks", "_outcomes", "_places", "_texts", "_values")

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._outcomes: list[str] = []
        self._values: list[dict[str, Any]] = []
        self._places: list[Place] = []
        self._marks: list[int] = []

    def append(self, step: Step, place: Place, mark: int) -> None:
        """Record one more step."""
        self._texts.append(step.text)
        self._outcomes.append(step.outcome)
        self._values.append(step.values)
        self._places.append(place)
        self._marks.append(mark)

    def replace(self, start: int, stop: int | None, other: StepLog) -> None:
        """Put other records in the place of those from `start` to `stop`; None: to the end."""
        for name in self.__slots__:
            getattr(self, name)[start:stop] = getattr(other, name)

    def cut(self, start: int) -> None:
        """Give up the records from `start` on."""
        for name in self.__slots__:
            del getattr(self, name)[start:]

    def fill(self, start: int, stop: int, step: Step, place: Place) -> None:
        """Put one step in the place of each from `start` to `stop`."""
        one = StepLog()
        one.append(step, place, 0)
        for name in self.__slots__:
            getattr(self, name)[start:stop] = getattr(one, name) * (stop - start)

    def mark(self, index: int) -> int:
        """The tape position at which the state is that of one step."""
        return self._marks[index]

    def move_mark(self, index: int, mark: int) -> None:
        """Say that the state of a step is at another position."""
        self._marks[index] = mark

    @property
    def outcomes(self) -> Sequence[str]:
        """What came of each step."""
        return self._outcomes

    def where(self, outcome: str) -> list[int]:
        """The steps of this outcome."""
        return [index for index, found in enumerate(self._outcomes) if found == outcome]

    def having(self, name: str) -> list[int]:
        """The steps that have a value of this name."""
        return [index for index, values in enumerate(self._values) if name in values]

    def tally(self) -> tuple[Counter[str], int]:
        """How many steps have each outcome; and the nodes that were followed to their candidates."""
        steps = zip(self._outcomes, self._values, strict=True)
        nodes = sum(values.get("nodes", 0) for outcome, values in steps if outcome in CANDIDATE)
        return Counter(self._outcomes), nodes

    def read(self, start: int, stop: int) -> list[tuple[int, int, int]]:
        """ptep, VMA and mm of each candidate, from `start` to `stop`, whose PTE was read."""
        steps = zip(self._outcomes[start:stop], self._values[start:stop], strict=True)
        return [
            (values["ptep"], values.get("vma", 0), values.get("mm", 0))
            for outcome, values in steps
            if outcome in CANDIDATE and "ptep" in values
        ]

    def __len__(self) -> int:
        return len(self._texts)

    @overload
    def __getitem__(self, index: int) -> StepRecord: ...
    @overload
    def __getitem__(self, index: slice) -> StepLog: ...
    def __getitem__(self, index: int | slice) -> StepRecord | StepLog:
        if isinstance(index, slice):
            part = StepLog()
            for name in self.__slots__:
                setattr(part, name, getattr(self, name)[index])
            return part
        step = Step(self._texts[index], self._outcomes[index])
        step.values = self._values[index]
        return StepRecord(step, self._places[index], self._marks[index])


class Driver:
    """Pulls watched functions and tells where they stand.

    While the innermost generator of the last step is not finished nothing outside it has moved, so the
    chain is kept and only its end looked at again; the cost does not grow with the depth of the stack.
    """

    __slots__ = ("_outside",)

    def __init__(self) -> None:
        self._outside = Place(None, None, 0)

    def run(self, outermost: Steps, records: StepLog, history: History, every: int = SLICE) -> Iterator[None]:
        """Pull a watched function to its end and record its steps; stop for breath after `every` of them."""
        chain: list[Any] = [outermost]
        places = [self._outside]
        record = records.append
        breath = every
        for step in outermost:
            while not chain[-1].gi_suspended:
                chain.pop()
            # The last generator still there has moved on; those outside it have not.
            generator = chain[-1]
            del places[len(chain) :]
            place = places[-1].inner(generator.gi_code, generator.gi_frame.f_lasti)
            places.append(place)
            while (generator := generator.gi_yieldfrom) is not None:
                chain.append(generator)
                place = place.inner(generator.gi_code, generator.gi_frame.f_lasti)
                places.append(place)
            record(step, place, history.mark)
            breath -= 1
            if not breath:
                breath = every
                yield


@attrs.frozen(kw_only=True)
class WalkRecord:
    """What one walk of the reverse map examined and found.

    Attributes:
        kind: ``referenced``, ``unmap`` or ``look``.
        page: The frame whose mappings were looked for.
        scheme: The scheme that walked.
        examined: Candidates looked at; ``hits + misses``.
        nodes: List elements (or tree nodes, or chain cache lines) followed to reach them.
        ptes: PTEs read.
        stopped: ``end``, ``mapcount`` or ``locked``; None while the walk is under way.
        first, last: The walk's records, as a slice of those it was read from.
    """

    kind: str
    page: int
    scheme: str
    examined: int = 0
    hits: int = 0
    misses: int = 0
    miss_range: int = 0
    miss_notable: int = 0
    miss_nopte: int = 0
    miss_pfn: int = 0
    skip_no_rss: int = 0
    skip_no_mm: int = 0
    left: int = 0
    nodes: int = 0
    ptes: int = 0
    stopped: str | None = None
    first: int = 0
    last: int = 0


def walks_of(records: StepLog) -> tuple[WalkRecord, ...]:
    """The walks among the steps of one command, counted from the steps' outcomes."""
    begins = records.where(WALK)
    return tuple(map(_walk, repeat(records), begins, [*begins[1:], len(records)]))


def _walk(records: StepLog, first: int, stop: int) -> WalkRecord:
    """The walk that begins at `first`; its end, if it has come to one, lies before `stop`."""
    steps = records[first:stop]
    ends = steps.where(WALKED)
    if ends:
        steps = steps[: ends[0] + 1]
    begun, ended = steps[0].step.values, steps[-1].step.values if ends else {}
    counts, nodes = steps.tally()
    examined = sum(counts[outcome] for outcome in CANDIDATE)
    return WalkRecord(
        kind=begun["kind"],
        page=begun["page"],
        scheme=begun["scheme"],
        examined=examined,
        hits=counts[HIT],
        misses=examined - counts[HIT],
        nodes=nodes,
        ptes=sum(counts[outcome] for outcome in _READ_PTE),
        stopped=ended.get("stopped"),
        first=first,
        last=first + len(steps),
        **{outcome: counts[outcome] for outcome in CANDIDATE if outcome != HIT},
    )
