"""Names of processes, labels and files: bare words, ``c{i}``, or anything in quotes."""

from __future__ import annotations

import re
from typing import Final

import attrs

from vmtui.errors import is_control
from vmtui.scenario.expressions import (
    NOTHING,
    Expr,
    Literal,
    Observable,
    Variable,
)
from vmtui.scenario.nodes import Node, subnodes
from vmtui.scenario.values import whole

__all__ = ["NOT_NAMES", "Name", "NameTemplate", "check_quoted", "known_name", "print_name", "stem"]

NOT_NAMES: Final = frozenset({"r", "rw", "rx", "rwx", "none", "private", "shared"})
"""Words that stand where a name could stand, and so are none."""

_AFTER_A_NAME: Final = frozenset({"at", "after", "to", "growsdown", "dontunmap", "and", "or"})
"""Words that may follow a name, and so are names in quotes alone."""

_BARE = re.compile(r"[^\W\d]\w*")


@attrs.frozen
class NameTemplate(Node):
    """``c{i}``: a name with numbers in it that are not known yet."""

    parts: tuple[str | Expr, ...]

    def settled(self) -> object:
        """The name, once no variable is left in it."""
        if any(isinstance(node, Variable | Observable) for node in subnodes(self.parts)):
            return self
        return "".join(
            part if isinstance(part, str) else str(whole(part.evaluate(NOTHING), part)) for part in self.parts
        )

    def __str__(self) -> str:
        shown = []
        for part in self.parts:
            if isinstance(part, str):
                shown.append(part)
            else:
                shown.append(f"{{{part.value if isinstance(part, Literal) else part}}}")
        return "".join(shown)


Name = str | NameTemplate
"""A name as a command holds it."""


def print_name(name: Name, reserved: frozenset[str] = frozenset()) -> str:
    """A name as it is typed: in quotes if it is no word, or a word that means something else there."""
    if isinstance(name, NameTemplate):
        return str(name)
    if _BARE.fullmatch(name) and name not in NOT_NAMES | _AFTER_A_NAME and name not in reserved:
        return name
    return f'"{name}"'


def check_quoted(name: str) -> str | None:
    """Why a text in quotes is no name, or None."""
    for char in name:
        if is_control(char):
            return f"a name cannot hold the control character U+{ord(char):04X}"
    if not name.strip():
        return "a name cannot be blank"
    return None


def known_name(name: Name) -> str:
    """The name as a text; one with a number still open in it is refused by its own error."""
    settled = name.settled() if isinstance(name, NameTemplate) else name
    if isinstance(settled, str):
        return settled
    for part in name.parts if isinstance(name, NameTemplate) else ():
        if isinstance(part, Expr):
            part.evaluate(NOTHING)
    raise AssertionError(f"{name} has no open part and no text")


def stem(name: str) -> str:
    """A name without the number at its end."""
    return name.rstrip("0123456789") or name
