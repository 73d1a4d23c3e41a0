"""What a reverse-mapping scheme is: a Protocol, the picture it draws of a page, the walk's common parts.

The machine calls a scheme at the kernel's own hook points and nowhere else knows which one it has.
A scheme is one module of this package with a class `SCHEME`, named in `vmtui.mm.rmap.SCHEMES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, cast, runtime_checkable

import attrs
import numpy as np
from numpy.typing import NDArray

from vmtui.mm.cluster import Mappings, cluster_addresses, maps_page
from vmtui.mm.mm_types import VM_LOCKED, AnonVma, Mm, Vma, vma_address, vma_name
from vmtui.mm.page import Page
from vmtui.mm.pgtable import pte_offset, pte_pfn, pte_present
from vmtui.mm.rmap import SCHEMES
from vmtui.mm.rmap.explained import Entries
from vmtui.mm.rmap.lists import Lists
from vmtui.mm.step import (
    END,
    HIT,
    LOCKED,
    MAPCOUNT,
    MISS_NOPTE,
    MISS_NOTABLE,
    MISS_PFN,
    MISS_RANGE,
    SKIP_NO_RSS,
    WALK,
    WALKED,
    Ref,
    Steps,
    Told,
    step,
)

if TYPE_CHECKING:
    from vmtui.mm.kernel import Options
    from vmtui.mm.machine import Machine
    from vmtui.mm.rmap.walk_bulk import Found
    from vmtui.state.column import Column
    from vmtui.state.containers import ObjectTable

Pfns = NDArray[np.int64]


@attrs.frozen
class Node:
    """A box of the picture.

    Attributes:
        column: Which heading it stands under, from 0.
        kind: ``page``, ``object``, ``vma``, ``mm``, ``pte`` or ``chain``.
        ref: The object it is, if it is one.
        title: Its name.
        lines: What it says, at most three short lines.
        row: The candidate's row, counted over the whole walk; -1 for what stands beside all rows.
        empty: A place kept for something that does not exist yet; drawn dim.
        faint: Arithmetic tells that it cannot map the page; drawn dim.
    """

    column: int
    kind: str
    ref: Ref | None
    title: str
    lines: tuple[str, ...] = ()
    row: int = -1
    empty: bool = False
    faint: bool = False


@attrs.frozen
class Edge:
    """An arrow of the picture: a pointer the kernel follows.

    Attributes:
        source, target: Indices into the picture's nodes.
        label: What the pointer is called; may be "".
        order: Its place in the walk, from 0.
    """

    source: int
    target: int
    label: str = ""
    order: int = 0


@attrs.frozen
class Picture:
    """All that a walk over one page would follow, as a graph.

    Attributes:
        headings: One per column.
        nodes, edges: The graph.
        total: Candidate rows in all.
        first: The row number of the first candidate given.
        per_mm: A row is an mm, with all candidates in it, and not one candidate.
        per_vma: A row is a VMA, likewise.
        order: Then, of all rows, the numbers of their mms or VMAs.
    """

    headings: tuple[str, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    total: int
    first: int = 0
    per_mm: bool = False
    per_vma: bool = False
    order: tuple[int, ...] = ()


class WalkLines(NamedTuple):
    """Cache lines of a walk.

    Attributes:
        head: Of what stands before its candidates: struct page, and the head of a list.
        element: Of each node followed.
        per_mm: There is no list: the lock is an mm's, and each VMA that is come to is an element.
    """

    head: int
    element: int
    per_mm: bool = False


class Scheme(Protocol):
    """A reverse map.

    Generators (called by ``yield from``): vma_prepare, page_add_rmap, page_add_file_rmap, vma_fork,
    page_dup_rmap, swap_dup_rmap, page_move_rmap, page_remove_rmap, vma_split, vma_adjust, move_prepare,
    vma_move, page_referenced, try_to_unmap, look.  The rest are plain.
    """

    name: ClassVar[str]
    #: What people call it, and the kernel it came with.
    title: ClassVar[str]
    kernel: ClassVar[str]
    #: What it is, in a line.
    period: ClassVar[str]
    #: Where it may differ from the other schemes: command, and why.
    departs: ClassVar[Mapping[str, str]]

    def __init__(self, machine: Machine) -> None:
        """The scheme of a machine that is being built; its other parts are there."""

    @classmethod
    def object_sizes(cls, options: Options) -> dict[str, int]:
        """Bytes of ``mem_map`` (one struct page), ``vm_area_struct``, and objects of its own kinds."""

    def object_counts(self) -> dict[str, int]:
        """Objects of its own kinds, counted anew: what `check` holds the ledger against."""

    def columns(self) -> Mapping[str, Column]:
        """Its own columns, for the digest."""

    def objects(self) -> Mapping[str, ObjectTable[Any]]:
        """Its own tables of structs, for the digest."""

    #: Anomalies that `check` finds and the scheme is known for, under these options.
    expected: frozenset[str]
    #: Why it cannot have pages of several frames, to go on from its name; "" where it can.
    no_clusters: ClassVar[str]
    #: The members of struct page's union, in the order of the declaration.
    union_members: ClassVar[tuple[str, ...]]
    #: What is said of the fields and objects it has, before what is said of them under every scheme.
    explanations: ClassVar[Entries]
    #: What remap_file_pages is refused with, by a scheme that could not find such pages; else empty.
    no_nonlinear: ClassVar[str]
    #: Fields and flags that the machine keeps under every scheme and its kernel's struct page has not.
    ours: ClassVar[frozenset[str]]

    def mm_create(self, mm: Mm, parent: Mm | None) -> None:
        """An mm was made: by fork from `parent`, or with none by exec; nothing is mapped in it."""

    def mm_exit(self, mm: Mm) -> None:
        """The mm is going; its VMAs and PTEs are gone."""

    def vma_prepare(self, vma: Vma) -> Steps:
        """A fault is about to take a page for anonymous memory of `vma`, or to let its stack grow."""

    def page_add_rmap(self, page: Page, vma: Vma, address: int, ptep: int, *, fresh: bool) -> Steps:
        """A PTE of `vma` now maps an anonymous page: a `fresh` one, or one from swap."""

    def page_add_file_rmap(self, page: Page, vma: Vma, ptep: int) -> Steps:
        """A PTE of `vma` now maps a page of the page cache."""

    def vma_fork(self, vma: Vma, child: Vma) -> Steps:
        """fork copied a VMA; its PTEs come next."""

    def page_dup_rmap(self, page: Page, vma: Vma, child: Vma, ptep: int) -> Steps:
        """fork copied a PTE: through `ptep`, `child` maps the page too."""

    def swap_dup_rmap(self, vma: Vma, child: Vma) -> Steps:
        """fork copied a swap entry."""

    def page_move_rmap(self, page: Page, vma: Vma, address: int) -> Steps:
        """A write found that nobody else has the anonymous page: it is reused, not copied."""

    def page_remove_rmap(self, page: Page, ptep: int) -> Steps:
        """A PTE that mapped the page is gone."""

    def move_prepare(self, vma: Vma, start: int, end: int) -> Steps:
        """mremap is about to move the PTEs of [start, end) of `vma`."""

    def move_rmap(self, page: Page, ptep: int, new_ptep: int) -> None:
        """mremap: a mapping is at another place now."""

    def keeps_pgoff(self, vma: Vma) -> bool:
        """Whether an anonymous VMA that mremap moves keeps its vm_pgoff; if not, it gets its address's."""

    def can_vma_merge(self, one: Vma, other: Vma | None) -> bool:
        """Whether the scheme lets two anonymous VMAs become one; `other` None: a range with no VMA yet."""

    def vma_split(self, vma: Vma, new: Vma) -> Steps:
        """`new` took over part of `vma`."""

    def vma_adjust(self, survivor: Vma, donor: Vma, start: int, end: int) -> Steps:
        """[start, end), mapped through `donor` so far, now belongs to `survivor`."""

    def vma_move(self, vma: Vma, new: Vma) -> Steps:
        """mremap: `new` stands where `vma`'s PTEs have gone."""

    def file_link(self, vma: Vma, parent: Vma | None) -> None:
        """A VMA of a file is on its file's list now, with the range it has; `parent`: fork copied it.

        One that becomes nonlinear leaves and joins again, VM_NONLINEAR set.
        """

    def file_unlink(self, vma: Vma) -> None:
        """A VMA of a file is about to leave its file's list, or to change its range."""

    def vma_resize(self, vma: Vma) -> None:
        """A VMA's ends, and its vm_pgoff, are others than they were."""

    def vma_unlink(self, vma: Vma) -> None:
        """The VMA is going; its PTEs are gone."""

    def page_referenced(self, page: Page) -> Steps:
        """Clear the young bits of all PTEs that map the page; how many were set."""

    def try_to_unmap(self, page: Page) -> Steps:
        """Replace every PTE that maps the page by its swap entry; whether all are gone."""

    def walk_lines(self, page: Page) -> WalkLines:
        """The cache lines that a walk over the page touches, beside those of PTEs."""

    def look(self, page: Page, *, full: bool) -> Steps:
        """The walk of try_to_unmap that changes nothing; `full`: without its stop rule."""

    def add_rmap_bulk(self, mapped: Mappings, vma: Vma, indices: Pfns) -> None:
        """`page_add_rmap` for fresh pages, at once; `indices`: page->index of each."""

    def add_file_rmap_bulk(self, mapped: Mappings, vma: Vma) -> None:
        """`page_add_file_rmap` for many PTEs."""

    def dup_rmap_bulk(self, mapped: Mappings, vma: Vma, child: Vma, swapped: bool) -> None:
        """`page_dup_rmap` for many PTEs; and `swap_dup_rmap` if fork copied swap entries."""

    def remove_rmap_bulk(self, pfns: Pfns, vma: Vma, pteps: Pfns) -> None:
        """`page_remove_rmap` for many different pages.

        Those that nothing holds any more are freed next, flags, mapping and index with them.
        """

    def walk_bulk(self, pages: Pfns, kind: str) -> Found | None:
        """What the walk of `page_referenced` or, after it, of `try_to_unmap` meets of many different
        pages that are mapped; None if they must be walked over one by one."""

    def walked_bulk(self, pages: Pfns, unmapped: NDArray[np.bool_], pteps: Pfns) -> None:
        """What these walks leave of the reverse map, page after page: of those unmapped no mapping, which
        was in `pteps`; those of memory are in the swap cache, or freed next."""

    def swap_in_rmap_bulk(self, mapped: Mappings, vma: Vma, indices: Pfns) -> None:
        """`page_add_rmap` for many pages from swap; `indices`: page->index of each."""

    def bulk_bytes(self, pfns: Pfns) -> int:
        """Low memory that one PTE more of each of these frames may take in one VMA, at most, 0 being a fresh
        one, and any number of fresh ones where there are no clusters; for preconditions."""

    def mappings(self, page: Page) -> Iterable[int]:
        """The PTEs that a walk without a stop rule would hit, in order."""

    def problems(self) -> Iterable[tuple[str, str]]:
        """(name, sentence) of each broken invariant of the scheme's own data."""

    def reverse_map_bytes(self) -> int:
        """Low memory the reverse map takes beyond what a kernel without one would."""

    def anon_vma_vmas(self, anon_vma: AnonVma) -> Iterable[Vma]:
        """The VMAs of an anon_vma, in the order of a walk."""

    def chain_of(self, vma: Vma) -> tuple[int, ...] | None:
        """The numbers of the anon_vmas whose pages a VMA may map, newest first; None without chains."""

    def live_member(self, page: Page) -> str | None:
        """The member of the union that is valid, or None."""

    def why(self, page: Page) -> str:
        """Which flags say so."""

    def live_target(self, page: Page) -> tuple[Ref | None, str]:
        """What that member points at, if it is an object, and what it is called; ``NULL`` for nothing."""

    def lists(self) -> tuple[Lists, ...]:
        """The lists that its kernel keeps; those that hold the anonymous pages' mappings first."""

    def picture(self, page: Page, first: int = 0, count: int = 32) -> Picture:
        """What a walk over the page would follow; candidates from row `first`, at most `count`."""


