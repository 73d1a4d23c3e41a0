"""Expansion: loops unrolled, params and loop variables put in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

import attrs

from vmtui.scenario import items
from vmtui.scenario.blocks import Block, Template
from vmtui.scenario.commands import Command
from vmtui.scenario.expressions import (
    Braced,
    Expr,
    Literal,
    Static,
    Sum,
    Variable,
)
from vmtui.scenario.lines import Expect, ExpectError, Let, Pause, Quietly, Repeat, Say, Section, Show
from vmtui.scenario.nodes import ExpressionError, Value, subnodes
from vmtui.scenario.source import Report
from vmtui.scenario.substitution import replace_variables
from vmtui.scenario.values import whole

__all__ = ["MAX_COMMANDS", "Env", "Row", "build_item", "count", "expand"]

MAX_COMMANDS: Final = 1_000_000
"""Lines after expansion."""


@attrs.frozen
class Env:
    """The loop variables around a line: one, and those outside it."""

    outer: Env | None
    name: str
    value: int

    def mapping(self) -> dict[str, int]:
        """All of them, outermost first."""
        found = self.outer.mapping() if self.outer is not None else {}
        found[self.name] = self.value
        return found


Row = tuple[Template | Block, Env | None]
"""A line and its loop variables; a block stands for the end of ``quietly``."""


class _TooMany(Exception):
    """The file expands to more lines than are allowed; holds the number of the line that does it."""


def count(body: Sequence[Template | Block], params: Mapping[str, Value], report: Report) -> int:
    """How many lines the file expands to; one that is too many is reported, at the loop that makes it so."""
    try:
        return _count(body, dict(params))
    except _TooMany as error:
        report.add(error.args[0], f"more than {MAX_COMMANDS:,} commands after expansion")
    except _BadLoop as error:
        report.add(*error.args)
    return 0


class _BadLoop(Exception):
    """A loop whose number has no value; holds the line and what is wrong."""


def _times(block: Block, known: Mapping[str, Value]) -> int:
    assert isinstance(block.head, Repeat)
    try:
        return whole(block.head.times.evaluate(Static(known)), block.head.times)
    except ExpressionError as error:
        raise _BadLoop(block.line, error.message) from None


def _count(body: Sequence[Template | Block], known: dict[str, Value]) -> int:
    total = 0
    for part in body:
        if isinstance(part, Template):
            total += 1
        elif isinstance(part.head, Repeat):
            total += _count_loop(part, known)
        else:
            total += 1 + _count(part.body, known)
        if total > MAX_COMMANDS:
            raise _TooMany(part.line)
    return total


def _count_loop(block: Block, known: dict[str, Value]) -> int:
    """The lines of a loop; an empty pass counts as one, so that loops over nothing end as well."""
    assert isinstance(block.head, Repeat)
    times = _times(block, known)
    variable = block.head.variable
    if times > MAX_COMMANDS:
        raise _TooMany(block.line)
    if variable is None or variable not in block.reads:
        total = times * max(1, _count(block.body, {**known, variable or "": 0})) if times else 0
    else:
        total = 0
        for value in range(times):
            total += max(1, _count(block.body, {**known, variable: value}))
            if total > MAX_COMMANDS:
                break
    if total > MAX_COMMANDS:
        raise _TooMany(block.line)
    return total


def expand(body: Sequence[Template | Block], params: Mapping[str, Value], report: Report) -> list[Row]:
    """The file as rows; a line that its variables make impossible is reported, once."""
    rows = list(_rows(body, params, None))
    settled = {part for part in _templates(body) if not part.names or part.late or _cannot_fail(part, params)}
    for template, env in rows:
        if isinstance(template, Block) or template in settled or report.full:
            continue
        try:
            replace_variables(template.statements, {**params, **(env.mapping() if env is not None else {})})
        except ExpressionError as error:
            settled.add(template)
            report.add(template.line, error.message)
    return rows


def _templates(body: Sequence[Template | Block]) -> Iterator[Template]:
    for part in body:
        if isinstance(part, Template):
            yield part
        else:
            yield from _templates(part.body)


def _cannot_fail(template: Template, params: Mapping[str, Value]) -> bool:
    """Whether every number in a line is a sum of small ones, so that no pass of a loop need be tried."""
    if any(isinstance(value, int) and value >= 1 << 32 for value in params.values()):
        return False
    for node in subnodes(template.statements):
        match node:
            case Literal(value):
                if value >= 1 << 32:
                    return False
            case Sum(_, rest):
                if any(sign != "+" for sign, _ in rest):
                    return False
            case Expr() if not isinstance(node, Variable | Braced):
                return False
    return True


def _rows(body: Sequence[Template | Block], params: Mapping[str, Value], env: Env | None) -> Iterator[Row]:
    for part in body:
        if isinstance(part, Template):
            yield part, env
        elif isinstance(part.head, Repeat):
            known = {**params, **(env.mapping() if env is not None else {})}
            variable = part.head.variable
            for value in range(_times(part, known)):
                inner = env if variable is None else Env(env, variable, value)
                yield from _rows(part.body, params, inner)
        else:
            yield from _rows(part.body, params, env)
            if isinstance(part.head, Quietly):
                yield part, env


def build_item(template: Template | Block, env: Env | None, params: Mapping[str, Value]) -> items.Item:
    """
    The item of a row.

    Raises:
        ExpressionError: a number or a name that the variables make impossible.
    """
    common: dict[str, Any] = {"loop": env.mapping() if env is not None else {}, "params": params}
    if isinstance(template, Block):
        return items.Fold(line=template.line, quiet=template.inside_quiet, **common)
    statement = template.statements[0]
    if template.names and not isinstance(statement, Expect | Say | Let):
        statement = replace_variables(statement, {**params, **common["loop"]})
    common |= {"line": template.line, "quiet": template.quiet}
    match statement:
        case Command():
            return items.Run(command=statement, **common)
        case Say():
            return items.Card(lines=cast(tuple[Say, ...], template.statements), **common)
        case Section(text):
            return items.Section(text=text, **common)
        case Expect():
            return items.Check(expect=statement, **common)
        case ExpectError(errno, command):
            return items.CheckError(errno=errno, command=command, **common)
        case Let(name, value):
            return items.LetItem(name=name, value=value, **common)
        case Show(subject):
            return items.Show(subject=subject, **common)
        case Pause():
            return items.PauseItem(**common)
    raise AssertionError(f"{statement} stands in no body")
