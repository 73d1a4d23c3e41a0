"""The machine: it builds and owns the parts, and has no algorithms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from vmtui.errors import OptionError, PlaceError
from vmtui.mm.cluster import page_number, waste
from vmtui.mm.kernel import Options, format_size
from vmtui.mm.mm_types import AddressSpace, AnonVma, Mm, Task, Vma
from vmtui.mm.page import PAGE_SIZE, ZERO_PFN, MemMap, Page, PG_anon, PG_swapcache, PG_table
from vmtui.mm.page_alloc import Ledger, boot, build_zones
from vmtui.mm.pgtable_64 import X86_64
from vmtui.mm.pgtable_pae import PTRS_PER_PGD, Pae
from vmtui.mm.rmap.scheme import Scheme, scheme_class
from vmtui.mm.rules import Kernel, kernel_of
from vmtui.mm.swap import LruList
from vmtui.mm.swapfile import SwapArea
from vmtui.mm.work import Work
from vmtui.state.column import Column, Where
from vmtui.state.containers import ObjectTable
from vmtui.state.history import History
from vmtui.state.reserve import ReserveError, largest

_PTRS: Final = 512


class Machine:
    """A simulated machine.

    Attributes:
        options: What was asked for.
        cluster: Frames of a page.
        history: The tape all its state lies on.
        memory: Physical memory, 512 entries of 64 bits a frame; only page tables have content.
        mem_map: struct page, by field.
        pgd: The pgd entries of every mm, four each; on x86_64 the first of them leads to its pgd page.
        tasks, mms, vmas, anon_vmas: The kernel's objects by id.
        scheme: The reverse map.
    """

    #: Address spaces one machine can have in its life.
    max_mms: Final = 1 << 20

    def __init__(self, options: Options | None = None) -> None:
        self.options = options = options or Options()
        self.history = history = History()
        self.frames_total = options.ram // PAGE_SIZE
        self.cluster = options.cluster
        #: What stands above the PTE pages, and where user addresses end.
        self.arch: Pae | X86_64 = (Pae if options.arch == "i386-pae" else X86_64)(options)
        self.task_size = self.arch.task_size
        #: Where the kernels part: the functions of the one whose rules this machine has.
        self.kernel: Kernel = kernel_of(options.rules)

        try:
            self._build(history, options)
        except ReserveError as error:
            # The columns beside memory take a thirtieth of it.
            fits = largest(options.ram) // 2
            hint = f"ram={format_size(fits)} would fit" if fits else "no machine would fit"
            raise ReserveError(error.asked, f"{error.limit}; {hint}") from error
        boot(self)
        history.drop(history.mark)

    def _build(self, history: History, options: Options) -> None:
        frames = self.frames_total
        self.zones = build_zones(history, options)
        scheme = scheme_class(options.rmap)
        if scheme.no_clusters and self.cluster > 1:
            raise OptionError(f"cluster={self.cluster}: {options.rmap} {scheme.no_clusters}")
        self.ledger = Ledger(history, options, self.zones[0], scheme.object_sizes(options))
        index = np.uint32 if options.arch == "i386-pae" else np.uint64
        self.mem_map = MemMap(history, frames, self.frames_used, index)
        self.memory = Column(history, frames * _PTRS, np.uint64, self.table_entries)
        n = PTRS_PER_PGD
        self.pgd = Column(history, self.max_mms * n, np.uint64, lambda: [slice(n, self.mms.next_id * n)])
        self.active_list = LruList(history, frames)
        self.inactive_list = LruList(history, frames)
        self.swap = SwapArea(history, options.swap // self.cluster)
        self.work = Work(history)

        self.tasks: ObjectTable[Task] = ObjectTable(history)
        self.mms: ObjectTable[Mm] = ObjectTable(history)
        self.vmas: ObjectTable[Vma] = ObjectTable(history)
        self.anon_vmas: ObjectTable[AnonVma] = ObjectTable(history)
        self.files: ObjectTable[AddressSpace] = ObjectTable(history)
        #: Where to look for a name first; an index and no state, so it is not on the tape.
        self._by_name: dict[str, int] = {}

        self.scheme: Scheme = scheme(self)

    def lines(self, kind: str) -> int:
        """Cache lines that an object of a kind takes, if it begins with one."""
        return -(-self.ledger.sizes[kind] // self.options.cacheline)

    def page(self, pfn: int) -> Page:
        """The struct page of a frame: its own, or that of the cluster it is in (pfn_to_page).

        Raises:
            IndexError: there is no such frame; 0 is none.
        """
        return Page(self, page_number(self, pfn))

    def task_named(self, name: str) -> Task | None:
        """The process of this name, living or dead."""
        task = self.tasks.get(self._by_name.get(name, 0))
        return task if task is not None and task.name == name else None

    def add_task(self, name: str, parent: str | None) -> Task:
        """Enter a new process into the table."""
        task = self.tasks.add(Task(self, self.tasks.next_id, name=name, parent=parent))
        self._by_name[name] = task.id
        return task

    def find_task(self, name: str, alive: bool = True) -> Task:
        """The process of this name.

        Raises:
            PlaceError: ESRCH, there is none, or it is dead.
        """
        task = self.task_named(name)
        if task is None:
            raise PlaceError("ESRCH", f"there is no process {name}")
        if alive and not task.alive:
            raise PlaceError("ESRCH", f"{name} is dead")
        return task

    def frames_used(self) -> list[Where]:
        """The frames ever handed out, and the zero page."""
        return [slice(ZERO_PFN, ZERO_PFN + 1), *(where for zone in self.zones for where in zone.used())]

    def tables(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The frames that hold page tables, ascending."""
        flags = self.mem_map.flags.all
        parts = []
        for zone in self.zones:
            for where in zone.used():
                assert isinstance(where, slice)
                parts.append(where.start + np.flatnonzero(flags[where] & PG_table))
        return np.concatenate(parts)

    def table_entries(self) -> Iterator[Where]:
        """The parts of memory that have content."""
        for pfn in self.tables().tolist():
            yield slice(pfn * _PTRS, (pfn + 1) * _PTRS)

    def frames(self) -> dict[str, int]:
        """Frames by use: total, free, page_tables, anon (mapped), file, swap_cache (in it, mapped or not).

        A cluster counts as the frames it has; `unused` are those of them that nobody can use.
        """
        used = self.frames_used()
        flags = np.concatenate([self.mem_map.flags.all[where] for where in used])
        mapped = np.concatenate([self.mem_map.mapcount.all[where] for where in used]) > 0
        return {
            "total": self.frames_total,
            "free": sum(zone.free for zone in self.zones),
            "page_tables": self.ledger.page_tables,
            "anon": int(np.count_nonzero(mapped & (flags & PG_anon != 0))) * self.cluster,
            "file": sum(mapping.nrpages for mapping in self.files) * self.cluster,
            "swap_cache": int(np.count_nonzero(flags & PG_swapcache)) * self.cluster,
            "unused": waste(self),
        }

    def columns(self) -> Mapping[str, Column]:
        """Every column by name, in canonical order."""
        found: dict[str, Column] = {"memory": self.memory, "pgd": self.pgd}
        for zone in self.zones:
            for part in ("register", "user_stack", "table_stack"):
                found[f"zone_{zone.name}.{part}"] = getattr(zone, part)
        for name, column in self.ledger.columns().items():
            found[f"ledger.{name}"] = column
        for name, column in self.mem_map.columns().items():
            found[f"mem_map.{name}"] = column
        for which in ("active_list", "inactive_list"):
            for part in ("register", "order"):
                found[f"{which}.{part}"] = getattr(getattr(self, which), part)
        for part in ("register", "map", "cached"):
            found[f"swap.{part}"] = getattr(self.swap, part)
        found["work"] = self.work.column
        for name, column in self.scheme.columns().items():
            found[f"{self.scheme.name}.{name}"] = column
        return found

    def objects(self) -> Mapping[str, ObjectTable[Any]]:
        """Every object table by kind."""
        tables = (self.tasks, self.mms, self.vmas, self.anon_vmas, self.files)
        kinds = ("task", "mm", "vma", "anon_vma", "address_space")
        found: dict[str, ObjectTable[Any]] = dict(zip(kinds, tables, strict=True))
        return {**found, **self.scheme.objects()}

    def housekeeping(self) -> None:
        """Close holes and renumber tickets, and begin to count; only at the start of a command."""
        self.work.begin()
        self.active_list.compact(self.mem_map.lru)
        self.inactive_list.compact(self.mem_map.lru)
        for anon_vma in self.anon_vmas:
            anon_vma.vmas.compact()
