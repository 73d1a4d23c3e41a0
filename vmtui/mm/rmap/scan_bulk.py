"""The bulk twin of the virtual scan for pages that are named one after another, as the scan comes to them.

The first page lies somewhere ahead of the cursor; each of the others is the next entry behind the one before
it.  So the scan for it is over at its first entry, and a whole round, as page_referenced goes, is the round
before less one entry.  What a round comes to is then counted without going it.
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
from vmtui.mm.step import HIT, LEFT

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

    A page that is not the next one has no mapping that was found.
    """
    if scan.machine.cluster > 1:
        return None
    machine, entries = scan.machine, Round.of(scan)
    at = np.flatnonzero(entries.pfns == pages[0])
    if len(at) != 1:
        return None
    first = int(at[0])
    ahead = entries.pfns[first : first + len(pages)]
    alike = (ahead == pages[: len(ahead)]) & (machine.mem_map.mapcount.all[ahead] == 1)
    n = len(alike) if alike.all() else int(np.argmin(alike))
    if not n:
        return None

    found = Found(machine, pages, kind, stops=kind == "unmap")
    found.hit(np.arange(n), entries.pteps[first : first + n])
    whole = kind == "referenced"
    examined = len(entries.pfns) - np.arange(n) if whole else np.where(np.arange(n) == 0, first + 1, 1)
    found.counts["ptes"][:n] = examined
    found.counts[LEFT] = np.zeros(len(pages), np.int64)
    found.counts[LEFT][:n] = examined - found.counts[HIT][:n]

    lines = scan.walk_lines(machine.page(int(pages[0])))
    line = entries.pteps * 8 // machine.options.cacheline
    found.tables[:n] = changed(entries.pteps // PTRS_PER_TABLE, first, n, whole=whole)
    found.lines[:n] = lines.head + changed(line, first, n, whole=whole)
    found.lines[:n] += lines.element * changed(entries.vma, first, n, whole=whole)
    found.longest = longest(entries.mm) if whole else 1
    if whole and n > 1:
        found.longest = max(found.longest, longest(np.append(entries.mm[first + 1 :], entries.mm[:first])))
    return found


def changed(numbers: Indices, first: int, n: int, *, whole: bool) -> Indices:
    """How many there are on each of `n` ways, if neighbours that are equal are one.

    Args:
        numbers: Of each entry of a round.
        first: Where the first page is; the next way begins behind it, and goes round to it, or ends there.
        whole: The ways are rounds; otherwise they end at the page.
    """
    changes = np.cumsum(np.append(0, numbers[1:] != numbers[:-1]))
    if not whole:
        return np.where(np.arange(n) == 0, changes[first] + 1, 1)
    ways: Indices = changes[-1] - changes[first : first + n] + 1
    if first:
        # What lies before it comes last.
        ways += changes[first - 1] + int(numbers[-1] != numbers[0])
    ways[0] = changes[-1] + 1
    return ways


def longest(numbers: Indices) -> int:
    """The most neighbours that are equal."""
    ends = np.flatnonzero(np.diff(numbers, append=-1, prepend=-1))
    return int(np.diff(ends).max(initial=0))
