"""remap_file_pages, which 6.18 leaves to mmap (mm/mmap.c; Documentation/mm/remap_file_pages.rst).

Nonlinear VMAs went with 4.0.  The call is an emulation since: the range is unmapped, and mapped again from
another page of its file on.  So a window that shows its file out of order is a VMA a piece, and where pieces
continue each other they are one.
"""

from __future__ import annotations

from vmtui.errors import KernelError
from vmtui.mm.mm_types import VM_ACCESS, VM_LOCKED, VM_SHARED, AddressSpace, Mm, Vma, vma_name
from vmtui.mm.mmap import unmap_range, vma_alloc, vma_link, vma_merge, vmas_of_range
from vmtui.mm.step import Steps, step
from vmtui.mm.v6_18.mlock import try_to_populate

__all__ = ["remap_file_pages"]


def remap_file_pages(mm: Mm, start: int, end: int, pgoff: int) -> Steps:
    """Let [start, end) show its file from a page on, read at once as far as it goes (remap_file_pages).

    What madvise said of the range is forgotten; a lock is not.

    Raises:
        KernelError: EINVAL (not one file, shared, mapped without a hole and alike throughout).
    """
    vmas = vmas_of_range(mm, start, end)
    if not vmas or vmas[-1].vm_end < end or not vmas[0].vm_flags & VM_SHARED:
        raise KernelError("EINVAL", f"{start:#x}-{end:#x} is not all mapped shared by {mm.name}")
    flags, file = vmas[0].vm_flags, vmas[0].vm_file
    if any((vma.vm_flags, vma.vm_file) != (flags, file) for vma in vmas):
        raise KernelError("EINVAL", f"{start:#x}-{end:#x} maps more than one file, or not all of it alike")

    assert file is not None
    file.f_count += 1
    yield from unmap_range(mm, start, end)
    yield from mmap_region(mm, start, end, flags & (VM_ACCESS | VM_SHARED | VM_LOCKED), pgoff, file)
    file.f_count -= 1
    yield from try_to_populate(mm, start, end)


def mmap_region(mm: Mm, start: int, end: int, flags: int, pgoff: int, file: AddressSpace) -> Steps:
    """Map part of a file: a neighbour that it continues takes it in, or it is a VMA (mmap_region)."""
    vma: Vma | None = yield from vma_merge(mm, start, end, flags, pgoff, None, file)
    if vma is None:
        vma = vma_alloc(mm, start, end, flags, pgoff, file)
        vma_link(vma)
    text = "{who} maps {file} from page {pgoff} on"
    yield step(text, vma=vma.id, mm=mm.id, who=vma_name(vma), file=file.name, pgoff=vma.vm_pgoff)
