"""mremap (mm/mremap.c of 6.18)."""

from __future__ import annotations

from vmtui.mm.mm_types import Vma, vma_name
from vmtui.mm.mmap import vma_merge
from vmtui.mm.step import Step, Steps

__all__ = ["expand_vma_in_place"]


def expand_vma_in_place(vma: Vma, new_end: int) -> Steps:
    """Nothing is in the way: the VMA takes in the new range, and a neighbour behind it that fits.

    (expand_vma_in_place, vma_merge_extend)
    """
    pgoff = vma.vm_pgoff + vma.pages
    grown = yield from vma_merge(vma.vm_mm, vma.vm_end, new_end, vma.vm_flags, pgoff, vma, vma.vm_file)
    text = "{who} grew in place, to {end:#x}"
    yield Step(text, vma=grown.id, mm=vma.vm_mm.id, who=vma_name(grown), end=new_end)
