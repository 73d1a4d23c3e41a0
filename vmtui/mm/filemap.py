"""Files and the page cache (mm/filemap.c of 2.6.4).

A page of the page cache points at its file's address_space, and its index is its offset in the file.
The cache is a radix tree; its nodes are charged to low memory, its height follows the file's length
(*ours*: the kernel's grows with the highest page present).  With page clustering the tree counts clusters,
and a page stands at the index of its first hardware page.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from vmtui.errors import KernelError
from vmtui.mm.mm_types import MAX_FILE_PAGES, RADIX_TREE_MAP_SHIFT, AddressSpace
from vmtui.mm.page import PAGE_SIZE, Page, PG_anon, PG_swapcache, PG_table, PG_uptodate
from vmtui.mm.page_alloc import alloc_page
from vmtui.mm.step import Steps, step
from vmtui.mm.swap import lru_cache_add
from vmtui.mm.swapfile import release_page

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

_FANOUT: Final = 1 << RADIX_TREE_MAP_SHIFT


def find_file(machine: Machine, name: str) -> AddressSpace:
    """The file of this name.

    Raises:
        KernelError: ENOENT.
    """
    for mapping in machine.files:
        if mapping.name == name and not mapping.shmem:
            return mapping
    raise KernelError("ENOENT", f"there is no file {name}")


def create(machine: Machine, name: str, size: int) -> Steps:
    """A file of `size` bytes, nothing of it cached yet (*ours*; there are no directories or descriptors).

    Returns:
        Its address_space.

    Raises:
        KernelError: EEXIST, EFBIG, ENOMEM.
    """
    if any(mapping.name == name and not mapping.shmem for mapping in machine.files):
        raise KernelError("EEXIST", f"there is a file {name} already")
    mapping = address_space_alloc(machine, name, size, shmem=False)
    yield step("{who}: a file of {n:,} pages, none of them cached", who=name, n=mapping.end)
    return mapping


def address_space_alloc(machine: Machine, name: str, size: int, *, shmem: bool) -> AddressSpace:
    """An inode with its address_space (alloc_inode, fs/inode.c)."""
    if size > MAX_FILE_PAGES * PAGE_SIZE:
        raise KernelError("EFBIG", f"{name}: {size:,} bytes are more than a file can have")
    machine.ledger.charge("inode")
    height = tree_height(size, machine.cluster)
    mapping = AddressSpace(machine, machine.files.next_id, name, size, shmem, height)
    return machine.files.add(mapping)


def tree_height(size: int, cluster: int = 1) -> int:
    """Levels of the radix tree that reach the last page of a file."""
    pages, height = -(-size // (PAGE_SIZE * cluster)), 1
    while pages > _FANOUT**height:
        height += 1
    return height


def find_get_page(mapping: AddressSpace, index: int) -> int:
    """The frame of a page in the cache, or 0 (find_get_page, without the reference)."""
    return mapping.pages.cell[index]


def filemap_nopage(mapping: AddressSpace, index: int) -> Steps:
    """The page a fault wants: from the cache, or read from the file (filemap_nopage).

    Returns:
        The page, with a reference for the caller.

    Raises:
        KernelError: ENOMEM.
    """
    pfn = find_get_page(mapping, index)
    if pfn:
        page = mapping.machine.page(pfn)
        page.count += 1
        text = "{who}[{index}] is in the page cache, frame {page:#x}: a minor fault"
    else:
        page = page_cache_read(mapping, index)
        text = "{who}[{index}] was read into frame {page:#x}: a major fault"
    yield step(text, page=page.pfn, who=mapping.name, index=index)
    return page


def page_cache_read(mapping: AddressSpace, index: int) -> Page:
    """Read a page of a file into a new frame of the cache; the caller holds a reference too."""
    page = alloc_page(mapping.machine)
    add_to_page_cache(page, mapping, index)
    page.set(PG_uptodate)
    lru_cache_add(page)
    return page


def add_to_page_cache(page: Page, mapping: AddressSpace, index: int) -> None:
    """Enter a page into a file's cache, which holds a reference (add_to_page_cache)."""
    radix_tree_add(mapping, index)
    mapping.pages[index] = page.pfn
    mapping.nrpages += 1
    page.mapping = mapping.id
    page.index = index
    page.count += 1
    if mapping.shmem:
        page.set(page.machine.kernel.shmem_flags)


def remove_from_page_cache(page: Page) -> None:
    """Take a page out of its file's cache, with the cache's reference (remove_from_page_cache)."""
    mapping = page_mapping(page)
    assert mapping is not None
    mapping.pages[page.index] = 0
    mapping.nrpages -= 1
    radix_tree_delete(mapping, page.index)
    page.mapping = page.index = 0
    page.count -= 1


def page_mapping(page: Page) -> AddressSpace | None:
    """The address_space of a page of the page cache; None for any other page (page_mapping)."""
    machine = page.machine
    if page.flags & (PG_anon | PG_swapcache | PG_table) or not page.mapping:
        return None
    return machine.files.get(page.mapping)