@runtime_checkable
class OwnPageOut(Protocol):
    """A scheme whose kernel frees pages in a way of its own, and not by the LRU of `vmscan.reclaim`."""

    def try_to_free_pages(self, nr_pages: int) -> Steps:
        """Free frames; how many were freed."""


def scheme_class(name: str) -> type[Scheme]:
    """The class of the scheme of this name."""
    module = import_module(f"vmtui.mm.rmap.{name}")
    return cast(type[Scheme], module.SCHEME)


def schemes_for(options: Options) -> tuple[str, ...]:
    """The schemes that can have a machine of these options, in the order of their kernels."""
    return tuple(name for name in SCHEMES if options.cluster == 1 or not scheme_class(name).no_clusters)


def walk_begins(page: Page, kind: str) -> Told:
    """The step that opens a walk."""
    scheme = page.machine.scheme
    text = "frame {page:#x}: who maps it? mapcount says {n}"
    lines = scheme.walk_lines(page)._asdict()
    return step(text, WALK, page=page.pfn, kind=kind, scheme=scheme.name, n=page.mapcount, **lines)


def walk_ends(page: Page, stopped: str) -> Told:
    """The step that closes a walk."""
    return step(WALK_END_TEXT[stopped], WALKED, page=page.pfn, stopped=stopped)


