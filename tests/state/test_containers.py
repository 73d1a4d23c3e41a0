"""Containers: each agrees with a plain one of Python, forward and back."""

from __future__ import annotations

import random
from typing import Any, ClassVar

import pytest

from vmtui.state.containers import ListHead, ObjectTable, OrderedSet, SortedVmas
from vmtui.state.history import WIDTH, History
from vmtui.state.struct import Struct, struct


class World:
    """What owns a tape."""

    def __init__(self) -> None:
        self.history = History()


@struct
class Thing(Struct):
    """A numbered thing."""

    kind: ClassVar[str] = "thing"


class Range:
    """A range; it sits still, so it needs no tape."""

    def __init__(self, start: int, end: int) -> None:
        self.vm_start, self.vm_end = start, end

    def __repr__(self) -> str:
        return f"{self.vm_start}-{self.vm_end}"


class TestObjectTable:
    """Structs by id."""

    def test_ids_are_never_used_again(self) -> None:
        """A freed struct leaves its number empty; the next one gets a new number."""
        world = World()
        table: ObjectTable[Thing] = ObjectTable(world.history)
        first, second = (table.add(Thing(world, table.next_id)) for _ in range(2))
        table.free(second)
        third = table.add(Thing(world, table.next_id))

        assert (1, 2, 3) == (first.id, second.id, third.id)
        assert (first, None, third) == tuple(table.get(number) for number in (1, 2, 3))
        assert [first, third] == list(table)
        assert 2 == len(table)

    @pytest.mark.parametrize("number", [0, -1, 2, 1 << 40])
    def test_no_other_number_is_anything(self, number: int) -> None:
        """0, negatives and numbers not yet given are nothing, though Python would count from the end."""
        world = World()
        table: ObjectTable[Thing] = ObjectTable(world.history)
        table.add(Thing(world, 1))

        assert table.get(number) is None

    def test_number_must_be_the_next(self) -> None:
        """A struct numbered out of turn is refused and leaves no record."""
        world = World()
        table: ObjectTable[Thing] = ObjectTable(world.history)

        with pytest.raises(ValueError, match="thing@2 is not number 1"):
            table.add(Thing(world, 2))
        assert (0, 0) == (world.history.mark, len(table))

    def test_undone_with_the_tape(self) -> None:
        """Numbers given after a place are given again when one goes back there and on in another way."""
        world = World()
        table: ObjectTable[Thing] = ObjectTable(world.history)
        kept = table.add(Thing(world, 1))
        mark = world.history.mark
        table.add(Thing(world, 2))
        table.free(kept)
        world.history.seek(mark)

        assert (2, [kept], 1) == (table.next_id, list(table), len(table))


class TestSortedVmas:
    """Ranges by address."""

    @pytest.fixture
    def ranges(self) -> SortedVmas[Range]:
        """10-20, 20-30, 50-60."""
        made: SortedVmas[Range] = SortedVmas(History())
        for start, end in ((50, 60), (10, 20), (20, 30)):
            made.insert(Range(start, end))
        return made

    def test_sorted_by_address(self, ranges: SortedVmas[Range]) -> None:
        """The order is that of the addresses, not that of insertion."""
        assert ["10-20", "20-30", "50-60"] == [repr(each) for each in ranges]
        assert "50-60" == repr(ranges[2])

    @pytest.mark.parametrize(
        ("address", "find", "at"),
        [
            (0, "10-20", None),
            (10, "10-20", "10-20"),
            (19, "10-20", "10-20"),
            (20, "20-30", "20-30"),
            (30, "50-60", None),
            (59, "50-60", "50-60"),
            (60, None, None),
        ],
    )
    def test_find_gives_the_first_that_ends_after(
        self, ranges: SortedVmas[Range], address: int, find: str | None, at: str | None
    ) -> None:
        """find_vma may give a range above the address; `at` only one that holds it."""
        for found, expected in ((ranges.find(address), find), (ranges.at(address), at)):
            assert expected == (None if found is None else repr(found))

    def test_holding_refuses_a_hole(self, ranges: SortedVmas[Range]) -> None:
        """Where a range must be and none is, that is an error."""
        assert "50-60" == repr(ranges.holding(55))
        with pytest.raises(LookupError, match="nothing holds 0x1e"):
            ranges.holding(30)

    @pytest.mark.parametrize(("address", "before"), [(10, None), (11, "10-20"), (20, "10-20"), (99, "50-60")])
    def test_before(self, ranges: SortedVmas[Range], address: int, before: str | None) -> None:
        """The last range that starts below an address."""
        found = ranges.before(address)
        assert before == (None if found is None else repr(found))

    @pytest.mark.parametrize(
        ("start", "end", "found"),
        [(0, 10, ""), (19, 20, "10-20"), (19, 21, "10-20 20-30"), (30, 50, ""), (0, 99, "10-20 20-30 50-60")],
    )
    def test_overlapping(self, ranges: SortedVmas[Range], start: int, end: int, found: str) -> None:
        """Ranges that only touch do not overlap."""
        assert found == " ".join(map(repr, ranges.overlapping(start, end)))

    def test_overlapping_is_a_copy(self, ranges: SortedVmas[Range]) -> None:
        """What was found may be taken out while it is gone through."""
        for each in ranges.overlapping(0, 100):
            ranges.remove(each)

        assert 0 == len(ranges)

    def test_remove_refuses_a_stranger(self, ranges: SortedVmas[Range]) -> None:
        """A range with the same addresses is not the one that is here."""
        with pytest.raises(ValueError, match="is not in the list"):
            ranges.remove(Range(10, 20))
        assert 3 == len(ranges)

    def test_any_place_can_be_visited(self) -> None:
        """Insertions and removals at random are one record each, undone and redone exactly."""
        rng = random.Random(3)
        history = History()
        ranges: SortedVmas[Range] = SortedVmas(history)
        states = {0: ""}
        for _ in range(200):
            if len(ranges) and rng.random() < 0.4:
                ranges.remove(ranges[rng.randrange(len(ranges))])
            else:
                start = rng.randrange(1000)
                if ranges.at(start) is None:
                    ranges.insert(Range(start, start + 1))
            states[history.mark] = " ".join(map(repr, ranges))
        for mark in rng.choices(list(states), k=300):
            history.seek(mark)
            assert states[mark] == " ".join(map(repr, ranges))
        assert history.end <= 200 * WIDTH


