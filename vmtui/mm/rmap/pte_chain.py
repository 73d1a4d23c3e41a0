"""rmap with pte_chains: every page knows every PTE that maps it (2.5.27 to 2.6.6, here as 2.6.0 had it).

Rik van Riel's reverse mapping, with Dave McCracken's PG_direct and Andrew Morton's arrays.  A page that one
PTE maps points at it and costs nothing; from the second mapping on the page has a chain of cache lines
(`vmtui.mm.rmap.chain`).  A walk is nothing but hits: an entry *is* a mapping, and whose it is the page
table's own struct page tells.  VMAs play no part: they are split, merged and moved without a look here.

What it costs is paid where nobody looks: fork adds an entry for each PTE it copies, in low memory; each
exit and each copy on write searches a chain for its entry.  Chains shrink as mappings go, but the last node
of a page that falls back to one mapping stays until page_referenced comes by.

2.6.0 has neither PG_anon nor a mapcount, and in the swap cache keeps the slot in page->index, under
``page->mapping == &swapper_space``.  The machine keeps the flag, the count, and the slot in page->private
under every scheme, so that machines can be compared (*ours*).
Source: mm/rmap.c, include/asm-generic/rmap.h and include/linux/rmap-locking.h of 2.6.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.cluster import Mappings
from vmtui.mm.mm_types import VM_LOCKED, Vma, place_name
from vmtui.mm.page import Page, PG_anon, PG_direct, PG_referenced, PG_swapcache
from vmtui.mm.pgtable import pte_mkold, pte_young
from vmtui.mm.rmap import explained
from vmtui.mm.rmap.base import Indifferent
from vmtui.mm.rmap.chain import pte_addr_size, pte_owner
from vmtui.mm.rmap.chain_bulk import BulkChains
from vmtui.mm.rmap.chain_picture import chain_lists, chain_target, draw_chain
from vmtui.mm.rmap.lists import Lists, file_lists
from vmtui.mm.rmap.scheme import Pfns, Picture, WalkLines, walk_begins, walk_ends
from vmtui.mm.rmap.unmap import unmap_pte
from vmtui.mm.rmap.walk_bulk import Found
from vmtui.mm.step import END, HIT, LOCKED, Ref, Steps, Told, step

if TYPE_CHECKING:
    from vmtui.mm.kernel import Options
    from vmtui.mm.machine import Machine
    from vmtui.state.column import Column


class PteChain(Indifferent):
    """The scheme, of one machine."""

    name: ClassVar[str] = "pte_chain"
    title: ClassVar[str] = "pte_chain (rmap)"
    kernel: ClassVar[str] = "2.6.0"
    period: ClassVar[str] = "every page has a chain of the PTEs that map it"
    departs: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "mremap": "VMAs always merge here, so a range may be one VMA that is two under another scheme",
            "mlock": "a page one sharer locked and another did not: the order of the walk tells who keeps it",
        }
    )
    union_members: ClassVar[tuple[str, ...]] = ("direct", "chain")
    explanations: ClassVar[explained.Entries] = explained.PTE_CHAIN
    ours: ClassVar[frozenset[str]] = frozenset({"mapcount", "private", "anon", "swapcache"})
    expected: frozenset[str] = frozenset()

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.chains = BulkChains(machine)

    @classmethod
    def object_sizes(cls, options: Options) -> dict[str, int]:
        """struct page 36 bytes and a pte_addr_t; a VMA 64; a node is a line of the L1 cache."""
        return {
            "mem_map": 36 + pte_addr_size(options),
            "vm_area_struct": 64,
            "pte_chain": options.cacheline,
        }

    def object_counts(self) -> dict[str, int]:
        """The nodes on chains."""
        return {"pte_chain": self.chains.count()}

    def columns(self) -> Mapping[str, Column]:
        """page->pte, and the nodes."""
        return self.chains.columns()

    def mappings(self, page: Page) -> Iterator[int]:
        """The entries."""
        return (ptep for entry, _, _ in self.chains.entries(page) for ptep in self.chains.pteps(page, entry))

    # A page is mapped and unmapped.

    def page_add_rmap(self, page: Page, vma: Vma, address: int, ptep: int, *, fresh: bool) -> Steps:
        """An anonymous page gets an entry, new or from swap (page_add_rmap)."""
        page.set(PG_anon)
        yield from self.chains.chain_add(page, ptep)

    def page_add_file_rmap(self, page: Page, vma: Vma, ptep: int) -> Steps:
        """A file's page is chained like any other (page_add_rmap)."""
        yield from self.chains.chain_add(page, ptep)

    def page_dup_rmap(self, page: Page, vma: Vma, child: Vma, ptep: int) -> Steps:
        """fork: an entry for the child's PTE, and with the second of a page a cache line (page_add_rmap)."""
        yield from self.chains.chain_add(page, ptep)

    def swap_dup_rmap(self, vma: Vma, child: Vma) -> Steps:
        """Nothing: no page, no entry."""
        yield from ()

    def page_remove_rmap(self, page: Page, ptep: int) -> Steps:
        """One entry less, after a search of the chain (page_remove_rmap)."""
        if page.mapcount == 1 and not page.test(PG_swapcache):
            page.clear(PG_anon)
        yield from self.chains.chain_remove(page, ptep)

    def move_rmap(self, page: Page, ptep: int, new_ptep: int) -> None:
        """mremap: the entry of the old PTE goes, one of the new PTE comes (copy_one_pte, mm/mremap.c)."""
        for _ in self.chains.chain_remove(page, ptep):
            pass
        for _ in self.chains.chain_add(page, new_ptep):
            pass

    # VMAs: nothing here knows of them.

    def vma_prepare(self, vma: Vma) -> Steps:
        """Nothing: the first entry of a page takes no node."""
        yield from ()

    def vma_fork(self, vma: Vma, child: Vma) -> Steps:
        """Nothing: each PTE is entered by itself."""
        yield from ()

    def keeps_pgoff(self, vma: Vma) -> bool:
        """Never: the vm_pgoff of anonymous memory says nothing here."""
        return False

    def can_vma_merge(self, one: Vma, other: Vma | None) -> bool:
        """Always."""
        return True

    def vma_move(self, vma: Vma, new: Vma) -> Steps:
        """Nothing: the entries have moved with their PTEs."""
        yield from ()

    # The walk.

    def page_referenced(self, page: Page) -> Steps:
        """Who used the page lately?  Every entry is looked at (page_referenced).

        A chain that has fallen to one entry is made a direct pointer: here, and nowhere else.

        Returns:
            How many references were found; all young bits are clear now.
        """
        yield walk_begins(page, "referenced")
        referenced = 0
        if page.test(PG_referenced):
            page.clear(PG_referenced)
            referenced += 1

        line = 0
        for entry, node, _ in self.chains.entries(page):
            referenced += yield from self.page_referenced_one(page, entry, int(node != line))
            line = node
        if self.chains.alone(page):
            self.chains.collapse(page)
            text = "struct page {page:#x}: one entry is left: direct again, its node freed"
            yield step(text, page=page.pfn)
        yield walk_ends(page, END)
        return referenced

    def page_referenced_one(self, page: Page, entry: int, nodes: int) -> Steps:
        """Test and clear the young bit of one entry's PTE (page_referenced's inner loop)."""
        yield self.entry_found(page, entry, nodes)
        memory = self.machine.memory
        referenced = 0
        for ptep in self.chains.pteps(page, entry):
            if pte_young(memory[ptep]):
                memory[ptep] = pte_mkold(memory[ptep])
                referenced += 1
                mm, address = pte_owner(self.machine, ptep)
                text = "{who}: used since last asked; accessed bit cleared"
                yield step(text, page=page.pfn, mm=mm.id, ptep=ptep, who=place_name(mm, address))
        return referenced

    def try_to_unmap(self, page: Page) -> Steps:
        """Take the page out of every page table that maps it, and the entries with it (try_to_unmap).

        Returns:
            Whether no PTE maps it any more.
        """
        yield walk_begins(page, "unmap")
        self.chains.release_begins(page)
        stopped = END
        line = 0
        for entry, node, slot in list(self.chains.entries(page)):
            unmapped = yield from self.try_to_unmap_one(page, entry, int(node != line))
            if not unmapped:
                stopped = LOCKED
                break
            line = node
            yield from self.release_entry(page, node, slot, unmapped)
        self.chains.release_ends()
        yield walk_ends(page, stopped)
        return page.mapcount == 0

    def try_to_unmap_one(self, page: Page, entry: int, nodes: int) -> Steps:
        """Replace one PTE by the swap entry; VM_LOCKED is asked of the VMA around it (try_to_unmap_one).

        Returns:
            How many PTEs went: one, or all of the entry's cluster; 0 if it is locked.
        """
        yield self.entry_found(page, entry, nodes)
        pteps = self.chains.pteps(page, entry)
        if self.is_locked(page, entry):
            mm, address = pte_owner(self.machine, pteps[0])
            about: dict[str, Any] = {"page": page.pfn, "mm": mm.id, "ptep": pteps[0]}
            yield step("{who} is locked in memory: the page stays", who=place_name(mm, address), **about)
            return 0

        for ptep in pteps:
            mm, address = pte_owner(self.machine, ptep)
            left = unmap_pte(page, mm, ptep)
            about = {"page": page.pfn, "mm": mm.id, "ptep": ptep}
            yield step("{who}: its PTE {left}", who=place_name(mm, address), left=left, **about)
        return len(pteps)

    def release_entry(self, page: Page, node: int, slot: int, pteps: int) -> Steps:
        """The entry just unmapped goes: no search, the walk stands on it (try_to_unmap's inner loop)."""
        freed = self.chains.release(page, node, slot, pteps)
        text = "struct page {page:#x}: its slot is free now; entries left: {n}"
        if not node:
            text = "struct page {page:#x}: pte.direct is NULL now"
        elif freed:
            text = "struct page {page:#x}: its empty node is freed; entries left: {n}"
        yield step(text, page=page.pfn, n=self.chains.length(page))

    def walk_lines(self, page: Page) -> WalkLines:
        """struct page, and each node: it is a line."""
        return WalkLines(self.machine.lines("mem_map"), 1)

    def look(self, page: Page, *, full: bool) -> Steps:
        """The walk of try_to_unmap with its hands behind its back; `full`: past what is locked."""
        yield walk_begins(page, "look")
        stopped = END
        found = line = 0
        for entry, node, _ in self.chains.entries(page):
            yield self.entry_found(page, entry, int(node != line))
            found += len(self.chains.pteps(page, entry))
            line = node
            if not full and self.is_locked(page, entry):
                stopped = LOCKED
                break
        yield walk_ends(page, stopped)
        return found

    def entry_found(self, page: Page, entry: int, nodes: int) -> Told:
        """The candidate that an entry is: always a hit.  `nodes`: the cache lines read to come to it."""
        ptep = self.chains.pteps(page, entry)[0]
        mm, address = pte_owner(self.machine, ptep)
        vma = mm.vmas.at(address)
        text = "the page table's struct page says {who}: hit"
        return step(
            text,
            HIT,
            page=page.pfn,
            vma=vma.id if vma is not None else 0,
            mm=mm.id,
            ptep=ptep,
            nodes=nodes,
            who=place_name(mm, address),
        )

    def is_locked(self, page: Page, entry: int) -> bool:
        """Whether the VMA around an entry's PTE keeps its pages in memory; so does one that is not there."""
        owners = (pte_owner(self.machine, ptep) for ptep in self.chains.pteps(page, entry))
        vmas = (mm.vmas.at(address) for mm, address in owners)
        return any(vma is None or vma.vm_flags & VM_LOCKED for vma in vmas)

    # Many pages at once.

    def add_rmap_bulk(self, mapped: Mappings, vma: Vma, indices: Pfns) -> None:
        """`page_add_rmap` for fresh pages."""
        flags = self.machine.mem_map.flags
        flags.put(mapped.pages, flags.all[mapped.pages] | PG_anon)
        self.chains.add_bulk(mapped)

    def add_file_rmap_bulk(self, mapped: Mappings, vma: Vma) -> None:
        """`page_add_file_rmap` for many PTEs."""
        self.chains.add_bulk(mapped)

    def dup_rmap_bulk(self, mapped: Mappings, vma: Vma, child: Vma, swapped: bool) -> None:
        """`page_dup_rmap` for the pages of a VMA."""
        self.chains.add_bulk(mapped)

    def remove_rmap_bulk(self, pfns: Pfns, vma: Vma, pteps: Pfns) -> None:
        """`page_remove_rmap` for many pages."""
        self.chains.remove_bulk(pfns, pteps)

    def walk_bulk(self, pages: Pfns, kind: str) -> Found:
        """The entries of each page; page_referenced has collapsed what try_to_unmap walks over."""
        found = Found(self.machine, pages, kind, stops=False)
        self.chains.walk_bulk(found, np.arange(len(pages)), collapsed=kind == "unmap")
        return found

    def walked_bulk(self, pages: Pfns, unmapped: NDArray[np.bool_], pteps: Pfns) -> None:
        """Chains of one entry collapse; those of unmapped pages go."""
        self.chains.walked_bulk(pages, unmapped)

    def swap_in_rmap_bulk(self, mapped: Mappings, vma: Vma, indices: Pfns) -> None:
        """`page_add_rmap` for pages from swap."""
        self.add_rmap_bulk(mapped, vma, indices)

    def bulk_bytes(self, pfns: Pfns) -> int:
        """A node for each page that is direct, or whose head is full."""
        return self.chains.bulk_bytes(pfns)

    # What it says of itself.

    def problems(self) -> Iterable[tuple[str, str]]:
        """What is wrong with the chains, and pages that are mapped and have none."""
        yield from self.chains.problems()
        for where in self.machine.frames_used():
            lost = (self.machine.mem_map.mapcount.all[where] > 0) & (self.chains.pte.all[where] == 0)
            if lost.any():
                yield "chain_count", f"{int(lost.sum())} mapped pages have no entry"

    def reverse_map_bytes(self) -> int:
        """The nodes; page->pte is in mem_map."""
        ledger = self.machine.ledger
        return ledger.bytes_of("pte_chain", ledger.count("pte_chain"))

    def live_member(self, page: Page) -> str | None:
        """direct under PG_direct, else chain if there is one."""
        if page.test(PG_direct):
            return "direct"
        return "chain" if self.chains.pte.cell[page.pfn] else None

    def why(self, page: Page) -> str:
        """The flag, and what follows."""
        live = self.live_member(page) or "NULL: mapped by nobody"
        cached = " · mapping is swapper_space" if page.test(PG_swapcache) else ""
        return f"PG_direct {int(page.test(PG_direct))} ⇒ {live}{cached}"

    def live_target(self, page: Page) -> tuple[Ref | None, str]:
        """The one PTE and whose it is, or the head of the chain."""
        return chain_target(page, self.chains)

    def lists(self) -> tuple[Lists, ...]:
        """The chains.  Files have their lists too, which no walk looks at: truncate does."""
        return chain_lists(self.chains), file_lists(self.machine)

    def picture(self, page: Page, first: int = 0, count: int = 32) -> Picture:
        """page → PTE while direct, page → node → PTEs after; and from each PTE back to its mm."""
        return draw_chain(page, self.chains, first, count)


SCHEME = PteChain
