"""Frames and low memory: zones, free frames, and what low memory is charged for (mm/page_alloc.c).

Two zones: low memory (ZONE_DMA and ZONE_NORMAL as one) and, above it, ZONE_HIGHMEM.  A zone hands
out user frames from its bottom up and page tables from its top down, each from a stack of frames freed
before it goes on; so a whole VMA can be filled at once and gets the frames that single faults would have got.

With page clustering a user page is a cluster of frames and a page table still one: the hardware's tables
do not grow.  Tables keep to their end of the zone, packed, and are charged by the frame (*ours*; so one
that is freed serves the next, and no cluster is held for a single table).

Kernel objects are charged by count, never by frame number: an allocation in low memory fails when
``free low frames * 4096 < bytes charged + request``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vmtui.errors import KernelError
from vmtui.mm.kernel import LOWMEM, Options, object_sizes, slab_pages
from vmtui.mm.page import FIRST_PFN, PAGE_SIZE, ZERO_PFN, Page, PG_reserved, PG_table
from vmtui.state.column import Column, Where
from vmtui.state.history import History

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

# Registers of a zone.
_USER_NEXT, _USER_TOP, _TABLE_NEXT, _TABLE_TOP, _REGISTERS = range(5)


class Zone:
    """A range of frames and its free ones (``struct zone``).

    Args:
        name: ``low`` or ``high``.
        start, end: Its pfns, half open.
        cluster: Frames of a user page.
    """

    __slots__ = ("cluster", "end", "name", "register", "start", "table_stack", "user_stack")

    def __init__(self, history: History, name: str, start: int, end: int, cluster: int = 1) -> None:
        self.name, self.start, self.end, self.cluster = name, start, end, cluster
        self.register = Column(history, _REGISTERS, np.int64, lambda: [slice(0, _REGISTERS)])
        top = self.register.cell
        frames = end - start
        self.user_stack = Column(history, frames, np.uint32, lambda: [slice(0, top[_USER_TOP])])
        self.table_stack = Column(history, frames, np.uint32, lambda: [slice(0, top[_TABLE_TOP])])
        cell = self.register.cell
        cell[_USER_NEXT], cell[_TABLE_NEXT] = start, end - 1

    @property
    def free(self) -> int:
        """Free frames: the freed ones of either kind, and the fresh ones between."""
        cell = self.register.cell
        fresh = cell[_TABLE_NEXT] - cell[_USER_NEXT] + 1
        return fresh + cell[_USER_TOP] * self.cluster + cell[_TABLE_TOP]

    def room(self, users: int, tables: int) -> bool:
        """Whether each kind can be served from its own pool: freed frames of its kind, then fresh ones."""
        cell = self.register.cell
        fresh = cell[_TABLE_NEXT] - cell[_USER_NEXT] + 1
        return max(users - cell[_USER_TOP], 0) * self.cluster + max(tables - cell[_TABLE_TOP], 0) <= fresh

    def has_user(self) -> bool:
        """Whether there is a user page to take; frames that page tables left make no cluster."""
        cell = self.register.cell
        if cell[_USER_TOP] or cell[_USER_NEXT] + self.cluster <= cell[_TABLE_NEXT] + 1:
            return True
        return self.cluster == 1 and cell[_TABLE_TOP] > 0

    def used(self) -> list[Where]:
        """The frames ever handed out."""
        cell = self.register.cell
        return [slice(self.start, cell[_USER_NEXT]), slice(cell[_TABLE_NEXT] + 1, self.end)]

    def take_user(self) -> int:
        """The first frame of a user page: the top of the stack of freed ones, else the next fresh one."""
        register = self.register
        if register.cell[_USER_TOP]:
            return self._pop(self.user_stack, _USER_TOP)
        if register.cell[_USER_NEXT] + self.cluster <= register.cell[_TABLE_NEXT] + 1:
            register[_USER_NEXT] += self.cluster
            return register.cell[_USER_NEXT] - self.cluster
        return self._pop(self.table_stack, _TABLE_TOP)

    def take_table(self) -> int:
        """A frame for a page table, likewise, from the other end.

        As a last resort a free cluster is broken up: it serves page tables from then on.
        """
        register = self.register
        if register.cell[_TABLE_TOP]:
            return self._pop(self.table_stack, _TABLE_TOP)
        if register.cell[_USER_NEXT] <= register.cell[_TABLE_NEXT]:
            register[_TABLE_NEXT] -= 1
            return register.cell[_TABLE_NEXT] + 1
        first = self._pop(self.user_stack, _USER_TOP)
        for pfn in range(first + self.cluster - 1, first, -1):
            self._push(self.table_stack, _TABLE_TOP, pfn)
        return first

    def give(self, pfn: int, *, table: bool) -> None:
        """Take a user page back, or the frame of a page table."""
        if table:
            self._push(self.table_stack, _TABLE_TOP, pfn)
        else:
            self._push(self.user_stack, _USER_TOP, pfn)

    def take_table_bulk(self, n: int) -> NDArray[np.int64]:
        """The frames that `n` calls of `take_table` would give, in their order; `room` for them."""
        register = self.register
        top, last = register.cell[_TABLE_TOP], register.cell[_TABLE_NEXT]
        depth = min(n, top)
        freed = self.table_stack.all[top - depth : top][::-1].astype(np.int64)
        if depth:
            register[_TABLE_TOP] -= depth
        if n > depth:
            register[_TABLE_NEXT] -= n - depth
        return np.concatenate([freed, np.arange(last, last - (n - depth), -1, dtype=np.int64)])

    def take_user_bulk(self, n: int) -> NDArray[np.int64]:
        """What `n` calls of `take_user` would give, in their order; there is `room` for it."""
        register = self.register
        depth = min(n, register.cell[_USER_TOP])
        top = register.cell[_USER_TOP]
        freed = self.user_stack.all[top - depth : top][::-1].astype(np.int64)
        fresh = n - depth
        first = register.cell[_USER_NEXT]
        if depth:
            register[_USER_TOP] -= depth
        if fresh:
            register[_USER_NEXT] += fresh * self.cluster
        return np.concatenate([freed, first + np.arange(fresh, dtype=np.int64) * self.cluster])

    def give_user_bulk(self, pfns: NDArray[np.int64]) -> None:
        """Take the frames of user pages back, in their order."""
        register, n = self.register, len(pfns)
        top = register.cell[_USER_TOP]
        self.user_stack.put(slice(top, top + n), pfns)
        register[_USER_TOP] = top + n

    def _pop(self, stack: Column, top: int) -> int:
        self.register[top] -= 1
        return stack.cell[self.register.cell[top]]

    def _push(self, stack: Column, top: int, pfn: int) -> None:
        stack[self.register.cell[top]] = pfn
        self.register[top] += 1


class Ledger:
    """What low memory is charged for, by kind of object.

    Attributes:
        sizes: Bytes of one object of each kind.
        lowmem_total: Bytes of low memory.
    """

    __slots__ = ("_charged", "_count", "_kind", "_options", "_tables", "lowmem_total", "sizes", "zone")

    def __init__(
        self, history: History, options: Options, zone: Zone, scheme_sizes: Mapping[str, int]
    ) -> None:
        self.sizes: dict[str, int] = {**object_sizes(options.rules), **scheme_sizes}
        self._options = options
        self._kind = {kind: number for number, kind in enumerate(self.sizes)}
        n = len(self._kind)
        self._count = Column(history, n, np.int64, lambda: [slice(0, n)])
        self._charged = Column(history, 1, np.int64, lambda: [slice(0, 1)])
        #: Page tables: all of them, and those in low memory.
        self._tables = Column(history, 2, np.int64, lambda: [slice(0, 2)])
        self.zone = zone
        self.lowmem_total = zone.end * PAGE_SIZE

    def columns(self) -> dict[str, Column]:
        """Its columns by name."""
        return {"count": self._count, "charged": self._charged, "tables": self._tables}

    @property
    def charged(self) -> int:
        """Bytes of objects."""
        return self._charged.cell[0]

    @property
    def lowmem_free(self) -> int:
        """Bytes of low memory neither in a frame that is taken nor charged; negative under ``count``."""
        return self.zone.free * PAGE_SIZE - self.charged

    @property
    def page_tables(self) -> int:
        """Frames that hold page tables."""
        return self._tables.cell[0]

    def count(self, kind: str) -> int:
        """Objects of a kind."""
        return self._count.cell[self._kind[kind]]

    def by_kind(self) -> dict[str, int]:
        """Bytes by kind: objects; page tables and user pages in low memory; what no zone hands out.

        With `lowmem_free` they are `lowmem_total`.
        """
        held = {kind: self.bytes_of(kind, self.count(kind)) for kind in self.sizes}
        tables = self._tables.cell[1]
        held["page_tables"] = tables * PAGE_SIZE
        taken = self.zone.end - self.zone.start - self.zone.free
        held["user_pages"] = (taken - tables) * PAGE_SIZE
        held["reserved"] = self.zone.start * PAGE_SIZE
        return held

    def bytes_of(self, kind: str, n: int) -> int:
        """Bytes that `n` objects of a kind take: their own, or with ``slab=on`` those of whole pages."""
        size = self.sizes[kind]
        if self._options.slab and kind != "mem_map":
            return slab_pages(n, size) * PAGE_SIZE
        return n * size

    def fits(self, nbytes: int) -> bool:
        """Whether low memory has room for `nbytes` more."""
        return self._options.lowmem == "count" or self.lowmem_free >= nbytes

    def cost(self, kind: str, n: int = 1) -> int:
        """Bytes that `n` more objects of a kind would take."""
        count = self.count(kind)
        return self.bytes_of(kind, count + n) - self.bytes_of(kind, count)

    def charge(self, kind: str, n: int = 1) -> None:
        """Charge `n` objects.

        Raises:
            KernelError: ENOMEM, saying who asked for how much, and who holds what.
        """
        nbytes = self.cost(kind, n)
        if not self.fits(nbytes):
            raise self.out_of(kind, nbytes)
        self._add(kind, n)

    def uncharge(self, kind: str, n: int = 1) -> None:
        """Give `n` objects back."""
        self._add(kind, -n)

    def table(self, delta: int, *, low: bool) -> None:
        """Count page tables taken or freed."""
        self._tables[0] += delta
        if low:
            self._tables[1] += delta

    def out_of(self, who: str, nbytes: int) -> KernelError:
        """The error of an allocation that does not fit."""
        held = sorted(self.by_kind().items(), key=lambda item: -item[1])
        holders = ", ".join(f"{kind} {nbytes:,}" for kind, nbytes in held if nbytes)
        return KernelError(
            "ENOMEM",
            f"low memory is out: {who} asked for {nbytes:,} bytes, {max(self.lowmem_free, 0):,} of "
            f"{self.lowmem_total:,} are free; held by {holders}",
        )

    def _add(self, kind: str, n: int) -> None:
        count = self.count(kind)
        self._count[self._kind[kind]] = count + n
        self._charged[0] += self.bytes_of(kind, count + n) - self.bytes_of(kind, count)


def build_zones(history: History, options: Options) -> list[Zone]:
    """The zones of a machine, low memory first; on x86_64 all of it is low."""
    frames = options.ram // PAGE_SIZE
    low = frames
    if options.arch == "i386-pae":
        low = min(frames, LOWMEM[options.split] // PAGE_SIZE)
    zones = [Zone(history, "low", max(FIRST_PFN, options.cluster), low, options.cluster)]
    if frames > low:
        zones.append(Zone(history, "high", low, frames, options.cluster))
    return zones


def page_zone(machine: Machine, pfn: int) -> Zone:
    """The zone a frame is in (page_zone, include/linux/mm.h)."""
    zones = machine.zones
    return zones[0] if pfn < zones[0].end else zones[1]


def alloc_page(machine: Machine) -> Page:
    """A user page, GFP_HIGHUSER: high memory first (alloc_page, mm/page_alloc.c).

    Raises:
        KernelError: ENOMEM, none is free.
    """
    zone = zone_for_user(machine)
    if zone is None:
        raise machine.ledger.out_of("a user page", PAGE_SIZE * machine.cluster)
    page = Page(machine, zone.take_user())
    page.count = 1
    return page


def alloc_table(machine: Machine, *, highmem: bool) -> Page:
    """A frame for a page table; in high memory only with CONFIG_HIGHPTE, and only PTE pages.

    Raises:
        KernelError: ENOMEM, low memory has no room for it.
    """
    zone = zone_with_room(machine, highmem=highmem)
    if zone is None:
        raise machine.ledger.out_of("a page table", PAGE_SIZE)
    page = Page(machine, zone.take_table())
    page.flags = PG_table
    page.count = 1
    machine.ledger.table(1, low=zone is machine.zones[0])
    return page


def alloc_tables_bulk(machine: Machine, n: int, *, highmem: bool) -> NDArray[np.int64]:
    """The frames that `n` calls of `alloc_table` would give, in their order; one zone has room for all."""
    zone = zone_with_room(machine, highmem=highmem)
    assert zone is not None
    pfns = zone.take_table_bulk(n)
    machine.mem_map.flags.put(pfns, PG_table)
    machine.mem_map.count.put(pfns, 1)
    machine.ledger.table(n, low=zone is machine.zones[0])
    return pfns


def free_page(page: Page) -> None:
    """Give a user frame back, its struct page cleared (free_hot_cold_page, mm/page_alloc.c)."""
    page.flags = 0
    for name in ("mapping", "index", "private"):
        if getattr(page, name):
            setattr(page, name, 0)
    page_zone(page.machine, page.pfn).give(page.pfn, table=False)


def free_pages_bulk(machine: Machine, pfns: NDArray[np.int64]) -> None:
    """`free_page` of many pages, in their order."""
    mem_map = machine.mem_map
    for column in (mem_map.flags, mem_map.mapping, mem_map.index, mem_map.private):
        column.put(pfns, 0)
    for zone in machine.zones:
        here = pfns[(pfns >= zone.start) & (pfns < zone.end)]
        if len(here):
            zone.give_user_bulk(here)


def free_table(page: Page) -> None:
    """Give a page table's frame back, its entries already zero."""
    zone = page_zone(page.machine, page.pfn)
    page.flags = page.count = page.mapping = page.index = 0
    zone.give(page.pfn, table=True)
    page.machine.ledger.table(-1, low=zone is page.machine.zones[0])


def put_page(page: Page) -> bool:
    """Drop a reference; the last one frees the frame (put_page, mm/swap.c).  Whether it did."""
    page.count -= 1
    if page.count:
        return False
    free_page(page)
    return True


def boot(machine: Machine) -> None:
    """What low memory is charged for before the first process: mem_map."""
    machine.ledger.charge("mem_map", machine.frames_total // machine.cluster)
    zero = Page(machine, ZERO_PFN)
    zero.flags = PG_reserved
    zero.count = 1


def zone_with_room(machine: Machine, *, highmem: bool) -> Zone | None:
    """The zone the next page table comes from: high memory first where it may, else low; None: nowhere."""
    for zone in reversed(machine.zones):
        if zone.name == "high":
            if highmem and zone.free:
                return zone
        elif zone.free and machine.ledger.fits(PAGE_SIZE):
            return zone
    return None


def zone_for_user(machine: Machine) -> Zone | None:
    """The zone the next user page comes from: high memory first; None: nowhere."""
    for zone in reversed(machine.zones):
        if zone.has_user() and (zone.name == "high" or machine.ledger.fits(PAGE_SIZE * machine.cluster)):
            return zone
    return None
