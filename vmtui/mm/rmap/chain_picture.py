"""A page that has a chain of PTE addresses, or one PTE address: its picture, its list, what it points at."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from vmtui.mm.mm_types import place_name
from vmtui.mm.page import Page, PG_direct
from vmtui.mm.pgtable import is_swap_pte, pte_file, pte_pfn, pte_present, pte_to_pgoff, pte_to_slot
from vmtui.mm.rmap.chain import PteChains, pte_owner
from vmtui.mm.rmap.lists import Group, Lists, ObjectList
from vmtui.mm.rmap.picture import page_lines
from vmtui.mm.rmap.scheme import Edge, Node, Picture
from vmtui.mm.rmap.target import NULL, Target

#: A walk that has a PTE goes backwards: its page table's struct page has the mm as its mapping.
BACKWARDS: Final = "mapping"
#: Slots of a node that are drawn one by one; of longer nodes the free ones are told.
_DRAWN: Final = 15


def draw_chain(page: Page, chains: PteChains, first: int, count: int) -> Picture:
    """page → chain → PTE → mm, a row an entry; the box of a node stands at the first of its rows.

    A direct page's place for a chain is empty; so are the rows of entries that the walk under way released.
    """
    nodes = [Node(0, "page", ("page", page.pfn), f"page {page.pfn:#x}", page_lines(page))]
    edges: list[Edge] = []
    if page.test(PG_direct) or not page.mapcount:
        nodes.append(Node(1, "chain", None, "pte_chain", ("none until", "two PTEs"), empty=True))

    source, label, line = 0, "direct" if page.test(PG_direct) else "chain", 0
    gone = chains.released(page)
    shown = islice(chains.entries(page), max(first - gone, 0), max(first + count - gone, 0))
    for row, (entry, node, slot) in enumerate(shown, start=max(first, gone)):
        ptep = next(iter(chains.pteps(page, entry)), entry)
        if node != line:
            box = len(nodes)
            nodes.append(Node(1, "chain", None, f"node {node}", node_lines(chains, node), row))
            edges.append(Edge(source, box, label, len(edges)))
            source, label, line = box, "next", node
        nodes += entry_nodes(page, ptep, slot if node else -1, row)
        pte = len(nodes) - 2
        edges.append(Edge(source, pte, "" if node else label, len(edges)))
        edges.append(Edge(pte, pte + 1, BACKWARDS, len(edges)))
    headings = ("struct page", "pte_chain", "page table", "mm")
    return Picture(headings, tuple(nodes), tuple(edges), gone + chains.length(page), first)


def node_lines(chains: PteChains, node: int) -> tuple[str, ...]:
    """What a node's box says: its slots, those free at the low end, and what follows."""
    idx, following = chains.pte_chain_idx(node), chains.pte_chain_next(node)
    used = f"{chains.nrpte - idx}/{chains.nrpte} slots"
    free = f"free 0-{idx - 1}" if idx > 1 else "free 0" if idx else "full"
    if chains.nrpte <= _DRAWN:
        free = "·" * idx + "●" * (chains.nrpte - idx)
    return (used, free, f"next {following}" if following else "next NULL")


def entry_nodes(page: Page, ptep: int, slot: int, row: int) -> list[Node]:
    """The PTE of an entry, and the mm it belongs to."""
    mm, address = pte_owner(page.machine, ptep)
    content = pte_content(page.machine.memory[ptep])
    said = f"[{slot}] {content}" if slot >= 0 else content
    return [
        Node(2, "pte", ("pte", ptep), mm.name, (said, place_name(mm, address), f"{address:x}"), row),
        Node(3, "mm", ("mm", mm.id), mm.name, (f"rss {mm.rss}",), row),
    ]


def pte_content(pte: int) -> str:
    """What a PTE holds, in a word or two."""
    if pte_present(pte):
        return f"{pte_pfn(pte):#x}"
    if pte_file(pte):
        return f"file {pte_to_pgoff(pte):x}"
    return f"swap {pte_to_slot(pte)}" if is_swap_pte(pte) else "empty"


def chain_target(page: Page, chains: PteChains) -> Target:
    """What page->pte leads to: the PTE and whose it is, or the head of the chain and how full it is."""
    pointer = chains.pte.cell[page.pfn]
    if not pointer:
        return NULL
    if page.test(PG_direct):
        mm, address = pte_owner(page.machine, pointer)
        return ("pte", pointer), f"pte {pointer:#x} · {place_name(mm, address)}"
    used = chains.nrpte - chains.pte_chain_idx(pointer)
    return None, f"node {pointer} · {used} of {chains.nrpte} slots"


def chain_lists(chains: PteChains) -> Lists:
    """The pages with a chain, each with its nodes slot by slot."""
    machine = chains.machine

    def slots(node: int) -> Group:
        idx = chains.pte_chain_idx(node)
        used = (chains.ptes.cell[chains.slot(node, index)] for index in range(idx, chains.nrpte))
        return (None,) * idx + tuple(("pte", ptep) for ptep in used)

    def nodes(page: Page) -> Iterator[Group]:
        return (slots(node) for node in chains.nodes(page))

    def make(pfn: int) -> ObjectList:
        page = machine.page(pfn)
        return ObjectList(("page", pfn), f"{pfn:#x}", sum(1 for _ in chains.nodes(page)), nodes(page))

    nbytes = machine.ledger.by_kind().get("pte_chain", 0)
    empty = "none yet: fork makes the first one"
    return Lists("pte_chains", "page", "page", chains.chained(), make, "chain", empty, nbytes)
