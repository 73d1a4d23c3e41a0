"""Address space reserved and not committed: an array costs what of it is touched.

``mmap`` with ``MAP_NORESERVE`` is used because ``numpy.zeros`` asks for huge pages from 4 MB up, so
that touching a few scattered entries of a large array would commit megabytes.
"""

from __future__ import annotations

import mmap
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vmtui.errors import VmtuiError

#: Linux's flag, which Python 3.11's mmap module does not name.
MAP_NORESERVE = 0x4000 if sys.platform == "linux" else 0


class ReserveError(VmtuiError):
    """The host would not reserve the address space asked for."""

    def __init__(self, asked: int, limit: str) -> None:
        self.asked = asked
        self.limit = limit
        super().__init__(f"cannot reserve {asked:,} bytes of address space: {limit}")


def reserve(length: int, dtype: DTypeLike) -> tuple[NDArray[Any], mmap.mmap]:
    """An array of `length` zeros that is committed page by page as it is written.

    Returns:
        The array, and the mapping under it (to hand ranges back to the host).

    Raises:
        ReserveError: the host refuses, with the limit that was met.
    """
    kind = np.dtype(dtype)
    nbytes = max(length, 1) * kind.itemsize
    try:
        if sys.platform == "win32":
            buffer = mmap.mmap(-1, nbytes)
        else:
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
            buffer = mmap.mmap(-1, nbytes, flags=flags)
    except (OSError, ValueError, OverflowError, MemoryError) as error:
        raise ReserveError(nbytes, _limit_met()) from error
    return np.frombuffer(buffer, dtype=kind, count=length), buffer


def largest(nbytes: int) -> int:
    """The largest power of two, below `nbytes`, of bytes that can be reserved now; 0 if none from 1 MB up."""
    size = 1 << (nbytes - 1).bit_length() - 1
    while size >= 1 << 20:
        try:
            array, _ = reserve(size, np.uint8)
        except ReserveError:
            size >>= 1
            continue
        del array
        return size
    return 0


def release(buffer: mmap.mmap, start: int, stop: int) -> None:
    """Hand the whole host pages of bytes [start, stop), already zero, back to the host."""
    if not hasattr(mmap, "MADV_DONTNEED") or sys.platform != "linux":
        return
    first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
    last = stop // mmap.PAGESIZE * mmap.PAGESIZE
    if last > first:
        buffer.madvise(mmap.MADV_DONTNEED, first, last - first)


def _limit_met() -> str:
    """What stands in the way, in a sentence."""
    if sys.platform == "win32":
        return "the host refused it"
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        return f"`ulimit -v` allows {soft // 1024:,} KB"
    try:
        if Path("/proc/sys/vm/overcommit_memory").read_text().strip() == "2":
            return "vm.overcommit_memory is 2"
    except OSError:
        pass
    return "the host refused it"
