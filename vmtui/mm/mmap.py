"""Mapping and unmapping; VMAs found, split and merged (mm/mmap.c of 2.6.4)."""

from __future__ import annotations

from typing import Final

from vmtui.errors import KernelError
from vmtui.mm.filemap import address_space_alloc
from vmtui.mm.memory import unmap_vmas
from vmtui.mm.mm_types import (
    VM_ACCESS,
    VM_ACCOUNT,
    VM_DONTCOPY,
    VM_GROWSDOWN,
    VM_LOCKED,
    VM_NONLINEAR,
    VM_READ,
    VM_SHARED,
    VM_WIPEONFORK,
    VM_WRITE,
    AddressSpace,
    Label,
    Mm,
    Vma,
    find_label,
    place_name,
    vma_name,
)
from vmtui.mm.page import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from vmtui.mm.shmem import shmem_delete_inode
from vmtui.mm.step import Steps, step
from vmtui.state.containers import ListHead

#: Where the heap begins.
BRK_START: Final = 0x08100000

#: Flags two VMAs must agree in to become one.
_KIND: Final = (
    VM_ACCESS | VM_SHARED | VM_GROWSDOWN | VM_LOCKED | VM_NONLINEAR | VM_DONTCOPY | VM_WIPEONFORK | VM_ACCOUNT
)


def find_vma(mm: Mm, address: int) -> Vma | None:
    """The first VMA that ends after an address; it need not hold it (find_vma)."""
    return mm.vmas.find(address)


def check_range(mm: Mm, start: int, end: int) -> None:
    """Refuse a range that is empty, not of whole pages, or beyond user addresses.

    Raises:
        KernelError: EINVAL.
    """
    if start % PAGE_SIZE or end % PAGE_SIZE:
        raise KernelError("EINVAL", f"{start:#x}-{end:#x}: addresses must be multiples of {PAGE_SIZE}")
    if not 0 <= start < end <= mm.machine.task_size:
        raise KernelError("EINVAL", f"{start:#x}-{end:#x} is not a range of user addresses")


def do_mmap(
    mm: Mm,
    label: str,
    length: int,
    prot: int,
    addr: int | None = None,
    growsdown: bool = False,
    *,
    shared: bool = False,
    file: AddressSpace | None = None,
    pgoff: int = 0,
) -> Steps:
    """Map memory: anonymous, or pages of a file from `pgoff` on; private or shared (do_mmap_pgoff).

    Without `addr` it goes at the lowest place from TASK_UNMAPPED_BASE up that leaves a page free on
    both sides; with it, exactly there.

    Returns:
        The address.

    Raises:
        KernelError: EINVAL (length 0, address not aligned, a file that grows down), EEXIST (label or
            addresses taken), ENOMEM (no room).
    """
    length = (length + PAGE_SIZE - 1) & PAGE_MASK
    if length <= 0:
        raise KernelError("EINVAL", f"mmap of {label}: the length is 0")
    if growsdown and (shared or file is not None):
        raise KernelError("EINVAL", f"mmap of {label}: only private anonymous memory can grow down")
    if find_label(mm, label) is not None:
        raise KernelError("EEXIST", f"{mm.name} has a mapping called {label} already")
    if addr is None:
        addr = get_unmapped_area(mm, length)
    elif addr % PAGE_SIZE:
        raise KernelError("EINVAL", f"{addr:#x} is not a multiple of {PAGE_SIZE}")
    elif addr < PAGE_SIZE or addr + length > mm.machine.task_size:
        raise KernelError("ENOMEM", f"{addr:#x}-{addr + length:#x} is not within user addresses")
    taken = mm.vmas.overlapping(addr, addr + length)
    if taken:
        raise KernelError("EEXIST", f"{addr:#x}-{addr + length:#x} is taken by {vma_name(taken[0])}")

    flags = prot | (VM_GROWSDOWN if growsdown else 0) | (VM_SHARED if shared else 0)
    flags = mm.machine.kernel.vm_flags(flags)
    if file is None and shared:
        file = address_space_alloc(mm.machine, f"{mm.name}.{label}", length, shmem=True)
    elif file is None:
        pgoff = addr >> PAGE_SHIFT
    mm.labels.add(Label(mm.machine, 0, label, addr, addr + length))
    vma = yield from vma_merge(mm, addr, addr + length, flags, pgoff, None, file)
    if vma is None:
        vma = vma_alloc(mm, addr, addr + length, flags, pgoff, file)
        vma_link(vma)
        text = "{who}: a VMA of {n:,} pages from {start:#x}; no page yet"
        yield step(text, vma=vma.id, mm=mm.id, who=f"{mm.name}.{label}", n=vma.pages, start=addr)
    return addr


