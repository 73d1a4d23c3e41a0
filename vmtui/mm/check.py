"""Every invariant of the machine, as a set of named problems.

The brute force here knows nothing of reverse maps: it reads all page tables and counts.  What the
machine and its scheme say must agree with that.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import attrs

from vmtui.mm.cluster import page_index, page_number, subpage_pfn
from vmtui.mm.filemap import page_mapping
from vmtui.mm.machine import Machine
from vmtui.mm.mm_types import VM_NONLINEAR, AddressSpace, Mm, Vma
from vmtui.mm.page import PAGE_SIZE, ZERO_PFN, Page, PG_active, PG_anon, PG_lru, PG_swapcache
from vmtui.mm.pgtable import (
    PTRS_PER_TABLE,
    is_swap_pte,
    page_tables,
    pte_file,
    pte_pfn,
    pte_present,
    pte_to_slot,
    pte_write,
    tables_of,
)


@attrs.frozen
class Problem:
    """A broken invariant: its name, and where, in a sentence."""

    name: str
    text: str


def check(machine: Machine) -> set[str]:
    """The names of all broken invariants; empty for a sound machine."""
    return {problem.name for problem in problems(machine)}


def problems(machine: Machine) -> list[Problem]:
    """All broken invariants."""
    scan = _Scan(machine)
    return [
        *_processes(machine, scan),
        *_frames(machine, scan),
        *_reverse_map(machine, scan),
        *_swap(machine, scan),
        *_lru(machine),
        *_ledger(machine),
        *_files(machine),
        *(Problem(name, text) for name, text in machine.kernel.problems(machine)),
        *(Problem(name, text) for name, text in machine.scheme.problems()),
    ]


class _Scan:
    """What a reading of every page table finds."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.cached: dict[int, AddressSpace] = {}
        self.ptes: dict[int, list[int]] = defaultdict(list)
        self.frames: Counter[int] = Counter()
        self.owners: dict[int, set[int]] = defaultdict(set)
        self.misplaced: list[tuple[Mm, int]] = []
        self.slots: Counter[int] = Counter()
        self.rss: Counter[int] = Counter()
        self.outside: list[tuple[Mm, int]] = []
        self.writable: list[int] = []
        self.out_of_order: list[tuple[Mm, int]] = []
        for mapping in machine.files:
            for index in mapping.pages.all[: mapping.end].nonzero()[0].tolist():
                self.cached[mapping.pages.cell[index]] = mapping
            for index in mapping.slots.all[: mapping.end].nonzero()[0].tolist():
                self.slots[mapping.slots.cell[index]] += 1
        memory = machine.memory
        for mm in machine.mms:
            for base, pfn in tables_of(mm):
                table = pfn * PTRS_PER_TABLE
                for slot in memory.all[table : table + PTRS_PER_TABLE].nonzero()[0].tolist():
                    self._entry(mm, base + slot * PAGE_SIZE, table + slot, memory[table + slot])

    def _entry(self, mm: Mm, address: int, ptep: int, pte: int) -> None:
        vma = mm.vmas.at(address)
        if vma is None:
            self.outside.append((mm, address))
        elif not vma.vm_flags & VM_NONLINEAR and self._out_of_order(vma, address, pte):
            self.out_of_order.append((mm, address))
        if is_swap_pte(pte):
            self.slots[pte_to_slot(pte)] += 1
        elif pte_present(pte) and pte_pfn(pte) != ZERO_PFN:
            page = self.machine.page(pte_pfn(pte))
            self.ptes[page.pfn].append(ptep)
            self.frames[pte_pfn(pte)] += 1
            self.owners[page.pfn].add(mm.id)
            if vma is not None and subpage_pfn(page, vma, address) != pte_pfn(pte):
                self.misplaced.append((mm, address))
            self.rss[mm.id] += 1
            if pte_write(pte):
                self.writable.append(pte_pfn(pte))
        elif pte_write(pte):
            self.writable.append(ZERO_PFN)

    def _out_of_order(self, vma: Vma, address: int, pte: int) -> bool:
        """Whether an entry of a linear VMA has a page of the file that does not belong there."""
        if pte_file(pte):
            return True
        page = vma.machine.page(pte_pfn(pte)) if pte_present(pte) else None
        if page is None or page.pfn not in self.cached:
            return False
        return self.cached[page.pfn] is not vma.vm_file or page.index != page_index(vma, address)


