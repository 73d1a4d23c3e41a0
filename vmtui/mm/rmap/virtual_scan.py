"""No reverse map: the virtual scan of 2.4 (mm/vmscan.c up to 2.5.26, Andrea Arcangeli's VM of 2.4.10).

struct page does not know who maps it, so nothing is kept at a fault, at fork or at exit.  Who wants frames
back walks page tables instead: ``swap_out`` goes from process to process along ``mmlist``, in each it
resumes at ``mm->swap_address``, and it unmaps what it finds cold.  A page can be freed only after the scan
has come by every process that maps it.  The work grows with all memory mapped, not with the page wanted.

A page that is named (``swapout``, ``referenced``, ``walk``) is looked for by the same scan: every entry
that maps a frame is a candidate, and all but the page's own are left as they are (*ours*: 2.4 had no way to
ask for one page).  ``reclaim`` is 2.4's own page-out.

remap_file_pages came after 2.4.  The machine has it under every scheme's rules, and a scan needs no answer
to it: it meets each PTE where that is, whatever page it maps (*ours*).

2.4 has neither PG_anon nor a mapcount, and guesses from page->count; in the swap cache it keeps the slot in
page->index, under ``page->mapping == &swapper_space``.  The machine keeps the flag, the count, and the slot
in page->private under every scheme (*ours*).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.cluster import Mappings, page_number
from vmtui.mm.filemap import page_mapping
from vmtui.mm.mm_types import VM_LOCKED, Mm, Vma
from vmtui.mm.page import (
    PAGE_SHIFT,
    PAGE_SIZE,
    ZERO_PFN,
    Page,
    PG_anon,
    PG_referenced,
    PG_swapcache,
)
from vmtui.mm.pgtable import (
    PAGE_PRESENT,
    PAGE_PROTNONE,
    PMD_SIZE,
    PTRS_PER_TABLE,
    is_zero_page,
    pte_mkold,
    pte_offset,
    pte_pfn,
    pte_present,
    pte_young,
    ptep_to_mm_address,
    tables_of,
)
from vmtui.mm.rmap import explained, scan_bulk, swap_out
from vmtui.mm.rmap.base import Indifferent
from vmtui.mm.rmap.lists import Lists, ObjectList, file_lists
from vmtui.mm.rmap.picture import page_lines
from vmtui.mm.rmap.scheme import Edge, Node, Pfns, Picture, WalkLines, walk_begins, walk_ends
from vmtui.mm.rmap.target import mapping_target
from vmtui.mm.rmap.unmap import unmap_pte
from vmtui.mm.rmap.walk_bulk import Found
from vmtui.mm.step import END, HIT, LEFT, LOCKED, MAPCOUNT, Ref, Steps, Told, step
from vmtui.state.column import Column

if TYPE_CHECKING:
    from vmtui.mm.kernel import Options
    from vmtui.mm.machine import Machine

#: Leg of a round: an mm, and the addresses of it that are scanned.
Leg = tuple[Mm, int, int]


class VirtualScan(Indifferent):
    """The scheme, of one machine.

    Attributes:
        swap_address: By mm, where its scan resumes.  Cell 0 is ``swap_mm``: the mm that is scanned next.
        mmlist: By mm, the next one on ``mmlist``, and then, from `max_mms` on, the one before; cell 0 is
            ``init_mm``, the head.
    """

    name: ClassVar[str] = "virtual_scan"
    title: ClassVar[str] = "virtual scan"
    kernel: ClassVar[str] = "2.4"
    period: ClassVar[str] = "2.4: no reverse map; swap_out walks every process's page tables"
    departs: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "reclaim": "2.4 unmaps what its scan comes by, and frees what it has unmapped everywhere",
            "mremap": "VMAs always merge here, so a range may be one VMA that is two under another scheme",
            "mlock": "of a page that only some have locked, the scan unmaps what it meets before the lock",
        }
    )
    union_members: ClassVar[tuple[str, ...]] = ("mapping",)
    explanations: ClassVar[explained.Entries] = explained.VIRTUAL_SCAN
    ours: ClassVar[frozenset[str]] = frozenset({"mapcount", "private", "anon", "swapcache"})
    expected: frozenset[str] = frozenset()

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        history, most = machine.history, machine.max_mms
        self.swap_address = Column(history, most, np.uint32, lambda: [slice(0, machine.mms.next_id)])
        self.mmlist = Column(
            history,
            2 * most,
            np.uint32,
            lambda: [slice(0, machine.mms.next_id), slice(most, most + machine.mms.next_id)],
        )

    @classmethod
    def object_sizes(cls, options: Options) -> dict[str, int]:
        """struct page 48 bytes: hash links and `virtual` are still in it; a VMA 64."""
        return {"mem_map": 48, "vm_area_struct": 64}

    def object_counts(self) -> dict[str, int]:
        """None: mmlist and the cursor are fields of mm_struct."""
        return {}

    def columns(self) -> Mapping[str, Column]:
        """The cursor."""
        return {"swap_address": self.swap_address, "mmlist": self.mmlist}

    # mmlist, and the cursor on it.

    @property
    def swap_mm(self) -> int:
        """The mm that is scanned next; 0: init_mm, which has nothing to scan."""
        return self.swap_address.cell[0]

    def mm_create(self, mm: Mm, parent: Mm | None) -> None:
        """Queue an mm behind its parent, else first (copy_mm, exec_mmap)."""
        before = parent.id if parent is not None else 0
        after = self.mmlist.cell[before]
        self._link(before, mm.id)
        self._link(mm.id, after)

    def mm_exit(self, mm: Mm) -> None:
        """Take an mm off; a scan that had come to it goes on with the next (mmput)."""
        after, before = self.mmlist.cell[mm.id], self.mmlist.cell[self.machine.max_mms + mm.id]
        if self.swap_mm == mm.id:
            self.swap_address[0] = after
        self._link(before, after)

    def _link(self, before: int, after: int) -> None:
        self.mmlist[before] = after
        self.mmlist[self.machine.max_mms + after] = before

    def mms(self, first: int) -> list[Mm]:
        """All mms in the order of mmlist, round it from one (0: from its head)."""
        at = first
        found = []
        while True:
            mm = self.machine.mms.get(at)
            if mm is not None:
                found.append(mm)
            at = self.mmlist.cell[at]
            if at == first:
                return found

    def legs(self) -> list[Leg]:
        """One round: the rest of the mm the scan is in, every other mm, and the part it began behind."""
        end = self.machine.task_size
        legs = [(mm, 0, end) for mm in self.mms(self.swap_mm)]
        if legs and self.swap_mm:
            mm, resume = legs[0][0], self.swap_address.cell[self.swap_mm]
            legs[0] = (mm, resume, end)
            if resume:
                legs.append((mm, 0, resume))
        return legs

    def advance(self, mm: Mm, address: int) -> None:
        """Note how far the scan is; at the end of an mm the next one's turn has come (swap_out)."""
        if address >= self.machine.task_size:
            self.swap_address[mm.id] = 0
            self.swap_address[0] = self.mmlist.cell[mm.id] or self.mmlist.cell[0]
            return
        self.swap_address[mm.id] = address
        if self.swap_mm != mm.id:
            self.swap_address[0] = mm.id

    def entries(self, mm: Mm, start: int, end: int) -> Iterator[tuple[Vma, int, int, int]]:
        """(VMA, address, ptep, page) of each entry of a range that maps a frame (swap_out_vma, swap_out_pmd).

        The zero page is reserved: it is passed over.
        """
        memory = self.machine.memory
        for vma in mm.vmas.overlapping(start, end):
            low, high = max(start, vma.vm_start), min(end, vma.vm_end)
            for base in range(low & ~(PMD_SIZE - 1), high, PMD_SIZE):
                first = max(low, base)
                table = pte_offset(mm, first)
                if not table:
                    continue
                n = (min(high, base + PMD_SIZE) - first) >> PAGE_SHIFT
                for slot in np.flatnonzero(memory.all[table : table + n]).tolist():
                    pte = memory[table + slot]
                    if pte_present(pte) and not is_zero_page(pte_pfn(pte)):
                        pfn = page_number(self.machine, pte_pfn(pte))
                        yield vma, first + slot * PAGE_SIZE, table + slot, pfn

    # A page is mapped and unmapped: nothing is kept.

    def page_add_rmap(self, page: Page, vma: Vma, address: int, ptep: int, *, fresh: bool) -> Steps:
        """Nothing is noted but the machine's own count."""
        page.mapcount += 1
        page.set(PG_anon)
        yield from ()

    def page_add_file_rmap(self, page: Page, vma: Vma, ptep: int) -> Steps:
        """Nothing is noted but the machine's own count."""
        page.mapcount += 1
        yield from ()

    def page_dup_rmap(self, page: Page, vma: Vma, child: Vma, ptep: int) -> Steps:
        """fork only copies the PTE."""
        page.mapcount += 1
        yield from ()

    def page_remove_rmap(self, page: Page, ptep: int) -> Steps:
        """Nothing is noted but the machine's own count."""
        page.mapcount -= 1
        if page.mapcount == 0 and page.test(PG_anon) and not page.test(PG_swapcache):
            page.clear(PG_anon)
        yield from ()

    def vma_split(self, vma: Vma, new: Vma) -> Steps:
        """Nothing: no page knows its VMA."""
        yield from ()

    def keeps_pgoff(self, vma: Vma) -> bool:
        """No: vm_pgoff of anonymous memory means nothing."""
        return False

    def can_vma_merge(self, one: Vma, other: Vma | None) -> bool:
        """Always."""
        return True

    def add_rmap_bulk(self, mapped: Mappings, vma: Vma, indices: Pfns) -> None:
        """`page_add_rmap` for fresh pages."""
        mem_map, pages = self.machine.mem_map, mapped.pages
        mem_map.mapcount.put(pages, mapped.counts)
        mem_map.flags.put(pages, mem_map.flags.all[pages] | PG_anon)

    def add_file_rmap_bulk(self, mapped: Mappings, vma: Vma) -> None:
        """`page_add_file_rmap` for many PTEs."""
        self.machine.mem_map.mapcount.add(mapped.pages, mapped.counts)

    def dup_rmap_bulk(self, mapped: Mappings, vma: Vma, child: Vma, swapped: bool) -> None:
        """`page_dup_rmap` for many PTEs."""
        if len(mapped):
            self.add_file_rmap_bulk(mapped, child)

    def remove_rmap_bulk(self, pfns: Pfns, vma: Vma, pteps: Pfns) -> None:
        """`page_remove_rmap` for many pages."""
        self.machine.mem_map.mapcount.add(pfns, -1)

    def walked_bulk(self, pages: Pfns, unmapped: NDArray[np.bool_], pteps: Pfns) -> None:
        """Nothing is noted but the machine's own count; the scan stands behind the last."""
        self.machine.mem_map.mapcount.put(pages[unmapped], 0)
        if len(pteps):
            mm, address = ptep_to_mm_address(self.machine, int(pteps[-1]))
            assert mm is not None
            if self.swap_mm and self.swap_mm != mm.id:
                self.swap_address[self.swap_mm] = 0
            self.advance(mm, address + PAGE_SIZE)

    def walk_bulk(self, pages: Pfns, kind: str) -> Found | None:
        """Pages that the scan comes to one after another."""
        return scan_bulk.walk_bulk(self, pages, kind)

    def swap_in_rmap_bulk(self, mapped: Mappings, vma: Vma, indices: Pfns) -> None:
        """`page_add_rmap` for pages from swap."""
        mem_map, pages = self.machine.mem_map, mapped.pages
        mem_map.mapcount.add(pages, mapped.counts)
        mem_map.flags.put(pages, mem_map.flags.all[pages] | np.uint32(PG_anon))

    # One page is looked for.

    def page_referenced(self, page: Page) -> Steps:
        """Who used the page lately?  A whole round of the scan, for this page's young bits (*ours*).

        Returns:
            How many references were found; all young bits are clear now.
        """
        yield walk_begins(page, "referenced")
        referenced = 0
        if page.test(PG_referenced):
            page.clear(PG_referenced)
            referenced += 1
        for mm, start, end in self.legs():
            for vma, address, ptep, pfn in self.entries(mm, start, end):
                self.advance(mm, address + PAGE_SIZE)
                yield self.examined(page, vma, address, ptep, pfn)
                if pfn == page.pfn and pte_young(self.machine.memory[ptep]):
                    self.machine.memory[ptep] = pte_mkold(self.machine.memory[ptep])
                    referenced += 1
                    text = "{who}:{address:#x}: used since last asked; accessed bit cleared"
                    yield step(text, page=pfn, vma=vma.id, ptep=ptep, who=mm.name, address=address)
            self.advance(mm, end)
        yield walk_ends(page, END)
        return referenced

    def try_to_unmap(self, page: Page) -> Steps:
        """Let the scan go round, acting on this page only (swap_out, with one page for a quota).

        Like swap_out it stops once it has what it wants: the page is mapped nowhere.

        Returns:
            Whether no PTE maps it any more.
        """
        yield walk_begins(page, "unmap")
        stopped = END
        for mm, start, end in self.legs():
            stopped = yield from self.try_to_unmap_in(page, mm, start, end)
            if stopped != END:
                break
            self.advance(mm, end)
        yield walk_ends(page, stopped)
        return page.mapcount == 0

    def try_to_unmap_in(self, page: Page, mm: Mm, start: int, end: int) -> Steps:
        """One mm's part of the scan for a page (swap_out_mm)."""
        for vma, address, ptep, pfn in self.entries(mm, start, end):
            self.advance(mm, address + PAGE_SIZE)
            yield self.examined(page, vma, address, ptep, pfn)
            if pfn != page.pfn:
                continue
            about: dict[str, Any] = {"page": pfn, "vma": vma.id, "who": mm.name, "address": address}
            if vma.vm_flags & VM_LOCKED:
                yield step("{who}:{address:#x} is locked in memory: the page stays", **about)
                return LOCKED
            left = unmap_pte(page, mm, ptep)
            yield step("{who}:{address:#x}: its PTE {left}", ptep=ptep, left=left, **about)
            yield from self.page_remove_rmap(page, ptep)
            if page.mapcount == 0:
                return MAPCOUNT
        return END

    def walk_lines(self, page: Page) -> WalkLines:
        """struct page, which leads nowhere; each VMA that the scan comes to."""
        machine = self.machine
        return WalkLines(machine.lines("mem_map"), machine.lines("vm_area_struct"), per_mm=True)

    def look(self, page: Page, *, full: bool) -> Steps:
        """The scan for a page with its hands behind its back; `full`: the whole round."""
        yield walk_begins(page, "look")
        stopped = END
        found = 0
        for mm, start, end in self.legs():
            for vma, address, ptep, pfn in self.entries(mm, start, end):
                yield self.examined(page, vma, address, ptep, pfn)
                found += pfn == page.pfn
                if not full and pfn == page.pfn and vma.vm_flags & VM_LOCKED:
                    stopped = LOCKED
                elif not full and found == page.mapcount:
                    stopped = MAPCOUNT
                if stopped != END:
                    break
            if stopped != END:
                break
        yield walk_ends(page, stopped)
        return found

    def examined(self, page: Page, vma: Vma, address: int, ptep: int, pfn: int) -> Told:
        """The candidate: an entry that maps a frame, this page or another."""
        about: dict[str, Any] = {"page": page.pfn, "vma": vma.id, "mm": vma.vm_mm.id, "ptep": ptep}
        who = vma.vm_mm.name
        if pfn == page.pfn:
            text = "{who}:{address:#x} maps frame {page:#x}: hit"
            return step(text, HIT, who=who, address=address, **about)
        text = "{who}:{address:#x} maps another frame, {other:#x}: left"
        return step(text, LEFT, who=who, address=address, other=pfn, **about)

    def mappings(self, page: Page) -> Iterator[int]:
        """The PTEs that map the page, in the order of the scan."""
        memory = self.machine.memory.all.reshape(-1, PTRS_PER_TABLE)
        for mm, start, end in self.legs():
            tables = list(tables_of(mm))
            entries = memory[[table for _, table in tables]]
            present = entries & np.uint64(PAGE_PRESENT | PAGE_PROTNONE) != 0
            rows, slots = np.nonzero(present & self.frames_of(page, entries))
            for row, slot in zip(rows.tolist(), slots.tolist(), strict=True):
                base, table = tables[row]
                if start <= base + slot * PAGE_SIZE < end:
                    yield table * PTRS_PER_TABLE + slot

    def try_to_free_pages(self, nr_pages: int) -> Steps:
        """2.4's own page-out.  How many frames were freed."""
        freed = yield from swap_out.try_to_free_pages(self, nr_pages)
        return freed

    # What it says of itself.

    def problems(self) -> Iterable[tuple[str, str]]:
        """mmlist is not all mms, or the cursor is on none of them."""
        listed = sorted(mm.id for mm in self.mms(0))
        if listed != [mm.id for mm in self.machine.mms]:
            yield "mmlist", f"mms {listed} are on mmlist, {len(self.machine.mms)} exist"
        if self.swap_mm and self.machine.mms.get(self.swap_mm) is None:
            yield "swap_mm", f"swap_mm is mm {self.swap_mm}, which is gone"
        for mm in self.machine.mms:
            if mm.id != self.swap_mm and self.swap_address.cell[mm.id]:
                yield "swap_address", f"{mm.name}: a scan would resume half way, and is not there"

    def reverse_map_bytes(self) -> int:
        """None at all."""
        return 0

    def live_member(self, page: Page) -> str | None:
        """mapping, while the page is in a cache: its file's, or swapper_space."""
        cached = page.test(PG_swapcache) or page_mapping(page) is not None
        return "mapping" if cached else None

    def why(self, page: Page) -> str:
        """Which cache it is in."""
        mapping = page_mapping(page)
        cache = "swapper_space" if page.test(PG_swapcache) else mapping.name if mapping else "no cache"
        return f"{cache} ⇒ {self.live_member(page) or 'none'}; who maps it is not said"

    def live_target(self, page: Page) -> tuple[Ref | None, str]:
        """The cache that the page is in."""
        return (None, "swapper_space") if page.test(PG_swapcache) else mapping_target(page)

    def lists(self) -> tuple[Lists, ...]:
        """mmlist; the files, whose lists no scan looks at: truncate does."""
        return self.mm_lists(), file_lists(self.machine)

    def mm_lists(self) -> Lists:
        """mmlist, of which there is one."""

        def make(number: int) -> ObjectList:
            mms = self.mms(0)
            return ObjectList(None, "mmlist", len(mms), ((("mm", mm.id),) for mm in mms))

        return Lists("mmlist", "list", "", np.arange(1 if len(self.machine.mms) else 0), make, "mmlist")

    def progress(self, mm: Mm) -> tuple[int, int]:
        """How many of an mm's entries the scan has passed, and how many there are."""
        memory, resume = self.machine.memory.all, self.swap_address.cell[mm.id]
        passed = entries = 0
        for base, table in tables_of(mm):
            ptes = memory[table * PTRS_PER_TABLE : (table + 1) * PTRS_PER_TABLE]
            mapped = ptes & np.uint64(PAGE_PRESENT | PAGE_PROTNONE) != 0
            mapped &= ptes >> np.uint64(PAGE_SHIFT) != ZERO_PFN
            addresses = base + np.flatnonzero(mapped) * PAGE_SIZE
            entries += len(addresses)
            passed += int(np.count_nonzero(addresses < resume))
        return passed, entries

    def frames_of(self, page: Page, ptes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which entries, if they are present, map a frame of the page."""
        frames = ptes >> np.uint64(PAGE_SHIFT)
        return (frames >= page.pfn) & (frames < page.pfn + self.machine.cluster)

    def mapped_in(self, page: Page, mm: Mm) -> tuple[int, int]:
        """The first PTE of an mm that maps the page, and its address; (0, 0) for none."""
        memory = self.machine.memory.all
        for base, table in tables_of(mm):
            ptes = memory[table * PTRS_PER_TABLE : (table + 1) * PTRS_PER_TABLE]
            mapped = ptes & np.uint64(PAGE_PRESENT | PAGE_PROTNONE) != 0
            slots = np.flatnonzero(mapped & self.frames_of(page, ptes))
            if len(slots):
                slot = int(slots[0])
                return table * PTRS_PER_TABLE + slot, base + slot * PAGE_SIZE
        return 0, 0

    def picture(self, page: Page, first: int = 0, count: int = 32) -> Picture:
        """A page that points nowhere; mmlist, a row an mm, and the entry there that maps the page."""
        mms = self.mms(0)
        nodes = [Node(0, "page", ("page", page.pfn), f"page {page.pfn:#x}", page_lines(page))]
        edges: list[Edge] = []
        for row, mm in islice(enumerate(mms), first, first + count):
            passed, entries = self.progress(mm)
            here = "scan here" if mm.id == self.swap_mm else ""
            ptep, address = self.mapped_in(page, mm)
            pte: Ref | None = ("pte", ptep) if ptep else None
            at = len(nodes)
            lines = (f"{scan_bar(passed, entries)} {passed}/{entries}", *filter(None, (here,)))
            nodes.append(Node(1, "object", ("mm", mm.id), mm.name, lines, row))
            said = (f"{page.pfn:#x}", f"{address:x}") if ptep else ("not mapped",)
            nodes.append(Node(2, "pte", pte, "pte", said, row, empty=pte is None))
            if row > first:
                edges.append(Edge(at - 2, at, "mmlist", len(edges)))
            edges.append(Edge(at, at + 1, "", len(edges)))
        headings, order = ("struct page", "mmlist", "page table"), tuple(mm.id for mm in mms)
        return Picture(headings, tuple(nodes), tuple(edges), len(mms), first, per_mm=True, order=order)


def scan_bar(passed: int, entries: int) -> str:
    """How much of an mm the scan has passed, in eight cells; any of it is seen."""
    cells = -(-8 * passed // entries) if entries else 0
    return "━" * cells + "─" * (8 - cells)


SCHEME = VirtualScan
