"""What differs between the kernels whose rules a machine can have: data, and the hooks where they part.

`machine.kernel` is one of them: ``vmtui.mm.v2_6`` or ``vmtui.mm.v6_18``.  A hook is a function of that
kernel, so that the stack shows it under the name it has there.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from vmtui.mm.mm_types import Mm, Vma
from vmtui.mm.page import Page
from vmtui.mm.step import Steps

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

Mask = NDArray[np.bool_]

__all__ = ["Kernel", "kernel_of"]


class Kernel(Protocol):
    """A kernel's rules.

    Generators (called by ``yield from``): handle_mm_fault, dup_mmap, copy_one_pte, mprotect_fixup,
    do_madvise, do_mlock, do_mremap, remap_file_pages, shrink_list, shrink_active_list.  The rest are plain.
    """

    #: What the ``rules`` option calls it.
    rules: ClassVar[str]
    #: Each anonymous page knows whether one process has it for itself (PG_anon_exclusive).
    anon_exclusive: ClassVar[bool]
    #: PG_referenced is a reference that page_referenced itself counts; later its caller does.
    referenced_flag: ClassVar[bool]
    #: page_referenced is asked about pages that were named, too; its answer is ignored.
    asks_when_forced: ClassVar[bool]
    #: What a page that saved itself by having been used is marked with.
    referenced_mark: ClassVar[int]
    #: Pages around the one that is read which a fault maps, if they are cached; 1: only that one.
    fault_around: ClassVar[int]
    #: The flags a page of memory has once its first write has mapped it, but for what the scheme sets.
    fresh_flags: ClassVar[int]
    #: The same of one that a write to a shared page has made.
    copied_flags: ClassVar[int]
    #: Page-out writes a file's dirty pages itself, and does not leave them to the flushers.
    writes_files: ClassVar[bool]
    #: Those that a page of shared memory has, beside the usual.
    shmem_flags: ClassVar[int]

    def vm_flags(self, flags: int) -> int:
        """The flags of a new VMA: those asked for, and what the kernel adds."""

    def lru_cache_add_anon(self, page: Page) -> None:
        """Put a new page of memory on the LRU list it belongs on."""

    def handle_mm_fault(self, mm: Mm, vma: Vma, address: int, write: bool) -> Steps:
        """Give the CPU a PTE that it can use."""

    def dup_mmap(self, oldmm: Mm, mm: Mm) -> Steps:
        """fork: copy the VMAs, and the PTEs that must be."""

    def copy_one_pte(self, vma: Vma, child: Vma, address: int) -> Steps:
        """fork: copy one entry of a VMA."""

    def mprotect_fixup(self, vma: Vma, start: int, end: int, prot: int) -> Steps:
        """mprotect: one VMA's part."""

    def do_madvise(self, mm: Mm, start: int, end: int, advice: str) -> Steps:
        """Take advice about a range of whole pages."""

    def do_mlock(self, mm: Mm, start: int, end: int, lock: bool) -> Steps:
        """mlock and munlock."""

    def do_mremap(
        self,
        mm: Mm,
        start: int,
        old_end: int,
        new_length: int,
        new_addr: int | None,
        rename: str | None,
        keep: bool,
    ) -> Steps:
        """mremap, of whole pages; `keep`: MREMAP_DONTUNMAP."""

    def remap_file_pages(self, mm: Mm, start: int, end: int, pgoff: int) -> Steps:
        """Let part of a shared mapping show its file from another page on."""

    def shrink_list(self, machine: Machine, pfns: list[int], *, forced: bool) -> Steps:
        """Try to free each page of a list; how many were freed."""

    def check_references_bulk(self, before: Mask, ptes: NDArray[np.int64]) -> tuple[Mask, Mask]:
        """Which of many pages go to the active list, and which are kept, `ptes` having been used of each, and
        PG_referenced of those `before`."""

    def free_swap_bulk(
        self, vma: Vma, write: bool, lone: Mask, count: NDArray[np.int64]
    ) -> tuple[Mask, Mask]:
        """Of many pages coming back from swap, whose slot is given up at once, and whose while swap is more
        than half full; `lone`: only the swap cache holds the slot; `count`: references to the page."""

    def shrink_active_list(self, machine: Machine, priority: int) -> Steps:
        """Move pages from the active list to the inactive one."""

    def problems(self, machine: Machine) -> Iterable[tuple[str, str]]:
        """(name, sentence) of each broken invariant that only this kernel has."""


def kernel_of(rules: str) -> Kernel:
    """The kernel of these rules."""
    module = import_module(f"vmtui.mm.v{rules.replace('.', '_')}")
    return cast(Kernel, module.KERNEL())
