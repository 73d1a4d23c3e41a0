"""How 2.6.7 gets pages out of nonlinear VMAs: not by finding them (mm/rmap.c, Hugh Dickins' rmap 36).

A page's index tells nothing about where a nonlinear VMA has it, and to search all of them for every page
would cost too much.  So page_referenced does not look there at all; and try_to_unmap, where the linear VMAs
were not enough, walks some of the nonlinear ones and unmaps *whatever* was not used lately, until it has
unmapped as many PTEs as the page has mappings.  The page it came for may be among them, or not.

Each VMA has a cursor, in vm_private_data, and is scanned a cluster of 32 pages at a time; one that is behind
catches up with the farthest before that goes on.  When all are through the cursors go back to the start.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import attrs
import numpy as np

from vmtui.mm.mm_types import VM_LOCKED, VM_NONLINEAR, AddressSpace, Vma, place_name
from vmtui.mm.page import PAGE_SHIFT, PAGE_SIZE, Page
from vmtui.mm.pgtable import (
    PAGE_PRESENT,
    PAGE_PROTNONE,
    PMD_SIZE,
    pte_mkold,
    pte_offset,
    pte_pfn,
    pte_present,
    pte_young,
)
from vmtui.mm.rmap.picture import CandidateRow, draw_list
from vmtui.mm.rmap.scheme import Picture
from vmtui.mm.rmap.unmap import unmap_pte
from vmtui.mm.step import END, HIT, LEFT, MAPCOUNT, WALKED, Steps, Told, step

if TYPE_CHECKING:
    from vmtui.mm.rmap.anon_vma import AnonVmaMerged

#: What is scanned at a time: 32 pages (CLUSTER_SIZE).
CLUSTER_SIZE: Final = 32 * PAGE_SIZE


def clusters(mapping: AddressSpace) -> Iterator[tuple[Vma, int]]:
    """Each cluster that try_to_unmap_file comes to, as its VMA and the cursor, in order.

    A locked VMA is passed over, and one whose process has no page in memory.
    """
    vmas = [vma for vma in mapping.i_mmap_nonlinear if not vma.vm_flags & VM_LOCKED]
    longest = max((vma.vm_end - vma.vm_start for vma in vmas), default=0)
    reach = max((vma.vm_private_data for vma in vmas), default=0) or CLUSTER_SIZE
    cursors = {vma.id: vma.vm_private_data for vma in vmas}
    while reach < longest + CLUSTER_SIZE:
        for vma in vmas:
            for cursor in range(cursors[vma.id], min(reach, vma.vm_end - vma.vm_start), CLUSTER_SIZE):
                if vma.vm_mm.rss:
                    yield vma, cursor
            cursors[vma.id] = max(cursors[vma.id], reach)
        reach += CLUSTER_SIZE


def cluster_range(vma: Vma, cursor: int) -> range:
    """The addresses of a cluster: it begins at a multiple of its size, and ends with its VMA."""
    address = (vma.vm_start + cursor) & ~(CLUSTER_SIZE - 1)
    return range(max(address, vma.vm_start), min(address + CLUSTER_SIZE, vma.vm_end), PAGE_SIZE)


def try_to_unmap_nonlinear(scheme: AnonVmaMerged, page: Page, mapping: AddressSpace) -> Steps:
    """Unmap as many cold PTEs as the page has mappings, whosever they are (the end of try_to_unmap_file).

    Returns:
        Whether there were so many.
    """
    mapcount = page.mapcount
    for vma, cursor in clusters(mapping):
        mapcount -= yield from try_to_unmap_cluster(scheme, page, vma, cursor)
        vma.vm_private_data = cursor + CLUSTER_SIZE
        if mapcount <= 0:
            return True
    for vma in mapping.i_mmap_nonlinear:
        if vma.vm_private_data:
            vma.vm_private_data = 0
    return False


def try_to_unmap_cluster(scheme: AnonVmaMerged, page: Page, vma: Vma, cursor: int) -> Steps:
    """Go through a cluster: a PTE that was used is made old, any other unmapped (try_to_unmap_cluster).

    Returns:
        How many were unmapped.
    """
    memory = vma.machine.memory
    unmapped = 0
    for address in cluster_range(vma, cursor):
        ptep = pte_offset(vma.vm_mm, address)
        if not ptep or not pte_present(memory[ptep]):
            continue
        other = vma.machine.page(pte_pfn(memory[ptep]))
        if pte_young(memory[ptep]):
            memory[ptep] = pte_mkold(memory[ptep])
            yield met(page, vma, address, ptep, other, "used lately: left, and old now")
            continue
        left = unmap_pte(other, vma.vm_mm, ptep)
        yield met(page, vma, address, ptep, other, f"cold: its PTE {left}")
        yield from scheme.page_remove_rmap(other, ptep)
        unmapped += 1
    return unmapped


def look_nonlinear(page: Page, mapping: AddressSpace, *, full: bool) -> Steps:
    """The scan that changes nothing; `full`: all that is mapped, also what the cursors have passed.

    Returns:
        How many PTEs of the page it came by, and whether the scan would have ended.
    """
    memory = page.machine.memory
    found, mapcount = 0, page.mapcount
    for vma, cursor in all_clusters(mapping) if full else clusters(mapping):
        for address in cluster_range(vma, cursor):
            ptep = pte_offset(vma.vm_mm, address)
            if not ptep or not pte_present(memory[ptep]):
                continue
            other = page.machine.page(pte_pfn(memory[ptep]))
            found += other == page
            mapcount -= not pte_young(memory[ptep])
            yield met(page, vma, address, ptep, other, "used lately" if pte_young(memory[ptep]) else "cold")
        if mapcount <= 0 and not full:
            return found, True
    return found, False


def all_clusters(mapping: AddressSpace) -> Iterator[tuple[Vma, int]]:
    """Every cluster of every nonlinear VMA."""
    for vma in mapping.i_mmap_nonlinear:
        before = vma.vm_start & (CLUSTER_SIZE - 1)
        for cursor in range(0, vma.vm_end - vma.vm_start + before, CLUSTER_SIZE):
            yield vma, cursor


def met(page: Page, vma: Vma, address: int, ptep: int, other: Page, fate: str) -> Told:
    """The candidate: a PTE of a nonlinear VMA that maps a frame, this page or another."""
    about: dict[str, Any] = {"page": page.pfn, "vma": vma.id, "mm": vma.vm_mm.id, "ptep": ptep}
    about |= {"where": place_name(vma.vm_mm, address), "fate": fate}
    if other == page:
        return step("{where}: frame {page:#x}, {fate}", HIT, **about)
    return step("{where}: not the page but {other:#x}, {fate}", LEFT, other=other.pfn, **about)


def scan_ends(page: Page, enough: bool) -> Told:
    """The step that closes a walk which ended in nonlinear VMAs; whether their scan was stopped."""
    text = "frame {page:#x}: the nonlinear VMAs are scanned, the walk ends"
    if enough:
        text = "frame {page:#x}: as many cold PTEs as its mapcount: enough, whosever"
    return step(text, WALKED, page=page.pfn, stopped=MAPCOUNT if enough else END)


def nonlinear_pteps(page: Page, vma: Vma) -> list[tuple[int, int]]:
    """(ptep, address) of each PTE of a nonlinear VMA that maps the page, in order of addresses."""
    memory, found = page.machine.memory.all, []
    for base in range(vma.vm_start & ~(PMD_SIZE - 1), vma.vm_end, PMD_SIZE):
        low, high = max(base, vma.vm_start), min(base + PMD_SIZE, vma.vm_end)
        first = pte_offset(vma.vm_mm, low)
        entries = memory[first : first + ((high - low) >> PAGE_SHIFT)] if first else memory[:0]
        mapped = entries & np.uint64(PAGE_PRESENT | PAGE_PROTNONE) != 0
        for slot in np.flatnonzero(mapped & (entries >> np.uint64(PAGE_SHIFT) == page.pfn)).tolist():
            found.append((first + slot, low + slot * PAGE_SIZE))
    return found


def nonlinear_row(page: Page, vma: Vma) -> CandidateRow:
    """The row of a nonlinear VMA: how far its scan is, and the first PTE there that has the page."""
    (ptep, address), *_ = [*nonlinear_pteps(page, vma), (0, 0)]
    done, size = min(vma.vm_private_data, vma.vm_end - vma.vm_start), vma.vm_end - vma.vm_start
    note = f"scan {done >> PAGE_SHIFT}/{size >> PAGE_SHIFT}"
    content = f"{page.pfn:#x}" if ptep else "not here"
    return CandidateRow(
        vma.id,
        vma.vm_mm.id,
        vma.vm_mm.name,
        (vma.vm_start, vma.vm_end),
        vma.vm_pgoff,
        address,
        ptep,
        content,
        note,
    )


def draw_nonlinear(page: Page, mapping: AddressSpace, linear: list[Vma], first: int, count: int) -> Picture:
    """page → address_space → the VMAs in its tree that cover it, then the nonlinear ones; a row a VMA."""
    vmas = [*linear, *mapping.i_mmap_nonlinear]
    rows = [
        nonlinear_row(page, vma) if vma.vm_flags & VM_NONLINEAR else CandidateRow.of(page, vma)
        for vma in vmas[first : first + count]
    ]
    lines = (f"prio_tree {len(linear):,}", f"nonlinear {len(mapping.i_mmap_nonlinear):,}")
    ref = ("address_space", mapping.id)
    picture = draw_list(page, "address_space", ref, mapping.name, lines, rows, len(vmas), first)
    return attrs.evolve(picture, per_vma=True, order=tuple(vma.id for vma in vmas))
