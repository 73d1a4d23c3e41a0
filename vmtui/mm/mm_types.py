"""The kernel's objects: task, mm_struct, vm_area_struct, anon_vma, anonmm (include/linux/sched.h, mm.h).

Only fields that something reads are here.  Names are the kernel's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import attrs
import numpy as np

from vmtui.mm.labels import Labels
from vmtui.mm.page import PAGE_SHIFT, PAGE_SIZE
from vmtui.state.column import Column, Where
from vmtui.state.containers import ListHead, OrderedSet, SortedVmas
from vmtui.state.struct import Struct, struct

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine

VM_READ: Final = 0x1
VM_WRITE: Final = 0x2
VM_EXEC: Final = 0x4
VM_SHARED: Final = 0x8
VM_GROWSDOWN: Final = 0x100
VM_LOCKED: Final = 0x2000
#: Not copied by fork (MADV_DONTFORK).
VM_DONTCOPY: Final = 0x20000
#: Its memory is counted against what may be promised; private memory that was writable once, under 6.18.
VM_ACCOUNT: Final = 0x100000
#: The child's copy is empty (MADV_WIPEONFORK).
VM_WIPEONFORK: Final = 0x2000000
VM_NONLINEAR: Final = 0x800000

#: The longest file, in pages: 64 GB.
MAX_FILE_PAGES: Final = 1 << 24
#: A radix_tree_node has 64 slots; four levels reach every page of the longest file.
RADIX_TREE_MAP_SHIFT: Final = 6
RADIX_TREE_LEVELS: Final = 4

VM_ACCESS: Final = VM_READ | VM_WRITE | VM_EXEC


@struct
class AddressSpace(Struct):
    """``struct address_space`` and its inode: a file, or a piece of shared memory, and its page cache.

    Attributes:
        name: What commands call it; of shared memory, where it was mapped first.
        size: Bytes.
        shmem: Shared anonymous memory: it has no file, its pages go to swap, and it ends with its last VMA.
        height: Levels of its radix tree.
        nrpages: Pages in the page cache.
        f_count: Who holds it beside its VMAs (of struct file).
        i_mmap: Its private VMAs.
        i_mmap_shared: Its shared VMAs.
        i_mmap_nonlinear: Its nonlinear VMAs, where the reverse map keeps them by themselves.
        pages: The frame of each page in the page cache, 0 for none.
        slots: The swap slot of each page that is swapped out; of shared memory only.
        nodes: By level of the radix tree, the children of each of its nodes.
    """

    kind: ClassVar[str] = "address_space"
    if TYPE_CHECKING:
        machine: Machine

    name: str
    size: int
    shmem: bool = False
    height: int = 1
    nrpages: int = 0
    f_count: int = 0
    i_mmap: ListHead[Vma] = attrs.field(init=False)
    i_mmap_shared: ListHead[Vma] = attrs.field(init=False)
    i_mmap_nonlinear: ListHead[Vma] = attrs.field(init=False)
    pages: Column = attrs.field(init=False)
    slots: Column = attrs.field(init=False)
    nodes: tuple[Column, ...] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        history = self.machine.history

        def fields() -> list[Where]:
            return [slice(0, -(-self.size // PAGE_SIZE))]

        def level(number: int) -> Column:
            shift = RADIX_TREE_MAP_SHIFT * (number + 1)
            length = MAX_FILE_PAGES >> shift
            return Column(history, length, np.uint16, lambda: [slice(0, -(-self.end >> shift))])

        object.__setattr__(self, "i_mmap", ListHead(history))
        object.__setattr__(self, "i_mmap_shared", ListHead(history))
        object.__setattr__(self, "i_mmap_nonlinear", ListHead(history))
        object.__setattr__(self, "pages", Column(history, MAX_FILE_PAGES, np.uint32, fields))
        object.__setattr__(self, "slots", Column(history, MAX_FILE_PAGES, np.uint32, fields))
        object.__setattr__(self, "nodes", tuple(level(n) for n in range(RADIX_TREE_LEVELS)))

    @property
    def end(self) -> int:
        """Its length in pages."""
        return -(-self.size // PAGE_SIZE)


@struct
class AnonVma(Struct):
    """``struct anon_vma``: a lock and the head of a list of VMAs (RFC of 10 March 2004).

    Where VMAs have chains its VMAs stand in a tree instead, and it has the fields after the list.

    Attributes:
        vmas: The list, newest first: each VMA is added at the head.
        root: The topmost of its family, whose lock is everybody's; itself if there is none above.
        parent: The one of the VMA that was forked; a root is its own.
        refcount: What keeps it: itself, and of a root each other member of its family.
        num_children: The anon_vmas whose parent it is; a root counts itself.
        num_active_vmas: The VMAs whose new pages it gets.
    """

    kind: ClassVar[str] = "anon_vma"
    if TYPE_CHECKING:
        machine: Machine

    root: AnonVma | None = None
    parent: AnonVma | None = None
    refcount: int = 0
    num_children: int = 0
    num_active_vmas: int = 0
    vmas: OrderedSet[Vma] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "vmas", OrderedSet(self.machine.history, newest_first=True))


@struct
class Anonmm(Struct):
    """``struct anonmm``: an mm as anonymous pages see it (anobjrmap of March 2004, mm/rmap.c).

    Attributes:
        mm: The address space; None once it is gone.
        head: The first of its bundle: the anonmm of the process that called exec.
        count: What needs it: its mm, each page that points at it; and of a head itself and each member.
        list: Of a head: the bundle, itself first, then every fork since, in order.
    """

    kind: ClassVar[str] = "anonmm"
    if TYPE_CHECKING:
        machine: Machine

    mm: Mm | None
    head: Anonmm | None = None
    count: int = 0
    list: ListHead[Anonmm] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "list", ListHead(self.machine.history))


@struct
class Vma(Struct):
    """``struct vm_area_struct``: a range of one process's addresses, all of one kind.

    Attributes:
        vm_start, vm_end: The range in bytes, half open.
        vm_flags: VM_* bits.
        vm_pgoff: For anonymous memory the page number of the address it was first mapped at; it is kept
            when the VMA moves, so that ``index - vm_pgoff`` always finds a page again.
        vm_file: The file mapped; None for anonymous memory.
        anon_vma: The list it is queued on, if any.
        vm_private_data: Of a nonlinear VMA, how far a scan for something to unmap has come, in bytes.
    """

    kind: ClassVar[str] = "vma"
    if TYPE_CHECKING:
        machine: Machine

    vm_mm: Mm
    vm_start: int
    vm_end: int
    vm_flags: int
    vm_pgoff: int
    vm_file: AddressSpace | None = None
    anon_vma: AnonVma | None = None
    vm_private_data: int = 0

    @property
    def pages(self) -> int:
        """Its length in pages."""
        return (self.vm_end - self.vm_start) >> PAGE_SHIFT


@struct
class Mm(Struct):
    """``struct mm_struct``: the address space of one process.

    Attributes:
        name: The process's name, for sentences.
        rss: Pages present.
        vmas: Its VMAs by address (mm->mmap, mm->mm_rb).
        labels: Names given to ranges.
        anonmm: What its anonymous pages point at, where the reverse map has such a thing.
    """

    kind: ClassVar[str] = "mm"
    if TYPE_CHECKING:
        machine: Machine

    name: str
    rss: int = 0
    anonmm: Anonmm | None = None
    vmas: SortedVmas[Vma] = attrs.field(init=False)
    labels: Labels = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "vmas", SortedVmas(self.machine.history))
        object.__setattr__(self, "labels", Labels(self.machine.history))


@struct
class Task(Struct):
    """``struct task_struct``: a process, of one thread.

    Attributes:
        name: comm; unique among the living.
        parent: The name of the process that forked it; None if it was spawned.
        mm: Its address space; None once it is dead.
    """

    kind: ClassVar[str] = "task"
    if TYPE_CHECKING:
        machine: Machine

    name: str
    parent: str | None = None
    mm: Mm | None = None

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.mm is not None


def linear_page_index(vma: Vma, address: int) -> int:
    """What page->index is for the page at `address` of `vma` (linear_page_index, include/linux/pagemap.h)."""
    return ((address - vma.vm_start) >> PAGE_SHIFT) + vma.vm_pgoff


def vma_address(index: int, vma: Vma) -> int:
    """Where in `vma` the page of this index would be; maybe outside it (vma_address, mm/rmap.c)."""
    return vma.vm_start + ((index - vma.vm_pgoff) << PAGE_SHIFT)


def place_name(mm: Mm, address: int) -> str:
    """A page as a person names it: ``sh.heap[3]``, or ``sh:0x40003000`` where no label covers it."""
    label = mm.labels.at(address)
    if label is None:
        return f"{mm.name}:{address:#x}"
    return f"{mm.name}.{label.name}[{(address - label.start) // PAGE_SIZE}]"


def vma_name(vma: Vma) -> str:
    """A VMA as a person names it: ``sh.heap``, with its first page where it is not the label's."""
    mm, start = vma.vm_mm, vma.vm_start
    label = mm.labels.at(start)
    if label is None:
        return f"{mm.name}:{start:#x}"
    if label.start == start and label.end == vma.vm_end:
        return f"{mm.name}.{label.name}"
    first = (start - label.start) // PAGE_SIZE
    return f"{mm.name}.{label.name}[{first}:{first + vma.pages}]"
