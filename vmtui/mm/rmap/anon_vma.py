"""What was merged: Andrea Arcangeli's anon_vma as Hugh Dickins fitted it into 2.6.7 (mm/rmap.c).

The draft of March pointed a new page straight at its VMA, and a split left it pointing at the wrong half.
Here no page points at a VMA.  The first write fault of a VMA makes an ``anon_vma``, before it takes a page;
every anonymous page of the VMA points at it for good, and every VMA that could map such a page is queued on
it: the halves of a split, and the children of each fork.  So a page that one process alone maps is looked
for in all its relatives, as far as they stand before it in the list.

page->index and vm_pgoff give the address in each VMA; mremap takes vm_pgoff along, unless nothing
was ever written there.  A file's VMAs stand in a radix priority search tree, which answers with those that
cover a page and no others.  Both walks stop when as many PTEs as the page's mapcount were found.  VMAs that
remap_file_pages made nonlinear are on a list of their own, and are scanned (`vmtui.mm.rmap.nonlinear`).
Sources: patches rmap 39 <Pine.LNX.4.44.0405182310200.3416-100000@localhost.localdomain> and rmap 40 of
May 2004, and mm/prio_tree.c by Rajesh Venkatasubramanian.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.cluster import Mappings, mapped_pteps, page_index
from vmtui.mm.filemap import page_mapping
from vmtui.mm.mm_types import VM_ACCESS, VM_LOCKED, VM_NONLINEAR, VM_SHARED, AnonVma, Vma, vma_name
from vmtui.mm.mmap import can_vma_merge
from vmtui.mm.page import Page, PG_anon, PG_referenced
from vmtui.mm.rmap import explained
from vmtui.mm.rmap.base import Indifferent
from vmtui.mm.rmap.lists import Lists, anon_vma_lists, file_lists
from vmtui.mm.rmap.nonlinear import (
    draw_nonlinear,
    look_nonlinear,
    nonlinear_pteps,
    scan_ends,
    try_to_unmap_nonlinear,
)
from vmtui.mm.rmap.picture import CandidateRow, draw_list
from vmtui.mm.rmap.prio_tree import PrioTrees
from vmtui.mm.rmap.scheme import (
    Pfns,
    Picture,
    look_at,
    page_check_address_rss,
    walk_begins,
    walk_ends,
)
from vmtui.mm.rmap.target import anon_vma_target, mapping_target
from vmtui.mm.rmap.unmap import ptep_test_and_clear_young, unmap_pte
from vmtui.mm.rmap.walk_bulk import Found, Indices, ask_vma_rss, kinds_of, walk_trees
from vmtui.mm.step import END, HIT, LOCKED, MAPCOUNT, Ref, Steps, Told, step
from vmtui.mm.work import count_link

if TYPE_CHECKING:
    from vmtui.mm.kernel import Options
    from vmtui.mm.machine import Machine
    from vmtui.state.column import Column
    from vmtui.state.containers import ObjectTable


class AnonVmaMerged(Indifferent):
    """The scheme, of one machine."""

    name: ClassVar[str] = "anon_vma"
    title: ClassVar[str] = "anon_vma (2.6.7)"
    kernel: ClassVar[str] = "2.6.7"
    period: ClassVar[str] = "merged in May 2004: anon_vma at the first write, prio_tree for files"
    departs: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "mremap": "VMAs that other schemes let merge stay two here, or the reverse, and mremap wants one",
            "mlock": "of a page that only some have locked, the walk unmaps what it meets before the lock",
            "remap_file_pages": "page-out unmaps what the scan of nonlinear VMAs meets, and not the page",
        }
    )
    union_members: ClassVar[tuple[str, ...]] = ("mapping", "anon_vma")
    explanations: ClassVar[explained.Entries] = explained.ANON_VMA
    ours: ClassVar[frozenset[str]] = frozenset()
    expected: frozenset[str] = frozenset()

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.trees = PrioTrees(
            machine.history,
            self.interval,
            lambda: machine.vmas.next_id,
            lambda: machine.files.next_id,
        )

    @classmethod
    def object_sizes(cls, options: Options) -> dict[str, int]:
        """struct page 32 bytes; a VMA 64 + 8 for the prio_tree + 12; an anon_vma a lock and a list head."""
        return {"mem_map": 32, "vm_area_struct": 84, "anon_vma": 12 if options.smp else 8}

    def object_counts(self) -> dict[str, int]:
        """The anon_vmas."""
        return {"anon_vma": len(self.machine.anon_vmas)}

    def columns(self) -> Mapping[str, Column]:
        """The pointers of the trees: members of vm_area_struct and address_space."""
        return self.trees.columns()

    def objects(self) -> Mapping[str, ObjectTable[Any]]:
        """None beside the machine's anon_vmas."""
        return {}

    # What a page points at.

    def page_anon_vma(self, page: Page) -> AnonVma | None:
        """The anon_vma in page->mapping, under PG_anon."""
        return self.machine.anon_vmas.get(page.mapping) if page.test(PG_anon) else None

    def candidates(self, page: Page) -> Iterator[tuple[Vma, int]]:
        """The VMAs on its list, newest first, or those of its file that cover it; nodes followed to each."""
        mapping = page_mapping(page)
        anon_vma = self.page_anon_vma(page)
        if anon_vma is not None:
            for vma in anon_vma.vmas:
                yield vma, 1
        elif mapping is not None:
            last = page.index + self.machine.cluster - 1
            for number, nodes in self.trees.covering(mapping.id, page.index, last):
                yield self.vma(number), nodes

    def mappings(self, page: Page) -> Iterator[int]:
        """The PTEs in which the candidates have the page; then those of nonlinear VMAs that map it."""
        linear = (ptep for vma, _ in self.candidates(page) for ptep in mapped_pteps(page, vma))
        rest = (ptep for vma in self.nonlinear(page) for ptep, _ in nonlinear_pteps(page, vma))
        return chain(linear, rest)

    def nonlinear(self, page: Page) -> Iterable[Vma]:
        """The VMAs of its file that arithmetic cannot search."""
        mapping = page_mapping(page)
        return mapping.i_mmap_nonlinear if mapping is not None else ()

    def vma(self, number: int) -> Vma:
        """The VMA of a number that is in a tree."""
        vma = self.machine.vmas.get(number)
        assert vma is not None
        return vma

    def interval(self, number: int) -> tuple[int, int]:
        """The first and the last page of its file that a VMA covers (RADIX_INDEX, HEAP_INDEX)."""
        vma = self.vma(number)
        return vma.vm_pgoff, vma.vm_pgoff + vma.pages - 1

    # Address spaces come and go: nothing to do.

    # The first write: before there is a page, there is a list for it.

    def vma_prepare(self, vma: Vma) -> Steps:
        """See that a VMA is on an anon_vma's list: a neighbour's, or a new one (anon_vma_prepare)."""
        if vma.anon_vma is not None:
            return
        anon_vma = self.find_mergeable_anon_vma(vma)
        text = "{who} joined the anon_vma of a neighbour that it may merge with"
        if anon_vma is None:
            anon_vma = self.anon_vma_alloc()
            text = "an anon_vma was made for {who}, before its first page"
        self.anon_vma_link(vma, anon_vma)
        yield step(text, vma=vma.id, anon_vma=anon_vma.id, who=vma_name(vma))

    def find_mergeable_anon_vma(self, vma: Vma) -> AnonVma | None:
        """The anon_vma of a neighbour that mprotect could make one with this VMA (rmap 40).

        mprotect alone merges VMAs anew, so access rights do not matter; VM_LOCKED does.
        """
        vmas = vma.vm_mm.vmas
        after, before = vmas.at(vma.vm_end), vmas.at(vma.vm_start - 1)
        for near, pgoff in ((after, vma.vm_pgoff + vma.pages), (before, vma.vm_pgoff)):
            if near is None or near.anon_vma is None:
                continue
            flags = vma.vm_flags & ~VM_ACCESS | near.vm_flags & VM_ACCESS
            if near is before:
                pgoff -= near.pages
            if can_vma_merge(near, flags, pgoff, vma.vm_file, None):
                return near.anon_vma
        return None

    def anon_vma_alloc(self) -> AnonVma:
        """A new, empty anon_vma; 12 bytes, 8 without SMP (anon_vma_alloc)."""
        machine = self.machine
        machine.ledger.charge("anon_vma")
        machine.work["anon_vma_alloc"] += 1
        return machine.anon_vmas.add(AnonVma(machine, machine.anon_vmas.next_id))

    def anon_vma_link(self, vma: Vma, anon_vma: AnonVma) -> None:
        """Queue a VMA at the head (list_add in anon_vma_link)."""
        count_link(anon_vma, vma)
        anon_vma.vmas.add(vma)
        vma.anon_vma = anon_vma

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

    # A page is mapped and unmapped.

    def page_add_rmap(self, page: Page, vma: Vma, address: int, ptep: int, *, fresh: bool) -> Steps:
        """The page's first PTE makes it point at the VMA's anon_vma (page_add_anon_rmap)."""
        self.machine.work["rmap_add"] += 1
        anon_vma = vma.anon_vma
        assert anon_vma is not None
        text = "struct page {page:#x}: mapcount is now {n}"
        if page.mapcount == 0:
            page.set(PG_anon)
            page.mapping = anon_vma.id
            page.index = page_index(vma, address)
            text = "struct page {page:#x} points at the anon_vma of its VMA; mapcount {n}"
        page.mapcount += 1
        yield step(text, page=page.pfn, vma=vma.id, anon_vma=anon_vma.id, n=page.mapcount)

    def page_add_file_rmap(self, page: Page, vma: Vma, ptep: int) -> Steps:
        """A file's page only counts: the tree of its address_space knows the rest (page_add_file_rmap)."""
        self.machine.work["rmap_add"] += 1
        page.mapcount += 1
        yield step("struct page {page:#x}: mapcount is now {n}", page=page.pfn, vma=vma.id, n=page.mapcount)

    def page_move_rmap(self, page: Page, vma: Vma, address: int) -> Steps:
        """Nothing: whoever has the page now, it stays on the list it was born on."""
        yield from ()

    def page_remove_rmap(self, page: Page, ptep: int) -> Steps:
        """One mapping less; with the last one it is no anonymous page any more (page_remove_rmap).

        In the swap cache too: page->private has the slot, and whoever maps it next sets the rest anew.
        """
        self.machine.work["rmap_remove"] += 1
        page.mapcount -= 1
        if page.mapcount == 0 and page.test(PG_anon):
            page.clear(PG_anon)
            page.mapping = 0
        yield step("struct page {page:#x}: mapcount is now {n}", page=page.pfn, n=page.mapcount)

    # fork.

    def vma_fork(self, vma: Vma, child: Vma) -> Steps:
        """The child's VMA joins the list its parent's is on, whether there are pages or not (dup_mmap)."""
        if vma.anon_vma is None:
            return
        self.anon_vma_link(child, vma.anon_vma)
        text = "{child} joined the anon_vma of {parent}, at the head"
        who, whose = vma_name(child), vma_name(vma)
        yield step(text, vma=child.id, anon_vma=vma.anon_vma.id, child=who, parent=whose)

    def page_dup_rmap(self, page: Page, vma: Vma, child: Vma, ptep: int) -> Steps:
        """A PTE was copied: the page only counts (page_dup_rmap)."""
        self.machine.work["rmap_add"] += 1
        page.mapcount += 1
        yield step("struct page {page:#x}: mapcount is now {n}", page=page.pfn, vma=child.id, n=page.mapcount)

    def swap_dup_rmap(self, vma: Vma, child: Vma) -> Steps:
        """Nothing: the child's VMA is on the list already."""
        yield from ()

    # VMAs are cut, joined and moved.

    def can_vma_merge(self, one: Vma, other: Vma | None) -> bool:
        """At most one of the two may have an anon_vma, or both the same (is_mergeable_anon_vma)."""
        if other is None or one.anon_vma is None or other.anon_vma is None:
            return True
        return one.anon_vma is other.anon_vma

    def vma_split(self, vma: Vma, new: Vma) -> Steps:
        """The new half joins the list; no page notices (__insert_vm_struct)."""
        if vma.anon_vma is None:
            return
        self.anon_vma_link(new, vma.anon_vma)
        text = "both halves are on the anon_vma now; the pages did not change"
        yield step(text, vma=new.id, anon_vma=vma.anon_vma.id)

    def vma_adjust(self, survivor: Vma, donor: Vma, start: int, end: int) -> Steps:
        """Whoever takes over pages must be on their list; in place of a VMA that goes (__anon_vma_merge).

        Where only the boundary between the two moves this is easily overlooked, and was at first.
        """
        anon_vma = donor.anon_vma
        if anon_vma is None or survivor.anon_vma is not None:
            return
        if (donor.vm_start, donor.vm_end) == (start, end):
            anon_vma.vmas.replace(donor, survivor)
            donor.anon_vma = None
            survivor.anon_vma = anon_vma
        else:
            self.anon_vma_link(survivor, anon_vma)
        text = "{who} takes over pages of the anon_vma, and is on its list now"
        yield step(text, vma=survivor.id, anon_vma=anon_vma.id, who=vma_name(survivor))

    def keeps_pgoff(self, vma: Vma) -> bool:
        """Once there may be pages counted from it; before the first write it can follow (copy_vma)."""
        return vma.anon_vma is not None

    def move_prepare(self, vma: Vma, start: int, end: int) -> Steps:
        """Nothing: what a page says holds at the new address too."""
        yield from ()

    def move_rmap(self, page: Page, ptep: int, new_ptep: int) -> None:
        """Nothing: no address is kept anywhere."""

    def vma_move(self, vma: Vma, new: Vma) -> Steps:
        """The VMA at the new address joins the list of the old one (copy_vma)."""
        if vma.anon_vma is None or new.anon_vma is not None:
            return
        self.anon_vma_link(new, vma.anon_vma)
        text = "{who} joined the anon_vma of the VMA that moved"
        yield step(text, vma=new.id, anon_vma=vma.anon_vma.id, who=vma_name(new))

    def file_link(self, vma: Vma, parent: Vma | None) -> None:
        """Enter a file's VMA into the tree, a child beside its parent (vma_prio_tree_insert, _add).

        A nonlinear one goes at the tail of its list; a child behind its parent, whose cursor it has.
        """
        assert vma.vm_file is not None
        if vma.vm_flags & VM_NONLINEAR and parent is not None:
            vma.vm_file.i_mmap_nonlinear.add_after(vma, parent)
            vma.vm_private_data = parent.vm_private_data
        elif vma.vm_flags & VM_NONLINEAR:
            vma.vm_file.i_mmap_nonlinear.add_tail(vma)
        elif parent is None:
            self.trees.insert(vma.vm_file.id, vma.id)
        else:
            self.trees.add(vma.id, parent.id)

    def file_unlink(self, vma: Vma) -> None:
        """Take a file's VMA out of the tree, or off its list (vma_prio_tree_remove)."""
        assert vma.vm_file is not None
        if vma.vm_flags & VM_NONLINEAR:
            vma.vm_file.i_mmap_nonlinear.remove(vma)
        else:
            self.trees.remove(vma.vm_file.id, vma.id)

    # The walk.

    def page_referenced(self, page: Page) -> Steps:
        """Who used the page lately?  All its PTEs are looked at, and no VMA after the last (page_referenced).

        But for those of nonlinear VMAs: nobody looks there.

        Returns:
            How many references were found.
        """
        yield walk_begins(page, "referenced")
        referenced = 0
        if page.test(PG_referenced):
            page.clear(PG_referenced)
            referenced += 1

        stopped, mapcount = END, page.mapcount
        for vma, nodes in self.candidates(page) if mapcount else ():
            if locked_shared(page, vma):
                yield locked_shared_step(page, vma, nodes)
                referenced += 1
                stopped = LOCKED
                break
            pteps = yield from page_check_address_rss(page, vma, nodes)
            if not pteps:
                continue
            for ptep in pteps:
                referenced += yield from ptep_test_and_clear_young(page, vma.vm_mm, ptep, vma_name(vma))
            mapcount -= len(pteps)
            if mapcount == 0:
                stopped = MAPCOUNT
                break
        yield walk_ends(page, stopped)
        return referenced

    def try_to_unmap(self, page: Page) -> Steps:
        """Take the page out of every page table that maps it (try_to_unmap).

        That a PTE was used since page_referenced cleared its bit, which makes the kernel give up, cannot
        happen here: nothing runs in between.

        Returns:
            Whether no PTE maps it any more.
        """
        yield walk_begins(page, "unmap")
        stopped = END
        for vma, nodes in self.candidates(page):
            if (yield from self.try_to_unmap_one(page, vma, nodes)) == LOCKED:
                stopped = LOCKED
                break
            if page.mapcount == 0:
                stopped = MAPCOUNT
                break
        mapping = page_mapping(page)
        if stopped == END and mapping is not None and len(mapping.i_mmap_nonlinear):
            enough = yield from try_to_unmap_nonlinear(self, page, mapping)
            yield scan_ends(page, enough)
        else:
            yield walk_ends(page, stopped)
        return page.mapcount == 0

    def try_to_unmap_one(self, page: Page, vma: Vma, nodes: int) -> Steps:
        """Replace one VMA's PTE, by the swap entry if the page is anonymous (try_to_unmap_one)."""
        pteps = yield from page_check_address_rss(page, vma, nodes)
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
        return END

    def look(self, page: Page, *, full: bool) -> Steps:
        """The walk of try_to_unmap with its hands behind its back; `full`: past the stop rule."""
        yield walk_begins(page, "look")
        found, stopped = yield from look_at(page, self.candidates(page), page_check_address_rss, full=full)
        mapping = page_mapping(page)
        if stopped == END and mapping is not None and len(mapping.i_mmap_nonlinear):
            more, enough = yield from look_nonlinear(page, mapping, full=full)
            found += more
            yield scan_ends(page, enough)
        else:
            yield walk_ends(page, stopped)
        return found

    # Many pages at once.

    def add_rmap_bulk(self, mapped: Mappings, vma: Vma, indices: Pfns) -> None:
        """`vma_prepare`, and `page_add_rmap` for fresh pages."""
        for _ in self.vma_prepare(vma):
            pass
        assert vma.anon_vma is not None
        mem_map, pages = self.machine.mem_map, mapped.pages
        mem_map.mapcount.put(pages, mapped.counts)
        mem_map.index.put(pages, indices)
        mem_map.mapping.put(pages, vma.anon_vma.id)
        mem_map.flags.put(pages, mem_map.flags.all[pages] | PG_anon)
        self.machine.work["rmap_add"] += len(mapped)

    def add_file_rmap_bulk(self, mapped: Mappings, vma: Vma) -> None:
        """`page_add_file_rmap` for many PTEs."""
        self.machine.mem_map.mapcount.add(mapped.pages, mapped.counts)
        self.machine.work["rmap_add"] += len(mapped)

    def dup_rmap_bulk(self, mapped: Mappings, vma: Vma, child: Vma, swapped: bool) -> None:
        """`page_dup_rmap` for the pages of a VMA."""
        if len(mapped):
            self.add_file_rmap_bulk(mapped, child)

    def remove_rmap_bulk(self, pfns: Pfns, vma: Vma, pteps: Pfns) -> None:
        """`page_remove_rmap` for many pages."""
        super().remove_rmap_bulk(pfns, vma, pteps)
        mem_map = self.machine.mem_map
        last = (mem_map.mapcount.all[pfns] == 0) & (mem_map.flags.all[pfns] & PG_anon != 0)
        self.forget_bulk(pfns[last])

    def walked_bulk(self, pages: Pfns, unmapped: NDArray[np.bool_], pteps: Pfns) -> None:
        """In the swap cache, unmapped, they are no anonymous pages any more."""
        super().walked_bulk(pages, unmapped, pteps)
        anon = self.machine.mem_map.flags.all[pages] & PG_anon != 0
        self.forget_bulk(pages[unmapped & anon])

    def forget_bulk(self, pages: Pfns) -> None:
        """Many pages have lost their last mapping, and with it their anon_vma."""
        mem_map = self.machine.mem_map
        if len(pages):
            mem_map.flags.put(pages, mem_map.flags.all[pages] & ~np.uint32(PG_anon))
            mem_map.mapping.put(pages, 0)

    def walk_bulk(self, pages: Pfns, kind: str) -> Found:
        """Pages of one anon_vma have the same candidates; those of a file where no VMA begins or ends."""
        found = Found(self.machine, pages, kind, stops=True)
        ask = ask_unless_locked if kind == "referenced" else ask_vma_rss
        return walk_trees(found, kinds_of(found), self.cuts, self.candidates, ask)

    def cuts(self, page: Page) -> list[int]:
        """Where in a file of which this is a page others have other candidates; memory has a list."""
        if page.test(PG_anon):
            return []
        cuts = self.trees.cuts(page.mapping)
        # A cluster has other candidates from that on in which a VMA begins.
        return sorted({*cuts, *(cut & -self.machine.cluster for cut in cuts)})

    def note_bulk(self, pages: Pfns, vma: Vma, indices: Pfns) -> None:
        """The VMA's anon_vma."""
        assert vma.anon_vma is not None
        mem_map = self.machine.mem_map
        mem_map.flags.put(pages, mem_map.flags.all[pages] | np.uint32(PG_anon))
        mem_map.mapping.put(pages, vma.anon_vma.id)
        mem_map.index.put(pages, indices)

    def bulk_bytes(self, pfns: Pfns) -> int:
        """One anon_vma."""
        return self.machine.ledger.cost("anon_vma")

    # What it says of itself.

    def problems(self) -> Iterable[tuple[str, str]]:
        """Lists that are empty, VMAs queued and not pointing back, trees that are not their files' VMAs."""
        machine = self.machine
        for anon_vma in machine.anon_vmas:
            if not len(anon_vma.vmas):
                yield "anon_vma_empty", f"{anon_vma!r} has no VMA and was not freed"
            for vma in anon_vma.vmas:
                if vma.anon_vma is not anon_vma:
                    yield "anon_vma_link", f"{vma!r} is queued on {anon_vma!r} and points at {vma.anon_vma!r}"
        for vma in machine.vmas:
            if vma.anon_vma is not None and vma not in vma.anon_vma.vmas:
                yield "anon_vma_link", f"{vma!r} points at {vma.anon_vma!r} and is not queued on it"
        for mapping in machine.files:
            vmas = [*mapping.i_mmap, *mapping.i_mmap_shared]
            queued = sorted(vma.id for vma in vmas if not vma.vm_flags & VM_NONLINEAR)
            if set(mapping.i_mmap_nonlinear) != {vma for vma in vmas if vma.vm_flags & VM_NONLINEAR}:
                yield "i_mmap_nonlinear", f"{mapping.name}: i_mmap_nonlinear is not just its nonlinear VMAs"
            if sorted(self.trees.members(mapping.id)) != queued:
                yield "prio_tree", f"{mapping.name}: its prio_tree does not hold just the VMAs that map it"

    def reverse_map_bytes(self) -> int:
        """20 bytes a VMA (prio_tree, list node and pointer), and one anon_vma a list."""
        machine = self.machine
        return 20 * len(machine.vmas) + machine.ledger.sizes["anon_vma"] * len(machine.anon_vmas)

    def live_member(self, page: Page) -> str | None:
        """page->mapping is an anon_vma under PG_anon, else an address_space or NULL."""
        if page.test(PG_anon):
            return "anon_vma"
        return "mapping" if page_mapping(page) is not None else None

    def why(self, page: Page) -> str:
        """The flag, and what follows."""
        return f"PG_anon {int(page.test(PG_anon))} ⇒ {self.live_member(page) or 'none'}"

    def live_target(self, page: Page) -> tuple[Ref | None, str]:
        """The anon_vma, or the file."""
        return anon_vma_target(page) if page.test(PG_anon) else mapping_target(page)

    def lists(self) -> tuple[Lists, ...]:
        """The anon_vmas; the files, whose VMAs are in a prio_tree each."""
        return anon_vma_lists(self.machine, "none yet: a write makes the first one"), file_lists(self.machine)

    def picture(self, page: Page, first: int = 0, count: int = 32) -> Picture:
        """page → anon_vma → VMAs; a file's page → address_space → the VMAs in its tree that cover it."""
        mapping, anon_vma = page_mapping(page), self.page_anon_vma(page)
        if mapping is not None and len(mapping.i_mmap_nonlinear):
            return draw_nonlinear(page, mapping, [vma for vma, _ in self.candidates(page)], first, count)
        shown = islice(self.candidates(page), first, first + count)
        rows = [CandidateRow.of(page, vma) for vma, _ in shown]
        total = sum(1 for _ in self.candidates(page))
        if mapping is not None:
            members = len(mapping.i_mmap) + len(mapping.i_mmap_shared)
            lines = ("prio_tree", f"{total:,} of {members:,}")
            ref = ("address_space", mapping.id)
            return draw_list(page, "address_space", ref, mapping.name, lines, rows, total, first)
        if anon_vma is None:
            lines = ("none while", "unmapped")
            return draw_list(page, "anon_vma", None, "anon_vma", lines, rows, total, first)
        lines = (f"vmas {total}", f"{self.machine.ledger.sizes['anon_vma']} B")
        ref = ("anon_vma", anon_vma.id)
        return draw_list(page, "anon_vma", ref, f"anon_vma {anon_vma.id}", lines, rows, total, first)


def locked_shared(page: Page, vma: Vma) -> bool:
    """Whether a candidate ends page_referenced: a shared VMA of the file that is locked in memory."""
    return not page.test(PG_anon) and vma.vm_flags & (VM_LOCKED | VM_SHARED) == VM_LOCKED | VM_SHARED


def ask_unless_locked(found: Found, at: Indices, vma: Vma) -> None:
    """One VMA's part in page_referenced of many pages; one that is shared and locked is not asked here."""
    if vma.vm_flags & (VM_LOCKED | VM_SHARED) == VM_LOCKED | VM_SHARED:
        found.give_up(at)
    else:
        ask_vma_rss(found, at, vma)


def locked_shared_step(page: Page, vma: Vma, nodes: int) -> Told:
    """The candidate that counts as a reference without a look at its PTE (page_referenced_file)."""
    text = "{who} is shared and locked in memory: that is reference enough"
    return step(text, HIT, page=page.pfn, vma=vma.id, nodes=nodes, who=vma_name(vma))


SCHEME = AnonVmaMerged
