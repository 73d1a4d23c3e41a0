"""What the kinds of the low-memory ledger are: what is held, by whom, and how much a piece takes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: Kind of the ledger → title, kernel's name and version, two sentences, where it is charged.
HOLDERS: Final[Mapping[str, tuple[str, str, str, str]]] = MappingProxyType(
    {
        "mem_map": (
            "mem_map",
            "mem_map[], one struct page a frame · 2.4 to 2.6.7: 48, 40 or 32 bytes",
            "The array of all struct pages, pinned in low memory from boot on. It grows with the machine's "
            "memory, not with what runs on it.",
            "Charged once, when the machine is built.",
        ),
        "vm_area_struct": (
            "VMAs",
            "struct vm_area_struct · 64 bytes, 76 with the RFC, 84 in 2.6.7",
            "One for each range of each process. A reverse map by objects pays in bytes of this struct.",
            "Charged by mmap, fork and every split.",
        ),
        "page_tables": (
            "page tables",
            "pmd and pte pages · 2.6, PAE",
            "Frames that hold page tables, those that lie in low memory. With highpte=on the pte pages may "
            "lie in high memory, and pmd pages stay.",
            "Charged at the first fault of two megabytes, and by fork.",
        ),
        "user_pages": (
            "user pages in low memory",
            "GFP_HIGHUSER falling back to ZONE_NORMAL · 2.6",
            "Anonymous and file pages that had to be taken from low memory. On a machine without high memory "
            "that is all of them.",
            "Charged by alloc_page when high memory is used up.",
        ),
        "reserved": (
            "reserved frames",
            "the first frame and empty_zero_page · 2.6",
            "Two frames that nobody is given: frame 0, and the zero page that read faults map. They are "
            "there "
            "from boot on.",
            "Charged once, when the machine is built.",
        ),
        "thread": (
            "kernel stacks",
            "THREAD_SIZE, 8192 bytes · 2.6, i386",
            "The kernel stack of each process, with its thread_info. It is the same under every scheme.",
            "Charged by spawn and fork, freed by exit.",
        ),
        "task_struct": (
            "tasks",
            "struct task_struct, about 1.5 KB · 2.6",
            "What the scheduler knows of a process. It is the same under every scheme.",
            "Charged by spawn and fork, freed by exit.",
        ),
        "mm_struct": (
            "address spaces",
            "struct mm_struct, about 512 bytes · 2.6",
            "One for each process. A scheme that hangs its lists on processes adds a pointer to it.",
            "Charged by spawn, fork and exec, freed by exit.",
        ),
        "pgd": (
            "page directories",
            "pgd_t[4], 32 bytes · 2.6, PAE",
            "The top level of each process's page tables. Under PAE it is four entries and no whole page.",
            "Charged with its mm.",
        ),
        "inode": (
            "inodes",
            "struct inode with its address_space, about 512 bytes · 2.6",
            "One for each file, and for each piece of shared memory. The lists of VMAs that truncate needed "
            "were in it before any reverse map used them.",
            "Charged when a file is made.",
        ),
        "radix_tree_node": (
            "radix tree nodes",
            "struct radix_tree_node, 260 bytes · 2.6",
            "The index of the page cache: one for up to 64 pages of a file. It is the same under every "
            "scheme.",
            "Charged by add_to_page_cache.",
        ),
        "pte_chain": (
            "pte_chains",
            "struct pte_chain, a line of the L1 cache · 2.6.0 to 2.6.6",
            "The nodes of all chains: one for each page that is shared, and more for pages shared by many. A "
            "page that was shared once keeps its last node until page_referenced comes by.",
            "Charged by fork and by faults on file pages.",
        ),
        "anon_vma": (
            "anon_vmas",
            "struct anon_vma, 12 bytes · the RFC, and 2.6.7",
            "The heads of the lists of VMAs that may share pages. What they cost does not grow with the "
            "pages.",
            "Charged at fork under the RFC, before the first page in 2.6.7.",
        ),
        "anon_vma_chain": (
            "AVCs",
            "struct anon_vma_chain, 64 bytes · 6.18",
            "One for each VMA and each anon_vma whose pages it may map. A VMA k forks below the first has "
            "k + 1 of them, so deep families weigh by the square.",
            "Charged at the first write, at fork, at every split.",
        ),
        "anonmm": (
            "anonmms",
            "struct anonmm, 24 bytes in a slab of 32 · anobjrmap, March 2004",
            "One for each process, and for each that is gone while a page points at it. Neither VMAs nor "
            "pages "
            "cost anything.",
            "Charged by spawn, fork and exec.",
        ),
    }
)
