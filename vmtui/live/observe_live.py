"""What the kernel underneath says of the processes of a run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from vmtui.live.errors import NoiseError
from vmtui.live.frames import Frame, entries
from vmtui.live.maps import MapsLine, Smap, parse_smaps
from vmtui.live.observed import Observed, PageSeen, ProcessSeen, VmaSeen, Where
from vmtui.live.pagemap import PagemapEntry
from vmtui.live.player import LivePlayer
from vmtui.live.scan import pagemap_scan

__all__ = ["LiveObserver"]

ARENA: Final = ((0x0800_0000, 0x1_0000_0000), (0x2000_0000_0000, 0x4000_0000_0000))
"""The addresses that scenarios use, of 32 and of 64 bits; an interpreter's own mappings lie elsewhere."""

SHARED_MEMORY: Final = "shared memory"
_SHMEM_PATH: Final = "/dev/zero (deleted)"
_TRIES: Final = 3

Entries = dict[str, dict[int, PagemapEntry]]


class LiveObserver:
    """
    Looks at the processes of a player, and knows who mapped what one command before.

    Args:
        player: The player.
    """

    def __init__(self, player: LivePlayer) -> None:
        self._player = player
        self._before: dict[int, frozenset[Where]] = {}

    def observe(self, errno: str | None) -> Observed:
        """
        The state as it is now, after a command that gave this errno.

        Raises:
            NoiseError: something else moves the pages.
        """
        for _ in range(_TRIES):
            smaps = {name: self._smaps(agent.pid) for name, agent in self._player.processes.items()}
            pages = self._entries(smaps)
            frames = self._frames(pages)
            processes = {name: self._process(name, smaps[name], pages[name], frames) for name in smaps}
            if pages == self._entries(smaps):
                self._remember(pages)
                return Observed(processes, self._player.fields, errno)
        raise NoiseError("pages move while they are looked at")

    def _smaps(self, pid: int) -> tuple[Smap, ...]:
        text = Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8", errors="surrogateescape")
        return tuple(smap for smap in parse_smaps(text) if _in_arena(smap.vma))

    def _entries(self, smaps: Mapping[str, tuple[Smap, ...]]) -> Entries:
        return {
            name: {
                address: entry
                for smap in smaps[name]
                for address, entry in entries(agent.pid, smap.vma.start, smap.vma.end).items()
            }
            for name, agent in self._player.processes.items()
        }

    def _frames(self, pages: Entries) -> dict[int, Frame]:
        known = self._player.frames
        if known is None:
            return {}
        return known.of([entry.pfn for found in pages.values() for entry in found.values() if entry.pfn])

    def _process(
        self,
        name: str,
        smaps: tuple[Smap, ...],
        pages: Mapping[int, PagemapEntry],
        frames: Mapping[int, Frame],
    ) -> ProcessSeen:
        zeroes = self._zeroes(name, smaps) if self._player.frames is None else frozenset()
        return ProcessSeen(
            tuple(self._vma(smap) for smap in smaps),
            {address: self._page(entry, frames, address in zeroes) for address, entry in pages.items()},
        )

    def _zeroes(self, name: str, smaps: tuple[Smap, ...]) -> frozenset[int]:
        """The addresses that map the zero page, for one who may not see frames."""
        if not self._player.scan:
            return frozenset()
        path = f"/proc/{self._player.processes[name].pid}/pagemap"
        return frozenset(
            address
            for smap in smaps
            for region in pagemap_scan(path, smap.vma.start, smap.vma.end)
            if "PFNZERO" in region.categories
            for address in range(region.start, region.end, 4096)
        )

    def _vma(self, smap: Smap) -> VmaSeen:
        vma, kilobytes = smap.vma, smap.kilobytes
        return VmaSeen(
            vma.start,
            vma.end,
            vma.perms,
            self._file(vma),
            vma.offset,
            {
                "rss": kilobytes["Rss"],
                "pss": kilobytes["Pss"],
                "anonymous": kilobytes["Anonymous"],
                "swap": kilobytes["Swap"],
                "swap_pss": kilobytes["SwapPss"],
                "private": kilobytes["Private_Clean"] + kilobytes["Private_Dirty"],
                "shared": kilobytes["Shared_Clean"] + kilobytes["Shared_Dirty"],
            },
        )

    def _file(self, vma: MapsLine) -> str | None:
        """A file by the scenario's name for it."""
        if vma.path == _SHMEM_PATH:
            return SHARED_MEMORY
        if not vma.inode:
            return None
        here = (os.path.realpath(vma.path), vma.inode)
        for name, path in self._player.files.items():
            if (os.path.realpath(path), path.stat().st_ino) == here:
                return name
        return vma.path

    def _page(self, entry: PagemapEntry, frames: Mapping[int, Frame], zero: bool) -> PageSeen:
        frame = frames.get(entry.pfn)
        if entry.swapped:
            waiting = self._player.waiting(entry)
            slot = entry.swap_offset << 5 | entry.swap_type if self._player.frames is not None else None
            return PageSeen("swapped", slot=slot, swapcache=waiting is not None)
        if zero or (frame is not None and "ZERO_PAGE" in frame.flags):
            return PageSeen("zero")
        if frame is None:
            return PageSeen("present", exclusive=entry.exclusive, anon=not entry.file)
        return PageSeen(
            "present",
            frame=entry.pfn,
            was=self._before.get(entry.pfn, frozenset()),
            mapcount=frame.mapcount,
            exclusive=entry.exclusive,
            anon="ANON" in frame.flags,
            anon_excl="ANON" in frame.flags and "OWNER_2" in frame.flags,
            swapcache="SWAPCACHE" in frame.flags and "ANON" in frame.flags,
        )

    def _remember(self, pages: Entries) -> None:
        """Who has which frame now, so that the next look can say whose it was."""
        owners: dict[int, set[Where]] = {}
        for name, found in pages.items():
            for address, entry in found.items():
                pfn = entry.pfn if entry.present else self._player.waiting(entry)
                if pfn:
                    owners.setdefault(pfn, set()).add((name, address))
        self._before = {pfn: frozenset(whose) for pfn, whose in owners.items()}


def _in_arena(vma: MapsLine) -> bool:
    return any(start <= vma.start and vma.end <= end for start, end in ARENA)
