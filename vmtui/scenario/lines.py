"""
Lines that are not commands: text, blocks, the machine, variables, what is shown, and what is expected.

Each is a frozen class that prints itself; `SourceLine` is a line of a file with its comment.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final

import attrs

from vmtui.errors import KernelError
from vmtui.mm.kernel import PRESETS
from vmtui.scenario.commands import Command
from vmtui.scenario.expressions import Expr, Observable, Scope, Variable
from vmtui.scenario.names import Name, print_name
from vmtui.scenario.nodes import ExpressionError, Node, subnodes
from vmtui.scenario.observables import GlobalValue, is_of_scheme
from vmtui.scenario.places import Place
from vmtui.scenario.values import show_value

__all__ = [
    "STATEMENTS",
    "End",
    "Expect",
    "ExpectError",
    "Grounds",
    "Let",
    "MachineLine",
    "Param",
    "Pause",
    "Quietly",
    "Repeat",
    "Say",
    "Section",
    "Show",
    "SourceLine",
    "Statement",
    "Title",
    "grounds",
]


class Word(Node):
    """A line that begins with a word of the language and is no command."""

    __slots__ = ()

    keyword: ClassVar[str]
    usage: ClassVar[str]
    help: ClassVar[str]


Statement = Command | Word
"""What a line says."""


@attrs.frozen
class Title(Word):
    """The title of a scenario."""

    keyword: ClassVar[str] = "title"
    usage: ClassVar[str] = "title TEXT"
    help: ClassVar[str] = "the scenario's title"

    text: str

    def __str__(self) -> str:
        return f"title {self.text}"


@attrs.frozen
class Section(Word):
    """The heading of a section."""

    keyword: ClassVar[str] = "section"
    usage: ClassVar[str] = "section TEXT"
    help: ClassVar[str] = "begin a section"

    text: str

    def __str__(self) -> str:
        return f"section {self.text}"


@attrs.frozen
class Say(Word):
    """
    A line of narration; ``{expr}`` in it is read when it is shown.

    Attributes:
        parts: Text and expressions by turns, ``{{`` already one brace.
    """

    keyword: ClassVar[str] = "say"
    usage: ClassVar[str] = "say TEXT"
    help: ClassVar[str] = "tell the reader something; {expr} in it is read when it is shown"

    parts: tuple[str | Expr, ...]

    def shown(self, scope: Scope) -> str:
        """The line as it reads now."""
        return "".join(part if isinstance(part, str) else _value(part, scope) for part in self.parts)

    def __str__(self) -> str:
        text = "".join(map(_said, self.parts))
        return f"say {text}" if text else "say"


def _said(part: str | Expr) -> str:
    if isinstance(part, str):
        return part.replace("{", "{{")
    text = str(part)
    return f"{{ {text}}}" if text.startswith("{") else f"{{{text}}}"


def _value(expr: Expr, scope: Scope) -> str:
    try:
        value = expr.evaluate(scope)
    except (ExpressionError, KernelError):
        return "none"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else show_value(value)


@attrs.frozen
class Repeat(Word):
    """The head of a loop."""

    keyword: ClassVar[str] = "repeat"
    usage: ClassVar[str] = "repeat N [as VARIABLE]"
    help: ClassVar[str] = "do the lines up to `end` N times, counting from 0"

    times: Expr
    variable: str | None = None

    def __str__(self) -> str:
        return f"repeat {self.times}" + (f" as {self.variable}" if self.variable is not None else "")


@attrs.frozen
class Quietly(Word):
    """The head of a block that is played at once."""

    keyword: ClassVar[str] = "quietly"
    usage: ClassVar[str] = "quietly"
    help: ClassVar[str] = "play the lines up to `end` at once, as one step"

    def __str__(self) -> str:
        return "quietly"


@attrs.frozen
class End(Word):
    """The end of a block."""

    keyword: ClassVar[str] = "end"
    usage: ClassVar[str] = "end"
    help: ClassVar[str] = "the end of `repeat` or `quietly`"

    def __str__(self) -> str:
        return "end"


@attrs.frozen
class MachineLine(Word):
    """
    The machine to play on.

    Attributes:
        options: What is said of it, in order.
        preset: A machine known by name, which `options` change; None without one.
    """

    keyword: ClassVar[str] = "machine"
    usage: ClassVar[str] = "machine [article] OPTION=VALUE ..."
    help: ClassVar[str] = "the machine: rmap, ram, swap, draft, ...; article: 32 GB with HIGHPTE"

    options: tuple[tuple[str, str], ...]
    preset: str | None = None

    @property
    def settings(self) -> dict[str, str]:
        """Every option it sets."""
        return {**PRESETS.get(self.preset or "", {}), **dict(self.options)}

    def __str__(self) -> str:
        preset = [] if self.preset is None else [self.preset]
        return " ".join(["machine", *preset, *(f"{name}={value}" for name, value in self.options)])


@attrs.frozen
class Param(Word):
    """A number that the player of the file may set."""

    keyword: ClassVar[str] = "param"
    usage: ClassVar[str] = "param NAME = N"
    help: ClassVar[str] = "a number that `--set NAME=N` overrides"

    name: str
    value: Expr

    def __str__(self) -> str:
        return f"param {self.name} = {self.value}"


@attrs.frozen
class Let(Word):
    """A value read from the machine at this point."""

    keyword: ClassVar[str] = "let"
    usage: ClassVar[str] = "let NAME = EXPR"
    help: ClassVar[str] = "keep a value under a name"

    name: str
    value: Expr

    def __str__(self) -> str:
        return f"let {self.name} = {self.value}"


@attrs.frozen
class Show(Word):
    """What the screen is to look at."""

    keyword: ClassVar[str] = "show"
    usage: ClassVar[str] = "show PLACE | show P"
    help: ClassVar[str] = "make a place or a process the subject"

    subject: Place | Name

    def __str__(self) -> str:
        return f"show {self.subject if isinstance(self.subject, Place) else print_name(self.subject)}"


@attrs.frozen
class Pause(Word):
    """A stop."""

    keyword: ClassVar[str] = "pause"
    usage: ClassVar[str] = "pause"
    help: ClassVar[str] = "stop playing here"

    def __str__(self) -> str:
        return "pause"


@attrs.frozen
class Expect(Word):
    """
    A statement about the machine.

    Attributes:
        schemes: ``under S, T:``; empty without it.
    """

    keyword: ClassVar[str] = "expect"
    usage: ClassVar[str] = "[under SCHEME, ...:] expect EXPR"
    help: ClassVar[str] = "state what must be true here"

    expr: Expr
    schemes: tuple[str, ...] = ()

    def __str__(self) -> str:
        under = f"under {', '.join(self.schemes)}: " if self.schemes else ""
        return f"{under}expect {self.expr}"


@attrs.frozen
class Grounds:
    """
    What a value rests on, beside the commands.

    Attributes:
        scheme: It reads what one scheme has and another has not.
        bytes: It reads the ledger, and so depends on how large the machine and its objects are.
    """

    scheme: bool = False
    bytes: bool = False

    def __or__(self, other: Grounds) -> Grounds:
        return Grounds(self.scheme or other.scheme, self.bytes or other.bytes)


def grounds(expr: Expr, lets: Mapping[str, Grounds]) -> Grounds:
    """
    What an expression rests on.

    Args:
        lets: What the values kept so far rest on.
    """
    found = Grounds()
    for node in subnodes(expr):
        if isinstance(node, Variable):
            found |= lets.get(node.name, Grounds())
        elif isinstance(node, Observable):
            ledger = isinstance(node, GlobalValue) and node.path[0] == "ledger"
            found |= Grounds(is_of_scheme(node), ledger)
    return found


@attrs.frozen
class ExpectError(Word):
    """A command that must be refused."""

    keyword: ClassVar[str] = "expect-error"
    usage: ClassVar[str] = "expect-error ERRNO COMMAND"
    help: ClassVar[str] = "state that a command is refused, and with what"

    errno: str
    command: Command

    def __str__(self) -> str:
        return f"expect-error {self.errno} {self.command}"


STATEMENTS: Mapping[str, type[Word]] = MappingProxyType(
    {
        cls.keyword: cls
        for cls in (
            Title,
            Section,
            Say,
            MachineLine,
            Param,
            Let,
            Show,
            Pause,
            Repeat,
            Quietly,
            End,
            Expect,
            ExpectError,
        )
    }
)
"""Every line that is no command, by its first word; ``under`` begins an ``expect``."""

COMMENT_GAP: Final = "  "


@attrs.frozen
class SourceLine(Node):
    """
    A line of a file.

    Attributes:
        statement: What it says; None if it is blank or a comment.
        comment: What follows the ``#``, as it stands; None without one.
    """

    statement: Statement | None = None
    comment: str | None = None

    def __str__(self) -> str:
        comment = f"#{self.comment}" if self.comment is not None else ""
        if self.statement is None:
            return comment
        return f"{self.statement}{COMMENT_GAP}{comment}" if comment else str(self.statement)
