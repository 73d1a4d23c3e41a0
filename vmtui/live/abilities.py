"""What this machine lets us see and do; asked once, before anything is made."""

from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path
from typing import Final

import attrs

from vmtui.live.bpf_tools import BpfTools, find_tools, why_no_bpf
from vmtui.live.cgroups import Hierarchy, find_hierarchy
from vmtui.live.maps import ProcError, parse_maps, read_text
from vmtui.live.observed import FIELDS, PRIVILEGED, TOPOLOGY
from vmtui.live.pagemap import PagemapEntry, Words
from vmtui.live.scan import has_pagemap_scan

__all__ = ["Abilities", "probe"]

_PAGE: Final = 4096
_CAP_SYS_ADMIN: Final = 21


@attrs.frozen
class Abilities:
    """
    What can be had here.

    Attributes:
        processes: Agents can run and be looked at: this is a Linux with /proc/PID/pagemap.
        frames: Frames can be told apart: pagemap has their numbers, and kpagecount and kpageflags open.
        hierarchy: Where memory cgroups of our own can be made, and which page belongs to which can be read;
            None where they cannot.
        swap: A swap file can be turned on.
        scan: There is PAGEMAP_SCAN.
        bpf: What makes the programs that read anon_vmas; None where none can be, or they are not wanted.
        missing: What is not there, each in a sentence.
    """

    processes: bool
    frames: bool = False
    hierarchy: Hierarchy | None = None
    swap: bool = False
    scan: bool = False
    bpf: BpfTools | None = None
    missing: tuple[str, ...] = ()

    @property
    def fields(self) -> frozenset[str]:
        """The fields that can be compared."""
        if not self.processes:
            return frozenset()
        fields = frozenset(FIELDS if self.bpf is None else {**FIELDS, **TOPOLOGY})
        return fields if self.frames else fields - PRIVILEGED


def probe(*, anon_vma: bool = False) -> Abilities:
    """
    Ask this machine.

    Args:
        anon_vma: Whether anon_vmas are to be read too.
    """
    if not sys.platform.startswith("linux"):
        return Abilities(False, missing=(f"this is {sys.platform}, and the kernel underneath must be Linux",))
    if mmap.PAGESIZE != _PAGE:
        return Abilities(
            False, missing=(f"pages are {mmap.PAGESIZE:,} bytes here, and {_PAGE:,} in the simulator",)
        )
    if not os.access("/proc/self/pagemap", os.R_OK) or not os.access("/proc/self/smaps", os.R_OK):
        return Abilities(False, missing=("/proc/PID/pagemap or /proc/PID/smaps cannot be read",))
    missing = []
    frames = _sees_frames()
    if not frames:
        missing.append("no frame numbers: reading them takes CAP_SYS_ADMIN, which root has")
    hierarchy = _hierarchy() if frames else None
    if hierarchy is None:
        missing.append(
            "no memory cgroups of our own: a page that several processes share cannot be swapped out"
        )
    swap = has_capability(read_text("/proc/self/status"), _CAP_SYS_ADMIN)
    if not swap:
        missing.append("no swap file of our own: turning one on takes CAP_SYS_ADMIN, which root has")
    scan = has_pagemap_scan()
    if not scan and not frames:
        missing.append("no PAGEMAP_SCAN (Linux 6.7): the zero page cannot be told from another")
    bpf = None
    if anon_vma:
        lacking = why_no_bpf()
        if not frames and not lacking:
            lacking = ["no anon_vmas: without frame numbers it is not known which page has which"]
        bpf = find_tools() if not lacking else None
        missing += lacking
    return Abilities(True, frames, hierarchy, swap, scan, bpf, tuple(missing))


def has_capability(status: str, number: int) -> bool:
    """Whether a process has a capability, by its /proc/PID/status."""
    for line in status.split("\n"):
        name, _, value = line.partition(":")
        if name == "CapEff":
            return bool(int(value, 16) >> number & 1)
    return False


def _sees_frames() -> bool:
    """Whether pagemap and kpageflags tell of a page of this very process."""
    try:
        maps = parse_maps(read_text("/proc/self/maps"))
        with Words("/proc/self/pagemap") as pagemap, Words("/proc/kpagecount"), Words("/proc/kpageflags"):
            stack = next(vma for vma in maps if vma.path == "[stack]")
            words = pagemap.read(stack.start // _PAGE, (stack.end - stack.start) // _PAGE)
            return any(PagemapEntry.decode(word).pfn for word in words)
    except (OSError, ProcError, StopIteration):
        return False


def _hierarchy() -> Hierarchy | None:
    """The memory controller's hierarchy, if its root can be written to."""
    try:
        mounts = read_text("/proc/mounts")
        unified = next(
            (line.split(" ")[1] for line in mounts.split("\n") if line.split(" ")[2:3] == ["cgroup2"]), None
        )
        control = Path(unified, "cgroup.subtree_control").read_text() if unified is not None else ""
        with Words("/proc/kpagecgroup"):
            found = find_hierarchy(mounts, control)
    except OSError:
        return None
    return found if found is not None and os.access(found.root, os.W_OK) else None
