"""Values: what an expression comes to, which kind it must be, and the functions of a range of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from vmtui.scenario.nodes import ExpressionError, Value

__all__ = ["FUNCTIONS", "number", "show_value", "truth", "whole"]


def show_value(value: Value) -> str:
    """A value as a reader sees it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def number(value: Value, source: object) -> int:
    """The value, which must be a number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ExpressionError(f"{source} is {_kind(value)}, not a number")
    return value


def whole(value: Value, source: object) -> int:
    """The value, which must be a number and not negative."""
    result = number(value, source)
    if result < 0:
        raise ExpressionError(f"{source} is {result}: a number here must not be negative")
    return result


def truth(value: Value, source: object) -> bool:
    """The value, which must be true or false."""
    if not isinstance(value, bool):
        raise ExpressionError(f"{source} is {_kind(value)}, not true or false")
    return value


def _kind(value: Value) -> str:
    if isinstance(value, str):
        return f'the text "{value}"'
    return show_value(value)


def _all(values: Sequence[Value]) -> Value:
    return all(value is True for value in values)


def _any(values: Sequence[Value]) -> Value:
    return any(value is True for value in values)


def _count(values: Sequence[Value]) -> Value:
    return sum(value is not None and value is not False for value in values)


def _numbers(values: Sequence[Value]) -> list[int]:
    kept = [value for value in values if value is not None]
    if any(isinstance(value, str) for value in kept):
        raise ExpressionError("a text cannot be summed or ordered")
    return [int(value) for value in kept]


FUNCTIONS: Mapping[str, Callable[[Sequence[Value]], Value]] = MappingProxyType(
    {
        "all": _all,
        "any": _any,
        "count": _count,
        "sum": lambda values: sum(_numbers(values)),
        "min": lambda values: min(_numbers(values), default=None),
        "max": lambda values: max(_numbers(values), default=None),
    }
)
"""Functions of a range: of one value a page.  A page with no value counts for none of them."""
