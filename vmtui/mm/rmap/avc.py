"""``struct anon_vma_chain``: that a VMA is in the tree of an anon_vma (mm/rmap.c, include/linux/rmap.h).

Many to many: a VMA has a chain of AVCs, newest first and the root's last, one for each anon_vma whose pages
it may map; an anon_vma has a tree of them, one for each VMA that may map its pages.  An AVC is a number; its
members are columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from vmtui.mm.mm_types import AnonVma, Vma
from vmtui.mm.rmap.interval_tree import MAX_NODES, IntervalTrees
from vmtui.state.column import Column, Where

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

_NEXT_ID, _LIVE = range(2)

_FIELDS: Final = ("register", "vma", "anon_vma", "next", "prev", "head", "tail")


class AnonVmaChains:
    """All AVCs of a machine.

    Attributes:
        vma, anon_vma: What each AVC joins, by number.
        next, prev: Its neighbours in the chain of its VMA (same_vma), 0 at the ends.
        head, tail: The newest and the oldest AVC of each VMA (vma->anon_vma_chain).
        trees: anon_vma->rb_root of each anon_vma.
    """

    __slots__ = (*_FIELDS, "machine", "trees")

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        history = machine.history
        self.register = Column(history, 2, np.int64, lambda: [slice(0, 2)])
        self.register.cell[_NEXT_ID] = 1

        def of_avc() -> list[Where]:
            return [slice(0, self.register.cell[_NEXT_ID])]

        def of_vma() -> list[Where]:
            return [slice(0, machine.vmas.next_id)]

        self.vma, self.anon_vma, self.next, self.prev = (
            Column(history, MAX_NODES, np.uint32, of_avc) for _ in range(4)
        )
        self.head, self.tail = (Column(history, MAX_NODES, np.uint32, of_vma) for _ in range(2))
        self.trees = IntervalTrees(
            history, lambda: self.register.cell[_NEXT_ID], lambda: machine.anon_vmas.next_id
        )

    def columns(self) -> dict[str, Column]:
        """The columns by name."""
        found = {f"avc.{name}": getattr(self, name) for name in _FIELDS}
        return {**found, **{f"rb.{name}": column for name, column in self.trees.columns().items()}}

    def __len__(self) -> int:
        return self.register.cell[_LIVE]

    def alloc(self, vma: Vma, anon_vma: AnonVma) -> int:
        """Join a VMA and an anon_vma: at the head of the chain, in the tree (anon_vma_chain_link).

        Raises:
            KernelError: ENOMEM.
        """
        self.machine.ledger.charge("anon_vma_chain")
        avc = self.register.cell[_NEXT_ID]
        passed = self.trees.insert(anon_vma.id, avc, vma.vm_pgoff, vma.vm_pgoff + vma.pages - 1)
        self.count_lines(1 + passed)
        self.register[_NEXT_ID] = avc + 1
        self.register[_LIVE] += 1
        self.vma[avc] = vma.id
        self.anon_vma[avc] = anon_vma.id
        first = self.head.cell[vma.id]
        self.next[avc] = first
        if first:
            self.prev[first] = avc
        else:
            self.tail[vma.id] = avc
        self.head[vma.id] = avc
        return avc

    def free(self, avc: int) -> None:
        """Take an AVC out of both (anon_vma_interval_tree_remove, list_del, anon_vma_chain_free)."""
        self.trees.remove(self.anon_vma.cell[avc], avc)
        self.count_lines(2)
        before, after, vma = self.prev.cell[avc], self.next.cell[avc], self.vma.cell[avc]
        if before:
            self.next[before] = after
        else:
            self.head[vma] = after
        if after:
            self.prev[after] = before
        else:
            self.tail[vma] = before
        self.vma[avc] = self.anon_vma[avc] = self.next[avc] = self.prev[avc] = 0
        self.register[_LIVE] -= 1
        self.machine.ledger.uncharge("anon_vma_chain")

    def count_lines(self, avcs: int) -> None:
        """So many AVCs were touched: the one that joins or leaves, and those on the way to its place."""
        self.machine.work["list_lines"] += avcs * self.machine.lines("anon_vma_chain")

    def resize(self, vma: Vma) -> None:
        """A VMA has another interval: it leaves its trees and comes back (..._post_update_vma)."""
        trees = self.trees
        start, last = vma.vm_pgoff, vma.vm_pgoff + vma.pages - 1
        for avc in self.same_vma(vma):
            if (trees.start.cell[avc], trees.last.cell[avc]) != (start, last):
                trees.remove(self.anon_vma.cell[avc], avc)
                trees.insert(self.anon_vma.cell[avc], avc, start, last)

    def same_vma(self, vma: Vma) -> Iterator[int]:
        """The chain of a VMA, newest first."""
        avc = self.head.cell[vma.id]
        while avc:
            following = self.next.cell[avc]
            yield avc
            avc = following

    def anon_vmas(self, vma: Vma) -> list[AnonVma]:
        """The anon_vmas of a VMA's chain, newest first."""
        return [self.anon_vma_of(avc) for avc in self.same_vma(vma)]

    def is_singular(self, vma: Vma) -> bool:
        """Whether a VMA has just one AVC: it was never inherited (list_is_singular)."""
        return self.head.cell[vma.id] != 0 and self.head.cell[vma.id] == self.tail.cell[vma.id]

    def root_of(self, vma: Vma) -> AnonVma:
        """The anon_vma at the end of a VMA's chain: the root of its family."""
        return self.anon_vma_of(self.tail.cell[vma.id])

    def anon_vma_of(self, avc: int) -> AnonVma:
        """The anon_vma an AVC leads to."""
        anon_vma = self.machine.anon_vmas.get(self.anon_vma.cell[avc])
        assert anon_vma is not None
        return anon_vma

    def vma_of(self, avc: int) -> Vma:
        """The VMA an AVC leads to."""
        vma = self.machine.vmas.get(self.vma.cell[avc])
        assert vma is not None
        return vma

    def tree_empty(self, anon_vma: AnonVma) -> bool:
        """Whether no VMA is in its tree (RB_EMPTY_ROOT)."""
        return not self.trees.root.cell[anon_vma.id]

    def problems(self) -> Iterator[tuple[str, str]]:
        """Trees and chains that do not hold the same AVCs, counts that are wrong, chains out of order."""
        machine = self.machine
        of_vma = sorted(avc for vma in machine.vmas for avc in self.same_vma(vma))
        of_tree = sorted(avc for each in machine.anon_vmas for avc in self.trees.members(each.id))
        if of_vma != of_tree or len(of_vma) != len(self):
            text = f"{len(self)} AVCs: {len(of_vma)} are in chains, {len(of_tree)} in trees"
            yield "anon_vma_chain", text
        for anon_vma in machine.anon_vmas:
            for text in self.trees.problems(anon_vma.id):
                yield "interval_tree", f"{anon_vma!r}: {text}"
            if self.tree_empty(anon_vma):
                yield "anon_vma_empty", f"{anon_vma!r} has no VMA and was not freed"
        yield from self._counts()
        for vma in machine.vmas:
            yield from self._chain(vma)

    def _counts(self) -> Iterator[tuple[str, str]]:
        machine = self.machine
        counted = {
            "num_children": Counter(each.parent for each in machine.anon_vmas),
            "num_active_vmas": Counter(vma.anon_vma for vma in machine.vmas),
            # Its own, and one of each other member of its family.
            "refcount": Counter(
                [*machine.anon_vmas, *(each.root for each in machine.anon_vmas if each.root is not each)]
            ),
        }
        for name, counts in counted.items():
            for anon_vma in machine.anon_vmas:
                if getattr(anon_vma, name) != counts[anon_vma]:
                    text = f"{anon_vma!r}: {name} {getattr(anon_vma, name)}, {counts[anon_vma]} found"
                    yield name, text

    def _chain(self, vma: Vma) -> Iterator[tuple[str, str]]:
        chain = self.anon_vmas(vma)
        if (vma.anon_vma is None) != (not chain) or (chain and vma.anon_vma not in chain):
            yield "anon_vma_link", f"{vma!r} points at {vma.anon_vma!r}, which is not in its chain"
        for avc in self.same_vma(vma):
            start, last = self.trees.start.cell[avc], self.trees.last.cell[avc]
            if (start, last) != (vma.vm_pgoff, vma.vm_pgoff + vma.pages - 1):
                yield "interval_tree", f"{vma!r} is in a tree with another interval than it has"
        if chain and any(each.root is not chain[-1] for each in chain):
            yield "anon_vma_root", f"{vma!r}: not all of its chain are of one root"
        for other in vma.vm_mm.vmas:
            if other.anon_vma is vma.anon_vma is not None and self.anon_vmas(other) != chain:
                yield "anon_vma_chains", f"{vma!r} and {other!r} have one anon_vma and different chains"
