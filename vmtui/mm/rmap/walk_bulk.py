"""The bulk twin of a walk: what walks over many pages would meet, without a step.

Pages whose walks ask the same candidates are gone through together: each candidate is asked about all of
them at once, and what becomes of it is counted page by page.  Nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.mm_types import VM_LOCKED, Mm, Vma
from vmtui.mm.page import PAGE_SHIFT, Page, PG_anon, PG_direct
from vmtui.mm.pgtable import (
    PAGE_ACCESSED,
    PAGE_DIRTY,
    PAGE_PRESENT,
    PAGE_PROTNONE,
    PMD_SHIFT,
    PTRS_PER_TABLE,
    pte_offset,
)
from vmtui.mm.step import HIT, MISS_NOPTE, MISS_NOTABLE, MISS_PFN, MISS_RANGE, SKIP_NO_RSS
from vmtui.mm.walks import KINDS, WalkRun

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: Who may map a page, and the list elements or tree nodes followed to him.
Candidate = tuple[Any, int]
Ask = Callable[["Found", Indices, Any], None]

#: Bytes of a PTE; a table has 2**9.
_PTE: Final = 8
_TABLE_SHIFT: Final = 9


class Found:
    """What one walk over each of many pages met; each array has a cell a page.

    Attributes:
        kind: What it is, as its place in `KINDS`.
        pages: The pages, all different.
        left: Mappings that were not found; negative where the walk was given up.
        counts: ``nodes`` followed, ``ptes`` read, and how many candidates had each outcome.
        lines, tables: Cache lines touched, and PTE pages looked into.
        hits: Parts of what was hit: the places of pages in `pages`, and their PTEs.
        behind: Parts of what was missed at a PTE of another page that stands before: the places of both.
        stops: Whether each ends where all mappings are found.
        longest: The most candidates under one lock, where that is not all of a walk's.
        skips_empty: Whether a process without a page in memory is passed over.
    """

    __slots__ = (
        "_line",
        "_order",
        "_shift",
        "_table",
        "behind",
        "counts",
        "hits",
        "kind",
        "left",
        "lines",
        "longest",
        "machine",
        "pages",
        "skips_empty",
        "stops",
        "tables",
    )

    def __init__(self, machine: Machine, pages: Indices, kind: str, *, stops: bool) -> None:
        n = len(pages)
        self.kind = KINDS.index(kind)
        self.machine, self.pages, self.stops = machine, pages, np.full(n, stops)
        self.skips_empty = False
        self.longest: int | None = None
        self.left = machine.mem_map.mapcount.all[pages].astype(np.int64)
        self.counts: dict[str, Indices] = {"nodes": np.zeros(n, np.int64), "ptes": np.zeros(n, np.int64)}
        self.lines, self.tables = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self.hits: list[tuple[Indices, Indices]] = []
        self.behind: list[tuple[Indices, Indices]] = []
        self._line, self._table = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
        self._order: Indices | None = None
        self._shift = (machine.options.cacheline // _PTE).bit_length() - 1

    def count(self, outcome: str, at: Indices) -> None:
        """A candidate came to this for these pages."""
        if outcome not in self.counts:
            self.counts[outcome] = np.zeros(len(self.pages), np.int64)
        self.counts[outcome][at] += 1

    def read(self, outcome: str, at: Indices, pteps: Indices) -> None:
        """A candidate whose PTE was read came to this; a neighbour in the same line or table is no other."""
        self.count(outcome, at)
        self.counts["ptes"][at] += 1
        line, table = pteps >> self._shift, pteps >> _TABLE_SHIFT
        self.lines[at] += self._line[at] != line
        self.tables[at] += self._table[at] != table
        self._line[at], self._table[at] = line, table

    def hit(self, at: Indices, pteps: Indices) -> None:
        """These PTEs map these pages."""
        self.read(HIT, at, pteps)
        self.left[at] -= 1
        self.hits.append((at, pteps))

    def hit_clusters(self, at: Indices, pteps: Indices, mine: Mask) -> None:
        """These PTEs map these pages, where `mine`: a row a page, one hit, however many they are."""
        self.read(HIT, at, first_of(pteps, mine))
        counts = np.count_nonzero(mine, axis=1)
        self.left[at] -= counts
        self.hits.append((np.repeat(at, counts), pteps[mine]))

    def miss(self, at: Indices, pteps: Indices, pfns: Indices) -> None:
        """These PTEs map others than these pages; some perhaps one that stands before."""
        self.read(MISS_PFN, at, pteps)
        other, before = self.before(at, pfns)
        if before.any():
            self.behind.append((at[before], other[before]))

    def before(self, at: Indices, pfns: Indices) -> tuple[Indices, Mask]:
        """Of each pfn its place, and whether it is one that stands before the page at `at`."""
        if self._order is None:
            self._order = np.argsort(self.pages)
        found = np.searchsorted(self.pages, pfns, sorter=self._order)
        other = self._order[np.minimum(found, len(self.pages) - 1)]
        return other, (self.pages[other] == pfns) & (other < at)

    def after(self, gone: Mask) -> None:
        """Each walk is gone when the pages before have gone, of those that go: their PTEs are empty then."""
        for at, other in self.behind:
            empty = at[gone[other]]
            if len(empty):
                self.counts[MISS_PFN][empty] -= 1
                self.count(MISS_NOPTE, empty)

    def give_up(self, at: Indices) -> None:
        """The walks over these pages must be gone one by one."""
        self.left[at] = -1

    def mapped(self) -> tuple[Indices, Indices]:
        """All that was hit."""
        if not self.hits:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        places, pteps = zip(*self.hits, strict=True)
        return np.concatenate(places), np.concatenate(pteps)

    def sound(self) -> Mask:
        """Of which pages all mappings were found, none of them locked in memory."""
        at, pteps = self.mapped()
        good: Mask = self.left == 0
        good[at[locked_ptes(self.machine, pteps)]] = False
        return good

    def sums(self, bit: int) -> Indices:
        """How many PTEs of each page have a bit."""
        at, pteps = self.mapped()
        have = self.machine.memory.all[pteps] & np.uint64(bit) != 0
        return np.bincount(at[have], minlength=len(self.pages))

    def young(self) -> Indices:
        """How many PTEs of each page were used."""
        return self.sums(PAGE_ACCESSED)

    def dirty(self) -> Mask:
        """Which pages were written through a PTE."""
        return self.sums(PAGE_DIRTY) > 0


def groups(keys: Indices) -> Iterator[Indices]:
    """The places of pages with the same key, key by key."""
    if len(keys) and (keys == keys[0]).all():
        yield np.arange(len(keys))
        return
    order = np.argsort(keys, kind="stable")
    begins = np.flatnonzero(np.diff(keys[order], prepend=-1))
    yield from np.split(order, begins[1:])


def walk_lists(found: Found, keys: Indices, candidates: Callable[[Page], Iterable[Any]], ask: Ask) -> Found:
    """Walk over pages of which those with the same key have the same candidates, elements of a list."""

    def elements(page: Page) -> Iterator[Candidate]:
        return ((candidate, 1) for candidate in candidates(page))

    return walk_trees(found, keys, lambda _: (), elements, ask)


def walk_trees(
    found: Found,
    keys: Indices,
    cuts: Callable[[Page], Sequence[int]],
    candidates: Callable[[Page], Iterable[Candidate]],
    ask: Ask,
) -> Found:
    """Walk over pages of which those with the same key, between two cuts, have the same candidates.

    Args:
        keys: 0 of a page that is not walked over here.
        cuts: Of pages with the key of this one, each page->index at which others begin, ascending.
    """
    index = found.machine.mem_map.index.all
    for same in groups(keys):
        if not keys[same[0]]:
            continue
        ends = cuts(found.machine.page(int(found.pages[same[0]])))
        segments = np.searchsorted(ends, index[found.pages[same]].astype(np.int64), side="right")
        for at in groups(segments):
            page = found.machine.page(int(found.pages[same[at[0]]]))
            walk_group(found, same[at], page, candidates(page), ask)
    return found


def kinds_of(found: Found) -> Indices:
    """A key of each page: what it points at, and by which of the flags that say of which kind that is."""
    mem_map = found.machine.mem_map
    flags = mem_map.flags.all[found.pages]
    kind = (flags & np.uint32(PG_anon) != 0) * 2 + (flags & np.uint32(PG_direct) != 0)
    keys: Indices = mem_map.mapping.all[found.pages].astype(np.int64) * 4 + kind
    return keys


def walk_group(found: Found, at: Indices, page: Page, candidates: Iterable[Candidate], ask: Ask) -> None:
    """Walk over pages whose walks ask the same candidates, one after another.

    Args:
        at: Their places.
        page: One of them.
        ask: How a candidate is asked about those of them whose walk is not at its end.
    """
    lines = found.machine.scheme.walk_lines(page)
    going = at
    for candidate, nodes in candidates:
        if found.stops[at[0]]:
            going = still_looking(found, going)
        if not len(going):
            break
        found.counts["nodes"][going] += nodes
        ask(found, going, candidate)
    found.lines[at] += lines.head + lines.element * found.counts["nodes"][at]


def still_looking(found: Found, at: Indices) -> Indices:
    """Those of some pages that have mappings which were not found."""
    looking = found.left[at] > 0
    return at if looking.all() else at[looking]


def ask_vma(found: Found, at: Indices, vma: Vma) -> None:
    """`page_check_address` of one VMA for many pages."""
    if found.machine.cluster > 1:
        ask_clusters(found, at, vma)
        return
    index = found.machine.mem_map.index.all[found.pages[at]].astype(np.int64)
    addresses = vma.vm_start + ((index - vma.vm_pgoff) << PAGE_SHIFT)
    inside = (addresses >= vma.vm_start) & (addresses < vma.vm_end)
    if not inside.all():
        found.count(MISS_RANGE, at[~inside])
        at, addresses = at[inside], addresses[inside]
    if len(at):
        ask_addresses(found, at, vma.vm_mm, addresses)


def ask_vma_rss(found: Found, at: Indices, vma: Vma) -> None:
    """`page_check_address_rss` of one VMA for many pages."""
    found.skips_empty = True
    if vma.vm_mm.rss:
        ask_vma(found, at, vma)
    else:
        found.count(SKIP_NO_RSS, at)


def ask_addresses(found: Found, at: Indices, mm: Mm, addresses: Indices) -> None:
    """What an mm has at an address for each page."""
    pteps = pteps_of(mm, addresses)
    there = pteps != 0
    if not there.all():
        found.count(MISS_NOTABLE, at[~there])
        at, pteps = at[there], pteps[there]
    ptes = found.machine.memory.all[pteps].astype(np.int64)
    present = ptes & (PAGE_PRESENT | PAGE_PROTNONE) != 0
    if not present.all():
        found.read(MISS_NOPTE, at[~present], pteps[~present])
        at, pteps, ptes = at[present], pteps[present], ptes[present]
    mine = ptes >> PAGE_SHIFT == found.pages[at]
    if not mine.all():
        found.miss(at[~mine], pteps[~mine], ptes[~mine] >> PAGE_SHIFT)
        at, pteps = at[mine], pteps[mine]
    if len(at):
        found.hit(at, pteps)


def ask_clusters(found: Found, at: Indices, vma: Vma) -> None:
    """`page_check_cluster` of one VMA for many pages; every array has a row a page."""
    machine = found.machine
    index = machine.mem_map.index.all[found.pages[at]].astype(np.int64)
    within = np.arange(machine.cluster, dtype=np.int64)
    addresses = vma.vm_start + ((index[:, None] + within - vma.vm_pgoff) << PAGE_SHIFT)
    inside = (addresses >= vma.vm_start) & (addresses < vma.vm_end)
    looked = np.where(inside, addresses, vma.vm_start)
    pteps = np.where(inside, pteps_of(vma.vm_mm, looked.ravel()).reshape(looked.shape), 0)
    ptes = machine.memory.all[pteps].astype(np.int64)
    present = (pteps != 0) & (ptes & (PAGE_PRESENT | PAGE_PROTNONE) != 0)
    pages = (ptes >> PAGE_SHIFT) & -machine.cluster
    mine = present & (pages == found.pages[at][:, None])

    outside, no_table = ~inside.any(axis=1), ~pteps.any(axis=1)
    hit, none = mine.any(axis=1), ~present.any(axis=1) & ~no_table
    found.count(MISS_RANGE, at[outside])
    found.count(MISS_NOTABLE, at[no_table & ~outside])
    found.read(MISS_NOPTE, at[none], first_of(pteps[none], pteps[none] != 0))
    if hit.any():
        found.hit_clusters(at[hit], pteps[hit], mine[hit])
    other = present.any(axis=1) & ~hit
    if other.any():
        found.read(MISS_PFN, at[other], first_of(pteps[other], present[other]))
        # Which of them is read first depends on what has left by then.
        rows = np.repeat(at[other], machine.cluster)
        before = found.before(rows, pages[other].ravel())[1] & present[other].ravel()
        found.give_up(rows[before])


def first_of(pteps: Indices, mask: Mask) -> Indices:
    """Of each row the first that is so."""
    firsts: Indices = pteps[np.arange(len(pteps)), mask.argmax(axis=1)]
    return firsts


def pteps_of(mm: Mm, addresses: Indices) -> Indices:
    """`pte_offset` of many addresses."""
    if not len(addresses):
        return addresses
    numbers = addresses >> PMD_SHIFT
    first, last = int(numbers.min()), int(numbers.max())
    if last - first < len(numbers):
        bases, which = range(first, last + 1), numbers - first
    else:
        found, which = np.unique(numbers, return_inverse=True)
        bases = found.tolist()
    tables = np.array([pte_offset(mm, number << PMD_SHIFT) for number in bases], np.int64)
    table = tables[which]
    return np.where(table != 0, table + ((addresses >> PAGE_SHIFT) & (PTRS_PER_TABLE - 1)), 0)


def locked_ptes(machine: Machine, pteps: Indices) -> Mask:
    """Which PTEs are of a VMA that is locked in memory."""
    locked = np.zeros(len(pteps), np.bool_)
    vmas = [vma for vma in machine.vmas if vma.vm_flags & VM_LOCKED]
    if not vmas:
        return locked
    tables, mem_map = pteps // PTRS_PER_TABLE, machine.mem_map
    owners = mem_map.mapping.all[tables]
    addresses = mem_map.index.all[tables].astype(np.int64) + (pteps % PTRS_PER_TABLE << PAGE_SHIFT)
    for vma in vmas:
        locked |= (owners == vma.vm_mm.id) & (addresses >= vma.vm_start) & (addresses < vma.vm_end)
    return locked


def by_mm(machine: Machine, pteps: Indices) -> dict[int, int]:
    """By number of an mm, how many of some PTEs are its."""
    owners = machine.mem_map.mapping.all[pteps // PTRS_PER_TABLE]
    numbers, counts = np.unique(owners, return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def walk_run(scheme: str, walks: list[tuple[Indices, Found]]) -> WalkRun:
    """The walks of many pages as one thing, page after page.

    Args:
        walks: Of each kind, in the order of `KINDS`, the places of pages among all, and what was found.
    """
    founds = [found for _, found in walks]
    places = np.concatenate([places for places, _ in walks])
    order = np.argsort(places, kind="stable")

    def column(parts: Iterable[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(list(parts))[order]

    names = dict.fromkeys(name for found in founds for name in found.counts)
    none = [np.zeros(len(found.pages), np.int64) for found in founds]
    run = WalkRun(
        scheme,
        column(found.pages for found in founds),
        column(np.full(len(found.pages), found.kind) for found in founds),
        column(found.stops for found in founds),
        {name: column(map(lambda found, zero: found.counts.get(name, zero), founds, none)) for name in names},
        sum(int(found.lines.sum()) for found in founds),
        sum(int(found.tables.sum()) for found in founds),
    )
    given = [found.longest for found in founds if found.longest is not None]
    run.longest = max(given) if given else int(run.column("examined").max())
    return run
