"""Frames from afar: what many of them at once hold, and the cell that says so."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from vmtui.mm.cluster import page_numbers
from vmtui.mm.page import ZERO_PFN, PG_anon, PG_reserved, PG_swapcache, PG_table
from vmtui.view.glyphs import BLOCKS, char

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

#: Kinds of frames, each with what a sentence calls one of them.
KINDS: Final = {
    "free": "free",
    "kernel": "kernel",
    "table": "page table",
    "zero": "zero page",
    "anon": "anonymous",
    "swap": "swap cache",
    "file": "file",
}
_NUMBER: Final = {kind: number for number, kind in enumerate(KINDS)}
#: Kinds whose signs are filled by mapcount: 0, 1, 2 or more.
_FILLED: Final = frozenset({"anon", "swap", "file"})
_FILLS: Final = 3
#: The flags that tell the kind of a frame.
_TELLING: Final = PG_table | PG_reserved | PG_swapcache | PG_anon


@attrs.frozen
class Cell:
    """So many frames in a row, counted.

    Attributes:
        first: The first of them.
        frames: How many there are.
        counts: By kind and fill, as `signs_of` numbers them, how many of them are such.
    """

    first: int
    frames: int
    counts: tuple[int, ...]

    def of(self, kind: str) -> int:
        """How many are of a kind."""
        at = _NUMBER[kind] * _FILLS
        return sum(self.counts[at : at + _FILLS])

    @property
    def kind(self) -> str:
        """What most of those in use are; ``free`` where none is."""
        return _looks(self.frames, self.counts)[0]

    @property
    def sign(self) -> tuple[str, str]:
        """Two signs: of the commonest kind, filled as most of them are mapped; and how full the cell is."""
        return _looks(self.frames, self.counts)[1:]

    @property
    def text(self) -> str:
        """What it holds in words, the commonest first."""
        held = sorted((kind for kind in KINDS if self.of(kind)), key=self.of, reverse=True)
        return " · ".join(f"{self.of(kind):,} {KINDS[kind]}" for kind in held)


@lru_cache(maxsize=4096)
def _looks(frames: int, counts: tuple[int, ...]) -> tuple[str, str, str]:
    """Kind and signs of a cell. Memory in use is mostly full, so that most cells look like another."""
    cell = Cell(0, frames, counts)
    used = frames - cell.of("free")
    if not used:
        return "free", char("free"), " "
    kind = max((kind for kind in KINDS if kind != "free"), key=cell.of)
    at = _NUMBER[kind] * _FILLS
    fills = counts[at : at + _FILLS]
    name = f"{kind}_{fills.index(max(fills))}" if kind in _FILLED else kind
    return kind, char(name), BLOCKS[-(-used * (len(BLOCKS) - 1) // frames)]


def census(machine: Machine, first: int, end: int, zoom: int) -> list[Cell]:
    """The frames from `first` to `end`, so many to a cell, every one counted."""
    starts = np.arange(first, end, zoom)
    sizes = np.minimum(starts + zoom, end) - starts
    counts = np.zeros((len(starts), len(KINDS) * _FILLS), dtype=np.int64)
    # Where many frames lie together they are mostly alike: to see that is cheaper than to count them.
    alike = _alike(machine, starts, end)
    counts[alike, signs_of(machine, starts[alike])] = sizes[alike]
    for number in np.flatnonzero(~alike).tolist():
        pfns = np.arange(starts[number], starts[number] + sizes[number])
        counts[number] = np.bincount(signs_of(machine, pfns), minlength=counts.shape[1])
    cells = zip(starts.tolist(), sizes.tolist(), counts.tolist(), strict=True)
    return [Cell(start, frames, tuple(held)) for start, frames, held in cells]


def cell_of(machine: Machine, pfn: int, zoom: int) -> Cell:
    """The cell that a frame is in."""
    first = pfn - pfn % zoom
    return census(machine, first, min(first + zoom, machine.frames_total), zoom)[0]


def told(machine: Machine, pfn: int, zoom: int) -> str:
    """The cell that a frame is in, in words: ``0x40-0x7f: 60 anonymous · 4 free``."""
    cell = cell_of(machine, pfn, zoom)
    return f"{cell.first:#x}-{cell.first + cell.frames - 1:#x}: {cell.text}"


def first_of(machine: Machine, pfn: int, zoom: int) -> int:
    """The first frame in the cell of `pfn` that is what most are: the page that stands for the cell."""
    cell = cell_of(machine, pfn, zoom)
    kinds = signs_of(machine, np.arange(cell.first, cell.first + cell.frames)) // _FILLS
    found = cell.first + int(np.argmax(kinds == _NUMBER[cell.kind]))
    return max(found, ZERO_PFN)


def signs_of(machine: Machine, pfns: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each frame, ascending, the number of its kind, times three, and its mapcount, 2 for more."""
    pages = pfns if machine.cluster == 1 or not len(pfns) else _pages_of(machine, pfns)
    mem_map = machine.mem_map
    flags = mem_map.flags.all[pages]
    kinds = np.where(mem_map.count.all[pages] != 0, _NUMBER["kernel"], _NUMBER["free"])
    kinds[mem_map.mapping.all[pages] != 0] = _NUMBER["file"]
    for bit, kind in ((PG_anon, "anon"), (PG_swapcache, "swap"), (PG_reserved, "zero"), (PG_table, "table")):
        kinds[flags & bit != 0] = _NUMBER[kind]
    # Below the first zone lies what the kernel has for itself, but for the zero page.
    kinds[(pfns < machine.zones[0].start) & (pfns != ZERO_PFN)] = _NUMBER["kernel"]
    signs: NDArray[np.int64] = kinds * _FILLS + np.clip(mem_map.mapcount.all[pages], 0, _FILLS - 1)
    return signs


def _alike(machine: Machine, starts: NDArray[np.int64], end: int) -> NDArray[np.bool_]:
    """For each run of frames whether all in it have one sign; False where that is not seen at once."""
    first = int(starts[0])
    where: Any = slice(first, end) if machine.cluster == 1 else page_numbers(machine, first, end)
    mem_map, offsets = machine.mem_map, starts - first
    flags = mem_map.flags.all[where]
    differ = np.bitwise_or.reduceat(flags, offsets) ^ np.bitwise_and.reduceat(flags, offsets)
    alike: NDArray[np.bool_] = (differ & np.uint32(_TELLING) == 0) & (starts >= machine.zones[0].start)
    # Whether there are any is what counts of references and of the mapping; of PTEs, whether there are two.
    for column, least in ((mem_map.count, 1), (mem_map.mapping, 1), (mem_map.mapcount, _FILLS - 1)):
        values = column.all[where]
        low, high = np.minimum.reduceat(values, offsets), np.maximum.reduceat(values, offsets)
        alike &= (low == high) | (low >= least)
    return alike


def _pages_of(machine: Machine, pfns: NDArray[np.int64]) -> NDArray[np.int64]:
    """The pages that frames are part of, as `page_numbers` has them for a range."""
    first = int(pfns[0])
    return page_numbers(machine, first, int(pfns[-1]) + 1)[pfns - first]
