"""Faults, copy on write, fork's copy of page tables, zap (mm/memory.c of 2.6.4)."""

from __future__ import annotations

from typing import Any, Final

from vmtui.errors import KernelError
from vmtui.mm import bulk, bulk_touch, bulk_zap
from vmtui.mm.cluster import cluster_around, maps_page, page_index, page_number, subpage_pfn
from vmtui.mm.cluster_fault import map_around, move_around, swap_in_around
from vmtui.mm.filemap import filemap_nopage, set_file_size, truncate_inode_pages
from vmtui.mm.fremap import do_file_page
from vmtui.mm.mm_types import (
    VM_ACCESS,
    VM_GROWSDOWN,
    VM_NONLINEAR,
    VM_SHARED,
    VM_WRITE,
    AddressSpace,
    Mm,
    Vma,
    label_at,
    linear_page_index,
    place_name,
    vma_address,
)
from vmtui.mm.page import PAGE_SHIFT, PAGE_SIZE, ZERO_PFN, PG_referenced
from vmtui.mm.page_alloc import alloc_page
from vmtui.mm.pgtable import (
    PMD_SIZE,
    is_swap_pte,
    is_zero_page,
    maybe_mkwrite,
    mk_pte,
    pgoff_to_pte,
    present_ptes,
    pte_alloc,
    pte_dirty,
    pte_file,
    pte_mkclean,
    pte_mkdirty,
    pte_mkold,
    pte_mkwrite,
    pte_mkyoung,
    pte_none,
    pte_offset,
    pte_pfn,
    pte_present,
    pte_to_pgoff,
    pte_to_slot,
    pte_user,
    pte_write,
    pte_wrprotect,
    vm_page_prot,
)
from vmtui.mm.shmem import shmem_nopage
from vmtui.mm.step import Steps, step
from vmtui.mm.swap import lru_cache_add_active
from vmtui.mm.swap_state import lookup_swap_cache, read_swap_cache_async
from vmtui.mm.swapfile import (
    can_share_swap_page,
    free_page_and_swap_cache,
    free_swap_and_cache,
    release_page,
    remove_exclusive_swap_page,
    swap_duplicate,
    swap_free,
    vm_swap_full,
)

#: Fewer pages than this that are alike are not worth a look for more behind them.
FEW_ALIKE: Final = 32

#: How long a VMA that grows down may become: 8 MB (_STK_LIM).
RLIMIT_STACK: Final = 8 << 20


def follow_page(mm: Mm, address: int) -> int:
    """The page behind an address: its PTE's, or the swap cache's behind a swap entry; 0 for none."""
    ptep = pte_offset(mm, address)
    pte = mm.machine.memory[ptep] if ptep else 0
    if pte_present(pte):
        return page_number(mm.machine, pte_pfn(pte))
    return lookup_swap_cache(mm.machine, pte_to_slot(pte)) if is_swap_pte(pte) else 0


def access(mm: Mm, start: int, end: int, write: bool) -> Steps:
    """A program reads or writes each page of [start, end), as the CPU would.

    A long range is gone over at once as far as its pages are alike; the machine is the same either way.

    Raises:
        KernelError: EFAULT, partial where a page was touched before; ENOMEM.
    """
    few = min(FEW_ALIKE, mm.machine.options.bulk)
    address = start
    at_once = start if (end - start) >> PAGE_SHIFT >= mm.machine.options.bulk else end
    while address < end:
        done, text = bulk_touch.access_range(mm, address, end, write) if address >= at_once else (0, "")
        if address >= at_once and done < few:
            # Where few are alike it does not pay to look at each whether it begins more.
            at_once = address + (done + few) * PAGE_SIZE
        if done:
            did = "written" if write else "read"
            yield step(text, mm=mm.id, who=place_name(mm, address), n=done, did=did)
            address += done * PAGE_SIZE
            continue
        try:
            yield from touch(mm, address, write)
        except KernelError as error:
            error.partial = error.partial or (error.errno == "EFAULT" and address > start)
            raise
        address += PAGE_SIZE


