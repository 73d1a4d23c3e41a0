"""Faults, copy on write, fork's copy of page tables (mm/memory.c of 6.18)."""

from __future__ import annotations

from typing import Any, Final

from vmtui.errors import KernelError
from vmtui.mm import memory
from vmtui.mm.filemap import filemap_nopage, find_get_page
from vmtui.mm.mm_types import (
    VM_LOCKED,
    VM_SHARED,
    AddressSpace,
    Mm,
    Vma,
    linear_page_index,
    place_name,
)
from vmtui.mm.page import (
    PAGE_SHIFT,
    PAGE_SIZE,
    ZERO_PFN,
    Page,
    PG_anon,
    PG_anon_exclusive,
    PG_mlock_missed,
    PG_reclaim,
    PG_swapcache,
    PG_uptodate,
)
from vmtui.mm.page_alloc import alloc_page
from vmtui.mm.pgtable import (
    PTRS_PER_TABLE,
    is_swap_pte,
    is_zero_page,
    maybe_mkwrite,
    mk_pte,
    pte_alloc,
    pte_dirty,
    pte_mkdirty,
    pte_mkold,
    pte_mkwrite,
    pte_mkyoung,
    pte_none,
    pte_offset,
    pte_pfn,
    pte_present,
    pte_swp_clear_exclusive,
    pte_swp_exclusive,
    pte_to_slot,
    pte_write,
    pte_wrprotect,
    vm_page_prot,
)
from vmtui.mm.shmem import shmem_nopage
from vmtui.mm.step import Steps, step
from vmtui.mm.swap import lru_cache_add
from vmtui.mm.swap_state import lookup_swap_cache, read_swap_cache_async
from vmtui.mm.swapfile import free_page_and_swap_cache, release_page, swap_duplicate, swap_free, vm_swap_full
from vmtui.mm.v6_18.swapfile import folio_free_swap

#: fault_around_bytes, 64 KB, in pages.
FAULT_AROUND_PAGES: Final = 16


def handle_mm_fault(mm: Mm, vma: Vma, address: int, write: bool) -> Steps:
    """The page tables down to the PTE, then what its content asks for (handle_mm_fault, handle_pte_fault)."""
    ptep = pte_offset(mm, address)
    pte = mm.machine.memory[ptep] if ptep else 0
    if pte_none(pte) and vma.vm_file is not None:
        yield from do_fault(vma, address, write)
    elif pte_none(pte):
        yield from do_anonymous_page(mm, vma, address, pte_alloc(mm, address), write)
    elif not pte_present(pte):
        yield from do_swap_page(mm, vma, address, ptep, write)
    elif write:
        yield from do_wp_page(mm, vma, address, ptep)


def do_anonymous_page(mm: Mm, vma: Vma, address: int, ptep: int, write: bool) -> Steps:
    """First touch of anonymous memory: a read maps the zero page, a write takes a frame (do_anonymous_page).

    A read makes no anon_vma either.
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
    memory[ptep] = pte_mkwrite(pte_mkdirty(mk_pte(page.pfn, vm_page_prot(vma))))
    text = "{where} got frame {page:#x}, zeroed, writable, exclusive"
    yield from add_new_anon(page, vma, address, ptep, text, where=where)


def add_new_anon(page: Page, vma: Vma, address: int, ptep: int, text: str, **values: Any) -> Steps:
    """A new page of memory is its process's alone, and waits on the inactive list (folio_add_lru_vma)."""
    page.set(PG_uptodate | PG_anon_exclusive)
    lru_cache_add(page)
    yield step(text, page=page.pfn, vma=vma.id, mm=vma.vm_mm.id, ptep=ptep, **values)
    yield from vma.machine.scheme.page_add_rmap(page, vma, address, ptep, fresh=True)


def do_fault(vma: Vma, address: int, write: bool) -> Steps:
    """First touch of a page of a file, or of shared memory (do_fault).

    The page table may be missing yet; it is made once there is a page to map.
    """
    mapping = vma.vm_file
    assert mapping is not None
    if not write:
        yield from do_read_fault(vma, mapping, address)
    elif vma.vm_flags & VM_SHARED:
        yield from do_shared_fault(vma, mapping, address)
    else:
        yield from do_cow_fault(vma, mapping, address)


def do_read_fault(vma: Vma, mapping: AddressSpace, address: int) -> Steps:
    """A read maps what is cached around the page, and the page if it is; else that is read (do_read_fault).

    While it is read from a file the process's VMAs are not locked, so the fault is tried again after that.
    What lies around is mapped even if the page itself turns out to be behind the end of its file.
    """
    before = vma.vm_mm.rss
    mapped = yield from do_fault_around(vma, mapping, address)
    if not mapped:
        index = linear_page_index(vma, address)
        waits = not mapping.shmem and index < mapping.end and not find_get_page(mapping, index)
        page = yield from fault(vma, mapping, address, partial=vma.vm_mm.rss > before)
        if waits:
            mapped = yield from do_fault_around(vma, mapping, address)
        if mapped:
            release_page(page)
            return
        ptep = pte_alloc(vma.vm_mm, address)
        yield from map_file_page(vma, page, address, ptep, mk_pte(page.pfn, vm_page_prot(vma)))


