"""Variables in a line: which it reads, and the line with their values in their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar, cast

from vmtui.scenario.expressions import Variable, constant
from vmtui.scenario.nodes import Node, Value, field_values, subnodes

__all__ = ["replace_variables", "variables"]

T = TypeVar("T")


def variables(value: object) -> frozenset[str]:
    """The names of the params, loop variables and lets that a tree reads."""
    return frozenset(node.name for node in subnodes(value) if isinstance(node, Variable))


def replace_variables(value: T, known: Mapping[str, Value]) -> T:
    """
    The tree with the known variables replaced by their values; those not known stay.

    Raises:
        ExpressionError: a number or a name that the values make impossible.
    """
    return cast(T, _replace(value, known))


def _replace(value: object, known: Mapping[str, Value]) -> object:
    if isinstance(value, Variable):
        return constant(known[value.name]) if value.name in known else value
    if isinstance(value, Node):
        before = field_values(value)
        after = _replace_all(before, known)
        same = all(new is old for new, old in zip(after, before, strict=True))
        node: Node = value if same else type(value)(*after)
        return node.settled()
    if isinstance(value, tuple):
        items = _replace_all(value, known)
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else tuple(items)
    return value


def _replace_all(values: list[object] | tuple[object, ...], known: Mapping[str, Value]) -> list[object]:
    return [_replace(child, known) if isinstance(child, Node | tuple) else child for child in values]
