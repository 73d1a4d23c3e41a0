"""Where scenarios map: an interpreter's own mappings lie elsewhere, and are nobody's business."""

from __future__ import annotations

from typing import Final

from vmtui.live.maps import MapsLine

__all__ = ["in_arena"]

ARENA: Final = ((0x0800_0000, 0x1_0000_0000), (0x1000_0000_0000, 0x4000_0000_0000))
"""The addresses that scenarios use, of 32 and of 64 bits."""


def in_arena(vma: MapsLine) -> bool:
    """Whether a VMA is a scenario's."""
    return any(start <= vma.start and vma.end <= end for start, end in ARENA)
