"""
Calls that fault pages in by themselves, where memory is locked: what they will have in the page cache then.

All of it would be charged to one cgroup.  So it is brought in before the call, each page in a cgroup of its
own, and the call finds it there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import attrs

from vmtui.live.arena import in_arena
from vmtui.live.calls import Call
from vmtui.live.frames import entries
from vmtui.live.maps import MapsLine, Smap, parse_smaps, read_text
from vmtui.mm.mm_types import VM_WRITE

__all__ = ["Wanted", "gains", "is_behind_end", "link"]

PAGE: Final = 4096

Wanted = tuple[MapsLine, int]
"""A page of a file or of shared memory: a VMA of it, and the address where the page is in it, or would be."""


def gains(pid: int, call: Call) -> Iterator[Wanted]:
    """The pages that mlock, mprotect, mremap or remap_file_pages will have to read, in order."""
    smaps = parse_smaps(read_text(f"/proc/{pid}/smaps"), in_arena)
    for vma, start, end in _faulted(smaps, call):
        there = entries(pid, start, end) if call.word in ("mlock", "mprotect") else {}
        for address in range(start, end, PAGE):
            if is_behind_end(pid, vma, address):
                return
            if address not in there:
                yield vma, address


def is_behind_end(pid: int, vma: MapsLine, address: int) -> bool:
    """Whether a page is behind the end of its object, as far as we may know: to touch it is SIGBUS."""
    try:
        size = os.stat(f"/proc/{pid}/{link(vma)}").st_size
    except OSError:
        return False
    return vma.offset + address - vma.start >= size


def link(vma: MapsLine) -> str:
    """The link to a VMA's object, in the folder of its process."""
    return f"map_files/{vma.start:x}-{vma.end:x}"


def _faulted(smaps: tuple[Smap, ...], call: Call) -> Iterator[tuple[MapsLine, int, int]]:
    """The parts of VMAs of files and of shared memory that a call will fault in."""
    start, end = call.start, call.start + call.length
    within = list(_to_first_hole(smaps, start, end))
    whole = bool(within) and within[-1].vma.end >= end
    if call.word == "mlock":
        for smap in within if whole else ():
            if smap.vma.perms.startswith("---"):
                return
            if smap.vma.inode:
                yield smap.vma, max(start, smap.vma.start), min(end, smap.vma.end)
    elif call.word == "mprotect" and call.prot & VM_WRITE:
        for smap in within:
            if "lo" in smap.flags and smap.vma.inode and smap.vma.perms[1] + smap.vma.perms[3] == "-p":
                yield smap.vma, max(start, smap.vma.start), min(end, smap.vma.end)
    elif call.word == "mremap" and whole and call.new_length > call.length:
        smap = within[0]
        if "lo" in smap.flags and smap.vma.inode and not smap.vma.perms.startswith("---"):
            yield smap.vma, end, start + call.new_length
    elif call.word == "remap_file_pages" and whole and _is_one_shared(within):
        vma = within[0].vma
        if not vma.perms.startswith("---"):
            # The VMA as it will be: the address is that of another page.
            yield attrs.evolve(vma, offset=call.offset + vma.start - start), start, end


def _is_one_shared(smaps: list[Smap]) -> bool:
    """Whether all of them map one object, shared, and are alike otherwise."""
    kinds = {(smap.vma.device, smap.vma.inode, smap.vma.perms, smap.flags) for smap in smaps}
    return len(kinds) == 1 and smaps[0].vma.perms.endswith("s")


def _to_first_hole(smaps: tuple[Smap, ...], start: int, end: int) -> Iterator[Smap]:
    """The VMAs from an address on, each beginning where the one before it ends."""
    for smap in smaps:
        if smap.vma.start <= start < smap.vma.end and start < end:
            yield smap
            start = smap.vma.end
