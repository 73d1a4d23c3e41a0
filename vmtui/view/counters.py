"""What the counters of the fast path are: the work that a reverse map makes where nobody looks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: Counter → title, kernel's name and version, two sentences, where it is counted.
COUNTERS: Final[Mapping[str, tuple[str, str, str, str]]] = MappingProxyType(
    {
        "rmap_add": (
            "mappings noted",
            "page_add_rmap, page_add_anon_rmap, page_dup_rmap · 2.5.27 to 2.6.7",
            "Once for each PTE that is set to map a page, by a fault or by fork. The scan of 2.4 notes "
            "nothing.",
            "Counted by faults, fork, swapoff and mremap of chained pages.",
        ),
        "rmap_remove": (
            "mappings taken out",
            "page_remove_rmap · 2.5.27 to 2.6.7",
            "Once for each PTE that no longer maps a page. Under pte_chains it has to find the entry first.",
            "Counted by munmap, exit, copy on write and page-out.",
        ),
        "slots_searched": (
            "slots searched",
            "the loop of page_remove_rmap · 2.6.0",
            "How many slots of chains were looked at to find the entries that go. It grows with the sharers "
            "of a page, and depends on who leaves first.",
            "Counted by munmap, exit and copy on write, under pte_chains.",
        ),
        "chain_alloc": (
            "chain nodes allocated",
            "pte_chain_alloc · 2.6.0",
            "Cache lines of low memory taken for chains. One comes with the second mapping of a page, and "
            "one more whenever the head is full.",
            "Counted by fork and by faults on shared pages.",
        ),
        "chain_free": (
            "chain nodes freed",
            "__pte_chain_free · 2.6.0",
            "Nodes whose last entry went. A page that falls back to one mapping keeps its node until "
            "page_referenced comes by.",
            "Counted by page_remove_rmap, try_to_unmap and page_referenced.",
        ),
        "anon_vma_alloc": (
            "anon_vmas allocated",
            "anon_vma_alloc · the RFC, and 2.6.7",
            "List heads made. The RFC makes one when fork finds the first anonymous page, 2.6.7 before the "
            "first page of a VMA.",
            "Counted by fork, or by anon_vma_prepare.",
        ),
        "anon_vma_free": (
            "anon_vmas freed",
            "anon_vma_unlink · the RFC, and 2.6.7",
            "List heads whose last VMA is gone. No count is kept of the pages that point there.",
            "Counted by munmap and exit.",
        ),
        "anonmm_alloc": (
            "anonmms allocated",
            "exec_rmap, dup_rmap · anobjrmap, March 2004",
            "One for each address space that is made. Faults and VMAs make none.",
            "Counted by spawn, fork and exec.",
        ),
        "anonmm_free": (
            "anonmms freed",
            "exit_rmap, free_anonmm · anobjrmap, March 2004",
            "Those that neither an mm nor a page needs any more. One of a dead process stays while its "
            "children have a page that it had first.",
            "Counted by exit, exec and by the last unmapping of a page.",
        ),
        "page_tables_made": (
            "page tables made",
            "pte_alloc_map · 2.6, PAE",
            "PTE pages for two megabytes of addresses each. They are made alike under every scheme.",
            "Counted by faults, fork and mremap.",
        ),
        "cache_lines": (
            "cache lines touched",
            "struct page, pte_chains, lists and PTEs · 2.4 to 2.6.7",
            "Lines that the reverse map makes a processor come to, at the machine's cacheline= size. There "
            "is no model of a cache: each operation counts each line once, whoever had it last.",
            "Counted where a mapping is noted or taken out, a VMA joins a list, and a walk goes by.",
        ),
        "page_tables_read": (
            "page tables read",
            "pte_offset_map, rmap_ptep_map · 2.6",
            "PTE pages that walks looked into. With highpte=on each of them has to be mapped first.",
            "Counted by walks, and where split, merge and mremap look for direct pages.",
        ),
        "tlb_flushes": (
            "TLB flushes",
            "flush_tlb_page, flush_tlb_range, flush_tlb_mm · 2.6",
            "Times the processors had to forget translations: a page, a range or all of a process. Page-out "
            "flushes for each PTE it takes, munmap and exit once for all.",
            "Counted by page-out, copy on write, fork, munmap, exit, mprotect and mremap.",
        ),
        "longest_list": (
            "longest list under a lock",
            "pte_chain_lock, anon_vma->lock, i_mmap_lock, page_table_lock · 2.4 to 2.6.7",
            "The most candidates that one command went through while it held one lock. It is a maximum and "
            "not a sum: all other processors that want the lock wait so long.",
            "Counted by walks, and by the search for a chain's entry.",
        ),
    }
)
