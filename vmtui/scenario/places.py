"""
Places: how a line names pages.

``sh.heap`` is every page of a label, ``sh.heap[3]`` one, ``sh.heap[0:4]`` a half-open range;
``sh:0x40003000`` the page at an address; ``pfn:17`` a frame.  A label names a range of addresses, with
its holes.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

import attrs

from vmtui.errors import PlaceError
from vmtui.mm.filemap import page_mapping
from vmtui.mm.labels import Label
from vmtui.mm.machine import Machine
from vmtui.mm.mm_types import Mm, Task, place_name
from vmtui.mm.page import PAGE_MASK, PAGE_SIZE
from vmtui.mm.pgtable import (
    is_swap_pte,
    is_zero_page,
    pte_offset,
    pte_pfn,
    pte_present,
    pte_to_slot,
)
from vmtui.scenario.expressions import NOTHING, Expr
from vmtui.scenario.names import Name, known_name, print_name
from vmtui.scenario.nodes import Node
from vmtui.scenario.pages import cached_frames, different, mapped_frames, shared_slot
from vmtui.scenario.suggest import closest
from vmtui.scenario.values import number

__all__ = [
    "AddressPlace",
    "LabelPlace",
    "PfnPlace",
    "Place",
    "Range",
    "Slice",
    "find_range",
    "find_task",
    "frames_of",
    "known_number",
    "label_of",
]

_NAMES: Final = 4096
"""Processes among whose names the one is looked for that was meant."""

_NOT_A_PROCESS: Final = frozenset({"pfn"})


@attrs.frozen
class Slice(Node):
    """``[3]`` or ``[0:4]``, in pages, half open."""

    first: Expr
    end: Expr | None = None

    def __str__(self) -> str:
        return f"[{self.first}]" if self.end is None else f"[{self.first}:{self.end}]"


class Place(Node):
    """What a command acts on."""

    __slots__ = ()

    @property
    def is_range(self) -> bool:
        """Whether it can stand for more pages than one."""
        return False


@attrs.frozen
class LabelPlace(Place):
    """``sh.heap``, ``sh.heap[3]``, ``sh.heap[0:4]``."""

    task: Name
    label: Name
    slice: Slice | None = None

    @property
    def is_range(self) -> bool:
        """Whether it can stand for more pages than one."""
        return self.slice is None or self.slice.end is not None

    def __str__(self) -> str:
        return f"{print_name(self.task, _NOT_A_PROCESS)}.{print_name(self.label)}{self.slice or ''}"


@attrs.frozen
class AddressPlace(Place):
    """``sh:0x40003000``: the page that holds an address."""

    task: Name
    address: Expr

    def __str__(self) -> str:
        return f"{print_name(self.task, _NOT_A_PROCESS)}:{self.address}"


@attrs.frozen
class PfnPlace(Place):
    """``pfn:17``: a frame, whoever maps it."""

    pfn: Expr

    def __str__(self) -> str:
        return f"pfn:{self.pfn}"


@attrs.frozen
class Range:
    """Addresses of one process, in bytes, half open, of whole pages."""

    mm: Mm
    start: int
    end: int


def known_number(expr: Expr) -> int:
    """The number a command holds where its variables are in place."""
    return number(expr.evaluate(NOTHING), expr)


def find_task(machine: Machine, name: Name, *, alive: bool = True) -> Task:
    """
    The process of a name.

    Raises:
        PlaceError: ESRCH, there is none, or it is dead; with the one that was probably meant.
    """
    text = known_name(name)
    if machine.task_named(text) is None:
        there = (task.name for task in islice(machine.tasks, _NAMES) if task.alive or not alive)
        meant = closest(text, there)
        if meant is not None:
            hint = f"did you mean {print_name(meant, _NOT_A_PROCESS)}?"
            raise PlaceError("ESRCH", f"there is no process {text}: {hint}")
    return machine.find_task(text, alive)


def label_of(machine: Machine, task: Name, label: Name) -> tuple[Mm, Label]:
    """
    The range that a label names in a living process.

    Raises:
        PlaceError: ESRCH, no such process; ENOENT, no such label.
    """
    mm = find_task(machine, task).mm
    assert mm is not None
    name = known_name(label)
    found = mm.labels.called(name)
    if found is None:
        meant = closest(name, [each.name for each in mm.labels])
        hint = f": did you mean {mm.name}.{print_name(meant)}?" if meant else ""
        raise PlaceError("ENOENT", f"{mm.name} has no mapping called {name}{hint}")
    return mm, found


def find_range(machine: Machine, place: Place) -> Range:
    """
    The addresses a place stands for, mapped or not.

    Raises:
        PlaceError: ESRCH, ENOENT; EINVAL, pages outside the label, or a frame where an address is needed.
    """
    match place:
        case LabelPlace(task, name, where):
            mm, label = label_of(machine, task, name)
            if where is None:
                return Range(mm, label.start, label.end)
            pages = (label.end - label.start) // PAGE_SIZE
            first = known_number(where.first)
            end = first + 1 if where.end is None else known_number(where.end)
            if not 0 <= first < end:
                raise PlaceError("EINVAL", f"{place} is empty: the second number must be the greater one")
            if end > pages:
                there = "1 page, [0]" if pages == 1 else f"{pages:,} pages, [0] to [{pages - 1}]"
                raise PlaceError("EINVAL", f"{place}: {mm.name}.{label.name} has {there}")
            return Range(mm, label.start + first * PAGE_SIZE, label.start + end * PAGE_SIZE)
        case AddressPlace(task, expr):
            holder = find_task(machine, task).mm
            assert holder is not None
            address = known_number(expr) & PAGE_MASK
            if address >= machine.task_size:
                raise PlaceError("EINVAL", f"{place} is above the user's addresses ({machine.task_size:#x})")
            return Range(holder, address, address + PAGE_SIZE)
    raise PlaceError("EINVAL", f"{place} is a frame, and this needs an address, as sh.heap[0]")


def frames_of(machine: Machine, place: Place, purpose: str) -> list[int]:
    """
    The frames behind a place, each once, by address: those of present pages, those that wait in the swap
    cache, and those in the page cache of a file that is mapped there.

    Args:
        purpose: What they are for, to end the sentence of a refusal: ``walk from``.

    Raises:
        PlaceError: the place is not there, or there is no frame behind any page of it.
    """
    if isinstance(place, PfnPlace):
        return [_user_frame(machine, place, purpose)]
    where = find_range(machine, place)
    found = cached_frames(where.mm, where.start, where.end)
    addresses, pfns = mapped_frames(where.mm, where.start, where.end)
    if found:
        found.update(zip(addresses.tolist(), pfns.tolist(), strict=True))
        return list(dict.fromkeys(found[address] for address in sorted(found)))
    if not len(pfns):
        raise PlaceError("EINVAL", _why_no_frame(machine, place, where, purpose))
    return different(pfns)


def _user_frame(machine: Machine, place: PfnPlace, purpose: str) -> int:
    pfn = known_number(place.pfn)
    if not 0 < pfn < machine.frames_total:
        raise PlaceError("EINVAL", f"{place}: there are frames 1 to {machine.frames_total - 1:,}")
    if is_zero_page(pfn):
        raise PlaceError("EINVAL", f"{place} is the zero page: not reverse-mapped")
    page = machine.page(pfn)
    if not page.mapcount and not page.test("swapcache") and page_mapping(page) is None:
        use = "a page table" if page.test("table") else "free" if not page.count else "the kernel's"
        raise PlaceError("EINVAL", f"{place} is {use}: nothing to {purpose}")
    return page.pfn


def _why_no_frame(machine: Machine, place: Place, where: Range, purpose: str) -> str:
    pages = (where.end - where.start) // PAGE_SIZE
    if pages > 1:
        return f"{place}: none of its {pages:,} pages has a frame to {purpose}"
    shown = place_name(where.mm, where.start)
    ptep = pte_offset(where.mm, where.start)
    pte = machine.memory[ptep] if ptep else 0
    if is_swap_pte(pte):
        return f"{shown} is swapped (slot {pte_to_slot(pte)}): no frame to {purpose}"
    if pte_present(pte) and is_zero_page(pte_pfn(pte)):
        return f"{shown} is the zero page: not reverse-mapped"
    vma = where.mm.vmas.at(where.start)
    if vma is None:
        return f"{shown} is not mapped: no frame to {purpose}"
    slot = shared_slot(where.mm, where.start)
    if slot:
        return f"{shown} is swapped (slot {slot}): no frame to {purpose}"
    if vma.vm_file is not None:
        return f"{shown} is not cached: no frame to {purpose}"
    return f"{shown} was never touched: no frame to {purpose}"
