"""
Commands: what changes the machine, or walks it.  One frozen class each.

A class carries its word, its usage and its help line, prints itself, and applies itself.  `apply` finds its
places first, so that a place that is not there is refused before anything happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import attrs

from vmtui.errors import KernelError
from vmtui.mm import filemap, fork, madvise, memory, mlock, mmap, mprotect, mremap
from vmtui.mm.machine import Machine
from vmtui.mm.mm_types import MAX_FILE_PAGES, VM_EXEC, VM_READ, VM_WRITE
from vmtui.mm.page import PAGE_SHIFT, PAGE_SIZE
from vmtui.scenario.command import Command, OnPlace, Size, Work
from vmtui.scenario.expressions import Expr
from vmtui.scenario.file_commands import File, RemapFilePages, Truncate
from vmtui.scenario.names import Name, known_name, print_name, stem
from vmtui.scenario.places import Place, find_range, find_task, known_number, label_of
from vmtui.scenario.walk_commands import Evict, Reclaim, Referenced, Swapoff, Swapout, Walk

__all__ = [
    "COMMANDS",
    "PROTECTIONS",
    "Brk",
    "Command",
    "Evict",
    "Exec",
    "Exit",
    "File",
    "Fork",
    "Madvise",
    "Mlock",
    "Mmap",
    "Mprotect",
    "Mremap",
    "Munlock",
    "Munmap",
    "Read",
    "Reclaim",
    "Referenced",
    "RemapFilePages",
    "Size",
    "Spawn",
    "Swapoff",
    "Swapout",
    "Truncate",
    "Walk",
    "Write",
]

PROTECTIONS: Mapping[str, int] = MappingProxyType(
    {
        "r": VM_READ,
        "rw": VM_READ | VM_WRITE,
        "rx": VM_READ | VM_EXEC,
        "rwx": VM_READ | VM_WRITE | VM_EXEC,
        "none": 0,
    }
)


@attrs.frozen
class Spawn(Command):
    """A process from nowhere."""

    keyword: ClassVar[str] = "spawn"
    usage: ClassVar[str] = "spawn P"
    help: ClassVar[str] = "start a process with an empty address space"

    task: Name

    def words(self) -> list[str]:
        """What follows the keyword."""
        return [print_name(self.task)]

    def apply(self, machine: Machine) -> Work:
        """Make the process."""
        yield from fork.spawn(machine, known_name(self.task))


@attrs.frozen
class Fork(Command):
    """A copy of a process."""

    keyword: ClassVar[str] = "fork"
    usage: ClassVar[str] = "fork P [CHILD]"
    help: ClassVar[str] = "fork a process; without a name the child is called P1, P2, ..."

    task: Name
    child: Name | None = None

    def words(self) -> list[str]:
        """What follows the keyword."""
        return [print_name(name) for name in (self.task, self.child) if name is not None]

    def apply(self, machine: Machine) -> Work:
        """Fork it."""
        task = find_task(machine, self.task)
        name = free_name(machine, task.name) if self.child is None else known_name(self.child)
        yield from fork.do_fork(task, name)


def free_name(machine: Machine, parent: str) -> str:
    """The parent's name with the lowest number that no process, living or dead, has had."""
    number = 1
    while machine.task_named(f"{stem(parent)}{number}") is not None:
        number += 1
    return f"{stem(parent)}{number}"


@attrs.frozen
class Exec(Command):
    """Another program in the same process."""

    keyword: ClassVar[str] = "exec"
    usage: ClassVar[str] = "exec P"
    help: ClassVar[str] = "let a process start another program: what it had mapped goes"

    task: Name

    def words(self) -> list[str]:
        """What follows the keyword."""
        return [print_name(self.task)]

    def apply(self, machine: Machine) -> Work:
        """Start anew."""
        yield from fork.do_execve(find_task(machine, self.task))


@attrs.frozen
class Exit(Command):
    """The end of a process."""

    keyword: ClassVar[str] = "exit"
    usage: ClassVar[str] = "exit P"
    help: ClassVar[str] = "end a process"

    task: Name

    def words(self) -> list[str]:
        """What follows the keyword."""
        return [print_name(self.task)]

    def apply(self, machine: Machine) -> Work:
        """End it."""
        yield from fork.do_exit(find_task(machine, self.task))


