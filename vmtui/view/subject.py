"""The subject: what the panes are about, as the user named it.

A page named by place (``sh.heap[3]``) is resolved anew at each step: after a copy on write it is the new
frame.  Pinned, it stays the frame it was.  A subject that is gone keeps its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

import attrs

from vmtui.mm.cluster import page_number
from vmtui.mm.filemap import page_mapping
from vmtui.mm.memory import follow_page
from vmtui.mm.mm_types import Mm, Vma, vma_address, vma_name
from vmtui.mm.page import PAGE_SHIFT, ZERO_PFN, Page, PG_reserved, PG_swapcache, PG_table
from vmtui.mm.pgtable import (
    PMD_SIZE,
    is_swap_pte,
    pte_file,
    pte_offset,
    pte_pfn,
    pte_present,
    pte_to_pgoff,
    pte_to_slot,
    ptep_to_mm_address,
)
from vmtui.mm.step import Ref
from vmtui.scenario.names import print_name
from vmtui.scenario.pages import shared_slot

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine
    from vmtui.session import Session

#: Mappings looked at to find a name for a frame.
_NAME_LIMIT: Final = 2048
#: PTEs looked at to find a page of a VMA or a list.
_PAGE_LIMIT: Final = 32
_SEARCHED: Final = 4096
#: A name that stands for something else before a colon.
_PFN: Final = frozenset({"pfn"})
GONE: Final = "not mapped at this step"

_NAME = r'"?(?P<{0}>[^"]+?)"?'
_PLACE: Final = re.compile(
    _NAME.format("task")
    + r"(?:\."
    + _NAME.format("label")
    + r"\[(?P<page>\d+)\]|:(?P<address>0x[0-9a-fA-F]+|\d+))"
)


@attrs.frozen
class Subject:
    """What the panes are about.

    Attributes:
        kind: ``page``, ``vma``, ``mm``, ``task``, ``pte``, ``swap``, or an object that holds a list.
        id: Its number; for a page with a `place`, the frame it is pinned to, or 0.
        place: A page as the user named it.
        pinned: The page is the frame `id`, whatever happens at `place`.
    """

    kind: str
    id: int = 0
    place: str = ""
    pinned: bool = False

    @classmethod
    def of(cls, ref: Ref | None, place: str = "") -> Subject | None:
        """The subject that a row, a box or a step stands for; None if it stands for nothing."""
        if place:
            return cls("page", 0, place)
        return None if ref is None else cls(*ref)


def resolve(session: Session, subject: Subject | None) -> Ref | None:
    """The object that the subject is now, or None: it is gone, or not there yet."""
    if subject is None:
        return None
    machine = session.machine
    if subject.kind == "page":
        pfn = subject.id
        if subject.place and not subject.pinned:
            where = locate(machine, subject.place)
            pfn = follow_page(*where) if where is not None else 0
            return ("page", pfn) if pfn else None
        page = machine.page(pfn) if 0 < pfn < machine.frames_total else None
        return ("page", page.pfn) if page is not None and page.count else None
    if subject.kind == "task":
        task = machine.tasks.get(subject.id)
        return ("mm", task.mm.id) if task is not None and task.mm is not None else None
    if subject.kind == "pte":
        pte = machine.memory[subject.id]
        return ("page", page_number(machine, pte_pfn(pte))) if pte_present(pte) else None
    if subject.kind == "swap":
        pfn = machine.swap.cached.cell[subject.id] if 0 < subject.id <= machine.swap.slots else 0
        return ("page", pfn) if pfn else None
    table = machine.objects().get(subject.kind)
    return (subject.kind, subject.id) if table is not None and table.get(subject.id) is not None else None


def pin(session: Session, subject: Subject) -> Subject:
    """The subject kept to the frame it is now, or let go again."""
    if subject.pinned:
        return attrs.evolve(subject, pinned=False, id=0 if subject.place else subject.id)
    ref = resolve(session, subject)
    if ref is None or ref[0] != "page":
        return subject
    return Subject("page", ref[1], subject.place or page_place(session.machine, ref[1]), pinned=True)


def followed(session: Session, subject: Subject | None) -> Subject | None:
    """The subject that follow makes of the step at the cursor: its page, else the subject as it was."""
    if not 0 < session.cursor <= len(session.steps):
        return subject
    step = session.steps[session.cursor - 1].step
    machine = session.machine
    where = step.values.get("where")
    if isinstance(where, str) and (found := locate(machine, where) or _named(machine, step.mm, where)):
        return Subject("page", 0, typed_place(*found))
    if not step.page or resolve(session, subject) == ("page", step.page):
        return subject
    page = machine.page(step.page)
    if page.test(PG_table) or page.test(PG_reserved):
        return subject
    if subject is not None and not page.count:
        return subject  # the frame was freed: a name says more than the number of what nobody has
    place = page_place(machine, step.page, step.mm)
    return Subject("page", 0, place) if place else Subject("page", step.page)


def describe(session: Session, subject: Subject | None) -> str:
    """The subject in a few words, and where it is now."""
    if subject is None:
        return "no subject"
    ref = resolve(session, subject)
    name = name_of(session, subject)
    if ref is None:
        return f"{name}: {_absence(session.machine, subject)}"
    if ref[0] == "page" and name != f"frame {ref[1]:#x}":
        return f"{name} · frame {ref[1]:#x}" if ref[1] != ZERO_PFN else f"{name} · the zero page"
    return name


def name_of(session: Session, subject: Subject) -> str:
    """What the subject is called, whether it is there or not."""
    if subject.place:
        return subject.place
    return ref_name(session.machine, (subject.kind, subject.id))


def ref_name(machine: Machine, ref: Ref) -> str:
    """What an object is called."""
    kind, number = ref
    if kind == "page":
        return f"frame {number:#x}"
    if kind == "vma":
        vma = machine.vmas.get(number)
        return vma_name(vma) if vma is not None else f"VMA {number}"
    if kind == "mm":
        mm = machine.mms.get(number)
        return mm.name if mm is not None else f"mm {number}"
    if kind == "task":
        task = machine.tasks.get(number)
        return task.name if task is not None else f"process {number}"
    if kind == "pte":
        return f"PTE {number:#x}"
    if kind == "address_space":
        mapping = machine.files.get(number)
        return mapping.name if mapping is not None else f"file {number}"
    return f"slot {number}" if kind == "swap" else f"{kind} {number}"


def command_place(session: Session, subject: Subject | None) -> str:
    """The subject as a command names it; "" where commands have no name for it."""
    if subject is None:
        return ""
    if subject.kind == "page":
        where = locate(session.machine, subject.place) if subject.place and not subject.pinned else None
        if where is not None:
            return typed_place(where[0], where[1])
        return subject.place if subject.place and not subject.pinned else f"pfn:{subject.id}"
    ref = resolve(session, subject)
    if ref is None:
        return ""
    vma, mm = session.machine.vmas.get(ref[1]), session.machine.mms.get(ref[1])
    if ref[0] == "vma" and vma is not None:
        return typed_place(vma.vm_mm, vma.vm_start, vma)
    if ref[0] == "mm" and mm is not None:
        return print_name(mm.name)
    return f"pfn:{ref[1]}" if ref[0] == "page" else ""


def command_process(session: Session, subject: Subject | None) -> str:
    """The process that the subject is, or is of, as a command names it; "" where it is of none."""
    machine = session.machine
    if subject is None:
        return ""
    place = subject.place
    if subject.kind == "page" and (not place or subject.pinned):
        place = page_place(machine, subject.id)
    if subject.kind == "page":
        match = _PLACE.fullmatch(place)
        where = locate(machine, place)
        name = where[0].name if where is not None else match["task"] if match is not None else ""
        return print_name(name) if name else ""
    ref = resolve(session, subject)
    if ref is None or ref[0] not in ("page", "vma", "mm"):
        return ""
    if ref[0] == "page":
        return command_process(session, Subject(*ref))
    vma = machine.vmas.get(ref[1]) if ref[0] == "vma" else None
    mm = vma.vm_mm if vma is not None else machine.mms.get(ref[1])
    return print_name(mm.name) if mm is not None else ""


def page_of(session: Session, subject: Subject | None) -> int:
    """The frame that the diagram and struct page show for a subject: its own, or its first; 0 for none."""
    ref = resolve(session, subject)
    if ref is None:
        return 0
    kind, number = ref
    machine = session.machine
    if kind == "page":
        return number
    if kind == "vma":
        vma = machine.vmas.get(number)
        return next(iter(pages_of(vma)), 0) if vma is not None else 0
    if kind == "mm":
        mm = machine.mms.get(number)
        vmas = list(islice(mm.vmas, _PAGE_LIMIT)) if mm is not None else []
        return next((pfn for vma in vmas for pfn in islice(pages_of(vma), 1)), 0)
    return next((pfn for pfn in islice(_hung_on(machine, ref), _SEARCHED) if _leads_to(machine, pfn, ref)), 0)


def _hung_on(machine: Machine, ref: Ref) -> Iterator[int]:
    """The pages of what hangs on an object that holds a list, some of each."""
    for kind in machine.scheme.lists():
        at = kind.find(ref)
        if at < 0:
            continue
        for group in islice(kind.make(int(kind.ids[at])).groups, _PAGE_LIMIT):
            for of, number in (one for one in group if one is not None):
                vma, mm = machine.vmas.get(number), machine.mms.get(number)
                if of == "vma" and vma is not None:
                    yield from islice(pages_of(vma), _PAGE_LIMIT)
                elif of == "mm" and mm is not None:
                    for one in islice(mm.vmas, _PAGE_LIMIT):
                        yield from islice(pages_of(one), _PAGE_LIMIT)


def _leads_to(machine: Machine, pfn: int, ref: Ref) -> bool:
    """Whether the walk over a page begins at an object, or comes by it first."""
    page = machine.page(pfn)
    if ref[0] == "address_space":
        mapping = page_mapping(page)
        return mapping is not None and mapping.id == ref[1]
    return machine.scheme.live_target(page)[0] == ref


def pages_of(vma: Vma) -> Iterator[int]:
    """The pages a VMA maps, by address, one for each PTE; not the zero page."""
    memory = vma.machine.memory
    address = vma.vm_start
    while address < vma.vm_end:
        stop = min((address | (PMD_SIZE - 1)) + 1, vma.vm_end)
        ptep = pte_offset(vma.vm_mm, address)
        if ptep:
            for pte in memory.all[ptep : ptep + ((stop - address) >> PAGE_SHIFT)].tolist():
                if pte_present(pte) and pte_pfn(pte) != ZERO_PFN:
                    yield page_number(vma.machine, pte_pfn(pte))
        address = stop


def locate(machine: Machine, place: str) -> tuple[Mm, int] | None:
    """The address space and address of a page named by place, or None."""
    match = _PLACE.fullmatch(place)
    task = machine.task_named(match["task"]) if match is not None else None
    if match is None or task is None or task.mm is None:
        return None
    if match["address"]:
        return task.mm, int(match["address"], 0)
    label = task.mm.labels.called(match["label"])
    return (task.mm, label.start + (int(match["page"]) << PAGE_SHIFT)) if label is not None else None


def _named(machine: Machine, mm: int, name: str) -> tuple[Mm, int] | None:
    """The page that a step's sentence names: without quotes, so that a name may hold a dot or a bracket."""
    space = machine.mms.get(mm)
    if space is None:
        return None
    for label in space.labels:
        head = f"{space.name}.{label.name}["
        if name.startswith(head) and name.endswith("]") and name[len(head) : -1].isdigit():
            return space, label.start + (int(name[len(head) : -1]) << PAGE_SHIFT)
    return None