def touch(mm: Mm, address: int, write: bool) -> Steps:
    """One access: the CPU walks the page tables, and faults until the PTE allows it."""
    memory = mm.machine.memory
    faulted = False
    while True:
        ptep = pte_offset(mm, address)
        pte = memory[ptep] if ptep else 0
        if pte_user(pte) and (pte_write(pte) or not write):
            break
        faulted = True
        yield from do_page_fault(mm, address, write)

    used = pte_mkdirty(pte_mkyoung(pte)) if write else pte_mkyoung(pte)
    if used != pte:
        memory[ptep] = used
    if not faulted:
        text = "{where} was mapped, no fault: the CPU set {bits}"
        bits = "accessed and dirty" if write else "accessed"
        page = page_number(mm.machine, pte_pfn(pte))
        yield step(text, page=page, mm=mm.id, ptep=ptep, where=place_name(mm, address), bits=bits)


def do_page_fault(mm: Mm, address: int, write: bool) -> Steps:
    """The CPU could not use the PTE: find the VMA, and ask it (do_page_fault, arch/i386/mm/fault.c).

    Raises:
        KernelError: EFAULT, where a real process would get SIGSEGV.
    """
    vma = mm.vmas.find(address)
    if vma is not None and address < vma.vm_start and vma.vm_flags & VM_GROWSDOWN:
        yield from expand_stack(vma, address)

    where = place_name(mm, address)
    if vma is None or address < vma.vm_start:
        raise KernelError("EFAULT", f"{where} is in no VMA: the process would get SIGSEGV")
    if not vma.vm_flags & VM_ACCESS or (write and not vma.vm_flags & VM_WRITE):
        kind = "written" if write else "read"
        raise KernelError("EFAULT", f"{where} may not be {kind}: the process would get SIGSEGV")

    text = "{where} faulted on a {kind}"
    yield step(text, vma=vma.id, mm=mm.id, where=where, kind="write" if write else "read")
    yield from mm.machine.kernel.handle_mm_fault(mm, vma, address, write)


def expand_stack(vma: Vma, address: int) -> Steps:
    """A VMA that grows down takes in an address below it (expand_stack, mm/mmap.c).

    Raises:
        KernelError: EFAULT, the stack would be longer than RLIMIT_STACK, or page numbers fall below 0.
    """
    mm = vma.vm_mm
    start = address & ~(PAGE_SIZE - 1)
    if vma.vm_end - start > RLIMIT_STACK:
        raise KernelError("EFAULT", f"{place_name(mm, address)}: the stack would be longer than RLIMIT_STACK")
    grow = (vma.vm_start - start) >> PAGE_SHIFT
    if grow > vma.vm_pgoff:
        # A VMA that mremap moved up keeps its small vm_pgoff; page->index cannot go below 0.
        where = place_name(mm, address)
        raise KernelError("EFAULT", f"{where}: the stack would grow below page number 0 (vm_pgoff)")
    yield from mm.machine.scheme.vma_prepare(vma)
    label = label_at(mm, vma.vm_start)
    vma.vm_pgoff -= grow
    vma.vm_start = start
    mm.machine.scheme.vma_resize(vma)
    if label is not None and label.start > start:
        label.start = start
    yield step("{who} grows down to {start:#x}", vma=vma.id, mm=mm.id, who=mm.name, start=start)


def handle_mm_fault(mm: Mm, vma: Vma, address: int, write: bool) -> Steps:
    """The page tables down to the PTE, then what its content asks for (handle_mm_fault, handle_pte_fault)."""
    ptep = pte_alloc(mm, address)
    pte = mm.machine.memory[ptep]
    if pte_none(pte) and vma.vm_file is not None:
        yield from do_no_page(mm, vma, address, ptep, write)
    elif pte_none(pte):
        yield from do_anonymous_page(mm, vma, address, ptep, write)
    elif pte_file(pte):
        yield from do_file_page(mm, vma, address, ptep)
    elif not pte_present(pte):
        yield from do_swap_page(mm, vma, address, ptep, write)
    elif write:
        yield from do_wp_page(mm, vma, address, ptep)