def do_fault_around(vma: Vma, mapping: AddressSpace, address: int) -> Steps:
    """Map the cached pages of the 64 KB around an address (do_fault_around, filemap_map_pages).

    The window is cut to the VMA and to the page table; what has an entry keeps it.

    Returns:
        Whether the page that was asked for is mapped now.
    """
    slot = (address >> PAGE_SHIFT) % PTRS_PER_TABLE
    offset = (address - vma.vm_start) >> PAGE_SHIFT
    first = max(slot & ~(FAULT_AROUND_PAGES - 1), slot - min(slot, offset))
    end = min(first + FAULT_AROUND_PAGES, PTRS_PER_TABLE, slot + vma.pages - offset)
    start = address + (first - slot) * PAGE_SIZE
    cached = cached_pages(vma, mapping, start, address + (end - slot) * PAGE_SIZE)
    if not pte_offset(vma.vm_mm, address) and not can_map_large(mapping, cached):
        return False
    for at, page in cached:
        ptep = pte_alloc(vma.vm_mm, at)
        if pte_none(vma.machine.memory[ptep]):
            page.count += 1
            yield from map_file_page(vma, page, at, ptep, mk_pte(page.pfn, vm_page_prot(vma)))
    return bool(cached) and not pte_none(vma.machine.memory[pte_offset(vma.vm_mm, address)])


def cached_pages(vma: Vma, mapping: AddressSpace, start: int, end: int) -> list[tuple[int, Page]]:
    """Each address of [start, end) whose page is cached, and that page (next_uptodate_folio).

    But not those that page-out left to the flushers and nobody has written since: the flag that says so is
    taken for the one that says where readahead is to go on.
    """
    found = []
    for address in range(start, end, PAGE_SIZE):
        index = linear_page_index(vma, address)
        pfn = find_get_page(mapping, index) if index < mapping.end else 0
        if pfn and not is_left_to_flushers(vma.machine.page(pfn)):
            found.append((address, vma.machine.page(pfn)))
    return found


def is_left_to_flushers(page: Page) -> bool:
    """Whether page-out met a file's page dirty, and no PTE through which it was written is there since."""
    if not page.test(PG_reclaim):
        return False
    machine = page.machine
    return not any(pte_dirty(machine.memory[ptep]) for ptep in machine.scheme.mappings(page))


def can_map_large(mapping: AddressSpace, cached: list[tuple[int, Page]]) -> bool:
    """Whether cached pages may be mapped where there is no page table yet.

    They may not if the first of them is the last page of its file: a large one might reach beyond the end,
    and the page table would be made on the way to mapping it as such (can_map_large in filemap_map_pages).
    """
    return bool(cached) and (mapping.shmem or cached[0][1].index != mapping.end - 1)


def fault(vma: Vma, mapping: AddressSpace, address: int, *, partial: bool) -> Steps:
    """The page a fault wants, with a reference for the caller (vm_ops->fault, __do_fault).

    Args:
        partial: The fault has changed something already, which stays if it fails.

    Raises:
        KernelError: EFAULT, the page is behind the end of the file (SIGBUS).
    """
    index = linear_page_index(vma, address)
    if index >= mapping.end:
        text = f"{place_name(vma.vm_mm, address)} is behind the end of its file: the process would get SIGBUS"
        raise KernelError("EFAULT", text, partial=partial)
    nopage = shmem_nopage if mapping.shmem else filemap_nopage
    return (yield from nopage(mapping, index))


def map_file_page(vma: Vma, page: Page, address: int, ptep: int, pte: int) -> Steps:
    """Put a page of the page cache into a page table (set_pte_range)."""
    vma.vm_mm.rss += 1
    vma.machine.memory[ptep] = pte
    where, who = place_name(vma.vm_mm, address), vma.vm_file.name if vma.vm_file is not None else ""
    text = "{where} maps frame {page:#x} of {who}"
    yield step(text, page=page.pfn, vma=vma.id, mm=vma.vm_mm.id, ptep=ptep, where=where, who=who)
    yield from vma.machine.scheme.page_add_file_rmap(page, vma, ptep)