@attrs.frozen
class Mmap(Command):
    """A new mapping."""

    keyword: ClassVar[str] = "mmap"
    usage: ClassVar[str] = (
        "mmap P LABEL SIZE PERMS private|shared [FILE [+ OFFSET]] [at ADDRESS | after LABEL] [growsdown]"
    )
    help: ClassVar[str] = "map anonymous memory or a file, and give it a name"

    task: Name
    label: Name
    size: Size
    protection: str
    sharing: str = "private"
    file: Name | None = None
    offset: Size | None = None
    address: Expr | None = None
    after: Name | None = None
    growsdown: bool = False

    def words(self) -> list[str]:
        """What follows the keyword."""
        words = [print_name(self.task), print_name(self.label), str(self.size), self.protection, self.sharing]
        if self.file is not None:
            words.append(print_name(self.file))
        if self.offset is not None:
            words.append(f"+ {self.offset}")
        if self.address is not None:
            words.append(f"at {self.address}")
        if self.after is not None:
            words.append(f"after {print_name(self.after)}")
        if self.growsdown:
            words.append("growsdown")
        return words

    def apply(self, machine: Machine) -> Work:
        """Map it."""
        mm = find_task(machine, self.task).mm
        assert mm is not None
        file, pgoff = None, 0
        if self.file is not None:
            file = filemap.find_file(machine, known_name(self.file))
            pgoff = self.first_page()
        address = None if self.address is None else known_number(self.address)
        if self.after is not None:
            address = label_of(machine, self.task, self.after)[1].end
        yield from mmap.do_mmap(
            mm,
            known_name(self.label),
            self.size.bytes,
            PROTECTIONS[self.protection],
            address,
            self.growsdown,
            shared=self.sharing == "shared",
            file=file,
            pgoff=pgoff,
        )

    def first_page(self) -> int:
        """
        Where in the file the mapping begins, in pages.

        Raises:
            KernelError: EINVAL, the offset is not of whole pages, or no file is so long.
        """
        offset = 0 if self.offset is None else self.offset.bytes
        if offset % PAGE_SIZE:
            raise KernelError("EINVAL", f"the offset {offset:#x} is not a multiple of {PAGE_SIZE}")
        if offset + self.size.bytes > MAX_FILE_PAGES * PAGE_SIZE:
            raise KernelError("EINVAL", f"the offset {offset:#x} lies behind the end of the longest file")
        return offset >> PAGE_SHIFT


@attrs.frozen
class Brk(Command):
    """The heap's end."""

    keyword: ClassVar[str] = "brk"
    usage: ClassVar[str] = "brk P LABEL SIZE"
    help: ClassVar[str] = "give the heap this length; the first brk of a process makes it, as LABEL"

    task: Name
    label: Name
    size: Size

    def words(self) -> list[str]:
        """What follows the keyword."""
        return [print_name(self.task), print_name(self.label), str(self.size)]

    def apply(self, machine: Machine) -> Work:
        """Move it."""
        mm = find_task(machine, self.task).mm
        assert mm is not None
        yield from mmap.do_brk(mm, known_name(self.label), self.size.bytes)


@attrs.frozen
class Munmap(OnPlace):
    """The end of a mapping, or of a part of it."""

    keyword: ClassVar[str] = "munmap"
    usage: ClassVar[str] = "munmap PLACE"
    help: ClassVar[str] = "unmap pages"

    place: Place

    def apply(self, machine: Machine) -> Work:
        """Unmap them."""
        where = find_range(machine, self.place)
        yield from mmap.do_munmap(where.mm, where.start, where.end)


@attrs.frozen
class Mprotect(Command):
    """Other permissions."""

    keyword: ClassVar[str] = "mprotect"
    usage: ClassVar[str] = "mprotect PLACE r|rw|rx|rwx|none"
    help: ClassVar[str] = "change what may be done with pages"

    place: Place
    protection: str

    def words(self) -> list[str]:
        """What follows the keyword."""
        return [str(self.place), self.protection]

    def apply(self, machine: Machine) -> Work:
        """Change them."""
        where = find_range(machine, self.place)
        yield from mprotect.sys_mprotect(where.mm, where.start, where.end, PROTECTIONS[self.protection])