#: What the end of a walk says, by what ended it.
WALK_END_TEXT: Mapping[str, str] = {
    "end": "frame {page:#x}: no candidate is left, the walk ends",
    "mapcount": "frame {page:#x}: every mapping was found, the walk stops here",
    "locked": "frame {page:#x}: VM_LOCKED keeps it in memory, the walk stops here",
}


def page_check_address(page: Page, vma: Vma, nodes: int = 1) -> Steps:
    """The pteps through which `vma` maps `page` (page_check_address, mm/rmap.c).

    One candidate: from page->index and vm_pgoff the address, from the page tables the entry.

    Args:
        nodes: List elements or tree nodes that were followed to reach this candidate.
    """
    if page.machine.cluster > 1:
        return (yield from page_check_cluster(page, vma, nodes))

    address = vma_address(page.index, vma)
    about: dict[str, Any] = {"page": page.pfn, "vma": vma.id, "nodes": nodes, "who": vma_name(vma)}
    if not vma.vm_start <= address < vma.vm_end:
        yield step("{who}: the page would be outside this VMA: ruled out", MISS_RANGE, about)
        return []

    ptep = pte_offset(vma.vm_mm, address)
    if not ptep:
        yield step("{who}: no page table there: miss", MISS_NOTABLE, about)
        return []

    about["ptep"] = ptep
    pte = page.machine.memory.cell[ptep]
    if not pte_present(pte):
        yield step("{who}: its PTE is empty or swapped: miss", MISS_NOPTE, about)
        return []

    if pte_pfn(pte) != page.pfn:
        text = "{who}: its PTE holds frame {other:#x}, not {page:#x}: miss"
        about["other"] = pte_pfn(pte)
        yield step(text, MISS_PFN, about)
        return []

    yield step("{who}: its PTE maps frame {page:#x}: hit", HIT, about)
    return [ptep]


