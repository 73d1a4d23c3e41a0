"""The rules of 2.6.0 to 2.6.7: the functions of this package's own files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Final

from vmtui.mm import fork, fremap, madvise, memory, mlock, mprotect, mremap, swapfile, vmscan
from vmtui.mm.page import PG_active, PG_lru, PG_referenced
from vmtui.mm.swap import lru_cache_add_active

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

__all__ = ["KERNEL", "Kernel26"]


class Kernel26:
    """The kernel of the article, and what came of it."""

    rules: ClassVar[str] = "2.6"
    anon_exclusive: ClassVar[bool] = False
    referenced_flag: ClassVar[bool] = True
    asks_when_forced: ClassVar[bool] = True
    referenced_mark: ClassVar[int] = 0
    fault_around: ClassVar[int] = 1
    fresh_flags: ClassVar[int] = PG_lru | PG_active | PG_referenced
    copied_flags: ClassVar[int] = PG_lru | PG_active
    writes_files: ClassVar[bool] = True
    shmem_flags: ClassVar[int] = 0

    lru_cache_add_anon = staticmethod(lru_cache_add_active)
    handle_mm_fault = staticmethod(memory.handle_mm_fault)
    dup_mmap = staticmethod(fork.dup_mmap)
    copy_one_pte = staticmethod(memory.copy_one_pte)
    mprotect_fixup = staticmethod(mprotect.mprotect_fixup)
    do_madvise = staticmethod(madvise.madvise_vmas)
    do_mlock = staticmethod(mlock.do_mlock)
    do_mremap = staticmethod(mremap.do_mremap)
    remap_file_pages = staticmethod(fremap.remap_file_pages)
    shrink_list = staticmethod(vmscan.shrink_list)
    check_references_bulk = staticmethod(vmscan.check_references_bulk)
    free_swap_bulk = staticmethod(swapfile.free_swap_bulk)
    shrink_active_list = staticmethod(vmscan.refill_inactive)

    def vm_flags(self, flags: int) -> int:
        """Nothing is added."""
        return flags

    def problems(self, machine: Machine) -> Iterable[tuple[str, str]]:
        """None beside those that every kernel has."""
        return ()


KERNEL: Final = Kernel26
