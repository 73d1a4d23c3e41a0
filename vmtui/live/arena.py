"""Where scenarios map: an interpreter's own mappings lie elsewhere, and are nobody's business."""

from __future__ import annotations

from typing import Final

from vmtui.live.maps import MapsLine, parse_maps, read_text

__all__ = ["ObjectPage", "arena_vmas", "in_arena", "page_of"]

ARENA: Final = ((0x0800_0000, 0x1_0000_0000), (0x1000_0000_0000, 0x4000_0000_0000))
"""The addresses that scenarios use, of 32 and of 64 bits."""

ObjectPage = tuple[str, int, int]
"""A page of a file or of shared memory: device, inode, offset in bytes."""


def in_arena(vma: MapsLine) -> bool:
    """Whether a VMA is a scenario's."""
    return any(start <= vma.start and vma.end <= end for start, end in ARENA)


def arena_vmas(pid: int) -> list[MapsLine]:
    """A process's VMAs that are a scenario's."""
    return [vma for vma in parse_maps(read_text(f"/proc/{pid}/maps")) if in_arena(vma)]


def page_of(vma: MapsLine, address: int) -> ObjectPage:
    """Which page of its object a VMA has at an address."""
    return vma.device, vma.inode, vma.offset + address - vma.start
