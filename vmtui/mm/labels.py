"""Names of address ranges; ours, so that commands and screens can say ``heap[3]``."""

from __future__ import annotations

from typing import Any

import attrs

from vmtui.state.containers import OrderedSet
from vmtui.state.history import History

__all__ = ["Label", "Labels"]


@attrs.frozen(eq=False)
class Label:
    """A name for an address range of a process.

    It lives from mmap until the range is wholly unmapped, through splits and holes.  It does not change:
    another takes its place.
    """

    name: str
    start: int
    end: int


class Labels(OrderedSet[Label]):
    """The labels of a process, in the order in which they came."""

    __slots__ = ("_found",)

    def __init__(self, history: History) -> None:
        super().__init__(history)
        #: What was found last, if no other label has any of its addresses.
        self._found: Label | None = None

    def at(self, address: int) -> Label | None:
        """The name that covers an address; of several, as where a hole was mapped anew, the latest."""
        found = self._found
        if found is not None and found.start <= address < found.end:
            return found
        covering = [label for label in self if label.start <= address < label.end]
        if not covering:
            return None
        found = covering[-1]
        overlapping = [label for label in self if label.start < found.end and found.start < label.end]
        self._found = found if len(overlapping) == 1 else None
        return found

    def called(self, name: str) -> Label | None:
        """The range of this name, or None."""
        for label in self:
            if label.name == name:
                return label
        return None

    def _swap(self, ticket: int, value: Any) -> Any:
        self._found = None
        return super()._swap(ticket, value)

    def _swap_all(self, slots: list[Label | None]) -> list[Label | None]:
        self._found = None
        return super()._swap_all(slots)
