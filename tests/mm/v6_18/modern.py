"""A machine under the rules of 6.18, told in the command language."""

from __future__ import annotations

from typing import Any

from vmtui.mm.check import problems
from vmtui.mm.mm_types import Mm, Vma
from vmtui.mm.page import PAGE_SIZE
from vmtui.scenario.pages import PageView
from vmtui.session import Session


class Modern:
    """A session; the machine is sound after each command.

    Attributes:
        done: The last command.
    """

    def __init__(self, *lines: str, **options: Any) -> None:
        self.session = Session(rmap="anon_vma_chain", **options)
        self.machine = self.session.machine
        self.do(*lines)

    def do(self, *lines: str) -> list[str]:
        """Run commands; what the steps of the last one said."""
        for line in lines:
            self.done = self.session.do(line)
            self._verify(line)
        return self.sentences

    def refused(self, line: str) -> tuple[str, bool]:
        """Run a command that is refused: errno, and whether part of it was done."""
        self.done = self.session.attempt(line)
        self._verify(line)
        assert self.done.error is not None
        return self.done.error.errno, bool(self.done.error.partial)

    def _verify(self, line: str) -> None:
        assert [] == problems(self.machine), line

    @property
    def steps(self) -> list[Any]:
        """The steps of the last command, with their places."""
        return list(self.session.steps[self.done.first : self.done.last])

    @property
    def sentences(self) -> list[str]:
        """What they said."""
        return [record.step.sentence for record in self.steps]

    @property
    def functions(self) -> set[str]:
        """Every function that was on the stack."""
        return {frame.function for record in self.steps for frame in record.place.frames}

    def mm(self, name: str) -> Mm:
        """An address space."""
        mm = self.machine.find_task(name).mm
        assert mm is not None
        return mm

    def view(self, place: str) -> PageView:
        """The page at ``a.h[3]``."""
        name, _, rest = place.partition(".")
        label, _, index = rest.rstrip("]").partition("[")
        found = self.mm(name).labels.called(label)
        assert found is not None
        return PageView.at(self.mm(name), found.start + int(index) * PAGE_SIZE)

    def state(self, name: str, label: str) -> str:
        """A letter a page: Present, Swapped, Zero, or a dot."""
        found = self.mm(name).labels.called(label)
        assert found is not None
        pages = range((found.end - found.start) // PAGE_SIZE)
        states = (self.view(f"{name}.{label}[{page}]").state for page in pages)
        return "".join("." if state is None else state[0].upper() for state in states)

    def spans(self, name: str) -> list[int]:
        """Pages of each VMA."""
        return [vma.pages for vma in self.mm(name).vmas]

    def vma(self, name: str, which: int = 0) -> Vma:
        """A VMA."""
        return self.mm(name).vmas[which]


def heap(pages: int = 4, *more: str, **options: Any) -> Modern:
    """A process a with a heap h, written."""
    return Modern("spawn a", f"mmap a h {pages} pages rw private", "write a.h", *more, **options)
