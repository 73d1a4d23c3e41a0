"""VMAs that change (mm/vma.c of 6.18)."""

from __future__ import annotations

from vmtui.mm.mm_types import Vma
from vmtui.mm.mmap import split_vma, vma_merge
from vmtui.mm.page import PAGE_SHIFT
from vmtui.mm.step import Steps

__all__ = ["vma_modify_flags"]


def vma_modify_flags(vma: Vma, start: int, end: int, flags: int) -> Steps:
    """Give part of a VMA other flags: a neighbour takes it in, or it is cut out (vma_modify_flags).

    mprotect, mlock and madvise all come here.

    Returns:
        The VMA that has the range now.
    """
    pgoff = vma.vm_pgoff + ((start - vma.vm_start) >> PAGE_SHIFT)
    merged: Vma | None = yield from vma_merge(vma.vm_mm, start, end, flags, pgoff, vma, vma.vm_file)
    if merged is not None:
        return merged
    if start != vma.vm_start:
        yield from split_vma(vma, start, new_below=True)
    if end != vma.vm_end:
        yield from split_vma(vma, end, new_below=False)
    vma.vm_flags = flags
    return vma
