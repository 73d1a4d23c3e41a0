"""What a machine holds, whatever its reverse map: the part of its state in which all schemes must agree.

Of each page of each process its state, its frame, whether it may be written, and its swap slot; of files and
shared memory the frames and slots of their pages; mapcounts; free frames.  Accessed and dirty bits, VMA
boundaries and low memory are the scheme's own affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.machine import Machine
from vmtui.mm.mm_types import Mm
from vmtui.mm.page import PAGE_SHIFT
from vmtui.mm.pgtable import PAGE_PRESENT, PAGE_PROTNONE, PAGE_RW, PTRS_PER_TABLE, tables_of

__all__ = ["Content", "content", "differing", "mapped_entries"]

Content = Mapping[str, NDArray[Any]]
"""By what it is (``sh``, ``file data``, ``mapcounts``), pairs of numbers: where, and what is there."""

_MAPPED = np.uint64(PAGE_PRESENT | PAGE_PROTNONE)
_KEPT = np.uint64((~0 << PAGE_SHIFT | PAGE_PRESENT | PAGE_PROTNONE | PAGE_RW) & (1 << 64) - 1)


def content(machine: Machine) -> dict[str, NDArray[Any]]:
    """All of it."""
    found: dict[str, NDArray[Any]] = {}
    for task in machine.tasks:
        if task.mm is not None:
            found[f"process {task.name}"] = mapped_entries(task.mm)
    for file in machine.files:
        kind = f"shared memory {file.id}" if file.shmem else f"file {file.name}"
        found[kind] = _pairs(file.pages.all[: file.end])
        found[f"slots of {kind}"] = _pairs(file.slots.all[: file.end])
    counts = machine.mem_map.mapcount.all
    used = [where for where in machine.frames_used() if isinstance(where, slice)]
    found["mapcounts"] = np.concatenate([_pairs(counts[where], where.start) for where in used])
    found["free frames"] = np.array([[0, zone.free] for zone in machine.zones])
    return found


def mapped_entries(mm: Mm) -> NDArray[np.uint64]:
    """Each entry of a process's page tables, as (address, what it says but for accessed and dirty bits)."""
    parts = [np.zeros((0, 2), np.uint64)]
    for base, table in tables_of(mm):
        entries = mm.machine.memory.all[table * PTRS_PER_TABLE : (table + 1) * PTRS_PER_TABLE]
        slots = np.flatnonzero(entries)
        values = entries[slots]
        values = np.where(values & _MAPPED != 0, values & _KEPT, values)
        addresses = np.uint64(base) + (slots.astype(np.uint64) << np.uint64(PAGE_SHIFT))
        parts.append(np.stack([addresses, values], axis=1))
    return np.concatenate(parts)


def _pairs(values: NDArray[Any], first: int = 0) -> NDArray[np.int64]:
    at = np.flatnonzero(values)
    return np.stack([at + first, values[at].astype(np.int64)], axis=1)


def differing(one: Content, other: Content) -> tuple[str, ...]:
    """What differs between two machines; empty if they agree."""
    names = dict.fromkeys([*one, *other])
    return tuple(
        name
        for name in names
        if name not in one or name not in other or not np.array_equal(one[name], other[name])
    )
