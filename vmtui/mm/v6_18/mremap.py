"""mremap (mm/mremap.c of 6.18)."""

from __future__ import annotations

from collections.abc import Iterator

from vmtui.errors import KernelError
from vmtui.mm.mm_types import VM_LOCKED, Mm, Vma, vma_name
from vmtui.mm.mmap import can_vma_merge, cap_mmap_addr, get_unmapped_area, unmap_range, vma_adjust
from vmtui.mm.mremap import (
    check_label,
    check_new_label,
    check_target,
    copy_vma_and_data,
    label_of_range,
    move_vma,
    relabel,
    room_behind,
)
from vmtui.mm.page import PAGE_SHIFT, Page, PG_mlock_missed, PG_mlocked
from vmtui.mm.pgtable import is_zero_page, present_ptes, pte_offset, pte_pfn, pte_present
from vmtui.mm.step import Steps, step
from vmtui.mm.v6_18.mlock import try_to_populate

__all__ = ["do_mremap"]


def do_mremap(
    mm: Mm, start: int, old_end: int, new_length: int, new_addr: int | None, rename: str | None, keep: bool
) -> Steps:
    """Shrink first; then move, VMA by VMA, or grow (do_mremap, mremap_to, mremap_at).

    Raises:
        KernelError: EINVAL; EFAULT (nothing is mapped at its start; what grows, or shrinks and moves, is not
            within one VMA); EEXIST (label or address taken); EPERM, partial if it shrank (the lowest page);
            ENOMEM (no room).
    """
    if new_length > mm.machine.task_size:
        raise KernelError("EINVAL", f"mremap: {new_length:,} bytes are more than all user addresses")
    if keep:
        yield from move_and_keep(mm, start, old_end, new_length, new_addr, rename)
        return
    if new_addr is not None:
        check_target(mm, start, old_end, new_addr, new_length)
    vma = vma_at(mm, start)
    grows = new_length > old_end - start
    moves = new_addr is not None and new_length != old_end - start
    if (grows or moves) and vma.vm_end < min(old_end, start + new_length):
        raise KernelError("EFAULT", f"{start:#x}-{old_end:#x} is not within one VMA of {mm.name}")
    label, whole = label_of_range(mm, start, old_end)
    check_label(mm, label, whole, rename)

    if new_length < old_end - start:
        yield from unmap_range(mm, start + new_length, old_end)
    if new_addr is not None:
        cap_mmap_addr(new_addr, partial=new_length < old_end - start)
    old_length = min(new_length, old_end - start)
    if grows:
        start = yield from grow(mm, start, old_end, new_length, new_addr)
    elif new_addr is not None:
        yield from remap_move(mm, start, start + new_length, new_addr, keep=False)
        start = new_addr
    relabel(mm, label, whole, start, start + new_length, rename)
    if grows and mm.vmas.holding(start).vm_flags & VM_LOCKED:
        yield from try_to_populate(mm, start + old_length, start + new_length)


def vma_at(mm: Mm, start: int) -> Vma:
    """The VMA that a call begins in.

    Raises:
        KernelError: EFAULT.
    """
    vma = mm.vmas.at(start)
    if vma is None:
        raise KernelError("EFAULT", f"{mm.name}: nothing is mapped at {start:#x}")
    return vma


def move_and_keep(mm: Mm, start: int, end: int, length: int, new_addr: int | None, name: str | None) -> Steps:
    """Move the pages of a range, and leave it mapped (mremap_to, MREMAP_DONTUNMAP of 5.7).

    Where no address is asked for, the range must be within one VMA.

    Raises:
        KernelError: EINVAL; EFAULT; EEXIST (name or address taken); EPERM (the lowest page);
            ENOMEM (no room).
    """
    check_new_label(mm, name)
    if length != end - start:
        raise KernelError("EINVAL", "mremap: what is kept mapped is moved as long as it is")
    if new_addr is not None:
        check_target(mm, start, end, new_addr, length)
    vma = vma_at(mm, start)
    if new_addr is None and vma.vm_end < end:
        raise KernelError("EFAULT", f"{start:#x}-{end:#x} is not within one VMA of {mm.name}")
    new_addr = get_unmapped_area(mm, length) if new_addr is None else new_addr
    cap_mmap_addr(new_addr)
    yield from remap_move(mm, start, end, new_addr, keep=True)
    relabel(mm, None, False, new_addr, new_addr + length, name)