def do_anonymous_page(mm: Mm, vma: Vma, address: int, ptep: int, write: bool) -> Steps:
    """First touch of anonymous memory (do_anonymous_page).

    A read maps the zero page, which has no reverse map and takes no frame; a write takes a frame.
    """
    memory = mm.machine.memory
    where = place_name(mm, address)
    if not write:
        memory[ptep] = pte_wrprotect(mk_pte(ZERO_PFN, vm_page_prot(vma)))
        text = "{where} maps the zero page now, read-only: no frame was taken"
        yield step(text, vma=vma.id, mm=mm.id, ptep=ptep, where=where)
        return

    yield from mm.machine.scheme.vma_prepare(vma)
    page = alloc_page(mm.machine)
    mm.rss += 1
    memory[ptep] = pte_mkwrite(pte_mkdirty(mk_pte(subpage_pfn(page, vma, address), vm_page_prot(vma))))
    lru_cache_add_active(page)
    page.set(PG_referenced)
    text = "{where} got frame {page:#x}, zeroed and mapped writable"
    yield step(text, page=page.pfn, vma=vma.id, mm=mm.id, ptep=ptep, where=where)
    yield from mm.machine.scheme.page_add_rmap(page, vma, address, ptep, fresh=True)
    yield from map_around(page, vma, address)


def do_no_page(mm: Mm, vma: Vma, address: int, ptep: int, write: bool) -> Steps:
    """First touch of a page of a file or of shared memory (do_no_page).

    The page comes from the page cache.  A write to a private mapping copies it: the copy is anonymous.

    Raises:
        KernelError: EFAULT, the page is behind the end of the file (SIGBUS).
    """
    memory = mm.machine.memory
    where = place_name(mm, address)
    mapping = vma.vm_file
    if mapping is None or linear_page_index(vma, address) >= mapping.end:
        raise KernelError("EFAULT", f"{where} is behind the end of its file: the process would get SIGBUS")
    nopage = shmem_nopage if mapping.shmem else filemap_nopage
    page = yield from nopage(mapping, page_index(vma, address))

    about: dict[str, Any] = {"vma": vma.id, "mm": mm.id, "ptep": ptep, "where": where}
    mm.rss += 1
    if write and not vma.vm_flags & VM_SHARED:
        yield from mm.machine.scheme.vma_prepare(vma)
        copy = alloc_page(mm.machine)
        memory[ptep] = pte_mkwrite(pte_mkdirty(mk_pte(subpage_pfn(copy, vma, address), vm_page_prot(vma))))
        lru_cache_add_active(copy)
        release_page(page)
        text = "{where}: a private copy of frame {old:#x} in frame {page:#x}"
        yield step(text, page=copy.pfn, old=page.pfn, **about)
        yield from mm.machine.scheme.page_add_rmap(copy, vma, address, ptep, fresh=True)
        yield from map_around(copy, vma, address)
        return

    pte = mk_pte(subpage_pfn(page, vma, address), vm_page_prot(vma))
    memory[ptep] = pte_mkdirty(pte) if write else pte
    yield step("{where} maps frame {page:#x} of {who}", page=page.pfn, who=mapping.name, **about)
    yield from mm.machine.scheme.page_add_file_rmap(page, vma, ptep)
    yield from map_around(page, vma, address)


