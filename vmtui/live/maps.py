"""
/proc/PID/maps and smaps, decoded.

The functions are pure: text in, frozen values out.  A path in these files is whatever somebody called a file;
`MapsLine.path` is that name, decoded, and whoever shows it passes it through `vmtui.errors.printable`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from vmtui.errors import VmtuiError

__all__ = ["MapsLine", "ProcError", "Smap", "parse_maps", "parse_smaps", "print_maps_line", "read_text"]

_LINE: Final = re.compile(
    r"(?P<start>[0-9a-f]+)-(?P<end>[0-9a-f]+) (?P<perms>[r-][w-][x-][ps]) (?P<offset>[0-9a-f]+) "
    r"(?P<device>[0-9a-f]+:[0-9a-f]+) (?P<inode>[0-9]+)(?: +(?P<path>.*))?"
)
_HEADER: Final = re.compile(r"^[0-9a-f]+-[0-9a-f]+ .*$", re.MULTILINE)
_FIELD: Final = re.compile(r"^(?P<name>\w+): +(?P<kilobytes>[0-9]+) kB$", re.MULTILINE)
_FLAGS: Final = re.compile(r"^VmFlags: (.*)$", re.MULTILINE)
_NEWLINE: Final = r"\012"  # the one character of a name that the kernel escapes in these files


class ProcError(VmtuiError):
    """A file under /proc that does not say what the kernel's documentation says it would."""


@attrs.frozen
class MapsLine:
    """
    A VMA, as a line of /proc/PID/maps tells of it.

    Attributes:
        start, end: Bytes, half open.
        perms: ``rw-p``.
        offset: Where in its file it begins, in bytes; 0 for private anonymous memory, whatever its vm_pgoff.
        device: ``major:minor``, as it stands.
        inode: 0 for anonymous memory.
        path: The file, or a ``[name]`` of the kernel's; "" for none.
    """

    start: int
    end: int
    perms: str
    offset: int = 0
    device: str = "00:00"
    inode: int = 0
    path: str = ""


@attrs.frozen
class Smap:
    """
    A VMA with what smaps counts of it.

    Attributes:
        vma: The VMA.
        kilobytes: By name, as ``Rss``: each of the lines that end in kB.
        flags: The two-letter words of ``VmFlags``.
    """

    vma: MapsLine
    kilobytes: Mapping[str, int]
    flags: frozenset[str] = frozenset()


def read_text(path: str) -> str:
    """
    A file under /proc, as text; bytes that are none stay as they are.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        return file.read()


def parse_maps(text: str) -> tuple[MapsLine, ...]:
    """
    Every line of /proc/PID/maps, in order.

    Raises:
        ProcError: a line that is none.
    """
    return tuple(_maps_line(line) for line in text.split("\n") if line)


def print_maps_line(vma: MapsLine) -> str:
    """A line of /proc/PID/maps, the other way round."""
    head = f"{vma.start:08x}-{vma.end:08x} {vma.perms} {vma.offset:08x} {vma.device} {vma.inode}"
    return f"{head:<72} {vma.path.replace(chr(10), _NEWLINE)}" if vma.path else f"{head} "


def parse_smaps(text: str, wanted: Callable[[MapsLine], bool] = lambda vma: True) -> tuple[Smap, ...]:
    """
    VMAs of /proc/PID/smaps, in order.

    Args:
        wanted: Which: the counts of the others are not read.

    Raises:
        ProcError: it does not begin with a line of a VMA.
    """
    headers = list(_HEADER.finditer(text))
    before = text[: headers[0].start()] if headers else text
    if before.strip():
        raise ProcError(f"smaps begins with a line that is no VMA: {before.splitlines()[0]!r}")
    found = []
    ends = [*(header.start() for header in headers[1:]), len(text)]
    for header, end in zip(headers, ends, strict=False):
        vma = _maps_line(header[0])
        if wanted(vma):
            found.append(_smap(vma, text[header.end() : end]))
    return tuple(found)


def _smap(vma: MapsLine, body: str) -> Smap:
    flags = _FLAGS.search(body)
    return Smap(
        vma,
        {field["name"]: int(field["kilobytes"]) for field in _FIELD.finditer(body)},
        frozenset(flags[1].split() if flags is not None else ()),
    )


def _maps_line(line: str) -> MapsLine:
    found = _LINE.fullmatch(line)
    if found is None:
        raise ProcError(f"not a line of /proc/PID/maps: {line!r}")
    return MapsLine(
        start=int(found["start"], 16),
        end=int(found["end"], 16),
        perms=found["perms"],
        offset=int(found["offset"], 16),
        device=found["device"],
        inode=int(found["inode"]),
        path=(found["path"] or "").replace(_NEWLINE, "\n"),
    )
