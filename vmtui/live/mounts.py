"""A bpffs of our own, for as long as it takes to fetch from it what bpftool has pinned there."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Final

from vmtui.live.maps import read_text

__all__ = ["is_mounted", "mount_bpf", "mount_points", "unmount"]

_MNT_DETACH: Final = 2
_POINT: Final = 4  # field of a line of mountinfo


def mount_bpf(path: Path) -> None:
    """
    Mount a bpffs that only root may enter.

    Raises:
        OSError: as mount(2) says.
    """
    _call("mount", b"bpf", os.fsencode(path), b"bpf", ctypes.c_ulong(0), b"mode=0700")


def unmount(path: Path) -> None:
    """
    Unmount it, and with it goes what is pinned there and used by nobody.

    Raises:
        OSError: as umount2(2) says.
    """
    _call("umount2", os.fsencode(path), ctypes.c_int(_MNT_DETACH))


def is_mounted(path: Path) -> bool:
    """Whether something is mounted there."""
    return os.path.realpath(path) in mount_points(read_text("/proc/self/mountinfo"))


def mount_points(mountinfo: str) -> set[str]:
    """The mount points of /proc/PID/mountinfo, which escapes blanks and backslashes."""
    fields = (line.split(" ") for line in mountinfo.split("\n") if line)
    return {_unescaped(line[_POINT]) for line in fields if len(line) > _POINT}


def _unescaped(name: str) -> str:
    for character in "\t\n \\":
        name = name.replace(f"\\{ord(character):03o}", character)
    return name


def _call(name: str, *arguments: bytes | ctypes.c_int | ctypes.c_ulong) -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    if function(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"{name}(2)")
