"""The bulk twin of faults on swap entries: pages found in the swap cache, or read into it, at once.

Like its siblings in `vmtui.mm.bulk` it has a precondition: the frames and the low memory are there, and no
slot comes twice; with page clustering a slot is all that is mapped of a cluster.  Of a write that finds pages
which others have too, each is copied when it has come back; not where pages are clusters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from vmtui.mm.bulk import Indices, alike, take_users
from vmtui.mm.cluster import Mappings
from vmtui.mm.mm_types import VM_LOCKED, VM_WRITE, Vma, linear_page_index
from vmtui.mm.page import (
    PAGE_SHIFT,
    PAGE_SIZE,
    PG_active,
    PG_anon_exclusive,
    PG_dirty,
    PG_lru,
    PG_mlock_missed,
    PG_referenced,
    PG_swapcache,
    PG_uptodate,
)
from vmtui.mm.page_alloc import zone_for_user
from vmtui.mm.pgtable import (
    PAGE_DIRTY,
    PAGE_FILE,
    PAGE_PRESENT,
    PAGE_PROTNONE,
    PAGE_RW,
    SWP_EXCLUSIVE,
    SWP_SHIFT,
    vm_page_prot,
)
from vmtui.mm.pte_runs import PteRuns
from vmtui.mm.swap import lru_add_bulk
from vmtui.mm.swapfile import swap_free_bulk, vm_swap_full

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

#: Fewer mappings than this do not fill the head of a pte_chain.
_FEW: Final = 3

Mask = NDArray[np.bool_]


@attrs.frozen
class Slots:
    """What is in the slots of a run of swap entries, as the fault on each will find it.

    Attributes:
        slots: They, all different.
        entries: How many entries of each come back.
        pages: The page of each in the swap cache; 0: it must be read.
        holders: How many hold each beside the entry that goes; one of them is the swap cache.
        count: References to each page, those of its entries that come back among them.
        freed: Whether the slot is given up.
        own: Whether the process has the page for itself.
    """

    slots: Indices
    entries: Indices
    pages: Indices
    holders: Indices
    count: Indices
    freed: Mask
    own: Mask

    def first(self, n: int) -> Slots:
        """The first of them."""
        return Slots(*(getattr(self, field.name)[:n] for field in attrs.fields(Slots)))


def swap_in_block(vma: Vma, ptes: PteRuns, start: int, write: bool) -> int:
    """`do_swap_page` of the first entries, as far as they are swap entries.  How many.

    A write goes as far as the pages are its process's own.
    """
    machine, first = vma.machine, linear_page_index(vma, start)
    entries = ptes.read(machine.memory)
    found = look_up(vma, entries, first, write)
    found = found.first(alike(found.own) if write else len(found.slots))
    if not len(found.slots) or not fits(machine, found, copies=False):
        return 0

    pages, _ = bring_in(vma, found, copies=False)
    prot = vm_page_prot(vma)
    bits = PAGE_RW | PAGE_DIRTY if write else PAGE_RW if machine.kernel.anon_exclusive else 0
    bits &= ~(0 if vma.vm_flags & VM_WRITE else PAGE_RW)
    n = int(found.entries.sum())
    indices = np.arange(first, first + n, dtype=np.int64)
    frames = np.repeat(pages, found.entries) + indices % machine.cluster
    entries[:n] = frames << PAGE_SHIFT | prot | np.where(np.repeat(found.own, found.entries), bits, 0)
    ptes.write(machine.memory, entries)
    vma.vm_mm.rss += n
    mapped = Mappings(machine, frames, ptes.pteps()[:n])
    machine.scheme.swap_in_rmap_bulk(mapped, vma, indices[mapped.first] & -machine.cluster)
    return n


def copy_in_block(vma: Vma, ptes: PteRuns, start: int, write: bool) -> int:
    """`do_swap_page` and then `do_wp_page` of the first entries, as far as others have the pages.  How many.

    Only of pages that few map: where a pte_chain has a full head its new node would be freed at once.
    """
    machine, mem_map = vma.machine, vma.machine.mem_map
    entries = ptes.read(machine.memory)
    found = look_up(vma, entries, linear_page_index(vma, start), write)
    found = found.first(alike(~found.own & (mem_map.mapcount.all[found.pages] < _FEW)))
    n = len(found.slots)
    if not n or machine.cluster > 1 or not fits(machine, found, copies=True):
        return 0

    pages, copies = bring_in(vma, found, copies=True)
    pteps, first = ptes.pteps()[:n], linear_page_index(vma, start)
    indices = np.arange(first, first + n, dtype=np.int64)
    machine.scheme.swap_in_rmap_bulk(Mappings(machine, pages, pteps), vma, indices)
    machine.scheme.remove_rmap_bulk(pages, vma, pteps)
    mem_map.count.add(pages, -1)
    machine.work["tlb_flushes"] += n
    vma.vm_mm.rss += n
    entries[:n] = copies << PAGE_SHIFT | vm_page_prot(vma) | PAGE_RW | PAGE_DIRTY
    ptes.write(machine.memory, entries)
    mem_map.count.put(copies, 1)
    mem_map.flags.put(copies, machine.kernel.copied_flags)
    machine.scheme.add_rmap_bulk(Mappings(machine, copies, pteps), vma, indices)
    return n


def is_swap(entries: Indices) -> Mask:
    """Which entries are swap entries."""
    swap: Mask = (entries != 0) & (entries & (PAGE_PRESENT | PAGE_PROTNONE | PAGE_FILE) == 0)
    return swap


def whole_slots(entries: Indices, first: int, cluster: int) -> tuple[Indices, Indices]:
    """The first entries, as far as each cluster has swap entries of one slot: one of each, and how many.

    Args:
        first: The index of the first.
    """
    if cluster == 1:
        n = alike(is_swap(entries))
        return entries[:n], np.ones(n, np.int64)
    number = np.arange(first, first + len(entries), dtype=np.int64) // cluster
    begins = np.flatnonzero(np.diff(number, prepend=-1))
    counts = np.diff(np.append(begins, len(entries)))
    one = is_swap(entries) & (entries == np.repeat(entries[begins], counts))
    n = alike(np.logical_and.reduceat(one, begins))
    return entries[begins[:n]], counts[:n]


def look_up(vma: Vma, entries: Indices, first: int, write: bool) -> Slots:
    """What the faults on the first entries will find, one after another, as far as they are swap entries."""
    machine, swap, kernel = vma.machine, vma.machine.swap, vma.machine.kernel
    entries, mine = whole_slots(entries, first, machine.cluster)
    slots, exclusive = entries >> SWP_SHIFT, entries & SWP_EXCLUSIVE != 0
    if len(np.unique(slots)) < len(slots):
        slots, exclusive, mine = slots[:0], exclusive[:0], mine[:0]
    pages = swap.cached.all[slots].astype(np.int64)
    read = pages == 0
    holders = swap.map.all[slots].astype(np.int64) - mine + read
    count = np.where(read, 1, machine.mem_map.count.all[pages].astype(np.int64)) + mine
    # The first of several entries finds that the others hold the slot.
    at_once, if_full = kernel.free_swap_bulk(vma, write, (holders == 1) & (mine == 1), count)
    # Each slot that is given up brings nearer that swap is not half full any more.
    before: Indices = np.cumsum(at_once | if_full) - (at_once | if_full)
    surplus = swap.used() - swap.slots // 2 if vm_swap_full(machine) else 0
    freed = at_once | (if_full & (before < surplus))
    if kernel.anon_exclusive:
        # What was just read is in a batch for the LRU yet, which refers to it; a writer empties that.
        own = exclusive | ((count - freed == 1) & (np.bool_(write) | ~read))
    else:
        own = (count == mine + 1) & (holders == 1)
    return Slots(slots, mine, pages, holders, count, freed, own)


def fits(machine: Machine, found: Slots, *, copies: bool) -> bool:
    """Whether there are frames for what must be read, and copied, and low memory for the reverse map."""
    zone, n = zone_for_user(machine), int(np.count_nonzero(found.pages == 0))
    n += len(found.pages) * copies
    if n and (zone is None or not zone.room(n, 0)):
        return False
    in_low = n * PAGE_SIZE * machine.cluster if zone is machine.zones[0] else 0
    reverse = machine.scheme.bulk_bytes(np.repeat(found.pages, found.entries))
    return machine.ledger.fits(in_low + reverse)


def take_frames(machine: Machine, found: Slots, *, copies: bool) -> tuple[Indices, Indices]:
    """The page of each slot, new where it must be read, and a page for a copy of each; they enter the LRU."""
    # A row a fault: what is read, then the copy.
    rows = np.stack([found.pages, np.zeros_like(found.pages)], axis=1)
    wanted = np.stack([found.pages == 0, np.full(len(rows), copies)], axis=1)
    n = int(np.count_nonzero(wanted))
    if n:
        rows[wanted] = frames = take_users(machine, n)
        lru_add_bulk(machine, frames, active=bool(machine.kernel.fresh_flags & PG_active))
    return rows[:, 0], rows[:, 1]


def bring_in(vma: Vma, found: Slots, *, copies: bool) -> tuple[Indices, Indices]:
    """Read what is not cached, give up what slots are given up; the page of each slot, and of each copy."""
    machine = vma.machine
    mem_map, swap, fresh = machine.mem_map, machine.swap, machine.kernel.fresh_flags
    pages, copied = take_frames(machine, found, copies=copies)
    read = found.pages == 0
    if read.any():
        mem_map.flags.put(pages[read], PG_uptodate | PG_lru | (fresh & PG_active))
    swap.map.put(found.slots, found.holders)
    swap.cached.put(found.slots, np.where(found.freed, 0, pages))
    swap_free_bulk(machine, found.slots[found.freed])
    mem_map.private.put(pages, np.where(found.freed, 0, found.slots))
    mem_map.count.put(pages, found.count - found.freed)

    flags = mem_map.flags.all[pages] | np.uint32(fresh & PG_referenced)
    cache = np.where(found.freed, np.uint32(PG_dirty), np.uint32(PG_swapcache))
    flags = flags & ~np.uint32(PG_swapcache) | cache
    if machine.kernel.anon_exclusive:
        flags[found.own] |= np.uint32(PG_anon_exclusive)
        if vma.vm_flags & VM_LOCKED:
            flags = np.where(read, flags | np.uint32(PG_mlock_missed), flags & ~np.uint32(PG_mlock_missed))
    mem_map.flags.put(pages, flags)
    return pages, copied
