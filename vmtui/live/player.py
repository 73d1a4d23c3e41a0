"""
Doing to real processes what a scenario says, one call after the other.

After each call the kernel's per-CPU batches are drained: before that, what it says of a page may be a moment
behind, and is so every time.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final

import attrs

from vmtui.errors import CannotError, LiveError
from vmtui.live.agents import Agent, Agents
from vmtui.live.arena import ObjectPage, arena_vmas, page_of
from vmtui.live.calls import ADVICE, Call
from vmtui.live.cgroups import HOME
from vmtui.live.drain import drain_by_move_pages
from vmtui.live.eviction import Eviction, push_out_private
from vmtui.live.frames import Frames, entries
from vmtui.live.gains import Wanted, gains, is_behind_end, link
from vmtui.live.maps import MapsLine
from vmtui.live.pagemap import PagemapEntry
from vmtui.live.premises import Premises
from vmtui.live.swap import swapoff
from vmtui.live.topology import TopologyReader

__all__ = ["LivePlayer"]

PAGE: Final = 4096

MAP_SHARED, MAP_PRIVATE, MAP_ANONYMOUS, MAP_GROWSDOWN = 0x01, 0x02, 0x20, 0x100
MAP_FIXED_NOREPLACE: Final = 0x100000
MREMAP_MAYMOVE, MREMAP_FIXED, MREMAP_DONTUNMAP = 1, 2, 4
MAP_NONBLOCK: Final = 0x10000
MADV_RANDOM, MADV_DONTNEED_LOCKED = 1, 24
_TOUCHING: Final = ("touch", "mlock", "swapout", "evict")
MAX_PAGES: Final = 20_000
"""Pages of one command: each has a cgroup of its own, and is looked at after every command."""

MAX_PROCESSES: Final = 200
_TOUCHES: Final = 1000  # pages in one request


class LivePlayer:
    """
    Real processes, files and swap.

    Args:
        premises: Where.

    Attributes:
        processes: The living, by name.
        files: The files of the scenario: their paths, by name.
        frames: What the kernel says of frames; None where it tells us nothing.
    """

    def __init__(self, premises: Premises) -> None:
        self._premises = premises
        self._cgroups = cgroups = premises.cgroups
        self.processes: dict[str, Agent] = {}
        self.files: dict[str, Path] = {}
        self.frames = Frames() if premises.abilities.frames else None
        pattern = cgroups.tasks_pattern if cgroups is not None else ""
        self._folder = Path(tempfile.mkdtemp(prefix="play", dir=premises.folder))
        if cgroups is not None:
            cgroups.recycle()
        self._agents = Agents(self._folder, pattern, HOME)
        self._eviction: Eviction | None = None
        if self.frames is not None and cgroups is not None:
            self._eviction = Eviction(self.frames, cgroups, self._mappers, self._mappers_of)

    @property
    def fields(self) -> frozenset[str]:
        """What can be said of a state here."""
        return self._premises.abilities.fields

    @property
    def topology(self) -> TopologyReader | None:
        """What reads anon_vmas; None where it is not asked for."""
        return self._premises.topology

    @property
    def scan(self) -> bool:
        """Whether there is PAGEMAP_SCAN."""
        return self._premises.abilities.scan

    @property
    def readahead(self) -> bool:
        """Whether swap-in may read more than the page that is wanted."""
        return self._premises.readahead

    def waiting(self, entry: PagemapEntry) -> int | None:
        """The frame in the swap cache behind a swap entry; None if there is none, or it is not known."""
        return self._eviction.waiting(entry) if self._eviction is not None else None

    def is_lost(self, entry: PagemapEntry) -> bool:
        """Whether the frame behind a swap entry was to wait in the swap cache, and could not be kept."""
        return self._eviction is not None and self._eviction.is_lost(entry)

    def _mappers(self, pfn: int) -> Iterator[tuple[Agent, int]]:
        """Who maps a frame, and where."""
        for agent in self.processes.values():
            for vma in arena_vmas(agent.pid):
                for address, entry in entries(agent.pid, vma.start, vma.end).items():
                    if entry.pfn == pfn:
                        yield agent, address

    def _mappers_of(self, page: ObjectPage) -> Iterator[tuple[Agent, int, int]]:
        """Who maps a page of a file or of shared memory, where, and the frame."""
        device, inode, offset = page
        for agent in self.processes.values():
            for vma in arena_vmas(agent.pid):
                address = vma.start + offset - vma.offset
                if (vma.device, vma.inode) == (device, inode) and vma.start <= address < vma.end:
                    entry = entries(agent.pid, address, address + PAGE).get(address)
                    if entry is not None and entry.present and entry.file:
                        yield agent, address, entry.pfn

    def close(self) -> None:
        """End every process."""
        self._agents.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        if self.frames is not None:
            self.frames.close()

    def __enter__(self) -> LivePlayer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def perform(self, call: Call) -> str | None:
        """
        Do it; the name of the errno, or None.

        Raises:
            LiveError: a process died, or does not answer.
            CannotError: this machine has no way to do it.
        """
        self._premises.go_on()
        self._check_size(call)
        number = getattr(self, f"_{call.word}")(call)
        self.drain()
        return errno.errorcode[number] if number else None

    def _check_size(self, call: Call) -> None:
        pages = call.length // PAGE if call.word in _TOUCHING else 0
        if pages > MAX_PAGES:
            raise CannotError(f"{pages:,} pages in one command: verify takes {MAX_PAGES:,} at most")
        if call.word in ("spawn", "fork") and len(self.processes) >= MAX_PROCESSES:
            raise CannotError(f"more than {MAX_PROCESSES} processes: verify takes no more")

    def drain(self) -> None:
        """Empty the per-CPU batches of every LRU list."""
        if self._cgroups is None or not self._cgroups.drain():
            drain_by_move_pages()

    # Processes.

    def _spawn(self, call: Call) -> int:
        self.processes[call.task] = self._agents.spawn()
        return 0

    def _fork(self, call: Call) -> int:
        self.processes[call.child] = self._agents.fork(self.processes[call.task])
        return 0

    def _exec(self, call: Call) -> int:
        """To memory, exec is the end of one process and the beginning of another."""
        self._exit(call)
        return self._spawn(call)

    def _exit(self, call: Call) -> int:
        self.processes.pop(call.task).end()
        return 0

    # Mappings.

    def _mmap(self, call: Call) -> int:
        agent = self.processes[call.task]
        flags = (MAP_SHARED if call.shared else MAP_PRIVATE) | MAP_FIXED_NOREPLACE
        flags |= MAP_GROWSDOWN if call.growsdown else 0
        path = str(self.files[call.file]) if call.file else ""
        flags |= 0 if path else MAP_ANONYMOUS
        number, _ = agent.ask("mmap", call.start, call.length, call.prot, flags, path, call.offset)
        if path and not number:
            # No readahead: a fault reads the page that it is about, and no other becomes cached.
            agent.ask("madvise", call.start, call.length, MADV_RANDOM)
        return number

    def _brk(self, call: Call) -> int:
        """Done by mmap, which has another word for what is in the way."""
        number = self._mmap(call)
        return errno.ENOMEM if number == errno.EEXIST else number

    def _munmap(self, call: Call) -> int:
        return self.processes[call.task].ask("munmap", call.start, call.length)[0]

    def _mprotect(self, call: Call) -> int:
        arguments = (call.start, call.length, call.prot)
        return self._faulting(call, "mprotect", arguments, call.start, call.length)

    def _mremap(self, call: Call) -> int:
        flags = 0 if call.to is None else MREMAP_MAYMOVE
        flags |= 0 if call.to is None or call.hint else MREMAP_FIXED
        flags |= MREMAP_DONTUNMAP if call.keep else 0
        arguments = (call.start, call.length, call.new_length, flags, call.to or 0)
        start = call.start if call.to is None else call.to
        return self._faulting(call, "mremap", arguments, start, call.new_length)

    def _remap_file_pages(self, call: Call) -> int:
        """
        The call maps the range anew, and reads its pages.

        Those of a file are left to be read after what is said of every mapping of a file is said of it.
        """
        agent = self.processes[call.task]
        file = any(
            vma.start <= call.start < vma.end and vma.path.startswith(str(self._folder))
            for vma in arena_vmas(agent.pid)
        )
        arguments = (call.start, call.length, call.offset // PAGE, MAP_NONBLOCK if file else 0)
        number = self._faulting(call, "remap_file_pages", arguments, call.start, call.length)
        if file and not number:
            agent.ask("madvise", call.start, call.length, MADV_RANDOM)
            self._touch(call)
        return number

    def _faulting(self, call: Call, word: str, arguments: tuple[int, ...], start: int, length: int) -> int:
        """A call that faults pages in where memory is locked; then each page is given a cgroup of its own."""
        agent = self.processes[call.task]
        self._bring(agent, list(gains(agent.pid, call)))
        if self._eviction is None or self._cgroups is None:
            return int(agent.ask(word, *arguments)[0])
        name = self._cgroups.spare(1)[0]
        agent.ask("enter", name)
        number, _ = agent.ask(word, *arguments)
        agent.ask("enter", HOME)
        if number and word == "mremap":
            return int(number)  # nothing was faulted in, and the range may be of any size
        self._eviction.charged(agent.pid, start, length // PAGE, write=False)
        together = self._eviction.charged_to(self._cgroups.inode(name), agent.pid, start, length // PAGE)
        for address in together:
            # Dropped and touched again it is new, written and locked, as it was; no VMA changes.
            if address != together[0]:
                agent.ask("madvise", address, PAGE, MADV_DONTNEED_LOCKED)
            # A page that is all zeroes would need no place in swap.
            self._touch_some(attrs.evolve(call, write=True), address, 1)
        return int(number)

    def _madvise(self, call: Call) -> int:
        agent = self.processes[call.task]
        before = {}
        if self._eviction is not None and call.advice == ADVICE["pageout"]:
            before = entries(agent.pid, call.start, call.start + call.length)
        number, _ = agent.ask("madvise", call.start, call.length, call.advice)
        if self._eviction is not None:
            self._eviction.paged_out(agent.pid, before)
        return number

    def _mlock(self, call: Call) -> int:
        return self._faulting(call, "mlock", (call.start, call.length), call.start, call.length)

    def _munlock(self, call: Call) -> int:
        return self.processes[call.task].ask("munlock", call.start, call.length)[0]

    # Pages.

    def _touch(self, call: Call) -> int:
        for start in range(call.start, call.start + call.length, _TOUCHES * PAGE):
            pages = min(_TOUCHES, (call.start + call.length - start) // PAGE)
            number = self._touch_some(call, start, pages)
            if number:
                return number
        return 0

    def _touch_some(self, call: Call, start: int, pages: int) -> int:
        """Touch each page in a cgroup of its own, so that it can be pushed out by itself."""
        agent = self.processes[call.task]
        self._bring(agent, list(self._uncached(agent, start, pages, call.write)) if self.files else [])
        cgroups = []
        if self._eviction is not None and self._cgroups is not None:
            cgroups = [*self._cgroups.spare(pages), HOME]
        number, _ = agent.ask("touch", start, pages, call.write, cgroups)
        if self._eviction is not None:
            self._eviction.charged(agent.pid, start, pages, write=call.write)
        return number

    def _bring(self, agent: Agent, wanted: list[Wanted]) -> None:
        """
        Bring into the cache, or into shared memory, what faults are going to read, and that alone.

        So the cache's page and a private copy of it are charged apart; and on executable pages the kernel
        reads ahead whatever MADV_RANDOM says.
        """
        for vma, group in groupby(wanted, key=itemgetter(0)):
            offsets = [page_of(vma, address)[2] for _, address in group]
            for first in range(0, len(offsets), _TOUCHES):
                if not self._bring_some(agent, vma, offsets[first : first + _TOUCHES]):
                    break
        if wanted and self._eviction is not None:
            agent.ask("enter", HOME)

    def _bring_some(self, agent: Agent, vma: MapsLine, offsets: list[int]) -> bool:
        """Bring pages of one object; whether it has all of them."""
        is_file = vma.path.startswith(str(self._folder))
        names = [""] * len(offsets)
        if self._eviction is not None and self._cgroups is not None:
            names = self._cgroups.spare(len(offsets))
        elif not is_file:
            return True
        path = vma.path if is_file else f"/proc/self/{link(vma)}"
        requests = [(name, path, offset) for name, offset in zip(names, offsets, strict=True)]
        number, new = agent.ask("cache" if is_file else "bring", requests)
        if self._eviction is not None and self._cgroups is not None:
            for at in new:
                page = (vma.device, vma.inode, offsets[at])
                self._eviction.cached(page, self._cgroups.inode(names[at]))
        return not number

    def _uncached(self, agent: Agent, start: int, pages: int, write: bool) -> Iterator[Wanted]:
        """
        The pages of our files that a touch reads along with other things, up to the first it cannot touch.

        A read of a page that is not executable brings that page alone: it is left to the fault.
        """
        there = entries(agent.pid, start, start + pages * PAGE)
        vmas = [vma for vma in arena_vmas(agent.pid) if vma.start < start + pages * PAGE and start < vma.end]
        for address in range(start, start + pages * PAGE, PAGE):
            vma = next((vma for vma in vmas if vma.start <= address < vma.end), None)
            if vma is None or vma.perms[1 if write else 0] == "-":
                return
            if address not in there and vma.path.startswith(str(self._folder)):
                if is_behind_end(agent.pid, vma, address):
                    return
                if write or vma.perms[2] == "x":
                    yield vma, address

    def in_core(self, agent: Agent, start: int, end: int) -> set[int]:
        """
        The addresses of [start, end) whose page, or the one behind its swap entry, is in memory.

        All of them must be mapped.

        Raises:
            LiveError: one is not.
        """
        found: set[int] = set()
        for first in range(start, end, _TOUCHES * PAGE):
            pages = min(_TOUCHES, (end - first) // PAGE)
            number, text = agent.ask("mincore", first, pages)
            if number:
                raise LiveError(f"mincore of {first:#x} in process {agent.pid}: {os.strerror(number)}")
            found.update(first + at * PAGE for at, there in enumerate(bytes.fromhex(text)) if there & 1)
        return found

    def came_back(self, slot: PagemapEntry, page: PagemapEntry) -> None:
        """A page that was swapped is mapped again."""
        if self._eviction is not None:
            self._eviction.came_back(slot, page)

    # Swap.

    def _swapout(self, call: Call) -> int:
        agent, pages = self.processes[call.task], call.length // PAGE
        if self._eviction is not None:
            self._eviction.push_out(agent, call.start, pages)
        else:
            push_out_private(agent, call.start, pages)
        return 0

    def _evict(self, call: Call) -> int:
        if self._eviction is None:
            raise CannotError("a frame cannot be freed by name here: that takes root and memory cgroups")
        agent = self.processes[call.task]
        self._eviction.push_out(agent, call.start, call.length // PAGE, until_free=True)
        return 0

    def _swapoff(self, call: Call) -> int:
        path = self._premises.own_swap
        if path is None:
            raise CannotError("the swap that is on is not ours to turn off")
        try:
            swapoff(path)
        except OSError as error:
            return error.errno or errno.EINVAL
        return 0

    # Files.

    def _file(self, call: Call) -> int:
        path = self._folder / f"file{len(self.files)}"
        with path.open("xb") as file:
            file.truncate(call.length)
        self.files[call.file] = path
        return 0

    def _truncate(self, call: Call) -> int:
        try:
            os.truncate(self.files[call.file], call.length)
        except OSError as error:
            return error.errno or errno.EINVAL
        return 0
