"""The lists that a kernel keeps, for whoever shows them: which objects there are, and what hangs on each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from vmtui.mm.step import Ref

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine
    from vmtui.mm.mm_types import Anonmm

#: One element of a list; what shares a node is together.  None: a slot that is free, or a place left empty.
Group = tuple[Ref | None, ...]
#: What stands between two lists of one object.
BORDER: Group = ()


@attrs.frozen
class ObjectList:
    """An object and what hangs on it.

    Attributes:
        ref: The object; None for what the kernel has once.
        title: Its name.
        length: How many hang on it: VMAs, mms, nodes.
        groups: They, in the order of a walk; can be read once.
    """

    ref: Ref | None
    title: str
    length: int
    groups: Iterable[Group]


@attrs.frozen
class Lists:
    """All objects of a kind that hold lists.

    Attributes:
        title: What the kind is called: ``anon_vma lists``.
        noun: One of them, to be counted: ``list``.
        kind: The kind of their refs.
        ids: Their numbers, ascending.
        make: The object of a number.
        topic: What they are explained by.
        empty: What is said where there is none.
        nbytes: Low memory they take.
    """

    title: str
    noun: str
    kind: str
    ids: NDArray[np.int64]
    make: Callable[[int], ObjectList]
    topic: str
    empty: str = "none yet"
    nbytes: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    def find(self, ref: Ref | None) -> int:
        """Where an object stands among them; -1: nowhere."""
        if ref is None or ref[0] != self.kind:
            return -1
        at = int(np.searchsorted(self.ids, ref[1]))
        return at if at < len(self.ids) and int(self.ids[at]) == ref[1] else -1


def gone(kind: str, number: int) -> ObjectList:
    """An object that is there no more."""
    return ObjectList((kind, number), f"{kind} {number}", 0, ())


def anon_vma_lists(machine: Machine, empty: str) -> Lists:
    """The anon_vmas and their VMAs."""

    def make(number: int) -> ObjectList:
        anon_vma = machine.anon_vmas.get(number)
        if anon_vma is None:
            return gone("anon_vma", number)
        vmas = list(machine.scheme.anon_vma_vmas(anon_vma))
        groups = ((("vma", vma.id),) for vma in vmas)
        return ObjectList(("anon_vma", number), f"anon_vma {number}", len(vmas), groups)

    ids = np.array([anon_vma.id for anon_vma in machine.anon_vmas], np.int64)
    held = machine.ledger.by_kind()
    nbytes = held.get("anon_vma", 0) + held.get("anon_vma_chain", 0)
    return Lists("anon_vma lists", "list", "anon_vma", ids, make, "anon_vma", empty, nbytes)


def file_lists(machine: Machine) -> Lists:
    """The files that are mapped, each with its private VMAs, then its shared ones."""

    def make(number: int) -> ObjectList:
        mapping = machine.files.get(number)
        if mapping is None:
            return gone("address_space", number)
        private = ((("vma", vma.id),) for vma in mapping.i_mmap)
        shared = ((("vma", vma.id),) for vma in mapping.i_mmap_shared)
        both = len(mapping.i_mmap) > 0 and len(mapping.i_mmap_shared) > 0
        length = len(mapping.i_mmap) + len(mapping.i_mmap_shared)
        groups = chain(private, (BORDER,) if both else (), shared)
        return ObjectList(("address_space", number), mapping.name, length, groups)

    mapped = [file.id for file in machine.files if len(file.i_mmap) or len(file.i_mmap_shared)]
    return Lists("i_mmap", "file", "address_space", np.array(mapped, np.int64), make, "i_mmap")


def bundle_lists(machine: Machine, anonmms: Iterable[Anonmm]) -> Lists:
    """The bundles of anonmms, each with its mms; of an mm that is gone a place is left."""
    heads = {anonmm.id: anonmm for anonmm in anonmms if anonmm.head is anonmm}

    def make(number: int) -> ObjectList:
        head = heads[number]

        def groups() -> Iterator[Group]:
            for anonmm in head.list:
                yield (("mm", anonmm.mm.id) if anonmm.mm is not None else None,)

        return ObjectList(("anonmm", number), f"anonmm {number}", len(head.list), groups())

    ids = np.array(sorted(heads), np.int64)
    nbytes = machine.ledger.by_kind().get("anonmm", 0)
    empty = "none yet: spawn makes the first one"
    return Lists("anonmm bundles", "bundle", "anonmm", ids, make, "anonmm", empty, nbytes)
