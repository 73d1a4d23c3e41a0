"""A predicate over many pages at once: an expression whose names are columns, evaluated with NumPy.

Where a page does not have what a name reads (the slot of a page that is in memory) the column is masked.
Such a page is found by ``slot == none``, and by nothing else that is said of its slot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs
import numpy as np

from vmtui.scenario.expressions import (
    AllOf,
    AnyOf,
    Braced,
    Call,
    Comparison,
    Constant,
    Expr,
    Literal,
    Negative,
    Not,
    Observable,
    Product,
    Scope,
    Sum,
    Text,
    Variable,
)
from vmtui.scenario.nodes import ExpressionError, Value

Array = np.ndarray[Any, np.dtype[Any]]

_ORDER: Final[Mapping[str, Callable[[Any, Any], Any]]] = MappingProxyType(
    {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}
)
_ARITHMETIC: Final[Mapping[str, Callable[[Any, Any], Any]]] = MappingProxyType(
    {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.floor_divide, "%": np.remainder}
)


@attrs.frozen
class Predicate:
    """An expression of some pages.

    Attributes:
        column: What a name reads of each of them.
        size: How many there are.
        scope: Reads what is the same for all: ``mapcount > sh.heap[0].mapcount``.
    """

    column: Callable[[str], Array]
    size: int
    scope: Scope

    def holds(self, expr: Expr) -> Array:
        """Of which pages it is true.

        Raises:
            ExpressionError: it is true or false of no page.
        """
        value = self._value(expr)
        if not isinstance(value, np.ndarray) or value.dtype != np.bool_:
            raise ExpressionError(f"{expr} is true or false of no page: try mapcount > 1, or anon")
        held: Array = _filled(value, False)
        return held

    def _value(self, expr: Expr) -> Any:
        """An array, or a value that is the same for all."""
        match expr:
            case Literal() | Constant() | Text():
                return expr.value
            case Braced(inner):
                return self._value(inner)
            case Variable(name):
                return self.column(name)
            case Observable() | Call():
                return self._same_for_all(expr)
            case Negative(operand):
                return -self._number(operand)
            case Not(operand):
                return ~self._truth(operand)
            case AllOf(operands):
                return np.logical_and.reduce([_filled(self._truth(each), False) for each in operands])
            case AnyOf(operands):
                return np.logical_or.reduce([_filled(self._truth(each), False) for each in operands])
            case Comparison():
                return self._compared(expr)
            case Sum(first, rest) | Product(first, rest):
                result = self._number(first)
                for sign, operand in rest:
                    other = self._number(operand)
                    if sign in "/%" and np.any(np.equal(other, 0)):
                        raise ExpressionError(f"{expr}: division by zero")
                    result = _ARITHMETIC[sign](result, other)
                return result
        raise ExpressionError(f"{expr} has no value")

    def _same_for_all(self, expr: Expr) -> Value:
        if isinstance(expr, Observable) and expr.is_range:
            raise ExpressionError(f"{expr} is a range: use all, any, count, sum, min or max")
        return expr.evaluate(self.scope)

    def _compared(self, expr: Comparison) -> Any:
        """``none`` and texts compare with ``==`` and ``!=`` only, as in the language."""
        left, right = self._value(expr.left), self._value(expr.right)
        if expr.operator in _ORDER:
            return _ORDER[expr.operator](_number(left, expr.left), _number(right, expr.right))
        if left is None or right is None:
            other = right if left is None else left
            equal = np.ma.getmaskarray(other) if isinstance(other, np.ndarray) else other is None
        elif _is_text(left) != _is_text(right):
            equal = False
        else:
            equal = _filled(np.equal(left, right), False)
        equal = np.broadcast_to(equal, self.size)
        return equal if expr.operator == "==" else ~equal

    def _truth(self, expr: Expr) -> Array:
        value = self._value(expr)
        if isinstance(value, bool):
            return np.full(self.size, value)
        if isinstance(value, np.ndarray) and value.dtype == np.bool_:
            return value
        raise ExpressionError(f"{expr} is {_kind(value)}, not true or false")

    def _number(self, expr: Expr) -> Any:
        return _number(self._value(expr), expr)


def _filled(value: Any, missing: bool) -> Any:
    """What holds, where a page without a value counts as `missing`."""
    return np.ma.filled(value, missing)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, np.ndarray) and value.dtype.kind == "U")


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, np.ndarray) and value.dtype == np.bool_)


def _number(value: Any, expr: Expr) -> Any:
    if value is None or _is_text(value) or _is_truth(value):
        raise ExpressionError(f"{expr} is {_kind(value)}, not a number")
    return value


def _kind(value: Any) -> str:
    if value is None:
        return "none"
    return "a text" if _is_text(value) else "true or false" if _is_truth(value) else "a number"
