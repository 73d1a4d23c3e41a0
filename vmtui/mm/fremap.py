"""Nonlinear mappings: pages of a file in any order within one VMA (mm/fremap.c of 2.6.4).

A program with a small window on a big file would need a VMA for each piece of it.  ``remap_file_pages``
puts any page of the file at any place of a shared mapping instead, and the page tables alone say which: the
VMA becomes VM_NONLINEAR, and its vm_pgoff tells no more where a page is.  A PTE whose page goes keeps its
index, so that a fault knows what to bring back (PAGE_FILE).

A reverse map by PTEs does not care.  One by VMAs cannot find such a page by arithmetic, and needs an answer
of its own, or has none.  Since 4.0 the call makes VMAs instead (`vmtui.mm.v6_18.mmap`).
"""

from __future__ import annotations

from typing import Any

from vmtui.errors import KernelError
from vmtui.mm.filemap import filemap_nopage
from vmtui.mm.mm_types import (
    VM_NONLINEAR,
    VM_SHARED,
    AddressSpace,
    Mm,
    Vma,
    linear_page_index,
    place_name,
    vma_name,
)
from vmtui.mm.page import PAGE_SHIFT, PAGE_SIZE, Page
from vmtui.mm.pgtable import (
    mk_pte,
    pte_alloc,
    pte_dirty,
    pte_pfn,
    pte_present,
    pte_to_pgoff,
    vm_page_prot,
)
from vmtui.mm.shmem import shmem_nopage
from vmtui.mm.step import Steps, step
from vmtui.mm.swapfile import free_page_and_swap_cache


def sys_remap_file_pages(mm: Mm, start: int, end: int, offset: int) -> Steps:
    """Let [start, end) map its file from `offset` on, and nothing else change (sys_remap_file_pages).

    Raises:
        KernelError: EINVAL (an offset not of whole pages); what the kernel's remap_file_pages raises.
    """
    if offset % PAGE_SIZE:
        raise KernelError("EINVAL", f"the offset {offset:#x} is not a multiple of {PAGE_SIZE}")
    yield from mm.machine.kernel.remap_file_pages(mm, start, end, offset >> PAGE_SHIFT)


def remap_file_pages(mm: Mm, start: int, end: int, pgoff: int) -> Steps:
    """Any page of the file at any place of the VMA (the body of sys_remap_file_pages).

    The pages are mapped at once, read from the file where they are not cached.

    Raises:
        KernelError: ENOSYS (the reverse map could not find them; or, *ours*, with page clustering); EINVAL
            (not within one shared mapping of a file or of shared memory, or behind the end); ENOMEM.
    """
    if mm.machine.scheme.no_nonlinear:
        raise KernelError("ENOSYS", f"remap_file_pages: {mm.machine.scheme.no_nonlinear}")
    if mm.machine.cluster > 1:
        raise KernelError("ENOSYS", "remap_file_pages: page clustering has no place for a page out of order")
    vma = mm.vmas.at(start)
    if vma is None or vma.vm_file is None or not vma.vm_flags & VM_SHARED or end > vma.vm_end:
        raise KernelError("EINVAL", f"{start:#x}-{end:#x} is not within one shared mapping of {mm.name}")
    if pgoff + ((end - start) >> PAGE_SHIFT) > vma.vm_file.end:
        raise KernelError(
            "EINVAL", f"{vma.vm_file.name} ends at page {vma.vm_file.end:,}, before the range does"
        )

    if pgoff != linear_page_index(vma, start) and not vma.vm_flags & VM_NONLINEAR:
        make_nonlinear(vma)
        text = "{who} is nonlinear now: vm_pgoff does not tell its pages any more"
        yield step(text, vma=vma.id, mm=mm.id, who=vma_name(vma))
    yield from populate(vma, start, end, pgoff)


def make_nonlinear(vma: Vma) -> None:
    """Mark a VMA; a reverse map that sorts VMAs by vm_pgoff sees it leave and join."""
    scheme = vma.machine.scheme
    scheme.file_unlink(vma)
    vma.vm_flags |= VM_NONLINEAR
    scheme.file_link(vma, None)


def populate(vma: Vma, start: int, end: int, pgoff: int) -> Steps:
    """Map the pages of the file from `pgoff` on at [start, end) (filemap_populate, shmem_populate)."""
    for address in range(start, end, PAGE_SIZE):
        page = yield from file_getpage(vma.vm_file, pgoff)
        yield from install_page(vma, address, page)
        pgoff += 1


def file_getpage(mapping: AddressSpace | None, index: int) -> Steps:
    """A page of a file or of shared memory, with a reference for the PTE (filemap_getpage, shmem_getpage)."""
    assert mapping is not None
    nopage = shmem_nopage if mapping.shmem else filemap_nopage
    return (yield from nopage(mapping, index))


def install_page(vma: Vma, address: int, page: Page) -> Steps:
    """Map a page here, whatever was mapped before (install_page)."""
    mm = vma.vm_mm
    ptep = pte_alloc(mm, address)
    yield from zap_pte(vma, address, ptep)
    mm.rss += 1
    mm.machine.memory[ptep] = mk_pte(page.pfn, vm_page_prot(vma))
    text = "{where} maps frame {page:#x}: page {index} of the file"
    about: dict[str, Any] = {"vma": vma.id, "mm": mm.id, "ptep": ptep}
    yield step(text, page=page.pfn, where=place_name(mm, address), index=page.index, **about)
    yield from mm.machine.scheme.page_add_file_rmap(page, vma, ptep)


def zap_pte(vma: Vma, address: int, ptep: int) -> Steps:
    """Make room for another page of the file (zap_pte, mm/fremap.c)."""
    machine = vma.machine
    pte = machine.memory[ptep]
    if not pte:
        return
    machine.memory[ptep] = 0
    if not pte_present(pte):
        return
    old = machine.page(pte_pfn(pte))
    vma.vm_mm.rss -= 1
    machine.work["tlb_flushes"] += 1
    if pte_dirty(pte):
        old.mark_dirty()
    text = "{where}: frame {page:#x}, page {index} of the file, had to go"
    where = place_name(vma.vm_mm, address)
    yield step(text, page=old.pfn, vma=vma.id, ptep=ptep, where=where, index=old.index)
    yield from machine.scheme.page_remove_rmap(old, ptep)
    free_page_and_swap_cache(old)


def do_file_page(mm: Mm, vma: Vma, address: int, ptep: int) -> Steps:
    """A fault on a file entry: the page of the file that it names (do_file_page, mm/memory.c).

    Raises:
        KernelError: EFAULT, the file was cut before that page (SIGBUS); ENOMEM.
    """
    index = pte_to_pgoff(mm.machine.memory[ptep])
    where = place_name(mm, address)
    if vma.vm_file is None or index >= vma.vm_file.end:
        text = f"{where}: page {index} is behind the end of the file: the process would get SIGBUS"
        raise KernelError("EFAULT", text)
    text = "{where}: the PTE says page {index} of the file"
    yield step(text, vma=vma.id, mm=mm.id, ptep=ptep, where=where, index=index)
    yield from populate(vma, address & ~(PAGE_SIZE - 1), (address & ~(PAGE_SIZE - 1)) + PAGE_SIZE, index)