def do_wp_page(mm: Mm, vma: Vma, address: int, ptep: int) -> Steps:
    """A write through a read-only PTE of a writable VMA: reuse the page, or copy it (do_wp_page)."""
    memory = mm.machine.memory
    where = place_name(mm, address)
    old = mm.machine.page(pte_pfn(memory[ptep]))
    others = [other for other in cluster_around(vma, address) if maps_page(old, memory[other[1]])]

    if not is_zero_page(old.pfn) and can_share_swap_page(old, 1 + len(others)):
        memory[ptep] = pte_mkwrite(pte_mkdirty(pte_mkyoung(memory[ptep])))
        text = "{where}: nobody else has frame {page:#x}: written in place, not copied"
        yield step(text, page=old.pfn, vma=vma.id, mm=mm.id, ptep=ptep, where=where)
        yield from mm.machine.scheme.page_move_rmap(old, vma, address)
        return

    yield from mm.machine.scheme.vma_prepare(vma)
    page = alloc_page(mm.machine)
    if is_zero_page(old.pfn):
        mm.rss += 1
    else:
        yield from mm.machine.scheme.page_remove_rmap(old, ptep)
    mm.machine.work["tlb_flushes"] += 1
    pte = mk_pte(subpage_pfn(page, vma, address), vm_page_prot(vma))
    memory[ptep] = maybe_mkwrite(pte_mkdirty(pte), vma)
    lru_cache_add_active(page)
    text = "{where}: frame {old:#x} is {why}: copied to frame {page:#x}"
    why = "the zero page" if is_zero_page(old.pfn) else "shared"
    yield step(text, page=page.pfn, vma=vma.id, mm=mm.id, ptep=ptep, where=where, old=old.pfn, why=why)

    yield from mm.machine.scheme.page_add_rmap(page, vma, address, ptep, fresh=True)
    if is_zero_page(old.pfn):
        yield from map_around(page, vma, address)
    else:
        free_page_and_swap_cache(old)
        yield from move_around(old, page, vma, others)


def do_swap_page(mm: Mm, vma: Vma, address: int, ptep: int, write: bool) -> Steps:
    """A fault on a swap entry: find the page in the swap cache, or read it in (do_swap_page).

    The page stays in the swap cache, and its slot with it, until swap is half full or it is freed.
    """
    machine = mm.machine
    where = place_name(mm, address)
    slot = pte_to_slot(machine.memory[ptep])
    pfn = lookup_swap_cache(machine, slot)
    if pfn:
        page = machine.page(pfn)
        page.count += 1
        text = "{where}: slot {slot} is still in the swap cache, frame {page:#x}: a minor fault"
    else:
        page = read_swap_cache_async(machine, slot)
        text = "{where}: slot {slot} was read into frame {page:#x}: a major fault"
    page.set(PG_referenced)
    yield step(text, page=page.pfn, vma=vma.id, mm=mm.id, ptep=ptep, where=where, slot=slot)

    swap_free(machine, slot)
    if vm_swap_full(machine):
        remove_exclusive_swap_page(page)
    mm.rss += 1
    pte = pte_mkyoung(mk_pte(subpage_pfn(page, vma, address), vm_page_prot(vma)))
    if write and can_share_swap_page(page):
        pte = maybe_mkwrite(pte_mkdirty(pte), vma)
    machine.memory[ptep] = pte
    text = "{where} maps frame {page:#x} again, {how}"
    how = "writable" if pte_write(pte) else "read-only"
    yield step(text, page=page.pfn, vma=vma.id, mm=mm.id, ptep=ptep, where=where, how=how)
    yield from machine.scheme.page_add_rmap(page, vma, address, ptep, fresh=False)
    yield from swap_in_around(page, vma, address, slot)


def copy_page_range(vma: Vma, child: Vma) -> Steps:
    """fork: copy the PTEs of one VMA, page by page (copy_page_range).

    The child gets a PTE page wherever the parent has one, and a copy of each entry in it.  A long VMA is
    copied at once as far as there is room; the machine is the same either way.
    """
    reached = vma.vm_start
    if vma.pages >= vma.machine.options.bulk:
        reached, n = bulk.copy_range(vma, child)
        if reached > vma.vm_start:
            text = "{who}: {n:,} PTEs copied at once, {how}"
            how = "and still writable" if vma.vm_flags & VM_SHARED else "both sides read-only"
            yield step(text, vma=child.id, mm=child.vm_mm.id, who=child.vm_mm.name, n=n, how=how)

    for base in range(reached & ~(PMD_SIZE - 1), vma.vm_end, PMD_SIZE):
        start, end = max(base, reached), min(base + PMD_SIZE, vma.vm_end)
        if not pte_offset(vma.vm_mm, start):
            continue
        pte_alloc(child.vm_mm, start)
        for address in present_ptes(vma.vm_mm, start, end).tolist():
            yield from vma.machine.kernel.copy_one_pte(vma, child, address)


