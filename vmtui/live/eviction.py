"""
Pushing out one page by name, whoever maps it.

A private page goes by MADV_PAGEOUT; a shared one that leaves alone, so its cgroup is emptied.  That would
free the frame at once (a version 1 cgroup waits for the write and goes round again), and a swapped-out
page's frame is to wait in the swap cache: so a pipe holds a reference to it in the meantime.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from vmtui.errors import CannotError
from vmtui.live.agents import Agent
from vmtui.live.arena import ObjectPage, arena_vmas, page_of
from vmtui.live.calls import ADVICE
from vmtui.live.cgroups import MemoryCgroups
from vmtui.live.frames import Frame, Frames, entries
from vmtui.live.gains import link
from vmtui.live.pagemap import PAGE_SIZE, PagemapEntry

__all__ = ["Eviction", "push_out_private"]

_PATIENCE: Final = 5.0

Slot = tuple[int, int]  # the swap area's number, and the offset in it
Mappers = Callable[[int], Iterator[tuple[Agent, int]]]
MappersOf = Callable[[ObjectPage], Iterator[tuple[Agent, int, int]]]


class Eviction:
    """
    Pushes pages out, and knows where their frames wait.

    Args:
        frames: What the kernel says of frames.
        cgroups: Those that pages are charged to.
        mappers: Who maps a frame, and where.
        mappers_of: Who maps a page of a file or of shared memory, where, and the frame.
    """

    def __init__(
        self, frames: Frames, cgroups: MemoryCgroups, mappers: Mappers, mappers_of: MappersOf
    ) -> None:
        self._frames = frames
        self._cgroups = cgroups
        self._mappers = mappers
        self._mappers_of = mappers_of
        self._waiting: dict[Slot, tuple[int, int]] = {}
        self._lost: set[Slot] = set()
        self._objects: dict[ObjectPage, tuple[int, int]] = {}  # cgroup, and frame if it is known
        self._written: set[int] = set()
        self._homes: dict[Slot, int] = {}
        self._writing = False

    def charged(self, pid: int, start: int, pages: int, *, write: bool) -> None:
        """Pages were touched: note to which cgroups they are charged, and which were written."""
        found = entries(pid, start, start + pages * PAGE_SIZE)
        self._writing = write
        if write:
            self._written.update(entry.pfn for entry in found.values() if entry.pfn)
        frames = self._frames.of([entry.pfn for entry in found.values() if entry.pfn])
        self._cgroups.charged(frame.cgroup for frame in frames.values())
        shared = {address: entry.pfn for address, entry in found.items() if entry.file}
        for vma in arena_vmas(pid) if shared else ():
            for address, pfn in shared.items():
                if vma.start <= address < vma.end:
                    self._objects[page_of(vma, address)] = frames[pfn].cgroup, pfn

    def charged_to(self, cgroup: int, pid: int, start: int, pages: int) -> list[int]:
        """The addresses of a range's anonymous pages that are charged to this cgroup."""
        found = entries(pid, start, start + pages * PAGE_SIZE)
        frames = self._frames.of([entry.pfn for entry in found.values() if entry.pfn])
        return [
            address
            for address, entry in found.items()
            if entry.pfn and not entry.file and frames[entry.pfn].cgroup == cgroup
        ]

    def cached(self, page: ObjectPage, cgroup: int) -> None:
        """A page of a file or of shared memory has been brought in, and charged to this cgroup."""
        self._cgroups.charged([cgroup])
        self._objects[page] = cgroup, 0

    def waiting(self, entry: PagemapEntry) -> int | None:
        """
        The frame in the swap cache behind a swap entry; None if there is none, or it is not known.

        Right where mincore says that there is one: a frame that went may be another's in the same cgroup by
        now, an interpreter's.
        """
        pfn, cgroup = self._waiting.get(_slot(entry), (0, 0))
        if not pfn:
            return None
        frame = self._frames.at(pfn)
        return pfn if frame.cgroup == cgroup and {"ANON", "SWAPCACHE"} <= frame.flags else None

    def is_lost(self, entry: PagemapEntry) -> bool:
        """Whether the frame behind a swap entry was to wait in the swap cache, and could not be kept."""
        return _slot(entry) in self._lost

    def came_back(self, slot: PagemapEntry, page: PagemapEntry) -> None:
        """A page that was swapped is mapped again: if its frame is in the swap cache, that is where it is."""
        frame = self._frames.at(page.pfn)
        if {"ANON", "SWAPCACHE"} <= frame.flags:
            self._waiting[_slot(slot)] = page.pfn, frame.cgroup
            self._lost.discard(_slot(slot))
            if not self._writing:
                self._written.discard(page.pfn)

    def push_out(self, agent: Agent, start: int, pages: int, *, until_free: bool = False) -> None:
        """
        Swap out the frames behind a range, each once.

        Args:
            until_free: Until the frames are free; else those that were mapped wait in the swap cache, and
                those that waited there are freed.
        """
        done: set[int] = set()
        found = entries(agent.pid, start, start + pages * PAGE_SIZE)
        for address in range(start, start + pages * PAGE_SIZE, PAGE_SIZE):
            entry = found.get(address)
            if entry is None:
                self._push_out_cached(agent, address, until_free)
                continue
            pfn = entry.pfn if entry.present else self.waiting(entry)
            if not pfn and self._cgroups.has(self._homes.get(_slot(entry), 0)):
                # A write that copied it may have read it into the swap cache, where it is charged as ever.
                self._empty_out(agent, address, self._homes[_slot(entry)])
            if not pfn or pfn in done or "ZERO_PAGE" in self._frames.at(pfn).flags:
                continue
            done.add(pfn)
            mapper = (agent, address) if entry.present else next(self._mappers(pfn), None)
            if mapper is not None:
                self._unmap(*mapper, pfn, hold=not until_free)
            if until_free or mapper is None:
                self._free(pfn)

    def paged_out(self, pid: int, before: Mapping[int, PagemapEntry]) -> None:
        """MADV_PAGEOUT was called: the frames of those that went wait in the swap cache."""
        for address, entry in before.items():
            if entry.pfn:
                self._note(pid, address, entry.pfn, self._frames.at(entry.pfn).cgroup, lost=False)

    def _push_out_cached(self, agent: Agent, address: int, until_free: bool) -> None:
        """Push out a page of a file, or of shared memory, that the process named does not map."""
        vma = next((vma for vma in arena_vmas(agent.pid) if vma.start <= address < vma.end), None)
        page = page_of(vma, address) if vma is not None else ("", 0, 0)
        if page not in self._objects:
            return
        for other, place, pfn in self._mappers_of(page):
            self._unmap(other, place, pfn, hold=False)
            if until_free:
                self._free(pfn)
            return
        cgroup, pfn = self._objects[page]
        frame = self._frames.at(pfn) if pfn else None
        if vma is not None and frame is not None and frame.cgroup == cgroup:
            if "UNEVICTABLE" in frame.flags:
                return
            if _is_to_be_flushed(frame):
                agent.ask("page_out", f"/proc/self/{link(vma)}", page[2])
                return
        self._empty_out(agent, address, cgroup)
        del self._objects[page]

    def _unmap(self, agent: Agent, address: int, pfn: int, *, hold: bool) -> None:
        """
        Take a page out of every page table; what locks it in memory keeps it.

        Tried again for a while: one on the active list may have to wait until the cgroup's counts are next
        brought up to date, which is every two seconds.  But a page that was freed lazily goes at once, or
        was written since: then it is found to be in use, and it is the next pass that may take it.
        """
        end = time.monotonic() + _PATIENCE
        cgroup = self._frames.at(pfn).cgroup
        lost = False
        lazily = "ANON" in self._frames.at(pfn).flags and "SWAPBACKED" not in self._frames.at(pfn).flags
        while _maps(agent.pid, address, pfn):
            frame = self._frames.at(pfn)
            if "UNEVICTABLE" in frame.flags or time.monotonic() > end:
                break
            if frame.mapcount == 1 and not agent.ask("madvise", address, PAGE_SIZE, ADVICE["pageout"])[0]:
                pass  # that is refused where the VMA is locked; page-out may come by all the same
            elif _is_to_be_flushed(frame):
                self._take_from_others(agent, address, pfn)
            elif not self._cgroups.has(cgroup):
                break
            elif hold and self._is_to_wait(pfn, frame):
                lost = not self._empty_but_keep(pfn, cgroup)
            else:
                self._cgroups.empty(cgroup)
            if lazily:
                break
        self._note(agent.pid, address, pfn, cgroup, lost)

    def _take_from_others(self, agent: Agent, address: int, pfn: int) -> None:
        """
        Leave a dirty page of a file to one process.

        Its cgroup must not be emptied: reclaim that meets such pages alone has them written, some time soon,
        and what is clean is another matter.
        """
        for other, place in list(self._mappers(pfn)):
            if (other.pid, place) != (agent.pid, address):
                other.ask("madvise", place, PAGE_SIZE, ADVICE["dontneed"])

    def _is_to_wait(self, pfn: int, frame: Frame) -> bool:
        """
        Whether a frame waits in the swap cache after its page was swapped out.

        Shared memory that is held would not be written and so get no slot; what was freed lazily would not be
        dropped; and what is in the swap cache and clean is freed at once.
        """
        dirty = "DIRTY" in frame.flags or pfn in self._written
        return {"ANON", "SWAPBACKED"} <= frame.flags and ("SWAPCACHE" not in frame.flags or dirty)

    def _empty_but_keep(self, pfn: int, cgroup: int) -> bool:
        """
        Empty a page's cgroup and keep the frame.

        A frame that is held is not written.  So one process reads the page back, from the swap cache, and
        being the only one to map it can have it written by MADV_PAGEOUT.

        Returns:
            Whether there was a process that may read the page; else the frame is gone.
        """
        mappers = self._mappers(pfn)
        holder = next((who for who in mappers if who[0].ask("hold", who[1])[0] == 0), None)
        if holder is None:
            self._cgroups.empty(cgroup)
            return False
        agent, address = holder
        try:
            self._cgroups.empty(cgroup)
        finally:
            agent.ask("let_go")
        if not _maps(agent.pid, address, pfn):
            agent.ask("touch", address, 1, False, [])
            agent.ask("madvise", address, PAGE_SIZE, ADVICE["pageout"])
        return True

    def _empty_out(self, agent: Agent, address: int, cgroup: int) -> None:
        """Free the frame that is cached behind an entry, whichever it is; it too may take a while."""
        end = time.monotonic() + _PATIENCE
        waits = True
        while waits and time.monotonic() < end:
            self._cgroups.empty(cgroup)
            number, text = agent.ask("mincore", address, 1)
            waits = not number and bool(int(text, 16) & 1)

    def _note(self, pid: int, address: int, pfn: int, cgroup: int, lost: bool) -> None:
        """Remember which frame waits behind the swap entry, once it has been written."""
        entry = entries(pid, address, address + PAGE_SIZE).get(address)
        if entry is None or not entry.swapped:
            return
        self._homes[_slot(entry)] = cgroup
        self._waiting.pop(_slot(entry), None)
        self._lost.discard(_slot(entry))
        if lost:
            self._lost.add(_slot(entry))
            return
        self._waiting[_slot(entry)] = pfn, cgroup
        self._written.discard(pfn)
        end = time.monotonic() + _PATIENCE
        while "WRITEBACK" in self._frames.at(pfn).flags and time.monotonic() < end:
            time.sleep(0.001)

    def _free(self, pfn: int) -> None:
        """Free a frame that nobody maps any more; as with unmapping, that may take a while."""
        cgroup = self._frames.at(pfn).cgroup
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            frame = self._frames.at(pfn)
            if frame.cgroup != cgroup:
                self._waiting = {slot: there for slot, there in self._waiting.items() if there[0] != pfn}
                return
            if frame.mapcount or not self._cgroups.has(cgroup) or _is_to_be_flushed(frame):
                return
            self._cgroups.empty(cgroup)


def push_out_private(agent: Agent, start: int, pages: int) -> None:
    """
    Swap out pages that one process maps, which takes no privilege.

    Raises:
        CannotError: one is shared, or its frame waits in the swap cache already.
    """
    for address, entry in sorted(entries(agent.pid, start, start + pages * PAGE_SIZE).items()):
        if not (entry.present and entry.exclusive):
            what = "is shared or the zero page" if entry.present else "is swapped out already"
            raise CannotError(
                f"process {agent.pid}, {address:#x} {what}: pushing it out takes root and cgroups"
            )
        agent.ask("madvise", address, PAGE_SIZE, ADVICE["pageout"])


def _is_to_be_flushed(frame: Frame) -> bool:
    """Whether a frame is a file's and dirty: page-out takes it from page tables, and leaves it so."""
    return "DIRTY" in frame.flags and not {"ANON", "SWAPBACKED"} & frame.flags


def _slot(entry: PagemapEntry) -> Slot:
    return entry.swap_type, entry.swap_offset


def _maps(pid: int, address: int, pfn: int) -> bool:
    entry = entries(pid, address, address + PAGE_SIZE).get(address)
    return entry is not None and entry.present and entry.pfn == pfn
