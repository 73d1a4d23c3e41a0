"""The article's scheme: Andrea Arcangeli's anon_vma as posted on 10 and 11 March 2004, on 2.6.4.

struct page gets a union of three pointers.  A file page's says its address_space.  An anonymous page that
is new points straight at its VMA (PG_direct): no list, no bytes.  fork makes an ``anon_vma``, queues
parent and child on its list, and turns the pages it finds indirect: they point at the list from then on.
page->index and vm_pgoff give the address in every VMA of the list.

A draft that never shipped: a split of a VMA leaves direct pages pointing at the wrong half, and two days
later the direct pointer was given up.  ``draft=posted`` keeps that hole.  ``draft=intended`` closes it as
its author first proposed, by walking the page tables at split, merge and mremap.
Sources: the RFC mails <20040310103610.GB30940@dualathlon.random> and
<20040311065254.GT30940@dualathlon.random>, and the thread of 12 March.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice, repeat
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from vmtui.mm.cluster import Mappings, mapped_pteps, page_index
from vmtui.mm.filemap import page_mapping
from vmtui.mm.mm_types import VM_LOCKED, AnonVma, Vma, vma_name
from vmtui.mm.page import Page, PG_anon, PG_direct, PG_referenced, PG_swapcache
from vmtui.mm.pgtable import (
    present_ptes,
    pte_mkold,
    pte_offset,
    pte_pfn,
    pte_present,
    pte_young,
)
from vmtui.mm.rmap import explained
from vmtui.mm.rmap.base import Indifferent
from vmtui.mm.rmap.lists import Lists, anon_vma_lists, file_lists
from vmtui.mm.rmap.picture import CandidateRow, draw_file, draw_list
from vmtui.mm.rmap.scheme import Pfns, Picture, WalkLines, look_at, page_check_address, walk_begins, walk_ends
from vmtui.mm.rmap.target import anon_vma_target, mapping_target
from vmtui.mm.rmap.unmap import unmap_pte
from vmtui.mm.rmap.walk_bulk import Found, ask_vma, kinds_of, walk_lists
from vmtui.mm.step import END, LOCKED, MAPCOUNT, Ref, Steps, step
from vmtui.mm.work import count_link, count_tables
from vmtui.state.column import as_slice

if TYPE_CHECKING:
    from vmtui.mm.kernel import Options
    from vmtui.mm.machine import Machine
    from vmtui.state.column import Column
    from vmtui.state.containers import ObjectTable


class AnonVmaRfc(Indifferent):
    """The scheme, of one machine."""

    name: ClassVar[str] = "anon_vma_rfc"
    title: ClassVar[str] = "anon_vma (RFC)"
    kernel: ClassVar[str] = "2.6.4 + the RFC of 11 March 2004"
    period: ClassVar[str] = "draft of 11 March 2004: a direct pointer until fork, then a list"
    departs: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "mremap": "VMAs on two lists stay two here, and mremap wants one",
            "mlock": "of a page that only some have locked, the walk unmaps what it meets before the lock",
            "remap_file_pages": "refused: the draft had no answer",
        }
    )
    no_nonlinear: ClassVar[str] = "the draft had no answer: its walk finds a page of a file by vm_pgoff alone"
    union_members: ClassVar[tuple[str, ...]] = ("mapping", "vma", "anon_vma")
    explanations: ClassVar[explained.Entries] = explained.ANON_VMA_RFC
    ours: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.intended = machine.options.draft == "intended"
        self.expected = frozenset() if self.intended else frozenset({"unreachable"})
        self.period = "draft of 11 March 2004; holes closed by us (intended)"  # type: ignore[misc]
        if not self.intended:
            self.title = "anon_vma (RFC, posted)"  # type: ignore[misc]
            self.period = "draft of 11 March 2004, holes and all (posted)"  # type: ignore[misc]

    @classmethod
    def object_sizes(cls, options: Options) -> dict[str, int]:
        """struct page 40 bytes, with HIGHPTE too; a VMA 64 + 12; an anon_vma a lock and a list head."""
        return {"mem_map": 40, "vm_area_struct": 76, "anon_vma": 12 if options.smp else 8}

    def object_counts(self) -> dict[str, int]:
        """The anon_vmas."""
        return {"anon_vma": len(self.machine.anon_vmas)}

    def columns(self) -> Mapping[str, Column]:
        """None: struct page and the VMAs hold it all."""
        return {}

    def objects(self) -> Mapping[str, ObjectTable[Any]]:
        """None beside the machine's anon_vmas."""
        return {}

    # What a page points at.

    def page_vma(self, page: Page) -> Vma | None:
        """as.vma of a direct page; None if that VMA is gone: the kernel's pointer would dangle."""
        return self.machine.vmas.get(page.mapping)

    def page_anon_vma(self, page: Page) -> AnonVma | None:
        """as.anon_vma of an indirect page."""
        return self.machine.anon_vmas.get(page.mapping)

    def candidates(self, page: Page) -> Iterator[Vma]:
        """Its VMA if it is direct; those on its list, newest first; or its file's, private ones first."""
        mapping = page_mapping(page)
        if mapping is not None:
            return chain(mapping.i_mmap, mapping.i_mmap_shared)
        if page.test(PG_direct):
            vma = self.page_vma(page)
            return iter(() if vma is None else (vma,))
        anon_vma = self.page_anon_vma(page) if page.test(PG_anon) else None
        return iter(() if anon_vma is None else anon_vma.vmas)

    def mappings(self, page: Page) -> Iterator[int]:
        """The PTEs in which the candidates have the page."""
        return (ptep for vma in self.candidates(page) for ptep in mapped_pteps(page, vma))

    # Address spaces come and go: nothing to do.

    # A page is mapped and unmapped.

    def vma_prepare(self, vma: Vma) -> Steps:
        """Nothing: a new page needs its VMA and no list."""
        yield from ()

    def page_add_rmap(self, page: Page, vma: Vma, address: int, ptep: int, *, fresh: bool) -> Steps:
        """A new page is direct; one from swap joins the list if its VMA is on one (page_add_rmap)."""
        self.machine.work["rmap_add"] += 1
        page.mapcount += 1
        about: dict[str, Any] = {"page": page.pfn, "vma": vma.id}
        if page.mapcount > 1:
            yield step("struct page {page:#x}: mapcount is now {n}", n=page.mapcount, **about)
            return

        page.index = page_index(vma, address)
        if fresh or vma.anon_vma is None:
            page.set(PG_anon | PG_direct)
            page.mapping = vma.id
            yield step("struct page {page:#x} points straight at its VMA: PG_direct", **about)
        else:
            page.set(PG_anon)
            page.clear(PG_direct)
            page.mapping = vma.anon_vma.id
            text = "struct page {page:#x} points at the anon_vma of its VMA"
            yield step(text, anon_vma=vma.anon_vma.id, **about)

    def page_add_file_rmap(self, page: Page, vma: Vma, ptep: int) -> Steps:
        """A file's page only counts: whoever looks for its mappings asks the address_space."""
        self.machine.work["rmap_add"] += 1
        page.mapcount += 1
        yield step("struct page {page:#x}: mapcount is now {n}", page=page.pfn, vma=vma.id, n=page.mapcount)

    def page_move_rmap(self, page: Page, vma: Vma, address: int) -> Steps:
        """Nothing: a page never turns direct again while it is mapped."""
        yield from ()

    def move_prepare(self, vma: Vma, start: int, end: int) -> Steps:
        """Nothing: what a page says holds at the new address too."""
        yield from ()

    def move_rmap(self, page: Page, ptep: int, new_ptep: int) -> None:
        """Nothing: no pointer to a PTE is kept."""

    def page_remove_rmap(self, page: Page, ptep: int) -> Steps:
        """One mapping less; with the last one the page forgets what it pointed at (page_remove_rmap).

        Not in the swap cache: there the union stays as it is until the page is mapped again, or freed.
        """
        self.machine.work["rmap_remove"] += 1
        page.mapcount -= 1
        if page.mapcount == 0 and page.test(PG_anon) and not page.test(PG_swapcache):
            page.clear(PG_anon | PG_direct)
            page.mapping = 0
        yield step("struct page {page:#x}: mapcount is now {n}", page=page.pfn, n=page.mapcount)

    # fork.

    def vma_fork(self, vma: Vma, child: Vma) -> Steps:
        """Nothing yet: only the first anonymous page that is found makes a list, or joins it."""
        yield from ()

    def page_dup_rmap(self, page: Page, vma: Vma, child: Vma, ptep: int) -> Steps:
        """The child maps the page too: an anonymous one must be on a list now (page_add_rmap, at fork)."""
        if not page.test(PG_anon):
            yield from self.page_add_file_rmap(page, child, ptep)
            return

        self.machine.work["rmap_add"] += 1
        anon_vma = yield from self.anon_vma_fork(vma, child)
        page.mapcount += 1
        text = "struct page {page:#x}: mapcount is now {n}"
        if page.test(PG_direct):
            page.clear(PG_direct)
            page.mapping = anon_vma.id
            text = "struct page {page:#x} swung over to the anon_vma; mapcount {n}"
        yield step(text, page=page.pfn, vma=child.id, anon_vma=anon_vma.id, n=page.mapcount)

    def swap_dup_rmap(self, vma: Vma, child: Vma) -> Steps:
        """A swap entry counts like an anonymous page: whoever swaps it in must find the list."""
        yield from self.anon_vma_fork(vma, child)

    def anon_vma_fork(self, vma: Vma, child: Vma) -> Steps:
        """The list parent and child share: made at the first anonymous page found, joined once.

        dup_mmap keeps a spare anon_vma at hand for this; it is charged when it is used.
        """
        if vma.anon_vma is None:
            anon_vma = self.anon_vma_alloc()
            self.list_add(child, anon_vma)
            self.list_add(vma, anon_vma)
            text = "an anon_vma was made; {child}, then {parent} joined its head"
        elif child.anon_vma is None:
            anon_vma = vma.anon_vma
            self.list_add(child, anon_vma)
            text = "{child} joined the anon_vma of {parent}, at the head"
        else:
            return child.anon_vma

        who, whose = vma_name(child), vma_name(vma)
        yield step(text, vma=child.id, anon_vma=anon_vma.id, child=who, parent=whose)
        return anon_vma

    def anon_vma_alloc(self) -> AnonVma:
        """A new, empty anon_vma; 12 bytes, 8 without SMP (anon_vma_alloc)."""
        machine = self.machine
        machine.ledger.charge("anon_vma")
        machine.work["anon_vma_alloc"] += 1
        return machine.anon_vmas.add(AnonVma(machine, machine.anon_vmas.next_id))

    def list_add(self, vma: Vma, anon_vma: AnonVma) -> None:
        """Queue a VMA at the head (list_add of anon_vma_node)."""
        count_link(anon_vma, vma)
        anon_vma.vmas.add(vma)
        vma.anon_vma = anon_vma

    def file_link(self, vma: Vma, parent: Vma | None) -> None:
        """Nothing: the file's own list is what is walked."""

    def vma_unlink(self, vma: Vma) -> None:
        """A VMA that goes leaves its list; an anon_vma without VMAs is freed (anon_vma_unlink)."""
        anon_vma = vma.anon_vma
        if anon_vma is None:
            return
        anon_vma.vmas.remove(vma)
        count_link(anon_vma, vma)
        vma.anon_vma = None
        if not len(anon_vma.vmas):
            self.machine.anon_vmas.free(anon_vma)
            self.machine.ledger.uncharge("anon_vma")
            self.machine.work["anon_vma_free"] += 1

    # VMAs are cut, joined and moved.

    def keeps_pgoff(self, vma: Vma) -> bool:
        """Always: page->index is counted from it."""
        return True

    def can_vma_merge(self, one: Vma, other: Vma | None) -> bool:
        """At most one of the two may be on a list, or both on the same; as posted, they never merge."""
        if not self.intended:
            return False
        if other is None or one.anon_vma is None or other.anon_vma is None:
            return True
        return one.anon_vma is other.anon_vma

    def vma_split(self, vma: Vma, new: Vma) -> Steps:
        """One VMA became two: a direct page can point at only one of them.

        As posted, nothing is done, and pages in the new half are lost to the walk.  As intended, a walk of
        the page tables makes every direct page indirect, and both halves are queued on its list.
        """
        anon_vma = vma.anon_vma
        if anon_vma is not None:
            self.list_add(new, anon_vma)
        if not self.intended:
            return

        for half in (vma, new):
            for page in self.direct_pages(half, half.vm_start, half.vm_end):
                if anon_vma is None:
                    anon_vma = self.anon_vma_alloc()
                    self.list_add(vma, anon_vma)
                    self.list_add(new, anon_vma)
                    yield step("an anon_vma was made for both halves", vma=vma.id, anon_vma=anon_vma.id)
                page.clear(PG_direct)
                page.mapping = anon_vma.id
                self.machine.work["list_lines"] += self.machine.lines("mem_map")
                text = "struct page {page:#x} cannot stay direct: it swung over"
                yield step(text, page=page.pfn, vma=half.id, anon_vma=anon_vma.id)

    def vma_adjust(self, survivor: Vma, donor: Vma, start: int, end: int) -> Steps:
        """Part of one VMA went to another: direct pages are pointed at the one that has them now."""
        if donor.anon_vma is not None and survivor.anon_vma is None:
            self.list_add(survivor, donor.anon_vma)
        yield from self.cut_clusters(survivor, donor, start, end)
        yield from self.repoint(survivor, start, end)

    def vma_move(self, vma: Vma, new: Vma) -> Steps:
        """mremap: the VMA at the new address joins the list; direct pages are pointed at it."""
        if vma.anon_vma is not None and new.anon_vma is None:
            self.list_add(new, vma.anon_vma)
        yield from self.cut_clusters(new, vma, new.vm_start, new.vm_end)
        yield from self.repoint(new, new.vm_start, new.vm_end)

    def cut_clusters(self, vma: Vma, donor: Vma, start: int, end: int) -> Steps:
        """What two VMAs map a part of each, after [start, end) went to `vma`, cannot be direct (*ours*).

        A page of one frame is never cut.
        """
        for page in self.direct_pages(vma, start, end):
            whole = (donor.vm_start, donor.vm_end) == (start, end)
            if not self.intended or whole or not mapped_pteps(page, donor):
                continue
            anon_vma = vma.anon_vma or donor.anon_vma or self.anon_vma_alloc()
            for half in (vma, donor):
                if half.anon_vma is None:
                    self.list_add(half, anon_vma)
            page.clear(PG_direct)
            page.mapping = anon_vma.id
            text = "struct page {page:#x}: its cluster was cut, it swung over to the anon_vma"
            yield step(text, page=page.pfn, vma=vma.id, anon_vma=anon_vma.id)

    def repoint(self, vma: Vma, start: int, end: int) -> Steps:
        """Point every direct page of [start, end) at `vma`."""
        for page in self.direct_pages(vma, start, end):
            if page.mapping != vma.id:
                page.mapping = vma.id
                self.machine.work["list_lines"] += self.machine.lines("mem_map")
                text = "struct page {page:#x} now points at {who}"
                yield step(text, page=page.pfn, vma=vma.id, who=vma_name(vma))

    def direct_pages(self, vma: Vma, start: int, end: int) -> list[Page]:
        """The direct pages that PTEs of [start, end) map, by a walk of the page tables."""
        found: dict[Page, None] = {}
        count_tables(vma, start, end)
        for address in present_ptes(vma.vm_mm, start, end).tolist():
            pte = self.machine.memory[pte_offset(vma.vm_mm, address)]
            if pte_present(pte):
                page = self.machine.page(pte_pfn(pte))
                if page.test(PG_direct):
                    found[page] = None
        return list(found)

    # The walk.

    def page_referenced(self, page: Page) -> Steps:
        """Who used the page lately?  Every candidate is looked at, to the end (page_referenced).

        Returns:
            How many references were found; all young bits are clear now.
        """
        yield walk_begins(page, "referenced")
        referenced = 0
        if page.test(PG_referenced):
            page.clear(PG_referenced)
            referenced += 1

        for vma in self.candidates(page):
            referenced += yield from self.page_referenced_one(page, vma)
        yield walk_ends(page, END)
        return referenced

    def page_referenced_one(self, page: Page, vma: Vma) -> Steps:
        """Test and clear the young bit of one VMA's PTE, if it maps the page (page_referenced_one)."""
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
        """Take the page out of every page table that maps it (try_to_unmap, mm/objrmap.c of the RFC).

        Returns:
            Whether no PTE maps it any more.
        """
        yield walk_begins(page, "unmap")
        stopped = END
        for vma in self.candidates(page):
            stopped = yield from self.try_to_unmap_one(page, vma)
            if stopped != END:
                break
        yield walk_ends(page, stopped)
        return page.mapcount == 0

    def try_to_unmap_one(self, page: Page, vma: Vma) -> Steps:
        """Replace one VMA's PTE by the swap entry, if it maps the page (try_to_unmap_one).

        Returns:
            Why the walk is to stop here: `LOCKED`, `MAPCOUNT`; or `END`, to go on to the list's.
        """
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
            yield from self.page_remove_rmap(page, ptep)
        return END if page.mapcount else MAPCOUNT

    def walk_lines(self, page: Page) -> WalkLines:
        """struct page, the list's head unless the page is direct, and each VMA."""
        lines = super().walk_lines(page)
        return lines._replace(head=lines.head - 1) if page.test(PG_direct) else lines

    def look(self, page: Page, *, full: bool) -> Steps:
        """The walk of try_to_unmap with its hands behind its back; `full`: past the stop rule."""
        yield walk_begins(page, "look")
        candidates = self.candidates(page) if page.mapcount or full else ()
        found, stopped = yield from look_at(page, zip(candidates, repeat(1)), page_check_address, full=full)
        yield walk_ends(page, stopped)
        return found

    # Many pages at once.

    def add_rmap_bulk(self, mapped: Mappings, vma: Vma, indices: Pfns) -> None:
        """`page_add_rmap` for fresh pages."""
        mem_map, pages = self.machine.mem_map, mapped.pages
        mem_map.mapcount.put(pages, mapped.counts)
        mem_map.index.put(pages, indices)
        mem_map.mapping.put(pages, vma.id)
        mem_map.flags.put(pages, mem_map.flags.all[pages] | (PG_anon | PG_direct))
        self.machine.work["rmap_add"] += len(mapped)

    def add_file_rmap_bulk(self, mapped: Mappings, vma: Vma) -> None:
        """`page_add_file_rmap` for many PTEs."""
        self.machine.mem_map.mapcount.add(mapped.pages, mapped.counts)
        self.machine.work["rmap_add"] += len(mapped)

    def bulk_bytes(self, pfns: Pfns) -> int:
        """One anon_vma."""
        return self.machine.ledger.cost("anon_vma")

    def dup_rmap_bulk(self, mapped: Mappings, vma: Vma, child: Vma, swapped: bool) -> None:
        """`page_dup_rmap` for the pages of a VMA."""
        mem_map, pages = self.machine.mem_map, mapped.pages
        if len(mapped):
            self.add_file_rmap_bulk(mapped, child)
        flags = mem_map.flags.all[as_slice(pages)]
        if not (flags & PG_anon).any() and not swapped:
            return
        for _ in self.anon_vma_fork(vma, child):
            pass
        assert child.anon_vma is not None
        direct = pages[flags & PG_direct != 0]
        if len(direct):
            mem_map.flags.put(direct, mem_map.flags.all[direct] & ~np.uint32(PG_direct))
            mem_map.mapping.put(direct, child.anon_vma.id)

    def walk_bulk(self, pages: Pfns, kind: str) -> Found:
        """Pages of one VMA, of one list, or of one file, have the same candidates."""
        found = Found(self.machine, pages, kind, stops=kind == "unmap")
        return walk_lists(found, kinds_of(found), self.candidates, ask_vma)

    def note_bulk(self, pages: Pfns, vma: Vma, indices: Pfns) -> None:
        """The list that the VMA is on, or the VMA."""
        mem_map = self.machine.mem_map
        mem_map.index.put(pages, indices)
        flags = mem_map.flags.all[pages] & ~np.uint32(PG_direct) | np.uint32(PG_anon)
        mem_map.flags.put(pages, flags if vma.anon_vma is not None else flags | np.uint32(PG_direct))
        mem_map.mapping.put(pages, vma.id if vma.anon_vma is None else vma.anon_vma.id)

    # What it says of itself.

    def problems(self) -> Iterable[tuple[str, str]]:
        """Lists that are empty, VMAs queued and not pointing back."""
        for anon_vma in self.machine.anon_vmas:
            if not len(anon_vma.vmas):
                yield "anon_vma_empty", f"{anon_vma!r} has no VMA and was not freed"
            for vma in anon_vma.vmas:
                if vma.anon_vma is not anon_vma:
                    yield "anon_vma_link", f"{vma!r} is queued on {anon_vma!r} and points at {vma.anon_vma!r}"
        for vma in self.machine.vmas:
            if vma.anon_vma is not None and vma not in vma.anon_vma.vmas:
                yield "anon_vma_link", f"{vma!r} points at {vma.anon_vma!r} and is not queued on it"

    def reverse_map_bytes(self) -> int:
        """12 bytes a VMA (list node and pointer), and one anon_vma a list."""
        machine = self.machine
        return 12 * len(machine.vmas) + machine.ledger.sizes["anon_vma"] * len(machine.anon_vmas)

    def live_member(self, page: Page) -> str | None:
        """vma while PG_direct, anon_vma while only PG_anon, mapping for a page of a file."""
        if not page.test(PG_anon):
            return "mapping" if page_mapping(page) is not None else None
        return "vma" if page.test(PG_direct) else "anon_vma"

    def why(self, page: Page) -> str:
        """The two flags, and what follows."""
        anon, direct = int(page.test(PG_anon)), int(page.test(PG_direct))
        return f"PG_anon {anon} · PG_direct {direct} ⇒ {self.live_member(page) or 'none'}"

    def live_target(self, page: Page) -> tuple[Ref | None, str]:
        """The one VMA, the anon_vma, or the file."""
        member = self.live_member(page)
        if member == "vma":
            vma = self.page_vma(page)
            name = f"vma {page.mapping} · {vma_name(vma)}" if vma else f"vma {page.mapping}, freed"
            return ("vma", page.mapping), name
        return anon_vma_target(page) if member == "anon_vma" else mapping_target(page)

    def lists(self) -> tuple[Lists, ...]:
        """The anon_vmas; the files."""
        return anon_vma_lists(self.machine, "none yet: fork makes the first one"), file_lists(self.machine)

    def picture(self, page: Page, first: int = 0, count: int = 32) -> Picture:
        """page → VMA → PTE while direct; page → anon_vma → VMAs after fork; a file's page → address_space."""
        member = self.live_member(page)
        rows = [CandidateRow.of(page, vma) for vma in islice(self.candidates(page), first, first + count)]
        mapping = page_mapping(page)
        anon_vma = self.page_anon_vma(page) if member == "anon_vma" else None
        if mapping is not None:
            return draw_file(page, mapping, rows, first)
        if anon_vma is None:
            total = sum(1 for _ in self.candidates(page))
            return draw_list(page, "anon_vma", None, "anon_vma", ("none until", "fork"), rows, total, first)
        total = len(anon_vma.vmas)
        lines = (f"vmas {total}", f"{self.machine.ledger.sizes['anon_vma']} B")
        ref = ("anon_vma", anon_vma.id)
        return draw_list(page, "anon_vma", ref, f"anon_vma {anon_vma.id}", lines, rows, total, first)


SCHEME = AnonVmaRfc
