"""
Random programs: lines of the language that make sense where they stand, for the most part.

They are made against a simulated machine, which knows who lives and what is mapped.  The same random numbers
and the same machine options make the same program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final

from vmtui.errors import KernelError
from vmtui.live.calls import ADVICE, resolve
from vmtui.mm.labels import Label
from vmtui.mm.mm_types import VM_SHARED, Mm
from vmtui.mm.page import PAGE_SIZE
from vmtui.scenario import parse_command
from vmtui.scenario.parser import parse_place
from vmtui.scenario.places import find_range
from vmtui.session import Session

__all__ = ["program", "scenario_lines"]

MAX_PROCESSES: Final = 6
KNOWN_ADVICE: Final = {"2.6": ("dontneed",)}
"""By rules, the advice that madvise is given; all of it where nothing is said."""

_MAX_PAGES: Final = 8
_NEAR: Final = 24  # pages around a mapping in which others are put
_WEIGHTS: Final = {
    "write": 24,
    "read": 16,
    "fork": 8,
    "mmap": 12,
    "mprotect": 10,
    "munmap": 6,
    "mremap": 8,
    "madvise": 8,
    "mlock": 4,
    "munlock": 3,
    "swapout": 10,
    "evict": 3,
    "exit": 3,
    "spawn": 2,
    "exec": 1,
    "file": 1,
    "truncate": 1,
    "brk": 2,
    "remap_file_pages": 4,
}


def program(random: Random, options: Mapping[str, Any], size: int) -> list[str]:
    """The commands of a random program of `size` commands, as they are typed."""
    maker = _Maker(random, options)
    return [maker.next() for _ in range(size)]


def scenario_lines(commands: Sequence[str], options: Mapping[str, Any]) -> list[str]:
    """
    Commands as the lines of a scenario that plays to its end: refusals become ``expect-error``, and what the
    language refuses is left out.
    """
    session = Session(**options)
    lines = []
    for text in commands:
        if resolve(session.machine, parse_command(text)) is None:
            continue
        error = session.attempt(text).error
        lines.append(text if error is None else f"expect-error {error.errno} {text}")
    return lines


class _Maker:
    """Makes one line after the other, and plays each."""

    def __init__(self, random: Random, options: Mapping[str, Any]) -> None:
        self._random = random
        self._session = Session(**options)
        self._advice = KNOWN_ADVICE.get(self._session.options.rules, tuple(ADVICE))
        self._names = 0
        self._files: list[str] = []
        self._makers: dict[str, Callable[[], str | None]] = {
            "mmap": self._mmap,
            "mremap": self._mremap,
            "mprotect": lambda: self._on("mprotect", self._pick("rw", "rw", "rw", "r", "rx", "none")),
            "madvise": lambda: self._on("madvise", self._random.choice(self._advice)),
            "fork": self._fork,
            "spawn": self._spawn,
            "exit": lambda: self._of_process("exit", least=2),
            "exec": lambda: self._of_process("exec", least=2),
            "file": self._file,
            "truncate": self._truncate,
            "brk": self._brk,
            "remap_file_pages": self._remap_file_pages,
        }

    def next(self) -> str:
        """A line that the kernel can be asked."""
        machine = self._session.machine
        while True:
            kind = self._random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
            text = self._makers[kind]() if kind in self._makers else self._on(kind)
            if text is None:
                continue
            command = parse_command(text)
            try:
                asked = resolve(machine, command) is not None
            except KernelError:
                asked = False
            if asked:
                self._session.attempt(command)
                return str(command)

    # What there is.

    def _living(self) -> list[Mm]:
        return [task.mm for task in self._session.machine.tasks if task.mm is not None]

    def _pick(self, *choices: str) -> str:
        return self._random.choice(choices)

    def _name(self, stem: str) -> str:
        self._names += 1
        return f"{stem}{self._names}"

    def _label(self) -> tuple[Mm, Label] | None:
        found = [(mm, label) for mm in self._living() for label in mm.labels]
        return self._random.choice(found) if found else None

    def _near(self, label: Label) -> str:
        """An address around a mapping."""
        return f"{max(label.start + self._random.randint(-_NEAR, _NEAR) * PAGE_SIZE, PAGE_SIZE):#x}"

    def _place(self, mm: Mm, label: Label) -> str:
        """A label, a page of it, or some."""
        pages = (label.end - label.start) // PAGE_SIZE
        name = f"{mm.name}.{label.name}"
        first = self._random.randrange(pages)
        return self._pick(
            name, f"{name}[{first}]", f"{name}[{first}:{self._random.randint(first + 1, pages)}]"
        )

    # Lines.

    def _on(self, keyword: str, *more: str) -> str | None:
        found = self._label()
        return " ".join([keyword, self._place(*found), *more]) if found is not None else None

    def _of_process(self, keyword: str, least: int) -> str | None:
        living = self._living()
        return f"{keyword} {self._random.choice(living).name}" if len(living) >= least else None

    def _spawn(self) -> str | None:
        return f"spawn {self._name('p')}" if len(self._living()) < MAX_PROCESSES else None

    def _fork(self) -> str | None:
        living = self._living()
        if not 0 < len(living) < MAX_PROCESSES:
            return None
        return f"fork {self._random.choice(living).name} {self._name('p')}"

    def _file(self) -> str:
        self._files.append(self._name("f"))
        return f"file {self._files[-1]} {self._random.randint(1, 2 * _MAX_PAGES)} pages"

    def _truncate(self) -> str | None:
        if not self._files:
            return None
        return f"truncate {self._random.choice(self._files)} {self._random.randint(1, 2 * _MAX_PAGES)} pages"

    def _brk(self) -> str | None:
        living = self._living()
        if not living:
            return None
        return f"brk {self._random.choice(living).name} heap {self._random.randint(0, _MAX_PAGES)} pages"

    def _remap_file_pages(self) -> str | None:
        shared = [
            (mm, label)
            for mm in self._living()
            for label in mm.labels
            if any(vma.vm_flags & VM_SHARED for vma in mm.vmas.overlapping(label.start, label.end))
        ]
        if not shared:
            return None
        offset = self._random.randint(0, _MAX_PAGES) * PAGE_SIZE
        return f"remap_file_pages {self._place(*self._random.choice(shared))} to {offset:#x}"

    def _mmap(self) -> str | None:
        living = self._living()
        if not living:
            return None
        mm = self._random.choice(living)
        words = ["mmap", mm.name, self._name("m"), f"{self._random.randint(1, _MAX_PAGES)} pages"]
        words += [self._pick("rw", "rw", "rw", "rw", "r", "none"), self._pick(*["private"] * 5, "shared")]
        if self._files and self._random.random() < 0.3:
            words.append(self._random.choice(self._files))
            if self._random.random() < 0.3:
                words.append(f"+ {self._random.randint(0, 3)} pages")
        labels = list(mm.labels)
        if labels:
            label = self._random.choice(labels)
            words.append(
                self._pick("", f"after {label.name}", f"after {label.name}", f"at {self._near(label)}")
            )
        return " ".join(filter(None, words))

    def _mremap(self) -> str | None:
        found = self._label()
        if found is None:
            return None
        mm, label = found
        place = self._place(mm, label)
        keep = self._session.options.rules != "2.6" and self._random.random() < 0.2
        pages = self._random.randint(1, _MAX_PAGES)
        if keep and self._random.random() < 0.9:
            where = find_range(self._session.machine, parse_place(place))
            pages = (where.end - where.start) // PAGE_SIZE
        words = ["mremap", place, f"{pages} pages"]
        if self._random.random() < 0.6:
            words.append(f"to {self._near(self._random.choice(list(mm.labels)))}")
        if "[" in place or keep:
            words.append(f"as {self._name('m')}")
        if keep:
            words.append("dontunmap")
        return " ".join(words)