def page_place(machine: Machine, pfn: int, mm: int = 0) -> str:
    """A place that a frame is mapped at, in the mm of that number if it can be; "" where none is found."""
    if not 0 < pfn < machine.frames_total or pfn == ZERO_PFN:
        return ""
    page = machine.page(pfn)
    if page.test(PG_table):
        return ""
    found = ""
    places = chain(
        (ptep_to_mm_address(machine, ptep) for ptep in machine.scheme.mappings(page)), _swapped(page)
    )
    for owner, address in islice(places, _NAME_LIMIT):
        if owner is not None and (not found or owner.id == mm):
            found = typed_place(owner, address)
            if not mm or owner.id == mm:
                break
    return found


def _swapped(page: Page) -> Iterator[tuple[Mm, int]]:
    """Where a swap entry stands for a page of the swap cache: in a VMA that has its index, if at all."""
    if not page.test(PG_swapcache):
        return
    memory = page.machine.memory
    for vma in islice(page.machine.vmas, _NAME_LIMIT):
        address = vma_address(page.index, vma)
        ptep = pte_offset(vma.vm_mm, address) if vma.vm_start <= address < vma.vm_end else 0
        if ptep and is_swap_pte(memory[ptep]) and pte_to_slot(memory[ptep]) == page.private:
            yield vma.vm_mm, address


def typed_place(mm: Mm, address: int, vma: Vma | None = None) -> str:
    """A page, or a whole VMA, as the language reads it: names that are no words in quotes."""
    task, label = print_name(mm.name, _PFN), mm.labels.at(address)
    if label is None:
        return f"{task}:{address:#x}"
    name, first = f"{task}.{print_name(label.name)}", (address - label.start) >> PAGE_SHIFT
    if vma is None:
        return f"{name}[{first}]"
    if (vma.vm_start, vma.vm_end) == (label.start, label.end):
        return name
    return f"{name}[{first}:{first + vma.pages}]"


def _absence(machine: Machine, subject: Subject) -> str:
    """Why a subject has no object now."""
    where = locate(machine, subject.place) if subject.place and not subject.pinned else None
    if where is None:
        return GONE
    mm, address = where
    if mm.vmas.at(address) is None:
        return GONE
    ptep = pte_offset(mm, address)
    pte = machine.memory[ptep] if ptep else 0
    if pte_file(pte):
        return f"not present: page {pte_to_pgoff(pte)} of its file"
    slot = pte_to_slot(pte) if is_swap_pte(pte) else shared_slot(mm, address)
    return f"swapped, slot {slot}" if slot else "never touched"
