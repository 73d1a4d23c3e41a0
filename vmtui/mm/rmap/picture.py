"""Pictures of a page that has one object between it and a list of VMAs, or none."""

from __future__ import annotations

from typing import Final

import attrs

from vmtui.mm.cluster import cluster_addresses, mapped_pteps
from vmtui.mm.mm_types import AddressSpace, Vma, vma_address
from vmtui.mm.page import PAGE_SHIFT, Page, flag_names
from vmtui.mm.pgtable import (
    is_swap_pte,
    pte_file,
    pte_offset,
    pte_pfn,
    pte_present,
    pte_to_pgoff,
    pte_to_slot,
    ptep_to_mm_address,
)
from vmtui.mm.rmap.scheme import Edge, Node, Picture
from vmtui.mm.step import Ref

#: What is said of a VMA that would have the page outside its range.
OUTSIDE: Final = "outside"


@attrs.frozen
class CandidateRow:
    """One VMA that the walk would examine, and what is found there.

    Attributes:
        vma, mm, name, label: The VMA, its process, and what they are called.
        span: Its addresses, short.
        address: Where the page would be.
        ptep: The PTE there, 0 if there is no page table or the address is outside.
        content: What that PTE holds, in a word or two.
        note: What stands in place of its vm_pgoff, which means nothing there.
    """

    vma: int
    mm: int
    name: str
    span: tuple[int, int]
    pgoff: int
    address: int
    ptep: int
    content: str
    note: str = ""

    @classmethod
    def of(cls, page: Page, vma: Vma) -> CandidateRow:
        """The row of a VMA, for a page; of a cluster the first PTE that maps it, or could."""
        addresses = cluster_addresses(page.index, vma)
        inside = len(addresses) > 0
        mapped = mapped_pteps(page, vma)
        if mapped:
            _, address = ptep_to_mm_address(page.machine, mapped[0])
        else:
            address = addresses[0] if inside else vma_address(page.index, vma)
        ptep = pte_offset(vma.vm_mm, address) if inside else 0
        if not inside:
            content = OUTSIDE
        elif not ptep:
            content = "no table"
        else:
            pte = page.machine.memory[ptep]
            if pte_present(pte):
                content = f"{pte_pfn(pte):#x}"
            else:
                content = absent(pte)
        span = (vma.vm_start, vma.vm_end)
        return cls(vma.id, vma.vm_mm.id, vma.vm_mm.name, span, vma.vm_pgoff, address, ptep, content)


def absent(pte: int) -> str:
    """What a PTE holds that maps nothing, in a word or two."""
    if pte_file(pte):
        return f"file {pte_to_pgoff(pte):x}"
    return f"slot {pte_to_slot(pte)}" if is_swap_pte(pte) else "empty"


def draw_list(
    page: Page,
    heading: str,
    ref: Ref | None,
    title: str,
    lines: tuple[str, ...],
    rows: list[CandidateRow],
    total: int,
    first: int,
) -> Picture:
    """page → object → VMA, VMA → next VMA, each VMA → mm → PTE.

    Without an object (`ref` None) its box is drawn empty and the page points at the first VMA.
    """
    nodes = [
        Node(0, "page", ("page", page.pfn), f"page {page.pfn:#x}", page_lines(page)),
        Node(1, "object", ref, title, lines, empty=ref is None),
    ]
    edges: list[Edge] = []
    source = 0 if ref is None else 1
    if ref is not None:
        edges.append(Edge(0, 1, heading, 0))
    for number, row in enumerate(rows, start=first):
        vma = len(nodes)
        start, end = row.span
        covers = (f"{start:x} {(end - start) >> PAGE_SHIFT}p", row.note or f"pgoff {row.pgoff:x}")
        faint = row.content == OUTSIDE
        nodes.append(Node(2, "vma", ("vma", row.vma), row.name, covers, number, faint=faint))
        nodes.append(Node(3, "mm", ("mm", row.mm), row.name, ("pgd",), number, faint=faint))
        pte: Ref | None = ("pte", row.ptep) if row.ptep else None
        said = (row.content, f"{row.address:x}")
        nodes.append(Node(4, "pte", pte, "pte", said, number, empty=pte is None, faint=faint))
        label = "" if number == first else "next"
        edges.append(Edge(source, vma, label, len(edges)))
        edges.append(Edge(vma, vma + 1, "", len(edges)))
        edges.append(Edge(vma + 1, vma + 2, "", len(edges)))
        source = vma
    headings = ("struct page", heading, "VMA list", "mm", "page table")
    return Picture(headings, tuple(nodes), tuple(edges), total, first)


def page_lines(page: Page) -> tuple[str, ...]:
    """What the page's box says, of what its kernel's struct page has: references, index, telling flags."""
    scheme = page.machine.scheme
    names = [name for name in ("anon", "direct", "swapcache", "locked") if name not in scheme.ours]
    counted = "mapcount" not in scheme.ours or scheme.live_member(page) == "mapcount"
    references = f"mapcount {page.mapcount}" if counted else f"count {page.count}"
    telling = [name.upper() for name in flag_names(page.flags) if name in names]
    return (references, f"index {page.index:x}", " ".join(telling) or "-")


def draw_file(page: Page, mapping: AddressSpace, rows: list[CandidateRow], first: int) -> Picture:
    """page → address_space → VMAs of i_mmap, then of i_mmap_shared."""
    private, shared = len(mapping.i_mmap), len(mapping.i_mmap_shared)
    lines = (f"i_mmap {private}", f"shared {shared}")
    ref = ("address_space", mapping.id)
    return draw_list(page, "address_space", ref, mapping.name, lines, rows, private + shared, first)
