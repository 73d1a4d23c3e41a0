"""
What the kernel tells of pages: /proc/PID/pagemap by address; kpagecount, kpageflags, kpagecgroup by frame.

Each is a file of 64-bit words, one a page.  Decoding is pure; `Words` reads.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

import attrs

from vmtui.live.maps import ProcError

__all__ = ["KPAGEFLAGS", "PagemapEntry", "Words", "decode_words", "flag_names", "flags_word"]

PAGE_SIZE: Final = 4096
WORD: Final = 8

_PFN_MASK: Final = (1 << 55) - 1
_SWAP_TYPE_BITS: Final = 5
_SOFT_DIRTY, _EXCLUSIVE, _UFFD_WP, _GUARD = 1 << 55, 1 << 56, 1 << 57, 1 << 58
_FILE, _SWAPPED, _PRESENT = 1 << 61, 1 << 62, 1 << 63

KPAGEFLAGS: Final = {
    **dict(
        enumerate(
            (
                *("LOCKED", "ERROR", "REFERENCED", "UPTODATE", "DIRTY", "LRU", "ACTIVE", "SLAB"),
                *("WRITEBACK", "RECLAIM", "BUDDY", "MMAP", "ANON", "SWAPCACHE", "SWAPBACKED"),
                *("COMPOUND_HEAD", "COMPOUND_TAIL", "HUGE", "UNEVICTABLE", "HWPOISON", "NOPAGE", "KSM"),
                *("THP", "OFFLINE", "ZERO_PAGE", "IDLE", "PGTABLE"),
            )
        )
    ),
    **dict(
        enumerate(
            ("RESERVED", "MLOCKED", "OWNER_2", "PRIVATE", "PRIVATE_2", "OWNER_PRIVATE", "ARCH"), start=32
        )
    ),
    40: "SOFTDIRTY",
}
"""Names of the bits of a word of /proc/kpageflags.  From 32 on they are the kernel's own and may change."""

_BITS: Final = {name: bit for bit, name in KPAGEFLAGS.items()}


@attrs.frozen
class PagemapEntry:
    """
    What /proc/PID/pagemap says of an address.

    Attributes:
        present: A frame is mapped there, if only to say that it may not be used (PROT_NONE).
        swapped: A swap entry stands there, or another entry that maps no frame.
        exclusive: The frame's mapcount is 1 (bit 56); not AnonExclusive.
        file: The frame is of a file or of shared memory.
        pfn: The frame; 0 for none, and for all without CAP_SYS_ADMIN.
        swap_type, swap_offset: Which swap area, and which of its slots; 0 without CAP_SYS_ADMIN.
        guard: A guard region, which is reported as swapped too.
    """

    present: bool = False
    swapped: bool = False
    exclusive: bool = False
    file: bool = False
    pfn: int = 0
    swap_type: int = 0
    swap_offset: int = 0
    guard: bool = False

    @classmethod
    def decode(cls, word: int) -> PagemapEntry:
        """From a word of the file."""
        swapped = bool(word & _SWAPPED)
        low = word & _PFN_MASK
        return cls(
            present=bool(word & _PRESENT),
            swapped=swapped,
            exclusive=bool(word & _EXCLUSIVE),
            file=bool(word & _FILE),
            pfn=low if word & _PRESENT else 0,
            swap_type=low & ((1 << _SWAP_TYPE_BITS) - 1) if swapped else 0,
            swap_offset=low >> _SWAP_TYPE_BITS if swapped else 0,
            guard=bool(word & _GUARD),
        )

    def encode(self) -> int:
        """A word of the file, the other way round."""
        low = self.pfn if self.present else self.swap_offset << _SWAP_TYPE_BITS | self.swap_type
        bits = (
            (self.present, _PRESENT),
            (self.swapped, _SWAPPED),
            (self.exclusive, _EXCLUSIVE),
            (self.file, _FILE),
            (self.guard, _GUARD),
        )
        return low | sum(bit for is_set, bit in bits if is_set)


def flag_names(word: int) -> frozenset[str]:
    """The names of the flags set in a word of /proc/kpageflags."""
    return frozenset(name for bit, name in KPAGEFLAGS.items() if word >> bit & 1)


def flags_word(names: frozenset[str]) -> int:
    """A word of /proc/kpageflags, the other way round."""
    return sum(1 << _BITS[name] for name in names)


def decode_words(data: bytes) -> tuple[int, ...]:
    """
    The 64-bit words of such a file.

    Raises:
        ProcError: it ends inside a word.
    """
    if len(data) % WORD:
        raise ProcError(f"{len(data)} bytes are no whole number of 64-bit words")
    return struct.unpack(f"={len(data) // WORD}Q", data)


class Words:
    """
    One of these files, open.

    Args:
        path: As ``/proc/kpageflags``.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: str | Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self, first: int, count: int = 1) -> tuple[int, ...]:
        """`count` words from index `first` on; fewer where the file ends."""
        return decode_words(os.pread(self._fd, count * WORD, first * WORD))

    def at(self, indices: Sequence[int]) -> dict[int, int]:
        """The words of some indices; neighbours are read at once."""
        found: dict[int, int] = {}
        wanted = sorted(set(indices))
        start = 0
        for end in range(1, len(wanted) + 1):
            if end == len(wanted) or wanted[end] != wanted[end - 1] + 1:
                first = wanted[start]
                found.update(enumerate(self.read(first, end - start), start=first))
                start = end
        return found

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)

    def __enter__(self) -> Words:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
