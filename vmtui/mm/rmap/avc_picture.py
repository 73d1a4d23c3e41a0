"""A page of memory that is found through AVCs: its picture."""

from __future__ import annotations

import attrs

from vmtui.mm.mm_types import AddressSpace, AnonVma, Vma
from vmtui.mm.page import PAGE_SHIFT, Page
from vmtui.mm.rmap.avc import AnonVmaChains
from vmtui.mm.rmap.picture import CandidateRow, draw_list, page_lines
from vmtui.mm.rmap.scheme import Edge, Node, Picture
from vmtui.mm.step import Ref


@attrs.frozen
class AvcRow:
    """A VMA that the walk would examine, and how it stands in the page's anon_vma.

    Attributes:
        candidate: The VMA, and what its PTE holds.
        own: The VMA's own anon_vma: where its new pages go.
        chain: AVCs in its chain.
        maps: The PTE really maps the page.
    """

    candidate: CandidateRow
    own: int
    chain: int
    maps: bool

    @classmethod
    def of(cls, page: Page, vma: Vma, chains: AnonVmaChains) -> AvcRow:
        """The row of a VMA, for a page."""
        row = CandidateRow.of(page, vma)
        own = vma.anon_vma.id if vma.anon_vma is not None else 0
        return cls(row, own, sum(1 for _ in chains.same_vma(vma)), row.content == f"{page.pfn:#x}")


def draw_avcs(
    page: Page, anon_vma: AnonVma | None, chains: AnonVmaChains, rows: list[AvcRow], total: int, first: int
) -> Picture:
    """page → anon_vma → AVC → VMA → PTE, each AVC → the next in the tree that covers the page."""
    ref: Ref | None = ("anon_vma", anon_vma.id) if anon_vma is not None else None
    title = f"anon_vma {anon_vma.id}" if anon_vma is not None else "anon_vma"
    nodes = [
        Node(0, "page", ("page", page.pfn), f"page {page.pfn:#x}", page_lines(page)),
        Node(1, "object", ref, title, anon_vma_lines(anon_vma, chains, total), empty=ref is None),
    ]
    edges: list[Edge] = []
    if ref is not None:
        edges.append(Edge(0, 1, "anon_vma", 0))
    source = 1 if ref is not None else 0
    for number, row in enumerate(rows, start=first):
        avc = len(nodes)
        nodes += row_nodes(row, number)
        edges.append(Edge(source, avc, "" if number == first else "next", len(edges)))
        edges.append(Edge(avc, avc + 1, "", len(edges)))
        edges.append(Edge(avc + 1, avc + 2, "", len(edges)))
        source = avc
    headings = ("struct page", "anon_vma", "AVC", "VMA", "page table")
    return Picture(headings, tuple(nodes), tuple(edges), total, first)


def anon_vma_lines(anon_vma: AnonVma | None, chains: AnonVmaChains, total: int) -> tuple[str, ...]:
    """What an anon_vma's box says: its place in the family, and how many VMAs may map its pages."""
    if anon_vma is None or anon_vma.root is None or anon_vma.parent is None:
        return ("none yet",)
    family = f"root {anon_vma.root.id} parent {anon_vma.parent.id}"
    if anon_vma.root is anon_vma:
        family = "a root"
    members = sum(1 for _ in chains.trees.members(anon_vma.id))
    return (family, f"VMAs {total}/{members}", f"refs {anon_vma.refcount}")


def row_nodes(row: AvcRow, number: int) -> list[Node]:
    """The AVC, the VMA and the PTE of a candidate; dim where the PTE does not map the page."""
    candidate = row.candidate
    start, end = candidate.span
    covers = (f"{start:x} {(end - start) >> PAGE_SHIFT}p", f"pgoff {candidate.pgoff:x}")
    pte: Ref | None = ("pte", candidate.ptep) if candidate.ptep else None
    said = (candidate.content, f"{candidate.address:x}")
    faint = not row.maps
    chain = (f"own {row.own}", f"chain {row.chain}")
    return [
        Node(2, "chain", None, "AVC", chain, number, faint=faint),
        Node(3, "vma", ("vma", candidate.vma), candidate.name, covers, number, faint=faint),
        Node(4, "pte", pte, "pte", said, number, empty=pte is None, faint=faint),
    ]


def draw_i_mmap(page: Page, mapping: AddressSpace, rows: list[AvcRow], total: int, first: int) -> Picture:
    """A file's page → address_space → the VMAs in its tree that cover the page."""
    members = len(mapping.i_mmap) + len(mapping.i_mmap_shared)
    lines = ("interval tree", f"{total:,} of {members:,}")
    ref = ("address_space", mapping.id)
    candidates = [row.candidate for row in rows]
    return draw_list(page, "address_space", ref, mapping.name, lines, candidates, total, first)
