"""What each scheme says of the fields and objects that it has: for whoever asks about one on the screen.

An entry is a title, the kernel's name with the version, two sentences, and where it is set and read.  What is
the same in every kernel is told elsewhere; an entry here stands before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: Title, the kernel's name and version, two sentences, where it is set and read.
Entry = tuple[str, str, str, str]
Entries = Mapping[str, Entry]

_RFC: Final = "2.6.4 + the anon_vma RFC of 11 March 2004"
_RMAP: Final = "2.6.0"
_CORE: Final = "2.6.4 + objrmap-core-1 of 8 March 2004"
_ANONMM: Final = "2.6.5-rc1 + anobjrmap of March 2004"
_MERGED: Final = "2.6.7"
_OLD: Final = "2.4, before rmap"
_CHAINS: Final = "6.18"


def _page(kernel: str, nbytes: int, finds: str) -> Entry:
    return (
        "struct page",
        f"struct page, include/linux/mm.h · {kernel}",
        f"The kernel keeps one for every frame of memory, {nbytes} bytes each, all in low memory. {finds}",
        "Set by alloc_page and the fault handlers; read by everything that frees, shares or writes out a "
        "page.",
    )


def _vma(kernel: str, nbytes: int, more: str) -> Entry:
    return (
        "VMA",
        f"struct vm_area_struct, include/linux/mm.h · {kernel}, {nbytes} bytes",
        f"A range of one process's addresses with one set of permissions. {more}",
        "Made by do_mmap and copied by fork, cut by munmap and mprotect.",
    )


def _mapping(kernel: str, anon: str) -> Entry:
    return (
        "mapping",
        f"page->mapping · {kernel}",
        f"The address_space of a page in the page cache, through which its file's VMAs are found. {anon}",
        "Set by add_to_page_cache; cleared by truncate and when the page is freed.",
    )


def _direct(kernel: str) -> Entry:
    return (
        "direct",
        f"page->pte.direct, under PG_direct · {kernel}",
        "The address of the only PTE that maps the page, kept in struct page itself. Nine in ten anonymous "
        "pages are mapped once, so for them rmap takes no byte more.",
        "Set by page_add_rmap for the first PTE; exchanged for a chain with the second.",
    )


def _chain(kernel: str) -> Entry:
    return (
        "pte_chain",
        f"struct pte_chain, mm/rmap.c · {kernel}; a line of the L1 cache",
        "PTE addresses in a cache line, filled from its high end; only the head of a chain has free slots. "
        "Each fork adds an entry for every page it copies, and each exit searches for it.",
        "Grown by page_add_rmap, searched by page_remove_rmap; read from the head by every walk.",
    )


def _pte_mm(kernel: str) -> Entry:
    return (
        "whose PTE it is",
        f"ptep_to_mm and ptep_to_address, asm-generic/rmap.h · {kernel}",
        "A PTE does not say whose it is, so the way goes backwards: the struct page of its page table has "
        "the "
        "mm as its mapping. Its index is the address where the table begins, and the slot tells the rest.",
        "Set by pte_alloc_map; read for every entry of a chain.",
    )


def _i_mmap(kernel: str, more: str) -> Entry:
    return (
        "i_mmap of a file",
        f"address_space->i_mmap and i_mmap_shared · {kernel}",
        f"The VMAs of a file: the private ones, then the shared ones. {more}",
        "Joined by mmap, fork and every split; left by munmap and exit.",
    )


_FILES_WALKED: Final = (
    "Every VMA of the file is a candidate for each of its pages, also those that map another part of it."
)
_FILES_UNUSED: Final = "truncate goes through them; a walk for a page's PTEs does not."


def _address_space(kernel: str) -> Entry:
    return (
        "address_space",
        f"struct address_space in its inode · {kernel}",
        "A file as the memory knows it: its cached pages in a radix tree, and the lists of its VMAs. A "
        "page's "
        "index is its offset in the file, so that each VMA's vm_pgoff tells where the page would be.",
        "Made with the inode; page->mapping points at it.",
    )


def _mapcount(kernel: str) -> Entry:
    return (
        "mapcount",
        f"page->mapcount, under PG_maplock · {kernel}",
        "How many PTEs map the page. It tells the walk when it has found them all.",
        "Raised by page_add_rmap and page_dup_rmap, dropped by page_remove_rmap; read by every walk.",
    )


def _anon_flag(kernel: str, more: str) -> Entry:
    return (
        "ANON",
        f"PG_anon, bit 20 · {kernel}",
        f"The page belongs to no file. {more}",
        "Set and read in page_add_anon_rmap and page_remove_rmap.",
    )


_FLAG_DIRECT: Final = (
    "DIRECT",
    "PG_direct, bit 16 · 2.6.0",
    "page->pte is the only PTE that maps the page, and not a chain. It stays clear of a page that was ever "
    "shared, until page_referenced finds one entry left.",
    "Set in page_add_rmap and page_referenced, cleared in page_add_rmap.",
)
_HIT_CHAIN: Final = (
    "✓ hit",
    "an entry of the chain, mm/rmap.c · 2.6.0",
    "Each entry is the address of a PTE that maps this page, so there are no misses. page_referenced clears "
    "its accessed bit, try_to_unmap puts the swap entry in its place.",
    "Entered when the PTE was set.",
)

_IN_SWAP: Final = "Of an anonymous page it is NULL, or in the swap cache swapper_space."

VIRTUAL_SCAN: Entries = MappingProxyType(
    {
        "page": _page(_OLD, 48, "Nothing in it says who maps the frame."),
        "page.union": _mapping(_OLD, _IN_SWAP),
        "page.mapping": _mapping(_OLD, _IN_SWAP),
        "vma": _vma(_OLD, 64, "swap_out goes through them one by one, from where it stopped the last time."),
        "i_mmap": _i_mmap(_OLD, _FILES_UNUSED),
        "address_space": _address_space(_OLD),
        "mmlist": (
            "mmlist",
            f"init_mm.mmlist, swap_mm and mm->swap_address · {_OLD}",
            "All address spaces in a ring, through which swap_out goes when memory is short. It unmaps "
            "what it "
            "comes by and has not been used, whether or not anybody wanted that page.",
            "Joined by fork and exec; read by swap_out.",
        ),
        "mm": (
            "an mm and its scan",
            f"struct mm_struct, swap_out_mm, mm/vmscan.c · {_OLD}",
            "An address space on mmlist; the bar is how many of its entries the scan has passed. The scan "
            "goes "
            "on from mm->swap_address at the next call.",
            "Set by swap_out_mm; reset when the scan leaves the mm.",
        ),
        "hit": (
            "✓ hit",
            f"swap_out_pmd came by the page, mm/vmscan.c · {_OLD}",
            "The scan found a PTE that maps the page that is wanted. There may be others, and only a whole "
            "round tells.",
            "Decided from the frame in the PTE.",
        ),
        "miss": (
            "✗ left",
            f"swap_out_pmd came by another page · {_OLD}",
            "A PTE that maps something else, and had to be looked at. The work of a scan grows with all that "
            "is mapped, not with the page that is wanted.",
            "Decided from the frame in the PTE.",
        ),
    }
)

PTE_CHAIN: Entries = MappingProxyType(
    {
        "page": _page(_RMAP, 40, "Its pte field knows each PTE that maps the frame."),
        "page.union": (
            "union { direct, chain }",
            f"page->pte · {_RMAP}",
            "One pointer with two meanings: the only PTE that maps the page, or the head of a chain of them. "
            "PG_direct says which.",
            "Set by page_add_rmap; read where a walk begins.",
        ),
        "page.direct": _direct(_RMAP),
        "page.chain": _chain(_RMAP),
        "page.mapping": _mapping(_RMAP, _IN_SWAP),
        "chain": _chain(_RMAP),
        "mm": _pte_mm(_RMAP),
        "vma": _vma(_RMAP, 64, "rmap does not know it: splits, merges and moves cost it nothing."),
        "i_mmap": _i_mmap(_RMAP, _FILES_UNUSED),
        "address_space": _address_space(_RMAP),
        "hit": _HIT_CHAIN,
        "flag.direct": _FLAG_DIRECT,
    }
)

OBJRMAP: Entries = MappingProxyType(
    {
        **PTE_CHAIN,
        "page": _page(_CORE, 40, "A file's page is found through its VMAs, an anonymous one by its chain."),
        "page.union": (
            "union { direct, chain, mapcount }",
            f"page->pte · {_CORE}",
            "A pointer for anonymous pages, as under rmap, and for those that remap_file_pages put out of "
            "order; of a file's other pages only the number of their PTEs. PG_anon says which.",
            "Set by page_add_rmap; read where a walk begins.",
        ),
        "page.direct": _direct(_CORE),
        "page.chain": _chain(_CORE),
        "page.mapcount": (
            "mapcount",
            f"page->pte.mapcount · {_CORE}",
            "How many PTEs map a file's page; that is all its struct page knows of them. It takes the "
            "place of "
            "the chain, so a file mapped by a thousand processes costs no node.",
            "Raised by page_add_rmap, dropped by page_remove_rmap; try_to_unmap stops when it is 0.",
        ),
        "page.mapping": _mapping(_CORE, _IN_SWAP),
        "chain": _chain(_CORE),
        "vma": _vma(_CORE, 64, "Those of a file are candidates for every page of it."),
        "i_mmap": _i_mmap(_CORE, _FILES_WALKED),
        "address_space": _address_space(_CORE),
        "hit": (
            "✓ hit",
            "page_check_address found it, or an entry of the chain · 2.6.4 with objrmap",
            "The PTE maps this very page: for a file's page the VMA's page table was read, for an anonymous "
            "one the chain has its address. page_referenced clears its accessed bit, try_to_unmap empties "
            "it.",
            "Decided when the PTE is present and pte_pfn is the page's.",
        ),
        "flag.anon": _anon_flag(_CORE, "The union is a PTE or a chain; without the flag, a number."),
    }
)

ANON_VMA_RFC: Entries = MappingProxyType(
    {
        "page": _page(_RFC, 40, "It says who holds it, and where to start looking for what maps it."),
        "page.union": (
            "union { mapping, vma, anon_vma }",
            f"page->as · {_RFC}",
            "One pointer with three meanings: a file page's address_space, a new anonymous page's only VMA, "
            "or, once fork has shared it, the anon_vma with the list. The flags beside it say which, so no "
            "byte is spent on it.",
            "Set by page_add_rmap and at fork by copy_page_range; read where a walk begins.",
        ),
        "page.mapcount": _mapcount(_RFC),
        "page.mapping": _mapping(_RFC, "It is valid while PG_anon is clear."),
        "page.vma": (
            "vma",
            f"page->as.vma, under PG_anon and PG_direct · {_RFC}",
            "The one VMA that maps an anonymous page that was never shared. No list and no object is needed "
            "to find its PTE.",
            "Set by page_add_rmap; exchanged for the anon_vma when fork copies the PTE.",
        ),
        "page.anon_vma": (
            "anon_vma",
            f"page->as.anon_vma, under PG_anon without PG_direct · {_RFC}",
            "The object with the list of VMAs that may map a page that was shared once. It stays so when "
            "only "
            "one process is left with it.",
            "Set by copy_page_range at fork; read by page_referenced and try_to_unmap.",
        ),
        "anon_vma": (
            "anon_vma",
            f"struct anon_vma, 12 bytes (8 without SMP) · {_RFC}",
            "A lock and the head of a list of the VMAs that may map a page: parent, children, and halves of "
            "what was split. That a VMA is on the list does not mean it maps the page: it may have made its "
            "own copy.",
            "Made when fork meets the first anonymous page of a VMA; read by page_referenced and "
            "try_to_unmap.",
        ),
        "object": (
            "none until fork",
            f"no anon_vma yet · {_RFC}",
            "A page that was never shared points straight at its one VMA, so there is no object and no list "
            "to pay for. The first fork that copies it puts one here.",
            "PG_direct set: page->as.vma; cleared at fork: page->as.anon_vma.",
        ),
        "vma": _vma(_RFC, 76, "The RFC adds its place on an anon_vma's list, and the pointer: 12 bytes."),
        "i_mmap": _i_mmap(_RFC, _FILES_WALKED),
        "address_space": _address_space(_RFC),
    }
)

ANONMM: Entries = MappingProxyType(
    {
        "page": _page(_ANONMM, 32, "An anonymous one knows an address and a process that has had it there."),
        "page.union": (
            "mapping, as two things",
            f"page->mapping, cast under PG_anon · {_ANONMM}",
            "One pointer with two meanings: a file page's address_space, or an anonymous page's anonmm. "
            "PG_anon says which.",
            "Set by page_add_anon_rmap; read where a walk begins.",
        ),
        "page.mapcount": _mapcount(_ANONMM),
        "page.mapping": _mapping(_ANONMM, "It is valid while PG_anon is clear."),
        "page.anonmm": (
            "anonmm",
            f"page->mapping under PG_anon · {_ANONMM}",
            "The anonmm of the process that mapped the page first. The walk tries it, then goes round the "
            "bundle from there.",
            "Set by page_add_anon_rmap; moved by page_update_anon_rmap when one process is left.",
        ),
        "page.index": (
            "index",
            f"page->index · {_ANONMM}",
            "The offset in its file; of an anonymous page the virtual address it has in every process, over "
            "4096. fork keeps addresses, and mremap of a shared page copies it.",
            "Set by page_add_anon_rmap and page_update_anon_rmap; read in every walk.",
        ),
        "anonmm": (
            "anonmm",
            f"struct anonmm, 24 bytes in a slab of 32 · {_ANONMM}",
            "A process as anonymous pages see it; those of all forks since an exec hang in one bundle. It "
            "outlives its process while a page points at it.",
            "Made by fork and exec, freed when count falls; read round the bundle by every walk.",
        ),
        "vma": _vma(_ANONMM, 64, "Anonymous pages do not care how it is split or merged."),
        "i_mmap": _i_mmap(_ANONMM, _FILES_WALKED),
        "address_space": _address_space(_ANONMM),
        "object": (
            "none while unmapped",
            f"page->mapping is NULL · {_ANONMM}",
            "A page that nobody maps points at no process. The next fault that maps it notes one.",
            "Cleared by page_remove_rmap with the last PTE.",
        ),
        "ruled": (
            "– passed over",
            f"the mm is gone, or has no page present · {_ANONMM}",
            "Nothing had to be read: the process of this anonmm has ended, or its rss is 0. It costs a "
            "look at "
            "the list.",
            "Decided from anonmm->mm and mm->rss; of a file's VMA from its range.",
        ),
        "flag.anon": _anon_flag(_ANONMM, "mapping is an anonmm, and index an address."),
    }
)

ANON_VMA: Entries = MappingProxyType(
    {
        "page": _page(_MERGED, 32, "An anonymous one points at its anon_vma from its first mapping on."),
        "page.union": (
            "mapping, as two things",
            f"page->mapping, cast under PG_anon · {_MERGED}",
            "One pointer with two meanings: a file page's address_space, or an anonymous page's anon_vma. "
            "PG_anon says which.",
            "Set by page_add_anon_rmap; read where a walk begins.",
        ),
        "page.mapcount": _mapcount(_MERGED),
        "page.mapping": _mapping(_MERGED, "It is valid while PG_anon is clear."),
        "page.anon_vma": (
            "anon_vma",
            f"page->mapping under PG_anon · {_MERGED}",
            "The object with the list of VMAs that may map the page. It is the same before and after fork, "
            "so "
            "nothing is left to exchange when a VMA splits.",
            "Set by page_add_anon_rmap; read by page_referenced and try_to_unmap.",
        ),
        "anon_vma": (
            "anon_vma",
            f"struct anon_vma, 12 bytes (8 without SMP), mm/rmap.c · {_MERGED}",
            "A lock and the head of a list of the VMAs that may map a page: parent, children, and halves of "
            "what was split. A page that a child copied for itself is looked for in all of them.",
            "Made by anon_vma_prepare before a VMA's first page; fork puts the child's VMA on the same list.",
        ),
        "vma": _vma(_MERGED, 84, "20 bytes more: a prio_tree node, a list node and the anon_vma."),
        "i_mmap": _i_mmap(
            _MERGED,
            "They are in a prio_tree, so a walk comes only to those that cover the page's offset; nonlinear "
            "ones are on i_mmap_nonlinear, and are scanned 32 pages at a time.",
        ),
        "address_space": _address_space(_MERGED),
        "object": (
            "none while unmapped",
            f"page->mapping is NULL · {_MERGED}",
            "A page that nobody maps points at no anon_vma. The next fault that maps it sets one.",
            "Cleared by page_remove_rmap with the last PTE.",
        ),
        "flag.anon": _anon_flag(_MERGED, "mapping is an anon_vma, and index counts from its VMA's start."),
    }
)

ANON_VMA_CHAIN: Entries = MappingProxyType(
    {
        "page": _page(_CHAINS, 64, "An anonymous one points at the anon_vma of the VMA that made it."),
        "page.union": (
            "mapping, as two things",
            f"folio->mapping, its lowest bit set for anonymous pages · {_CHAINS}",
            "One pointer with two meanings: a file page's address_space, or an anonymous page's anon_vma. "
            "The lowest bit says which; here it is PG_anon.",
            "Set by folio_add_new_anon_rmap; moved by folio_move_anon_rmap; read where a walk begins.",
        ),
        "page.mapcount": (
            "mapcount",
            f"folio->_mapcount · {_CHAINS}",
            "How many PTEs map the page. The walk stops when it has found as many.",
            "Raised by folio_add_anon_rmap_ptes and at fork, dropped by folio_remove_rmap_ptes.",
        ),
        "page.mapping": (
            "mapping",
            f"folio->mapping · {_CHAINS}",
            "The address_space of a page in the page cache, through which its file's VMAs are found. It is "
            "one while PG_anon is clear.",
            "Set when the page enters the cache; cleared by truncate and when the page is freed.",
        ),
        "page.anon_vma": (
            "anon_vma",
            f"folio->mapping under its lowest bit · {_CHAINS}",
            "The anon_vma of the VMA that made the page. Of one that came back from swap for several it is "
            "the root's, and of one that only its last owner has left, that owner's.",
            "Set by folio_add_new_anon_rmap, moved by folio_move_anon_rmap at a write; kept in the swap "
            "cache.",
        ),
        "anon_vma": (
            "anon_vma",
            f"struct anon_vma, 96 bytes · {_CHAINS}",
            "One for each VMA and fork: its tree holds the VMAs that may map the pages made through it, its "
            "own and all descendants'. root has the lock of the whole family.",
            "Made by anon_vma_prepare and anon_vma_fork, freed when its tree is empty; fork takes one again "
            "that no VMA calls its own.",
        ),
        "chain": (
            "AVC",
            f"struct anon_vma_chain, 64 bytes, include/linux/rmap.h · {_CHAINS}",
            "Joins one VMA to one anon_vma: it stands in the VMA's chain, and in the anon_vma's tree. A VMA "
            "k forks below the root has k + 1 of them.",
            "Made by anon_vma_chain_link at the first write, fork, split and mremap; freed by "
            "unlink_anon_vmas.",
        ),
        "vma": _vma(
            _CHAINS, 192, "anon_vma says where its new pages go, anon_vma_chain whose pages it may map."
        ),
        "i_mmap": _i_mmap(
            _CHAINS, "They are in an interval tree, so a walk comes only to those that cover the offset."
        ),
        "address_space": _address_space(_CHAINS),
        "object": (
            "none yet",
            f"no anon_vma: nobody has mapped the page · {_CHAINS}",
            "A page just read from swap belongs to no anon_vma. The first fault that maps it gives it one.",
            "Set by folio_add_new_anon_rmap; it stays until the page is freed.",
        ),
        "flag.anon": (
            "ANON",
            f"the lowest bit of folio->mapping · {_CHAINS}",
            "The page belongs to no file. mapping is an anon_vma, and index counts from its VMA's start.",
            "Set by __folio_set_anon; it stays in the swap cache.",
        ),
        "flag.anon_exclusive": (
            "ANON_EXCLUSIVE",
            f"PG_anon_exclusive, bit 11 of an anonymous page · {_CHAINS}",
            "One process has the page for itself, so a write fault need not ask: it may write in place. "
            "fork clears it; unmapped to swap it becomes a bit of the swap entry.",
            "Set when a page is new or reused; cleared by folio_try_dup_anon_rmap_pte and try_to_unmap.",
        ),
        "flag.swapbacked": (
            "SWAPBACKED",
            f"PG_swapbacked · {_CHAINS}",
            "The page would go to swap, as anonymous and shared memory do. An anonymous page without it was "
            "given up by MADV_FREE: it goes without being written.",
            "Set by folio_add_new_anon_rmap; cleared by lru_lazyfree; set again if it is found dirty.",
        ),
    }
)
