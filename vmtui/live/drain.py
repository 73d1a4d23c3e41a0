"""Emptying the kernel's per-CPU batches of pages, for one who has no memory cgroups to do it."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
from typing import Final

from vmtui.errors import CannotError, LiveError

__all__ = ["drain_by_move_pages"]

PAGE: Final = 4096
_MOVE_PAGES: Final = {"x86_64": 279, "aarch64": 239}  # the system call's number


def drain_by_move_pages() -> None:
    """
    Ask the kernel to move a page of ours to where it is: it drains the batches of all CPUs before.

    Raises:
        CannotError: the call's number on this processor is not known.
        LiveError: it refuses.
    """
    number = _MOVE_PAGES.get(platform.machine())
    if number is None:
        raise CannotError(f"no way to drain the LRU batches on {platform.machine()} without memory cgroups")
    page = mmap.mmap(-1, PAGE)
    page[0] = 1
    buffer = (ctypes.c_char * PAGE).from_buffer(page)
    libc = ctypes.CDLL(None, use_errno=True)
    pages = (ctypes.c_void_p * 1)(ctypes.addressof(buffer))
    nodes, status = (ctypes.c_int * 1)(0), (ctypes.c_int * 1)(0)
    done = libc.syscall(number, 0, ctypes.c_ulong(1), pages, nodes, status, 0)
    error = ctypes.get_errno()
    del buffer
    page.close()
    if done < 0:
        raise LiveError(f"move_pages: {os.strerror(error)}")
