"""A swap file of our own, where none is on."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path
from typing import Final

from vmtui.live.maps import ProcError

__all__ = ["SWAP_BYTES", "active_swap", "make_swap_file", "swap_header", "swapoff", "swapon"]

SWAP_BYTES: Final = 64 << 20
"""Large enough that it is never half full: beyond that the kernel gives slots up early."""

_PAGE: Final = 4096
_INFO: Final = 1024  # where struct swap_header's info begins, behind the boot block
_MAGIC: Final = b"SWAPSPACE2"


def swap_header(nbytes: int) -> bytes:
    """The first page of a swap area of this length: version 1, its last page, no bad pages, the magic."""
    page = bytearray(_PAGE)
    struct.pack_into("=III", page, _INFO, 1, nbytes // _PAGE - 1, 0)
    page[-len(_MAGIC) :] = _MAGIC
    return bytes(page)


def active_swap(text: str) -> dict[str, int]:
    """
    The swap areas of /proc/swaps: by path, the bytes that are free.

    Raises:
        ProcError: a line that is none.
    """
    found = {}
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 5 or not (fields[-3].isdecimal() and fields[-2].isdecimal()):
            raise ProcError(f"not a line of /proc/swaps: {line!r}")
        path, kilobytes, used = fields[0], int(fields[-3]), int(fields[-2])
        found[path.removesuffix(r"\040(deleted)").replace(r"\040", " ")] = (kilobytes - used) << 10
    return found


def make_swap_file(path: Path, nbytes: int = SWAP_BYTES) -> None:
    """
    Write a swap file, without holes.

    Raises:
        OSError: there is no room, or no right to.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, swap_header(nbytes))
        zeroes = bytes(1 << 20)
        left = nbytes - _PAGE
        while left:
            left -= os.write(fd, zeroes[:left] if left < len(zeroes) else zeroes)
        os.fsync(fd)
    finally:
        os.close(fd)


def swapon(path: Path) -> None:
    """
    Turn a swap area on.

    Raises:
        OSError: as swapon(2) says; EINVAL on a file system that can hold none.
    """
    _call("swapon", path, ctypes.c_int(0))


def swapoff(path: Path) -> None:
    """
    Turn a swap area off; what lies in it comes back to memory first.

    Raises:
        OSError: as swapoff(2) says.
    """
    _call("swapoff", path)


def _call(name: str, path: Path, *arguments: ctypes.c_int) -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    if function(ctypes.c_char_p(os.fsencode(path)), *arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))
