"""The structure of a file: its head, its blocks, and which variables each line may read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from vmtui.errors import OptionError
from vmtui.mm.kernel import Options
from vmtui.mm.rmap import SCHEMES
from vmtui.scenario.expressions import Expr, Static
from vmtui.scenario.lines import (
    End,
    Expect,
    Let,
    MachineLine,
    Param,
    Quietly,
    Repeat,
    Say,
    SourceLine,
    Statement,
    Title,
)
from vmtui.scenario.nodes import ExpressionError, Value
from vmtui.scenario.source import Report
from vmtui.scenario.substitution import variables
from vmtui.scenario.suggest import closest
from vmtui.scenario.values import whole

__all__ = ["MAX_NESTING", "Block", "Structure", "Template", "read_blocks"]

MAX_NESTING: Final = 8
"""Blocks within one another."""


@attrs.frozen(eq=False)
class Template:
    """
    A line as it stands in the file, before its variables are known.

    Attributes:
        line: Its number, from 1.
        statements: What it says; several for the ``say`` lines of one card.
        late: Whether it reads a ``let``, and so is known only when it runs.
        names: The params and loop variables it reads.
        quiet: Whether it stands in ``quietly``.
    """

    line: int
    statements: tuple[Statement, ...]
    names: frozenset[str]
    late: bool
    quiet: bool


@attrs.define(eq=False)
class Block:
    """
    ``repeat`` or ``quietly`` with the lines up to its ``end``.

    Attributes:
        line: The number of its first line.
        head: None for a block whose first line could not be read.
        quiet: Whether its lines are played at once.
        inside_quiet: Whether it stands in a block of which that is true.
        body: What stands in it.
        reads: The variables that the numbers of the loops in it read.
    """

    line: int
    head: Repeat | Quietly | None
    quiet: bool
    inside_quiet: bool
    body: list[Template | Block] = attrs.field(factory=list)
    reads: set[str] = attrs.field(factory=set)


@attrs.define
class Structure:
    """What a file is, before it is expanded."""

    body: list[Template | Block] = attrs.field(factory=list)
    title: str = ""
    options: dict[str, str] = attrs.field(factory=dict)
    params: dict[str, Value] = attrs.field(factory=dict)


def read_blocks(lines: Sequence[SourceLine | None], report: Report) -> Structure:
    """
    Put the lines of a file in their blocks.

    Args:
        lines: None for a line that could not be read.

        report: Takes what is wrong.
    """
    reader = _Reader(report)
    for number, line in enumerate(lines, start=1):
        reader.line(number, line)
    reader.finish()
    return reader.structure


class _Reader:
    """The state of reading one file."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.structure = Structure()
        self.stack: list[Block] = []
        self.lets: set[str] = set()
        self.machine_line = 0
        self.begun = False  # a line that runs has been met
        self.last_say = 0  # the number of the line before, if it was a `say`

    def line(self, number: int, line: SourceLine | None) -> None:
        """Take in one line."""
        if line is None:
            self._unread(number)
            return
        match line.statement:
            case None:
                pass
            case Title(text):
                self._title(number, text)
            case MachineLine() as machine:
                self._machine(number, machine)
            case Param(name, value):
                self._param(number, name, value)
            case Repeat() | Quietly() as head:
                self.begun = True
                self._open(number, head)
            case End():
                self._close(number)
            case statement:
                self.begun = True
                self._statement(number, statement)

    def finish(self) -> None:
        """The file is at its end."""
        for block in self.stack:
            self.report.add(block.line, "this block has no end")

    # The head of the file.

    def _title(self, number: int, text: str) -> None:
        if self.structure.title:
            self.report.add(number, "a file has one title")
        elif self.stack:
            self.report.add(number, "the title stands outside all blocks")
        self.structure.title = text

    def _machine(self, number: int, machine: MachineLine) -> None:
        if self.machine_line:
            self.report.add(number, f"a file has one machine line; the first is line {self.machine_line}")
            return
        self.machine_line = number
        if self.begun:
            self.report.add(number, "the machine line stands first, after title, params and comments")
        names = [name for name, _ in machine.options]
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                self.report.add(number, f"{name} is given twice")
        self.structure.options = machine.settings
        try:
            Options.parse(self.structure.options)
        except OptionError as error:
            known = [field.name for field in attrs.fields(Options)]
            unknown = next((name for name, _ in machine.options if name not in known), "")
            self.report.add(number, error.message, closest(unknown, known))

    def _param(self, number: int, name: str, value: Expr) -> None:
        if self.stack:
            self.report.add(number, "a param stands outside all blocks")
        elif name in self.structure.params or name in self.lets:
            self.report.add(number, f"{name} has a value already")
        else:
            self.structure.params[name] = 0
            try:
                known = {other: n for other, n in self.structure.params.items() if other != name}
                self.structure.params[name] = whole(value.evaluate(Static(known)), value)
            except ExpressionError as error:
                self.report.add(number, error.message)

    # Blocks.

    def _open(self, number: int, head: Repeat | Quietly | None) -> None:
        if len(self.stack) == MAX_NESTING:
            self.report.add(number, f"blocks more than {MAX_NESTING} deep")
        if isinstance(head, Repeat):
            self._check_loop(number, head)
        inside_quiet = bool(self.stack and self.stack[-1].quiet)
        block = Block(number, head, isinstance(head, Quietly) or inside_quiet, inside_quiet)
        self._body().append(block)
        self.stack.append(block)

    def _check_loop(self, number: int, head: Repeat) -> None:
        reads = variables(head.times)
        for name in sorted(reads):
            if name in self.lets:
                self.report.add(number, f"{name} is a let: a loop cannot read what runs before it")
            else:
                self._known(number, name)
        for block in self.stack:
            block.reads |= reads
        if head.variable is not None and (head.variable in self._variables() or head.variable in self.lets):
            self.report.add(number, f"{head.variable} has a value already: take another name")

    def _close(self, number: int) -> None:
        if not self.stack:
            self.report.add(number, "no block is open here")
            return
        self.stack.pop()

    def _unread(self, number: int) -> None:
        """A line that could not be read; if it was to open a block, its `end` must not be blamed too."""
        words = self.report.raw[number - 1].split(maxsplit=1)
        if words and words[0] in ("repeat", "quietly"):
            self._open(number, None)

    def _body(self) -> list[Template | Block]:
        return self.stack[-1].body if self.stack else self.structure.body

    # Lines that run.

    def _statement(self, number: int, statement: Statement) -> None:
        reads = variables(statement)
        for name in sorted(reads):
            self._known(number, name)
        if isinstance(statement, Let):
            if statement.name in self._variables():
                self.report.add(number, f"{statement.name} has a value already: take another name")
            self.lets.add(statement.name)
        if isinstance(statement, Expect):
            for scheme in statement.schemes:
                if scheme not in SCHEMES:
                    known = ", ".join(SCHEMES)
                    self.report.add(number, f"no scheme {scheme}; there is {known}", closest(scheme, SCHEMES))
        self._add(number, statement, reads)

    def _add(self, number: int, statement: Statement, reads: frozenset[str]) -> None:
        body = self._body()
        quiet = bool(self.stack and self.stack[-1].quiet)
        late = bool(reads & self.lets)
        statements: tuple[Statement, ...] = (statement,)
        first = number
        if isinstance(statement, Say):
            before = body[-1] if body else None
            if isinstance(before, Template) and self.last_say == number - 1 and number > 1:
                body.pop()
                first, statements = before.line, (*before.statements, statement)
                reads, late = reads | before.names, late or before.late
            self.last_say = number
        body.append(Template(first, statements, reads, late, quiet))

    def _variables(self) -> set[str]:
        loops = {block.head.variable for block in self.stack if isinstance(block.head, Repeat)}
        return {name for name in loops if name is not None} | set(self.structure.params)

    def _known(self, number: int, name: str) -> None:
        known = self._variables() | self.lets
        if name not in known and not any(block.head is None for block in self.stack):
            message = f"no param, loop variable or let is called {name}"
            self.report.add(number, message, closest(name, known))
