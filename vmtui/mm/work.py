"""Work on the fast path: what a reverse map costs where nobody looks, counted command by command.

Everything here counts accesses, not misses: there is no model of a cache.  An object counts with as many
lines as its struct has (`Machine.lines`, at ``cacheline=``), each time an operation comes to it; what an
operation comes to again counts once.  Not counted: mm_struct, the upper levels of page tables, find_vma, and
the lists of a file that mmap and munmap edit, which are there under every scheme for truncate's sake.

What hooks do is counted in a column; what walks do is read off their steps when the command is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.page import PAGE_SHIFT
from vmtui.mm.pgtable import PMD_SIZE, PTRS_PER_TABLE, pte_offset
from vmtui.mm.step import StepLog, WalkRecord
from vmtui.mm.walks import split
from vmtui.state.column import Column
from vmtui.state.history import History

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine
    from vmtui.mm.mm_types import AnonVma, Vma

WORK: Mapping[str, str] = MappingProxyType(
    {
        "rmap_add": "mappings noted in the reverse map, by faults and by fork",
        "rmap_remove": "mappings taken out of it",
        "slots_searched": "slots of pte_chains looked at to find the entry that goes",
        "chain_alloc": "pte_chain nodes allocated",
        "chain_free": "pte_chain nodes freed",
        "anon_vma_alloc": "anon_vmas allocated",
        "anon_vma_free": "anon_vmas freed",
        "anonmm_alloc": "anonmms allocated",
        "anonmm_free": "anonmms freed",
        "page_tables_made": "PTE pages made",
        "cache_lines": "cache lines touched: struct page, chain nodes, list elements, walks' PTEs",
        "page_tables_read": "PTE pages that walks looked into; neighbours in one count once",
        "tlb_flushes": "times the TLB was flushed, for a page, a range or a process",
        "longest_list": "the most candidates gone through under one lock: a maximum, not a sum",
    }
)
"""What the fast path is counted in, for every command, and what each counter means.

rmap_add, rmap_remove: calls of page_add_rmap and page_remove_rmap and their like, one a PTE; none where
    nothing is kept.
cache_lines: the struct page of each of these; the chain nodes that they read or write (a new head: it, and
    the old one if that was full; a search: down to the node of the entry); a VMA that joins or leaves a
    list, and its neighbours there; the anonmm that a page begins or ceases to point at.  Of a walk: struct
    page, the head of the list if there is one, each node followed, and the line of each PTE that is read; a
    neighbour in the same line counts no more.
page_tables_read: of a walk, each PTE page in which a PTE is read; one after another in the same page is one.
    And those that split, merge and mremap read on the reverse map's behalf.
tlb_flushes: one for each PTE that page-out, copy on write or remap_file_pages takes away; one for each
    munmap, exit, VMA of madvise or truncate that found something mapped; one for each fork, mprotect of a
    VMA and mremap.  That of an accessed bit is not counted: 2.6.0 does not flush for it, 2.6.7 does.
longest_list: candidates of a walk under its one lock (of a virtual scan, in one mm), slots of one search, or
    VMAs asked when a page is converted.
"""

#: The counter of which, over many commands, the greatest counts.
LONGEST: Final = "longest_list"

#: What the column has, beside what `WORK` names: cache lines but for struct page and walks.
_COUNTED: Final = (*(name for name in WORK if name != "cache_lines"), "list_lines")
_CELL: Final = {name: cell for cell, name in enumerate(_COUNTED)}

#: Bytes of a PTE.
_PTE: Final = 8


class Work:
    """Counters of what hooks do, by name; journaled."""

    __slots__ = ("column",)

    def __init__(self, history: History) -> None:
        self.column = Column(history, len(_COUNTED), np.int64, lambda: [slice(0, len(_COUNTED))])

    def __getitem__(self, name: str) -> int:
        return self.column.cell[_CELL[name]]

    def __setitem__(self, name: str, value: int) -> None:
        self.column[_CELL[name]] = value

    def as_dict(self) -> dict[str, int]:
        """All counters."""
        return dict(zip(_COUNTED, self.column.all.tolist(), strict=True))

    def begin(self) -> None:
        """A command begins: of the longest list nothing is known yet."""
        if self[LONGEST]:
            self[LONGEST] = 0

    def went_through(self, n: int) -> None:
        """So many were gone through under one lock."""
        if n > self[LONGEST]:
            self[LONGEST] = n


def work_of(
    machine: Machine,
    before: Mapping[str, int],
    records: StepLog,
    walks: Sequence[WalkRecord],
) -> dict[str, int]:
    """What a command did on the fast path, by counter.

    Args:
        before: The counters when it began.
        records: Its steps.
        walks: The walks among them.
    """
    now = machine.work.as_dict()
    done = {name: now[name] - before[name] for name in _COUNTED}
    lines, tables, longest = _walked(records, walks, machine.options.cacheline)
    pages = done["rmap_add"] + done["rmap_remove"]
    done["cache_lines"] = pages * machine.lines("mem_map") + done["list_lines"] + lines
    done["page_tables_read"] += tables
    done[LONGEST] = max(now[LONGEST], longest)
    return {name: done[name] for name in WORK}


def _walked(records: StepLog, walks: Sequence[WalkRecord], cacheline: int) -> tuple[int, int, int]:
    """Cache lines touched by walks, PTE pages they looked into, and the most candidates under one lock."""
    watched, many = split(walks)
    lines = sum(run.lines for run in many)
    tables = sum(run.tables for run in many)
    longest = max((run.longest for run in many), default=0)
    for walk in watched:
        begun = records[walk.first].step.values
        candidates = list(records[walk.first : walk.last].candidates())
        pteps = np.array([about["ptep"] for about in candidates if "ptep" in about], np.int64)
        lines += begun["head"] + changes(pteps * _PTE // cacheline)
        tables += changes(pteps // PTRS_PER_TABLE)
        if begun["per_mm"]:
            # A scan follows no list from a page: it comes to VMAs, and each mm has a lock.
            read = [about for about in candidates if "ptep" in about]
            lines += changes(np.array([about.get("vma", 0) for about in read], np.int64)) * begun["element"]
            runs = (len(list(run)) for _, run in groupby(about.get("mm", 0) for about in read))
            longest = max(longest, *runs, 0)
        else:
            lines += walk.nodes * begun["element"]
            longest = max(longest, walk.examined)
    return lines, tables, longest


def changes(numbers: NDArray[np.int64]) -> int:
    """How many there are, if neighbours that are equal are one."""
    return int(np.count_nonzero(numbers[1:] != numbers[:-1])) + 1 if len(numbers) else 0


def count_link(anon_vma: AnonVma, vma: Vma) -> None:
    """The cost of joining a list or leaving it: the VMA's lines, and one of each neighbour's.

    With nobody else on the list both neighbours are its head.
    """
    neighbours = 2 if len(anon_vma.vmas) else 1
    vma.machine.work["list_lines"] += vma.machine.lines("vm_area_struct") + neighbours


def count_tables(vma: Vma, start: int, end: int) -> None:
    """The cost of going through page tables on the reverse map's behalf: PTE pages, and lines of PTEs."""
    machine = vma.machine
    line = machine.options.cacheline
    for base in range(start & ~(PMD_SIZE - 1), end, PMD_SIZE):
        low, high = max(start, base), min(end, base + PMD_SIZE)
        first = pte_offset(vma.vm_mm, low) * _PTE
        if first:
            last = first + ((high - low) >> PAGE_SHIFT) * _PTE - 1
            machine.work["page_tables_read"] += 1
            machine.work["list_lines"] += last // line - first // line + 1