def do_shared_fault(vma: Vma, mapping: AddressSpace, address: int) -> Steps:
    """A write to a shared mapping maps that one page, dirty (do_shared_fault)."""
    page = yield from fault(vma, mapping, address, partial=False)
    ptep = pte_alloc(vma.vm_mm, address)
    yield from map_file_page(vma, page, address, ptep, pte_mkdirty(mk_pte(page.pfn, vm_page_prot(vma))))


def do_cow_fault(vma: Vma, mapping: AddressSpace, address: int) -> Steps:
    """A write to a private mapping copies the file's page, which is not mapped at all (do_cow_fault).

    The VMA has its anon_vma before the file is asked for the page, which may have none there.
    """
    machine = vma.machine
    fresh = vma.anon_vma is None
    yield from machine.scheme.vma_prepare(vma)
    page = yield from fault(vma, mapping, address, partial=fresh)
    copy = alloc_page(machine)
    vma.vm_mm.rss += 1
    ptep = pte_alloc(vma.vm_mm, address)
    machine.memory[ptep] = pte_mkwrite(pte_mkdirty(mk_pte(copy.pfn, vm_page_prot(vma))))
    release_page(page)
    text = "{where}: a private copy of frame {old:#x} in frame {page:#x}"
    where = place_name(vma.vm_mm, address)
    yield from add_new_anon(copy, vma, address, ptep, text, where=where, old=page.pfn)


def do_wp_page(mm: Mm, vma: Vma, address: int, ptep: int) -> Steps:
    """A write through a read-only PTE of a private VMA: reuse the page, or copy it (do_wp_page)."""
    memory = mm.machine.memory
    where = place_name(mm, address)
    page = mm.machine.page(pte_pfn(memory[ptep]))
    about: dict[str, Any] = {"page": page.pfn, "vma": vma.id, "mm": mm.id, "ptep": ptep, "where": where}

    if page.test(PG_anon_exclusive):
        memory[ptep] = pte_mkwrite(pte_mkdirty(pte_mkyoung(memory[ptep])))
        yield step("{where} has frame {page:#x} for itself: written in place", **about)
        return
    if page.test(PG_anon) and wp_can_reuse_anon_folio(page):
        page.set(PG_anon_exclusive)
        memory[ptep] = pte_mkwrite(pte_mkdirty(pte_mkyoung(memory[ptep])))
        yield step("{where}: frame {page:#x} is nobody else's now: written in place", **about)
        yield from mm.machine.scheme.page_move_rmap(page, vma, address)
        return
    yield from wp_page_copy(mm, vma, address, ptep)


def wp_can_reuse_anon_folio(page: Page) -> bool:
    """Whether the faulting PTE holds the only reference, once the swap cache gave up its own.

    It keeps it while somebody has a swap entry for the page (wp_can_reuse_anon_folio).
    """
    if page.count > 1 + page.test(PG_swapcache):
        return False
    if page.test(PG_swapcache):
        folio_free_swap(page)
    return page.count == 1


def wp_page_copy(mm: Mm, vma: Vma, address: int, ptep: int) -> Steps:
    """A copy of its own for the writer (wp_page_copy)."""
    memory = mm.machine.memory
    old_pfn = pte_pfn(memory[ptep])
    old = mm.machine.page(old_pfn)
    yield from mm.machine.scheme.vma_prepare(vma)
    page = alloc_page(mm.machine)
    if is_zero_page(old_pfn):
        mm.rss += 1
    else:
        yield from mm.machine.scheme.page_remove_rmap(old, ptep)
    memory[ptep] = maybe_mkwrite(pte_mkdirty(mk_pte(page.pfn, vm_page_prot(vma))), vma)
    mm.machine.work["tlb_flushes"] += 1
    why = "the zero page" if is_zero_page(old_pfn) else "shared" if old.test(PG_anon) else "the file's"
    text = "{where}: frame {old:#x} is {why}: copied to frame {page:#x}"
    where = place_name(mm, address)
    yield from add_new_anon(page, vma, address, ptep, text, where=where, old=old_pfn, why=why)
    if not is_zero_page(old_pfn):
        free_page_and_swap_cache(old)


