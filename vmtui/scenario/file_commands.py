"""Commands about files."""

from __future__ import annotations

from typing import ClassVar

import attrs

from vmtui.mm import filemap, fremap, memory
from vmtui.mm.machine import Machine
from vmtui.scenario.command import Command, Size, Work
from vmtui.scenario.expressions import Expr
from vmtui.scenario.names import Name, known_name, print_name
from vmtui.scenario.places import Place, find_range, known_number

__all__ = ["File", "RemapFilePages", "Truncate"]


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


@attrs.frozen
class RemapFilePages(Command):
    """Other pages of the same file, in the same mapping."""

    keyword: ClassVar[str] = "remap_file_pages"
    usage: ClassVar[str] = "remap_file_pages PLACE to OFFSET"
    help: ClassVar[str] = "let a part of a shared mapping show another part of its file, from OFFSET bytes on"

    place: Place
    offset: Expr

    def words(self) -> list[str]:
        """What follows the keyword."""
        return [str(self.place), f"to {self.offset}"]

    def apply(self, machine: Machine) -> Work:
        """Map them."""
        where = find_range(machine, self.place)
        offset = known_number(self.offset)
        yield from fremap.sys_remap_file_pages(where.mm, where.start, where.end, offset)