def radix_tree_add(mapping: AddressSpace, index: int) -> None:
    """Count a page in, level by level, making the nodes that are not there (radix_tree_insert)."""
    index //= mapping.machine.cluster
    for level in range(mapping.height):
        index >>= RADIX_TREE_MAP_SHIFT
        mapping.nodes[level][index] += 1
        if mapping.nodes[level].cell[index] > 1:
            return
        mapping.machine.ledger.charge("radix_tree_node")


def radix_tree_delete(mapping: AddressSpace, index: int) -> None:
    """Count a page out, freeing the nodes that are empty (radix_tree_delete)."""
    index //= mapping.machine.cluster
    for level in range(mapping.height):
        index >>= RADIX_TREE_MAP_SHIFT
        mapping.nodes[level][index] -= 1
        if mapping.nodes[level].cell[index]:
            return
        mapping.machine.ledger.uncharge("radix_tree_node")


def nodes_for(mapping: AddressSpace, indices: NDArray[np.int64]) -> int:
    """How many radix_tree_nodes `radix_tree_add` of these pages would make."""
    made = 0
    indices = indices // mapping.machine.cluster
    for level in range(mapping.height):
        indices = np.unique(indices >> RADIX_TREE_MAP_SHIFT)
        indices = indices[mapping.nodes[level].all[indices] == 0]
        made += len(indices)
    return made


def radix_tree_add_bulk(mapping: AddressSpace, indices: NDArray[np.int64]) -> None:
    """`radix_tree_add` of many pages that are not there yet."""
    indices = indices // mapping.machine.cluster
    for level in range(mapping.height):
        parents, children = np.unique(indices >> RADIX_TREE_MAP_SHIFT, return_counts=True)
        before = mapping.nodes[level].all[parents]
        mapping.nodes[level].put(parents, before + children.astype(np.uint16))
        indices = parents[before == 0]
        if not len(indices):
            return
        mapping.machine.ledger.charge("radix_tree_node", len(indices))


def radix_tree_delete_bulk(mapping: AddressSpace, indices: NDArray[np.int64]) -> None:
    """`radix_tree_delete` of many different pages that are there."""
    indices = indices // mapping.machine.cluster
    for level in range(mapping.height):
        parents, children = np.unique(indices >> RADIX_TREE_MAP_SHIFT, return_counts=True)
        left = mapping.nodes[level].all[parents] - children.astype(np.uint16)
        mapping.nodes[level].put(parents, left)
        indices = parents[left == 0]
        if not len(indices):
            return
        mapping.machine.ledger.uncharge("radix_tree_node", len(indices))


def in_page_cache(machine: Machine, pages: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of many pages are in the page cache."""
    mem_map = machine.mem_map
    other = mem_map.flags.all[pages] & np.uint32(PG_anon | PG_swapcache | PG_table)
    cached: NDArray[np.bool_] = (other == 0) & (mem_map.mapping.all[pages] != 0)
    return cached


def by_file(machine: Machine, pages: NDArray[np.int64]) -> Iterator[tuple[AddressSpace, NDArray[np.int64]]]:
    """Each file of which there are some among many pages of the page cache; and the places of these."""
    numbers = machine.mem_map.mapping.all[pages]
    order = np.argsort(numbers, kind="stable")
    begins = np.flatnonzero(np.diff(numbers[order], prepend=0))
    for at in np.split(order, begins[1:]) if len(pages) else ():
        mapping = machine.files.get(int(numbers[at[0]]))
        assert mapping is not None
        yield mapping, at


def remove_from_page_cache_bulk(machine: Machine, pages: NDArray[np.int64]) -> None:
    """`remove_from_page_cache` of many pages, without the cache's references."""
    mem_map = machine.mem_map
    for mapping, at in by_file(machine, pages):
        indices = mem_map.index.all[pages[at]].astype(np.int64)
        mapping.pages.put(indices, 0)
        mapping.nrpages -= len(at)
        radix_tree_delete_bulk(mapping, indices)
    mem_map.mapping.put(pages, 0)
    mem_map.index.put(pages, 0)


def truncate_inode_pages(mapping: AddressSpace, first: int, end: int) -> int:
    """Drop the cached pages of [first, end), which nobody maps any more.  How many (truncate_inode_pages)."""
    cached = np.flatnonzero(mapping.pages.all[first:end])
    for index in (first + cached).tolist():
        page = mapping.machine.page(mapping.pages.cell[index])
        page.count += 1
        remove_from_page_cache(page)
        release_page(page)
    return len(cached)


def set_file_size(mapping: AddressSpace, size: int) -> None:
    """Note a file's new length, with as many levels as its radix tree needs then (i_size_write)."""
    if size > MAX_FILE_PAGES * PAGE_SIZE:
        raise KernelError("EFBIG", f"{mapping.name}: {size:,} bytes are more than a file can have")
    mapping.size = size
    while mapping.height < tree_height(size, mapping.machine.cluster):
        below, level = mapping.nodes[mapping.height - 1], mapping.nodes[mapping.height]
        children = int(np.count_nonzero(below.all))
        if children:
            mapping.machine.ledger.charge("radix_tree_node")
            level[0] = children
        mapping.height += 1
