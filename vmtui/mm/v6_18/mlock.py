"""mlock and munlock (mm/mlock.c of 6.18)."""

from __future__ import annotations

import numpy as np

from vmtui.errors import KernelError
from vmtui.mm.memory import access
from vmtui.mm.mlock import each_vma
from vmtui.mm.mm_types import VM_ACCESS, VM_LOCKED, VM_SHARED, VM_WRITE, Mm, Vma, vma_name
from vmtui.mm.page import PAGE_SHIFT, Page, PG_mlock_missed
from vmtui.mm.pgtable import PAGE_PRESENT, PAGE_PROTNONE, present_ptes
from vmtui.mm.rmap.walk_bulk import pteps_of
from vmtui.mm.step import Steps, step
from vmtui.mm.v6_18.vma import vma_modify_flags

__all__ = ["do_mlock"]


def do_mlock(mm: Mm, start: int, end: int, lock: bool) -> Steps:
    """The flags first, then all pages at once (do_mlock).

    Raises:
        KernelError: ENOMEM, partial: a hole, or memory that cannot be faulted in.
    """
    yield from apply_vma_lock_flags(mm, start, end, lock)
    if lock:
        yield from mm_populate(mm, start, end)


def apply_vma_lock_flags(mm: Mm, start: int, end: int, lock: bool) -> Steps:
    """Set or clear VM_LOCKED, up to the first hole (apply_vma_lock_flags).

    Raises:
        KernelError: ENOMEM at a hole, partial: no page of what is locked now was faulted in.
    """
    yield from each_vma(mm, start, end, lock, mlock_fixup)


def mlock_fixup(vma: Vma, start: int, end: int, lock: bool) -> Steps:
    """One VMA's part: cut out, or joined with a neighbour that is locked like it (mlock_fixup)."""
    flags = vma.vm_flags | VM_LOCKED if lock else vma.vm_flags & ~VM_LOCKED
    if flags == vma.vm_flags:
        word = "locked" if lock else "not locked"
        yield step("{who} is {word} already", vma=vma.id, mm=vma.vm_mm.id, who=vma_name(vma), word=word)
        return
    vma = yield from vma_modify_flags(vma, start, end, flags)
    for page in missed_pages(vma, start, end):
        page.clear(PG_mlock_missed)
    text = "{who}: VM_LOCKED set, its pages must stay" if lock else "{who}: VM_LOCKED cleared"
    yield step(text, vma=vma.id, mm=vma.vm_mm.id, who=vma_name(vma))


def missed_pages(vma: Vma, start: int, end: int) -> list[Page]:
    """The pages that a VMA maps now in [start, end) which do not have its lock on themselves."""
    machine = vma.machine
    entries = machine.memory.all[pteps_of(vma.vm_mm, present_ptes(vma.vm_mm, start, end))].astype(np.int64)
    pfns = entries[entries & (PAGE_PRESENT | PAGE_PROTNONE) != 0] >> PAGE_SHIFT
    missed = machine.mem_map.flags.all[pfns] & np.uint32(PG_mlock_missed) != 0
    return [machine.page(pfn) for pfn in pfns[missed].tolist()]


def mm_populate(mm: Mm, start: int, end: int) -> Steps:
    """Fault in every page; private memory that may be written is written (__mm_populate).

    Raises:
        KernelError: ENOMEM, partial: memory without access, or a page behind the end of its file.
    """
    for vma in mm.vmas.overlapping(start, end):
        if not vma.vm_flags & VM_ACCESS:
            text = f"{vma_name(vma)} is locked, and cannot be faulted in: nobody may access it"
            raise KernelError("ENOMEM", text, partial=True)
        write = vma.vm_flags & (VM_WRITE | VM_SHARED) == VM_WRITE
        try:
            yield from access(mm, max(start, vma.vm_start), min(end, vma.vm_end), write)
        except KernelError as error:
            if error.errno != "EFAULT":
                raise
            raise KernelError("ENOMEM", str(error), partial=True) from error


def try_to_populate(mm: Mm, start: int, end: int) -> Steps:
    """Fault in what memory that is mapped already should have; what cannot be is left (mm_populate)."""
    try:
        yield from mm_populate(mm, start, end)
    except KernelError as error:
        if not error.partial:
            raise
        yield step("the rest cannot be faulted in, and is left", mm=mm.id)
