"""Today's reverse map: anon_vma chains (Rik van Riel, 2.6.34) in interval trees (3.7), as 6.18 has them.

Under 2.6.7 a family shares one anon_vma, and a page that one child made for itself is looked for in all of
them.  Here each VMA gets an anon_vma of its own at fork, and its new pages point at that; it stays in the
trees of the anon_vmas above it, since it may map their pages too.  So a chain leads from each VMA to its own
anon_vma, its parent's, and so on to the root; and from each anon_vma a tree to the VMAs that were there when
its pages were made, and all their descendants.  What joins the two is an AVC.

A child that forks again and exits leaves an anon_vma that no VMA calls its own: fork takes such a one again
(3.19), so that a line of processes that fork and exit does not grow chains without end.

page->index and vm_pgoff give the address in each VMA, as since 2.6.7.  Both walks stop when as many PTEs as
the page's mapcount were found.  A file's VMAs stand in an interval tree too.  Under 2.6 rules a page from
swap points at the root, and one that its last owner keeps moves to that owner's anon_vma: as 2.6.34 did.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from vmtui.mm.cluster import Mappings
from vmtui.mm.filemap import page_mapping
from vmtui.mm.mm_types import VM_ACCESS, AnonVma, Vma, linear_page_index, vma_name
from vmtui.mm.page import Page, PG_anon, PG_anon_exclusive, PG_swapbacked
from vmtui.mm.rmap.anon_vma_chain_walk import ChainWalk
from vmtui.mm.rmap.avc import AnonVmaChains
from vmtui.mm.rmap.avc_picture import AvcRow, draw_avcs, draw_i_mmap
from vmtui.mm.rmap.interval_tree import IntervalTrees
from vmtui.mm.rmap.scheme import Pfns, Picture
from vmtui.mm.step import Steps, step

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine


class AnonVmaChain(ChainWalk):
    """The scheme, of one machine.

    Attributes:
        chains: The AVCs, and the trees of the anon_vmas.
        files: The trees of the files (i_mmap).
    """

    departs: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "mremap": "VMAs that other schemes let merge stay two here, or the reverse, and mremap wants one",
            "mlock": "of a page that only some have locked, the walk unmaps what it meets before the lock",
            "remap_file_pages": "refused under 2.6 rules: its own kernel makes VMAs, and none nonlinear",
        }
    )

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.chains = AnonVmaChains(machine)
        self.files = IntervalTrees(
            machine.history, lambda: machine.vmas.next_id, lambda: machine.files.next_id
        )

    # An anon_vma comes and goes.

    def anon_vma_prepare(self, vma: Vma) -> Steps:
        """See that a VMA has an anon_vma before its first page: a neighbour's, or a new root."""
        if vma.anon_vma is not None:
            return
        anon_vma = self.find_mergeable_anon_vma(vma)
        text = "{who} shares anon_vma {number} of a neighbour it may merge with"
        if anon_vma is None:
            anon_vma = self.anon_vma_alloc(None)
            text = "{who} gets anon_vma {number} before its first page: a root"
        self.chains.alloc(vma, anon_vma)
        vma.anon_vma = anon_vma
        anon_vma.num_active_vmas += 1
        yield step(text, vma=vma.id, anon_vma=anon_vma.id, who=vma_name(vma), number=anon_vma.id)

    def find_mergeable_anon_vma(self, vma: Vma) -> AnonVma | None:
        """The anon_vma of the VMA behind, or before, that mprotect could make one with this one.

        Only of one that was never inherited: VMAs with one anon_vma must have the same chain.
        """
        vmas = vma.vm_mm.vmas
        after, before = vmas.at(vma.vm_end), vmas.at(vma.vm_start - 1)
        for near, low, high in ((after, vma, after), (before, before, vma)):
            if near is None or low is None or high is None:
                continue
            if anon_vma_compatible(low, high) and self.chains.is_singular(near):
                return near.anon_vma
        return None

    def anon_vma_alloc(self, parent: AnonVma | None) -> AnonVma:
        """A new anon_vma; without a parent a root: its own parent, it counts itself (anon_vma_alloc).

        Raises:
            KernelError: ENOMEM.
        """
        machine = self.machine
        machine.ledger.charge("anon_vma")
        machine.work["anon_vma_alloc"] += 1
        anon_vma = machine.anon_vmas.add(AnonVma(machine, machine.anon_vmas.next_id, refcount=1))
        anon_vma.parent = parent or anon_vma
        anon_vma.root = anon_vma if parent is None else parent.root
        anon_vma.parent.num_children += 1
        if anon_vma.root is not None and anon_vma.root is not anon_vma:
            anon_vma.root.refcount += 1
        return anon_vma

    def put_anon_vma(self, anon_vma: AnonVma) -> None:
        """Drop a reference; with the last the anon_vma is freed, and its root loses one (put_anon_vma)."""
        anon_vma.refcount -= 1
        if anon_vma.refcount:
            return
        self.machine.anon_vmas.free(anon_vma)
        self.machine.ledger.uncharge("anon_vma")
        self.machine.work["anon_vma_free"] += 1
        if anon_vma.root is not None and anon_vma.root is not anon_vma:
            self.put_anon_vma(anon_vma.root)

    def anon_vma_clone(self, dst: Vma, src: Vma) -> Steps:
        """Put a VMA into every tree that another is in, from the root up (anon_vma_clone).

        If fork wants it (`dst` has no anon_vma) the first that nobody calls its own and that has no second
        child is taken again.
        """
        for anon_vma in reversed(self.chains.anon_vmas(src)):
            self.chains.alloc(dst, anon_vma)
            text = "an AVC puts {who} into the tree of anon_vma {number}"
            if dst.anon_vma is None and not anon_vma.num_active_vmas and anon_vma.num_children < 2:
                dst.anon_vma = anon_vma
                text = "an AVC for {who}: anon_vma {number}, nobody's own, taken again"
            yield step(text, vma=dst.id, anon_vma=anon_vma.id, who=vma_name(dst), number=anon_vma.id)
        if dst.anon_vma is not None:
            dst.anon_vma.num_active_vmas += 1

    def anon_vma_fork(self, vma: Vma, child: Vma) -> Steps:
        """The child's VMA joins all its parent's trees, and gets an anon_vma of its own (anon_vma_fork)."""
        if vma.anon_vma is None:
            return
        yield from self.anon_vma_clone(child, vma)
        if child.anon_vma is not None:
            return
        anon_vma = self.anon_vma_alloc(vma.anon_vma)
        anon_vma.num_active_vmas += 1
        child.anon_vma = anon_vma
        self.chains.alloc(child, anon_vma)
        text = "anon_vma {number} was made for {who}, below anon_vma {above}"
        about: dict[str, Any] = {"who": vma_name(child), "number": anon_vma.id, "above": vma.anon_vma.id}
        yield step(text, vma=child.id, anon_vma=anon_vma.id, **about)

    def unlink_anon_vmas(self, vma: Vma) -> None:
        """A VMA leaves all trees, its own first; an anon_vma without VMAs goes (unlink_anon_vmas)."""
        emptied = []
        for avc in self.chains.same_vma(vma):
            anon_vma = self.chains.anon_vma_of(avc)
            self.chains.free(avc)
            if self.chains.tree_empty(anon_vma):
                assert anon_vma.parent is not None
                anon_vma.parent.num_children -= 1
                emptied.append(anon_vma)
        if vma.anon_vma is not None:
            vma.anon_vma.num_active_vmas -= 1
            vma.anon_vma = None
        for anon_vma in emptied:
            self.put_anon_vma(anon_vma)

    vma_prepare = anon_vma_prepare
    vma_fork = anon_vma_fork
    vma_unlink = unlink_anon_vmas

    # VMAs are cut, joined and moved.

    def can_vma_merge(self, one: Vma, other: Vma | None) -> bool:
        """Both have the same anon_vma, or just one has one, never inherited (is_mergeable_anon_vma).

        One that was inherited leads to pages of parents that have not been copied; its chain cannot become
        that of a VMA whose pages know nothing of them.
        """
        theirs = other.anon_vma if other is not None else None
        if one.anon_vma is None and other is not None and theirs is not None:
            return self.chains.is_singular(other)
        if one.anon_vma is not None and theirs is None:
            return self.chains.is_singular(one)
        return one.anon_vma is theirs

    def vma_split(self, vma: Vma, new: Vma) -> Steps:
        """The new half joins every tree of the old one; no page notices (__split_vma)."""
        if vma.anon_vma is not None:
            new.anon_vma = vma.anon_vma
            yield from self.anon_vma_clone(new, vma)

    def vma_adjust(self, survivor: Vma, donor: Vma, start: int, end: int) -> Steps:
        """Whoever takes over pages must be in their trees (dup_anon_vma)."""
        if donor.anon_vma is not None and survivor.anon_vma is None:
            survivor.anon_vma = donor.anon_vma
            yield from self.anon_vma_clone(survivor, donor)

    def vma_move(self, vma: Vma, new: Vma) -> Steps:
        """The VMA at the new address joins the trees of the one that moved (copy_vma)."""
        if vma.anon_vma is not None and new.anon_vma is None:
            new.anon_vma = vma.anon_vma
            yield from self.anon_vma_clone(new, vma)

    def vma_resize(self, vma: Vma) -> None:
        """Its trees sort it by its vm_pgoff and its end (anon_vma_interval_tree_post_update_vma)."""
        self.chains.resize(vma)

    def keeps_pgoff(self, vma: Vma) -> bool:
        """Once there may be pages counted from it; before the first write it can follow (copy_vma)."""
        return vma.anon_vma is not None

    def file_link(self, vma: Vma, parent: Vma | None) -> None:
        """Enter a file's VMA into i_mmap, a child directly after its parent (vma_interval_tree_insert)."""
        assert vma.vm_file is not None
        last = vma.vm_pgoff + vma.pages - 1
        if parent is None:
            self.files.insert(vma.vm_file.id, vma.id, vma.vm_pgoff, last)
        else:
            self.files.insert_after(vma.vm_file.id, vma.id, parent.id, last)

    def file_unlink(self, vma: Vma) -> None:
        """Take a file's VMA out of i_mmap (vma_interval_tree_remove)."""
        assert vma.vm_file is not None
        self.files.remove(vma.vm_file.id, vma.id)

    # A page is mapped and unmapped.

    def folio_add_anon_rmap(self, page: Page, vma: Vma, address: int, ptep: int, *, fresh: bool) -> Steps:
        """One mapping more; a page that no anon_vma has gets one (folio_add_new_anon_rmap, __folio_set_anon).

        The VMA's own if this process has the page for itself.  Of one from swap that others may map too,
        the root's: all who may map it are in that tree.
        """
        self.machine.work["rmap_add"] += 1
        text = "struct page {page:#x}: mapcount is now {n}"
        if not page.mapcount and not self.keeps_anon_vma(page):
            own = fresh or page.test(PG_anon_exclusive)
            anon_vma = vma.anon_vma if own else self.chains.root_of(vma)
            assert anon_vma is not None
            page.set(PG_anon | PG_swapbacked)
            page.mapping = anon_vma.id
            page.index = linear_page_index(vma, address)
            text = "struct page {page:#x}: anon_vma {number}, {whose}; mapcount {n}"
        page.mapcount += 1
        whose = "its VMA's own" if vma.anon_vma is not None and page.mapping == vma.anon_vma.id else "a root"
        about: dict[str, Any] = {"number": page.mapping, "whose": whose, "n": page.mapcount}
        yield step(text, page=page.pfn, vma=vma.id, anon_vma=page.mapping, **about)

    def keeps_anon_vma(self, page: Page) -> bool:
        """Whether a page that nobody maps now, in the swap cache, still has the anon_vma it had."""
        return page.test(PG_anon) and self.machine.kernel.anon_exclusive

    def folio_add_file_rmap_pte(self, page: Page, vma: Vma, ptep: int) -> Steps:
        """A file's page only counts: the tree of its address_space knows the rest."""
        self.machine.work["rmap_add"] += 1
        page.mapcount += 1
        yield step("struct page {page:#x}: mapcount is now {n}", page=page.pfn, vma=vma.id, n=page.mapcount)

    def folio_dup_rmap(self, page: Page, vma: Vma, child: Vma, ptep: int) -> Steps:
        """fork copied a PTE: the page counts, and nobody has it for himself (folio_try_dup_anon_rmap_pte)."""
        self.machine.work["rmap_add"] += 1
        page.mapcount += 1
        if page.test(PG_anon_exclusive):
            page.clear(PG_anon_exclusive)
        yield step("struct page {page:#x}: mapcount is now {n}", page=page.pfn, vma=child.id, n=page.mapcount)

    def folio_move_anon_rmap(self, page: Page, vma: Vma, address: int) -> Steps:
        """The last owner keeps the page: it moves to his anon_vma, and is not looked for elsewhere."""
        anon_vma = vma.anon_vma
        assert anon_vma is not None
        if page.mapping != anon_vma.id:
            page.mapping = anon_vma.id
            text = "struct page {page:#x} moved to its last owner's anon_vma {number}"
            yield step(text, page=page.pfn, vma=vma.id, anon_vma=anon_vma.id, number=anon_vma.id)

    page_add_rmap = folio_add_anon_rmap
    page_add_file_rmap = folio_add_file_rmap_pte
    page_dup_rmap = folio_dup_rmap
    page_move_rmap = folio_move_anon_rmap

    # Many pages at once.

    def add_rmap_bulk(self, mapped: Mappings, vma: Vma, indices: Pfns) -> None:
        """`anon_vma_prepare`, and `folio_add_anon_rmap` for fresh pages."""
        for _ in self.anon_vma_prepare(vma):
            pass
        assert vma.anon_vma is not None
        mem_map, pages = self.machine.mem_map, mapped.pages
        mem_map.mapcount.put(pages, mapped.counts)
        mem_map.index.put(pages, indices)
        mem_map.mapping.put(pages, vma.anon_vma.id)
        mem_map.flags.put(pages, mem_map.flags.all[pages] | PG_anon | PG_swapbacked)
        self.machine.work["rmap_add"] += len(mapped)

    def add_file_rmap_bulk(self, mapped: Mappings, vma: Vma) -> None:
        """`folio_add_file_rmap_pte` for many PTEs."""
        self.machine.mem_map.mapcount.add(mapped.pages, mapped.counts)
        self.machine.work["rmap_add"] += len(mapped)

    def dup_rmap_bulk(self, mapped: Mappings, vma: Vma, child: Vma, swapped: bool) -> None:
        """`folio_dup_rmap` for the pages of a VMA."""
        if not len(mapped):
            return
        self.add_file_rmap_bulk(mapped, child)
        flags = self.machine.mem_map.flags
        exclusive = mapped.pages[flags.all[mapped.pages] & PG_anon_exclusive != 0]
        if len(exclusive):
            flags.put(exclusive, flags.all[exclusive] & ~np.uint32(PG_anon_exclusive))

    def note_bulk(self, pages: Pfns, vma: Vma, indices: Pfns) -> None:
        """Who has no anon_vma gets one: the VMA's own if its process alone has the page; else the root."""
        assert vma.anon_vma is not None
        mem_map = self.machine.mem_map
        flags = mem_map.flags.all[pages]
        new = flags & PG_anon == 0 if self.machine.kernel.anon_exclusive else np.ones(len(pages), np.bool_)
        own = flags[new] & PG_anon_exclusive != 0
        mem_map.flags.put(pages[new], flags[new] | np.uint32(PG_anon | PG_swapbacked))
        mem_map.mapping.put(pages[new], np.where(own, vma.anon_vma.id, self.chains.root_of(vma).id))
        mem_map.index.put(pages[new], indices[new])

    def picture(self, page: Page, first: int = 0, count: int = 32) -> Picture:
        """page → anon_vma → AVCs → VMAs; a file's page → address_space → the VMAs that cover it."""
        shown = islice(self.candidates(page), first, first + count)
        rows = [AvcRow.of(page, vma, self.chains) for vma, _ in shown]
        total = sum(1 for _ in self.candidates(page))
        mapping = page_mapping(page)
        if mapping is not None:
            return draw_i_mmap(page, mapping, rows, total, first)
        return draw_avcs(page, self.folio_anon_vma(page), self.chains, rows, total, first)


def anon_vma_compatible(low: Vma, high: Vma) -> bool:
    """Whether two VMAs that touch could become one but for their access rights (anon_vma_compatible)."""
    if low.vm_end != high.vm_start or low.vm_file is not high.vm_file:
        return False
    return not (low.vm_flags ^ high.vm_flags) & ~VM_ACCESS and high.vm_pgoff == low.vm_pgoff + low.pages


SCHEME = AnonVmaChain
