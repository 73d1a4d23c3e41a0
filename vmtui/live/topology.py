"""
The anon_vmas of the kernel underneath: which VMA has which, in what order, and which page points at which.

Addresses of the kernel's serve to tell its objects apart at one moment, and for nothing else.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import attrs

from vmtui.errors import CannotError, LiveError
from vmtui.live.bpf import fill_array, iterator_of_map, iterator_of_task, read_iterator
from vmtui.live.bpf_tools import FOLIOS, Programs
from vmtui.live.maps import ProcError
from vmtui.live.observed import AnonVmaSeen
from vmtui.live.pagemap import PAGE_SIZE, PagemapEntry, Words

__all__ = [
    "FolioSeen",
    "Topology",
    "TopologyReader",
    "VmaLinks",
    "decode_folios",
    "decode_vmas",
    "find_mem_map",
]

_RECORD: Final = struct.Struct("=7Q")
_VMA, _AVC, _CUT, _FILE, _FOLIO = range(1, 6)

_ANON: Final = 1  # of the two low bits of folio->mapping: an anon_vma's address is above them
_LOW_BITS: Final = 3


@attrs.frozen
class VmaLinks:
    """
    What ties a VMA to anon_vmas.

    Attributes:
        pgoff: Its vm_pgoff.
        anon_vma: Its own; 0 for none.
        chain: Those of its anon_vma_chain, in order.
    """

    pgoff: int
    anon_vma: int
    chain: tuple[int, ...]


@attrs.frozen
class FolioSeen:
    """
    Attributes of a folio.

    Attributes:
        anon_vma: Of folio->mapping, if an anon_vma is what it is; else 0.
        index: Its folio->index.
    """

    anon_vma: int
    index: int


@attrs.frozen
class Topology:
    """
    All of it, at one moment.

    Attributes:
        vmas: By process and address.
        anon_vmas: By address in the kernel: each that is in somebody's chain.
        folios: By pfn.
        torn: An anon_vma was not twice the same, while it was read.
    """

    vmas: Mapping[tuple[str, int], VmaLinks] = attrs.field(factory=dict)
    anon_vmas: Mapping[int, AnonVmaSeen] = attrs.field(factory=dict)
    folios: Mapping[int, FolioSeen] = attrs.field(factory=dict)
    torn: bool = False

    @property
    def settled(self) -> bool:
        """
        Whether nobody holds on to an anon_vma for a moment, as migration and KSM do.

        A reference is its own; a root has one of each other anon_vma of its family.
        """
        if self.torn:
            return False
        held = dict.fromkeys(self.anon_vmas, 1)
        for address, seen in self.anon_vmas.items():
            if seen.root != address and seen.root in held:
                held[seen.root] += 1
        return all(seen.refcount == held[address] for address, seen in self.anon_vmas.items())


def decode_vmas(data: bytes) -> tuple[dict[int, VmaLinks], list[tuple[int, AnonVmaSeen]]]:
    """
    What ``show_vma`` says of a process: its VMAs by address, and the anon_vmas met, once for each AVC.

    Raises:
        ProcError: it says something else.
        CannotError: a chain is longer than it can say.
    """
    found: dict[int, VmaLinks] = {}
    met: list[tuple[int, AnonVmaSeen]] = []
    start = -1
    for kind, *words in _records(data):
        if kind == _VMA:
            start = words[0]
            found[start] = VmaLinks(words[2], words[3], ())
        elif kind == _AVC and start >= 0:
            links = found[start]
            found[start] = attrs.evolve(links, chain=(*links.chain, words[0]))
            met.append((words[0], AnonVmaSeen(*words[1:])))
        elif kind == _CUT:
            length = len(found[start].chain) if start in found else 0
            raise CannotError(f"an anon_vma_chain is longer than the {length} AVCs that can be read of it")
        else:
            raise ProcError(f"a record of kind {kind} among the VMAs of a process")
    return found, met


def decode_folios(data: bytes) -> dict[int, FolioSeen]:
    """
    What ``show_folio`` says: folios by their address.

    Raises:
        ProcError: it says something else.
    """
    found = {}
    for kind, address, mapping, index, *_ in _records(data):
        if kind != _FOLIO:
            raise ProcError(f"a record of kind {kind} among folios")
        found[address] = FolioSeen(mapping - _ANON if mapping & _LOW_BITS == _ANON else 0, index)
    return found


def find_mem_map(data: bytes, start: int, pfn: int) -> tuple[int, int]:
    """
    Where the struct page of frame 0 would lie, and the bytes of one, by a page of a file of ours.

    Args:
        data: What ``show_file`` says of the process that has the file mapped.

        start, pfn: Where it is mapped, and its page's frame.

    Raises:
        CannotError: nothing is said of it.
    """
    for kind, at, _, folio, size, *_ in _records(data):
        # An address_space with one page, its first, leads to the folio itself: the low bits are clear.
        if kind == _FILE and at == start and folio and not folio & _LOW_BITS and size:
            return folio - pfn * size, size
    raise CannotError("no struct page can be found by its frame: a file of ours does not show where they lie")


def _records(data: bytes) -> Iterator[tuple[int, ...]]:
    if len(data) % _RECORD.size:
        raise ProcError(f"{len(data)} bytes are no whole number of records of {_RECORD.size}")
    return _RECORD.iter_unpack(data)


class TopologyReader:
    """
    Reads it.

    Args:
        programs: What reads in the kernel.

    Raises:
        CannotError: it cannot be read here.
    """

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self._links: dict[int, int] = {}
        self._folios = self._link(iterator_of_map, programs.show_folio, programs.folios)
        self._mem_map, self._struct_page = self._find_mem_map()

    def read(self, processes: Mapping[str, int], pfns: Iterable[int]) -> Topology:
        """
        All of it.

        Args:
            processes: Pids by name.

            pfns: The frames whose folios are wanted; each an order-0 folio.

        Raises:
            LiveError: the kernel refuses.
        """
        try:
            return self._read(processes, sorted(set(pfns)))
        except OSError as error:
            raise LiveError(f"anon_vmas cannot be read any more: {error.strerror or error}") from error

    def _read(self, processes: Mapping[str, int], pfns: Sequence[int]) -> Topology:
        vmas: dict[tuple[str, int], VmaLinks] = {}
        anon_vmas: dict[int, AnonVmaSeen] = {}
        torn = False
        self._forget(set(processes.values()))
        for name, pid in processes.items():
            links, met = decode_vmas(self._vmas_of(pid))
            vmas.update({(name, start): each for start, each in links.items()})
            for address, seen in met:
                torn |= anon_vmas.setdefault(address, seen) != seen
        return Topology(vmas, anon_vmas, self._of_frames(pfns), torn)

    def close(self) -> None:
        """Give everything up."""
        for link in (*self._links.values(), self._folios):
            os.close(link)
        self._links.clear()
        self._programs.close()

    def _link(self, make: Callable[[int, int], int], program: int, about: int) -> int:
        try:
            return make(program, about)
        except OSError as error:
            raise CannotError(f"a BPF iterator cannot be made: {error.strerror}") from error

    def _vmas_of(self, pid: int) -> bytes:
        if pid not in self._links:
            self._links[pid] = self._link(iterator_of_task, self._programs.show_vma, pid)
        return read_iterator(self._links[pid])

    def _forget(self, living: set[int]) -> None:
        """Give up the iterators of those who have gone: their pids may become others'."""
        for pid in self._links.keys() - living:
            os.close(self._links.pop(pid))

    def _of_frames(self, pfns: Sequence[int]) -> dict[int, FolioSeen]:
        addresses = {self._mem_map + pfn * self._struct_page: pfn for pfn in pfns}
        wanted = list(addresses)
        found: dict[int, FolioSeen] = {}
        for first in range(0, len(wanted), FOLIOS):
            some = wanted[first : first + FOLIOS]
            fill_array(self._programs.folios, [*some, *[0] * (FOLIOS - len(some))])
            told = decode_folios(read_iterator(self._folios))
            found.update({addresses[address]: folio for address, folio in told.items()})
        return found

    def _find_mem_map(self) -> tuple[int, int]:
        """Where struct pages lie, found by a page whose frame is known; no symbol need say so."""
        fd = os.memfd_create("vmtui")
        try:
            os.ftruncate(fd, PAGE_SIZE)
            with mmap.mmap(fd, PAGE_SIZE) as memory, Words("/proc/self/pagemap") as pagemap:
                memory[0] = 1
                pin = ctypes.c_char.from_buffer(memory)
                start = ctypes.addressof(pin)
                del pin
                pfn = PagemapEntry.decode(pagemap.read(start // PAGE_SIZE)[0]).pfn
                link = self._link(iterator_of_task, self._programs.show_file, os.getpid())
                try:
                    return find_mem_map(read_iterator(link), start, pfn)
                finally:
                    os.close(link)
        finally:
            os.close(fd)
