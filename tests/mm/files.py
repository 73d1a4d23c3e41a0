"""A machine with a file, and shared memory: what the tests of both do to it."""

from __future__ import annotations

from typing import Any

from tests.mm.lab import RW, Lab, mm_of
from vmtui.errors import KernelError
from vmtui.mm import filemap, fork, memory, mmap, swapoff
from vmtui.mm.mm_types import AddressSpace, Task
from vmtui.mm.page import PAGE_SIZE, Page
from vmtui.mm.pgtable import (
    PTRS_PER_TABLE,
    present_ptes,
    pte_offset,
    pte_pfn,
    pte_present,
    pte_to_slot,
    tables_of,
)


class FileLab(Lab):
    """A `Lab` with files."""

    def file(self, pages: int, name: str = "F") -> AddressSpace:
        """A file, nothing of it cached."""
        mapping: AddressSpace = self.run(filemap.create(self.machine, name, pages * PAGE_SIZE))
        return mapping

    def map(
        self, task: Task, file: AddressSpace | None, pages: int, label: str = "f", prot: int = RW, **kind: Any
    ) -> int:
        """Map a file, or with None shared memory; where."""
        kind = kind if file is not None else {"shared": True, **kind}
        length = pages * PAGE_SIZE
        address: int = self.run(mmap.do_mmap(mm_of(task), label, length, prot, file=file, **kind))
        return address

    def shm(self, pages: int, name: str = "p") -> tuple[Task, int, AddressSpace]:
        """A process with shared memory, every page of it written; where it is, and the object."""
        task = self.spawn(name)
        address = self.map(task, None, pages)
        self.write(task, address, pages)
        (mapping,) = (mapping for mapping in self.machine.files if mapping.shmem)
        return task, address, mapping

    def fill(self, task: Task, address: int, pages: int, *, write: bool) -> int:
        """Touch page after page until one is refused; how many were touched."""
        touch = self.write if write else self.read
        for number in range(pages):
            try:
                touch(task, address + number * PAGE_SIZE)
            except KernelError:
                return number
        return pages

    def truncate(self, file: AddressSpace, pages: int) -> None:
        """Set a file's length."""
        self.run(memory.vmtruncate(file, pages * PAGE_SIZE))

    def brk(self, task: Task, pages: int) -> None:
        """Set the length of the heap, called brk."""
        self.run(mmap.do_brk(mm_of(task), "brk", pages * PAGE_SIZE))

    def exec(self, task: Task) -> None:
        """Another program."""
        self.run(fork.do_execve(task))

    def swapoff(self) -> None:
        """Give up swap."""
        self.run(swapoff.sys_swapoff(self.machine))

    def count(self, kind: str) -> int:
        """Objects of a kind that are charged."""
        return self.machine.ledger.count(kind)

    def free(self) -> int:
        """Free frames."""
        return sum(zone.free for zone in self.machine.zones)

    def cached(self, file: AddressSpace, index: int) -> Page:
        """A page of the page cache."""
        return self.machine.page(filemap.find_get_page(file, index))

    def slot(self, task: Task, address: int) -> int:
        """The slot that the swap entry for an address holds."""
        return pte_to_slot(self.pte(task, address))

    def mappers(self, page: Page) -> list[int]:
        """The PTEs that map a page, by a reading of all page tables."""
        memory = self.machine.memory
        found = []
        for mm in self.machine.mms:
            for _, table in tables_of(mm):
                for ptep in range(table * PTRS_PER_TABLE, (table + 1) * PTRS_PER_TABLE):
                    if pte_present(memory[ptep]) and pte_pfn(memory[ptep]) == page.pfn:
                        found.append(ptep)
        return found

    def entries(self, task: Task) -> list[int]:
        """The PTEs of a process that map a frame, by address."""
        mm = mm_of(task)
        pteps = (pte_offset(mm, address) for address in present_ptes(mm, 0, self.machine.task_size).tolist())
        return [ptep for ptep in pteps if pte_present(self.machine.memory[ptep])]