def get_unmapped_area(mm: Mm, length: int, moved_from: int | None = None) -> int:
    """The lowest room for `length` bytes with a page free on both sides (arch_get_unmapped_area).

    Args:
        moved_from: The room is for what is mapped here now, whole clusters away (*ours*).

    Raises:
        KernelError: ENOMEM.
    """
    addr = like(mm, mm.machine.arch.unmapped_base, moved_from)
    for vma in mm.vmas:
        if vma.vm_end + PAGE_SIZE <= addr:
            continue
        if addr + length + PAGE_SIZE <= vma.vm_start:
            break
        addr = like(mm, max(addr, vma.vm_end + PAGE_SIZE), moved_from)
    if addr + length > mm.machine.task_size:
        raise KernelError("ENOMEM", f"{mm.name} has no room for {length:,} bytes of addresses")
    return addr


def like(mm: Mm, addr: int, other: int | None) -> int:
    """The lowest address from `addr` up that lies in its cluster where `other` lies in its own."""
    return addr if other is None else addr + (other - addr) % (PAGE_SIZE * mm.machine.cluster)


def vma_alloc(mm: Mm, start: int, end: int, flags: int, pgoff: int, file: AddressSpace | None) -> Vma:
    """A new VMA, charged, and not yet in the list (kmem_cache_alloc of vm_area_cachep)."""
    machine = mm.machine
    machine.ledger.charge("vm_area_struct")
    vma = Vma(machine, machine.vmas.next_id, mm, start, end, flags, pgoff, file)
    return machine.vmas.add(vma)


def vma_link(vma: Vma, before: Vma | None = None) -> None:
    """Enter a VMA into its process's list and its file's: before another, else last (vma_link)."""
    vma.vm_mm.vmas.insert(vma)
    file_link(vma, before)


def file_link(vma: Vma, before: Vma | None = None) -> None:
    """Queue a VMA on i_mmap, or on i_mmap_shared (__vma_link_file)."""
    if vma.vm_file is not None:
        i_mmap_of(vma, vma.vm_file).add_before(vma, before)
        vma.machine.scheme.file_link(vma, before)


def file_unlink(vma: Vma) -> None:
    """Take a VMA off its file's list (remove_shared_vm_struct)."""
    if vma.vm_file is not None:
        vma.machine.scheme.file_unlink(vma)
        i_mmap_of(vma, vma.vm_file).remove(vma)


def i_mmap_of(vma: Vma, file: AddressSpace) -> ListHead[Vma]:
    """The list of its file that a VMA belongs on."""
    return file.i_mmap_shared if vma.vm_flags & VM_SHARED else file.i_mmap


def vma_free(vma: Vma) -> None:
    """A VMA whose PTEs are gone leaves its lists (remove_vm_struct)."""
    machine = vma.machine
    file = vma.vm_file
    vma.vm_mm.vmas.remove(vma)
    file_unlink(vma)
    if file is not None and file.shmem and not len(file.i_mmap_shared) and not file.f_count:
        shmem_delete_inode(file)
    machine.scheme.vma_unlink(vma)
    machine.vmas.free(vma)
    machine.ledger.uncharge("vm_area_struct")


