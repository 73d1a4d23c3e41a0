"""The walks of the anon_vma chains: over the tree of a page's anon_vma, or its file's (mm/rmap.c, 6.18)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vmtui.mm.cluster import mapped_pteps
from vmtui.mm.filemap import page_mapping
from vmtui.mm.mm_types import VM_LOCKED, AnonVma, Vma, vma_name
from vmtui.mm.page import Page, PG_anon, PG_anon_exclusive, PG_dirty, PG_referenced, PG_swapbacked
from vmtui.mm.pgtable import pte_dirty, pte_swp_mkexclusive
from vmtui.mm.rmap.anon_vma_chain_self import ChainSelf
from vmtui.mm.rmap.scheme import Pfns, look_at, page_check_address, walk_begins, walk_ends
from vmtui.mm.rmap.unmap import ptep_test_and_clear_young, unmap_pte
from vmtui.mm.rmap.walk_bulk import Found, ask_vma, kinds_of, walk_trees
from vmtui.mm.step import END, LOCKED, MAPCOUNT, Steps, step


class ChainWalk(ChainSelf):
    """The half of the scheme that looks for a page's mappings."""

    def folio_anon_vma(self, page: Page) -> AnonVma | None:
        """The anon_vma in page->mapping, under PG_anon; None if it is gone (folio_get_anon_vma)."""
        return self.machine.anon_vmas.get(page.mapping) if page.test(PG_anon) else None

    def candidates(self, page: Page) -> Iterator[tuple[Vma, int]]:
        """The VMAs in its tree that cover page->index, by vm_pgoff; nodes followed to each (rmap_walk)."""
        anon_vma, mapping = self.folio_anon_vma(page), page_mapping(page)
        if anon_vma is not None:
            for avc, nodes in self.chains.trees.covering(anon_vma.id, page.index):
                yield self.chains.vma_of(avc), nodes
        elif mapping is not None:
            for number, nodes in self.files.covering(mapping.id, page.index):
                yield self.vma(number), nodes

    def mappings(self, page: Page) -> Iterator[int]:
        """The PTEs in which the candidates have the page."""
        return (ptep for vma, _ in self.candidates(page) for ptep in mapped_pteps(page, vma))

    def vma(self, number: int) -> Vma:
        """The VMA of a number that is in a tree."""
        vma = self.machine.vmas.get(number)
        assert vma is not None
        return vma

    def folio_referenced(self, page: Page) -> Steps:
        """Who used the page lately?  All its PTEs are looked at, no VMA after the last (folio_referenced).

        Returns:
            How many references were found.
        """
        kernel = self.machine.kernel
        yield walk_begins(page, "referenced")
        referenced = 0
        if kernel.referenced_flag and page.test(PG_referenced):
            page.clear(PG_referenced)
            referenced += 1

        stopped, mapcount = END, page.mapcount
        for vma, nodes in self.candidates(page) if mapcount else ():
            pteps = yield from page_check_address(page, vma, nodes)
            if not pteps:
                continue
            if vma.vm_flags & VM_LOCKED and not kernel.referenced_flag:
                stopped = LOCKED
                break
            for ptep in pteps:
                referenced += yield from ptep_test_and_clear_young(page, vma.vm_mm, ptep, vma_name(vma))
            mapcount -= len(pteps)
            if mapcount == 0:
                stopped = MAPCOUNT
                break
        yield walk_ends(page, stopped)
        return referenced

    page_referenced = folio_referenced

    def try_to_unmap(self, page: Page) -> Steps:
        """Take the page out of every page table that maps it (try_to_unmap).

        Returns:
            Whether no PTE maps it any more.
        """
        yield walk_begins(page, "unmap")
        stopped = END
        for vma, nodes in self.candidates(page):
            goes_on = yield from self.try_to_unmap_one(page, vma, nodes)
            if not goes_on:
                stopped = LOCKED if vma.vm_flags & VM_LOCKED else END
                break
            if page.mapcount == 0:
                stopped = MAPCOUNT
                break
        yield walk_ends(page, stopped)
        return page.mapcount == 0

    def try_to_unmap_one(self, page: Page, vma: Vma, nodes: int) -> Steps:
        """Replace one VMA's PTE, by the swap entry if the page is anonymous (try_to_unmap_one).

        A swap entry remembers whether its process had the page for itself.

        Returns:
            Whether the walk may go on.
        """
        pteps = yield from page_check_address(page, vma, nodes)
        if not pteps:
            return True
        if vma.vm_flags & VM_LOCKED:
            text = "{who} is locked in memory: the page stays"
            yield step(text, page=page.pfn, vma=vma.id, who=vma_name(vma))
            return False
        if page.test(PG_anon) and not page.test(PG_swapbacked):
            return (yield from self.discard_lazyfree(page, vma, pteps[0]))

        (ptep,) = pteps
        left = unmap_pte(page, vma.vm_mm, ptep)
        if page.test(PG_anon_exclusive):
            page.clear(PG_anon_exclusive)
            self.machine.memory[ptep] = pte_swp_mkexclusive(self.machine.memory[ptep])
            left += ", exclusive"
        text = "{who}: its PTE {left}"
        yield step(text, page=page.pfn, vma=vma.id, ptep=ptep, who=vma_name(vma), left=left)
        yield from self.folio_remove_rmap_pte(page, ptep)
        return True

    def discard_lazyfree(self, page: Page, vma: Vma, ptep: int) -> Steps:
        """A page given up by MADV_FREE goes without a slot, unless it was written since.

        Returns:
            Whether the walk may go on.
        """
        memory = self.machine.memory
        about: dict[str, Any] = {"page": page.pfn, "vma": vma.id, "ptep": ptep, "who": vma_name(vma)}
        if pte_dirty(memory[ptep]):
            page.set(PG_dirty)
        if page.test(PG_dirty):
            page.set(PG_swapbacked)
            yield step("{who} wrote the page after it was given up: it stays", **about)
            return False
        memory[ptep] = 0
        vma.vm_mm.rss -= 1
        page.count -= 1
        self.machine.work["tlb_flushes"] += 1
        page.clear(PG_anon_exclusive)
        yield step("{who}: its PTE is empty now, MADV_FREE gave the page up", **about)
        yield from self.folio_remove_rmap_pte(page, ptep)
        return True

    def look(self, page: Page, *, full: bool) -> Steps:
        """The walk of try_to_unmap with its hands behind its back; `full`: past the stop rule."""
        yield walk_begins(page, "look")
        found, stopped = yield from look_at(page, self.candidates(page), page_check_address, full=full)
        yield walk_ends(page, stopped)
        return found

    def walk_bulk(self, pages: Pfns, kind: str) -> Found:
        """Pages of one tree have the same candidates where no interval of it begins or ends."""
        found = Found(self.machine, pages, kind, stops=True)
        return walk_trees(found, kinds_of(found), self.cuts, self.candidates, ask_vma)

    def cuts(self, page: Page) -> list[int]:
        """Where in the object of which this is a page others have other candidates."""
        anon_vma, mapping = self.folio_anon_vma(page), page_mapping(page)
        if anon_vma is not None:
            return self.chains.trees.cuts(anon_vma.id)
        return self.files.cuts(mapping.id) if mapping is not None else []

    def folio_remove_rmap_pte(self, page: Page, ptep: int) -> Steps:
        """One mapping less.  It stays anonymous until it is freed (folio_remove_rmap_pte)."""
        self.machine.work["rmap_remove"] += 1
        page.mapcount -= 1
        yield step("struct page {page:#x}: mapcount is now {n}", page=page.pfn, n=page.mapcount)

    page_remove_rmap = folio_remove_rmap_pte
