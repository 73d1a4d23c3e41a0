"""fork (kernel/fork.c and dup_mmap of mm/mmap.c, 6.18)."""

from __future__ import annotations

from typing import Any

from vmtui.mm.mm_types import VM_DONTCOPY, VM_LOCKED, VM_WIPEONFORK, Label, Mm, vma_name
from vmtui.mm.mmap import trim_labels, vma_alloc, vma_link
from vmtui.mm.step import Steps, step
from vmtui.mm.v6_18.memory import copy_page_range

__all__ = ["dup_mmap"]


def dup_mmap(oldmm: Mm, mm: Mm) -> Steps:
    """Copy the VMAs, and the PTEs of those that have memory of their own (dup_mmap).

    A child holds no lock in memory.  It does not get what is under MADV_DONTFORK, and what is under
    MADV_WIPEONFORK it gets empty.
    """
    for label in oldmm.labels:
        mm.labels.add(Label(mm.machine, 0, label.name, label.start, label.end))

    for vma in list(oldmm.vmas):
        about: dict[str, Any] = {"mm": mm.id, "who": vma_name(vma), "child": mm.name}
        if vma.vm_flags & VM_DONTCOPY:
            yield step("the VMA {who} is not for {child}: MADV_DONTFORK", **about)
            continue
        flags = vma.vm_flags & ~VM_LOCKED
        child = vma_alloc(mm, vma.vm_start, vma.vm_end, flags, vma.vm_pgoff, vma.vm_file)
        vma_link(child, before=vma if vma.vm_file is not None else None)
        if vma.vm_flags & VM_WIPEONFORK:
            yield step("the VMA {who} is empty for {child}: MADV_WIPEONFORK", vma=child.id, **about)
            continue
        yield step("the VMA {who} was copied for {child}", vma=child.id, **about)
        yield from mm.machine.scheme.vma_fork(vma, child)
        yield from copy_page_range(vma, child)
    # flush_tlb_mm: what the parent could write is read-only now.
    mm.machine.work["tlb_flushes"] += 1
    trim_labels(mm, 0, mm.machine.task_size)
