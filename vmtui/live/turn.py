"""One run at a time on a machine: what one changes, another would trip over."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

try:
    import fcntl
except ImportError:  # Windows has none, and nothing to lock either
    fcntl = None  # type: ignore[assignment]

__all__ = ["Tell", "take_turn"]

PLACE: Final = "/proc/swaps"
"""What is locked: a file that every run sees and none has to make."""

Tell = Callable[[str], None]


@contextmanager
def take_turn(tell: Tell) -> Iterator[None]:
    """
    Wait until no other run is under way, and keep others waiting meanwhile.

    The lock ends with the process, however that ends.

    Args:
        tell: Is called with a sentence if there is another to be waited for.
    """
    try:
        fd = os.open(PLACE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield  # a kernel without swap: nothing of it can be in the way
        return
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            tell("another run is under way on this machine: waiting for its end")
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
