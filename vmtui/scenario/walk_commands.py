"""Commands that follow the reverse map: walks, and page-out in its several ways."""

from __future__ import annotations

from typing import ClassVar

import attrs

from vmtui.errors import KernelError
from vmtui.mm import swapoff, vmscan
from vmtui.mm.machine import Machine
from vmtui.mm.page import PAGE_SIZE
from vmtui.scenario.command import Command, OnPlace, Size, Work
from vmtui.scenario.places import Place, frames_of

__all__ = ["Evict", "Reclaim", "Referenced", "Swapoff", "Swapout", "Walk"]


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


@attrs.frozen
class Swapoff(Command):
    """The end of swap."""

    keyword: ClassVar[str] = "swapoff"
    usage: ClassVar[str] = "swapoff"
    help: ClassVar[str] = "give up the swap area: all that lies in it comes back to memory"

    def words(self) -> list[str]:
        """What follows the keyword."""
        return []

    def apply(self, machine: Machine) -> Work:
        """Bring everything back."""
        yield from swapoff.sys_swapoff(machine)
