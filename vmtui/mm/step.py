"""Steps, and the driver that pulls them and records where the kernel stood.

A watched function is a generator.  It yields a `step` *after* the effect it tells of.  At each yield
the driver looks at the chain of suspended generators: that is the kernel's call stack, and the
instruction each is suspended at gives the line.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Sequence
from itertools import compress, pairwise
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

#: Outcomes of a candidate; a candidate that a walk examines yields exactly one step with one of these.
CANDIDATE: Final = frozenset(
    {HIT, MISS_RANGE, MISS_NOTABLE, MISS_NOPTE, MISS_PFN, SKIP_NO_RSS, SKIP_NO_MM, LEFT}
)
#: Outcomes for which a PTE was read.
_READ_PTE: Final = frozenset({HIT, MISS_NOPTE, MISS_PFN, LEFT})

WALK: Final = "walk"
WALKED: Final = "walked"

#: List cells that a record of a step takes.
_CELLS: Final = 5

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


#: A step as it is yielded: `text`, `outcome` and `values` of a `Step`.
Told = tuple[str, str, dict[str, Any]]


def step(text: str, outcome: str = "", about: dict[str, Any] | None = None, /, **values: Any) -> Told:
    """What a watched function yields, to tell what it has just done.

    Args:
        about: The values, where they were put together before; the step keeps this dict.
    """
    return text, outcome, values if about is None else about


class Step:
    """What a watched function has just done, in one plain sentence.

    The sentence is kept as a pattern and its values, and formatted when it is shown.

    Attributes:
        text: The pattern, in the past tense, subject first.
        outcome: What became of a candidate, `WALK`, `WALKED`, or "".
        values: What it is about, as numbers (page, vma, mm, anon_vma, ptep), and what the pattern needs.
    """

    __slots__ = ("outcome", "text", "values")

    def __init__(self, text: str, outcome: str, values: dict[str, Any]) -> None:
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


#: What a watched function is: it yields steps and may return a value.
Steps = Generator[Told, None, Any]


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

    Attributes:
        parent: Where its caller is suspended; of the outermost of all itself.
        beside: The places of the same function, called from the same place, by instruction.
        callee: The function that was called from here last.
        inside: Its places.
    """

    __slots__ = ("_code", "_lasti", "_within", "beside", "callee", "inside", "parent")

    def __init__(self, parent: Place | None, code: CodeType | None, lasti: int) -> None:
        self.parent = self if parent is None else parent
        self._code = code
        self._lasti = lasti
        self.callee: CodeType | None = None
        self.inside: dict[int, Place] = {}
        # By the id of the function's code, which its places keep alive.
        self._within: defaultdict[int, dict[int, Place]] = defaultdict(dict)
        self.beside = {} if parent is None else parent._within[id(code)]
        self.beside[lasti] = self

    def calls(self, code: CodeType) -> dict[int, Place]:
        """A function is called from here: the places known in it, by instruction."""
        self.callee, self.inside = code, self._within[id(code)]
        return self.inside

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The call stack, outermost first."""
        code = self._code
        if code is None:
            return ()
        _, _, path = code.co_filename.replace("\\", "/").rpartition("/vmtui/")
        frame = Frame(code.co_name, path, _line(code, self._lasti), code.co_firstlineno)
        return (frame,) if self.parent is self else (*self.parent.frames, frame)


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

    A record is five cells of a flat list: text, outcome, values, place and mark.  It is put together when it
    is looked at: a list of a hundred thousand small objects is what Python's collector would go through
    again and again.
    """

    __slots__ = ("cells",)

    def __init__(self, cells: list[Any] | None = None) -> None:
        self.cells: list[Any] = [] if cells is None else cells

    def append(self, told: Told, place: Place, mark: int) -> None:
        """Record one more step."""
        self.cells += (*told, place, mark)

    def replace(self, start: int, stop: int | None, other: StepLog) -> None:
        """Put other records in the place of those from `start` to `stop`; None: to the end."""
        self.cells[start * _CELLS : None if stop is None else stop * _CELLS] = other.cells

    def cut(self, start: int) -> None:
        """Give up the records from `start` on."""
        del self.cells[start * _CELLS :]

    def fill(self, start: int, stop: int, told: Told, place: Place) -> None:
        """Put one step in the place of each from `start` to `stop`."""
        self.replace(start, stop, StepLog([*told, place, 0] * (stop - start)))

    def mark(self, index: int) -> int:
        """The tape position at which the state is that of one step."""
        mark: int = self.cells[index * _CELLS + 4]
        return mark

    def move_mark(self, index: int, mark: int) -> None:
        """Say that the state of a step is at another position."""
        self.cells[index * _CELLS + 4] = mark

    @property
    def outcomes(self) -> list[str]:
        """What came of each step."""
        return self.cells[1::_CELLS]

    @property
    def values(self) -> list[dict[str, Any]]:
        """What each step is about, by name."""
        return self.cells[2::_CELLS]

    @property
    def places(self) -> list[Place]:
        """Where each step was yielded."""
        return self.cells[3::_CELLS]

    def candidates(self) -> Iterator[dict[str, Any]]:
        """The values of each step that tells of a candidate."""
        return compress(self.values, map(CANDIDATE.__contains__, self.outcomes))

    def __len__(self) -> int:
        return len(self.cells) // _CELLS

    @overload
    def __getitem__(self, index: int) -> StepRecord: ...
    @overload
    def __getitem__(self, index: slice) -> StepLog: ...
    def __getitem__(self, index: int | slice) -> StepRecord | StepLog:
        if isinstance(index, slice):
            start, stop, stride = index.indices(len(self))
            if stride != 1:
                raise ValueError("steps are taken one after another")
            return StepLog(self.cells[start * _CELLS : stop * _CELLS])
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        first = index % len(self) * _CELLS
        text, outcome, values, place, mark = self.cells[first : first + _CELLS]
        return StepRecord(Step(text, outcome, values), place, mark)


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
        place = Place(self._outside, chain[0].gi_code, -1)
        cells, tape = records.cells, history.tape
        breath = every
        for text, outcome, values in outermost:
            # What is finished has no frame.  The last that is not has moved on, those outside it have not.
            while (frame := chain[-1].gi_frame) is None:
                chain.pop()
                place = place.parent
            generator = chain[-1]
            place = place.beside.get(frame.f_lasti) or Place(place.parent, generator.gi_code, frame.f_lasti)
            while (generator := generator.gi_yieldfrom) is not None:
                chain.append(generator)
                code, lasti = generator.gi_code, generator.gi_frame.f_lasti
                inside = place.inside if place.callee is code else place.calls(code)
                place = inside.get(lasti) or Place(place, code, lasti)
            # The mark is history.mark, worked out here: every step has one.
            cells += text, outcome, values, place, history.base + len(tape) - history.ahead
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
    outcomes = records.outcomes
    begins = [index for index, outcome in enumerate(outcomes) if outcome == WALK]
    return tuple(_walk(records, *ends) for ends in pairwise([*begins, len(outcomes)]))


def _walk(records: StepLog, first: int, stop: int) -> WalkRecord:
    """The walk that begins at `first`; its end, if it has come to one, lies before `stop`."""
    steps = records[first:stop]
    outcomes = steps.outcomes
    if WALKED in outcomes:
        steps = steps[: outcomes.index(WALKED) + 1]
    counts = Counter(steps.outcomes)
    begun, ended = steps.values[0], steps.values[-1]
    examined = sum(counts[outcome] for outcome in CANDIDATE)
    return WalkRecord(
        kind=begun["kind"],
        page=begun["page"],
        scheme=begun["scheme"],
        examined=examined,
        hits=counts[HIT],
        misses=examined - counts[HIT],
        nodes=sum([about.get("nodes", 0) for about in steps.candidates()]),
        ptes=sum(counts[outcome] for outcome in _READ_PTE),
        stopped=ended["stopped"] if counts[WALKED] else None,
        first=first,
        last=first + len(steps),
        **{outcome: counts[outcome] for outcome in CANDIDATE if outcome != HIT},
    )
