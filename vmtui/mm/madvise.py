"""madvise (mm/madvise.c of 2.6.4)."""

from __future__ import annotations

from vmtui.errors import KernelError
from vmtui.mm.memory import zap_nonlinear, zap_page_range
from vmtui.mm.mm_types import VM_LOCKED, VM_NONLINEAR, Mm, vma_name
from vmtui.mm.mmap import check_range, refuse_hole, vmas_of_range
from vmtui.mm.step import Steps, step


def sys_madvise(mm: Mm, start: int, end: int, advice: str) -> Steps:
    """Take advice about [start, end) (sys_madvise).

    Raises:
        KernelError: EINVAL (advice the kernel does not know or the VMA cannot take); ENOMEM at a hole,
            partial.
    """
    check_range(mm, start, end)
    yield from mm.machine.kernel.do_madvise(mm, start, end, advice)


def madvise_vmas(mm: Mm, start: int, end: int, advice: str) -> Steps:
    """Of 2.6's kinds, ``dontneed``, VMA by VMA (the loop of sys_madvise).

    Raises:
        KernelError: EINVAL (other advice, a locked VMA); ENOMEM at a hole, partial.
    """
    if advice != "dontneed":
        raise KernelError("EINVAL", f"madvise {advice}: 2.6.4 does not know it; it knows dontneed")
    vmas = vmas_of_range(mm, start, end)
    for vma in vmas:
        if vma.vm_flags & VM_LOCKED:
            raise KernelError("EINVAL", f"{vma_name(vma)} is locked in memory", partial=vma is not vmas[0])
        yield from madvise_dontneed(vma.vm_mm, max(start, vma.vm_start), min(end, vma.vm_end))
    refuse_hole(vmas, mm, start, end)


def madvise_dontneed(mm: Mm, start: int, end: int) -> Steps:
    """Drop the pages of a range; the next touch finds zeroes.  The page tables stay (madvise_dontneed).

    Of a nonlinear VMA the PTEs keep which page of the file they had: the next touch finds that.
    """
    vma = mm.vmas.holding(start)
    zap = zap_nonlinear if vma.vm_flags & VM_NONLINEAR else zap_page_range
    yield from zap(vma, start, end)
    text = "{who}: the pages are dropped, the VMA and its page tables stay"
    yield step(text, vma=vma.id, mm=mm.id, who=vma_name(vma))