@attrs.frozen
class Madvise(Command):
    """Advice about pages."""

    keyword: ClassVar[str] = "madvise"
    usage: ClassVar[str] = "madvise PLACE dontneed"
    help: ClassVar[str] = "give advice about pages: dontneed drops them, and the next touch finds zeroes"

    place: Place
    advice: str

    def words(self) -> list[str]:
        """What follows the keyword."""
        return [str(self.place), self.advice]

    def apply(self, machine: Machine) -> Work:
        """Take it."""
        where = find_range(machine, self.place)
        yield from madvise.sys_madvise(where.mm, where.start, where.end, self.advice)


@attrs.frozen
class Mlock(OnPlace):
    """Pages that must stay."""

    keyword: ClassVar[str] = "mlock"
    usage: ClassVar[str] = "mlock PLACE"
    help: ClassVar[str] = "keep pages in memory"

    place: Place

    def apply(self, machine: Machine) -> Work:
        """Lock them."""
        where = find_range(machine, self.place)
        yield from mlock.sys_mlock(where.mm, where.start, where.end)


@attrs.frozen
class Munlock(OnPlace):
    """Pages that may go again."""

    keyword: ClassVar[str] = "munlock"
    usage: ClassVar[str] = "munlock PLACE"
    help: ClassVar[str] = "let pages be swapped again"

    place: Place

    def apply(self, machine: Machine) -> Work:
        """Unlock them."""
        where = find_range(machine, self.place)
        yield from mlock.sys_munlock(where.mm, where.start, where.end)


@attrs.frozen
class Mremap(Command):
    """A mapping that grows, shrinks or moves."""

    keyword: ClassVar[str] = "mremap"
    usage: ClassVar[str] = "mremap PLACE SIZE [to ADDRESS] [as LABEL] [dontunmap]"
    help: ClassVar[str] = "give pages another length, another address, another name; dontunmap: leave the VMA"

    place: Place
    size: Size
    address: Expr | None = None
    label: Name | None = None
    dontunmap: bool = False

    def words(self) -> list[str]:
        """What follows the keyword."""
        words = [str(self.place), str(self.size)]
        if self.address is not None:
            words.append(f"to {self.address}")
        if self.label is not None:
            words.append(f"as {print_name(self.label)}")
        if self.dontunmap:
            words.append("dontunmap")
        return words

    def apply(self, machine: Machine) -> Work:
        """Move it."""
        where = find_range(machine, self.place)
        address = None if self.address is None else known_number(self.address)
        label = None if self.label is None else known_name(self.label)
        yield from mremap.sys_mremap(
            where.mm, where.start, where.end, self.size.bytes, address, label, keep=self.dontunmap
        )


@attrs.frozen
class Read(OnPlace):
    """Reading."""

    keyword: ClassVar[str] = "read"
    usage: ClassVar[str] = "read PLACE"
    help: ClassVar[str] = "read pages, as the program would"

    place: Place

    def apply(self, machine: Machine) -> Work:
        """Read each page."""
        where = find_range(machine, self.place)
        yield from memory.access(where.mm, where.start, where.end, write=False)


@attrs.frozen
class Write(OnPlace):
    """Writing."""

    keyword: ClassVar[str] = "write"
    usage: ClassVar[str] = "write PLACE"
    help: ClassVar[str] = "write pages, as the program would"

    place: Place

    def apply(self, machine: Machine) -> Work:
        """Write each page."""
        where = find_range(machine, self.place)
        yield from memory.access(where.mm, where.start, where.end, write=True)


COMMANDS: Mapping[str, type[Command]] = MappingProxyType(
    {
        cls.keyword: cls
        for cls in (
            File,
            Spawn,
            Exec,
            Fork,
            Exit,
            Mmap,
            Munmap,
            Mprotect,
            Madvise,
            Mlock,
            Munlock,
            Mremap,
            Brk,
            Read,
            Write,
            Walk,
            Referenced,
            Swapout,
            Evict,
            Reclaim,
            Swapoff,
            Truncate,
            RemapFilePages,
        )
    }
)
"""Every command by its word, in the order in which help lists them."""
