"""pte_chains of many pages at once: the bulk twins of `vmtui.mm.rmap.chain`.

What fork does to the pages of a VMA, it does to the same slot of many nodes.  With page clustering a page may
get several entries in one call: these are made in turns, a different page each.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.cluster import Mappings, distinct
from vmtui.mm.page import PAGE_SHIFT, PG_direct
from vmtui.mm.pgtable import PAGE_PRESENT, PAGE_PROTNONE, PTRS_PER_TABLE
from vmtui.mm.rmap.chain import FREED, NEXT, Numbers, PteChains
from vmtui.mm.rmap.walk_bulk import Found

#: page->pte; whether the page is direct; whether its head is full; whether that has room.
States = tuple[Numbers, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]


class BulkChains(PteChains):
    """`PteChains`, with what is done to many pages at once."""

    def add_bulk(self, mapped: Mappings) -> None:
        """`chain_add` for many PTEs, in their order; low memory for the nodes is there."""
        self.machine.work["rmap_add"] += len(mapped)
        self.machine.mem_map.mapcount.add(mapped.pages, mapped.counts)
        pfns, pteps = self._new_entries(mapped)
        states = self._states(pfns)
        if self.machine.cluster == 1:
            self._add_each(pfns, pteps, self._nodes_for(self._needs_node(states, 0)), states)
            return
        turn = _turns(pfns)
        node = self._nodes_for(self._needs_node(states, turn))
        # In turn, so that the pages of each round differ.
        order = np.argsort(turn.astype(np.uint16), kind="stable")
        begin = 0
        for size in np.bincount(turn).tolist():
            now = order[begin : begin + size]
            self._add_each(pfns[now], pteps[now], node[now], self._states(pfns[now]))
            begin += size

    def _new_entries(self, mapped: Mappings) -> tuple[Numbers, Numbers]:
        """The page and the entry of each PTE; of a cluster once, and not if there is such an entry."""
        if not self.per_cluster:
            return mapped.page, mapped.pteps
        cluster = self.machine.cluster
        entries = mapped.pteps & -cluster
        _, first, counts = distinct(mapped.page * len(self.machine.memory) + entries)
        places = entries[first][:, None] + np.arange(cluster)
        ptes = self.machine.memory.all[places]
        present = ptes & np.uint64(PAGE_PRESENT | PAGE_PROTNONE) != 0
        frames = mapped.page[first][:, None] + np.arange(cluster)
        here = present & ((ptes >> np.uint64(PAGE_SHIFT)).astype(np.int64) == frames)
        new = np.sort(first[np.count_nonzero(here, axis=1) == counts])
        return mapped.page[new], entries[new]

    def _needs_node(self, states: States, turn: Numbers | int) -> NDArray[np.bool_]:
        """Which of these entries take a node, where each is the `turn`-th new one of its page."""
        pte, direct, full, room = states
        if isinstance(turn, int):
            return direct | full
        idx = self.next_and_idx.all[np.where(full | room, pte, 0)] & np.uint64(self.nrpte)
        # Entries before this one: a direct page has one, a chain as many as its head, and a full node.
        before = np.where(full | room, 2 * self.nrpte - idx.astype(np.int64), direct) + turn
        needs: NDArray[np.bool_] = (before == 1) | ((before > 1) & (before % self.nrpte == 0))
        return needs

    def _nodes_for(self, needs: NDArray[np.bool_]) -> Numbers:
        """A node for each entry that takes one, 0 for the others."""
        node = np.zeros(len(needs), np.int64)
        node[needs] = self._take(int(np.count_nonzero(needs)))
        return node

    def _add_each(self, pfns: Numbers, pteps: Numbers, node: Numbers, states: States) -> None:
        """An entry for each of different pages, with the node that it takes if it takes one."""
        mem_map, top = self.machine.mem_map, self.nrpte - 1
        pte, direct, full, room = states
        none = pte == 0
        # As by single calls: a node written, and the old head too where it was full.
        self.machine.work["list_lines"] += int(np.count_nonzero(~none)) + int(np.count_nonzero(full))
        if none.any():
            self.pte.put(pfns[none], pteps[none])
            mem_map.flags.put(pfns[none], mem_map.flags.all[pfns[none]] | PG_direct)
        if direct.any():
            self.ptes.put(top * self.room + node[direct], pte[direct])
            self.ptes.put((top - 1) * self.room + node[direct], pteps[direct])
            self.next_and_idx.put(node[direct], self.pte_chain_encode(0, top - 1))
            mem_map.flags.put(pfns[direct], mem_map.flags.all[pfns[direct]] & ~np.uint32(PG_direct))
        if full.any():
            self.ptes.put(top * self.room + node[full], pteps[full])
            self.next_and_idx.put(node[full], pte[full] * self.line | top)
        if (direct | full).any():
            self.pte.put(pfns[direct | full], node[direct | full])
        if room.any():
            head = pte[room]
            link = self.next_and_idx.all[head].astype(np.int64) - 1
            self.next_and_idx.put(head, link)
            self.ptes.put((link & self.nrpte) * self.room + head, pteps[room])

    def remove_bulk(self, pfns: Numbers, pteps: Numbers) -> None:
        """`chain_remove` for many different pages, in their order."""
        mem_map = self.machine.mem_map
        self.machine.work["rmap_remove"] += len(pfns)
        mem_map.mapcount.add(pfns, -1)
        direct = mem_map.flags.all[pfns] & PG_direct != 0
        if direct.any():
            self.pte.put(pfns[direct], 0)
            mem_map.flags.put(pfns[direct], mem_map.flags.all[pfns[direct]] & ~np.uint32(PG_direct))
        if not direct.all():
            self.drop_bulk(pfns[~direct], self.search_bulk(pfns[~direct], pteps[~direct]))

    def search_bulk(self, pfns: Numbers, pteps: Numbers) -> Numbers:
        """`chain_search` for many pages: where in `ptes` each finds its entry."""
        work = self.machine.work
        found = np.zeros(len(pfns), np.int64)
        searched = np.zeros(len(pfns), np.int64)
        node = self.pte.all[pfns].astype(np.int64)
        pending = np.arange(len(pfns))
        while len(pending):
            here, wanted = node[pending], pteps[pending]
            link = self.next_and_idx.all[here].astype(np.int64)
            at = np.full(len(pending), self.nrpte)
            for index in range(self.nrpte):
                at[self.ptes.all[index * self.room + here] == wanted] = index
            hit = at < self.nrpte
            searched[pending] += np.where(hit, at + 1, self.nrpte) - (link & self.nrpte)
            work["list_lines"] += len(pending)
            found[pending[hit]] = at[hit] * self.room + here[hit]
            node[pending] = link // self.line
            pending = pending[~hit]
        work["slots_searched"] += int(searched.sum())
        work.went_through(int(searched.max()))
        return found

    def drop_bulk(self, pfns: Numbers, slots: Numbers) -> None:
        """`drop_entry` for many pages: an entry each, which lies at `slots` of `ptes`."""
        head = self.pte.all[pfns].astype(np.int64)
        link = self.next_and_idx.all[head].astype(np.int64)
        victim = (link & self.nrpte) * self.room + head
        self.ptes.put(slots, self.ptes.all[victim])
        self.ptes.put(victim, 0)
        empty = link & self.nrpte == self.nrpte - 1
        if not empty.all():
            self.next_and_idx.put(head[~empty], link[~empty] + 1)
        if empty.any():
            self.pte.put(pfns[empty], link[empty] // self.line)
            self._give(head[empty])

    def walk_bulk(self, found: Found, which: Numbers, *, collapsed: bool) -> None:
        """The entries of many pages: hits, all of them.

        Args:
            which: The places of these pages among those of the walk.
            collapsed: Chains of one entry are direct pointers when this walk comes, and no node is read.
        """
        pages = found.pages[which]
        found.lines[which] += self.machine.lines("mem_map")
        pte, direct, _, _ = self._states(pages)
        self.hit_entries(found, which[direct], pte[direct])
        alone = self._alone(pages)
        for places, node, link in self._levels(pte, (pte != 0) & ~direct):
            at = which[places]
            followed = at[~alone[places]] if collapsed else at
            found.counts["nodes"][followed] += 1
            found.lines[followed] += 1
            for index in range(int((link & self.nrpte).min()), self.nrpte):
                used = link & self.nrpte <= index
                entries = self.ptes.all[index * self.room + node[used]].astype(np.int64)
                self.hit_entries(found, at[used], entries)

    def hit_entries(self, found: Found, at: Numbers, entries: Numbers) -> None:
        """An entry of each of these pages; one of a cluster stands for up to as many PTEs (`pteps`)."""
        if not self.per_cluster:
            found.hit(at, entries)
            return
        places = entries[:, None] + np.arange(self.machine.cluster)
        table = entries[:, None] & -PTRS_PER_TABLE
        inside = places & -PTRS_PER_TABLE == table
        ptes = self.machine.memory.all[np.where(inside, places, entries[:, None])].astype(np.int64)
        present = ptes & (PAGE_PRESENT | PAGE_PROTNONE) != 0
        subpage = (ptes >> PAGE_SHIFT) - found.pages[at][:, None]
        mine = present & (subpage >= 0) & (subpage < self.machine.cluster)
        first = np.maximum(places - subpage, table)
        found.hit_clusters(at, places, inside & mine & (first == entries[:, None]))

    def walked_bulk(self, pages: Numbers, unmapped: NDArray[np.bool_]) -> None:
        """`collapse` of each page that has fallen to one entry; of those unmapped all entries go."""
        mem_map, top = self.machine.mem_map, self.nrpte - 1
        pte, direct, _, _ = self._states(pages)
        alone = self._alone(pages)
        collapsed = alone & ~unmapped
        heads = pte[collapsed]
        last = self.ptes.all[top * self.room + heads]
        self._give_chains(pte, (pte != 0) & ~direct & (alone | unmapped))
        if len(heads):
            self.pte.put(pages[collapsed], last)
            mem_map.flags.put(pages[collapsed], mem_map.flags.all[pages[collapsed]] | np.uint32(PG_direct))
        gone = pages[unmapped]
        if len(gone):
            self.pte.put(gone, 0)
            mem_map.flags.put(gone, mem_map.flags.all[gone] & ~np.uint32(PG_direct))
            self.machine.work["rmap_remove"] += int(mem_map.mapcount.all[gone].sum())
            mem_map.mapcount.put(gone, 0)

    def _alone(self, pages: Numbers) -> NDArray[np.bool_]:
        """`alone` of many pages."""
        pte, direct, _, _ = self._states(pages)
        link = self.next_and_idx.all[np.where(direct, 0, pte)].astype(np.int64)
        alone: NDArray[np.bool_] = (pte != 0) & ~direct & (link == self.nrpte - 1)
        return alone

    def _levels(self, pte: Numbers, chained: NDArray[np.bool_]) -> Iterator[tuple[Numbers, Numbers, Numbers]]:
        """The nodes of many chains, all heads first: places of pages, their nodes, and next_and_idx."""
        at = np.flatnonzero(chained)
        node = pte[at]
        while len(at):
            link = self.next_and_idx.all[node].astype(np.int64)
            yield at, node, link
            more = link // self.line != 0
            at, node = at[more], link[more] // self.line

    def _give_chains(self, pte: Numbers, chained: NDArray[np.bool_]) -> None:
        """Empty the nodes of many chains and give them back, page after page and from the head on."""
        levels = list(self._levels(pte, chained))
        if not levels:
            return
        places, nodes, links = (np.concatenate(part) for part in zip(*levels, strict=True))
        idx = links & self.nrpte
        for index in range(int(idx.min()), self.nrpte):
            self.ptes.put(index * self.room + nodes[idx <= index], 0)
        self._give(nodes[np.argsort(places, kind="stable")])

    def _give(self, nodes: Numbers) -> None:
        """`pte_chain_free` of many nodes, in their order."""
        n, top = len(nodes), self.register.cell[FREED]
        self.next_and_idx.put(nodes, 0)
        self.freed.put(slice(top, top + n), nodes)
        self.register[FREED] += n
        self.machine.ledger.uncharge("pte_chain", n)
        self.machine.work["chain_free"] += n

    def bulk_bytes(self, pfns: Numbers) -> int:
        """Low memory that one PTE more of each of these frames takes, at most; 0 is one of a fresh page."""
        cluster = self.machine.cluster
        if cluster == 1:
            nodes = int(np.count_nonzero(self._needs_node(self._states(pfns), 0)))
            return self.machine.ledger.cost("pte_chain", nodes)
        pages = pfns[pfns > 0] & -cluster
        if self.per_cluster:
            pages = pages[np.flatnonzero(np.diff(pages, prepend=-1))]
        nodes = int(np.count_nonzero(self._needs_node(self._states(pages), _turns(pages))))
        fresh = int(np.count_nonzero(pfns == 0))
        if fresh and not self.per_cluster:
            nodes += (-(-fresh // cluster) + 1) * -(-cluster // self.nrpte)
        return self.machine.ledger.cost("pte_chain", nodes)

    def _states(self, pfns: Numbers) -> States:
        """page->pte; which pages are direct; which have a head that is full; which have one with room."""
        pte = self.pte.all[pfns].astype(np.int64)
        direct = self.machine.mem_map.flags.all[pfns] & PG_direct != 0
        chained = (pte != 0) & ~direct
        idx = self.next_and_idx.all[np.where(chained, pte, 0)] & np.uint64(self.nrpte)
        return pte, direct, chained & (idx == 0), chained & (idx != 0)

    def _take(self, n: int) -> Numbers:
        """The nodes that `n` calls of `pte_chain_alloc` would give, in their order."""
        if not n:
            return np.empty(0, np.int64)
        self.machine.ledger.charge("pte_chain", n)
        self.machine.work["chain_alloc"] += n
        register = self.register
        top, first = register.cell[FREED], register.cell[NEXT]
        depth = min(n, top)
        again = self.freed.all[top - depth : top][::-1].astype(np.int64)
        if depth:
            register[FREED] -= depth
        if n > depth:
            register[NEXT] += n - depth
        return np.concatenate([again, np.arange(first, first + n - depth, dtype=np.int64)])


def _turns(pages: Numbers) -> Numbers:
    """Of each element, how many equal ones stand before it."""
    order = np.argsort(pages, kind="stable")
    ranked = pages[order]
    begins = np.flatnonzero(np.diff(ranked, prepend=-1))
    sizes = np.diff(np.append(begins, len(pages)))
    turns = np.empty(len(pages), np.int64)
    turns[order] = np.arange(len(pages), dtype=np.int64) - np.repeat(begins, sizes)
    return turns
