"""The augmented interval tree: its answers are those of a search through all, in order, for little work."""

from __future__ import annotations

import math
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmtui.errors import KernelError
from vmtui.mm.rmap.interval_tree import MAX_NODES, IntervalTrees
from vmtui.state.history import History

#: A node: number, first page, last page.
Node = tuple[int, int, int]
NODES: Final = 1 << 14


class Grove:
    """A tree, and the same nodes in a plain list in the order in which they belong."""

    def __init__(self) -> None:
        self.history = History()
        self.trees = IntervalTrees(self.history, lambda: NODES, lambda: 4)
        self.nodes: list[Node] = []
        self.next = 1

    def insert(self, start: int, last: int) -> int:
        """Enter an interval; its node."""
        self.trees.insert(1, self.next, start, last)
        place = sum(node[1] <= start for node in self.nodes)
        return self._note(place, start, last)

    def insert_after(self, place: int, last: int) -> int:
        """Enter an interval directly after the one in a place; its node."""
        before, start, _ = self.nodes[place]
        self.trees.insert_after(1, self.next, before, last)
        return self._note(place + 1, start, last)

    def _note(self, place: int, start: int, last: int) -> int:
        self.nodes.insert(place, (self.next, start, last))
        self.next += 1
        return self.next - 1

    def remove(self, place: int) -> None:
        """Take the node in a place out."""
        self.trees.remove(1, self.nodes.pop(place)[0])

    def covering(self, page: int) -> list[int]:
        """What the tree answers."""
        return [node for node, _ in self.trees.covering(1, page)]

    def visited(self, page: int) -> int:
        """Nodes visited up to the last answer."""
        return sum(nodes for _, nodes in self.trees.covering(1, page))

    def state(self) -> tuple[bytes, ...]:
        """Every pointer."""
        return tuple(column.all[:256].tobytes() for column in self.trees.columns().values())


@given(data=st.data())
def test_answers_are_those_of_a_search(data: st.DataObject) -> None:
    """After any inserts and removals the tree is sound, in order, and answers as a search through all."""
    grove = Grove()
    numbers = st.integers(0, 20)
    for _ in range(data.draw(st.integers(1, 40))):
        kind = data.draw(st.integers(0, 3))
        start, length = data.draw(numbers), data.draw(numbers)
        if kind == 0 and grove.nodes:
            grove.remove(start % len(grove.nodes))
        elif kind == 1 and grove.nodes:
            place = start % len(grove.nodes)
            grove.insert_after(place, grove.nodes[place][1] + length)
        else:
            grove.insert(start, start + length)
        assert [] == list(grove.trees.problems(1))
        assert [node[0] for node in grove.nodes] == list(grove.trees.members(1))
    for page in range(42):
        expected = [node for node, start, last in grove.nodes if start <= page <= last]
        assert expected == grove.covering(page)


def test_ties_stand_in_the_order_of_insertion() -> None:
    """Who starts alike stands as it came: the oldest first."""
    grove = Grove()
    for _ in range(20):
        grove.insert(5, 9)

    assert list(range(1, 21)) == grove.covering(7)


def test_fork_puts_a_child_directly_after_its_parent() -> None:
    """Parent, newest child, ..., oldest child; then whoever came before the children."""
    grove = Grove()
    parent, other = grove.insert(5, 9), grove.insert(5, 9)
    children = [grove.insert_after(0, 9) for _ in range(10)]

    assert [parent, *reversed(children), other] == grove.covering(5)


@pytest.mark.parametrize("n", [1, 10, 100, 1000, 10_000])
@pytest.mark.parametrize("shape", ["family", "windows", "steps"])
def test_a_query_visits_few_nodes(shape: str, n: int) -> None:
    """A family, windows side by side, windows that overlap: 4 log2(n) + 2 m + 4 nodes for m answers."""
    grove = Grove()
    for number in range(n):
        start = {"family": 0, "windows": 8 * number, "steps": number}[shape]
        last = start + (20 if shape == "steps" else 7)
        grove.trees.insert(1, number + 1, start, last)
    for page in (0, 3, 4 * n, 8 * n - 1):
        found = len(grove.covering(page))
        assert grove.visited(page) <= 4 * math.log2(n) + 2 * found + 4


def test_undo_takes_it_all_back() -> None:
    """Back to any mark of the tape every pointer is as it was."""
    grove = Grove()
    marks = []
    for number in range(30):
        grove.insert(number * 7 % 13, number * 7 % 13 + number % 5)
        if number % 3 == 2:
            grove.remove(number % len(grove.nodes))
        marks.append((grove.history.mark, grove.state()))
    for mark, state in reversed(marks):
        grove.history.seek(mark)
        assert state == grove.state()


def test_numbers_end() -> None:
    """A node whose number has no column cell is refused."""
    with pytest.raises(KernelError, match="interval trees"):
        Grove().trees.insert(1, MAX_NODES, 0, 1)