def grow(mm: Mm, start: int, old_end: int, new_length: int, new_addr: int | None) -> Steps:
    """Make part of a VMA longer: in place where it can be, else elsewhere (expand_vma).

    Returns:
        Where it is now.
    """
    vma = mm.vmas.holding(start)
    if new_addr is None and room_behind(mm, vma, old_end, start + new_length):
        yield from expand_vma_in_place(vma, start + new_length)
        return start
    new_addr = get_unmapped_area(mm, new_length) if new_addr is None else new_addr
    yield from move_vma(vma, start, old_end, new_addr, new_length)
    return new_addr


def remap_move(mm: Mm, start: int, end: int, new_addr: int, *, keep: bool) -> Steps:
    """Move a range of one length to another place, each VMA in it by itself, holes and all (remap_move)."""
    at = start
    while at < end:
        vma = mm.vmas.find(at)
        if vma is None or vma.vm_start >= end:
            break
        low, high = max(at, vma.vm_start), min(end, vma.vm_end)
        if keep:
            new = yield from copy_vma_and_data(vma, low, high, new_addr + low - start, high - low)
            yield from dontunmap_complete(new, low, high)
        else:
            yield from move_vma(vma, low, high, new_addr + low - start, high - low)
        at = high


def dontunmap_complete(new: Vma, start: int, end: int) -> Steps:
    """What is left of a VMA whose pages have moved: no lock, and no anon_vma if all of them have.

    The lock goes from all of the VMA; pages of it that did not move, and have the lock on themselves, stay
    locked in memory for good, since nobody unlocks them (dontunmap_complete).
    """
    mm = new.vm_mm
    vma = mm.vmas.holding(start)
    if vma.vm_flags & VM_LOCKED:
        vma.vm_flags &= ~VM_LOCKED
        for page in pages_of(vma):
            if not page.test(PG_mlock_missed):
                page.set(PG_mlocked)
    if vma is not new and (vma.vm_start, vma.vm_end) == (start, end):
        mm.machine.scheme.vma_unlink(vma)
    yield step("{who} stays mapped, its pages have gone", vma=vma.id, mm=mm.id, who=vma_name(vma))


def pages_of(vma: Vma) -> Iterator[Page]:
    """The pages that a VMA maps now."""
    memory = vma.machine.memory
    for address in present_ptes(vma.vm_mm, vma.vm_start, vma.vm_end).tolist():
        pte = memory[pte_offset(vma.vm_mm, address)]
        if pte_present(pte) and not is_zero_page(pte_pfn(pte)):
            yield vma.machine.page(pte_pfn(pte))


def expand_vma_in_place(vma: Vma, new_end: int) -> Steps:
    """Nothing is in the way: the VMA takes in the new range, and a neighbour behind it that continues it.

    One that has no anon_vma yet is taken in even by a VMA that was inherited (expand_vma_in_place,
    vma_merge_extend).
    """
    mm = vma.vm_mm
    after = mm.vmas.at(new_end)
    end = new_end
    if after is not None:
        owner = vma if after.anon_vma is not None else None
        pgoff = vma.vm_pgoff + ((new_end - vma.vm_start) >> PAGE_SHIFT)
        if can_vma_merge(after, vma.vm_flags, pgoff, vma.vm_file, owner):
            end = after.vm_end
    yield from vma_adjust(vma, vma.vm_start, end)
    text = "{who} grew in place, to {end:#x}"
    yield step(text, vma=vma.id, mm=mm.id, who=vma_name(vma), end=new_end)