def do_swap_page(mm: Mm, vma: Vma, address: int, ptep: int, write: bool) -> Steps:
    """A fault on a swap entry: the page from the swap cache, or read into it (do_swap_page).

    Read, it stays there, and keeps its slot.  It is the process's own if the entry says so, or if nothing
    else refers to it; a write that finds it is not goes on as a write to a shared page.
    """
    machine = mm.machine
    where = place_name(mm, address)
    entry = machine.memory[ptep]
    slot = pte_to_slot(entry)
    pfn = lookup_swap_cache(machine, slot)
    if pfn:
        page = machine.page(pfn)
        page.count += 1
        text = "{where}: slot {slot} is cached, frame {page:#x}: a minor fault"
    else:
        page = read_swap_cache_async(machine, slot)
        text = "{where}: slot {slot} was read into frame {page:#x}: a major fault"
    yield step(text, page=page.pfn, vma=vma.id, mm=mm.id, ptep=ptep, where=where, slot=slot)

    if vma.vm_flags & VM_LOCKED:
        note_lock(page, missed=not pfn)
    swap_free(machine, slot)
    if should_try_to_free_swap(page, vma, write):
        folio_free_swap(page)
    mm.rss += 1
    pte = pte_mkyoung(mk_pte(page.pfn, vm_page_prot(vma)))
    # A page just read is on its way to the LRU, in a batch that refers to it; a writer empties that first.
    alone = page.count == 1 and (write or pfn != 0)
    if pte_swp_exclusive(entry) or alone:
        page.set(PG_anon_exclusive)
        pte = maybe_mkwrite(pte_mkdirty(pte) if write else pte, vma)
    machine.memory[ptep] = pte
    text = "{where} maps frame {page:#x} again, {how}"
    how = "exclusive" if page.test(PG_anon_exclusive) else "read-only: others may have it too"
    yield step(text, page=page.pfn, vma=vma.id, mm=mm.id, ptep=ptep, where=where, how=how)
    yield from machine.scheme.page_add_rmap(page, vma, address, ptep, fresh=False)
    if write and not pte_write(pte):
        yield from do_wp_page(mm, vma, address, ptep)


def note_lock(page: Page, *, missed: bool) -> None:
    """mlock_vma_folio, which a page that was read from swap into locked memory misses at first (*ours*)."""
    if missed:
        page.set(PG_mlock_missed)
    elif page.test(PG_mlock_missed):
        page.clear(PG_mlock_missed)


def should_try_to_free_swap(page: Page, vma: Vma, write: bool) -> bool:
    """Whether the slot should be given up: swap half full, memory locked, or a writer who may be alone."""
    if not page.test(PG_swapcache):
        return False
    return vm_swap_full(page.machine) or vma.vm_flags & VM_LOCKED != 0 or (write and page.count == 2)


def copy_page_range(vma: Vma, child: Vma) -> Steps:
    """fork: copy the PTEs of one VMA, if it has any that a fault could not find again (copy_page_range).

    That is, if it has an anon_vma (vma_needs_copy): pages of files and the zero page come back by faults.
    """
    if vma.anon_vma is None:
        text = "{who}: a VMA without an anon_vma, no PTE is copied"
        yield step(text, vma=child.id, mm=child.vm_mm.id, who=child.vm_mm.name)
        return
    yield from memory.copy_page_range(vma, child)


def copy_one_pte(vma: Vma, child: Vma, address: int) -> Steps:
    """fork: copy one entry (copy_pte_range's inner loop)."""
    src, dst = pte_offset(vma.vm_mm, address), pte_offset(child.vm_mm, address)
    if is_swap_pte(vma.machine.memory[src]):
        yield from copy_nonpresent_pte(vma, child, address, src, dst)
    else:
        yield from copy_present_pte(vma, child, address, src, dst)


def copy_nonpresent_pte(vma: Vma, child: Vma, address: int, src: int, dst: int) -> Steps:
    """fork: a swap entry is copied, and is nobody's own any more (copy_nonpresent_pte)."""
    machine = vma.machine
    entry = machine.memory[src]
    swap_duplicate(machine, pte_to_slot(entry))
    if pte_swp_exclusive(entry):
        entry = machine.memory[src] = pte_swp_clear_exclusive(entry)
    machine.memory[dst] = entry
    text = "{where}: swap entry copied, slot {slot} has one more holder"
    where, slot = place_name(vma.vm_mm, address), pte_to_slot(entry)
    yield step(text, vma=child.id, mm=child.vm_mm.id, ptep=dst, where=where, slot=slot)
    yield from machine.scheme.swap_dup_rmap(vma, child)


def copy_present_pte(vma: Vma, child: Vma, address: int, src: int, dst: int) -> Steps:
    """fork: a present entry is copied, read-only on both sides (copy_present_ptes)."""
    machine = vma.machine
    pte = machine.memory[src]
    about: dict[str, Any] = {"vma": child.id, "mm": child.vm_mm.id, "ptep": dst}
    about["where"] = place_name(vma.vm_mm, address)
    if pte_write(pte):
        pte = machine.memory[src] = pte_wrprotect(pte)
    machine.memory[dst] = pte_mkold(pte)
    if is_zero_page(pte_pfn(pte)):
        yield step("{where}: the child maps the zero page too", **about)
        return

    page = machine.page(pte_pfn(pte))
    page.count += 1
    child.vm_mm.rss += 1
    text = "{where}: PTE copied, frame {page:#x} is read-only on both sides"
    yield step(text, page=page.pfn, **about)
    yield from machine.scheme.page_dup_rmap(page, vma, child, dst)
