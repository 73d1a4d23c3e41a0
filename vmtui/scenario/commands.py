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
from vmtui.mm import fork, madvise, memory, mlock, mmap, mprotect, mremap, vmscan
from vmtui.mm.machine import Machine
from vmtui.mm.mm_types import VM_EXEC, VM_READ, VM_WRITE
from vmtui.mm.page import PAGE_SIZE
from vmtui.scenario.command import Command, OnPlace, Size, Work
from vmtui.scenario.expressions import Expr
from vmtui.scenario.names import Name, known_name, print_name, stem
from vmtui.scenario.places import Place, find_range, frames_of, known_number, label_of

__all__ = ["COMMANDS", "PROTECTIONS", "Command", "Size"]

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
        task = machine.find_task(known_name(self.task))
        name = free_name(machine, task.name) if self.child is None else known_name(self.child)
        yield from fork.do_fork(task, name)


def free_name(machine: Machine, parent: str) -> str:
    """The parent's name with the lowest number that no process, living or dead, has had."""
    number = 1
    while machine.task_named(f"{stem(parent)}{number}") is not None:
        number += 1
    return f"{stem(parent)}{number}"


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
        yield from fork.do_exit(machine.find_task(known_name(self.task)))


@attrs.frozen
class Mmap(Command):
    """A new mapping."""

    keyword: ClassVar[str] = "mmap"
    usage: ClassVar[str] = "mmap P LABEL SIZE PERMS private [at ADDRESS | after LABEL] [growsdown]"
    help: ClassVar[str] = "map private anonymous memory and give it a name"

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
        mm = machine.find_task(known_name(self.task)).mm
        if self.file is not None:
            raise KernelError("ENOENT", f"no file {known_name(self.file)}: this machine has none")
        if self.sharing == "shared":
            raise KernelError("ENODEV", "this machine has no shared memory: map it private")
        address = None if self.address is None else known_number(self.address)
        if self.after is not None:
            address = label_of(machine, self.task, self.after)[1].end
        assert mm is not None
        flags = PROTECTIONS[self.protection]
        yield from mmap.do_mmap(mm, known_name(self.label), self.size.bytes, flags, address, self.growsdown)


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
    usage: ClassVar[str] = "mremap PLACE SIZE [to ADDRESS] [as LABEL]"
    help: ClassVar[str] = "give pages another length, another address, another name"

    place: Place
    size: Size
    address: Expr | None = None
    label: Name | None = None

    def words(self) -> list[str]:
        """What follows the keyword."""
        words = [str(self.place), str(self.size)]
        if self.address is not None:
            words.append(f"to {self.address}")
        if self.label is not None:
            words.append(f"as {print_name(self.label)}")
        return words

    def apply(self, machine: Machine) -> Work:
        """Move it."""
        where = find_range(machine, self.place)
        address = None if self.address is None else known_number(self.address)
        label = None if self.label is None else known_name(self.label)
        yield from mremap.sys_mremap(where.mm, where.start, where.end, self.size.bytes, address, label)


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


@attrs.frozen
class Walk(Command):
    """A look along the reverse map."""

    keyword: ClassVar[str] = "walk"
    usage: ClassVar[str] = "walk PLACE [full]"
    help: ClassVar[str] = "walk the reverse map as try_to_unmap would, touching nothing; full: to its end"

    place: Place
    full: bool = False

    def words(self) -> list[str]:
        """What follows the keyword."""
        return [str(self.place), *(["full"] if self.full else [])]

    def apply(self, machine: Machine) -> Work:
        """Walk from each frame."""
        yield from vmscan.look(machine, frames_of(machine, self.place, "walk from"), self.full)


@attrs.frozen
class Referenced(OnPlace):
    """The question whether a page was used."""

    keyword: ClassVar[str] = "referenced"
    usage: ClassVar[str] = "referenced PLACE"
    help: ClassVar[str] = "run page_referenced: was it used? Clears the accessed bits"

    place: Place

    def apply(self, machine: Machine) -> Work:
        """Ask for each frame."""
        yield from vmscan.referenced(machine, frames_of(machine, self.place, "walk from"))


@attrs.frozen
class Swapout(OnPlace):
    """Pages out, by name."""

    keyword: ClassVar[str] = "swapout"
    usage: ClassVar[str] = "swapout PLACE"
    help: ClassVar[str] = "force pages out to swap; their frames wait in the swap cache"

    place: Place

    def apply(self, machine: Machine) -> Work:
        """Swap each frame out."""
        yield from vmscan.swapout(machine, frames_of(machine, self.place, "swap out"))


@attrs.frozen
class Evict(OnPlace):
    """Pages out, until their frames are free."""

    keyword: ClassVar[str] = "evict"
    usage: ClassVar[str] = "evict PLACE"
    help: ClassVar[str] = "force pages out until their frames are free"

    place: Place

    def apply(self, machine: Machine) -> Work:
        """Evict each frame."""
        yield from vmscan.evict(machine, frames_of(machine, self.place, "evict"))


@attrs.frozen
class Reclaim(Command):
    """The kernel's own choice."""

    keyword: ClassVar[str] = "reclaim"
    usage: ClassVar[str] = "reclaim SIZE"
    help: ClassVar[str] = "free memory from the cold end of the LRU, sparing what was used"

    size: Size

    def words(self) -> list[str]:
        """What follows the keyword."""
        return [str(self.size)]

    def apply(self, machine: Machine) -> Work:
        """Free that many frames, or what can be freed."""
        pages = -(-self.size.bytes // PAGE_SIZE)
        if not pages:
            raise KernelError("EINVAL", "reclaim of nothing: give a number of pages")
        yield from vmscan.reclaim(machine, pages)


COMMANDS: Mapping[str, type[Command]] = MappingProxyType(
    {
        cls.keyword: cls
        for cls in (
            Spawn,
            Fork,
            Exit,
            Mmap,
            Munmap,
            Mprotect,
            Madvise,
            Mlock,
            Munlock,
            Mremap,
            Read,
            Write,
            Walk,
            Referenced,
            Swapout,
            Evict,
            Reclaim,
        )
    }
)
"""Every command by its word, in the order in which help lists them."""
