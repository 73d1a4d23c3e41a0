"""
Expressions: what ``expect``, ``let``, ``say {…}`` and ``{…}`` in names and numbers hold.

A node prints itself in the one canonical way, with parentheses only where they change the meaning, and is
evaluated against a `Scope`, which alone knows a machine.  Chains (``a + b - c``, ``a and b and c``) are flat.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final, Protocol

import attrs

from vmtui.scenario.nodes import ExpressionError, Node, Value, subnodes
from vmtui.scenario.values import FUNCTIONS, number, show_value, truth, whole

__all__ = [
    "NOTHING",
    "AllOf",
    "AnyOf",
    "Braced",
    "Call",
    "Comparison",
    "Constant",
    "Expr",
    "Literal",
    "Negative",
    "Not",
    "Observable",
    "Product",
    "Scope",
    "Static",
    "Sum",
    "Text",
    "Variable",
    "constant",
]

LIMIT: Final = 1 << 64  # no number of a machine comes near it

_SUFFIXES: Mapping[str, int] = MappingProxyType({"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40})


class Scope(Protocol):
    """What an expression is evaluated against."""

    def variable(self, name: str) -> Value:
        """The value of a param, a loop variable or a let."""
        ...

    def observe(self, observable: Observable) -> Value:
        """One value of the machine."""
        ...

    def observe_range(self, observable: Observable) -> Sequence[Value]:
        """The values of every page of a range, in order."""
        ...


class Expr(Node):
    """An expression."""

    __slots__ = ()

    precedence: ClassVar[int] = 9

    def evaluate(self, scope: Scope) -> Value:
        """
        The value.

        Raises:
            ExpressionError: it has none.
        """
        raise ExpressionError(f"{self} has no value")

    def inside(self, precedence: int) -> str:
        """The text, in parentheses where it would otherwise be read differently."""
        return f"({self})" if self.precedence < precedence else str(self)


class Observable(Expr):
    """Something that is read from a machine; see `vmtui.scenario.observables`."""

    __slots__ = ()

    @property
    def is_range(self) -> bool:
        """Whether it stands for one value a page."""
        return False

    def evaluate(self, scope: Scope) -> Value:
        """What the scope reads."""
        return scope.observe(self)


@attrs.frozen
class Literal(Expr):
    """
    A number as it was written.

    Attributes:
        value: The number.
        text: ``0x10``, ``16K``: kept for printing, no part of what the literal is.
    """

    value: int
    text: str = attrs.field(eq=False)

    @text.default
    def _decimal(self) -> str:
        return str(self.value)

    @classmethod
    def parse(cls, text: str) -> Literal:
        """A number from ``16``, ``0x10`` or ``16K``."""
        if len(text) > 24:
            raise ExpressionError("the number is too large")
        if text.startswith("0x"):
            value = int(text, 16)
        elif text[-1] in _SUFFIXES:
            value = int(text[:-1]) * _SUFFIXES[text[-1]]
        else:
            value = int(text)
        if value >= LIMIT:
            raise ExpressionError("the number is too large")
        return cls(value, text)

    def evaluate(self, scope: Scope) -> Value:
        """The number."""
        return self.value

    def __str__(self) -> str:
        return self.text


@attrs.frozen
class Text(Expr):
    """A text in quotes."""

    value: str

    def evaluate(self, scope: Scope) -> Value:
        """The text."""
        return self.value

    def __str__(self) -> str:
        return f'"{self.value}"'


@attrs.frozen
class Constant(Expr):
    """``none``, ``true`` or ``false``."""

    value: bool | None

    def evaluate(self, scope: Scope) -> Value:
        """The constant."""
        return self.value

    def __str__(self) -> str:
        return show_value(self.value)


@attrs.frozen
class Variable(Expr):
    """A param, a loop variable or a let."""

    name: str

    def evaluate(self, scope: Scope) -> Value:
        """Its value at this point."""
        return scope.variable(self.name)

    def __str__(self) -> str:
        return self.name


@attrs.frozen
class Braced(Expr):
    """``{expr}`` where a number stands."""

    expr: Expr

    def evaluate(self, scope: Scope) -> Value:
        """The value of what is in the braces."""
        return self.expr.evaluate(scope)

    def settled(self) -> object:
        """The number, once no variable is left in it."""
        if any(isinstance(node, Variable | Observable) for node in subnodes(self.expr)):
            return self
        return Literal(whole(self.expr.evaluate(NOTHING), self.expr))

    def __str__(self) -> str:
        return f"{{{self.expr}}}"


@attrs.frozen
class Negative(Expr):
    """``-x``."""

    precedence: ClassVar[int] = 7
    operand: Expr

    def evaluate(self, scope: Scope) -> Value:
        """The negative number."""
        return -number(self.operand.evaluate(scope), self.operand)

    def __str__(self) -> str:
        return f"-{self.operand.inside(self.precedence)}"


_ARITHMETIC: Mapping[str, Callable[[int, int], int]] = MappingProxyType(
    {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.floordiv, "%": operator.mod}
)


class _Chain(Expr):
    """Operands of one precedence, from left to right."""

    __slots__ = ()

    first: Expr
    rest: tuple[tuple[str, Expr], ...]

    def evaluate(self, scope: Scope) -> Value:
        """The number, whole: ``/`` rounds down."""
        result = number(self.first.evaluate(scope), self.first)
        for sign, operand in self.rest:
            right = number(operand.evaluate(scope), operand)
            if right == 0 and sign in "/%":
                raise ExpressionError(f"{self}: division by zero")
            result = _ARITHMETIC[sign](result, right)
            if abs(result) >= LIMIT:
                raise ExpressionError(f"{self}: the number is too large")
        return result

    def __str__(self) -> str:
        above = self.precedence + 1
        return self.first.inside(above) + "".join(f" {sign} {expr.inside(above)}" for sign, expr in self.rest)


@attrs.frozen
class Product(_Chain):
    """``a * b / c % d``."""

    precedence: ClassVar[int] = 6
    first: Expr
    rest: tuple[tuple[str, Expr], ...]


@attrs.frozen
class Sum(_Chain):
    """``a + b - c``."""

    precedence: ClassVar[int] = 5
    first: Expr
    rest: tuple[tuple[str, Expr], ...]


_ORDER: Mapping[str, Callable[[int, int], bool]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
)


@attrs.frozen
class Comparison(Expr):
    """``a == b``.  ``none`` and texts compare with ``==`` and ``!=`` only."""

    precedence: ClassVar[int] = 4
    left: Expr
    operator: str
    right: Expr

    def holds(self, left: Value, right: Value) -> bool:
        """Whether two values compare so."""
        if self.operator == "==":
            return left == right
        if self.operator == "!=":
            return left != right
        return _ORDER[self.operator](number(left, self.left), number(right, self.right))

    def evaluate(self, scope: Scope) -> Value:
        """Whether it holds."""
        return self.holds(self.left.evaluate(scope), self.right.evaluate(scope))

    def __str__(self) -> str:
        above = self.precedence + 1
        return f"{self.left.inside(above)} {self.operator} {self.right.inside(above)}"


@attrs.frozen
class Not(Expr):
    """``not a``."""

    precedence: ClassVar[int] = 3
    operand: Expr

    def evaluate(self, scope: Scope) -> Value:
        """The opposite."""
        return not truth(self.operand.evaluate(scope), self.operand)

    def __str__(self) -> str:
        return f"not {self.operand.inside(self.precedence)}"


@attrs.frozen
class AllOf(Expr):
    """``a and b and c``; stops at the first that is false."""

    precedence: ClassVar[int] = 2
    operands: tuple[Expr, ...]

    def evaluate(self, scope: Scope) -> Value:
        """Whether all hold."""
        return all(truth(operand.evaluate(scope), operand) for operand in self.operands)

    def __str__(self) -> str:
        return " and ".join(operand.inside(self.precedence + 1) for operand in self.operands)


@attrs.frozen
class AnyOf(Expr):
    """``a or b or c``; stops at the first that is true."""

    precedence: ClassVar[int] = 1
    operands: tuple[Expr, ...]

    def evaluate(self, scope: Scope) -> Value:
        """Whether one holds."""
        return any(truth(operand.evaluate(scope), operand) for operand in self.operands)

    def __str__(self) -> str:
        return " or ".join(operand.inside(self.precedence + 1) for operand in self.operands)


@attrs.frozen
class Call(Expr):
    """``count(sh.heap[0:4].present)``: a function over every page of a range."""

    function: str
    argument: Expr

    def evaluate(self, scope: Scope) -> Value:
        """The function of the argument's values, one a page."""
        if isinstance(self.argument, Observable) and self.argument.is_range:
            return FUNCTIONS[self.function](scope.observe_range(self.argument))
        ranges = {
            node: scope.observe_range(node)
            for node in subnodes(self.argument)
            if isinstance(node, Observable) and node.is_range
        }
        lengths = {len(values) for values in ranges.values()}
        if not lengths:
            raise ExpressionError(f"{self.function} takes a range: {self.function}(sh.heap[0:4].present)")
        if len(lengths) > 1:
            raise ExpressionError(f"{self}: ranges of {' and '.join(map(str, sorted(lengths)))} pages")
        pages = (_OnePage(scope, ranges, index) for index in range(lengths.pop()))
        return FUNCTIONS[self.function]([self.argument.evaluate(page) for page in pages])

    def __str__(self) -> str:
        return f"{self.function}({self.argument})"


