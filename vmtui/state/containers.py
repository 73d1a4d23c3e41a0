"""Four journaled containers: objects by id, VMAs by address, an ordered set with holes, and a list.

Kernel list_heads are drawn by the view and not built here: a ticket and a hole do in one record what
two pointers in each neighbour would do in four.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from operator import attrgetter
from typing import Any, Final, Generic, Protocol, TypeVar

from vmtui.state.history import History
from vmtui.state.struct import Struct


class Ranged(Protocol):
    """A thing with a half-open address range."""

    vm_start: int
    vm_end: int


S = TypeVar("S", bound=Struct)
R = TypeVar("R", bound=Ranged)
T = TypeVar("T")


class _Absent:
    """What stands where there is no element at all (`None` is a hole)."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


class ObjectTable(Generic[S]):
    """All structs of one kind; the index is the id, and id 0 is nothing."""

    __slots__ = ("_live", "_slots", "history")

    def __init__(self, history: History) -> None:
        self.history = history
        self._slots: list[S | None] = [None]
        self._live = 0

    @property
    def next_id(self) -> int:
        """The id the next struct will have."""
        return len(self._slots)

    def add(self, obj: S) -> S:
        """Enter a new struct, whose id must be `next_id`."""
        if obj.id != len(self._slots):
            raise ValueError(f"{obj!r} is not number {len(self._slots)}")
        self.history.note(swap_object, self, obj.id, ABSENT)
        self._swap(obj.id, obj)
        return obj

    def free(self, obj: S) -> None:
        """Take a struct out; its id is not used again."""
        self.history.note(swap_object, self, obj.id, obj)
        self._swap(obj.id, None)

    def get(self, number: int) -> S | None:
        """The struct with this id, or None if it is gone or never was."""
        return self._slots[number] if 0 < number < len(self._slots) else None

    def __iter__(self) -> Iterator[S]:
        return (obj for obj in self._slots if obj is not None)

    def __len__(self) -> int:
        return self._live

    def _swap(self, number: int, value: Any) -> Any:
        slots = self._slots
        old: Any = slots[number] if number < len(slots) else ABSENT
        if value is ABSENT:
            slots.pop()
        elif number == len(slots):
            slots.append(value)
        else:
            slots[number] = value
        self._live += isinstance(value, Struct) - isinstance(old, Struct)
        return old


def swap_object(table: ObjectTable[Any], number: int, value: Any) -> Any:
    """Exchange one slot of an object table with `value`."""
    return table._swap(number, value)


class SortedVmas(Generic[R]):
    """Non-overlapping ranges sorted by address: mm->mmap and mm->mm_rb in one.

    A range may be moved in place (`vm_start`, `vm_end` assigned) as long as the order stays.
    """

    __slots__ = ("_items", "history")

    _start = attrgetter("vm_start")

    def __init__(self, history: History) -> None:
        self.history = history
        self._items: list[R] = []

    def insert(self, item: R) -> None:
        """Add a range."""
        index = bisect_left(self._items, item.vm_start, key=self._start)
        self.history.note(swap_splice, self._items, index, ABSENT)
        self._items.insert(index, item)

    def remove(self, item: R) -> None:
        """Take a range out."""
        index = self.index(item)
        self.history.note(swap_splice, self._items, index, item)
        del self._items[index]

    def index(self, item: R) -> int:
        """The position of `item`.

        Raises:
            ValueError: it is not here.
        """
        index = bisect_left(self._items, item.vm_start, key=self._start)
        if index == len(self._items) or self._items[index] is not item:
            raise ValueError(f"{item!r} is not in the list")
        return index

    def find(self, address: int) -> R | None:
        """The first range that ends after `address` (find_vma); it need not hold `address`."""
        index = bisect_right(self._items, address, key=self._start)
        if index and self._items[index - 1].vm_end > address:
            return self._items[index - 1]
        return self._items[index] if index < len(self._items) else None

    def at(self, address: int) -> R | None:
        """The range that holds `address`, or None."""
        item = self.find(address)
        return item if item is not None and item.vm_start <= address else None

    def holding(self, address: int) -> R:
        """The range that holds `address`.

        Raises:
            LookupError: there is none.
        """
        item = self.at(address)
        if item is None:
            raise LookupError(f"nothing holds {address:#x}")
        return item

    def before(self, address: int) -> R | None:
        """The last range that starts below `address` (the kernel's `prev`), or None."""
        index = bisect_left(self._items, address, key=self._start)
        return self._items[index - 1] if index else None

    def overlapping(self, start: int, end: int) -> list[R]:
        """The ranges that share a byte with [start, end): a copy, safe to edit under."""
        index = bisect_right(self._items, start, key=self._start)
        if index and self._items[index - 1].vm_end > start:
            index -= 1
        stop = bisect_left(self._items, end, key=self._start)
        return self._items[index:stop]

    def __iter__(self) -> Iterator[R]:
        return iter(self._items)

    def __getitem__(self, index: int) -> R:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)


def swap_splice(items: list[Any], index: int, value: Any) -> Any:
    """Insert `value` at `index`, or take out what is there if `value` is ABSENT."""
    if value is ABSENT:
        return items.pop(index)
    items.insert(index, value)
    return ABSENT


