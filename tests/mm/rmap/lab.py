"""A machine driven by the simulated kernel's own functions, without the command language."""

from __future__ import annotations

from typing import Any

from vmtui.mm import fork, memory, mmap, vmscan
from vmtui.mm.check import problems
from vmtui.mm.digest import digest
from vmtui.mm.fork import living
from vmtui.mm.kernel import Options
from vmtui.mm.machine import Machine
from vmtui.mm.mm_types import VM_READ, VM_WRITE, Task
from vmtui.mm.page import PAGE_SIZE, Page
from vmtui.mm.step import Driver, StepLog, Steps, WalkRecord, walks_of
from vmtui.mm.work import work_of

#: Where the tests map what they look at.
HEAP = 0x40000000


class Lab:
    """A machine, and what its last operation did.

    Attributes:
        walks: The walks of the last operation.
        work: What the last operation cost on the fast path.
        sentences: What its steps said.
    """

    def __init__(self, rmap: str, **options: Any) -> None:
        self.machine = Machine(Options.parse({"rmap": rmap, **options}))
        self.driver = Driver()
        self.walks: tuple[WalkRecord, ...] = ()
        self.work: dict[str, int] = {}
        self.sentences: list[str] = []

    def run(self, operation: Steps) -> Any:
        """Run a watched function to its end; what it returns."""
        returned: list[Any] = []

        def whole() -> Steps:
            returned.append((yield from operation))

        before = self.machine.work.as_dict()
        self.machine.work.begin()
        records = StepLog()
        for _ in self.driver.run(whole(), records, self.machine.history):
            pass
        self.sentences = [record.step.sentence for record in records]
        self.walks = walks_of(records)
        self.work = work_of(self.machine, before, records, self.walks)
        return returned[0]

    def spawn(self, name: str) -> Task:
        """A process."""
        task: Task = self.run(fork.spawn(self.machine, name))
        return task

    def fork(self, task: Task, name: str) -> Task:
        """A child."""
        child: Task = self.run(fork.do_fork(task, name))
        return child

    def exit(self, task: Task) -> None:
        """The end of a process."""
        self.run(fork.do_exit(task))

    def map(self, task: Task, pages: int, label: str = "heap", at: int = HEAP, **kind: Any) -> int:
        """Map pages; the address."""
        flags = VM_READ | VM_WRITE
        start: int = self.run(mmap.do_mmap(living(task), label, pages * PAGE_SIZE, flags, at, **kind))
        return start

    def write(self, task: Task, pages: int = 1, at: int = HEAP) -> None:
        """Write pages."""
        self.run(memory.access(living(task), at, at + pages * PAGE_SIZE, True))

    def page(self, task: Task, at: int = HEAP) -> Page:
        """The page behind an address."""
        return self.machine.page(memory.follow_page(living(task), at))

    def referenced(self, *pages: Page) -> None:
        """page_referenced."""
        self.run(vmscan.referenced(self.machine, [page.pfn for page in pages]))

    def look(self, page: Page, full: bool = False) -> WalkRecord:
        """The walk that changes nothing."""
        self.run(vmscan.look(self.machine, [page.pfn], full))
        return self.walks[0]

    def swapout(self, page: Page) -> None:
        """Force a page out."""
        self.run(vmscan.swapout(self.machine, [page.pfn]))

    def bytes(self, kind: str) -> int:
        """Low memory held by objects of a kind."""
        return self.machine.ledger.by_kind()[kind]

    def digest(self) -> str:
        """The whole state."""
        return digest(self.machine)

    def problems(self) -> list[str]:
        """Broken invariants."""
        return [problem.text for problem in problems(self.machine)]