@attrs.frozen
class _OnePage:
    """The scope of one page of a range."""

    scope: Scope
    ranges: Mapping[Observable, Sequence[Value]]
    index: int

    def variable(self, name: str) -> Value:
        return self.scope.variable(name)

    def observe(self, observable: Observable) -> Value:
        values = self.ranges.get(observable)
        return values[self.index] if values is not None else self.scope.observe(observable)

    def observe_range(self, observable: Observable) -> Sequence[Value]:
        return self.scope.observe_range(observable)


@attrs.frozen
class Static:
    """A scope without a machine: variables alone."""

    variables: Mapping[str, Value]

    def variable(self, name: str) -> Value:
        """The value of a param or a loop variable."""
        if name not in self.variables:
            raise ExpressionError(f"no param, loop variable or let is called {name}")
        return self.variables[name]

    def observe(self, observable: Observable) -> Value:
        """Refuse."""
        raise ExpressionError(f"{observable} reads the machine, which this place cannot")

    def observe_range(self, observable: Observable) -> Sequence[Value]:
        """Refuse."""
        raise ExpressionError(f"{observable} reads the machine, which this place cannot")


NOTHING: Final = Static(MappingProxyType({}))
"""The scope of an expression in which no variable is left."""


def constant(value: Value) -> Expr:
    """The expression that has this value."""
    if value is None or isinstance(value, bool):
        return Constant(value)
    if isinstance(value, str):
        return Text(value)
    return Literal(value) if value >= 0 else Negative(Literal(-value))
