"""
PAGEMAP_SCAN (Linux 6.7): the categories of a range's pages, without privileges and without frame numbers.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

try:
    import fcntl
except ImportError:  # Windows has none, and no /proc either
    fcntl = None  # type: ignore[assignment]

__all__ = ["CATEGORIES", "Region", "decode_regions", "encode_request", "has_pagemap_scan", "pagemap_scan"]

CATEGORIES: Final = (
    *("WPALLOWED", "WRITTEN", "FILE", "PRESENT", "SWAPPED", "PFNZERO", "HUGE", "SOFT_DIRTY", "GUARD"),
)
"""Names of the bits of a category mask."""

_ARGUMENT: Final = struct.Struct("=12Q")
_REGION: Final = struct.Struct("=3Q")
#: _IOWR('f', 16, struct pm_scan_arg)
_PAGEMAP_SCAN: Final = 3 << 30 | _ARGUMENT.size << 16 | ord("f") << 8 | 16
_REGIONS: Final = 512
_WALK_END: Final = 4
_WANTED: Final = ("FILE", "PRESENT", "SWAPPED", "PFNZERO", "GUARD")


@attrs.frozen
class Region:
    """
    Neighbouring pages that are alike.

    Attributes:
        start, end: Bytes, half open.
        categories: What they are.
    """

    start: int
    end: int
    categories: frozenset[str]


def mask(names: Sequence[str]) -> int:
    """A category mask."""
    return sum(1 << CATEGORIES.index(name) for name in names)


def encode_request(start: int, end: int, vector: int, length: int) -> bytes:
    """``struct pm_scan_arg`` that asks for every page of [start, end) which is anything at all."""
    wanted = mask(_WANTED)
    any_of = mask(("PRESENT", "SWAPPED"))
    return _ARGUMENT.pack(_ARGUMENT.size, 0, start, end, 0, vector, length, 0, 0, 0, any_of, wanted)


def decode_regions(data: bytes) -> tuple[Region, ...]:
    """An array of ``struct page_region``."""
    return tuple(
        Region(start, end, frozenset(name for bit, name in enumerate(CATEGORIES) if categories >> bit & 1))
        for start, end, categories in _REGION.iter_unpack(data)
    )


def pagemap_scan(path: str | Path, start: int, end: int) -> tuple[Region, ...]:
    """
    What the pages of [start, end) are; those that are nothing are left out.

    Args:
        path: A process's pagemap.

    Raises:
        OSError: the file cannot be opened, or this kernel has no such call (ENOTTY).
    """
    if fcntl is None:
        raise OSError(errno.ENOTTY, "no ioctl on this system")
    import ctypes

    found: list[Region] = []
    vector = ctypes.create_string_buffer(_REGION.size * _REGIONS)
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while start < end:
            request = bytearray(encode_request(start, end, ctypes.addressof(vector), _REGIONS))
            count = fcntl.ioctl(fd, _PAGEMAP_SCAN, request, True)
            found += decode_regions(vector.raw[: count * _REGION.size])
            start = _ARGUMENT.unpack(request)[_WALK_END]
    finally:
        os.close(fd)
    return tuple(found)


def has_pagemap_scan() -> bool:
    """Whether this kernel has the call."""
    try:
        pagemap_scan("/proc/self/pagemap", 0, 4096)
    except OSError:
        return False
    return True
