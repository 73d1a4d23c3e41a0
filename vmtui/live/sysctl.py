"""
The one setting of the machine that a run changes: swap readahead is off while it lasts.

With it, what swaps in beside a page decides whether that page comes from the swap cache; and the interpreters
that our processes are swap in too.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

__all__ = ["quieten", "restore"]

PAGE_CLUSTER: Final = Path("/proc/sys/vm/page-cluster")
_ONE_PAGE: Final = 0


def quieten(note: Callable[[int], None]) -> bool:
    """
    Turn swap readahead off.

    Args:
        note: Is called with the value before it is changed; not at all where that is right already.

    Returns:
        Whether it is off.
    """
    try:
        old = int(PAGE_CLUSTER.read_text())
        if old != _ONE_PAGE:
            note(old)
            PAGE_CLUSTER.write_text(str(_ONE_PAGE))
    except OSError:
        return False
    return True


def restore(old: int) -> None:
    """
    Turn it back to what it was; a value that somebody else has set in the meantime stays.

    Raises:
        OSError: it cannot be written.
    """
    if int(PAGE_CLUSTER.read_text()) == _ONE_PAGE:
        PAGE_CLUSTER.write_text(str(old))
