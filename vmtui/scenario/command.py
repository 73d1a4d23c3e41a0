"""What a command is."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar

import attrs

from vmtui.mm.machine import Machine
from vmtui.mm.page import PAGE_SIZE
from vmtui.mm.step import Told
from vmtui.scenario.expressions import Expr
from vmtui.scenario.nodes import Node
from vmtui.scenario.places import Place, known_number

__all__ = ["Command", "OnPlace", "Size", "Work"]

Work = Generator[Told, None, Any]


@attrs.frozen
class Size(Node):
    """``4 pages``, or a number of bytes."""

    number: Expr
    pages: bool = False

    @property
    def bytes(self) -> int:
        """The size in bytes."""
        return known_number(self.number) * (PAGE_SIZE if self.pages else 1)

    def __str__(self) -> str:
        return f"{self.number} pages" if self.pages else str(self.number)


class Command(Node):
    """
    A command line.

    Attributes:
        keyword: Its first word.
        usage: The whole line, with what the user puts in in capitals.
        help: What it does, in a line.
    """

    __slots__ = ()

    keyword: ClassVar[str]
    usage: ClassVar[str]
    help: ClassVar[str]

    def words(self) -> list[str]:
        """What follows the keyword, as it is typed."""
        raise AssertionError(f"{type(self).__name__} does not print itself")

    def apply(self, machine: Machine) -> Work:
        """
        Carry it out, step by step.

        Raises:
            KernelError: the machine refuses it.
            ExpressionError: a variable in it has no value.
        """
        raise AssertionError(f"{type(self).__name__} cannot be carried out")

    def __str__(self) -> str:
        return " ".join([self.keyword, *self.words()])


class OnPlace(Command):
    """A command whose one operand is a place."""

    __slots__ = ()

    place: Place

    def words(self) -> list[str]:
        """What follows the keyword."""
        return [str(self.place)]
