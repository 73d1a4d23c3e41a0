"""bpf(2), as much of it as reading a pinned iterator takes."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

__all__ = ["fill_array", "iterator_of_map", "iterator_of_task", "may_use_bpf", "pinned", "read_iterator"]

_NUMBERS: Final = {"x86_64": 321, "aarch64": 280}  # the system call's number

# enum bpf_cmd and enum bpf_attach_type
_PROG_GET_NEXT_ID, _MAP_UPDATE_BATCH, _OBJ_GET, _LINK_CREATE, _ITER_CREATE = 11, 26, 7, 28, 33
_TRACE_ITER: Final = 28

_LONGEST_READ: Final = 1 << 16
_ITER_INFO: Final = 16  # sizeof(union bpf_iter_link_info)


def may_use_bpf() -> str:
    """Why bpf(2) will not do here, in words; "" if it will."""
    if platform.machine() not in _NUMBERS:
        return f"the number of bpf(2) on {platform.machine()} is not known to vmtui"
    try:
        # Asks for the program behind number 0: whoever may not see programs is told so first.
        _bpf(_PROG_GET_NEXT_ID, struct.pack("=III", 0, 0, 0))
    except FileNotFoundError:
        return ""  # there is none yet
    except OSError as error:
        return f"bpf(2) says {error.strerror}: it takes CAP_SYS_ADMIN, which root has"
    return ""


def pinned(path: Path) -> int:
    """
    A file descriptor of a program or map that is pinned in a bpffs.

    Raises:
        OSError: as bpf(2) says.
    """
    name = ctypes.create_string_buffer(os.fsencode(path))
    return _bpf(_OBJ_GET, struct.pack("=QII", ctypes.addressof(name), 0, 0))


def iterator_of_task(program: int, pid: int) -> int:
    """A link of an iterator over the VMAs of one process."""
    return _link(program, struct.pack("=I", pid))


def iterator_of_map(program: int, fd: int) -> int:
    """A link of an iterator over the elements of one map."""
    return _link(program, struct.pack("=I", fd))


def _link(program: int, about: bytes) -> int:
    info = ctypes.create_string_buffer(about, _ITER_INFO)
    attributes = struct.pack("=IIIIQI", program, 0, _TRACE_ITER, 0, ctypes.addressof(info), _ITER_INFO)
    return _bpf(_LINK_CREATE, attributes)


def read_iterator(link: int) -> bytes:
    """
    All that an iterator has to say now.

    Raises:
        OSError: as bpf(2) or read(2) says.
    """
    fd = _bpf(_ITER_CREATE, struct.pack("=II", link, 0))
    try:
        parts = []
        while part := os.read(fd, _LONGEST_READ):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def fill_array(fd: int, values: Sequence[int]) -> None:
    """Put 64-bit numbers into an array map, from element 0 on."""
    count = len(values)
    keys = ctypes.create_string_buffer(struct.pack(f"={count}I", *range(count)))
    data = ctypes.create_string_buffer(struct.pack(f"={count}Q", *values))
    addresses = (0, 0, ctypes.addressof(keys), ctypes.addressof(data))
    _bpf(_MAP_UPDATE_BATCH, struct.pack("=QQQQIIQQ", *addresses, count, fd, 0, 0))


def _bpf(command: int, attributes: bytes) -> int:
    """
    The system call.

    Args:
        attributes: The command's member of ``union bpf_attr``.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    found = libc.syscall(_NUMBERS[platform.machine()], command, buffer, len(attributes))
    if found < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "bpf(2)")
    return int(found)
