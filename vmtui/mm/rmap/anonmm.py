"""Hugh Dickins' rival to anon_vma: anonmm, the anobjrmap patches of 18 to 22 March 2004 on 2.6.5-rc1.

fork gives the child every page at the address it has in the parent.  So an anonymous page need not know
its VMAs: its virtual address, and one process that has or had it, are enough.  Each mm has an ``anonmm``;
those of all forks since an exec hang together in a *bundle*.  page->mapping is the anonmm of the mm that
mapped the page first, page->index the address; the walk tries that mm, then goes round the bundle, and
looks at one PTE in each.  VMAs are split and merged as ever, and nobody notices.  Files go by their i_mmap
lists, and all walks stop when as many PTEs as the page's mapcount were found.

An anonmm outlives its mm while pages point at it: a child may still have what the dead parent faulted in.

mremap is what it cannot do: a page two processes share would be at two addresses.  Such a page is copied,
after Linus Torvalds' advice: the write fault that would copy it one day is taken at once.
Sources: anobjrmap 5/6 <Pine.LNX.4.44.0403182325280.16928-100000@localhost.localdomain> and
7/6 <Pine.LNX.4.44.0403222032470.19332-100000@localhost.localdomain>.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.cluster import Mappings, mapped_pteps
from vmtui.mm.filemap import page_mapping
from vmtui.mm.kernel import object_sizes
from vmtui.mm.memory import handle_mm_fault
from vmtui.mm.mm_types import VM_LOCKED, Anonmm, Mm, Vma, place_name, vma_name
from vmtui.mm.page import PAGE_SHIFT, Page, PG_anon, PG_referenced
from vmtui.mm.pgtable import (
    is_swap_pte,
    is_zero_page,
    present_ptes,
    pte_offset,
    pte_pfn,
    pte_to_slot,
    pte_write,
    ptep_to_mm_address,
)
from vmtui.mm.rmap import explained
from vmtui.mm.rmap.base import Indifferent
from vmtui.mm.rmap.bundle import (
    Candidate,
    ask_candidate,
    bundle_of,
    candidate_mm,
    candidate_vma,
    check_candidate,
    draw_bundle,
    mapped_at,
)
from vmtui.mm.rmap.lists import Lists, bundle_lists, file_lists
from vmtui.mm.rmap.picture import CandidateRow, draw_file
from vmtui.mm.rmap.scheme import Pfns, Picture, WalkLines, walk_begins, walk_ends
from vmtui.mm.rmap.target import mapping_target
from vmtui.mm.rmap.unmap import ptep_test_and_clear_young, unmap_pte
from vmtui.mm.rmap.walk_bulk import Found, kinds_of, walk_lists
from vmtui.mm.step import END, LOCKED, MAPCOUNT, Ref, Steps, step
from vmtui.mm.swap_state import lookup_swap_cache
from vmtui.mm.work import count_tables
from vmtui.state.containers import ObjectTable

if TYPE_CHECKING:
    from vmtui.mm.kernel import Options
    from vmtui.mm.machine import Machine


class AnonmmScheme(Indifferent):
    """The scheme, of one machine."""

    name: ClassVar[str] = "anonmm"
    title: ClassVar[str] = "anonmm"
    kernel: ClassVar[str] = "2.6.5-rc1 + anobjrmap"
    period: ClassVar[str] = "Hugh Dickins, 18 March 2004: the same address in every process"
    departs: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "mremap": "a page that is shared, in memory or on swap, is copied: it can be at one address only",
            "mlock": "of a page that only some have locked, the walk unmaps what it meets before the lock",
            "remap_file_pages": "refused: the draft had no answer",
        }
    )
    no_nonlinear: ClassVar[str] = "the draft had no answer: its walk finds a page of a file by vm_pgoff alone"
    union_members: ClassVar[tuple[str, ...]] = ("mapping", "anonmm")
    explanations: ClassVar[explained.Entries] = explained.ANONMM
    ours: ClassVar[frozenset[str]] = frozenset()
    expected: frozenset[str] = frozenset()
    no_clusters: ClassVar[str] = "knows one address for a page, and part of a cluster may be moved away"

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.anonmms: ObjectTable[Anonmm] = ObjectTable(machine.history)

    @classmethod
    def object_sizes(cls, options: Options) -> dict[str, int]:
        """struct page 32 bytes, a VMA 64; an anonmm is 24, in a slab of 32; an mm_struct points at it."""
        mm_struct = object_sizes()["mm_struct"] + 4
        return {"mem_map": 32, "vm_area_struct": 64, "mm_struct": mm_struct, "anonmm": 32}

    def object_counts(self) -> dict[str, int]:
        """The anonmms."""
        return {"anonmm": len(self.anonmms)}

    def objects(self) -> Mapping[str, ObjectTable[Any]]:
        """The anonmms."""
        return {"anonmm": self.anonmms}

    # What a page points at.

    def page_anonmm(self, page: Page) -> Anonmm | None:
        """The anonmm in page->mapping, under PG_anon."""
        return self.anonmms.get(page.mapping) if page.test(PG_anon) else None

    def candidates(self, page: Page) -> Iterator[Candidate]:
        """The anonmm it points at, then the rest of the bundle from there on; or its file's VMAs.

        Round the whole bundle: a page does not get into an older mm by fork, but one that was swapped out
        points at the mm that had it back first.
        """
        anonmm, mapping = self.page_anonmm(page), page_mapping(page)
        if anonmm is not None:
            return chain((anonmm,), bundle_of(anonmm).list.others(anonmm))
        if mapping is not None:
            return chain(mapping.i_mmap, mapping.i_mmap_shared)
        return iter(())

    def mappings(self, page: Page) -> Iterator[int]:
        """The PTEs in which the candidates have the page."""
        for candidate in self.candidates(page):
            if not isinstance(candidate, Anonmm):
                yield from mapped_pteps(page, candidate)
            elif ptep := mapped_at(page, candidate):
                yield ptep

    # An mm gets its anonmm when it is made, and leaves it behind.

    def mm_create(self, mm: Mm, parent: Mm | None) -> None:
        """exec begins a bundle; fork adds to the parent's, at the tail (exec_rmap, dup_rmap)."""
        machine = self.machine
        machine.ledger.charge("anonmm")
        machine.work["anonmm_alloc"] += 1
        anonmm = self.anonmms.add(Anonmm(machine, self.anonmms.next_id, mm))
        head = anonmm
        if parent is not None:
            assert parent.anonmm is not None
            head = bundle_of(parent.anonmm)
        mm.anonmm = anonmm
        anonmm.head = head
        anonmm.count = 1
        head.count += 1
        # Itself, the head, and who was last; of a bundle that begins itself alone.
        machine.work["list_lines"] += 1 + min(len(head.list), 2)
        head.list.add_tail(anonmm)

    def mm_exit(self, mm: Mm) -> None:
        """The mm goes; its anonmm stays as long as a page points at it (exit_rmap)."""
        anonmm = mm.anonmm
        assert anonmm is not None
        mm.anonmm = None
        anonmm.mm = None
        self.put_anonmm(anonmm)

    def put_anonmm(self, anonmm: Anonmm, n: int = 1) -> None:
        """Needed `n` times less.  A member that nobody needs leaves the bundle, and the head is needed less.

        A head has itself to hold it: it goes when that is all that does (free_anonmm, exit_rmap).
        """
        head = bundle_of(anonmm)
        anonmm.count -= n
        if anonmm is not head and anonmm.count == 0:
            self.free_anonmm(anonmm)
            head.count -= 1
        if head.count == 1 and head.mm is None:
            self.free_anonmm(head)

    def free_anonmm(self, anonmm: Anonmm) -> None:
        """Out of the bundle, and freed."""
        others = bundle_of(anonmm).list
        others.remove(anonmm)
        self.machine.work["list_lines"] += 1 + min(len(others), 2)
        self.anonmms.free(anonmm)
        self.machine.ledger.uncharge("anonmm")
        self.machine.work["anonmm_free"] += 1

    # A page is mapped and unmapped.

    def vma_prepare(self, vma: Vma) -> Steps:
        """Nothing: the anonmm has been there since the mm was made."""
        yield from ()

    def page_add_rmap(self, page: Page, vma: Vma, address: int, ptep: int, *, fresh: bool) -> Steps:
        """The first PTE of a page notes the mm's anonmm and the address (page_add_anon_rmap)."""
        self.machine.work["rmap_add"] += 1
        text = "struct page {page:#x}: mapcount is now {n}"
        if page.mapcount == 0:
            self.set_page_anon(page, vma.vm_mm, address)
            text = "struct page {page:#x} notes {who} and address {address:#x}; mapcount {n}"
        page.mapcount += 1
        about: dict[str, Any] = {"page": page.pfn, "vma": vma.id, "mm": vma.vm_mm.id}
        yield step(text, n=page.mapcount, who=vma.vm_mm.name, address=address, **about)

    def set_page_anon(self, page: Page, mm: Mm, address: int) -> None:
        """Point a page at an mm's anonmm, which is needed once more for it."""
        anonmm = mm.anonmm
        assert anonmm is not None
        page.set(PG_anon)
        page.index = address >> PAGE_SHIFT
        page.mapping = anonmm.id
        anonmm.count += 1
        self.machine.work["list_lines"] += 1

    def clear_page_anon(self, page: Page) -> None:
        """The page points nowhere; its anonmm may be free (clear_page_anon)."""
        anonmm = self.page_anonmm(page)
        assert anonmm is not None
        page.mapping = 0
        page.clear(PG_anon)
        self.machine.work["list_lines"] += 1
        self.put_anonmm(anonmm)

    def page_add_file_rmap(self, page: Page, vma: Vma, ptep: int) -> Steps:
        """A file's page only counts (page_add_obj_rmap)."""
        self.machine.work["rmap_add"] += 1
        page.mapcount += 1
        yield step("struct page {page:#x}: mapcount is now {n}", page=page.pfn, vma=vma.id, n=page.mapcount)

    def page_move_rmap(self, page: Page, vma: Vma, address: int) -> Steps:
        """A page that is one mm's alone notes that mm, whoever had it first (page_update_anon_rmap)."""
        if not page.test(PG_anon) or self.page_anonmm(page) is vma.vm_mm.anonmm:
            return
        self.page_update_anon_rmap(page, vma.vm_mm, address)
        text = "struct page {page:#x} notes {who}, the only one that has it"
        yield step(text, page=page.pfn, vma=vma.id, mm=vma.vm_mm.id, who=vma.vm_mm.name)

    def page_update_anon_rmap(self, page: Page, mm: Mm, address: int) -> None:
        """Note another mm, and another address, of a page that nobody else maps (page_update_anon_rmap)."""
        assert page.mapcount == 1
        if self.page_anonmm(page) is not mm.anonmm:
            self.clear_page_anon(page)
            self.set_page_anon(page, mm, address)
        elif page.index != address >> PAGE_SHIFT:
            page.index = address >> PAGE_SHIFT

    def page_remove_rmap(self, page: Page, ptep: int) -> Steps:
        """One mapping less; with the last one the page lets go of its anonmm (page_remove_rmap)."""
        self.machine.work["rmap_remove"] += 1
        page.mapcount -= 1
        if page.mapcount == 0 and page.test(PG_anon):
            self.clear_page_anon(page)
        yield step("struct page {page:#x}: mapcount is now {n}", page=page.pfn, n=page.mapcount)

    # fork.

    def vma_fork(self, vma: Vma, child: Vma) -> Steps:
        """Nothing: VMAs do not matter here."""
        yield from ()

    def page_dup_rmap(self, page: Page, vma: Vma, child: Vma, ptep: int) -> Steps:
        """A PTE was copied, to the same address: the page only counts (page_dup_rmap)."""
        self.machine.work["rmap_add"] += 1
        page.mapcount += 1
        yield step("struct page {page:#x}: mapcount is now {n}", page=page.pfn, vma=child.id, n=page.mapcount)

    def swap_dup_rmap(self, vma: Vma, child: Vma) -> Steps:
        """Nothing: whoever swaps it in first will be noted."""
        yield from ()

    # VMAs are cut and joined: nothing is in the way.

    def can_vma_merge(self, one: Vma, other: Vma | None) -> bool:
        """Always."""
        return True

    def file_link(self, vma: Vma, parent: Vma | None) -> None:
        """Nothing: the file's own lists are what is walked."""

    def keeps_pgoff(self, vma: Vma) -> bool:
        """Never: it means nothing for anonymous memory."""
        return False

    # mremap: a page has one address.

    def move_prepare(self, vma: Vma, start: int, end: int) -> Steps:
        """Make every page of the range this mm's own: break copy on write early (move_page_tables).

        A page that is shared on swap is brought in first; the fault after that copies it.
        """
        mm = vma.vm_mm
        count_tables(vma, start, end)
        for address in present_ptes(mm, start, end).tolist():
            while self.rmap_needs_broken_cow(mm, address):
                text = "{where} is shared, and cannot be at two addresses: copied now"
                yield step(text, vma=vma.id, mm=mm.id, where=place_name(mm, address))
                yield from handle_mm_fault(mm, vma, address, write=True)

    def rmap_needs_broken_cow(self, mm: Mm, address: int) -> bool:
        """Whether somebody else has the page, or the swap entry, at an address (rmap_needs_broken_cow)."""
        machine = self.machine
        pte = machine.memory[pte_offset(mm, address)]
        holders = machine.swap.map
        if is_swap_pte(pte):
            slot = pte_to_slot(pte)
            cached = lookup_swap_cache(machine, slot)
            if holders[slot] == 2 and cached:
                return machine.page(cached).mapcount > 0
            return holders[slot] > 1
        if is_zero_page(pte_pfn(pte)):
            return False
        page = machine.page(pte_pfn(pte))
        if not page.test(PG_anon) or pte_write(pte):
            return False
        # The swap cache is one of the slot's holders; the others are swap entries.
        return page.mapcount > 1 or (page.private != 0 and holders[page.private] > 1)

    def move_rmap(self, page: Page, ptep: int, new_ptep: int) -> None:
        """The page, which is this mm's own, notes its new address (page_update_anon_rmap)."""
        mm, address = ptep_to_mm_address(self.machine, new_ptep)
        if page.test(PG_anon) and mm is not None:
            self.page_update_anon_rmap(page, mm, address)

    # The walk.

    def page_referenced(self, page: Page) -> Steps:
        """Who used the page lately?  Until all its PTEs were found (page_referenced).

        Returns:
            How many references were found; all young bits are clear now.
        """
        yield walk_begins(page, "referenced")
        referenced = 0
        if page.test(PG_referenced):
            page.clear(PG_referenced)
            referenced += 1

        stopped, mapcount = END, page.mapcount
        for candidate in self.candidates(page) if mapcount else ():
            ptep = yield from check_candidate(page, candidate)
            if not ptep:
                continue
            mm = candidate_mm(candidate)
            referenced += yield from ptep_test_and_clear_young(page, mm, ptep, mm.name)
            mapcount -= 1
            if mapcount == 0:
                stopped = MAPCOUNT
                break
        yield walk_ends(page, stopped)
        return referenced

    def try_to_unmap(self, page: Page) -> Steps:
        """Take the page out of every page table that maps it (try_to_unmap).

        Returns:
            Whether no PTE maps it any more.
        """
        yield walk_begins(page, "unmap")
        stopped = END
        for candidate in self.candidates(page):
            if (yield from self.try_to_unmap_one(page, candidate)) == LOCKED:
                stopped = LOCKED
                break
            if page.mapcount == 0:
                stopped = MAPCOUNT
                break
        yield walk_ends(page, stopped)
        return page.mapcount == 0

    def try_to_unmap_one(self, page: Page, candidate: Candidate) -> Steps:
        """Replace one PTE, by the swap entry if the page is anonymous; only now is the VMA looked up."""
        ptep = yield from check_candidate(page, candidate)
        if not ptep:
            return END
        vma = candidate_vma(page, candidate)
        if vma.vm_flags & VM_LOCKED:
            text = "find_vma: {who} is locked in memory: the page stays"
            yield step(text, page=page.pfn, vma=vma.id, who=vma_name(vma))
            return LOCKED

        left = unmap_pte(page, vma.vm_mm, ptep)
        text = "{who}: its PTE {left}"
        yield step(text, page=page.pfn, vma=vma.id, ptep=ptep, who=vma_name(vma), left=left)
        yield from self.page_remove_rmap(page, ptep)
        return END

    def walk_lines(self, page: Page) -> WalkLines:
        """Of an anonymous page struct page, the bundle's head and each anonmm; of a file's its VMAs."""
        lines = super().walk_lines(page)
        return lines._replace(element=self.machine.lines("anonmm")) if page.test(PG_anon) else lines

    def look(self, page: Page, *, full: bool) -> Steps:
        """The walk of try_to_unmap with its hands behind its back; `full`: past the stop rule."""
        yield walk_begins(page, "look")
        stopped = END
        found = 0
        for candidate in self.candidates(page):
            ptep = yield from check_candidate(page, candidate)
            found += 1 if ptep else 0
            if not full and ptep and candidate_vma(page, candidate).vm_flags & VM_LOCKED:
                stopped = LOCKED
                break
            if not full and found == page.mapcount:
                stopped = MAPCOUNT
                break
        yield walk_ends(page, stopped)
        return found

    # Many pages at once.

    def add_rmap_bulk(self, mapped: Mappings, vma: Vma, indices: Pfns) -> None:
        """`page_add_rmap` for fresh pages at consecutive addresses."""
        anonmm = vma.vm_mm.anonmm
        assert anonmm is not None
        mem_map, pfns = self.machine.mem_map, mapped.pages
        mem_map.mapcount.put(pfns, 1)
        _, address = ptep_to_mm_address(self.machine, int(mapped.pteps[0]))
        first = address >> PAGE_SHIFT
        mem_map.index.put(pfns, np.arange(first, first + len(pfns), dtype=np.int64))
        mem_map.mapping.put(pfns, anonmm.id)
        mem_map.flags.put(pfns, mem_map.flags.all[pfns] | PG_anon)
        anonmm.count += len(pfns)
        self.machine.work["list_lines"] += len(pfns)
        self.machine.work["rmap_add"] += len(pfns)

    def add_file_rmap_bulk(self, mapped: Mappings, vma: Vma) -> None:
        """`page_add_file_rmap` for many PTEs."""
        self.machine.mem_map.mapcount.add(mapped.pages, mapped.counts)
        self.machine.work["rmap_add"] += len(mapped)

    def dup_rmap_bulk(self, mapped: Mappings, vma: Vma, child: Vma, swapped: bool) -> None:
        """`page_dup_rmap` for the pages of a VMA."""
        if len(mapped):
            self.add_file_rmap_bulk(mapped, child)

    def remove_rmap_bulk(self, pfns: Pfns, vma: Vma, pteps: Pfns) -> None:
        """`page_remove_rmap` for many pages: each anonmm lets go of all that go at once."""
        super().remove_rmap_bulk(pfns, vma, pteps)
        mem_map = self.machine.mem_map
        last = pfns[(mem_map.mapcount.all[pfns] == 0) & (mem_map.flags.all[pfns] & PG_anon != 0)]
        self.forget_bulk(last)

    def walked_bulk(self, pages: Pfns, unmapped: NDArray[np.bool_], pteps: Pfns) -> None:
        """In the swap cache, unmapped, they point nowhere."""
        super().walked_bulk(pages, unmapped, pteps)
        anon = self.machine.mem_map.flags.all[pages] & PG_anon != 0
        self.forget_bulk(pages[unmapped & anon])

    def forget_bulk(self, pages: Pfns) -> None:
        """`clear_page_anon` of many pages."""
        mem_map = self.machine.mem_map
        numbers, counts = np.unique(mem_map.mapping.all[pages], return_counts=True)
        if len(pages):
            mem_map.flags.put(pages, mem_map.flags.all[pages] & ~np.uint32(PG_anon))
            mem_map.mapping.put(pages, 0)
        for number, n in zip(numbers.tolist(), counts.tolist(), strict=True):
            anonmm = self.anonmms.get(number)
            assert anonmm is not None
            self.machine.work["list_lines"] += n
            self.put_anonmm(anonmm, n)

    def walk_bulk(self, pages: Pfns, kind: str) -> Found:
        """Pages that point at one anonmm, or at one file, have the same candidates."""
        found = Found(self.machine, pages, kind, stops=True)
        return walk_lists(found, kinds_of(found), self.candidates, ask_candidate)

    def note_bulk(self, pages: Pfns, vma: Vma, indices: Pfns) -> None:
        """The mm's anonmm, and the address."""
        anonmm = vma.vm_mm.anonmm
        assert anonmm is not None
        mem_map = self.machine.mem_map
        mem_map.flags.put(pages, mem_map.flags.all[pages] | np.uint32(PG_anon))
        mem_map.index.put(pages, indices - vma.vm_pgoff + (vma.vm_start >> PAGE_SHIFT))
        mem_map.mapping.put(pages, anonmm.id)
        anonmm.count += len(pages)
        self.machine.work["list_lines"] += len(pages)

    # What it says of itself.

    def problems(self) -> Iterable[tuple[str, str]]:
        """Counts that are not what the bundle and mem_map say; a living mm without its anonmm."""
        machine = self.machine
        pages: dict[int, int] = {}
        for where in machine.frames_used():
            anon = machine.mem_map.flags.all[where] & PG_anon != 0
            for number in machine.mem_map.mapping.all[where][anon].tolist():
                pages[number] = pages.get(number, 0) + 1
        for anonmm in self.anonmms:
            members = len(anonmm.list) if anonmm.head is anonmm else 0
            count = (anonmm.mm is not None) + members + pages.pop(anonmm.id, 0)
            if anonmm.count != count:
                yield "anonmm_count", f"{anonmm!r}: count {anonmm.count}, {count} need it"
            if anonmm not in bundle_of(anonmm).list:
                yield "anonmm_bundle", f"{anonmm!r} is not in the bundle of {anonmm.head!r}"
            if anonmm.mm is not None and anonmm.mm.anonmm is not anonmm:
                yield "anonmm_mm", f"{anonmm!r} has an mm whose anonmm it is not"
        for number, n in pages.items():
            yield "anonmm_gone", f"{n} pages point at anonmm {number}, which is gone"
        for mm in machine.mms:
            if mm.anonmm is None or mm.anonmm.mm is not mm:
                yield "anonmm_mm", f"{mm.name} has no anonmm of its own"

    def reverse_map_bytes(self) -> int:
        """32 bytes an anonmm, 4 bytes an mm."""
        return self.machine.ledger.sizes["anonmm"] * len(self.anonmms) + 4 * len(self.machine.mms)

    def live_member(self, page: Page) -> str | None:
        """page->mapping is an anonmm under PG_anon, else an address_space or NULL."""
        if page.test(PG_anon):
            return "anonmm"
        return "mapping" if page_mapping(page) is not None else None

    def why(self, page: Page) -> str:
        """The flag, and what follows."""
        return f"PG_anon {int(page.test(PG_anon))} ⇒ {self.live_member(page) or 'none'}"

    def live_target(self, page: Page) -> tuple[Ref | None, str]:
        """The anonmm and whose it is, or the file."""
        anonmm = self.page_anonmm(page)
        if anonmm is None:
            return mapping_target(page)
        whose = anonmm.mm.name if anonmm.mm is not None else "its mm is gone"
        return ("anonmm", anonmm.id), f"anonmm {anonmm.id} · {whose}"

    def lists(self) -> tuple[Lists, ...]:
        """The bundles; the files."""
        return bundle_lists(self.machine, self.anonmms), file_lists(self.machine)

    def picture(self, page: Page, first: int = 0, count: int = 32) -> Picture:
        """page → its anonmm → the bundle round, each with its mm and PTE; a file's page → address_space."""
        shown = list(islice(self.candidates(page), first, first + count))
        mapping = page_mapping(page)
        if mapping is not None:
            rows = [CandidateRow.of(page, vma) for vma in shown if isinstance(vma, Vma)]
            return draw_file(page, mapping, rows, first)
        total = sum(1 for _ in self.candidates(page))
        return draw_bundle(page, [one for one in shown if isinstance(one, Anonmm)], total, first)


SCHEME = AnonmmScheme
