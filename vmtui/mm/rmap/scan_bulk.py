"""The bulk twin of the virtual scan for pages that are named one after another, as the scan comes to them.

The first page lies somewhere ahead of the cursor; each of the others is the next entry behind the one before
it, in every mm that maps them.  So the scan for it comes to its first entry at once, and is over at the last
mm that has it; and a whole round, as page_referenced goes, is the round before less the entries that have
gone.  What a round comes to is then counted without going it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np

from vmtui.mm.mm_types import Mm
from vmtui.mm.page import PAGE_SHIFT, ZERO_PFN
from vmtui.mm.pgtable import PAGE_PRESENT, PAGE_PROTNONE, PTRS_PER_TABLE, present_ptes
from vmtui.mm.rmap.walk_bulk import Found, Indices, pteps_of
from vmtui.mm.step import LEFT

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine
    from vmtui.mm.rmap.virtual_scan import VirtualScan


@attrs.frozen
class Round:
    """All entries that map a frame, in the order of a round from the cursor; a cell of each array an entry.

    Attributes:
        pteps, pfns: They, and what they map.
        vma, mm: The numbers of those they are in.
    """

    pteps: Indices
    pfns: Indices
    vma: Indices
    mm: Indices

    @classmethod
    def of(cls, scan: VirtualScan) -> Round:
        """That of a scan, as it stands."""
        return cls.joined([cls.of_leg(*leg) for leg in scan.legs()])

    @classmethod
    def of_leg(cls, mm: Mm, start: int, end: int) -> Round:
        """Part of one: what a range of an mm maps."""
        nothing = (np.empty(0, np.int64),) * 4
        return cls(*(np.concatenate(part) for part in zip(nothing, *leg_parts(mm, start, end), strict=True)))

    @classmethod
    def joined(cls, parts: Sequence[Round]) -> Round:
        """Parts, one after another."""
        nothing = (np.empty(0, np.int64),) * 4
        columns = zip(nothing, *(attrs.astuple(part, recurse=False) for part in parts), strict=True)
        return cls(*(np.concatenate(column) for column in columns))

    def first(self, n: int) -> Round:
        """The first entries."""
        return Round(self.pteps[:n], self.pfns[:n], self.vma[:n], self.mm[:n])

    def still_mapped(self, machine: Machine) -> Round:
        """Those entries that map something yet."""
        left = machine.memory.all[self.pteps] & np.uint64(PAGE_PRESENT | PAGE_PROTNONE) != 0
        if left.all():
            return self
        return Round(self.pteps[left], self.pfns[left], self.vma[left], self.mm[left])


def leg_parts(mm: Mm, start: int, end: int) -> list[tuple[Indices, Indices, Indices, Indices]]:
    """The entries of a leg, VMA by VMA."""
    parts = []
    for vma in mm.vmas.overlapping(start, end):
        addresses = present_ptes(mm, max(start, vma.vm_start), min(end, vma.vm_end))
        pteps = pteps_of(mm, addresses)
        ptes = mm.machine.memory.all[pteps].astype(np.int64)
        mapped = (ptes & (PAGE_PRESENT | PAGE_PROTNONE) != 0) & (ptes >> PAGE_SHIFT != ZERO_PFN)
        n = int(np.count_nonzero(mapped))
        parts.append((pteps[mapped], ptes[mapped] >> PAGE_SHIFT, np.full(n, vma.id), np.full(n, mm.id)))
    return parts


def walk_bulk(scan: VirtualScan, pages: Indices, kind: str) -> Found | None:
    """What the scan for each of many pages would come to; None if the first is not where it would be.

    A page that is not the next one, in every mm that maps the first, has no mapping that was found.
    """
    machine = scan.machine
    if machine.cluster > 1:
        return None
    entries = Round.of(scan)
    starts = np.flatnonzero(entries.pfns == pages[0])
    n = pages_ahead(machine, entries, starts, pages)
    if not n:
        return None

    whole = kind == "referenced"
    found = Found(machine, pages, kind, stops=not whole)
    ways = Ways(entries, starts, n, whole)
    for block in ways.blocks_in_turn(n - 1):
        found.hit(np.arange(n), entries.pteps[starts[block] : starts[block] + n])
    examined = ways.examined()
    found.counts["ptes"][:n] = examined
    found.counts[LEFT] = np.zeros(len(pages), np.int64)
    found.counts[LEFT][:n] = examined - len(starts)

    lines = scan.walk_lines(machine.page(int(pages[0])))
    found.tables[:n] = ways.changed(entries.pteps // PTRS_PER_TABLE)
    found.lines[:n] = lines.head + ways.changed(entries.pteps * 8 // machine.options.cacheline)
    found.lines[:n] += lines.element * ways.changed(entries.vma)
    found.longest = ways.longest()
    return found


def pages_ahead(machine: Machine, entries: Round, starts: Indices, pages: Indices) -> int:
    """How many of the first pages stand behind one another wherever the first does, and nowhere else."""
    mms = entries.mm[starts]
    if not len(starts) or len(np.unique(mms)) < len(mms):
        return 0
    n = min(len(pages), len(entries.pfns) - int(starts[-1]))
    places = starts[:, None] + np.arange(n)
    alike = (entries.pfns[places] == pages[:n]) & (entries.mm[places] == mms[:, None])
    alike &= machine.mem_map.mapcount.all[pages[:n]] == len(starts)
    together = alike.all(axis=0)
    return n if together.all() else int(np.argmin(together))


class Ways:
    """The ways of the scan to `n` pages, one page after another, each of them unmapped before the next.

    The pages' entries are blocks, one in each mm that maps them.  A page's way begins at its entry in the
    block where that of the page before has ended, and it ends one block before that.

    Args:
        entries: Those of a round, before all.
        starts: Where the blocks begin.
        whole: The ways are rounds, back to where they began; otherwise they end at a page's last entry.
    """

    def __init__(self, entries: Round, starts: Indices, n: int, whole: bool) -> None:
        self.entries, self.starts, self.whole = entries, starts, whole
        self.blocks, self.total = len(starts), len(entries.pfns)
        self.page = np.arange(n)
        self.begin = -self.page % self.blocks
        self.end = (self.begin - 1) % self.blocks

    def blocks_in_turn(self, page: int) -> list[int]:
        """The blocks in the order in which a page's way comes to them."""
        return [(int(self.begin[page]) + block) % self.blocks for block in range(self.blocks)]

    def examined(self) -> Indices:
        """How many entries are on each way."""
        left = self.total - self.page * self.blocks
        if self.whole:
            return left
        # What lies between its last entry and its first one.
        apart = (self.starts[self.begin] - self.starts[self.end] - 1) % self.total + 1
        seen: Indices = left - (apart - self.page - 1)
        seen[0] = self.starts[-1] + 1
        return seen

    def changed(self, numbers: Indices) -> Indices:
        """How many numbers, one an entry, there are on each way, if neighbours that are equal are one."""
        changes = numbers != np.roll(numbers, -1)
        before = np.append(0, np.cumsum(np.append(changes, changes)))
        # From a page's entry in a block to the last before the next block, and from there to its entry.
        last = np.append(self.starts[1:], self.starts[0] + self.total) - 1
        inside = before[last][:, None] - before[self.starts[:, None] + self.page]
        following = numbers[np.roll(self.starts, -1)[:, None] + self.page]
        across = following != numbers[last % self.total][:, None]
        ways: Indices = 1 + inside.sum(axis=0) + across.sum(axis=0) - across[self.end, self.page]
        if not self.whole:
            ways -= inside[self.end, self.page]
        ways[0] = 1 + before[self.total - 1 if self.whole else self.starts[-1]]
        return ways

    def longest(self) -> int:
        """The most entries in one mm, on any way; later ways are those of the first pages, with fewer."""
        most = 0
        for page in range(min(len(self.page), self.blocks + 1)):
            alive = np.ones(self.total, np.bool_)
            for start in self.starts.tolist():
                alive[start : start + page] = False
            first = int(self.starts[self.begin[page]]) + page if page else 0
            n = self.total
            if not self.whole:
                n = (int(self.starts[self.end[page]]) + page - first) % self.total + 1
            way = (first + np.arange(n)) % self.total
            most = max(most, longest(self.entries.mm[way[alive[way]]]))
        return most


def longest(numbers: Indices) -> int:
    """The most neighbours that are equal."""
    ends = np.flatnonzero(np.diff(numbers, append=-1, prepend=-1))
    return int(np.diff(ends).max(initial=0))