class TestOrderedSet:
    """A set in order of insertion, or the other way round."""

    @pytest.mark.parametrize(("newest_first", "order"), [(False, "abd"), (True, "dba")])
    def test_order(self, newest_first: bool, order: str) -> None:
        """Elements come in the order of insertion, or newest first as after list_add at the head."""
        items: OrderedSet[str] = OrderedSet(History(), newest_first=newest_first)
        for item in "abcd":
            items.add(item)
        items.remove("c")

        assert list(order) == list(items)
        assert (3, 1, True, False) == (len(items), items.holes, "a" in items, "c" in items)

    def test_twice_is_refused(self) -> None:
        """An element that is here cannot be added, one that is not cannot be removed."""
        history = History()
        items: OrderedSet[str] = OrderedSet(history)
        items.add("a")

        with pytest.raises(ValueError, match="'a' is on the list already"):
            items.add("a")
        with pytest.raises(KeyError):
            items.remove("b")
        assert (["a"], WIDTH) == (list(items), history.mark)

    def test_added_again_goes_to_the_end(self) -> None:
        """An element taken out and put back is the newest."""
        items: OrderedSet[str] = OrderedSet(History())
        for item in "abc":
            items.add(item)
        items.remove("a")
        items.add("a")

        assert ["b", "c", "a"] == list(items)

    def test_removal_while_it_is_gone_through(self) -> None:
        """A walk that takes each element out sees each once."""
        items: OrderedSet[int] = OrderedSet(History(), newest_first=True)
        for item in range(5):
            items.add(item)
        seen = []
        for item in items:
            items.remove(item)
            seen.append(item)

        assert [4, 3, 2, 1, 0] == seen
        assert 0 == len(items)

    @pytest.mark.parametrize("newest_first", [False, True])
    def test_any_place_can_be_visited(self, newest_first: bool) -> None:
        """Additions, removals and closing of holes at random, undone and redone exactly."""
        rng = random.Random(4)
        history = History()
        items: OrderedSet[int] = OrderedSet(history, newest_first=newest_first)
        model: list[int] = []
        states: dict[int, Any] = {0: ([], 0)}
        for number in range(1, 600):
            if model and rng.random() < 0.49:
                item = rng.choice(model)
                items.remove(item)
                model.remove(item)
            else:
                items.add(number)
                model.append(number)
            if number % 50 == 0:
                items.compact()
            assert (model[::-1] if newest_first else model) == list(items)
            states[history.mark] = (list(items), items.holes)
        for mark in rng.choices(list(states), k=300):
            history.seek(mark)
            assert states[mark] == (list(items), items.holes)

    def test_compact_closes_holes_that_are_most_of_the_list(self) -> None:
        """Holes are closed when there are many, as one record, and only then."""
        history = History()
        items: OrderedSet[int] = OrderedSet(history)
        for number in range(100):
            items.add(number)
        for number in range(50):
            items.remove(number)
        mark = history.mark
        items.compact()
        assert (mark, 50) == (history.mark, items.holes)

        items.remove(50)
        mark = history.mark
        items.compact()

        assert (mark + WIDTH, 0, list(range(51, 100))) == (history.mark, items.holes, list(items))

    def test_another_takes_the_place(self) -> None:
        """`replace` keeps the order, and goes back and forth with the tape."""
        world = World()
        items: OrderedSet[str] = OrderedSet(world.history)
        for item in "abc":
            items.add(item)
        before = world.history.mark
        items.replace("b", "x")

        assert ["a", "x", "c"] == list(items)
        assert "b" not in items
        world.history.seek(before)
        assert ["a", "b", "c"] == list(items)
        world.history.seek(world.history.end)
        assert ["a", "x", "c"] == list(items)
        with pytest.raises(ValueError, match="already"):
            items.replace("a", "c")


class TestListHead:
    """A list in which an element can stand before another."""

    def test_others_go_round(self) -> None:
        """From the element after one, round the end, to the one before it."""
        items: ListHead[str] = ListHead(World().history)
        for item in "abcd":
            items.add_tail(item)

        assert ["c", "d", "a"] == list(items.others("b"))
        assert ["b", "c", "d"] == list(items.others("a"))
        assert ["a", "b", "c"] == list(items.others("d"))
        with pytest.raises(KeyError):
            list(items.others("x"))
