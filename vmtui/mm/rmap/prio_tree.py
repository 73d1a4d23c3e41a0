"""The radix priority search tree of 2.6.7, in which a file's VMAs stand (mm/prio_tree.c).

Which VMAs cover page p of a file?  A VMA is an interval of file pages: it begins at its *radix index*,
vm_pgoff, and ends at its *heap index*, the last page it covers.  The tree is a heap by the end of the
interval, so that whoever ends before p can be left with all that is below it; and a radix tree by its
beginning, one bit a level, so that whoever begins behind p can be left too.  When the bits of the
beginning are used up, the bits of the length follow.  A query takes O(log n + m) for m answers.

VMAs with the same interval are one node: the others hang on it in a list, the vm_set.

A node is a VMA, by number, and its pointers are the members of vm_area_struct's union ``shared``: left,
right and parent in the tree; head, next and prev of the vm_set.  0 is no VMA.  Here they are columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

import numpy as np

from vmtui.errors import KernelError
from vmtui.state.column import Column
from vmtui.state.history import History

#: VMAs that can be numbered, and trees.
MAX_NODES: Final = 1 << 24
MAX_TREES: Final = 1 << 20


class PrioTrees:
    """All the trees of a machine; no VMA stands in two.

    Args:
        history: The tape.
        interval: (radix index, heap index) of a VMA, by number.
        nodes, trees: How far the numbers of VMAs and trees are in use, exclusive.
    """

    __slots__ = ("bits", "head", "interval", "left", "next", "parent", "prev", "right", "root")

    def __init__(
        self,
        history: History,
        interval: Callable[[int], tuple[int, int]],
        nodes: Callable[[], int],
        trees: Callable[[], int],
    ) -> None:
        def node_column() -> Column:
            return Column(history, MAX_NODES, np.uint32, lambda: [slice(0, nodes())])

        def tree_column() -> Column:
            return Column(history, MAX_TREES, np.uint32, lambda: [slice(0, trees())])

        self.interval = interval
        #: The top node of each tree, and how many bits the greatest heap index took so far.
        self.root, self.bits = tree_column(), tree_column()
        #: Members of the tree.  The root is its own parent; who is in no tree, or on a vm_set, has none.
        self.left, self.right, self.parent = node_column(), node_column(), node_column()
        #: Of a tree node the head of its vm_set, and of that head the tree node.
        self.head = node_column()
        #: The ring of the vm_set.
        self.next, self.prev = node_column(), node_column()

    def columns(self) -> dict[str, Column]:
        """The columns by name."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "interval"}

    # In and out of a tree, vm_sets and all.

    def insert(self, tree: int, node: int) -> None:
        """Enter a VMA into a tree (vma_prio_tree_insert)."""
        if node >= MAX_NODES or tree >= MAX_TREES:
            text = f"no more than {MAX_NODES:,} VMAs and {MAX_TREES:,} files in one session"
            raise KernelError("EAGAIN", text)
        old = self._insert(tree, node)
        if old != node:
            self.add(node, old)

    def add(self, node: int, old: int) -> None:
        """Enter a VMA that covers what another covers: a child of fork, for one (vma_prio_tree_add).

        Behind a member of a vm_set it is put directly after it, behind a tree node at the end of its set.
        """
        if not self.parent.cell[old]:
            self._link(node, old, self.next.cell[old])
        elif self.head.cell[old]:
            head = self.head.cell[old]
            self._link(node, self.prev.cell[head], head)
        else:
            self.next[node] = self.prev[node] = node
            self.head[node] = old
            self.head[old] = node

    def remove(self, tree: int, node: int) -> None:
        """Take a VMA out; the head of its vm_set takes its place in the tree (vma_prio_tree_remove)."""
        head = self.head.cell[node]
        if self.parent.cell[node] and not head:
            self._remove(tree, node)
            return
        if self.parent.cell[node]:
            heir = self._unlink(head)
            self._replace(tree, node, head)
            self._set_head(head, heir)
        else:
            heir = self._unlink(node)
            if head:
                self._set_head(head, heir)
        self.head[node] = 0

    def covering(self, tree: int, index: int, last: int | None = None) -> Iterator[tuple[int, int]]:
        """The VMAs that cover a page of the file, or any up to the last one (vma_prio_tree_next).

        Yields:
            The VMA's number, and how many nodes were visited since the one before.
        """
        visited = 0
        for node, here in self.visit(tree, index, last):
            visited += 1
            if not here:
                continue
            yield node, visited
            visited = 0
            for member in self.vm_set(node):
                yield member, 1

    def visit(self, tree: int, index: int, last: int | None = None) -> Iterator[tuple[int, bool]]:
        """The nodes a query passes, top down, left before right (prio_tree_first, prio_tree_next).

        Yields:
            The node, and whether it covers any of the pages.
        """
        last = index if last is None else last
        root = self.root.cell[tree]
        if not root or self.interval(root)[1] < index:
            return
        top = 1 << (self.bits.cell[tree] - 1)
        # What is still to be visited: node, the bit that decides below it, the least radix index there.
        waiting = [(root, top, 0)]
        while waiting:
            node, bit, least = waiting.pop()
            yield node, self.interval(node)[0] <= last
            # Below the last bit of the radix index it is the length that decides, and tells no beginning.
            beyond = least + bit
            left, right = self.left.cell[node], self.right.cell[node]
            if right and beyond <= last and self.interval(right)[1] >= index:
                waiting.append((right, bit >> 1, beyond))
            if left and self.interval(left)[1] >= index:
                waiting.append((left, bit >> 1, least))

    def cuts(self, tree: int) -> list[int]:
        """The pages from which on a query goes another way than before them, ascending.

        Where an interval begins or has just ended, and where the radix index that decides below a node does.
        """
        root = self.root.cell[tree]
        waiting = [(root, 1 << (self.bits.cell[tree] - 1), 0)] if root else []
        found = set()
        while waiting:
            node, bit, least = waiting.pop()
            begin, end = self.interval(node)
            found |= {begin, end + 1, least + bit}
            left, right = self.left.cell[node], self.right.cell[node]
            waiting += [(left, bit >> 1, least)] if left else []
            waiting += [(right, bit >> 1, least + bit)] if right else []
        return sorted(found)

    def vm_set(self, node: int) -> Iterator[int]:
        """The other VMAs of the same interval as a tree node."""
        head = member = self.head.cell[node]
        while member:
            yield member
            member = self.next.cell[member]
            if member == head:
                return

    def members(self, tree: int) -> Iterator[int]:
        """All VMAs of a tree."""
        waiting = [self.root.cell[tree]]
        while waiting:
            node = waiting.pop()
            if node:
                yield node
                yield from self.vm_set(node)
                waiting += [self.right.cell[node], self.left.cell[node]]

    # The tree.

    def _insert(self, tree: int, node: int) -> int:
        """Enter a node, unless there is one of its interval; which node has it now (prio_tree_insert)."""
        radix, heap = self.interval(node)
        new = node
        bits, at = self.bits.cell[tree], self.root.cell[tree]
        if not at or heap >= 1 << bits:
            self._expand(tree, node, heap)
            return node

        bit, by_length = 1 << (bits - 1), False
        while True:
            here = self.interval(at)
            if here == (radix, heap):
                return at
            # Who ends later stands higher; the one that had the place goes on downwards.
            if here[1] < heap or (here[1] == heap and here[0] > radix):
                self._replace(tree, at, node)
                at, node = node, at
                radix, heap = here
            goes_right = bool((heap - radix if by_length else radix) & bit)
            side = self.right if goes_right else self.left
            if not side.cell[at]:
                side[at] = node
                self.parent[node] = at
                return new
            at = side.cell[at]
            bit >>= 1
            if not bit:
                bit, by_length = 1 << (bits - 1), True

    def _expand(self, tree: int, node: int, heap: int) -> None:
        """Put a node on top that ends later than the tree has bits for (prio_tree_expand).

        With each bit more, all that stood in the tree has that bit clear and belongs on the left.  The
        levels between are filled with the tops of the old tree, which are the greatest of it.
        """
        bits = max(self.bits.cell[tree], 1)
        chain = [node]
        if heap >= 1 << bits:
            bits += 1
        while heap >= 1 << bits:
            bits += 1
            top = self.root.cell[tree]
            if top:
                self._remove(tree, top)
                chain.append(top)
        rest = self.root.cell[tree]
        if rest:
            chain.append(rest)
        self.bits[tree] = bits
        self.root[tree] = self.parent[node] = node
        for above, below in pairwise(chain):
            self.left[above] = below
            self.parent[below] = above

    def _remove(self, tree: int, node: int) -> None:
        """Take a node out: those below that end latest move up, one level each (prio_tree_remove)."""
        at = node
        while self.left.cell[at] or self.right.cell[at]:
            left, right = self.left.cell[at], self.right.cell[at]
            if left and right:
                at = left if self.interval(left)[1] >= self.interval(right)[1] else right
            else:
                at = left or right

        above = self.parent.cell[at]
        if above == at:
            self.root[tree] = 0
            self.bits[tree] = 1
            self.parent[at] = 0
            return
        side = self.right if self.right.cell[above] == at else self.left
        side[above] = 0
        self.parent[at] = 0
        while at != node:
            at, above = self._replace(tree, above, at)

    def _replace(self, tree: int, old: int, node: int) -> tuple[int, int]:
        """Put a node in the place of another, which is left without pointers (prio_tree_replace).

        Returns:
            The old node, and what was above it.
        """
        above = self.parent.cell[old]
        if above == old:
            self.root[tree] = node
            self.parent[node] = node
        else:
            side = self.left if self.left.cell[above] == old else self.right
            side[above] = node
            self.parent[node] = above
        for side in (self.left, self.right):
            child = side.cell[old]
            side[node] = child
            side[old] = 0
            if child:
                self.parent[child] = node
        self.parent[old] = 0
        return old, above

    # The vm_set.

    def _set_head(self, node: int, head: int) -> None:
        """Make `head` the head of a tree node's vm_set; 0: it has none."""
        self.head[node] = head
        if head:
            self.head[head] = node

    def _link(self, node: int, before: int, after: int) -> None:
        """Put a VMA between two of a ring (__list_add)."""
        self.next[node], self.prev[node] = after, before
        self.next[before] = self.prev[after] = node

    def _unlink(self, node: int) -> int:
        """Take a VMA out of its ring; the one that was after it, 0 if it was alone (list_del_init)."""
        before, after = self.prev.cell[node], self.next.cell[node]
        self.next[before], self.prev[after] = after, before
        self.next[node] = self.prev[node] = 0
        return after if after != node else 0
