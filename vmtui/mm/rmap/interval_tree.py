"""The augmented interval trees of 3.7 (interval_tree_generic.h, mm/interval_tree.c, lib/rbtree.c).

Which intervals cover page p?  A red-black tree sorted by where an interval starts; each node also says how
far the intervals below it reach (``rb_subtree_last``), so that what ends before p is left out with all that
is below it, and what starts behind p ends the search.

Intervals that start alike stand in the order in which they came; fork puts a file's VMA directly after its
parent's instead.  A node is a number: of an AVC, or of a VMA; 0 is no node.  Its pointers are members of that
struct (``rb``, ``shared.rb``).  Here they are columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from vmtui.errors import KernelError
from vmtui.state.column import Column
from vmtui.state.history import History

#: Nodes that can be numbered, and trees.
MAX_NODES: Final = 1 << 24
MAX_TREES: Final = 1 << 22

_FIELDS: Final = ("root", "left", "right", "parent", "red", "start", "last", "subtree_last")


class IntervalTrees:
    """Many trees; no node stands in two.

    Args:
        history: The tape.
        nodes, trees: How far the numbers of nodes and trees are in use, exclusive.
    """

    __slots__ = _FIELDS

    def __init__(self, history: History, nodes: Callable[[], int], trees: Callable[[], int]) -> None:
        def column(dtype: type[np.unsignedinteger] = np.uint32) -> Column:
            return Column(history, MAX_NODES, dtype, lambda: [slice(0, nodes())])

        self.root = Column(history, MAX_TREES, np.uint32, lambda: [slice(0, trees())])
        self.left, self.right, self.parent = column(), column(), column()
        #: 1 for a red node; no node is black.
        self.red = column(np.uint8)
        #: The first and the last page of a node's interval, and the last of all below it.
        self.start, self.last, self.subtree_last = column(np.uint64), column(np.uint64), column(np.uint64)

    def columns(self) -> dict[str, Column]:
        """The columns by name."""
        return {name: getattr(self, name) for name in _FIELDS}

    # In and out.

    def insert(self, tree: int, node: int, start: int, last: int) -> int:
        """Enter a node behind all that start no later (interval_tree_insert).

        Returns:
            How many nodes stood on the way to its place.
        """
        self._begin(tree, node, start, last)
        above, side, passed = 0, self.left, 0
        at = self.root.cell[tree]
        while at:
            above = at
            passed += 1
            side = self.left if start < self.start.cell[at] else self.right
            at = side.cell[at]
        self._hang(tree, node, above, side)
        return passed

    def insert_after(self, tree: int, node: int, before: int, last: int) -> None:
        """Enter a node that starts where another does, directly after it (vma_interval_tree_insert_after)."""
        self._begin(tree, node, self.start.cell[before], last)
        above, side = before, self.right
        while side.cell[above]:
            above, side = side.cell[above], self.left
        self._hang(tree, node, above, side)

    def remove(self, tree: int, node: int) -> None:
        """Take a node out (interval_tree_remove, __rb_erase_augmented)."""
        left, right, above = self.left.cell[node], self.right.cell[node], self.parent.cell[node]
        if left and right:
            heir = self._leftmost(right)
            child, was_red = self.right.cell[heir], self.red.cell[heir]
            above = self._replace_by_heir(tree, node, heir)
            self.red[heir] = self.red.cell[node]
        else:
            child, was_red = left or right, self.red.cell[node]
            self._replace(tree, node, child)
        for column in (self.left, self.right, self.parent, self.red):
            column[node] = 0
        self._propagate(above)
        if not was_red:
            self._erase_color(tree, child, above)

    # Looking.

    def covering(self, tree: int, index: int) -> Iterator[tuple[int, int]]:
        """The nodes whose interval holds a page, by start (interval_tree_iter_first, _next).

        Yields:
            The node, and how many nodes were visited since the one before.
        """
        visited = 0
        path: list[int] = []
        node = self.root.cell[tree]
        while True:
            while node and self.subtree_last.cell[node] >= index:
                visited += 1
                path.append(node)
                node = self.left.cell[node]
            if not path:
                return
            node = path.pop()
            if self.start.cell[node] > index:
                return
            if self.last.cell[node] >= index:
                yield node, visited
                visited = 0
            node = self.right.cell[node]

    def cuts(self, tree: int) -> list[int]:
        """The pages at which an interval begins, or has just ended, ascending."""
        members = list(self.members(tree))
        begins = {self.start.cell[node] for node in members}
        return sorted(begins | {self.last.cell[node] + 1 for node in members})

    def members(self, tree: int) -> Iterator[int]:
        """All nodes of a tree, by start."""
        path: list[int] = []
        node = self.root.cell[tree]
        while path or node:
            while node:
                path.append(node)
                node = self.left.cell[node]
            node = path.pop()
            yield node
            node = self.right.cell[node]

    def problems(self, tree: int) -> Iterator[str]:
        """What is wrong with a tree: order, reach, colours."""
        members = list(self.members(tree))
        starts = [self.start.cell[node] for node in members]
        if starts != sorted(starts):
            yield "its nodes are out of order"
        for node in members:
            below = [child for child in (self.left.cell[node], self.right.cell[node]) if child]
            reach = max(self.last.cell[node], *(self.subtree_last.cell[child] for child in below), 0)
            if reach != self.subtree_last.cell[node]:
                yield f"node {node} reaches {reach} and says {self.subtree_last.cell[node]}"
            if any(self.parent.cell[child] != node for child in below):
                yield f"a child of node {node} has another parent"
            if self.red.cell[node] and any(self.red.cell[child] for child in below):
                yield f"node {node} is red below red"
        ends = [node for node in members if not (self.left.cell[node] and self.right.cell[node])]
        if len({self._blacks(node) for node in ends}) > 1:
            yield "its ways down have different lengths"

    def _blacks(self, node: int) -> int:
        blacks = 0
        while node:
            blacks += not self.red.cell[node]
            node = self.parent.cell[node]
        return blacks

    # The red-black tree.

    def _begin(self, tree: int, node: int, start: int, last: int) -> None:
        if node >= MAX_NODES or tree >= MAX_TREES:
            raise KernelError("EAGAIN", f"no more than {MAX_NODES:,} nodes of interval trees in one session")
        self.start[node] = start
        self.last[node] = self.subtree_last[node] = last

    def _hang(self, tree: int, node: int, above: int, side: Column) -> None:
        """Link a red leaf, and put the colours right (rb_link_node, rb_insert_augmented)."""
        self.parent[node] = above
        self.red[node] = 1
        if above:
            side[above] = node
            self._propagate(above)
        else:
            self.root[tree] = node
        while (above := self.parent.cell[node]) and self.red.cell[above]:
            grand = self.parent.cell[above]
            near, far = (self.left, self.right) if self.left.cell[grand] == above else (self.right, self.left)
            uncle = far.cell[grand]
            if self.red.cell[uncle]:
                self.red[above] = self.red[uncle] = 0
                self.red[grand] = 1
                node = grand
                continue
            if far.cell[above] == node:
                self._rotate(tree, above, near, far)
                node, above = above, node
            self.red[above] = 0
            self.red[grand] = 1
            self._rotate(tree, grand, far, near)
        self.red[self.root.cell[tree]] = 0

    def _erase_color(self, tree: int, node: int, above: int) -> None:
        """The ways through a place that lost a black node are one too short (____rb_erase_color)."""
        red = self.red
        while above and not red.cell[node]:
            near, far = (self.left, self.right) if self.left.cell[above] == node else (self.right, self.left)
            sibling = far.cell[above]
            if red.cell[sibling]:
                red[sibling] = 0
                red[above] = 1
                self._rotate(tree, above, near, far)
                sibling = far.cell[above]
            inner, outer = near.cell[sibling], far.cell[sibling]
            if not red.cell[inner] and not red.cell[outer]:
                red[sibling] = 1
                node, above = above, self.parent.cell[above]
                continue
            if not red.cell[outer]:
                red[inner] = 0
                red[sibling] = 1
                self._rotate(tree, sibling, far, near)
                sibling = far.cell[above]
                outer = far.cell[sibling]
            red[sibling] = red.cell[above]
            red[above] = red[outer] = 0
            self._rotate(tree, above, near, far)
            return
        if node:
            red[node] = 0

    def _rotate(self, tree: int, node: int, down: Column, up: Column) -> None:
        """The child on the side `up` takes the node's place, and the node goes down on the other."""
        child = up.cell[node]
        inner = down.cell[child]
        up[node] = inner
        if inner:
            self.parent[inner] = node
        self._replace(tree, node, child)
        down[child] = node
        self.parent[node] = child
        self._augment(node)
        self._augment(child)

    def _replace_by_heir(self, tree: int, node: int, heir: int) -> int:
        """The next node takes the place of one that has two children; the lowest node that changed."""
        above, child = self.parent.cell[heir], self.right.cell[heir]
        if above == node:
            above = heir
        else:
            self.left[above] = child
            if child:
                self.parent[child] = above
            self.right[heir] = self.right.cell[node]
            self.parent[self.right.cell[node]] = heir
        self.left[heir] = self.left.cell[node]
        self.parent[self.left.cell[node]] = heir
        self._replace(tree, node, heir)
        return above

    def _replace(self, tree: int, node: int, other: int) -> None:
        """What pointed down at a node points at another, or at none."""
        above = self.parent.cell[node]
        if not above:
            self.root[tree] = other
        elif self.left.cell[above] == node:
            self.left[above] = other
        else:
            self.right[above] = other
        if other:
            self.parent[other] = above

    def _leftmost(self, node: int) -> int:
        while self.left.cell[node]:
            node = self.left.cell[node]
        return node

    def _augment(self, node: int) -> None:
        """Compute how far the intervals below a node reach."""
        reach = self.subtree_last.cell
        most = max(self.last.cell[node], reach[self.left.cell[node]], reach[self.right.cell[node]])
        if most != reach[node]:
            self.subtree_last[node] = most

    def _propagate(self, node: int) -> None:
        """Compute it anew from a node up."""
        while node:
            self._augment(node)
            node = self.parent.cell[node]
