"""``struct pte_chain``, a cache line of PTE addresses, and struct page's pointer to it (mm/rmap.c of 2.6.0).

A page that one PTE maps points straight at it: ``page->pte.direct`` under PG_direct.  A page that more
map points at a chain, ``page->pte.chain``.  Each node is one line of the L1 cache: a word that is the next
node and the index of the first used slot in one (``next_and_idx``), and NRPTE slots.

Only the head has free slots, at its low indices: it is filled from slot NRPTE-1 downward, and a node that
is full is pushed back by a new head.  Removal moves the head's first entry into the hole.  So a chain of n
entries always has ceil(n / NRPTE) nodes, the last one included that a page falling back to one entry keeps.

With page clustering (*ours*) ``chain=pte`` has an entry for each PTE, as William Irwin's patches had;
``chain=cluster`` one for all PTEs of a page that lie side by side in one page table, as Ingo Molnar hoped:
it names the first place where one could be, and the page table tells which of them are there.

page->pte and the nodes are columns.  A node is a number from 1; the slots are laid out slot by slot, not
node by node, because what fork does to many pages at once it does to the same slot of many nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.cluster import maps_page
from vmtui.mm.mm_types import Mm, linear_page_index
from vmtui.mm.page import Page, PG_direct
from vmtui.mm.pgtable import PTRS_PER_TABLE, pte_pfn, ptep_to_mm_address
from vmtui.mm.step import Steps, step
from vmtui.state.column import Column, Where

if TYPE_CHECKING:
    from vmtui.mm.kernel import Options
    from vmtui.mm.machine import Machine

Numbers = NDArray[np.int64]

# Registers: the first node never used; how many freed ones are on the stack; the page that is being taken
# out of its page tables, and how many of its entries that walk has released.
NEXT, FREED, _PAGE, _RELEASED, _REGISTERS = range(5)

#: Bytes of next_and_idx.
_LINK: Final = 4


def pte_addr_size(options: Options) -> int:
    """Bytes of a pte_addr_t: a kernel address; with HIGHPTE, under PAE, a physical one of 64 bits."""
    return 8 if options.highpte else 4


def nrpte(options: Options) -> int:
    """Slots of a node (NRPTE): what of its cache line is left beside next_and_idx."""
    return (options.cacheline - _LINK) // pte_addr_size(options)


def pte_owner(machine: Machine, ptep: int) -> tuple[Mm, int]:
    """Whose PTE this is and for which address, as its page table's struct page says (ptep_to_mm)."""
    mm, address = ptep_to_mm_address(machine, ptep)
    assert mm is not None, f"pte {ptep:#x} is in nobody's page table"
    return mm, address


def first_ptep(ptep: int, subpage: int) -> int:
    """Where in its page table the first PTE of its cluster would be."""
    return max(ptep - subpage, ptep & ~(PTRS_PER_TABLE - 1))


