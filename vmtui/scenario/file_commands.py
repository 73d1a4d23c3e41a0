"""Commands about files."""

from __future__ import annotations

from typing import ClassVar

import attrs

from vmtui.mm import filemap, memory
from vmtui.mm.machine import Machine
from vmtui.scenario.command import Command, Size, Work
from vmtui.scenario.names import Name, known_name, print_name

__all__ = ["File", "Truncate"]


@attrs.frozen
class File(Command):
    """A file."""

    keyword: ClassVar[str] = "file"
    usage: ClassVar[str] = "file NAME SIZE"
    help: ClassVar[str] = "make a file, to be mapped by its name; nothing of it is cached yet"

    name: Name
    size: Size

    def words(self) -> list[str]:
        """What follows the keyword."""
        return [print_name(self.name), str(self.size)]

    def apply(self, machine: Machine) -> Work:
        """Make it."""
        yield from filemap.create(machine, known_name(self.name), self.size.bytes)


@attrs.frozen
class Truncate(Command):
    """A file's new end."""

    keyword: ClassVar[str] = "truncate"
    usage: ClassVar[str] = "truncate NAME SIZE"
    help: ClassVar[str] = "give a file this length; pages behind its end are unmapped everywhere"

    name: Name
    size: Size

    def words(self) -> list[str]:
        """What follows the keyword."""
        return [print_name(self.name), str(self.size)]

    def apply(self, machine: Machine) -> Work:
        """Cut it, or lengthen it."""
        yield from memory.vmtruncate(filemap.find_file(machine, known_name(self.name)), self.size.bytes)
