"""mremap (mm/mremap.c of 2.6.4)."""

from __future__ import annotations

from vmtui.errors import KernelError
from vmtui.mm.mlock import make_pages_present
from vmtui.mm.mm_types import VM_LOCKED, Label, Mm, Vma, find_label, label_at, vma_name
from vmtui.mm.mmap import (
    check_range,
    get_unmapped_area,
    stretch,
    trim_labels,
    unmap_range,
    vma_alloc,
    vma_link,
    vma_merge,
)
from vmtui.mm.page import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from vmtui.mm.pgtable import is_zero_page, present_ptes, pte_alloc, pte_offset, pte_pfn, pte_present
from vmtui.mm.step import Steps, step


def sys_mremap(
    mm: Mm,
    start: int,
    old_end: int,
    new_length: int,
    new_addr: int | None = None,
    rename: str | None = None,
    *,
    keep: bool = False,
) -> Steps:
    """Make [start, old_end) `new_length` long, and move it if it must (sys_mremap, MREMAP_MAYMOVE).

    What a locked VMA gains is faulted in.

    Args:
        new_addr: Where to (MREMAP_FIXED); None: where it is, or where there is room.
        rename: What commands call it from now on.
        keep: The old range stays mapped, without its pages (MREMAP_DONTUNMAP).

    Raises:
        KernelError: EINVAL; what the kernel's do_mremap raises.
    """
    check_range(mm, start, old_end)
    new_length = (new_length + PAGE_SIZE - 1) & PAGE_MASK
    if new_length <= 0:
        raise KernelError("EINVAL", "mremap: the new length is 0")
    yield from mm.machine.kernel.do_mremap(mm, start, old_end, new_length, new_addr, rename, keep)


def do_mremap(
    mm: Mm, start: int, old_end: int, new_length: int, new_addr: int | None, rename: str | None, keep: bool
) -> Steps:
    """The range must lie within one VMA (the body of sys_mremap).

    Raises:
        KernelError: EINVAL (`keep` too: that flag is of 5.7); EFAULT (the range is not within one VMA);
            EEXIST (label or address taken); ENOMEM (no room).
    """
    if keep:
        raise KernelError("EINVAL", "mremap: MREMAP_DONTUNMAP came with 5.7, and rules=2.6 do not know it")
    vma = mm.vmas.at(start)
    if vma is None or vma.vm_end < old_end:
        raise KernelError("EFAULT", f"{start:#x}-{old_end:#x} is not within one VMA of {mm.name}")
    old_length = old_end - start
    label, whole = label_of_range(mm, start, old_end)
    check_label(mm, label, whole, rename)

    if new_addr is not None:
        check_target(mm, start, old_end, new_addr, new_length)
        check_distance(mm, start, new_addr)
    if new_length < old_end - start:
        yield from unmap_range(mm, start + new_length, old_end)
        old_end = start + new_length
    vma = mm.vmas.holding(start)
    if new_addr is None and room_behind(mm, vma, old_end, start + new_length):
        yield from grow_in_place(vma, start + new_length)
    elif new_addr is not None or new_length > old_end - start:
        new_addr = get_unmapped_area(mm, new_length, start) if new_addr is None else new_addr
        yield from move_vma(vma, start, old_end, new_addr, new_length)
        start = new_addr
    relabel(mm, label, whole, start, start + new_length, rename)
    vma = mm.vmas.holding(start)
    if vma.vm_flags & VM_LOCKED and new_length > old_length:
        yield from make_pages_present(vma, start + old_length, start + new_length)


def label_of_range(mm: Mm, start: int, end: int) -> tuple[Label | None, bool]:
    """The name of a range and whether it is all that bears it; else the name of its first page."""
    for label in mm.labels:
        if (label.start, label.end) == (start, end):
            return label, True
    return label_at(mm, start), False


def check_label(mm: Mm, label: Label | None, whole: bool, rename: str | None) -> None:
    """A name cannot be in two places: part of a mapping that changes needs a name of its own."""
    if rename is not None and find_label(mm, rename) not in (None, label):
        raise KernelError("EEXIST", f"{mm.name} has a mapping called {rename} already")
    if label is not None and not whole and rename in (None, label.name):
        whose = f"{mm.name}.{label.name}"
        raise KernelError("EINVAL", f"only part of {whose} would change: name that part with `as`")


def check_new_label(mm: Mm, name: str | None) -> None:
    """What stays mapped keeps its name, so what its pages move to needs one of its own."""
    if name is None:
        raise KernelError("EINVAL", "what stays mapped keeps its name: name where the pages go with `as`")
    if find_label(mm, name) is not None:
        raise KernelError("EEXIST", f"{mm.name} has a mapping called {name} already")


