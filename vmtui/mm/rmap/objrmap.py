"""objrmap for files: pages of a file are found through the file's VMAs, anonymous pages keep their chains.

Dave McCracken's idea of February 2003 (2.5.62), here as Andrea Arcangeli posted it against 2.6.4 on 8 March
2004 (objrmap-core-1).  A file's page says which file it is of and where in it; the file's address_space lists
the VMAs that map it, for truncate's sake; so a page of a file needs no pointer to any PTE, only a count.  Its
walk asks every VMA of the file, i_mmap and then i_mmap_shared, whether the page is there: most may miss.

An anonymous page belongs to no object that lists VMAs: it keeps the pte_chain of 2.6.0, all of it.  So does
a page of a file, once remap_file_pages has put it where no VMA's vm_pgoff would have it: all its PTEs are
looked up, and it has a chain until the last is gone.  The patch marks it with PG_anon then; the machine keeps
that flag for anonymous memory, and what tells here is that page->pte is a pointer (*ours*).

page_referenced asks every VMA and never stops early; try_to_unmap stops when nobody maps the page any more.
It was never merged in this form: 2.6.7 took files and anonymous memory together.
Sources: <8390000.1045757611@baldur.austin.ibm.com>, <20040308202433.GA12612@dualathlon.random>.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice, repeat
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from vmtui.mm.cluster import Mappings, mapped_pteps, page_index
from vmtui.mm.filemap import page_mapping
from vmtui.mm.mm_types import (
    VM_LOCKED,
    VM_NONLINEAR,
    AddressSpace,
    Vma,
    vma_address,
    vma_name,
)
from vmtui.mm.page import Page, PG_anon, PG_direct, PG_referenced
from vmtui.mm.pgtable import pte_mkold, pte_offset, pte_young
from vmtui.mm.rmap import explained
from vmtui.mm.rmap.chain import pte_owner
from vmtui.mm.rmap.picture import CandidateRow, draw_file
from vmtui.mm.rmap.pte_chain import PteChain
from vmtui.mm.rmap.scheme import Pfns, Picture, WalkLines, look_at, page_check_address, walk_begins, walk_ends
from vmtui.mm.rmap.unmap import unmap_pte
from vmtui.mm.rmap.walk_bulk import Found, ask_vma, walk_lists
from vmtui.mm.step import END, LOCKED, MAPCOUNT, Ref, Steps, step


class Objrmap(PteChain):
    """The scheme, of one machine; what it does not say here is as with pte_chains."""

    name: ClassVar[str] = "objrmap"
    title: ClassVar[str] = "objrmap for files"
    kernel: ClassVar[str] = "2.6.4 + objrmap-core-1"
    period: ClassVar[str] = "files by their VMAs, anonymous pages by pte_chains; never merged so"
    departs: ClassVar[Mapping[str, str]] = MappingProxyType(dict(PteChain.departs))
    union_members: ClassVar[tuple[str, ...]] = ("direct", "chain", "mapcount")
    explanations: ClassVar[explained.Entries] = explained.OBJRMAP
    ours: ClassVar[frozenset[str]] = frozenset({"mapcount", "private", "swapcache"})

    def chained(self, page: Page) -> bool:
        """Whether page->pte is a PTE or a chain, and not a count."""
        return self.chains.pte.cell[page.pfn] != 0

    def walked(self, page: Page) -> AddressSpace | None:
        """The file whose VMAs a walk asks; None for a page that has a chain, or is of no file."""
        return None if self.chained(page) else page_mapping(page)

    def mappings(self, page: Page) -> Iterator[int]:
        """The PTEs in which the file's VMAs have the page; of a page with a chain the entries."""
        mapping = self.walked(page)
        if mapping is None:
            return super().mappings(page)
        return (ptep for vma in file_vmas(mapping) for ptep in mapped_pteps(page, vma))

    # A page of a file only counts.

    def page_add_file_rmap(self, page: Page, vma: Vma, ptep: int) -> Steps:
        """One mapping more; the address_space tells where, but not of a nonlinear place (page_add_rmap)."""
        if vma.vm_flags & VM_NONLINEAR and not self.chained(page) and not self.is_linear(page, vma, ptep):
            yield from self.page_convert_anon(page)
            yield from self.chains.chain_add(page, ptep)
        elif self.chained(page):
            yield from self.chains.chain_add(page, ptep)
        else:
            self.machine.work["rmap_add"] += 1
            page.mapcount += 1
            text = "struct page {page:#x}: mapcount is now {n}"
            yield step(text, page=page.pfn, vma=vma.id, n=page.mapcount)

    def is_linear(self, page: Page, vma: Vma, ptep: int) -> bool:
        """Whether a PTE is where the VMA's vm_pgoff has the page."""
        _, address = pte_owner(self.machine, ptep)
        return page.index == page_index(vma, address)

    def page_convert_anon(self, page: Page) -> Steps:
        """Give a page of a file a chain of its PTEs: every VMA of the file is asked (page_convert_anon)."""
        mapping = page_mapping(page)
        if mapping is None or not page.mapcount:
            return
        asked = 0
        for vma in file_vmas(mapping):
            asked += 1
            self.count_asked(page, vma)
            for ptep in (yield from page_check_address(page, vma)):
                # It was counted when it was set, and is counted again when it is entered.
                page.mapcount -= 1
                yield from self.chains.chain_add(page, ptep)
        self.machine.work.went_through(asked)
        text = "struct page {page:#x} was converted: {asked} VMAs asked, {n} PTEs entered"
        yield step(text, page=page.pfn, asked=asked, n=page.mapcount)

    def count_asked(self, page: Page, vma: Vma) -> None:
        """The fast path's cost of asking a VMA: its lines, and the line and the table of a PTE it reads."""
        address = vma_address(page.index, vma)
        inside = vma.vm_start <= address < vma.vm_end
        read = int(inside and pte_offset(vma.vm_mm, address) != 0)
        self.machine.work["list_lines"] += self.machine.lines("vm_area_struct") + read
        self.machine.work["page_tables_read"] += read

    def page_dup_rmap(self, page: Page, vma: Vma, child: Vma, ptep: int) -> Steps:
        """fork: a chain grows, a file's page counts."""
        if self.chained(page):
            yield from self.chains.chain_add(page, ptep)
        else:
            yield from self.page_add_file_rmap(page, child, ptep)

    def page_remove_rmap(self, page: Page, ptep: int) -> Steps:
        """One mapping less (page_remove_rmap)."""
        if self.chained(page):
            yield from super().page_remove_rmap(page, ptep)
        else:
            yield from self.count_down(page)

    def count_down(self, page: Page) -> Steps:
        """A file's page has one mapping less."""
        self.machine.work["rmap_remove"] += 1
        page.mapcount -= 1
        yield step("struct page {page:#x}: mapcount is now {n}", page=page.pfn, n=page.mapcount)

    def move_rmap(self, page: Page, ptep: int, new_ptep: int) -> None:
        """Of a file's page nothing: the new VMA's vm_pgoff says where it is."""
        if self.chained(page):
            super().move_rmap(page, ptep, new_ptep)

    # The walk over a file's VMAs.

    def page_referenced(self, page: Page) -> Steps:
        """Who used the page lately?  (page_referenced)

        Returns:
            How many references were found; all young bits are clear now.
        """
        mapping = self.walked(page)
        if mapping is None:
            return (yield from super().page_referenced(page))

        yield walk_begins(page, "referenced")
        referenced = 0
        if page.test(PG_referenced):
            page.clear(PG_referenced)
            referenced += 1
        referenced += yield from self.page_referenced_obj(page, mapping)
        yield walk_ends(page, END)
        return referenced

    def page_referenced_obj(self, page: Page, mapping: AddressSpace) -> Steps:
        """Every VMA of the file is asked, to the end (page_referenced_obj)."""
        referenced = 0
        for vma in file_vmas(mapping):
            referenced += yield from self.page_referenced_obj_one(page, vma)
        return referenced

    def page_referenced_obj_one(self, page: Page, vma: Vma) -> Steps:
        """Test and clear the young bit of one VMA's PTE, if it maps the page (page_referenced_obj_one)."""
        memory = self.machine.memory
        referenced = 0
        for ptep in (yield from page_check_address(page, vma)):
            if pte_young(memory[ptep]):
                memory[ptep] = pte_mkold(memory[ptep])
                referenced += 1
                text = "{who}: used since last asked; accessed bit cleared"
                yield step(text, page=page.pfn, vma=vma.id, ptep=ptep, who=vma_name(vma))
        return referenced

    def try_to_unmap(self, page: Page) -> Steps:
        """Take the page out of every page table that maps it (try_to_unmap).

        Returns:
            Whether no PTE maps it any more.
        """
        mapping = self.walked(page)
        if mapping is None:
            return (yield from super().try_to_unmap(page))

        yield walk_begins(page, "unmap")
        stopped = yield from self.try_to_unmap_obj(page, mapping)
        yield walk_ends(page, stopped)
        return page.mapcount == 0

    def try_to_unmap_obj(self, page: Page, mapping: AddressSpace) -> Steps:
        """The VMAs of the file, until nobody maps the page or one has it locked (try_to_unmap_obj).

        Returns:
            What ended the walk.
        """
        for vma in file_vmas(mapping):
            if (yield from self.try_to_unmap_obj_one(page, vma)) == LOCKED:
                return LOCKED
            if page.mapcount == 0:
                return MAPCOUNT
        return END

    def try_to_unmap_obj_one(self, page: Page, vma: Vma) -> Steps:
        """Empty one VMA's PTE, if it maps the page (try_to_unmap_obj_one)."""
        pteps = yield from page_check_address(page, vma)
        if not pteps:
            return END
        if vma.vm_flags & VM_LOCKED:
            text = "{who} is locked in memory: the page stays"
            yield step(text, page=page.pfn, vma=vma.id, who=vma_name(vma))
            return LOCKED

        for ptep in pteps:
            left = unmap_pte(page, vma.vm_mm, ptep)
            text = "{who}: its PTE {left}"
            yield step(text, page=page.pfn, vma=vma.id, ptep=ptep, who=vma_name(vma), left=left)
            yield from self.count_down(page)
        return END

    def walk_lines(self, page: Page) -> WalkLines:
        """Of a file's page struct page, the address_space and each VMA; of one with a chain its nodes."""
        lines = super().walk_lines(page)
        if self.walked(page) is None:
            return lines
        return WalkLines(lines.head + 1, self.machine.lines("vm_area_struct"))

    def look(self, page: Page, *, full: bool) -> Steps:
        """The walk of try_to_unmap with its hands behind its back; `full`: past the stop rule."""
        mapping = self.walked(page)
        if mapping is None:
            return (yield from super().look(page, full=full))

        yield walk_begins(page, "look")
        candidates = zip(file_vmas(mapping), repeat(1))
        found, stopped = yield from look_at(page, candidates, page_check_address, full=full)
        yield walk_ends(page, stopped)
        return found

    # Many pages at once.

    def add_file_rmap_bulk(self, mapped: Mappings, vma: Vma) -> None:
        """`page_add_file_rmap` for many PTEs of a VMA that is linear."""
        machine, page, pteps = self.machine, mapped.page, mapped.pteps
        chained = self.chains.pte.all[page] != 0
        if chained.any():
            self.chains.add_bulk(Mappings(machine, page[chained], pteps[chained]))
        if not chained.all():
            rest = Mappings(machine, page[~chained], pteps[~chained]) if chained.any() else mapped
            machine.mem_map.mapcount.add(rest.pages, rest.counts)
            machine.work["rmap_add"] += len(rest)

    def remove_rmap_bulk(self, pfns: Pfns, vma: Vma, pteps: Pfns) -> None:
        """`page_remove_rmap` for many pages; some have an entry in a chain."""
        chained = self.chains.pte.all[pfns] != 0
        if chained.any():
            self.chains.remove_bulk(pfns[chained], pteps[chained])
        if not chained.all():
            self.machine.mem_map.mapcount.add(pfns[~chained], -1)
            self.machine.work["rmap_remove"] += int(np.count_nonzero(~chained))

    def dup_rmap_bulk(self, mapped: Mappings, vma: Vma, child: Vma, swapped: bool) -> None:
        """`page_dup_rmap` for the pages of a VMA."""
        self.add_file_rmap_bulk(mapped, child)

    def walk_bulk(self, pages: Pfns, kind: str) -> Found:
        """The entries of those that have a chain; of the others the VMAs of their files."""
        chained = self.chains.pte.all[pages] != 0
        found = Found(self.machine, pages, kind, stops=False)
        self.chains.walk_bulk(found, np.flatnonzero(chained), collapsed=kind == "unmap")
        found.stops[~chained] = kind == "unmap"
        keys = np.where(chained, 0, self.machine.mem_map.mapping.all[pages].astype(np.int64))
        return walk_lists(found, keys, self.file_candidates, ask_vma)

    def file_candidates(self, page: Page) -> Iterator[Vma]:
        """The VMAs of its file."""
        mapping = page_mapping(page)
        return file_vmas(mapping) if mapping is not None else iter(())

    # What it says of itself.

    def problems(self) -> Iterable[tuple[str, str]]:
        """What is wrong with the chains; and every anonymous page that is mapped has one."""
        yield from self.chains.problems()
        mem_map = self.machine.mem_map
        for where in self.machine.frames_used():
            chained = self.chains.pte.all[where] != 0
            mapped = mem_map.mapcount.all[where] > 0
            anon = (mem_map.flags.all[where] & PG_anon != 0) & mapped
            wrong = (anon & ~chained) | (chained & ~mapped)
            if wrong.any():
                yield "chain_count", f"{int(wrong.sum())} pages have no entry, or should not"

    def live_member(self, page: Page) -> str | None:
        """Of a file's page mapcount, of an anonymous one direct or chain."""
        if self.walked(page) is not None:
            return "mapcount"
        return super().live_member(page)

    def why(self, page: Page) -> str:
        """The flags, and what follows."""
        if self.walked(page) is not None:
            return "PG_anon 0 ⇒ mapcount"
        anon, direct = int(page.test(PG_anon)), int(page.test(PG_direct))
        if page_mapping(page) is not None:
            return f"nonlinear, converted · PG_direct {direct} ⇒ {self.live_member(page)}"
        return f"PG_anon {anon} · PG_direct {direct} ⇒ {self.live_member(page) or 'NULL: mapped by nobody'}"

    def live_target(self, page: Page) -> tuple[Ref | None, str]:
        """Of a file's page a number and no pointer; of one with a chain as under rmap."""
        if self.walked(page) is not None:
            return None, f"{page.mapcount}"
        return super().live_target(page)

    def picture(self, page: Page, first: int = 0, count: int = 32) -> Picture:
        """A file's page → address_space → VMAs; an anonymous page and its chain."""
        mapping = self.walked(page)
        if mapping is None:
            return super().picture(page, first, count)
        rows = [CandidateRow.of(page, vma) for vma in islice(file_vmas(mapping), first, first + count)]
        return draw_file(page, mapping, rows, first)


def file_vmas(mapping: AddressSpace) -> Iterator[Vma]:
    """The VMAs of a file: the private ones, then the shared ones."""
    return chain(mapping.i_mmap, mapping.i_mmap_shared)


SCHEME = Objrmap