def split_vma(vma: Vma, address: int, new_below: bool) -> Steps:
    """Cut a VMA in two at `address`; the new struct takes the part below or above (split_vma).

    Returns:
        The new VMA.
    """
    mm = vma.vm_mm
    who = vma_name(vma)
    pages = (address - vma.vm_start) >> PAGE_SHIFT
    if new_below:
        new = vma_alloc(mm, vma.vm_start, address, vma.vm_flags, vma.vm_pgoff, vma.vm_file)
        stretch(vma, address, vma.vm_end)
    else:
        new = vma_alloc(mm, address, vma.vm_end, vma.vm_flags, vma.vm_pgoff + pages, vma.vm_file)
        stretch(vma, vma.vm_start, address)
    vma_link(new)
    text = "{who} was cut in two: {new} has a VMA of its own now"
    yield step(text, vma=new.id, mm=mm.id, who=who, new=vma_name(new))
    yield from mm.machine.scheme.vma_split(vma, new)
    return new


def can_vma_merge(vma: Vma, flags: int, pgoff: int, file: AddressSpace | None, other: Vma | None) -> bool:
    """Whether a VMA can take in a neighbour range of these flags and file, whose pgoff continues its own.

    Args:
        pgoff: What the range's pgoff would be if it began where `vma` begins.
        other: The VMA the range belongs to now, if any.
    """
    if (vma.vm_flags ^ flags) & _KIND or vma.vm_pgoff != pgoff or vma.vm_file is not file:
        return False
    if vma.vm_private_data:
        return False
    if flags & VM_SHARED:
        return True
    return vma.machine.scheme.can_vma_merge(vma, other)


def vma_merge(
    mm: Mm, start: int, end: int, flags: int, pgoff: int, donor: Vma | None, file: AddressSpace | None
) -> Steps:
    """Let a neighbour take in [start, end) instead of making or keeping a VMA for it (vma_merge).

    Args:
        donor: The VMA that has the range now; None: nothing is mapped there.

    Returns:
        The VMA that has the range now; None if no neighbour can take it.
    """
    before, after = mm.vmas.before(start), mm.vmas.find(end)
    if before and before.vm_end != start:
        before = None
    if after and after.vm_start != end:
        after = None
    if before and not can_vma_merge(before, flags, pgoff - before.pages, file, donor):
        before = None
    if after and not can_vma_merge(after, flags, pgoff + ((end - start) >> PAGE_SHIFT), file, donor):
        after = None
    if before and after and not flags & VM_SHARED and not mm.machine.scheme.can_vma_merge(before, after):
        after = None

    if before:
        yield from vma_adjust(before, before.vm_start, after.vm_end if after else end)
    elif after:
        yield from vma_adjust(after, start, after.vm_end)
    return before or after


def vma_adjust(vma: Vma, start: int, end: int) -> Steps:
    """Stretch a VMA to [start, end); what it now covers of its neighbours goes over to it (vma_adjust)."""
    mm = vma.vm_mm
    donors = [donor for donor in mm.vmas.overlapping(start, end) if donor is not vma]
    for donor in donors:
        low, high = max(start, donor.vm_start), min(end, donor.vm_end)
        if donor.vm_end <= vma.vm_start and donor.vm_start < start:
            stretch(donor, donor.vm_start, start)
        elif donor.vm_start >= vma.vm_end and donor.vm_end > end:
            stretch(donor, end, donor.vm_end)
        stretch(vma, min(vma.vm_start, low), max(vma.vm_end, high))
        yield from mm.machine.scheme.vma_adjust(vma, donor, low, high)
        if low == donor.vm_start and high == donor.vm_end:
            vma_free(donor)
    stretch(vma, start, end)
    text = "{who} is one VMA now, {start:#x}-{end:#x}"
    yield step(text, vma=vma.id, mm=mm.id, who=vma_name(vma), start=start, end=end)


def stretch(vma: Vma, start: int, end: int) -> None:
    """Move a VMA's ends; vm_pgoff follows its start.  Its file's list sees it leave and join (vma_adjust)."""
    if (vma.vm_start, vma.vm_end) == (start, end):
        return
    file_unlink(vma)
    if vma.vm_start != start:
        vma.vm_pgoff -= (vma.vm_start - start) >> PAGE_SHIFT
        vma.vm_start = start
    if vma.vm_end != end:
        vma.vm_end = end
    file_link(vma)
    vma.machine.scheme.vma_resize(vma)


