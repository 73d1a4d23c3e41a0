"""Find pages by a predicate over what struct page holds, for the whole of memory at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs
import numpy as np

from vmtui.mm.page import FIRST_PFN, PAGE_FLAGS
from vmtui.scenario.expressions import (
    AllOf,
    AnyOf,
    Braced,
    Comparison,
    Constant,
    Expr,
    Literal,
    Negative,
    Not,
    Product,
    Sum,
    Variable,
)
from vmtui.scenario.nodes import ExpressionError
from vmtui.scenario.parser import parse_expression
from vmtui.scenario.suggest import closest
from vmtui.view.model import Row, Rows, line
from vmtui.view.subject import page_place
from vmtui.view.text import pad

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine
    from vmtui.session import Session

#: Pages that are listed.
LIMIT: Final = 1000
#: Frames that are looked at together: few enough for their numbers to stay in a processor's cache.
SLICE: Final = 1 << 16
#: Numbers of struct page by the name that a predicate has for them.
FIELDS: Final = ("mapcount", "count", "index", "private", "mapping", "flags")

Array = np.ndarray[Any, np.dtype[Any]]

_COMPARE: Final[Mapping[str, Callable[[Any, Any], Any]]] = MappingProxyType(
    {
        "==": np.equal,
        "!=": np.not_equal,
        "<": np.less,
        "<=": np.less_equal,
        ">": np.greater,
        ">=": np.greater_equal,
    }
)
_ARITHMETIC: Final[Mapping[str, Callable[[Any, Any], Any]]] = MappingProxyType(
    {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.floor_divide, "%": np.remainder}
)


@attrs.frozen
class Found:
    """Pages for which a predicate holds.

    Attributes:
        total: How many there are.
        rows: The first of them, made when they are looked at.
    """

    total: int
    rows: Rows[Row]


def find_pages(session: Session, predicate: str) -> Found:
    """The frames in use for which `predicate` holds: ``mapcount > 100``, ``anon and not direct``.

    Raises:
        ScenarioError: it cannot be read.
        ExpressionError: it is no predicate over pages.
    """
    machine = session.machine
    expr = parse_expression(predicate)
    pfns: list[int] = []
    total = 0
    for first in range(0, machine.frames_total, SLICE):
        where = slice(first, min(first + SLICE, machine.frames_total))
        used = machine.mem_map.count.all[where] > 0
        # The first slice is looked at in any case: it says whether this is a predicate at all.
        if first and not used.any():
            continue
        holds = _evaluate(machine, expr, where)
        if not isinstance(holds, np.ndarray) or holds.dtype != np.bool_:
            raise ExpressionError(f"{predicate} is true or false of no page: try mapcount > 1, or anon")
        found = first + np.flatnonzero(holds & used)
        found = found[found >= FIRST_PFN]
        total += len(found)
        pfns += found[: LIMIT - len(pfns)].tolist()

    def make(index: int) -> Row:
        pfn = pfns[index]
        page = machine.page(pfn)
        place = page_place(machine, pfn)
        flags = " ".join(name for name, bit in PAGE_FLAGS.items() if page.flags & bit)
        spans = line(
            (pad(f"{pfn:#x}", 8), "page"),
            pad(place, 20),
            (f" mapcount {page.mapcount:<4} ", "text"),
            (flags, "dim"),
        )
        return Row(spans, ("page", pfn), place=place)

    return Found(total, Rows(len(pfns), make))


def _evaluate(machine: Machine, expr: Expr, where: slice) -> Any:
    """An expression for all frames of a slice at once: an array, or a number that is the same for all."""
    match expr:
        case Literal(value) | Constant(bool(value)):
            return value
        case Braced(inner):
            return _evaluate(machine, inner, where)
        case Variable(name):
            return _column(machine, name, where)
        case Negative(operand):
            return -_evaluate(machine, operand, where)
        case Not(operand):
            return ~_truth(machine, operand, where)
        case AllOf(operands):
            return np.logical_and.reduce([_truth(machine, operand, where) for operand in operands])
        case AnyOf(operands):
            return np.logical_or.reduce([_truth(machine, operand, where) for operand in operands])
        case Comparison(left, operator, right):
            return _COMPARE[operator](_evaluate(machine, left, where), _evaluate(machine, right, where))
        case Sum(first, rest) | Product(first, rest):
            result = _evaluate(machine, first, where)
            for sign, operand in rest:
                other = _evaluate(machine, operand, where)
                if sign in "/%" and np.any(np.equal(other, 0)):
                    raise ExpressionError(f"{expr}: division by zero")
                result = _ARITHMETIC[sign](result, other)
            return result
    raise ExpressionError(f"{expr} is not told by struct page: {', '.join(FIELDS)}, pfn and the flags are")


def _truth(machine: Machine, expr: Expr, where: slice) -> Array:
    value = _evaluate(machine, expr, where)
    if isinstance(value, bool):
        return np.full(where.stop - where.start, value)
    if isinstance(value, np.ndarray) and value.dtype == np.bool_:
        holds: Array = value
        return holds
    raise ExpressionError(f"{expr} is a number, not true or false")


def _column(machine: Machine, name: str, where: slice) -> Array:
    """One field or flag of each struct page of a slice."""
    if name == "pfn":
        return np.arange(where.start, where.stop)
    if name in FIELDS:
        column: Array = getattr(machine.mem_map, name).all[where]
        return column.astype(np.int64)
    if name in PAGE_FLAGS:
        flags: Array = machine.mem_map.flags.all[where]
        held: Array = (flags & PAGE_FLAGS[name]) != 0
        return held
    near = closest(name, ["pfn", *FIELDS, *PAGE_FLAGS])
    raise ExpressionError(f"struct page has no {name}" + (f": did you mean {near}?" if near else ""))
