"""
Reading the language: one line at a time, by an LALR grammar (grammar.lark) made when the first line is read.

A line that cannot be read raises a `ScenarioError` with its column, what could stand there, and the word that
was probably meant; whoever knows the file and the line number adds them.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar, cast

from vmtui.errors import ScenarioError, is_control
from vmtui.scenario.commands import Command
from vmtui.scenario.expressions import Expr, Observable
from vmtui.scenario.lines import ExpectError, Param, Repeat, Show, SourceLine, Statement
from vmtui.scenario.nodes import nesting, subnodes
from vmtui.scenario.places import Place
from vmtui.scenario.substitution import replace_variables, variables

if TYPE_CHECKING:
    from lark import Lark

__all__ = [
    "MAX_DEPTH",
    "MAX_LINE",
    "parse_command",
    "parse_expression",
    "parse_line",
    "parse_place",
    "parse_source_line",
    "parse_text",
]

MAX_LINE: Final = 4096
"""Characters in a line."""

MAX_DEPTH: Final = 100
"""Nodes above one another in an expression, and brackets within one another."""

T = TypeVar("T")


@cache
def grammar() -> Lark:
    """The parser."""
    from lark import Lark

    from vmtui.scenario.build import builder
    from vmtui.scenario.grammar_file import grammar_file

    return Lark(
        files("vmtui.scenario").joinpath("grammar.lark").read_text(encoding="utf-8"),
        parser="lalr",
        start=["line", "expr", "place"],
        transformer=builder(),
        cache=grammar_file() or False,
    )


def parse_line(text: str) -> Statement | None:
    """
    What a line says; None if it is blank or a comment.

    Raises:
        ScenarioError: it cannot be read.
    """
    return parse_source_line(text).statement


def parse_command(text: str) -> Command:
    """
    The command that a line is, ready to be carried out: what it calculates is calculated.

    Raises:
        ScenarioError: it cannot be read, is no command, or reads a variable.
    """
    statement = parse_line(text)
    if not isinstance(statement, Command):
        raise ScenarioError("expected a command", column=1, source=text)
    for name in sorted(variables(statement)):
        raise ScenarioError(f"no param, loop variable or let is called {name}", source=text)
    return replace_variables(statement, {})


@lru_cache(maxsize=8192)
def parse_source_line(text: str) -> SourceLine:
    """
    A line with its comment.  Lines are remembered: what is asked again costs nothing.

    Raises:
        ScenarioError: it cannot be read.
    """
    check_characters(text)
    line = _parse(text, "line", SourceLine)
    if isinstance(line.statement, Command | ExpectError | Show | Repeat | Param):
        for node in subnodes(line.statement):
            if isinstance(node, Observable):
                message = f"{node} reads the machine; a line that runs cannot: keep it with let, use that"
                raise ScenarioError(message, source=text)
    return line


@lru_cache(maxsize=1024)
def parse_expression(text: str) -> Expr:
    """
    An expression.

    Raises:
        ScenarioError: it cannot be read.
    """
    check_characters(text)
    return _parse(text, "expr", Expr)


def parse_place(text: str) -> Place:
    """
    A place.

    Raises:
        ScenarioError: it is none.
    """
    check_characters(text)
    return _parse(text, "place", Place)


def parse_text(text: str, column: int = 1) -> tuple[str | Expr, ...]:
    """
    The text of a ``say`` line: what stands in ``{…}`` as expressions, ``{{`` as one brace.

    Args:
        column: Where the text begins in its line, for errors.
    """
    parts: list[str | Expr] = []
    plain = ""
    at = 0
    while at < len(text):
        char = text[at]
        if char != "{":
            plain += char
            at += 1
        elif text.startswith("{{", at):
            plain += "{"
            at += 2
        else:
            end = _closing_brace(text, at)
            if end is None:
                raise ScenarioError("this { is never closed; {{ is a brace", column=column + at)
            try:
                expr = parse_expression(text[at + 1 : end])
            except ScenarioError as error:
                raise ScenarioError(
                    error.message,
                    column=column + at + max(error.column, 1),
                    expected=error.expected,
                    suggestion=error.suggestion,
                ) from None
            parts += [plain, expr] if plain else [expr]
            plain = ""
            at = end + 1
    return (*parts, plain) if plain else tuple(parts)


def _closing_brace(text: str, start: int) -> int | None:
    """Where the brace that opens at `start` is closed; those in a quoted name do not count."""
    depth = 0
    quoted = False
    for at in range(start, len(text)):
        quoted ^= text[at] == '"'
        if not quoted:
            depth += (text[at] == "{") - (text[at] == "}")
            if not depth:
                return at
    return None


def check_characters(text: str) -> None:
    """Refuse a line that is too long, or holds what a terminal would act on, or brackets too deep."""
    if len(text) > MAX_LINE:
        message = f"a line of {len(text):,} characters: {MAX_LINE:,} at most"
        raise ScenarioError(message, column=MAX_LINE + 1, source=text)
    if not text.isprintable():
        for at, char in enumerate(text):
            if char != "\t" and is_control(char):
                raise ScenarioError(f"control character U+{ord(char):04X}", column=at + 1, source=text)
    if text.count("(") + text.count("{") > MAX_DEPTH:
        depth = 0
        for at, char in enumerate(text):
            depth += (char in "({") - (char in ")}")
            if depth > MAX_DEPTH:
                raise ScenarioError(f"brackets more than {MAX_DEPTH} deep", column=at + 1, source=text)


def _parse(text: str, start: str, kind: type[T]) -> T:
    from lark.exceptions import LarkError

    try:
        parsed = grammar().parse(text, start=start)
    except ScenarioError as error:
        raise ScenarioError(
            error.message,
            column=error.column,
            expected=error.expected,
            source=text,
            suggestion=error.suggestion,
        ) from None
    except LarkError:
        _explain(text, start)
    if nesting(parsed) > MAX_DEPTH:
        raise ScenarioError(f"an expression more than {MAX_DEPTH} deep", column=1, source=text)
    assert isinstance(parsed, kind)
    return cast(T, parsed)


def _explain(text: str, start: str) -> NoReturn:
    from vmtui.scenario.diagnose import explain

    raise explain(grammar(), text, start)
