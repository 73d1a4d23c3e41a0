"""swapoff (sys_swapoff and try_to_unuse, mm/swapfile.c of 2.6.4).

The swap area is given up: what lies in it comes back to memory, slot by slot, and every swap entry is
replaced by a mapping again.  There is no map from a slot to its holders: for each slot the kernel searches
the page tables of every process until nobody holds it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from vmtui.errors import KernelError
from vmtui.mm.cluster import subpage_pfn
from vmtui.mm.mm_types import Mm, place_name
from vmtui.mm.page import Page, PG_anon_exclusive, PG_dirty, PG_swapcache
from vmtui.mm.pgtable import (
    is_swap_pte,
    mk_pte,
    present_ptes,
    pte_mkold,
    pte_offset,
    pte_swp_exclusive,
    pte_to_slot,
    vm_page_prot,
)
from vmtui.mm.shmem import shmem_unuse
from vmtui.mm.step import Steps, step
from vmtui.mm.swap_state import lookup_swap_cache, read_swap_cache_async
from vmtui.mm.swapfile import delete_from_swap_cache, release_page, swap_free

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

#: By slot, the (mm, address) of each swap entry that holds it.
Holders = dict[int, list[tuple[Mm, int]]]


def sys_swapoff(machine: Machine) -> Steps:
    """Give up the swap area (sys_swapoff).

    Raises:
        KernelError: EINVAL, there is none, or it is off already; ENOMEM, what lies in it does not fit in
            memory: nothing was done then (*ours*: the kernel keeps what it has read so far).
    """
    swap = machine.swap
    if not swap.on or not swap.slots:
        state = "is off already" if swap.slots else "was never there"
        raise KernelError("EINVAL", f"swapoff: the swap area {state}")
    swap.on = False
    text = "no slot is given out any more; {n:,} of {slots:,} are in use"
    yield step(text, n=swap.used(), slots=swap.slots)

    slots = yield from try_to_unuse(machine)
    yield step("{n:,} slots were emptied: the swap area is off", n=slots)


def try_to_unuse(machine: Machine) -> Steps:
    """Bring back every page that has a slot, the lowest slot first (try_to_unuse).

    Returns:
        How many slots there were.
    """
    holders = swap_holders(machine)
    slots = [slot for slot in range(1, machine.swap.highest + 1) if machine.swap.map.cell[slot]]
    for slot in slots:
        page = yield from swap_page(machine, slot)
        if machine.swap.map.cell[slot] > 1:
            yield from shmem_unuse(page, slot)
        for mm, address in holders.get(slot, ()):
            yield from unuse_pte(mm, address, page)

        if page.test(PG_swapcache):
            delete_from_swap_cache(page)
        # The PTEs are clean, and the slot is gone: shrink_list must write the page if it takes it again.
        page.set(PG_dirty)
        freed = release_page(page)
        fate = "free: nobody wanted it" if freed else "in memory, and nowhere else"
        yield step("slot {slot} is empty; frame {page:#x} is {fate}", page=page.pfn, slot=slot, fate=fate)
    return len(slots)


def swap_page(machine: Machine, slot: int) -> Steps:
    """The page of a slot, from the swap cache or read, with a reference for the caller.

    Raises:
        KernelError: ENOMEM.
    """
    pfn = lookup_swap_cache(machine, slot)
    if pfn:
        page = machine.page(pfn)
        page.count += 1
        text = "slot {slot} is in the swap cache, frame {page:#x}"
    else:
        page = read_swap_cache_async(machine, slot)
        text = "slot {slot} was read into frame {page:#x}"
    yield step(text, page=page.pfn, slot=slot)
    return page


def unuse_pte(mm: Mm, address: int, page: Page) -> Steps:
    """Replace a swap entry by a mapping: read-only where private, not accessed, not dirty (unuse_pte)."""
    vma = mm.vmas.holding(address)
    ptep = pte_offset(mm, address)
    slot = page.private
    if pte_swp_exclusive(mm.machine.memory[ptep]):
        page.set(PG_anon_exclusive)
    mm.rss += 1
    page.count += 1
    mm.machine.memory[ptep] = pte_mkold(mk_pte(subpage_pfn(page, vma, address), vm_page_prot(vma)))
    text = "{where}: its swap entry was replaced, it maps frame {page:#x} again"
    yield step(text, page=page.pfn, vma=vma.id, mm=mm.id, ptep=ptep, where=place_name(mm, address))
    yield from mm.machine.scheme.page_add_rmap(page, vma, address, ptep, fresh=False)
    swap_free(mm.machine, slot)


def swap_holders(machine: Machine) -> Holders:
    """Who holds each slot, in the order of the processes (unuse_process, unuse_vma).

    The kernel's search finds the same, slot by slot; here all page tables are read once.
    """
    found: Holders = defaultdict(list)
    for mm in machine.mms:
        for vma in mm.vmas:
            for address in present_ptes(mm, vma.vm_start, vma.vm_end).tolist():
                pte = machine.memory[pte_offset(mm, address)]
                if is_swap_pte(pte):
                    found[pte_to_slot(pte)].append((mm, address))
    return found
