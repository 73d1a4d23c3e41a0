"""What this machine lets us see and do; asked once, before anything is made."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import attrs

from vmtui.live.cgroups import Hierarchy, find_hierarchy
from vmtui.live.maps import ProcError
from vmtui.live.observed import FIELDS, PRIVILEGED
from vmtui.live.pagemap import PagemapEntry, Words
from vmtui.live.scan import has_pagemap_scan

__all__ = ["Abilities", "probe"]

_PAGE: Final = 4096


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
        missing: What is not there, each in a sentence.
    """

    processes: bool
    frames: bool = False
    hierarchy: Hierarchy | None = None
    swap: bool = False
    scan: bool = False
    missing: tuple[str, ...] = ()

    @property
    def fields(self) -> frozenset[str]:
        """The fields that can be compared."""
        if not self.processes:
            return frozenset()
        fields = frozenset(FIELDS)
        return fields if self.frames else fields - PRIVILEGED


def probe() -> Abilities:
    """Ask this machine."""
    if not sys.platform.startswith("linux"):
        return Abilities(False, missing=(f"this is {sys.platform}, and the kernel underneath must be Linux",))
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
    swap = os.geteuid() == 0
    if not swap:
        missing.append("no swap file of our own: turning one on takes root")
    scan = has_pagemap_scan()
    if not scan and not frames:
        missing.append("no PAGEMAP_SCAN (Linux 6.7): the zero page cannot be told from another")
    return Abilities(True, frames, hierarchy, swap, scan, tuple(missing))


def _sees_frames() -> bool:
    """Whether pagemap and kpageflags tell of a page of this very process."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
        with Words("/proc/self/pagemap") as pagemap, Words("/proc/kpagecount"), Words("/proc/kpageflags"):
            for line in text.split("\n"):
                start, _, end = line.split(" ", 1)[0].partition("-")
                if "[heap]" in line or "[stack]" in line:
                    words = pagemap.read(int(start, 16) // _PAGE, (int(end, 16) - int(start, 16)) // _PAGE)
                    return any(PagemapEntry.decode(word).pfn for word in words)
    except (OSError, ProcError):
        return False
    return False


def _hierarchy() -> Hierarchy | None:
    """The memory controller's hierarchy, if its root can be written to."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="surrogateescape")
        unified = next(
            (line.split(" ")[1] for line in mounts.split("\n") if line.split(" ")[2:3] == ["cgroup2"]), None
        )
        control = Path(unified, "cgroup.subtree_control").read_text() if unified is not None else ""
        with Words("/proc/kpagecgroup"):
            found = find_hierarchy(mounts, control)
    except OSError:
        return None
    return found if found is not None and os.access(found.root, os.W_OK) else None
