"""What the kernel says of frames: how often mapped, their flags, whose cgroup they are in.  Root only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from vmtui.live.pagemap import PAGE_SIZE, PagemapEntry, Words, flag_names

__all__ = ["Frame", "Frames", "entries"]

_BATCH: Final = 1 << 16


@attrs.frozen
class Frame:
    """
    A frame.

    Attributes:
        mapcount: Page-table entries that map it.
        flags: The names of its kpageflags.
        cgroup: The inode of the memory cgroup it is charged to.
    """

    mapcount: int
    flags: frozenset[str]
    cgroup: int


class Frames:
    """
    The files that tell, open.

    Raises:
        OSError: one cannot be opened.
    """

    def __init__(self) -> None:
        self._files = [Words(f"/proc/{name}") for name in ("kpagecount", "kpageflags", "kpagecgroup")]

    def of(self, pfns: Sequence[int]) -> dict[int, Frame]:
        """Frames by pfn."""
        counts, flags, cgroups = (file.at(pfns) for file in self._files)
        return {pfn: Frame(counts[pfn], flag_names(flags[pfn]), cgroups[pfn]) for pfn in counts}

    def at(self, pfn: int) -> Frame:
        """One frame."""
        return self.of([pfn])[pfn]

    def close(self) -> None:
        """Close them."""
        for file in self._files:
            file.close()


def entries(pid: int, start: int, end: int) -> dict[int, PagemapEntry]:
    """The entries of [start, end) in a process's pagemap that are not empty, by address."""
    found: dict[int, PagemapEntry] = {}
    with Words(f"/proc/{pid}/pagemap") as pagemap:
        for first in range(start // PAGE_SIZE, end // PAGE_SIZE, _BATCH):
            words = pagemap.read(first, min(_BATCH, end // PAGE_SIZE - first))
            for index, word in enumerate(words):
                entry = PagemapEntry.decode(word) if word else None
                if entry is not None and (entry.present or entry.swapped):
                    found[(first + index) * PAGE_SIZE] = entry
    return found