class PteChains:
    """page->pte of every frame, and the nodes (pte_chain_cache), of one machine.

    Attributes:
        nrpte: Slots of a node.
        pte: page->pte, by frame: a ptep under PG_direct, else the head of the chain; 0 for neither.
        next_and_idx: By node: the next node's address in lines, and the first used slot in the low bits.
        ptes: The slots: slot 0 of every node, then slot 1 of every node.
        freed: Nodes given back, a stack.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        options, history, frames = machine.options, machine.history, machine.frames_total
        self.nrpte = nrpte(options)
        self.line = options.cacheline
        self.per_cluster = options.chain == "cluster" and machine.cluster > 1
        entry = np.uint32 if frames * PTRS_PER_TABLE <= 1 << 32 else np.uint64

        # A chain is full but for its head, and an entry is a PTE: there are never more nodes than this.
        self.room = frames * PTRS_PER_TABLE // self.nrpte + frames + 1
        if options.lowmem == "charge":
            self.room = min(self.room, machine.ledger.lowmem_total // self.line + 1)

        self.pte = Column(history, frames, entry, machine.frames_used)
        self.register = Column(history, _REGISTERS, np.int64, lambda: [slice(0, _REGISTERS)])
        self.next_and_idx = Column(history, self.room, np.uint64, lambda: [slice(1, self._next)])
        self.ptes = Column(history, self.room * self.nrpte, entry, self._slots_used)
        self.freed = Column(history, self.room, np.uint32, lambda: [slice(0, self.register.cell[FREED])])
        self.register.cell[NEXT] = 1

    def columns(self) -> dict[str, Column]:
        """The columns by name."""
        names = ("freed", "next_and_idx", "pte", "ptes", "register")
        return {name: getattr(self, name) for name in names}

    @property
    def _next(self) -> int:
        return self.register.cell[NEXT]

    def _slots_used(self) -> list[Where]:
        starts = range(0, self.room * self.nrpte, self.room)
        return [slice(start + 1, start + self._next) for start in starts]

    # Nodes.

    def pte_chain_next(self, node: int) -> int:
        """The node behind this one, 0 for none."""
        return self.next_and_idx.cell[node] // self.line

    def pte_chain_idx(self, node: int) -> int:
        """The first used slot of a node.  NRPTE is one less than a power of two, and so its own mask."""
        return self.next_and_idx.cell[node] & self.nrpte

    def pte_chain_encode(self, following: int, idx: int) -> int:
        """next_and_idx: a node's address has zeros where the index goes."""
        return following * self.line | idx

    def slot(self, node: int, index: int) -> int:
        """Where a slot of a node lies in `ptes`."""
        return index * self.room + node

    def pte_chain_alloc(self) -> int:
        """A node, a cache line of low memory (pte_chain_alloc).

        Raises:
            KernelError: ENOMEM.
        """
        self.machine.ledger.charge("pte_chain")
        self.machine.work["chain_alloc"] += 1
        register = self.register
        if register.cell[FREED]:
            register[FREED] -= 1
            return self.freed.cell[register.cell[FREED]]
        register[NEXT] += 1
        return register.cell[NEXT] - 1

    def pte_chain_free(self, node: int) -> None:
        """Give an empty node back (__pte_chain_free)."""
        self.next_and_idx[node] = 0
        self.freed[self.register.cell[FREED]] = node
        self.register[FREED] += 1
        self.machine.ledger.uncharge("pte_chain")
        self.machine.work["chain_free"] += 1

    # A page's entries.

    def nodes(self, page: Page) -> Iterator[int]:
        """The nodes of a page's chain, head first; none of a direct page."""
        node = 0 if page.test(PG_direct) else self.pte.cell[page.pfn]
        while node:
            yield node
            node = self.pte_chain_next(node)

    def entries(self, page: Page) -> Iterator[tuple[int, int, int]]:
        """(ptep, node, slot) of each entry, in the order of a walk; node 0 for pte.direct."""
        if page.test(PG_direct):
            yield self.pte.cell[page.pfn], 0, 0
            return
        for node in self.nodes(page):
            for index in range(self.pte_chain_idx(node), self.nrpte):
                yield self.ptes.cell[self.slot(node, index)], node, index

    def length(self, page: Page) -> int:
        """How many entries a page has."""
        return sum(1 for _ in self.entries(page)) if self.per_cluster else page.mapcount

    def pteps(self, page: Page, entry: int) -> list[int]:
        """The PTEs that an entry stands for: itself, or those of its cluster that map the page."""
        if not self.per_cluster:
            return [entry]
        memory = self.machine.memory
        end = min(entry + self.machine.cluster, (entry | (PTRS_PER_TABLE - 1)) + 1)
        mine = [(ptep, memory[ptep]) for ptep in range(entry, end) if maps_page(page, memory[ptep])]
        return [ptep for ptep, pte in mine if first_ptep(ptep, pte_pfn(pte) - page.pfn) == entry]

    def entry_of(self, ptep: int) -> int:
        """The entry that stands for a PTE: itself, or the first place of its cluster in its page table."""
        if not self.per_cluster:
            return ptep
        mm, address = pte_owner(self.machine, ptep)
        return first_ptep(ptep, linear_page_index(mm.vmas.holding(address), address) % self.machine.cluster)

    def shared_entry(self, page: Page, ptep: int) -> bool:
        """Whether the entry that stands for a PTE stands for another one too."""
        return self.per_cluster and any(other != ptep for other in self.pteps(page, self.entry_of(ptep)))

    def chain_add(self, page: Page, ptep: int) -> Steps:
        """One PTE more maps the page (page_add_rmap).

        Raises:
            KernelError: ENOMEM, there is no low memory for a node.
        """
        self.machine.work["rmap_add"] += 1
        page.mapcount += 1
        if self.shared_entry(page, ptep):
            text = "struct page {page:#x}: the entry of its cluster stands for this PTE too"
            yield step(text, page=page.pfn, ptep=ptep)
            return
        ptep = self.entry_of(ptep)
        head = self.pte.cell[page.pfn]
        top = self.nrpte - 1
        if not head:
            self.pte[page.pfn] = ptep
            page.set(PG_direct)
            text = "struct page {page:#x} points straight at the PTE: PG_direct"
        elif page.test(PG_direct):
            node = self.pte_chain_alloc()
            self.ptes[self.slot(node, top)] = head
            self.ptes[self.slot(node, top - 1)] = ptep
            self.next_and_idx[node] = self.pte_chain_encode(0, top - 1)
            page.clear(PG_direct)
            self.pte[page.pfn] = node
            self.machine.work["list_lines"] += 1
            text = "struct page {page:#x}: two PTEs, so a pte_chain: {size} bytes"
        elif not self.pte_chain_idx(head):
            node = self.pte_chain_alloc()
            self.ptes[self.slot(node, top)] = ptep
            self.next_and_idx[node] = self.pte_chain_encode(head, top)
            self.pte[page.pfn] = node
            self.machine.work["list_lines"] += 2
            text = "struct page {page:#x}: the head was full, a new one: {size} bytes"
        else:
            self.next_and_idx[head] -= 1
            self.ptes[self.slot(head, self.pte_chain_idx(head))] = ptep
            self.machine.work["list_lines"] += 1
            text = "struct page {page:#x}: the head had room; entries now: {n}"
        yield step(text, page=page.pfn, ptep=ptep, size=self.line, n=self.length(page))

    def chain_remove(self, page: Page, ptep: int) -> Steps:
        """One PTE less: search for its entry, and put the head's first in the hole (page_remove_rmap)."""
        work = self.machine.work
        work["rmap_remove"] += 1
        page.mapcount -= 1
        if self.shared_entry(page, ptep):
            text = "struct page {page:#x}: the entry stays for the other PTEs of its cluster"
            yield step(text, page=page.pfn, ptep=ptep)
            return
        ptep = self.entry_of(ptep)
        if page.test(PG_direct):
            assert self.pte.cell[page.pfn] == ptep
            self.clear_direct(page)
            yield step("struct page {page:#x}: pte.direct is NULL now", page=page.pfn, ptep=ptep)
            return

        searched, node, index = self.chain_search(page, ptep)
        work["slots_searched"] += searched
        work["list_lines"] += self.nodes_searched(page, searched)
        work.went_through(searched)
        freed = self.drop_entry(page, node, index)
        text = "struct page {page:#x}: slots searched: {n}; entries left: {left}"
        if freed:
            text = "struct page {page:#x}: slots searched: {n}; the empty head is freed"
        yield step(text, page=page.pfn, ptep=ptep, n=searched, left=self.length(page))

    def chain_search(self, page: Page, ptep: int) -> tuple[int, int, int]:
        """How many slots were looked at, from the head on, to find an entry; its node and slot."""
        for searched, (entry, node, index) in enumerate(self.entries(page), start=1):
            if entry == ptep:
                return searched, node, index
        raise AssertionError(f"{page!r} has no entry {ptep:#x}")

    def nodes_searched(self, page: Page, searched: int) -> int:
        """In how many nodes so many slots are, from the head on."""
        in_head = self.nrpte - self.pte_chain_idx(self.pte.cell[page.pfn])
        return 1 + -(-max(searched - in_head, 0) // self.nrpte)

    def clear_direct(self, page: Page) -> None:
        """Forget the only PTE."""
        self.pte[page.pfn] = 0
        page.clear(PG_direct)

    def drop_entry(self, page: Page, node: int, index: int) -> bool:
        """Fill a slot from the head's first, which is free then; free the head if that was its last.

        Returns:
            Whether it was.
        """
        head = self.pte.cell[page.pfn]
        victim = self.pte_chain_idx(head)
        self.ptes[self.slot(node, index)] = self.ptes.cell[self.slot(head, victim)]
        self.ptes[self.slot(head, victim)] = 0
        if victim < self.nrpte - 1:
            self.next_and_idx[head] += 1
            return False
        self.pte[page.pfn] = self.pte_chain_next(head)
        self.pte_chain_free(head)
        return True

    def release_begins(self, page: Page) -> None:
        """A walk begins that releases the entries of a page."""
        self.register[_PAGE] = page.pfn
        self.register[_RELEASED] = 0

    def release_ends(self) -> None:
        """It ends."""
        self.register[_PAGE] = self.register[_RELEASED] = 0

    def released(self, page: Page) -> int:
        """How many entries of a page the walk under way has released: a picture leaves their rows empty."""
        return self.register.cell[_RELEASED] if self.register.cell[_PAGE] == page.pfn else 0

    def release(self, page: Page, node: int, index: int, pteps: int) -> bool:
        """Drop the entry that the walk stands on, and its PTEs: no search.  Whether a node went with it."""
        self.machine.work["rmap_remove"] += pteps
        page.mapcount -= pteps
        self.register[_RELEASED] += 1
        if node:
            return self.drop_entry(page, node, index)
        self.clear_direct(page)
        return False

    def alone(self, page: Page) -> bool:
        """Whether a chain has fallen to one entry."""
        head = self.pte.cell[page.pfn]
        if not head or page.test(PG_direct):
            return False
        return self.pte_chain_idx(head) == self.nrpte - 1 and not self.pte_chain_next(head)

    def collapse(self, page: Page) -> None:
        """A chain of one entry becomes a direct pointer, its node freed (the end of page_referenced)."""
        head = self.pte.cell[page.pfn]
        last = self.slot(head, self.nrpte - 1)
        self.pte[page.pfn] = self.ptes.cell[last]
        self.ptes[last] = 0
        page.set(PG_direct)
        self.pte_chain_free(head)

    # What must hold.

    def in_use(self) -> Iterator[Page]:
        """The pages with a pointer, in the order of their frames."""
        for where in self.machine.frames_used():
            assert isinstance(where, slice)
            for offset in self.pte.all[where].nonzero()[0].tolist():
                yield self.machine.page(where.start + offset)

    def chained(self) -> Numbers:
        """The frames of the pages that have a chain, ascending."""
        flags, found = self.machine.mem_map.flags.all, []
        for where in self.machine.frames_used():
            assert isinstance(where, slice)
            chained = (self.pte.all[where] != 0) & (flags[where] & PG_direct == 0)
            found.append(where.start + np.flatnonzero(chained))
        return np.sort(np.concatenate(found))

    def count(self) -> int:
        """Nodes on chains, counted anew."""
        return sum(1 for page in self.in_use() for _ in self.nodes(page))

    def problems(self) -> Iterable[tuple[str, str]]:
        """Entries that map another page or none, chains that are too long, nodes that are lost."""
        nodes = 0
        for page in self.in_use():
            held = [ptep for ptep, _, _ in self.entries(page)]
            pteps = [ptep for entry in held for ptep in self.pteps(page, entry)]
            mine = sum(1 for _ in self.nodes(page))
            nodes += mine
            if len(pteps) != page.mapcount or len(set(held)) != len(held):
                yield "chain_count", f"{page!r}: {len(held)} entries, mapcount {page.mapcount}"
            if not page.test(PG_direct) and mine != -(-len(held) // self.nrpte):
                yield "chain_nodes", f"{page!r}: {mine} nodes for {len(held)} entries"
            for entry in held:
                mapping = self.pteps(page, entry)
                if not mapping or not all(maps_page(page, self.machine.memory[ptep]) for ptep in mapping):
                    yield "chain_entry", f"{page!r}: the PTE {entry:#x} does not map it"
            for node in self.nodes(page):
                slots = [self.ptes.cell[self.slot(node, index)] for index in range(self.nrpte)]
                used = self.pte_chain_idx(node)
                if any(slots[:used]) or not all(slots[used:]):
                    yield "chain_slots", f"{page!r}: node {node} is not filled from slot {used} up"
        made = self.register.cell[NEXT] - 1 - self.register.cell[FREED]
        if made != nodes:
            yield "chain_leak", f"{made} nodes are out of the pool, {nodes} are on a chain"
