"""What the kernel underneath says of the processes of a run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from vmtui.errors import LiveError
from vmtui.live.arena import in_arena
from vmtui.live.errors import NoiseError
from vmtui.live.frames import Frame, entries
from vmtui.live.maps import MapsLine, Smap, parse_smaps, read_text
from vmtui.live.observed import SHARED_MEMORY, Observed, PageSeen, ProcessSeen, VmaSeen, Where
from vmtui.live.pagemap import PAGE_SIZE, PagemapEntry
from vmtui.live.player import LivePlayer
from vmtui.live.scan import pagemap_scan
from vmtui.live.topology import Topology

__all__ = ["LiveObserver"]

_SHMEM_PATH: Final = "/dev/zero (deleted)"
_TRIES: Final = 3


@attrs.frozen
class _Look:
    """
    What was read at one moment.

    Attributes:
        smaps: VMAs, by process.
        entries: The pagemap entries that are not empty, by page.
        frames: By pfn.
        cached: The swapped pages whose frame is in the swap cache.
        zeroes: The pages that map the zero page, as far as PAGEMAP_SCAN had to tell.
        topology: The anon_vmas, if they are asked for.
    """

    smaps: Mapping[str, tuple[Smap, ...]] = attrs.field(factory=dict)
    entries: Mapping[Where, PagemapEntry] = attrs.field(factory=dict)
    frames: Mapping[int, Frame] = attrs.field(factory=dict)
    cached: frozenset[Where] = frozenset()
    zeroes: frozenset[Where] = frozenset()
    topology: Topology | None = None


class LiveObserver:
    """
    Looks at the processes of a player, and knows who mapped what one command before.

    Args:
        player: The player.
    """

    def __init__(self, player: LivePlayer) -> None:
        self._player = player
        self._before = _Look()
        self._owners: dict[int, frozenset[Where]] = {}
        self._strays: frozenset[Where] = frozenset()

    def observe(self, errno: str | None) -> Observed:
        """
        The state as it is now, after a command that gave this errno.

        Raises:
            NoiseError: something else moves the pages.
        """
        look = self._steady_look()
        self._find_what_came_back(look)
        pages = {where: self._page(where, look) for where in look.entries}
        self._before = look
        self._remember(look)
        processes = {
            name: ProcessSeen(
                tuple(self._vma(name, smap, look) for smap in smaps),
                {address: page for (task, address), page in pages.items() if task == name},
            )
            for name, smaps in look.smaps.items()
        }
        topology = look.topology or Topology()
        return Observed(processes, self._player.fields, errno, topology.anon_vmas)

    # Reading.

    def _steady_look(self) -> _Look:
        """
        A look in which nothing moved.

        An anon_vma that somebody else holds on to is looked at again; if it is still held then, that is told.
        """
        steady = None
        for _ in range(_TRIES):
            look = self._look()
            if look.entries == self._entries(look.smaps):
                steady = look
                if look.topology is None or look.topology.settled:
                    break
        if steady is None:
            raise NoiseError("pages move while they are looked at")
        return steady

    def _look(self) -> _Look:
        smaps = {name: _smaps(agent.pid) for name, agent in self._player.processes.items()}
        found = self._entries(smaps)
        frames: dict[int, Frame] = {}
        zeroes: set[Where] = set()
        if self._player.frames is not None:
            frames = self._player.frames.of([entry.pfn for entry in found.values() if entry.pfn])
        elif self._player.scan:
            zeroes.update(self._zeroes(smaps))
        cached = frozenset(self._cached(smaps, found))
        return _Look(smaps, found, frames, cached, frozenset(zeroes), self._topology(smaps, frames))

    def _topology(
        self, smaps: Mapping[str, tuple[Smap, ...]], frames: Mapping[int, Frame]
    ) -> Topology | None:
        """The anon_vmas of all VMAs and anonymous frames: what is left out would pass for equal."""
        reader = self._player.topology
        if reader is None:
            return None
        pids = {name: agent.pid for name, agent in self._player.processes.items()}
        wanted = {pfn for pfn, frame in frames.items() if "ANON" in frame.flags}
        topology = reader.read(pids, wanted)
        vmas = {(name, smap.vma.start) for name, found in smaps.items() for smap in found}
        if topology.vmas.keys() != vmas or topology.folios.keys() != wanted:
            raise LiveError("the BPF programs tell of other VMAs or frames than /proc does")
        return topology

    def _entries(self, smaps: Mapping[str, tuple[Smap, ...]]) -> dict[Where, PagemapEntry]:
        return {
            (name, address): entry
            for name, agent in self._player.processes.items()
            for smap in smaps[name]
            for address, entry in entries(agent.pid, smap.vma.start, smap.vma.end).items()
        }

    def _cached(
        self, smaps: Mapping[str, tuple[Smap, ...]], found: Mapping[Where, PagemapEntry]
    ) -> Iterable[Where]:
        """Swapped pages with a frame in the swap cache: mincore tells, whoever asks."""
        for name, agent in self._player.processes.items():
            swapped = {where[1] for where, entry in found.items() if where[0] == name and entry.swapped}
            for smap in smaps[name]:
                here = [address for address in swapped if smap.vma.start <= address < smap.vma.end]
                if here:
                    there = self._player.in_core(agent, min(here), max(here) + PAGE_SIZE)
                    yield from ((name, address) for address in here if address in there)

    def _zeroes(self, smaps: Mapping[str, tuple[Smap, ...]]) -> Iterable[Where]:
        """Pages that map the zero page, for one who may not see frames."""
        for name, agent in self._player.processes.items():
            for smap in smaps[name]:
                for region in pagemap_scan(f"/proc/{agent.pid}/pagemap", smap.vma.start, smap.vma.end):
                    if "PFNZERO" in region.categories:
                        yield from ((name, at) for at in range(region.start, region.end, PAGE_SIZE))

    # Telling.

    def _vma(self, name: str, smap: Smap, look: _Look) -> VmaSeen:
        vma, kilobytes = smap.vma, smap.kilobytes
        counts = {
            "rss": kilobytes["Rss"],
            "pss": kilobytes["Pss"],
            "anonymous": kilobytes["Anonymous"],
            "swap": kilobytes["Swap"],
            "swap_pss": kilobytes["SwapPss"],
            "private": kilobytes["Private_Clean"] + kilobytes["Private_Dirty"],
            "shared": kilobytes["Shared_Clean"] + kilobytes["Shared_Dirty"],
        }
        seen = VmaSeen(vma.start, vma.end, vma.perms, self._file(vma), vma.offset, counts)
        links = look.topology.vmas.get((name, vma.start)) if look.topology is not None else None
        if links is None:
            return seen
        return attrs.evolve(seen, pgoff=links.pgoff, anon_vma=links.anon_vma, chain=links.chain)

    def _file(self, vma: MapsLine) -> str | None:
        """A file by the scenario's name for it."""
        if vma.path == _SHMEM_PATH:
            return SHARED_MEMORY
        if not vma.inode:
            return None
        names = {os.path.realpath(path): name for name, path in self._player.files.items()}
        return names.get(os.path.realpath(vma.path), vma.path)

    def _page(self, where: Where, look: _Look) -> PageSeen:
        entry = look.entries[where]
        frame = look.frames.get(entry.pfn)
        if entry.swapped:
            slot = entry.swap_offset << 5 | entry.swap_type if self._player.frames is not None else None
            return PageSeen("swapped", slot=slot, swapcache=self._waits(where, look))
        if where in look.zeroes or (frame is not None and "ZERO_PAGE" in frame.flags):
            return PageSeen("zero")
        if frame is None:
            return PageSeen("present", exclusive=entry.exclusive, anon=not entry.file)
        anon = "ANON" in frame.flags
        folio = look.topology.folios.get(entry.pfn) if look.topology is not None else None
        return PageSeen(
            "present",
            frame=entry.pfn,
            was=self._was(entry.pfn, look),
            mapcount=frame.mapcount,
            exclusive=entry.exclusive,
            anon=anon,
            anon_excl="OWNER_2" in frame.flags if anon else None,
            swapcache=anon and "SWAPCACHE" in frame.flags,
            mapping=folio.anon_vma if folio is not None else None,
            index=folio.index if folio is not None else None,
        )

    def _waits(self, where: Where, look: _Look) -> bool | None:
        """
        Whether a frame waits behind a swap entry.

        None: it was to wait there and could not be kept, or readahead may have brought it back.
        """
        entry = look.entries[where]
        if where not in look.cached:
            return None if self._player.is_lost(entry) else False
        sure = not self._player.readahead or self._player.waiting(entry) is not None
        return True if sure else None

    def _was(self, pfn: int, look: _Look) -> frozenset[Where] | None:
        """
        Who had a frame one command before.  None: it may be one that waited in the swap cache, and which that
        was is not known: swap-in reads into the cache what a write then copies.
        """
        if pfn in self._owners:
            return self._owners[pfn]
        mappers = {where for where, entry in look.entries.items() if entry.present and entry.pfn == pfn}
        return None if mappers & self._strays else frozenset()

    # Remembering.

    def _find_what_came_back(self, look: _Look) -> None:
        """Swapped pages that are mapped again tell which frame is behind their slot."""
        for where, entry in look.entries.items():
            before = self._before.entries.get(where)
            if entry.present and entry.pfn and before is not None and before.swapped:
                self._player.came_back(before, entry)

    def _remember(self, look: _Look) -> None:
        """Who has which frame now, so that the next look can say whose it was."""
        owners: dict[int, set[Where]] = {}
        strays = set()
        for where, entry in look.entries.items():
            pfn: int | None = entry.pfn
            if entry.swapped:
                pfn = self._player.waiting(entry) if where in look.cached else None
            if pfn:
                owners.setdefault(pfn, set()).add(where)
            elif where in look.cached or self._player.is_lost(entry):
                strays.add(where)
        self._owners = {pfn: frozenset(whose) for pfn, whose in owners.items()}
        self._strays = frozenset(strays)


def _smaps(pid: int) -> tuple[Smap, ...]:
    return parse_smaps(read_text(f"/proc/{pid}/smaps"), in_arena)
