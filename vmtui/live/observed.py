"""
What both sides say of a state, in one neutral form: the kernel underneath and the simulator.

Addresses are bytes and the same on both sides.  Frames and swap slots are numbers that mean something on
their own side alone: what can be compared is which pages share one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

__all__ = [
    "COUNTS",
    "FIELDS",
    "PRIVILEGED",
    "SHARED_MEMORY",
    "TOPOLOGY",
    "AnonVmaSeen",
    "Observed",
    "PageSeen",
    "ProcessSeen",
    "VmaSeen",
    "Where",
    "empty",
]

Where = tuple[str, int]
"""A process and an address."""

FIELDS: Final[Mapping[str, str]] = {
    "errno": "what the call was refused with",
    "processes": "who is alive",
    "vmas": "VMAs: range, permissions, file and offset",
    "state": "each page: present, swapped, zero, or never touched",
    "frame": "which pages share a frame",
    "was": "which pages had that frame one command before",
    "slot": "which pages share a swap slot",
    "mapcount": "page-table entries that map the frame",
    "exclusive": "mapcount is 1 (pagemap bit 56)",
    "anon": "the frame is anonymous",
    "anon_excl": "PageAnonExclusive (kpageflags bit 34)",
    "swapcache": "the frame, or the one behind the swap entry, is in the swap cache",
    "smaps": "Rss, Pss, Anonymous, Swap, SwapPss, Private, Shared of each VMA",
}
"""What is compared, in the order of the table's columns, and what it means."""

TOPOLOGY: Final[Mapping[str, str]] = {
    "pgoff": "vm_pgoff of each VMA",
    "anon_vma": "whether a VMA has an anon_vma, and which",
    "chain": "the anon_vmas of its anon_vma_chain, in order",
    "root": "the root of each anon_vma",
    "parent": "its parent",
    "num_children": "the anon_vmas whose parent it is",
    "num_active_vmas": "the VMAs that call it their own",
    "refcount": "one of its own, and a root's one of each other of its family",
    "mapping": "the anon_vma that an anonymous page points at",
    "index": "the page's offset in it",
}
"""What ``--anon-vma`` compares besides."""

PRIVILEGED: Final = frozenset({"frame", "was", "slot", "mapcount", "anon_excl", "swapcache"})
"""What only root can read of the kernel underneath."""

COUNTS: Final = {
    "rss": "Rss",
    "pss": "Pss",
    "anonymous": "Anonymous",
    "swap": "Swap",
    "swap_pss": "SwapPss",
    "private": "Private",
    "shared": "Shared",
}
"""The smaps counts that are compared; Private and Shared are each the sum of their clean and dirty lines."""


SHARED_MEMORY: Final = "shared memory"
"""What the file of anonymous memory that is shared is called."""


@attrs.frozen
class VmaSeen:
    """
    A VMA.

    Attributes:
        start, end: Bytes, half open.
        perms: ``rw-p``.
        file: The file's name; ``shared memory`` for anonymous memory that is shared; None for private.
        offset: Where in the file it begins, in bytes; 0 for private anonymous memory.
        counts: What smaps says of it, in kB, by the names of `COUNTS`.
        pgoff: Its vm_pgoff; None: not asked for, as are the next two.
        anon_vma: Its anon_vma; 0 for none.
        chain: The anon_vmas of its anon_vma_chain, in order.
    """

    start: int
    end: int
    perms: str
    file: str | None = None
    offset: int = 0
    counts: Mapping[str, int] = attrs.field(factory=dict)
    pgoff: int | None = None
    anon_vma: int | None = None
    chain: tuple[int, ...] | None = None

    @property
    def identity(self) -> tuple[int, int, str, str | None, int]:
        """The VMA without its counts and its anon_vmas."""
        return self.start, self.end, self.perms, self.file, self.offset


@attrs.frozen
class PageSeen:
    """
    A page that has a page-table entry.  None: this side cannot say, or it has no meaning here.

    Attributes:
        state: ``present``, ``swapped`` or ``zero``.
        frame: Which frame it maps.
        was: Who mapped that frame one command before, or had it waiting in the swap cache; nobody: it is new.
        slot: Which swap slot its entry names.
        mapcount: How many entries map the frame.
        exclusive: Whether that is one.
        anon: Whether the frame is anonymous.
        anon_excl: Whether it is AnonExclusive.
        swapcache: Whether the frame is in the swap cache; of a swapped page, whether its frame still waits
            there, where that is known.
        mapping: The anon_vma that an anonymous page points at; 0 for none.
        index: Where in it the page is, in pages.
    """

    state: str
    frame: int | None = None
    was: frozenset[Where] | None = None
    slot: int | None = None
    mapcount: int | None = None
    exclusive: bool | None = None
    anon: bool | None = None
    anon_excl: bool | None = None
    swapcache: bool | None = None
    mapping: int | None = None
    index: int | None = None


@attrs.frozen
class ProcessSeen:
    """
    A process.

    Attributes:
        vmas: By address.
        pages: By address; those without an entry are not there.
    """

    vmas: tuple[VmaSeen, ...] = ()
    pages: Mapping[int, PageSeen] = attrs.field(factory=dict)


@attrs.frozen
class AnonVmaSeen:
    """
    An anon_vma.

    Attributes:
        root, parent: Other anon_vmas, or the same one.
        num_children, num_active_vmas, refcount: As the kernel counts.
    """

    root: int
    parent: int
    num_children: int
    num_active_vmas: int
    refcount: int


@attrs.frozen
class Observed:
    """
    A state, after a command.

    Attributes:
        processes: The living, by name.
        fields: What of `FIELDS` and `TOPOLOGY` this side can say.
        errno: What the command was refused with; None if it was not.
        anon_vmas: Those in the chain of any VMA, by a number that means something on its own side alone.
    """

    processes: Mapping[str, ProcessSeen]
    fields: frozenset[str]
    errno: str | None = None
    anon_vmas: Mapping[int, AnonVmaSeen] = attrs.field(factory=dict)

    def page(self, where: Where) -> PageSeen | None:
        """A page; None where there is no entry."""
        process = self.processes.get(where[0])
        return process.pages.get(where[1]) if process is not None else None

    def sharers(self, attribute: str) -> dict[Where, frozenset[Where]]:
        """Of each page with a `frame` or a `slot`: all pages with the same one, itself among them."""
        groups: dict[int, set[Where]] = {}
        for name, process in self.processes.items():
            for address, page in process.pages.items():
                number: int | None = getattr(page, attribute)
                if number is not None:
                    groups.setdefault(number, set()).add((name, address))
        return {where: frozenset(group) for group in groups.values() for where in group}


def empty(fields: frozenset[str]) -> Observed:
    """A machine without processes."""
    return Observed({}, fields)
