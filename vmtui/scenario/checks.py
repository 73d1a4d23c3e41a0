"""Expects, evaluated: what held, what did not, and the values on both sides."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from vmtui.errors import KernelError, ScenarioError
from vmtui.scenario.expressions import AllOf, Comparison, Expr
from vmtui.scenario.facts import Facts
from vmtui.scenario.lines import Expect
from vmtui.scenario.nodes import Value
from vmtui.scenario.substitution import replace_variables
from vmtui.scenario.values import show_value

__all__ = ["CheckResult", "Part", "check", "check_error", "failed"]


@attrs.frozen
class Part:
    """
    One of the statements that ``and`` joins.

    Attributes:
        expression: Its text.
        left, operator, right: The values compared; for what is no comparison the value, None and None.
        holds: Whether it holds.
        trouble: Why it has no value; "" if it has one.
        subject: The text of what stands on the left.
    """

    expression: str
    left: Value
    operator: str | None
    right: Value
    holds: bool
    trouble: str = ""
    subject: str = ""

    @property
    def value(self) -> str:
        """What it finds, without a verdict: ``walk.hits is 2``."""
        return self.trouble or f"{self.subject or self.expression} is {show_value(self.left)}"

    @property
    def sentence(self) -> str:
        """What is the case: ``walk.hits == 1: 2 not == 1``."""
        if self.trouble:
            return self.trouble
        if self.operator is None:
            return f"{self.expression} is {show_value(self.left)}"
        compared = self.operator if self.holds else f"not {self.operator}"
        return f"{self.expression}: {show_value(self.left)} {compared} {show_value(self.right)}"


@attrs.frozen
class CheckResult:
    """
    What became of an expect.

    Attributes:
        text: The line.
        expression: What it states.
        holds: None where it states a fact of another scheme.
        parts: Its statements.
        line, loop: Where it stands.
        index: Its place among the scenario's items.
    """

    text: str
    expression: str
    holds: bool | None
    parts: tuple[Part, ...]
    line: int = 0
    loop: Mapping[str, int] = attrs.field(factory=dict)
    index: int = 0

    @property
    def sentence(self) -> str:
        """What it found: for a failed one, the statements that do not hold; without a verdict, the values."""
        if self.holds is None:
            return "; ".join(part.value for part in self.parts)
        parts = [part for part in self.parts if not part.holds] or list(self.parts)
        return "; ".join(part.sentence for part in parts)


def check(expect: Expect, facts: Facts, *, applies: bool = True) -> CheckResult:
    """
    Evaluate an expect.

    Args:
        applies: False where it states a fact of another scheme: then it has values and no verdict.
    """
    expr = replace_variables(expect.expr, facts.variables)
    operands = expr.operands if isinstance(expr, AllOf) else (expr,)
    parts = tuple(_part(operand, facts) for operand in operands)
    holds = all(part.holds for part in parts) if applies else None
    return CheckResult(str(attrs.evolve(expect, expr=expr)), str(expr), holds, parts)


def _part(expr: Expr, facts: Facts) -> Part:
    try:
        if isinstance(expr, Comparison):
            left, right = expr.left.evaluate(facts), expr.right.evaluate(facts)
            holds = expr.holds(left, right)
            return Part(str(expr), left, expr.operator, right, holds, subject=str(expr.left))
        value = expr.evaluate(facts)
        trouble = "" if isinstance(value, bool) else f"{expr} is {show_value(value)}, not true or false"
        return Part(str(expr), value, None, None, value is True, trouble)
    except (KernelError, ScenarioError) as error:
        return Part(str(expr), None, None, None, False, f"{expr}: {error.message}")


def check_error(errno: str, command: str, error: KernelError | None, *, applies: bool = True) -> CheckResult:
    """The verdict on a command that had to be refused; none where that is a fact of another machine."""
    found = error.errno if error is not None else None
    holds = found == errno
    trouble = "" if holds else f"{command}: {error or 'was done'}"
    part = Part("errno", found, "==", errno, holds, trouble)
    verdict = holds if applies else None
    return CheckResult(f"expect-error {errno} {command}", f"{errno} {command}", verdict, (part,))


def failed(text: str, trouble: str) -> CheckResult:
    """The verdict on a line that has no value where it must have one."""
    return CheckResult(text, text, False, (Part(text, None, None, None, False, trouble),))
