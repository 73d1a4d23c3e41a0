"""The picture of a page that points at an anonmm: a bundle of mms, one address in all of them."""

from __future__ import annotations

from collections.abc import Sequence

from vmtui.mm.mm_types import Anonmm
from vmtui.mm.page import PAGE_SHIFT, Page
from vmtui.mm.pgtable import is_swap_pte, pte_offset, pte_pfn, pte_present, pte_to_slot
from vmtui.mm.rmap.picture import page_lines
from vmtui.mm.rmap.scheme import Edge, Node, Picture
from vmtui.mm.step import Ref


def draw_bundle(page: Page, rows: Sequence[Anonmm], total: int, first: int) -> Picture:
    """page → anonmm → next anonmm, each → mm → PTE; of a dead process the anonmm alone is left."""
    address = page.index << PAGE_SHIFT
    nodes = [Node(0, "page", ("page", page.pfn), f"page {page.pfn:#x}", page_lines(page))]
    edges: list[Edge] = []
    if not total:
        nodes.append(Node(1, "object", None, "anonmm", ("none while", "unmapped"), empty=True))
    source = 0
    for number, anonmm in enumerate(rows, start=first):
        mm, at = anonmm.mm, len(nodes)
        lines = (f"count {anonmm.count}", *(("head",) if anonmm.head is anonmm else ()))
        nodes.append(Node(1, "object", ("anonmm", anonmm.id), f"anonmm {anonmm.id}", lines, number))
        edges.append(Edge(source, at, "mapping" if number == 0 else "next", len(edges)))
        source = at
        if mm is None:
            nodes.append(Node(2, "mm", None, "mm gone", (), number, empty=True))
            nodes.append(Node(3, "pte", None, "pte", ("none",), number, empty=True))
            continue
        ptep = pte_offset(mm, address)
        pte: Ref | None = ("pte", ptep) if ptep else None
        nodes.append(Node(2, "mm", ("mm", mm.id), mm.name, (f"rss {mm.rss}",), number))
        said = (content_of(page, ptep), f"{address:x}")
        nodes.append(Node(3, "pte", pte, "pte", said, number, empty=pte is None))
        edges.append(Edge(at, at + 1, "", len(edges)))
        edges.append(Edge(at + 1, at + 2, "", len(edges)))
    headings = ("struct page", "anonmm bundle", "mm", "page table")
    return Picture(headings, tuple(nodes), tuple(edges), total, first)


def content_of(page: Page, ptep: int) -> str:
    """What a PTE holds, in a word or two."""
    pte = page.machine.memory[ptep] if ptep else 0
    if not ptep:
        return "no table"
    if pte_present(pte):
        return f"{pte_pfn(pte):#x}"
    return f"slot {pte_to_slot(pte)}" if is_swap_pte(pte) else "empty"
