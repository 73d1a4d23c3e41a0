"""A bundle of anonmms, as the walk over a page meets it: one PTE to look at in each mm; and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vmtui.mm.mm_types import Anonmm, Mm, Vma
from vmtui.mm.page import PAGE_SHIFT, Page
from vmtui.mm.pgtable import is_swap_pte, pte_offset, pte_pfn, pte_present, pte_to_slot
from vmtui.mm.rmap.picture import page_lines
from vmtui.mm.rmap.scheme import Edge, Node, Picture, page_check_address_rss
from vmtui.mm.rmap.walk_bulk import Found, Indices, ask_addresses, ask_vma_rss
from vmtui.mm.step import (
    HIT,
    MISS_NOPTE,
    MISS_NOTABLE,
    MISS_PFN,
    SKIP_NO_MM,
    SKIP_NO_RSS,
    Ref,
    Steps,
    step,
)

#: Where a page may be mapped: in an mm, or in a VMA of its file.
Candidate = Anonmm | Vma


def bundle_of(anonmm: Anonmm) -> Anonmm:
    """The head of its bundle."""
    assert anonmm.head is not None
    return anonmm.head


def candidate_mm(candidate: Candidate) -> Mm:
    """The mm of a candidate that was hit."""
    mm = candidate.mm if isinstance(candidate, Anonmm) else candidate.vm_mm
    assert mm is not None
    return mm


def candidate_vma(page: Page, candidate: Candidate) -> Vma:
    """The VMA of a candidate that was hit; an anonmm has to ask for it (find_vma)."""
    if isinstance(candidate, Vma):
        return candidate
    return candidate_mm(candidate).vmas.holding(page.index << PAGE_SHIFT)


def check_candidate(page: Page, candidate: Candidate) -> Steps:
    """The ptep through which a candidate maps `page`, or 0."""
    if isinstance(candidate, Vma):
        pteps = yield from page_check_address_rss(page, candidate)
        return pteps[0] if pteps else 0
    return (yield from anonmm_check_address(page, candidate))


def anonmm_check_address(page: Page, anonmm: Anonmm) -> Steps:
    """The ptep through which an mm maps `page`, or 0: there is one address to look at, the page's.

    The body of page_referenced_one and try_to_unmap_one; a VMA is not asked for.
    """
    mm = anonmm.mm
    about: dict[str, Any] = {"page": page.pfn, "nodes": 1}
    if mm is None:
        yield step("anonmm {number}: its mm is gone: passed over", SKIP_NO_MM, number=anonmm.id, **about)
        return 0

    about |= {"mm": mm.id, "who": mm.name}
    if mm.rss == 0:
        yield step("{who} has no page in memory: passed over", SKIP_NO_RSS, **about)
        return 0

    ptep = pte_offset(mm, page.index << PAGE_SHIFT)
    if not ptep:
        yield step("{who} has no page table at that address: miss", MISS_NOTABLE, **about)
        return 0

    pte = page.machine.memory[ptep]
    if not pte_present(pte):
        text = "{who}: the PTE at that address is empty or swapped: miss"
        yield step(text, MISS_NOPTE, ptep=ptep, **about)
        return 0

    if pte_pfn(pte) != page.pfn:
        text = "{who}: the PTE there holds frame {other:#x}, not {page:#x}: miss"
        yield step(text, MISS_PFN, ptep=ptep, other=pte_pfn(pte), **about)
        return 0

    yield step("{who}: the PTE there maps frame {page:#x}: hit", HIT, ptep=ptep, **about)
    return ptep


def mapped_at(page: Page, anonmm: Anonmm) -> int:
    """`anonmm_check_address` for whoever does not watch."""
    ptep = pte_offset(anonmm.mm, page.index << PAGE_SHIFT) if anonmm.mm is not None else 0
    pte = page.machine.memory[ptep] if ptep else 0
    return ptep if pte_present(pte) and pte_pfn(pte) == page.pfn else 0


def ask_anonmm(found: Found, at: Indices, anonmm: Anonmm) -> None:
    """`anonmm_check_address` of one mm for many pages."""
    found.skips_empty = True
    if anonmm.mm is None:
        found.count(SKIP_NO_MM, at)
    elif not anonmm.mm.rss:
        found.count(SKIP_NO_RSS, at)
    else:
        index = found.machine.mem_map.index.all[found.pages[at]].astype(np.int64)
        ask_addresses(found, at, anonmm.mm, index << PAGE_SHIFT)


def ask_candidate(found: Found, at: Indices, candidate: Candidate) -> None:
    """`check_candidate` of one candidate for many pages."""
    if isinstance(candidate, Vma):
        ask_vma_rss(found, at, candidate)
    else:
        ask_anonmm(found, at, candidate)


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