def page_check_cluster(page: Page, vma: Vma, nodes: int) -> Steps:
    """`page_check_address` for a page of several frames: up to as many PTEs, which are one hit (*ours*)."""
    memory = page.machine.memory
    about: dict[str, Any] = {"page": page.pfn, "vma": vma.id, "nodes": nodes, "who": vma_name(vma)}
    addresses = cluster_addresses(page.index, vma)
    if not addresses:
        yield step("{who}: the page would be outside this VMA: ruled out", MISS_RANGE, **about)
        return []

    pteps = [ptep for address in addresses if (ptep := pte_offset(vma.vm_mm, address))]
    if not pteps:
        yield step("{who}: no page table there: miss", MISS_NOTABLE, **about)
        return []

    present = [ptep for ptep in pteps if pte_present(memory[ptep])]
    if not present:
        yield step("{who}: its PTE is empty or swapped: miss", MISS_NOPTE, ptep=pteps[0], **about)
        return []

    found = [ptep for ptep in present if maps_page(page, memory[ptep])]
    if not found:
        text = "{who}: its PTE holds frame {other:#x}, not {page:#x}: miss"
        yield step(text, MISS_PFN, ptep=present[0], other=pte_pfn(memory[present[0]]), **about)
        return []

    yield step("{who}: its PTE maps frame {page:#x}: hit", HIT, ptep=found[0], **about)
    return found


def page_check_address_rss(page: Page, vma: Vma, nodes: int = 1) -> Steps:
    """`page_check_address`; an mm with no page present is passed over first (anobjrmap, and 2.6.7)."""
    if vma.vm_mm.rss == 0:
        about: dict[str, Any] = {"page": page.pfn, "vma": vma.id, "nodes": nodes, "who": vma_name(vma)}
        yield step("{who}: its process has no page in memory: passed over", SKIP_NO_RSS, **about)
        return []
    return (yield from page_check_address(page, vma, nodes))


def look_at(
    page: Page,
    candidates: Iterable[tuple[Vma, int]],
    check: Callable[[Page, Vma, int], Steps],
    *,
    full: bool,
) -> Steps:
    """Look where try_to_unmap would, and change nothing; it stops where that stops, or if `full` at the end.

    Args:
        candidates: VMAs, each with the list elements or tree nodes that lead to it.
        check: How one of them is looked at.

    Returns:
        How many PTEs were found, and what ended the walk.
    """
    found = 0
    for vma, nodes in candidates:
        pteps = yield from check(page, vma, nodes)
        found += len(pteps)
        if not full and pteps and vma.vm_flags & VM_LOCKED:
            return found, LOCKED
        if not full and found == page.mapcount:
            return found, MAPCOUNT
    return found, END
