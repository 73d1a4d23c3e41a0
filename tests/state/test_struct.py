"""Structs: every assignment is on the tape, creation is not."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from vmtui.state.containers import ObjectTable
from vmtui.state.history import WIDTH, History
from vmtui.state.struct import STRUCTS, Struct, struct


class World:
    """What owns a tape."""

    def __init__(self) -> None:
        self.history = History()


@struct
class Point(Struct):
    """A struct with two fields, one of them with a default."""

    kind: ClassVar[str] = "point"

    x: int
    next: Any = None


@struct
class Named(Point):
    """A struct made from another."""

    kind: ClassVar[str] = "named"

    name: str = ""


def test_assignment_is_one_record() -> None:
    """Setting a field makes one record; undo and redo exchange its value."""
    world = World()
    point = Point(world, 1, 10)
    point.x = 20

    assert (WIDTH, 20) == (world.history.mark, point.x)
    world.history.seek(0)
    assert 10 == point.x
    world.history.seek(WIDTH)
    assert 20 == point.x


@pytest.mark.parametrize(("field", "value"), [("x", 5), ("next", None), ("name", "b"), ("id", 9)])
def test_fields_of_a_subclass_are_journaled(field: str, value: Any) -> None:
    """What is inherited is on the tape as what is added."""
    world = World()
    named = Named(world, 1, 10, next=3, name="a")
    old = getattr(named, field)
    setattr(named, field, value)

    assert WIDTH == world.history.mark
    world.history.seek(0)
    assert old == getattr(named, field)


def test_creation_makes_no_record() -> None:
    """A struct that is in no table is nowhere."""
    world = World()
    Point(world, 1, 10)

    assert 0 == world.history.mark


def test_redo_puts_the_same_object_back() -> None:
    """Undo takes a struct out of its table, redo enters the very object that was there."""
    world = World()
    table: ObjectTable[Point] = ObjectTable(world.history)
    point = table.add(Point(world, table.next_id, 10))
    point.x = 11
    end = world.history.mark
    world.history.seek(0)
    assert (None, 0, 1) == (table.get(1), len(table), table.next_id)
    world.history.seek(end)

    assert point is table.get(1)
    assert 11 == point.x


def test_structs_are_equal_only_to_themselves() -> None:
    """Identity is what counts, so that structs can be in sets whatever their fields say."""
    world = World()
    one, other = Point(world, 1, 10), Point(world, 1, 10)

    assert one != other
    assert 2 == len({one, other})


def test_structs_have_no_room_for_anything_else() -> None:
    """An attribute that is no field cannot be set behind the tape's back."""
    with pytest.raises(AttributeError):
        Point(World(), 1, 10).y = 1  # type: ignore[attr-defined]


def test_structs_are_named_by_kind_and_number() -> None:
    """A struct in a sentence is its kind and id, however its fields refer to one another."""
    world = World()
    point = Point(world, 7, 1)
    point.next = point

    assert "point@7" == repr(point)


def test_every_struct_is_registered() -> None:
    """The contract test sees every struct class there is."""
    assert {Point, Named} <= set(STRUCTS)