def do_munmap(mm: Mm, start: int, end: int) -> Steps:
    """Unmap [start, end): cut VMAs at its ends, drop the pages, then the VMAs (do_munmap).

    Raises:
        KernelError: EINVAL.
    """
    check_range(mm, start, end)
    yield from unmap_range(mm, start, end)
    trim_labels(mm, start, end)


def unmap_range(mm: Mm, start: int, end: int) -> Steps:
    """The work of munmap, labels left alone (split_vma, unmap_region, unmap_vma_list)."""
    first = mm.vmas.at(start)
    if first is not None and first.vm_start < start:
        yield from split_vma(first, start, new_below=False)
    last = mm.vmas.at(end)
    if last is not None and last.vm_start < end:
        yield from split_vma(last, end, new_below=True)

    gone = mm.vmas.overlapping(start, end)
    yield from unmap_vmas(gone)
    for vma in gone:
        name = vma_name(vma)
        vma_free(vma)
        yield step("{who} is unmapped, its VMA freed", mm=mm.id, who=name)
    mm.machine.arch.free_pgtables(mm, start, end)
    if not gone:
        yield step("nothing was mapped there", mm=mm.id)


def trim_labels(mm: Mm, start: int, end: int) -> None:
    """Drop the labels of which nothing is mapped any more."""
    for label in list(mm.labels):
        if label.start < end and start < label.end and not mm.vmas.overlapping(label.start, label.end):
            mm.labels.remove(label)


def vmas_of_range(mm: Mm, start: int, end: int) -> list[Vma]:
    """The VMAs of [start, end) up to the first hole: what a call that stops at a hole will work on."""
    found: list[Vma] = []
    for vma in mm.vmas.overlapping(start, end):
        if vma.vm_start > (found[-1].vm_end if found else start):
            break
        found.append(vma)
    return found


def refuse_hole(vmas: list[Vma], mm: Mm, start: int, end: int) -> None:
    """After the part that is mapped was done: refuse the rest.

    Raises:
        KernelError: ENOMEM, partial if anything was done, where a hole begins in [start, end).
    """
    reached = vmas[-1].vm_end if vmas else start
    if reached < end:
        text = f"{place_name(mm, reached)} is not mapped; what lies below it was done"
        raise KernelError("ENOMEM", text, partial=bool(vmas))


def do_brk(mm: Mm, label: str, length: int) -> Steps:
    """Set the length of the heap (do_brk, sys_brk); the first call makes it, at BRK_START (*ours*).

    Raises:
        KernelError: EINVAL (it was not made by brk), ENOMEM (something is in the way, or the end of user
            addresses).
    """
    heap = find_label(mm, label)
    start = BRK_START if heap is None else heap.start
    if start != BRK_START:
        raise KernelError("EINVAL", f"{mm.name}.{label} was mapped by mmap, not by brk")
    old_end = start if heap is None else heap.end
    new_end = start + ((length + PAGE_SIZE - 1) & PAGE_MASK)
    if new_end > mm.machine.task_size:
        raise KernelError("ENOMEM", f"{mm.name}: the heap would end at {new_end:#x}, above user addresses")
    if new_end > old_end and mm.vmas.overlapping(old_end, new_end):
        raise KernelError("ENOMEM", f"{mm.name}: something is mapped where the heap would grow")
    if heap is not None:
        heap.end = new_end
    elif new_end > start:
        mm.labels.add(Label(mm.machine, 0, label, start, new_end))
    if new_end < old_end:
        yield from unmap_range(mm, new_end, old_end)
    elif new_end > old_end:
        yield from grow_heap(mm, old_end, new_end)
    trim_labels(mm, 0, mm.machine.task_size)


def grow_heap(mm: Mm, start: int, end: int) -> Steps:
    """Let the heap's VMA take in the new range, or make one (do_brk)."""
    flags = mm.machine.kernel.vm_flags(VM_READ | VM_WRITE)
    vma = yield from vma_merge(mm, start, end, flags, start >> PAGE_SHIFT, None, None)
    if vma is None:
        vma = vma_alloc(mm, start, end, flags, start >> PAGE_SHIFT, None)
        vma_link(vma)
        yield step("{who}: the heap has a VMA of {n:,} pages", vma=vma.id, mm=mm.id, who=mm.name, n=vma.pages)