def copy_one_pte(vma: Vma, child: Vma, address: int) -> Steps:
    """fork: copy one entry; a private page becomes read-only on both sides (copy_page_range's inner loop)."""
    machine = vma.machine
    memory = machine.memory
    src, dst = pte_offset(vma.vm_mm, address), pte_offset(child.vm_mm, address)
    pte = memory[src]
    where = place_name(vma.vm_mm, address)
    about: dict[str, Any] = {"vma": child.id, "mm": child.vm_mm.id, "ptep": dst, "where": where}

    if is_swap_pte(pte):
        swap_duplicate(machine, pte_to_slot(pte))
        memory[dst] = pte
        text = "{where}: swap entry copied, slot {slot} has one more holder"
        yield step(text, slot=pte_to_slot(pte), **about)
        yield from machine.scheme.swap_dup_rmap(vma, child)
        return
    if pte_file(pte):
        memory[dst] = pte
        yield step(
            "{where}: file entry copied, for page {index} of the file", index=pte_to_pgoff(pte), **about
        )
        return

    if not vma.vm_flags & VM_SHARED and pte_write(pte):
        pte = memory[src] = pte_wrprotect(pte)
    memory[dst] = pte_mkclean(pte_mkold(pte)) if vma.vm_flags & VM_SHARED else pte_mkold(pte)
    if is_zero_page(pte_pfn(pte)):
        yield step("{where}: the child maps the zero page too", **about)
        return

    page = machine.page(pte_pfn(pte))
    page.count += 1
    child.vm_mm.rss += 1
    text = "{where}: PTE copied, frame {page:#x} is shared, and writable"
    if not pte_write(pte):
        text = "{where}: PTE copied, frame {page:#x} is read-only on both sides"
    yield step(text, page=page.pfn, **about)
    yield from machine.scheme.page_dup_rmap(page, vma, child, dst)


def unmap_vmas(vmas: list[Vma]) -> Steps:
    """Drop every mapping of some VMAs of a process; one flush of the TLB for all (unmap_vmas)."""
    flush = False
    for vma in vmas:
        flush |= yield from unmap_page_range(vma, vma.vm_start, vma.vm_end)
    if flush:
        tlb_finish_mmu(vmas[0].vm_mm)


def zap_page_range(vma: Vma, start: int, end: int) -> Steps:
    """Drop every mapping in [start, end) of a VMA; page tables stay (zap_page_range)."""
    flush = yield from unmap_page_range(vma, start, end)
    if flush:
        tlb_finish_mmu(vma.vm_mm)


def unmap_page_range(vma: Vma, start: int, end: int) -> Steps:
    """The mappings in [start, end) (unmap_page_range).

    A long range is dropped at once where that is simple; the machine is the same either way.

    Returns:
        Whether the TLB may have one of them.
    """
    at_once = (end - start) >> PAGE_SHIFT >= vma.machine.options.bulk and not vma.vm_flags & VM_NONLINEAR
    flush = False
    while start < end:
        reached, n, slots = bulk_zap.zap_range(vma, start, end) if at_once else (start, 0, 0)
        if n or slots:
            flush |= n > 0
            text = "{who}: {n:,} pages unmapped at once"
            if slots:
                text = "{who}: {n:,} pages unmapped, {slots:,} swap entries dropped at once"
            who = place_name(vma.vm_mm, start)
            yield step(text, vma=vma.id, mm=vma.vm_mm.id, who=who, n=n, slots=slots)
        start = reached
        stop = min((start | (PMD_SIZE - 1)) + 1, end) if at_once else end
        for address in present_ptes(vma.vm_mm, start, stop).tolist():
            flush |= yield from zap_pte(vma, address)
        start = stop
    return flush


