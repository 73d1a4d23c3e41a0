"""Shared anonymous memory (mm/shmem.c of 2.6.4): a nameless file whose pages go to swap.

A page that is swapped out leaves no swap entry in any page table: the object itself holds the slot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmtui.mm.filemap import (
    add_to_page_cache,
    find_get_page,
    page_mapping,
    remove_from_page_cache,
    truncate_inode_pages,
)
from vmtui.mm.mm_types import AddressSpace
from vmtui.mm.page import Page, PG_dirty, PG_uptodate
from vmtui.mm.page_alloc import alloc_page
from vmtui.mm.step import Steps, step
from vmtui.mm.swap import lru_cache_add
from vmtui.mm.swap_state import add_to_swap_cache, lookup_swap_cache, read_swap_cache_async
from vmtui.mm.swapfile import (
    delete_from_swap_cache,
    free_swap_and_cache,
    get_swap_page,
    swap_duplicate,
    swap_free,
)

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine


def shmem_nopage(mapping: AddressSpace, index: int) -> Steps:
    """The page a fault wants: cached, or back from swap, or new and zero (shmem_nopage, shmem_getpage).

    Returns:
        The page, with a reference for the caller.

    Raises:
        KernelError: ENOMEM.
    """
    machine = mapping.machine
    pfn = find_get_page(mapping, index)
    slot = mapping.slots.cell[index]
    if pfn:
        page = machine.page(pfn)
        page.count += 1
        text = "{who}[{index}] is in the page cache, frame {page:#x}"
    elif slot:
        page = shmem_swapin(machine, slot)
        mapping.slots[index] = 0
        swap_free(machine, slot)
        delete_from_swap_cache(page)
        add_to_page_cache(page, mapping, index)
        text = "{who}[{index}] came back from slot {slot}, frame {page:#x}"
    else:
        page = alloc_page(machine)
        add_to_page_cache(page, mapping, index)
        page.set(PG_uptodate)
        lru_cache_add(page)
        text = "{who}[{index}] got frame {page:#x}, zeroed, in the page cache"
    yield step(text, page=page.pfn, who=mapping.name, index=index, slot=slot)
    return page


def shmem_swapin(machine: Machine, slot: int) -> Page:
    """The page of a slot, from the swap cache or read, with a reference for the caller."""
    pfn = lookup_swap_cache(machine, slot)
    if not pfn:
        return read_swap_cache_async(machine, slot)
    page = machine.page(pfn)
    page.count += 1
    return page


def shmem_writepage(page: Page) -> Steps:
    """Move a page from the object to the swap cache; the object keeps the slot (shmem_writepage).

    Returns:
        False if swap is full.
    """
    mapping = page_mapping(page)
    assert mapping is not None
    index = page.index
    slot = get_swap_page(page.machine)
    if not slot:
        yield step("frame {page:#x}: swap is full, no slot to give it", page=page.pfn)
        return False
    remove_from_page_cache(page)
    add_to_swap_cache(page, slot)
    swap_duplicate(page.machine, slot)
    mapping.slots[index] = slot
    page.set(PG_dirty)
    text = "frame {page:#x} moved to the swap cache; {who}[{index}] keeps slot {slot}"
    yield step(text, page=page.pfn, who=mapping.name, index=index, slot=slot)
    return True


def shmem_unuse(page: Page, slot: int) -> Steps:
    """swapoff: the object that holds a slot, if one does, gets its page back (shmem_unuse).

    Raises:
        KernelError: ENOMEM, for its radix tree.
    """
    for mapping in page.machine.files:
        if not mapping.shmem:
            continue
        for index in shmem_find_swp(mapping, slot):
            mapping.slots[index] = 0
            swap_free(page.machine, slot)
            delete_from_swap_cache(page)
            add_to_page_cache(page, mapping, index)
            text = "{who}[{index}] has its page back, in frame {page:#x}"
            yield step(text, page=page.pfn, who=mapping.name, index=index)


def shmem_find_swp(mapping: AddressSpace, slot: int) -> list[int]:
    """The pages of an object that lie in a slot: one, or none (shmem_find_swp)."""
    found: list[int] = (mapping.slots.all[: mapping.end] == slot).nonzero()[0].tolist()
    return found


def shmem_delete_inode(mapping: AddressSpace) -> None:
    """The last VMA is gone: pages and slots are freed, and the object (shmem_delete_inode)."""
    machine = mapping.machine
    truncate_inode_pages(mapping, 0, mapping.end)
    slots = mapping.slots
    for index in slots.all[: mapping.end].nonzero()[0].tolist():
        free_swap_and_cache(machine, slots.cell[index])
        slots[index] = 0
    machine.files.free(mapping)
    machine.ledger.uncharge("inode")