def _processes(machine: Machine, scan: _Scan) -> Iterator[Problem]:
    for mm, address in scan.misplaced:
        yield Problem(
            "subpage", f"{mm.name} maps at {address:#x} a frame that belongs elsewhere in its cluster"
        )
    for mm, address in scan.outside:
        yield Problem("pte_outside_vma", f"{mm.name} has an entry at {address:#x}, where no VMA is")
    for mm, address in scan.out_of_order:
        yield Problem("nonlinear", f"{mm.name} has at {address:#x} what only a nonlinear VMA may have")
    for mm in machine.mms:
        if mm.rss != scan.rss[mm.id]:
            yield Problem("rss", f"{mm.name}: rss says {mm.rss}, its page tables {scan.rss[mm.id]}")
        end = 0
        for vma in mm.vmas:
            if not end <= vma.vm_start < vma.vm_end or (vma.vm_start | vma.vm_end) % PAGE_SIZE:
                yield Problem("vma_order", f"{mm.name}: {vma.vm_start:#x}-{vma.vm_end:#x} after {end:#x}")
            if vma.vm_mm is not mm or machine.vmas.get(vma.id) is not vma:
                yield Problem("vma_owner", f"{vma!r} is in the list of {mm.name} and not its own")
            end = vma.vm_end
        for label in mm.labels:
            if not mm.vmas.overlapping(label.start, label.end):
                yield Problem("label", f"{mm.name}.{label.name} names nothing that is mapped")
    listed = sum(len(mm.vmas) for mm in machine.mms)
    if listed != len(machine.vmas):
        yield Problem("vma_owner", f"{len(machine.vmas)} VMAs exist, {listed} are in a list")


def _frames(machine: Machine, scan: _Scan) -> Iterator[Problem]:
    pages = list(_pages_in_use(machine))
    taken = len(pages) * machine.cluster + machine.ledger.page_tables
    free = sum(zone.free for zone in machine.zones)
    total = sum(zone.end - zone.start for zone in machine.zones)
    if taken + free != total:
        yield Problem("frames", f"{taken} frames taken and {free} free are not {total}")
    for page in pages:
        mapped = len(scan.ptes.get(page.pfn, ()))
        if page.mapcount != mapped:
            yield Problem("mapcount", f"frame {page.pfn:#x}: mapcount {page.mapcount}, {mapped} PTEs map it")
        mapping = scan.cached.get(page.pfn)
        held = mapped + page.test(PG_swapcache) + (mapping is not None)
        if page.count != held:
            yield Problem("count", f"frame {page.pfn:#x}: count {page.count}, {held} references found")
        if mapping is not None and (page.test(PG_anon) or page_mapping(page) is not mapping):
            yield Problem("mapping", f"frame {page.pfn:#x} is cached for {mapping.name} and does not know it")
        if mapping is None and page.test(PG_anon) != (mapped > 0) and not page.test(PG_swapcache):
            yield Problem("anon", f"frame {page.pfn:#x}: PG_anon {page.test(PG_anon)}, mapped {mapped} times")
    yield from _clusters(machine, pages)
    in_use = {page.pfn for page in pages}
    for pfn in scan.ptes:
        if pfn not in in_use:
            yield Problem("mapped_free", f"frame {pfn:#x} is mapped and free")
    for pfn in scan.writable:
        number = page_number(machine, pfn)
        shared = scan.frames[pfn] > 1 or len(scan.owners[number]) > 1
        if pfn == ZERO_PFN or (shared and number not in scan.cached):
            yield Problem("shared_writable", f"frame {pfn:#x} is shared and a PTE lets a process write it")


def _clusters(machine: Machine, pages: list[Page]) -> Iterator[Problem]:
    tables = set(machine.tables().tolist())
    for page in pages:
        if page.pfn % machine.cluster or page.index % machine.cluster:
            yield Problem(
                "cluster", f"frame {page.pfn:#x}, index {page.index:#x}: not the first of a cluster"
            )
        if not tables.isdisjoint(range(page.pfn, page.pfn + machine.cluster)):
            yield Problem("cluster", f"frame {page.pfn:#x}: a page table lies in its cluster")


def _reverse_map(machine: Machine, scan: _Scan) -> Iterator[Problem]:
    for pfn, pteps in scan.ptes.items():
        page = machine.page(pfn)
        found = list(machine.scheme.mappings(page))
        missing = set(pteps) - set(found)
        if missing:
            text = f"frame {pfn:#x}: the walk misses {len(missing)} of its {len(pteps)} PTEs"
            yield Problem("unreachable", text)
        if len(found) != len(set(found)) or set(found) - set(pteps):
            text = f"frame {pfn:#x}: the walk finds a PTE twice, or one that is none of its"
            yield Problem("found_twice", text)