def tlb_finish_mmu(mm: Mm) -> None:
    """Flush the TLB once for all that was unmapped (tlb_finish_mmu)."""
    mm.machine.work["tlb_flushes"] += 1


def zap_pte(vma: Vma, address: int) -> Steps:
    """Drop one mapping, and the page or the slot with the last of them (zap_pte_range).

    Returns:
        Whether it was one that the TLB may have.
    """
    machine = vma.machine
    mm = vma.vm_mm
    ptep = pte_offset(mm, address)
    pte = machine.memory[ptep]
    machine.memory[ptep] = 0
    about: dict[str, Any] = {"vma": vma.id, "mm": mm.id, "ptep": ptep, "where": place_name(mm, address)}

    if is_swap_pte(pte):
        free_swap_and_cache(machine, pte_to_slot(pte))
        yield step("{where}: swap entry dropped, slot {slot} lost a holder", slot=pte_to_slot(pte), **about)
        return False
    if pte_file(pte):
        yield step(
            "{where}: the entry for page {index} of the file is empty", index=pte_to_pgoff(pte), **about
        )
        return False
    if is_zero_page(pte_pfn(pte)):
        yield step("{where}: the zero page was unmapped", **about)
        return True

    page = machine.page(pte_pfn(pte))
    mm.rss -= 1
    if pte_dirty(pte):
        page.mark_dirty()
    yield from machine.scheme.page_remove_rmap(page, ptep)
    freed = free_page_and_swap_cache(page)
    fate = "and is free" if freed else "others still have it" if page.mapcount else "stays cached"
    yield step("{where}: frame {page:#x} unmapped, {fate}", page=page.pfn, fate=fate, **about)
    return True


def zap_nonlinear(vma: Vma, start: int, end: int, first: int = 0) -> Steps:
    """Drop the pages of [start, end) of a nonlinear VMA that are page `first` of the file or behind it.

    Each leaves in its PTE which page it was, unless vm_pgoff says the same (zap_pte_range of 2.6.7 with
    zap_details; 2.6.4 forgets it, *ours*).
    """
    memory = vma.machine.memory
    flush = False
    for address in present_ptes(vma.vm_mm, start, end).tolist():
        ptep = pte_offset(vma.vm_mm, address)
        index = vma.machine.page(pte_pfn(memory[ptep])).index if pte_present(memory[ptep]) else -1
        if index < first:
            continue
        flush |= yield from zap_pte(vma, address)
        if index != linear_page_index(vma, address):
            memory[ptep] = pgoff_to_pte(index)
            text = "{where}: the PTE keeps that it was page {index} of the file"
            yield step(text, vma=vma.id, ptep=ptep, where=place_name(vma.vm_mm, address), index=index)
    if flush:
        tlb_finish_mmu(vma.vm_mm)


def vmtruncate(mapping: AddressSpace, size: int) -> Steps:
    """Set a file's length; what lies behind the new end is unmapped everywhere and dropped (vmtruncate).

    Private copies behind the end go too (invalidate_mmap_range).

    Raises:
        KernelError: EFBIG, ENOMEM (a longer file needs a higher radix tree).
    """
    old_end = mapping.end
    set_file_size(mapping, size)
    for vma in [*mapping.i_mmap, *mapping.i_mmap_shared]:
        if vma.vm_flags & VM_NONLINEAR:
            yield from zap_nonlinear(vma, vma.vm_start, vma.vm_end, mapping.end)
            continue
        start = max(vma_address(mapping.end, vma), vma.vm_start)
        if start < vma.vm_end:
            yield from zap_page_range(vma, start, vma.vm_end)
    dropped = truncate_inode_pages(mapping, mapping.end, old_end)
    text = "{who} is {n:,} pages long now; {dropped:,} cached pages were dropped"
    yield step(text, who=mapping.name, n=mapping.end, dropped=dropped)
