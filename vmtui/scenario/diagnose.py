"""Why a line cannot be read, in the reader's words: the parser's terminals, named as a person would."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final

from lark import Lark, Token
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from vmtui.errors import ScenarioError
from vmtui.scenario.build import ADVICE
from vmtui.scenario.commands import COMMANDS, PROTECTIONS
from vmtui.scenario.lines import STATEMENTS
from vmtui.scenario.suggest import closest
from vmtui.scenario.values import FUNCTIONS

__all__ = ["FIRST_WORDS", "PROMPT_WORDS", "either", "explain"]

FIRST_WORDS: Final = (*COMMANDS, *STATEMENTS, "under")
"""Every word that a line can begin with."""

NOT_AS: Final = ", as spawn, mmap, read, write, fork, walk and swapout are: in the app, help lists all"
"""What is said of a word that is near no other."""

PROMPT_WORDS: Final = ("seek", "back", "save", "open", "help")
"""Words of the prompt alone."""

MAX_EXPECTED: Final = 5

_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "PERMS": tuple(PROTECTIONS),
        "SHARING": ("private", "shared"),
        "ADVICE": ADVICE,
        "PAGES": ("pages",),
        "FULL": ("full",),
        "GROWSDOWN": ("growsdown",),
        "DONTUNMAP": ("dontunmap",),
        "_AS": ("as",),
        "_AT": ("at",),
        "_AFTER": ("after",),
        "_TO": ("to",),
        "_EXPECT": ("expect",),
        "PFN": (),
        "_GLUED_BRACE": (),
        "TAIL": (),
        "COMMENT": (),
        "FUNCTION": (),
        "REST": ("a text",),
        "ERRNO": ("an errno, as ENOMEM",),
        "OPTION": ("a value",),
        "NUMBER": ("a number",),
        "_BRACE": (),
        "NAME": ("a name",),
        "QUOTED": ("a name",),
        "DOT": (".",),
        "COLON": (":",),
        "COMMA": (",",),
        "EQUAL": ("=",),
        "LSQB": ("[",),
        "RSQB": ("]",),
        "RPAR": (")",),
        "RBRACE": ("}",),
        "COMPARE": ("an operator",),
        "PLUS_MINUS": ("an operator",),
        "TIMES": ("an operator",),
        "_AND": ("an operator",),
        "_OR": ("an operator",),
        "$END": ("the end of the line",),
    }
)

_FIRST_WORD = re.compile(r"\s*([^\W\d]\w*(?:-\w+)*)")
_WORD = re.compile(r"\w+")


def explain(grammar: Lark, text: str, start: str) -> ScenarioError:
    """The error of a line that the parser refused."""
    if start == "line":
        first = _FIRST_WORD.match(text)
        if first is None or first[1] not in FIRST_WORDS:
            return _not_a_command(text, first)
    column, accepted = _refused_at(grammar, text, start)
    expected = _expected(accepted)
    word = _WORD.match(text, column - 1)
    unclosed = _unclosed_quote(text)
    if unclosed is not None:
        return ScenarioError("this quote is never closed", column=unclosed, source=text)
    found = word[0] if word else ""
    meant = closest(found, _literals(accepted)) if found else None
    return ScenarioError(
        f"expected {either(expected)}", column=column, expected=expected, source=text, suggestion=meant
    )


def either(words: Collection[str]) -> str:
    """``a``, ``a or b``, ``a, b or c``."""
    *most, last = words or ("something else",)
    return f"{', '.join(most)} or {last}" if most else last


def _not_a_command(text: str, first: re.Match[str] | None) -> ScenarioError:
    column = len(text) - len(text.lstrip()) + 1
    if first is None:
        return ScenarioError("expected a command", column=column, expected=("a command",), source=text)
    word = first[1]
    if word in PROMPT_WORDS:
        return ScenarioError(f"{word} is a word of the prompt, not of a file", column=column, source=text)
    meant = closest(word, FIRST_WORDS)
    return ScenarioError(
        f"{word[:40]} is not a command" + ("" if meant else NOT_AS),
        column=column,
        expected=("a command",),
        source=text,
        suggestion=meant,
    )


def _refused_at(grammar: Lark, text: str, start: str) -> tuple[int, set[str]]:
    """The column of the first token that cannot stand, and the terminals that can."""
    parser: Any = grammar.parse_interactive(text, start=start)
    try:
        for token in parser.lexer_thread.lex(parser.parser_state):
            parser.feed_token(token)
        parser.feed_eof()
    except UnexpectedCharacters as error:
        return error.column, parser.accepts()
    except UnexpectedToken as error:
        token = error.token
        column = len(text.rstrip()) + 1 if token.type == "$END" else _column(token)
        return column, parser.accepts()
    return 1, parser.accepts()


def _column(token: Token) -> int:
    return token.column or 1


def _expected(accepted: set[str]) -> tuple[str, ...]:
    if "LPAR" in accepted and "MINUS" in accepted:
        return ("a value",)
    if "PFN" in accepted and "NAME" in accepted:
        return ("a place",)
    if accepted & {"_FORK", "_SPAWN"}:
        return ("a command",)
    if "NAME" in accepted:  # where any name can stand, a word that is one too is no news
        accepted = accepted - {"FULL", "ADVICE"}
    words: dict[str, None] = {}
    for terminal, names in _WORDS.items():
        if terminal in accepted:
            words.update(dict.fromkeys(names))
    return tuple(words)[:MAX_EXPECTED]


def _literals(accepted: set[str]) -> set[str]:
    """The words of the language among the terminals."""
    found = {word for terminal in accepted for word in _WORDS.get(terminal, ()) if word.isalpha()}
    if accepted & {"_FORK", "_SPAWN"}:
        found.update(COMMANDS)
    if "FUNCTION" in accepted:
        found.update(FUNCTIONS)
    return found


def _unclosed_quote(text: str) -> int | None:
    start: int | None = None
    for at, char in enumerate(text):
        if char == '"':
            start = at + 1 if start is None else None
        elif char == "#" and start is None:
            return None
    return start