def check_target(mm: Mm, start: int, end: int, new_addr: int, new_length: int) -> None:
    """MREMAP_FIXED, and the target must be free (the kernel would unmap what is there)."""
    if new_addr % PAGE_SIZE:
        raise KernelError("EINVAL", f"{new_addr:#x} is not a multiple of {PAGE_SIZE}")
    if new_addr < PAGE_SIZE or new_addr + new_length > mm.machine.task_size:
        raise KernelError("ENOMEM", f"{new_addr:#x}-{new_addr + new_length:#x} is not within user addresses")
    if start < new_addr + new_length and new_addr < end:
        raise KernelError("EINVAL", "mremap: the old and the new range overlap")
    taken = mm.vmas.overlapping(new_addr, new_addr + new_length)
    if taken:
        raise KernelError("EEXIST", f"{new_addr:#x} is taken by {vma_name(taken[0])}")


def check_distance(mm: Mm, start: int, new_addr: int) -> None:
    """A cluster's pages stay where they are in it: it moves by whole clusters (*ours*)."""
    size = PAGE_SIZE * mm.machine.cluster
    if (new_addr - start) % size:
        text = f"mremap from {start:#x} to {new_addr:#x}: not a multiple of a cluster's {size:,} bytes"
        raise KernelError("EINVAL", text)


def room_behind(mm: Mm, vma: Vma, old_end: int, new_end: int) -> bool:
    """Whether the VMA ends with the range and can simply grow."""
    if vma.vm_end != old_end or not old_end < new_end <= mm.machine.task_size:
        return False
    return not mm.vmas.overlapping(old_end, new_end)


def grow_in_place(vma: Vma, new_end: int) -> Steps:
    """Nothing is in the way: the VMA just ends later."""
    stretch(vma, vma.vm_start, new_end)
    text = "{who} grew in place, to {end:#x}"
    yield step(text, vma=vma.id, mm=vma.vm_mm.id, who=vma_name(vma), end=new_end)


def move_vma(vma: Vma, start: int, end: int, new_addr: int, new_length: int) -> Steps:
    """A VMA for the new address, the PTEs over to it, then the old range unmapped (move_vma).

    Where page->index is counted from it, vm_pgoff moves along unchanged and every page is still found.
    """
    mm = vma.vm_mm
    yield from copy_vma_and_data(vma, start, end, new_addr, new_length)
    yield from unmap_range(mm, start, end)


def copy_vma_and_data(vma: Vma, start: int, end: int, new_addr: int, new_length: int) -> Steps:
    """The VMA for the new address, with the PTEs of the old range (the first half of move_vma).

    Returns:
        The VMA.
    """
    mm = vma.vm_mm
    yield from mm.machine.scheme.move_prepare(vma, start, end)
    new: Vma = yield from copy_vma(vma, start, new_addr, new_length)
    moved = move_page_tables(mm, start, end, new_addr)
    text = "{n:,} PTEs moved to {who}"
    yield step(text, vma=new.id, mm=mm.id, n=moved, who=vma_name(new))
    yield from mm.machine.scheme.vma_move(vma, new)
    return new


def copy_vma(vma: Vma, start: int, new_addr: int, new_length: int) -> Steps:
    """The VMA for the new place: a neighbour there that can take it, or a new struct (copy_vma)."""
    mm = vma.vm_mm
    pgoff = vma.vm_pgoff + ((start - vma.vm_start) >> PAGE_SHIFT)
    if vma.vm_file is None and not mm.machine.scheme.keeps_pgoff(vma):
        pgoff = new_addr >> PAGE_SHIFT
    new = yield from vma_merge(mm, new_addr, new_addr + new_length, vma.vm_flags, pgoff, vma, vma.vm_file)
    if new is None:
        new = vma_alloc(mm, new_addr, new_addr + new_length, vma.vm_flags, pgoff, vma.vm_file)
        vma_link(new)
        text = "a VMA for {addr:#x}; its vm_pgoff is {pgoff:#x}"
        yield step(text, vma=new.id, mm=mm.id, addr=new_addr, pgoff=pgoff)
    return new


def move_page_tables(mm: Mm, start: int, end: int, new_addr: int) -> int:
    """Move each PTE to the same offset at the new address; how many (move_page_tables)."""
    memory = mm.machine.memory
    addresses = present_ptes(mm, start, end).tolist()
    # flush_tlb_range
    mm.machine.work["tlb_flushes"] += 1
    for address in addresses:
        src = pte_offset(mm, address)
        pte = memory[src]
        dst = pte_alloc(mm, address - start + new_addr)
        memory[src] = 0
        memory[dst] = pte
        if pte_present(pte) and not is_zero_page(pte_pfn(pte)):
            mm.machine.scheme.move_rmap(mm.machine.page(pte_pfn(pte)), src, dst)
    return len(addresses)


def relabel(mm: Mm, label: Label | None, whole: bool, start: int, end: int, rename: str | None) -> None:
    """Names follow: a label moves with its range; part of a range, renamed, gets a label of its own."""
    if label is not None and whole:
        label.name = rename or label.name
        if label.start != start:
            # It is the latest name for where it has come to.
            mm.labels.remove(label)
            mm.labels.add(label)
        label.start, label.end = start, end
    elif rename is not None:
        mm.labels.add(Label(mm.machine, 0, rename, start, end))
    trim_labels(mm, 0, mm.machine.task_size)