def _swap(machine: Machine, scan: _Scan) -> Iterator[Problem]:
    swap = machine.swap
    used = 0
    for slot in range(1, swap.highest + 1):
        held = scan.slots[slot] + (swap.cached.cell[slot] != 0)
        used += swap.map.cell[slot] != 0
        if swap.map.cell[slot] != held:
            yield Problem("swap_map", f"slot {slot}: swap_map {swap.map.cell[slot]}, {held} holders found")
        pfn = swap.cached.cell[slot]
        if pfn and not (machine.page(pfn).test(PG_swapcache) and machine.page(pfn).private == slot):
            yield Problem("swap_cache", f"slot {slot}: frame {pfn:#x} does not know that it is cached for it")
    if used != swap.used():
        yield Problem("swap_used", f"{used} slots have a holder, the count says {swap.used()}")


def _lru(machine: Machine) -> Iterator[Problem]:
    for lru, active in ((machine.active_list, True), (machine.inactive_list, False)):
        pfns = list(lru)
        if len(pfns) != len(lru):
            yield Problem("lru", f"{len(pfns)} pages on a list that counts {len(lru)}")
        for pfn in pfns:
            page = machine.page(pfn)
            if not page.test(PG_lru) or page.test(PG_active) != active or lru.order[page.lru] != pfn:
                yield Problem("lru", f"frame {pfn:#x} is on a list and does not know it")
    listed = len(machine.active_list) + len(machine.inactive_list)
    pages = sum(1 for _ in _pages_in_use(machine))
    if listed != pages:
        yield Problem("lru", f"{pages} user pages, {listed} on the LRU")


def _ledger(machine: Machine) -> Iterator[Problem]:
    ledger = machine.ledger
    expected = {
        "mem_map": machine.frames_total // machine.cluster,
        "mm_struct": len(machine.mms),
        "vm_area_struct": len(machine.vmas),
        "task_struct": sum(task.alive for task in machine.tasks),
        "thread": sum(task.alive for task in machine.tasks),
        **machine.scheme.object_counts(),
        "inode": len(machine.files),
        "radix_tree_node": sum(_nodes(mapping) for mapping in machine.files),
    }
    if "pgd" in ledger.sizes:
        expected["pgd"] = len(machine.mms)
    for kind, count in expected.items():
        if ledger.count(kind) != count:
            yield Problem("ledger", f"{kind}: {ledger.count(kind)} charged, {count} exist")
    charged = sum(ledger.bytes_of(kind, ledger.count(kind)) for kind in ledger.sizes)
    if charged != ledger.charged:
        yield Problem("ledger", f"the parts sum to {charged} bytes, {ledger.charged} are charged")
    tables = sum(page_tables(mm) for mm in machine.mms)
    if tables != ledger.page_tables or tables != len(machine.tables()):
        yield Problem("page_tables", f"{tables} page tables are reachable, {ledger.page_tables} are counted")


def _files(machine: Machine) -> Iterator[Problem]:
    for mapping in machine.files:
        cached = int((mapping.pages.all[: mapping.end] != 0).sum())
        if cached != mapping.nrpages:
            yield Problem("nrpages", f"{mapping.name}: nrpages {mapping.nrpages}, {cached} pages are cached")
        queued = [*mapping.i_mmap, *mapping.i_mmap_shared]
        owned = [vma for vma in machine.vmas if vma.vm_file is mapping]
        if len(queued) != len(owned) or set(queued) != set(owned):
            yield Problem("i_mmap", f"{mapping.name}: {len(queued)} VMAs are queued, {len(owned)} map it")
        for index in range(mapping.end):
            if mapping.pages.cell[index] and mapping.slots.cell[index]:
                yield Problem("shmem", f"{mapping.name}[{index}] is cached and swapped at once")


def _nodes(mapping: AddressSpace) -> int:
    """Nodes a radix tree of the cached pages has."""
    cached, nodes = mapping.pages.all[: mapping.end].nonzero()[0], 0
    indices = {*(cached // mapping.machine.cluster).tolist()}
    for _ in range(mapping.height):
        indices = {index >> 6 for index in indices}
        nodes += len(indices)
    return nodes


def _pages_in_use(machine: Machine) -> Iterator[Page]:
    """User pages: frames with a reference that are neither page tables nor the zero page."""
    tables = set(machine.tables().tolist())
    count = machine.mem_map.count.all
    for where in machine.frames_used():
        assert isinstance(where, slice)
        for offset in count[where].nonzero()[0].tolist():
            pfn = where.start + offset
            if pfn != ZERO_PFN and pfn not in tables:
                yield machine.page(pfn)
