"""mprotect (mm/mprotect.c of 2.6.4)."""

from __future__ import annotations

from vmtui.mm.mm_types import VM_ACCESS, Mm, Vma, vma_name
from vmtui.mm.mmap import check_range, refuse_hole, split_vma, vma_merge, vmas_of_range
from vmtui.mm.page import PAGE_SHIFT
from vmtui.mm.pgtable import present_ptes, pte_modify, pte_offset, pte_present, vm_page_prot
from vmtui.mm.step import Steps, step


def sys_mprotect(mm: Mm, start: int, end: int, prot: int) -> Steps:
    """Change what a program may do with [start, end) (sys_mprotect).

    Raises:
        KernelError: EINVAL; ENOMEM at a hole, partial: what lies below it is changed.
    """
    check_range(mm, start, end)
    vmas = vmas_of_range(mm, start, end)
    reached = vmas[-1].vm_end if vmas else start
    at = start
    while at < min(end, reached):
        vma = mm.vmas.holding(at)
        stop = min(end, vma.vm_end)
        yield from mm.machine.kernel.mprotect_fixup(vma, at, stop, prot)
        at = stop
    if reached < end:
        refuse_hole(mm.vmas.overlapping(start, reached), mm, start, end)


def mprotect_fixup(vma: Vma, start: int, end: int, prot: int) -> Steps:
    """One VMA's part: hand it to a neighbour, or cut it out; then its PTEs (mprotect_fixup)."""
    flags = vma.vm_flags & ~VM_ACCESS | prot
    if flags == vma.vm_flags:
        yield step("{who} has that protection already", vma=vma.id, mm=vma.vm_mm.id, who=vma_name(vma))
        return

    pgoff = vma.vm_pgoff + ((start - vma.vm_start) >> PAGE_SHIFT)
    merged = yield from vma_merge(vma.vm_mm, start, end, flags, pgoff, vma, vma.vm_file)
    if merged is None:
        if start != vma.vm_start:
            yield from split_vma(vma, start, new_below=True)
        if end != vma.vm_end:
            yield from split_vma(vma, end, new_below=False)
        vma.vm_flags = flags
    vma = merged or vma
    changed = change_protection(vma, start, end)
    text = "{who}: protection changed, {n:,} PTEs rewritten"
    yield step(text, vma=vma.id, mm=vma.vm_mm.id, who=vma_name(vma), n=changed)


def change_protection(vma: Vma, start: int, end: int) -> int:
    """Give the present PTEs of a range the VMA's protection; how many (change_protection).

    A private page is not made writable at once: the next write faults and finds out whether it is shared.
    """
    memory = vma.machine.memory
    prot = vm_page_prot(vma)
    changed = 0
    # flush_tlb_range
    vma.machine.work["tlb_flushes"] += 1
    for address in present_ptes(vma.vm_mm, start, end).tolist():
        ptep = pte_offset(vma.vm_mm, address)
        if pte_present(memory[ptep]):
            memory[ptep] = pte_modify(memory[ptep], prot)
            changed += 1
    return changed
