"""The radix priority search tree: its answers are those of a search through all, its work is little."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmtui.mm.rmap.prio_tree import PrioTrees
from vmtui.state.history import History

Interval = tuple[int, int]

#: VMAs a test numbers at most.
NODES = 1 << 15


class Forest:
    """Trees over intervals that stand in a dict, and the same again as plain sets."""

    def __init__(self) -> None:
        self.history = History()
        self.intervals: dict[int, Interval] = {}
        self.live: dict[int, set[int]] = {1: set(), 2: set()}
        self.trees = PrioTrees(self.history, self.intervals.__getitem__, lambda: NODES, lambda: 4)

    def insert(self, tree: int, interval: Interval) -> int:
        """A VMA of this interval; its number."""
        node = len(self.intervals) + 1
        self.intervals[node] = interval
        self.trees.insert(tree, node)
        self.live[tree].add(node)
        return node

    def add(self, tree: int, old: int) -> int:
        """A VMA that covers what another does, beside it, as fork makes it; its number."""
        node = len(self.intervals) + 1
        self.intervals[node] = self.intervals[old]
        self.trees.add(node, old)
        self.live[tree].add(node)
        return node

    def remove(self, tree: int, node: int) -> None:
        """Take a VMA out."""
        self.trees.remove(tree, node)
        self.live[tree].discard(node)

    def adjust(self, tree: int, node: int, interval: Interval) -> None:
        """Give a VMA another interval: out with the old one, in with the new."""
        self.trees.remove(tree, node)
        self.intervals[node] = interval
        self.trees.insert(tree, node)

    def covering(self, tree: int, page: int) -> list[int]:
        """What the tree answers."""
        return sorted(node for node, _ in self.trees.covering(tree, page))

    def brute_force(self, tree: int, page: int) -> list[int]:
        """What a search through all answers."""
        return sorted(node for node in self.live[tree] if self.covers(node, page))

    def covers(self, node: int, page: int) -> bool:
        """Whether a VMA covers a page."""
        first, last = self.intervals[node]
        return first <= page <= last

    def work(self, tree: int, page: int) -> tuple[int, int]:
        """VMAs visited by a query, and how many of them cover the page."""
        visited = sum(nodes for _, nodes in self.trees.covering(tree, page))
        passed = [here for _, here in self.trees.visit(tree, page)]
        trailing = passed[::-1].index(True) if True in passed else len(passed)
        return visited + trailing, len(self.covering(tree, page))

    def state(self) -> tuple[bytes, ...]:
        """Every pointer."""
        return tuple(column.all[:256].tobytes() for column in self.trees.columns().values())

    def assert_sound(self, tree: int) -> None:
        """Heap above, radix below: each node ends no later than its parent, and stands where its bits say."""
        trees, bits = self.trees, self.trees.bits.cell[tree]
        waiting: list[tuple[int, list[int]]] = [(trees.root.cell[tree], [])]
        while waiting:
            node, path = waiting.pop()
            if not node:
                continue
            first, last = self.intervals[node]
            length = last - first
            for depth, went_right in enumerate(path):
                number = first if depth < bits else length
                assert number >> (bits - 1 - depth % bits) & 1 == went_right
            for went_right, side in enumerate((trees.left, trees.right)):
                child = side.cell[node]
                if child:
                    assert trees.parent.cell[child] == node
                    below = self.intervals[child]
                    assert (below[1], -below[0]) < (last, -first)
                waiting.append((child, [*path, went_right]))


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    """An interval of a small file, or of a large one."""
    span = draw(st.sampled_from((4, 40, 1 << 20)))
    first = draw(st.integers(0, span - 1))
    return first, first + draw(st.integers(0, draw(st.sampled_from((1, 8, span)))))


@given(data=st.data())
@settings(deadline=None)
def test_equals_brute_force_and_undoes(data: st.DataObject) -> None:
    """Insert, add beside, remove, adjust, in two trees: answers, shape, and every state on the way back."""
    forest = Forest()
    marks = [(forest.history.mark, forest.state())]
    for _ in range(data.draw(st.integers(1, 60))):
        tree = data.draw(st.sampled_from((1, 2)))
        what = data.draw(st.sampled_from(("insert", "insert", "add", "same", "remove", "adjust")))
        if what == "insert" or not forest.live[tree]:
            forest.insert(tree, data.draw(intervals()))
        else:
            node = data.draw(st.sampled_from(sorted(forest.live[tree])))
            match what:
                case "add":
                    forest.add(tree, node)
                case "same":
                    forest.insert(tree, forest.intervals[node])
                case "remove":
                    forest.remove(tree, node)
                case _:
                    marks.clear()
                    forest.adjust(tree, node, data.draw(intervals()))
        marks.append((forest.history.mark, forest.state()))

        for number in (1, 2):
            forest.assert_sound(number)
            assert sorted(forest.trees.members(number)) == sorted(forest.live[number])
            ends = {page for node in forest.live[number] for page in forest.intervals[node]}
            for page in {0, 1, *ends, *(end + 1 for end in ends)}:
                assert forest.covering(number, page) == forest.brute_force(number, page)

    end = forest.state()
    for mark, state in reversed(marks):
        forest.history.seek(mark)
        assert forest.state() == state
    forest.history.seek(forest.history.end)
    assert forest.state() == end


def windows(n: int) -> list[Interval]:
    """One window after the other, as rmap-test and test-mmap3 map them."""
    return [(8 * number, 8 * number + 7) for number in range(n)]


def overlapping(n: int) -> list[Interval]:
    """Windows that begin anywhere and are of any length up to 64 pages."""
    return [(number * 7919 % (8 * n), number * 7919 % (8 * n) + number * 104729 % 64) for number in range(n)]


def nested(n: int) -> list[Interval]:
    """All begin at 0."""
    return [(0, number) for number in range(n)]


def sliding(n: int) -> list[Interval]:
    """Each begins and ends one page later."""
    return [(number, number + n) for number in range(n)]


@pytest.mark.parametrize("shape", [windows, overlapping, nested, sliding])
@pytest.mark.parametrize("n", [10, 1000, 16384])
def test_few_nodes_are_visited(shape: object, n: int) -> None:
    """A query among n VMAs with m answers visits at most 4 log2(n) + 2 m + 4 nodes."""
    forest = Forest()
    assert callable(shape)
    for interval in shape(n):
        forest.insert(1, interval)
    for page in {0, 1, n, *range(0, 9 * n, max(1, 9 * n // 200))}:
        visited, answers = forest.work(1, page)

        assert visited <= 4 * math.log2(n) + 2 * answers + 4


def test_no_order_of_making_is_worse() -> None:
    """The shape is the intervals', not the history's: backwards the tree visits the same nodes."""
    forests = [Forest(), Forest()]
    for forest, order in zip(forests, (windows(500), windows(500)[::-1]), strict=True):
        for interval in order:
            forest.insert(1, interval)
    visits = [
        [[forest.intervals[node] for node, _ in forest.trees.visit(1, page)] for page in range(0, 4000, 37)]
        for forest in forests
    ]
    assert visits[0] == visits[1]


def test_same_interval_is_one_node() -> None:
    """A thousand processes that map the same are one node of the tree and its vm_set, in order."""
    forest = Forest()
    nodes = [forest.insert(1, (0, 99)) for _ in range(1000)]

    assert [node for node, _ in forest.trees.visit(1, 50)] == [1]
    assert [node for node, _ in forest.trees.covering(1, 50)] == nodes
    assert {nodes for _, nodes in forest.trees.covering(1, 50)} == {1}


def test_head_of_the_set_inherits_the_place() -> None:
    """The tree node goes: the head of its vm_set stands in its place, and the next one is the head."""
    forest = Forest()
    nodes = [forest.insert(1, (4, 9)) for _ in range(4)]
    for gone, after in pairwise(nodes):
        forest.remove(1, gone)

        assert forest.trees.root.cell[1] == after
        assert list(forest.trees.vm_set(after)) == [node for node in nodes if node > after]
    forest.remove(1, nodes[-1])
    assert not forest.trees.root.cell[1]
    assert not any(forest.trees.columns()["parent"].all[:10])


def test_tree_grows_for_a_later_page() -> None:
    """A VMA that ends far behind all others goes on top, and all that was there is below on its left."""
    forest = Forest()
    for number in range(5):
        forest.insert(1, (number, number + 1))
    far = forest.insert(1, (3, 1 << 19))

    assert forest.trees.root.cell[1] == far
    assert not forest.trees.right.cell[far]
    forest.assert_sound(1)
