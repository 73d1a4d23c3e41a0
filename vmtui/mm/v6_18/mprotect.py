"""mprotect (mm/mprotect.c of 6.18)."""

from __future__ import annotations

from vmtui.mm.mm_types import VM_ACCESS, VM_ACCOUNT, VM_LOCKED, VM_SHARED, VM_WRITE, Vma, vma_name
from vmtui.mm.page import PG_anon_exclusive
from vmtui.mm.pgtable import (
    is_zero_page,
    present_ptes,
    pte_mkwrite,
    pte_modify,
    pte_offset,
    pte_pfn,
    pte_present,
    vm_page_prot,
)
from vmtui.mm.step import Steps, step
from vmtui.mm.v6_18.mlock import try_to_populate
from vmtui.mm.v6_18.vma import vma_modify_flags

__all__ = ["mprotect_fixup"]


def mprotect_fixup(vma: Vma, start: int, end: int, prot: int) -> Steps:
    """One VMA's part: its flags, its PTEs; locked memory that may be written now is copied now.

    What cannot be, behind the end of a file, is left, and the call succeeds.
    """
    old = vma.vm_flags
    flags = old & ~VM_ACCESS | prot
    if flags == old:
        yield step("{who} has that protection already", vma=vma.id, mm=vma.vm_mm.id, who=vma_name(vma))
        return

    vma = yield from vma_modify_flags(vma, start, end, accounted(vma, flags))
    changed = change_protection(vma, start, end)
    vma.machine.work["tlb_flushes"] += 1
    text = "{who}: protection changed, {n:,} PTEs rewritten"
    yield step(text, vma=vma.id, mm=vma.vm_mm.id, who=vma_name(vma), n=changed)
    if old & (VM_WRITE | VM_SHARED | VM_LOCKED) == VM_LOCKED and flags & VM_WRITE:
        yield from try_to_populate(vma.vm_mm, start, end)


def accounted(vma: Vma, flags: int) -> int:
    """New flags, with what is promised to the program counted.

    Private memory is counted once it may be written, and stays so; unless nothing was ever written there.
    VMAs that differ in this alone do not merge.
    """
    old = vma.vm_flags
    if flags & VM_WRITE:
        return flags if old & (VM_ACCOUNT | VM_WRITE | VM_SHARED) else flags | VM_ACCOUNT
    return flags & ~VM_ACCOUNT if vma.vm_file is None and vma.anon_vma is None else flags


def change_protection(vma: Vma, start: int, end: int) -> int:
    """Give the present PTEs of a range the VMA's protection; how many (change_protection).

    A private page becomes writable at once if its process has it for itself (can_change_pte_writable).
    """
    machine = vma.machine
    prot = vm_page_prot(vma)
    changed = 0
    for address in present_ptes(vma.vm_mm, start, end).tolist():
        ptep = pte_offset(vma.vm_mm, address)
        if not pte_present(machine.memory[ptep]):
            continue
        pte = pte_modify(machine.memory[ptep], prot)
        pfn = pte_pfn(pte)
        if vma.vm_flags & VM_WRITE and not is_zero_page(pfn) and machine.page(pfn).test(PG_anon_exclusive):
            pte = pte_mkwrite(pte)
        machine.memory[ptep] = pte
        changed += 1
    return changed
