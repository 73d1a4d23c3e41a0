"""
What every node of the language shares: frozen attrs classes whose children are their fields.

Walking is written once, over the fields, and so holds for a node that is added later.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import cast

import attrs

from vmtui.errors import ScenarioError

__all__ = ["ExpressionError", "Node", "Value", "field_values", "nesting", "subnodes"]

Value = int | bool | str | None
"""What an expression comes to; None is the language's ``none``."""


class ExpressionError(ScenarioError):
    """An expression that has no value: a wrong kind, an unknown name, a division by zero."""


class Node:
    """A part of a line.  Subclasses are frozen attrs classes."""

    __slots__ = ()

    def settled(self) -> object:
        """What the node has become once its variables are known; itself unless a subclass says more."""
        return self


@cache
def _field_names(cls: type[attrs.AttrsInstance]) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(cls))


def field_values(node: Node) -> list[object]:
    """The values of a node's fields, in the order its class takes them."""
    return [getattr(node, name) for name in _field_names(cast(type[attrs.AttrsInstance], type(node)))]


def _children(value: object) -> list[object]:
    if isinstance(value, tuple):
        return [child for child in value if isinstance(child, Node | tuple)]
    if isinstance(value, Node):
        return [child for child in field_values(value) if isinstance(child, Node | tuple)]
    return []


def subnodes(value: object) -> Iterator[Node]:
    """Every node of a tree, itself included, parents first; with a stack of its own, so depth is no limit."""
    stack = [value]
    while stack:
        found = stack.pop()
        if isinstance(found, Node):
            yield found
        stack.extend(reversed(_children(found)))


def nesting(value: object) -> int:
    """How many nodes lie above one another at the deepest point."""
    deepest = 0
    stack = [(value, 0)]
    while stack:
        found, depth = stack.pop()
        depth += isinstance(found, Node)
        deepest = max(deepest, depth)
        stack.extend((child, depth) for child in _children(found))
    return deepest
