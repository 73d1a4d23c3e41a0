"""Pane 1: the processes and their VMAs; processes that are alike fold to one row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from vmtui.mm.mm_types import (
    VM_EXEC,
    VM_LOCKED,
    VM_NONLINEAR,
    VM_READ,
    VM_SHARED,
    VM_WRITE,
    Vma,
)
from vmtui.mm.page import PAGE_SIZE
from vmtui.view.folding import Group, Groups, groups_of
from vmtui.view.glyphs import char
from vmtui.view.model import Pane, Row, Rows, line
from vmtui.view.now import step_at
from vmtui.view.subject import Subject, locate, resolve
from vmtui.view.text import count, pad
from vmtui.view.text import width as width_of

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine
    from vmtui.session import Session

#: Cells from which a VMA shows its whole range and its permissions.
_WIDE: Final = 34
#: Cells that a VMA stands in from its process.
INDENT: Final = 2


def processes(session: Session, subject: Subject | None, width: int = 0) -> Pane:
    """The living processes in order of their making, each with its VMAs by address."""
    machine = session.machine
    chosen = resolve(session, subject)
    step = step_at(session)
    lit_vma, lit_mm = _lit(session, subject)
    shown = {lit_mm}
    if chosen is not None and chosen[0] == "mm":
        shown.add(chosen[1])
    if chosen is not None and chosen[0] == "vma":
        whose = machine.vmas.get(chosen[1])
        shown.add(whose.vm_mm.id if whose is not None else 0)
    if step is not None:
        acting = machine.vmas.get(step.vma)
        shown |= {step.mm, acting.vm_mm.id if acting is not None else 0}

    groups = groups_of(session, shown)

    def make(index: int) -> Row:
        group, offset = groups.at(index)
        if offset:
            vma = group.mm.vmas[offset - 1]
            row = _vma_row(vma, width, lit=vma.id == lit_vma)
            return attrs.evolve(
                row,
                subject=chosen == ("vma", vma.id),
                current=step is not None and step.vma == vma.id,
            )
        lit = group.mm.id == lit_mm and len(group.tasks) == 1
        here = step is not None and step.mm == group.mm.id and not step.vma
        return attrs.evolve(_process_row(group, lit=lit), subject=chosen == ("mm", group.mm.id), current=here)

    rows = Rows(len(groups), make) if len(groups) else (Row(line(("no process yet: spawn NAME", "dim"))),)
    note = f"{len(machine.mms):,} mm · {count(len(machine.vmas), 'VMA')}"
    return Pane("Processes · VMAs", rows, note, _focus(machine, groups, chosen, lit_vma, lit_mm))


def matching(session: Session, typed: str, limit: int) -> list[Row]:
    """The first processes and VMAs whose name holds what was typed; a VMA also by that of its process."""
    typed = typed.casefold()
    found: list[Row] = []
    for task in session.machine.tasks:
        mm = task.mm
        if mm is None:
            continue
        whole = typed in mm.name.casefold()
        if whole:
            found.append(_process_row(Group((task,), mm), lit=False))
        # Most processes have few labels, and VMAs without end: those are looked at where a label fits.
        if whole or any(typed in f"{mm.name} {label.name}".casefold() for label in mm.labels):
            for vma in mm.vmas:
                if whole or typed in f"{mm.name} {vma_label(vma)}".casefold():
                    found.append(_vma_row(vma, 0, lit=False))
                if len(found) >= limit:
                    break
        if len(found) >= limit:
            break
    return found


def permissions(flags: int) -> str:
    """``rw-p`` as /proc/PID/maps has it."""
    bits = ((VM_READ, "r"), (VM_WRITE, "w"), (VM_EXEC, "x"))
    return "".join(sign if flags & bit else "-" for bit, sign in bits) + ("s" if flags & VM_SHARED else "p")


def vma_label(vma: Vma) -> str:
    """What a VMA is called within its process: ``heap``, or ``heap[2:4]`` where it is a part."""
    label = vma.vm_mm.labels.at(vma.vm_start)
    if label is None:
        return "(no name)"
    if label.start == vma.vm_start and label.end == vma.vm_end:
        return label.name
    first = (vma.vm_start - label.start) // PAGE_SIZE
    return f"{label.name}[{first}:{first + vma.pages}]"


def _process_row(group: Group, *, lit: bool) -> Row:
    mm = group.mm
    if len(group.tasks) > 1:
        first, last = group.tasks[0].name, group.tasks[-1].name
        spans = line(
            (char("more_down"), "dim"),
            " ",
            (f"{first}…{last}", "mm"),
            (f" ({len(group.tasks):,}, alike)", "dim"),
        )
        return Row(spans, ("mm", mm.id), explain="alike")
    name = (mm.name, "accent" if lit else "mm")
    spans = line((char("open"), "dim"), " ", name, (f"  rss {mm.rss:,}", "dim"))
    return Row(spans, ("mm", mm.id), explain="mm")


def _vma_row(vma: Vma, width: int, *, lit: bool) -> Row:
    name = (pad(vma_label(vma), 6) if len(vma_label(vma)) < 6 else vma_label(vma), "accent" if lit else "vma")
    marked = {"locked": VM_LOCKED, "nonlinear": VM_NONLINEAR}
    locked = "".join(f" {word}" for word, bit in marked.items() if vma.vm_flags & bit)
    if width >= _WIDE:
        where = f"{vma.vm_start:08x}-{vma.vm_end:08x}"
        file, bits = (_file_of(vma), "file"), permissions(vma.vm_flags)
        spans = line(name, " ", (where, "dim"), f" {bits}", file, (locked, "warn"))
    else:
        where, pages = f"{vma.vm_start:08x} ", f"{vma.pages:,}p"
        # Part of a number says less than none, and the pages are what a person counts.
        if 0 < width - INDENT < width_of(f"{name[0]} {where}{pages}{locked}"):
            where = ""
        spans = line(name, " ", (where, "dim"), pages, (locked, "warn"))
    return Row(spans, ("vma", vma.id), depth=1, explain="vma")


def _file_of(vma: Vma) -> str:
    """Where a VMA of a file begins in it; shared memory has no file."""
    file = vma.vm_file
    if file is None or file.shmem:
        return "" if file is None else " shmem"
    return f" {file.name}" + (f"+{vma.vm_pgoff}" if vma.vm_pgoff else "")


def _lit(session: Session, subject: Subject | None) -> tuple[int, int]:
    """The VMA and the mm that a page subject lies in."""
    where = locate(session.machine, subject.place) if subject is not None and subject.place else None
    if where is None:
        return 0, 0
    vma = where[0].vmas.at(where[1])
    return (vma.id if vma is not None else 0), where[0].id


def _focus(
    machine: Machine, groups: Groups, chosen: tuple[str, int] | None, lit_vma: int, lit_mm: int
) -> int | None:
    """The row of the subject, or of the VMA it lies in."""
    kind, number = chosen if chosen is not None and chosen[0] in ("vma", "mm") else ("vma", lit_vma)
    row = groups.row_of(number) if kind == "mm" else None
    vma = machine.vmas.get(number) if kind == "vma" and number else None
    start = groups.row_of(vma.vm_mm.id) if vma is not None else None
    if vma is not None and start is not None:
        row = start + 1 + vma.vm_mm.vmas.index(vma)
    return row if row is not None else groups.row_of(lit_mm)
