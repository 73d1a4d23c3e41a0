"""struct page: one column per field, and `Page`, a view of one row.

With page clustering a struct page stands for a cluster of frames, and its row is that of the first.

The fields are those of the RFC of March 2004 (include/linux/mm.h and page-flags.h of 2.6.4 with it):
flags, count, index, lru, the union ``as`` (mapping, vma or anon_vma), mapcount, private.  The union is
one number, `mapping`; the page's flags say which kind of object it numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import DTypeLike

from vmtui.state.column import Column, Where
from vmtui.state.history import History

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

PAGE_SHIFT: Final = 12
PAGE_SIZE: Final = 1 << PAGE_SHIFT
PAGE_MASK: Final = ~(PAGE_SIZE - 1)

#: Frame 0 is nobody's, so that 0 can mean none; frame 1 is empty_zero_page.
ZERO_PFN: Final = 1
FIRST_PFN: Final = 2

PG_locked: Final = 1 << 0
PG_referenced: Final = 1 << 2
PG_uptodate: Final = 1 << 3
PG_dirty: Final = 1 << 4
PG_lru: Final = 1 << 5
PG_active: Final = 1 << 6
PG_reserved: Final = 1 << 11
PG_writeback: Final = 1 << 13
PG_direct: Final = 1 << 16
PG_swapcache: Final = 1 << 17
#: It is to be written for page-out's sake; the same bit in a kernel says that readahead goes on from here.
PG_reclaim: Final = 1 << 18
PG_anon: Final = 1 << 20
#: Of an anonymous page under 6.18: one process has it for itself.
PG_anon_exclusive: Final = 1 << 21
#: It goes to swap and not to a file; clear of one that MADV_FREE gave up.
PG_swapbacked: Final = 1 << 22
#: It stays in memory though no VMA that maps it is locked: a lock was taken from its VMA, and left on it.
PG_mlocked: Final = 1 << 23
#: Ours: it was read from swap into memory that was locked already, and does not have the lock on itself.
PG_mlock_missed: Final = 1 << 25
#: Ours: the frame holds a page table.
PG_table: Final = 1 << 24

#: Flag names, without the prefix, and their bits.  Bit numbers are those of 2.6.0 and the RFC (PG_anon
#: 20, PG_direct 16); PG_swapcache is 2.6.6's flag at a number of ours, as PG_swapbacked, PG_mlocked and
#: PG_anon_exclusive are later kernels'; PG_reclaim is as 6.18 sets it;
#: PG_table and PG_mlock_missed are ours.
PAGE_FLAGS: Mapping[str, int] = MappingProxyType(
    {
        "locked": PG_locked,
        "referenced": PG_referenced,
        "uptodate": PG_uptodate,
        "dirty": PG_dirty,
        "lru": PG_lru,
        "active": PG_active,
        "reserved": PG_reserved,
        "writeback": PG_writeback,
        "direct": PG_direct,
        "swapcache": PG_swapcache,
        "reclaim": PG_reclaim,
        "anon": PG_anon,
        "anon_exclusive": PG_anon_exclusive,
        "swapbacked": PG_swapbacked,
        "mlocked": PG_mlocked,
        "mlock_missed": PG_mlock_missed,
        "table": PG_table,
    }
)


class MemMap:
    """mem_map: the fields of every struct page, each a column indexed by pfn.

    Args:
        history: The tape.
        frames: Number of frames.
        used: The pfns in use.
        index: The type of page->index, an unsigned long: of a page table it holds an address.
    """

    __slots__ = ("count", "flags", "index", "lru", "mapcount", "mapping", "private")

    def __init__(
        self, history: History, frames: int, used: Callable[[], Iterable[Where]], index: DTypeLike
    ) -> None:
        self.flags = Column(history, frames, np.uint32, used)
        self.count = Column(history, frames, np.int32, used)
        self.mapcount = Column(history, frames, np.int32, used)
        self.mapping = Column(history, frames, np.uint32, used)
        self.index = Column(history, frames, index, used)
        self.private = Column(history, frames, np.uint32, used)
        self.lru = Column(history, frames, np.uint32, used)

    def columns(self) -> dict[str, Column]:
        """The columns by field."""
        return {name: getattr(self, name) for name in sorted(self.__slots__)}


class _Field:
    """A field of a page: a cell of the column of that name."""

    def __init__(self, name: str, meaning: str) -> None:
        self.column: Callable[[MemMap], Column] = attrgetter(name)
        self.__doc__ = meaning

    def __get__(self, page: Page, owner: type[Page]) -> int:
        return self.column(page.machine.mem_map).cell[page.pfn]

    def __set__(self, page: Page, value: int) -> None:
        self.column(page.machine.mem_map)[page.pfn] = value


class Page:
    """One ``struct page``.

    A view, cheap to make; it holds no state of its own.  Frame 0 is not a page.
    """

    __slots__ = ("machine", "pfn")

    def __init__(self, machine: Machine, pfn: int) -> None:
        if not 0 < pfn < machine.frames_total:
            raise IndexError(f"no frame {pfn}")
        self.machine = machine
        self.pfn = pfn

    flags = _Field("flags", "PG_* bits.")
    count = _Field("count", "References: one a mapping, one of the swap cache, one of whoever holds it.")
    mapcount = _Field("mapcount", "PTEs that map it.")
    mapping = _Field("mapping", "The union: the number of an address_space, a VMA or an anon_vma.")
    index = _Field("index", "Offset in hardware pages within the object; for a page table, its base address.")
    private = _Field("private", "The swap slot, under PG_swapcache.")
    lru = _Field("lru", "Its ticket on the LRU list it is on; 0 on none.")

    def test(self, bit: int | str) -> bool:
        """Whether a flag is set; by PG_* bit or by name."""
        mask = PAGE_FLAGS[bit] if isinstance(bit, str) else bit
        return self.machine.mem_map.flags.cell[self.pfn] & mask != 0

    def set(self, bits: int) -> None:
        """Set flags."""
        flags = self.machine.mem_map.flags
        flags[self.pfn] = flags.cell[self.pfn] | bits

    def clear(self, bits: int) -> None:
        """Clear flags."""
        flags = self.machine.mem_map.flags
        flags[self.pfn] = flags.cell[self.pfn] & ~bits

    def mark_dirty(self) -> None:
        """A dirty PTE goes, the page is dirty, and as if page-out had never met it (set_page_dirty)."""
        flags = self.machine.mem_map.flags
        flags[self.pfn] = (flags.cell[self.pfn] | PG_dirty) & ~PG_reclaim

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Page) and other.pfn == self.pfn

    def __hash__(self) -> int:
        return hash(self.pfn)

    def __repr__(self) -> str:
        return f"page@{self.pfn:#x}"


def flag_names(flags: int) -> tuple[str, ...]:
    """The names of the flags set, in bit order."""
    return tuple(name for name, bit in PAGE_FLAGS.items() if flags & bit)
