"""The rules of 6.18: what today's kernel does otherwise than that of the article.

Its functions are named as in 6.18, a folio being one page here, and lie in files named after that kernel's.
What is not here is as in 2.6, under the names it had then.  Large folios, KSM, NUMA, userfaultfd, huge pages
and migration are left out.  No readahead: a fault brings one page (*ours*).
"""

from __future__ import annotations

from typing import ClassVar, Final

from vmtui.mm.mm_types import VM_ACCOUNT, VM_SHARED, VM_WRITE
from vmtui.mm.page import PG_anon_exclusive, PG_lru, PG_referenced, PG_swapbacked, PG_uptodate
from vmtui.mm.swap import lru_cache_add
from vmtui.mm.v6_18 import check, fork, madvise, memory, mlock, mmap, mprotect, mremap, swapfile, vmscan

__all__ = ["KERNEL", "Kernel618"]


class Kernel618:
    """The kernel of today."""

    rules: ClassVar[str] = "6.18"
    anon_exclusive: ClassVar[bool] = True
    referenced_flag: ClassVar[bool] = False
    asks_when_forced: ClassVar[bool] = False
    referenced_mark: ClassVar[int] = PG_referenced
    fault_around: ClassVar[int] = memory.FAULT_AROUND_PAGES
    fresh_flags: ClassVar[int] = PG_lru | PG_uptodate | PG_anon_exclusive
    copied_flags: ClassVar[int] = fresh_flags
    writes_files: ClassVar[bool] = False
    shmem_flags: ClassVar[int] = PG_swapbacked

    lru_cache_add_anon = staticmethod(lru_cache_add)
    handle_mm_fault = staticmethod(memory.handle_mm_fault)
    dup_mmap = staticmethod(fork.dup_mmap)
    copy_one_pte = staticmethod(memory.copy_one_pte)
    mprotect_fixup = staticmethod(mprotect.mprotect_fixup)
    do_madvise = staticmethod(madvise.do_madvise)
    do_mlock = staticmethod(mlock.do_mlock)
    do_mremap = staticmethod(mremap.do_mremap)
    remap_file_pages = staticmethod(mmap.remap_file_pages)
    shrink_list = staticmethod(vmscan.shrink_folio_list)
    check_references_bulk = staticmethod(vmscan.check_references_bulk)
    free_swap_bulk = staticmethod(swapfile.free_swap_bulk)
    shrink_active_list = staticmethod(vmscan.shrink_active_list)
    problems = staticmethod(check.problems)

    def vm_flags(self, flags: int) -> int:
        """Private memory that may be written is accounted (accountable_mapping, mm/vma.c)."""
        return flags | VM_ACCOUNT if flags & (VM_WRITE | VM_SHARED) == VM_WRITE else flags


KERNEL: Final = Kernel618