class OrderedSet(Generic[T]):
    """A set that remembers the order of insertion; removal leaves a hole.

    Args:
        history: The tape.
        newest_first: Iterate from the newest element to the oldest, as a list does whose elements
            are added at the head (list_add).
    """

    __slots__ = ("_slots", "_ticket", "history", "newest_first")

    def __init__(self, history: History, *, newest_first: bool = False) -> None:
        self.history = history
        self.newest_first = newest_first
        self._slots: list[T | None] = []
        self._ticket: dict[T, int] = {}

    def add(self, item: T) -> None:
        """Add an element that is not here yet."""
        if item in self._ticket:
            raise ValueError(f"{item!r} is on the list already")
        self.history.note(swap_ticket, self, len(self._slots), ABSENT)
        self._swap(len(self._slots), item)

    def remove(self, item: T) -> None:
        """Take an element out.

        Raises:
            KeyError: it is not here.
        """
        ticket = self._ticket[item]
        self.history.note(swap_ticket, self, ticket, item)
        self._swap(ticket, None)

    def replace(self, item: T, other: T) -> None:
        """Put another element, which is not here yet, in the place of one that leaves.

        Raises:
            KeyError: `item` is not here.
        """
        if other in self._ticket:
            raise ValueError(f"{other!r} is on the list already")
        ticket = self._ticket[item]
        self.history.note(swap_ticket, self, ticket, item)
        self._swap(ticket, other)

    def compact(self) -> None:
        """Close the holes, if they are most of the list.  Only between commands."""
        if len(self._slots) > 64 and len(self._slots) > 2 * len(self._ticket):
            live: list[T | None] = [item for item in self._slots if item is not None]
            self.history.note(swap_all, self, None, self._slots)
            self._swap_all(live)

    def __contains__(self, item: object) -> bool:
        return item in self._ticket

    def __iter__(self) -> Iterator[T]:
        slots = reversed(self._slots) if self.newest_first else iter(self._slots)
        if len(self._slots) == len(self._ticket):
            return slots  # type: ignore[return-value]
        return (item for item in slots if item is not None)

    def __len__(self) -> int:
        return len(self._ticket)

    @property
    def holes(self) -> int:
        """Slots without an element."""
        return len(self._slots) - len(self._ticket)

    def _swap(self, ticket: int, value: Any) -> Any:
        slots = self._slots
        old: Any = slots[ticket] if ticket < len(slots) else ABSENT
        if value is ABSENT:
            slots.pop()
        elif ticket == len(slots):
            slots.append(value)
        else:
            slots[ticket] = value
        if old is not ABSENT and old is not None:
            del self._ticket[old]
        if value is not ABSENT and value is not None:
            self._ticket[value] = ticket
        return old

    def _swap_all(self, slots: list[T | None]) -> list[T | None]:
        old, self._slots = self._slots, slots
        self._ticket = {item: index for index, item in enumerate(slots) if item is not None}
        return old


def swap_ticket(items: OrderedSet[Any], ticket: int, value: Any) -> Any:
    """Exchange one slot of an ordered set with `value`."""
    return items._swap(ticket, value)


def swap_all(items: OrderedSet[Any], _: None, value: Any) -> Any:
    """Exchange all slots of an ordered set with `value`."""
    return items._swap_all(value)


class ListHead(Generic[T]):
    """A list in which an element can be put before another: ``struct list_head``, one record a change.

    No element is in it twice.
    """

    __slots__ = ("_next", "_prev", "history")

    def __init__(self, history: History) -> None:
        self.history = history
        # None is the head: what comes before the first and after the last.
        self._next: dict[T | None, T | None] = {None: None}
        self._prev: dict[T | None, T | None] = {None: None}

    def add(self, item: T) -> None:
        """Put an element first (list_add)."""
        self.add_before(item, self._next[None])

    def add_tail(self, item: T) -> None:
        """Put an element last (list_add_tail)."""
        self.add_before(item, None)

    def add_before(self, item: T, other: T | None) -> None:
        """Put an element directly before another; None: last.

        Raises:
            ValueError: it is on the list already.
            KeyError: the other is not.
        """
        if item in self:
            raise ValueError(f"{item!r} is on the list already")
        if other not in self._next:
            raise KeyError(other)
        self.history.note(swap_link, self, item, ABSENT)
        self._swap(item, other)

    def add_after(self, item: T, other: T) -> None:
        """Put an element directly behind another."""
        self.add_before(item, self._next[other])

    def remove(self, item: T) -> None:
        """Take an element out (list_del).

        Raises:
            KeyError: it is not here.
        """
        self.history.note(swap_link, self, item, self._next[item])
        self._swap(item, ABSENT)

    def others(self, item: T) -> Iterator[T]:
        """All elements but `item`: from the one after it round the list to the one before it.

        Raises:
            KeyError: it is not here.
        """
        at = self._next[item]
        while at != item:
            if at is not None:
                yield at
            at = self._next[at]

    def __contains__(self, item: object) -> bool:
        return item is not None and item in self._next

    def __iter__(self) -> Iterator[T]:
        item = self._next[None]
        while item is not None:
            yield item
            item = self._next[item]

    def __len__(self) -> int:
        return len(self._next) - 1

    def _swap(self, item: T, successor: Any) -> Any:
        if successor is ABSENT:
            old, before = self._next.pop(item), self._prev.pop(item)
            self._next[before], self._prev[old] = old, before
            return old
        before = self._prev[successor]
        self._next[before] = self._prev[successor] = item
        self._next[item], self._prev[item] = successor, before
        return ABSENT


def swap_link(items: ListHead[Any], item: Any, successor: Any) -> Any:
    """Put `item` before `successor`, or take it out if that is ABSENT."""
    return items._swap(item, successor)
