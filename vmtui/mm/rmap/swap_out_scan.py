"""The bulk twin of 2.4's `swap_out`, where no process maps a page twice.

Then what is done to an entry depends on that entry and its page alone, until the scan comes to the next mm.
A scan is one walk, so it is gone at once from its beginning to its end, or entry by entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.bulk_pageout import make_old
from vmtui.mm.filemap import in_page_cache
from vmtui.mm.mm_types import VM_LOCKED, VM_NONLINEAR, Mm
from vmtui.mm.page import (
    PAGE_SIZE,
    Page,
    PG_active,
    PG_anon,
    PG_dirty,
    PG_lru,
    PG_reclaim,
    PG_referenced,
    PG_swapcache,
    PG_uptodate,
)
from vmtui.mm.pgtable import PAGE_ACCESSED, PAGE_DIRTY, PTRS_PER_TABLE, SWP_SHIFT, ptep_to_mm_address
from vmtui.mm.rmap.scan_bulk import Round, longest
from vmtui.mm.step import HIT, LEFT, Told, step
from vmtui.mm.swap import lru_add_bulk, lru_del_bulk
from vmtui.mm.swapfile import free_slots, swap_take_bulk
from vmtui.mm.walks import KINDS, WALKS, WalkRun

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine
    from vmtui.mm.rmap.virtual_scan import VirtualScan

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]


def swap_out(scan: VirtualScan, wanted: Page, quota: int) -> Told | None:
    """`swap_out`, until so many pages are freeable; None if it must be done entry by entry."""
    machine = scan.machine
    if machine.cluster > 1 or sum(mm.rss for mm in machine.mms) < machine.options.bulk:
        return None
    legs = scan.legs()[: len(machine.mms)]
    legs += [(mm, 0, machine.task_size) for mm, _, _ in legs[:1]]
    rounds = [Round.of_leg(*leg) for leg in legs]
    if not all(is_plain(machine, entries) for entries in rounds):
        return None

    head, element, _ = scan.walk_lines(wanted)
    walked: list[Round] = []
    hits = 0
    for (mm, _, end), entries in zip(legs, rounds, strict=True):
        seen, freeable = swap_out_leg(mm, entries, quota - hits)
        walked.append(seen)
        hits += freeable
        if hits == quota:
            scan.advance(mm, ptep_to_mm_address(machine, int(seen.pteps[-1]))[1] + PAGE_SIZE)
            break
        scan.advance(mm, end)
    text = "{n:,} entries at once by the scan: {hits} pages were made freeable"
    run = walk_of(scan, wanted, Round.joined(walked), hits, head, element)
    return step(text, **{"page": wanted.pfn, "n": run.column("examined").item(), "hits": hits, WALKS: run})


def is_plain(machine: Machine, entries: Round) -> bool:
    """Whether the pages of some entries differ, are in order, and held by nobody but PTEs and a cache."""
    mem_map, pfns = machine.mem_map, entries.pfns
    cached = in_page_cache(machine, pfns) | (mem_map.flags.all[pfns] & np.uint32(PG_swapcache) != 0)
    mapcount = mem_map.mapcount.all[pfns]
    known = mem_map.count.all[pfns] == mapcount + cached
    several = np.sort(pfns[mapcount > 1])
    differ = (several[1:] != several[:-1]).all()
    return bool(differ and known.all()) and not vmas_with(machine, entries, VM_NONLINEAR).any()


def vmas_with(machine: Machine, entries: Round, flag: int) -> Mask:
    """Which entries are in a VMA that has a flag."""
    numbers = [vma.id for vma in machine.vmas if vma.vm_flags & flag]
    return np.isin(entries.vma, numbers)


def swap_out_leg(mm: Mm, entries: Round, quota: int) -> tuple[Round, int]:
    """`swap_out_mm`: what was come by, up to the quota; and how many pages were made freeable."""
    machine, mem_map = mm.machine, mm.machine.mem_map
    entries = entries.still_mapped(machine)
    flags = mem_map.flags.all[entries.pfns]
    locked = vmas_with(machine, entries, VM_LOCKED)
    used = locked | (machine.memory.all[entries.pteps] & np.uint64(PAGE_ACCESSED) != 0)
    going = ~used & (flags & np.uint32(PG_active) == 0)
    new = going & (flags & np.uint32(PG_anon) != 0) & (flags & np.uint32(PG_swapcache) == 0)
    no_slot = new & (np.cumsum(new) > free_slots(machine, int(np.count_nonzero(new))))
    going, new = going & ~no_slot, new & ~no_slot
    freeable = going & (mem_map.count.all[entries.pfns] + new == 2)
    n = int(np.searchsorted(np.cumsum(freeable), quota)) + 1
    entries, used, going, new = entries.first(n), used[:n], going[:n], new[:n]
    make_old(machine, entries.pteps[used & ~locked[:n]])
    mark_accessed(machine, entries.pfns[used])
    unmap(mm, entries.pteps[going], entries.pfns[going], new[going])
    return entries, int(np.count_nonzero(freeable[:n]))


def mark_accessed(machine: Machine, pages: Indices) -> None:
    """`mark_page_accessed` of many different pages."""
    flags = machine.mem_map.flags
    before = flags.all[pages]
    rises = before & np.uint32(PG_active | PG_referenced) == PG_referenced
    lru_del_bulk(machine, pages[rises])
    lru_add_bulk(machine, pages[rises], active=True)
    risen = before & ~np.uint32(PG_referenced) | np.uint32(PG_active | PG_lru)
    flags.put(pages, np.where(rises, risen, before | np.uint32(PG_referenced)))


def unmap(mm: Mm, pteps: Indices, pages: Indices, new: Mask) -> None:
    """The last part of `try_to_swap_out`, of many pages; the `new` ones get a slot."""
    machine, mem_map = mm.machine, mm.machine.mem_map
    slots = mem_map.private.all[pages].astype(np.int64)
    slots[new] = swap_take_bulk(machine, pages[new])
    mem_map.private.put(pages[new], slots[new])
    flags = mem_map.flags.all[pages]
    flags[new] |= np.uint32(PG_swapcache | PG_uptodate | PG_dirty)
    dirty = machine.memory.all[pteps] & np.uint64(PAGE_DIRTY) != 0
    flags[dirty] = flags[dirty] & ~np.uint32(PG_reclaim) | np.uint32(PG_dirty)
    mem_map.flags.put(pages, flags)
    mem_map.count.add(pages, new.astype(np.int64) - 1)
    mem_map.mapcount.add(pages, -1)

    swapped = flags & np.uint32(PG_anon) != 0
    machine.swap.map.add(slots[swapped], 1)
    order = np.argsort(pteps)
    machine.memory.put(pteps[order], np.where(swapped, slots << SWP_SHIFT, 0)[order])
    mm.rss -= len(pages)
    machine.work["tlb_flushes"] += len(pages)


def walk_of(scan: VirtualScan, wanted: Page, seen: Round, hits: int, head: int, element: int) -> WalkRun:
    """The walk that it was."""
    one, n = np.ones(1, np.int64), len(seen.pteps)
    counts = {HIT: one * hits, LEFT: one * (n - hits), "ptes": one * n, "nodes": one * 0}
    line = seen.pteps * 8 // scan.machine.options.cacheline
    lines = head + element * runs(seen.vma) + runs(line)
    kind, never = one * KINDS.index("unmap"), np.zeros(1, np.bool_)
    run = WalkRun(scan.name, one * wanted.pfn, kind, never, counts, lines, runs(seen.pteps // PTRS_PER_TABLE))
    run.longest = longest(seen.mm)
    return run


def runs(numbers: Indices) -> int:
    """How many there are, if neighbours that are equal are one."""
    return int(np.count_nonzero(np.diff(numbers, prepend=-1)))
