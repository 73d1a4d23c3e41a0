"""The tape: every change of state, in order, each undone and redone by the same motion.

A record is four cells of a flat list: ``swap, a, b, value``.  Calling ``swap(a, b, value)`` puts
`value` in its place and returns what stood there, which is then written back into the record.
Going back over a record and going forward over it again are therefore one operation, and the tape
needs no separate redo list.

A *mark* is a position on the tape, counted from the first record ever made.  Old records may be
dropped (`History.drop`); marks keep their meaning, and a mark older than what is kept is refused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from vmtui.errors import VmtuiError

Swap = Callable[[Any, Any, Any], Any]

#: List cells a record takes.
WIDTH = 4

#: What a record costs, in bytes: four list cells and, usually, one boxed number.
RECORD_BYTES = 64


class TooOldError(VmtuiError):
    """A mark was visited whose records have been dropped from the tape."""


class History:
    """The tape of one machine, with a cursor."""

    __slots__ = ("_bulk", "_bulk_bytes", "ahead", "base", "tape")

    def __init__(self) -> None:
        #: The records, oldest first.  The list is one and the same for good: columns write to it directly.
        self.tape: list[Any] = []
        #: (mark, bytes) of the records that hold arrays, in order.
        self._bulk: deque[tuple[int, int]] = deque()
        self._bulk_bytes = 0
        #: Mark of the oldest record kept.
        self.base = 0
        #: List cells ahead of the cursor: what was undone and can be redone.
        self.ahead = 0

    def note(self, swap: Swap, a: Any, b: Any, old: Any) -> None:
        """Record that `old` stood at (a, b); anything ahead of the cursor is given up."""
        if self.ahead:
            self.cut()
        self.tape += (swap, a, b, old)

    def note_bulk(self, swap: Swap, a: Any, b: Any, old: Any, nbytes: int) -> None:
        """`note` for a record that holds arrays of `nbytes` bytes."""
        self.note(swap, a, b, old)
        if nbytes:
            self._bulk.append((self.end - WIDTH, nbytes))
            self._bulk_bytes += nbytes

    @property
    def mark(self) -> int:
        """The present position; `seek` returns to it."""
        return self.base + len(self.tape) - self.ahead

    @property
    def end(self) -> int:
        """The mark after the last record."""
        return self.base + len(self.tape)

    @property
    def nbytes(self) -> int:
        """Bytes held by the records, estimated."""
        return len(self.tape) // WIDTH * RECORD_BYTES + self._bulk_bytes

    def cut(self) -> None:
        """Give up the records ahead of the cursor."""
        del self.tape[len(self.tape) - self.ahead :]
        self.ahead = 0
        while self._bulk and self._bulk[-1][0] >= self.end:
            self._bulk_bytes -= self._bulk.pop()[1]

    def drop(self, mark: int) -> None:
        """Forget the records older than `mark`; those positions can no longer be visited.

        Raises:
            ValueError: `mark` is ahead of the cursor.
        """
        if mark > self.mark:
            raise ValueError(f"mark {mark} is ahead of the cursor at {self.mark}")
        if mark > self.base:
            del self.tape[: mark - self.base]
            while self._bulk and self._bulk[0][0] < mark:
                self._bulk_bytes -= self._bulk.popleft()[1]
            self.base = mark

    def seek(self, mark: int) -> None:
        """Move the state to what it was at `mark`, back or forward.

        Raises:
            TooOldError: the records down to `mark` have been dropped.
            ValueError: `mark` is beyond the end of the tape.
        """
        if mark < self.base:
            raise TooOldError(f"mark {mark} is older than the tape, which starts at {self.base}")
        if mark > self.end:
            raise ValueError(f"mark {mark} is beyond the end of the tape, {self.end}")
        tape = self.tape
        at, goal = self.mark - self.base, mark - self.base
        while at > goal:
            at -= WIDTH
            tape[at + 3] = tape[at](tape[at + 1], tape[at + 2], tape[at + 3])
        while at < goal:
            tape[at + 3] = tape[at](tape[at + 1], tape[at + 2], tape[at + 3])
            at += WIDTH
        self.ahead = self.end - mark
