"""A machine under test: watched functions are run to their end, and the machine is checked after each."""

from __future__ import annotations

from typing import Any

from vmtui.errors import KernelError
from vmtui.mm import fork, madvise, memory, mlock, mmap, mprotect, mremap, vmscan
from vmtui.mm.check import problems
from vmtui.mm.digest import digest
from vmtui.mm.kernel import Options
from vmtui.mm.machine import Machine
from vmtui.mm.mm_types import VM_READ, VM_WRITE, Mm, Task, Vma
from vmtui.mm.page import PAGE_SIZE, Page
from vmtui.mm.pgtable import is_zero_page, pte_offset
from vmtui.mm.step import Driver, Step, StepLog, Steps, WalkRecord, walks_of

R, W, RW, NONE = VM_READ, VM_WRITE, VM_READ | VM_WRITE, 0


class Lab:
    """A machine, and the steps of the last thing done to it.

    Args:
        check: Look for broken invariants after every operation.
        lines: Hold every step's sentence to the width of a line; long names do not fit.
        options: Machine options.
    """

    def __init__(self, *, check: bool = True, lines: bool = True, **options: Any) -> None:
        self.machine = Machine(Options.parse(options))
        self.check = check
        self.lines = lines
        self.records = StepLog()

    def run(self, watched: Steps) -> Any:
        """Run a watched function as a session would: a refusal that is not partial leaves no trace."""
        history = self.machine.history
        before = history.mark
        self.records = StepLog()
        results: list[Any] = []

        def outermost() -> Steps:
            results.append((yield from watched))

        try:
            for _ in Driver().run(outermost(), self.records, history):
                pass
        except KernelError as error:
            if not error.partial:
                history.seek(before)
            self.verify()
            raise
        self.verify()
        return results[0]

    def verify(self) -> None:
        """Every sentence fits a line, and no invariant is broken but those the scheme is known for."""
        for record in self.records:
            assert len(record.step.sentence) <= 72 or not self.lines, record.step.sentence
        if self.check:
            known = self.machine.scheme.expected
            assert [] == [problem for problem in problems(self.machine) if problem.name not in known]

    @property
    def steps(self) -> list[Step]:
        """The steps of the last operation."""
        return [record.step for record in self.records]

    @property
    def sentences(self) -> list[str]:
        """What they say."""
        return [step.sentence for step in self.steps]

    @property
    def functions(self) -> list[str]:
        """The function that each of them was in."""
        return [record.place.frames[-1].function for record in self.records]

    @property
    def walks(self) -> tuple[WalkRecord, ...]:
        """Its walks."""
        return walks_of(self.records)

    def digest(self) -> str:
        """The machine's state as one number."""
        return digest(self.machine)

    # Processes.

    def spawn(self, name: str = "p") -> Task:
        """A process."""
        task: Task = self.run(fork.spawn(self.machine, name))
        return task

    def fork(self, task: Task, name: str) -> Task:
        """Its child."""
        child: Task = self.run(fork.do_fork(task, name))
        return child

    def exit(self, task: Task) -> None:
        """Its end."""
        self.run(fork.do_exit(task))

    def heap(self, pages: int, *, name: str = "p", write: bool = True) -> tuple[Task, int]:
        """A process with a mapping called h, every page of it written; and where it is."""
        task = self.spawn(name)
        address = self.mmap(task, "h", pages)
        if write:
            self.write(task, address, pages)
        return task, address

    # Addresses.

    def mmap(
        self,
        task: Task,
        label: str,
        pages: int,
        prot: int = RW,
        at: int | None = None,
        growsdown: bool = False,
    ) -> int:
        """Map memory; where."""
        address: int = self.run(mmap.do_mmap(mm_of(task), label, pages * PAGE_SIZE, prot, at, growsdown))
        return address

    def munmap(self, task: Task, address: int, pages: int) -> None:
        """Unmap it."""
        self.run(mmap.do_munmap(mm_of(task), address, address + pages * PAGE_SIZE))

    def mprotect(self, task: Task, address: int, pages: int, prot: int) -> None:
        """Change what may be done with it."""
        self.run(mprotect.sys_mprotect(mm_of(task), address, address + pages * PAGE_SIZE, prot))

    def mremap(
        self,
        task: Task,
        address: int,
        old: int,
        new: int,
        to: int | None = None,
        rename: str | None = None,
    ) -> None:
        """Grow, shrink or move it."""
        end = address + old * PAGE_SIZE
        self.run(mremap.sys_mremap(mm_of(task), address, end, new * PAGE_SIZE, to, rename))

    def mlock(self, task: Task, address: int, pages: int) -> None:
        """Keep it in memory."""
        self.run(mlock.sys_mlock(mm_of(task), address, address + pages * PAGE_SIZE))

    def munlock(self, task: Task, address: int, pages: int) -> None:
        """Let it go again."""
        self.run(mlock.sys_munlock(mm_of(task), address, address + pages * PAGE_SIZE))

    def madvise(self, task: Task, address: int, pages: int, advice: str = "dontneed") -> None:
        """Advise about it."""
        self.run(madvise.sys_madvise(mm_of(task), address, address + pages * PAGE_SIZE, advice))

    # Pages.

    def write(self, task: Task, address: int, pages: int = 1) -> None:
        """Write each page."""
        self.run(memory.access(mm_of(task), address, address + pages * PAGE_SIZE, True))

    def read(self, task: Task, address: int, pages: int = 1) -> None:
        """Read each page."""
        self.run(memory.access(mm_of(task), address, address + pages * PAGE_SIZE, False))

    def pfn(self, task: Task, address: int) -> int:
        """The frame behind an address; 0 for none."""
        return memory.follow_page(mm_of(task), address)

    def page(self, task: Task, address: int) -> Page:
        """Its struct page."""
        return self.machine.page(self.pfn(task, address))

    def pte(self, task: Task, address: int) -> int:
        """What the page table holds for an address; 0 for nothing."""
        ptep = pte_offset(mm_of(task), address)
        return self.machine.memory[ptep] if ptep else 0

    def swapout(self, task: Task, address: int, pages: int = 1) -> None:
        """Force pages out."""
        self.run(vmscan.swapout(self.machine, self._pfns(task, address, pages)))

    def evict(self, task: Task, address: int, pages: int = 1) -> None:
        """Force pages out until their frames are free."""
        self.run(vmscan.evict(self.machine, self._pfns(task, address, pages)))

    def referenced(self, task: Task, address: int) -> WalkRecord:
        """page_referenced of a page; its walk."""
        self.run(vmscan.referenced(self.machine, [self.pfn(task, address)]))
        return self.walks[-1]

    def look(self, task: Task, address: int, *, full: bool = False) -> WalkRecord:
        """A dry walk over a page."""
        self.run(vmscan.look(self.machine, [self.pfn(task, address)], full))
        return self.walks[-1]

    def unmap(self, task: Task, address: int) -> WalkRecord:
        """Swap a page out; the walk of try_to_unmap."""
        self.swapout(task, address)
        (walk,) = (walk for walk in self.walks if walk.kind == "unmap")
        return walk

    def _pfns(self, task: Task, address: int, pages: int) -> list[int]:
        pfns = (self.pfn(task, address + n * PAGE_SIZE) for n in range(pages))
        return [pfn for pfn in pfns if pfn and not is_zero_page(pfn)]


def mm_of(task: Task) -> Mm:
    """The address space of a living process."""
    assert task.mm is not None
    return task.mm


def vma_at(task: Task, address: int) -> Vma:
    """The VMA that holds an address."""
    return mm_of(task).vmas.holding(address)


def spans(task: Task) -> list[tuple[int, int]]:
    """The VMAs of a process: first page number, pages."""
    return [(vma.vm_start // PAGE_SIZE, vma.pages) for vma in mm_of(task).vmas]


def counts(walk: WalkRecord) -> tuple[int, int]:
    """What a walk examined, and hit."""
    return walk.examined, walk.hits


def family(lab: Lab, children: int) -> tuple[Task, int, list[Task]]:
    """A parent with one written page, and children that share it."""
    parent, address = lab.heap(1)
    return parent, address, [lab.fork(parent, f"c{number}") for number in range(1, children + 1)]


def order(task: Task, address: int) -> list[str]:
    """Whose VMAs are on the list, as the walk goes."""
    anon_vma = vma_at(task, address).anon_vma
    assert anon_vma is not None
    return [vma.vm_mm.name for vma in anon_vma.vmas]
