"""mlock and munlock (mm/mlock.c of 2.6.4)."""

from __future__ import annotations

from collections.abc import Callable

from vmtui.mm.memory import access
from vmtui.mm.mm_types import VM_ACCESS, VM_LOCKED, VM_WRITE, Mm, Vma, vma_name
from vmtui.mm.mmap import check_range, refuse_hole, split_vma, vmas_of_range
from vmtui.mm.step import Steps, step

Fixup = Callable[[Vma, int, int, bool], Steps]


def sys_mlock(mm: Mm, start: int, end: int) -> Steps:
    """Keep [start, end) in memory: its VMAs are locked, its pages faulted in (sys_mlock).

    Raises:
        KernelError: EINVAL; ENOMEM at a hole, partial.
    """
    check_range(mm, start, end)
    yield from mm.machine.kernel.do_mlock(mm, start, end, lock=True)


def sys_munlock(mm: Mm, start: int, end: int) -> Steps:
    """Let [start, end) be swapped again (sys_munlock).

    Raises:
        KernelError: EINVAL; ENOMEM at a hole, partial.
    """
    check_range(mm, start, end)
    yield from mm.machine.kernel.do_mlock(mm, start, end, lock=False)


def do_mlock(mm: Mm, start: int, end: int, lock: bool) -> Steps:
    """Walk the VMAs of the range (do_mlock)."""
    yield from each_vma(mm, start, end, lock, mlock_fixup)


def each_vma(mm: Mm, start: int, end: int, lock: bool, fixup: Fixup) -> Steps:
    """Lock or unlock the part of each VMA that lies in the range, up to the first hole.

    Raises:
        KernelError: ENOMEM at a hole, partial.
    """
    vmas = vmas_of_range(mm, start, end)
    reached = vmas[-1].vm_end if vmas else start
    at = start
    while at < min(end, reached):
        vma = mm.vmas.holding(at)
        stop = min(end, vma.vm_end)
        yield from fixup(vma, at, stop, lock)
        at = stop
    if reached < end:
        refuse_hole(mm.vmas.overlapping(start, reached), mm, start, end)


def mlock_fixup(vma: Vma, start: int, end: int, lock: bool) -> Steps:
    """One VMA's part: cut it out, set or clear VM_LOCKED, fault its pages in (mlock_fixup).

    What was cut is not joined again when the lock goes: this kernel's mlock never merges.
    """
    flags = vma.vm_flags | VM_LOCKED if lock else vma.vm_flags & ~VM_LOCKED
    if flags == vma.vm_flags:
        word = "locked" if lock else "not locked"
        yield step("{who} is {word} already", vma=vma.id, mm=vma.vm_mm.id, who=vma_name(vma), word=word)
        return

    if start != vma.vm_start:
        yield from split_vma(vma, start, new_below=True)
    if end != vma.vm_end:
        yield from split_vma(vma, end, new_below=False)
    vma.vm_flags = flags
    text = "{who}: VM_LOCKED set, its pages must stay" if lock else "{who}: VM_LOCKED cleared"
    yield step(text, vma=vma.id, mm=vma.vm_mm.id, who=vma_name(vma))
    if lock:
        yield from make_pages_present(vma, start, end)


def make_pages_present(vma: Vma, start: int, end: int) -> Steps:
    """Fault in every page, for write where the VMA may be written (make_pages_present, mm/memory.c)."""
    if vma.vm_flags & VM_ACCESS:
        yield from access(vma.vm_mm, start, end, write=bool(vma.vm_flags & VM_WRITE))
