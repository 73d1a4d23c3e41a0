"""The digest covers all state, and all state is on the tape."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

import attrs
import numpy as np
import pytest

from tests.mm.lab import Lab, R, mm_of, vma_at
from vmtui.mm.digest import digest, memory_digest
from vmtui.mm.filemap import create
from vmtui.mm.labels import Label
from vmtui.mm.mm_types import AnonVma
from vmtui.mm.page import PAGE_SIZE
from vmtui.mm.swap_state import lookup_swap_cache
from vmtui.state.column import Column
from vmtui.state.containers import ListHead, OrderedSet, SortedVmas
from vmtui.state.history import WIDTH
from vmtui.state.struct import STRUCTS, Struct


def life() -> Lab:
    """A machine of two zones in which every column has cells in use."""
    lab = Lab(ram="898M", highpte="on", check=False)
    parent, address = lab.heap(700)
    child = lab.fork(parent, "c")
    lab.write(child, address, 2)
    lab.swapout(parent, address + 2 * PAGE_SIZE, 3)
    lab.evict(parent, address + 6 * PAGE_SIZE, 2)
    lab.read(child, address + 6 * PAGE_SIZE)
    lab.mprotect(child, address + 9 * PAGE_SIZE, 2, R)
    lab.munmap(parent, address + 100 * PAGE_SIZE, 600)
    lab.munmap(child, address + 100 * PAGE_SIZE, 600)
    lab.exit(lab.fork(child, "g"))
    lab.run(create(lab.machine, "F", 3 * PAGE_SIZE))
    lab.check = True
    lab.verify()
    return lab


@pytest.fixture(scope="module")
def lived() -> Lab:
    """One such machine for all tests, each of which leaves it as it was."""
    return life()


def used_cells(lab: Lab, name: str) -> list[int]:
    """Some cells of a column that are in use: the first, the last and one between of each part."""
    column = lab.machine.columns()[name]
    found: list[int] = []
    for where in column.used():
        cells = np.arange(len(column), dtype=np.int64)[where] if not isinstance(where, slice) else None
        low, high = (where.start, where.stop) if isinstance(where, slice) else (0, len(where))
        for at in {low, (low + high) // 2, high - 1} if high > low else ():
            found.append(int(cells[at]) if cells is not None else at)
    return sorted(found)


COLUMNS = tuple(Lab(ram="898M").machine.columns())


@pytest.mark.parametrize("name", COLUMNS)
def test_every_column_is_in_the_digest(lived: Lab, name: str) -> None:
    """One bit of any used cell changes the digest; undone, it is what it was."""
    machine = lived.machine
    column = machine.columns()[name]
    before, mark = digest(machine), machine.history.mark
    cells = used_cells(lived, name)

    assert cells
    for cell in cells[:12]:
        column[cell] ^= 1
        assert before != digest(machine)
        machine.history.seek(mark)
    assert before == digest(machine)


@pytest.mark.parametrize("name", [name for name in COLUMNS if "stack" not in name])
def test_extents_are_honest(lived: Lab, name: str) -> None:
    """Nothing lies outside the part of a column that says it is in use (a popped stack aside)."""
    column = lived.machine.columns()[name]
    rest = np.flatnonzero(column.all)
    for where in column.used():
        if isinstance(where, slice):
            rest = rest[(rest < where.start) | (rest >= where.stop)]
        else:
            rest = np.setdiff1d(rest, where)

    assert [] == rest.tolist()


def test_used_parts_do_not_overlap(lived: Lab) -> None:
    """A cell is read once."""
    for column in lived.machine.columns().values():
        ends = sorted((where.start, where.stop) for where in column.used() if isinstance(where, slice))
        for (_, stop), (start, _) in pairwise(ends):
            assert stop <= start


def structs(lab: Lab) -> list[Struct]:
    """One struct of each kind, as it lives in the machine."""
    parent = lab.machine.find_task("p")
    mm = mm_of(parent)
    vma = mm.vmas[0]
    found: list[Struct] = [parent, mm, vma]
    found += [*lab.machine.anon_vmas][:1] + [*lab.machine.files][:1]
    return found + [mm.anonmm for mm in lab.machine.mms if mm.anonmm is not None][:1]


def other(lab: Lab, value: Any) -> Any:
    """Something else of the same kind."""
    history = lab.machine.history
    if value is None:
        return 1
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, OrderedSet):
        return OrderedSet(history)
    if isinstance(value, SortedVmas):
        return SortedVmas(history)
    if isinstance(value, ListHead):
        longer: ListHead[Any] = ListHead(history)
        longer.add_tail(lab.machine.find_task("p"))
        return longer
    if isinstance(value, Column):
        return Column(history, 8, value.all.dtype, lambda: [slice(0, 8)])
    if isinstance(value, tuple):
        return value[:1]
    return None


FIELDS = [
    (cls.kind, field.name)
    for cls in STRUCTS
    if cls.__module__.startswith("vmtui.mm")
    for field in attrs.fields(cast(Any, cls))
    if field.name != "machine"
]


@pytest.mark.parametrize(("kind", "field"), FIELDS, ids=[".".join(each) for each in FIELDS])
def test_every_field_is_journaled_and_in_the_digest(lived: Lab, kind: str, field: str) -> None:
    """Setting any field of any struct is one record and changes the digest; undo restores both."""
    if kind == "anonmm":
        lived = Lab(rmap="anonmm")
        lived.heap(2)
    machine = lived.machine
    (found,) = (each for each in structs(lived) if each.kind == kind)
    value = getattr(found, field)
    new = other(lived, value)
    before, mark = digest(machine), machine.history.mark
    setattr(found, field, new)

    assert mark + WIDTH == machine.history.mark
    assert before != digest(machine)
    machine.history.seek(mark)
    assert value is getattr(found, field)
    assert before == digest(machine)


def test_every_struct_class_is_tried() -> None:
    """No kind of struct is left out of that."""
    kinds = {"task", "mm", "vma", "anon_vma", "address_space", "anonmm"}

    assert kinds == {kind for kind, _ in FIELDS}


def test_fields_hold_no_plain_container(lived: Lab) -> None:
    """A list, dict or set in a field would change behind the tape's back."""
    for each in structs(lived):
        for field in attrs.fields(cast(Any, type(each))):
            assert not isinstance(getattr(each, field.name), (list, dict, set, bytearray))


CONTAINERS: list[Callable[[Lab], object]] = [
    lambda lab: mm_of(lab.machine.find_task("p")).vmas.remove(mm_of(lab.machine.find_task("p")).vmas[0]),
    lambda lab: mm_of(lab.machine.find_task("p")).labels.add(Label("x", 0, 1)),
    lambda lab: next(iter(lab.machine.anon_vmas)).vmas.remove(
        next(iter(next(iter(lab.machine.anon_vmas)).vmas))
    ),
    lambda lab: lab.machine.vmas.free(next(iter(lab.machine.vmas))),
    lambda lab: lab.machine.anon_vmas.add(AnonVma(lab.machine, lab.machine.anon_vmas.next_id)),
]


@pytest.mark.parametrize("edit", CONTAINERS)
def test_every_container_is_journaled_and_in_the_digest(lived: Lab, edit: Callable[[Lab], object]) -> None:
    """An edit of a list or a table is one record and changes the digest."""
    machine = lived.machine
    before, mark = digest(machine), machine.history.mark
    edit(lived)

    assert mark + WIDTH == machine.history.mark
    assert before != digest(machine)
    machine.history.seek(mark)
    assert before == digest(machine)


def test_order_of_a_list_counts(lived: Lab) -> None:
    """The same VMAs in another order are another state: the order of a list is a policy."""
    machine = lived.machine
    before, mark = digest(machine), machine.history.mark
    anon_vma = next(iter(machine.anon_vmas))
    oldest = list(anon_vma.vmas)[-1]
    anon_vma.vmas.remove(oldest)
    anon_vma.vmas.add(oldest)

    assert before != digest(machine)
    machine.history.seek(mark)


def test_freed_number_counts() -> None:
    """A struct made and freed leaves a trace: the next one will have another number."""
    one, other = Lab(), Lab()
    assert one.digest() == other.digest()
    table = one.machine.anon_vmas
    table.free(table.add(AnonVma(one.machine, 1)))

    assert one.digest() != other.digest()


def test_same_life_same_digest(lived: Lab) -> None:
    """Nothing but what was done counts: no time, no address, no hash."""
    again = life()

    assert lived.digest() == again.digest()
    assert memory_digest(lived.machine) == memory_digest(again.machine)


def test_every_mark_has_one_digest() -> None:
    """At every record of a life, back and forth, the digest is the same."""
    lab = Lab()
    parent, address = lab.heap(3)
    child = lab.fork(parent, "c")
    lab.evict(parent, address)
    lab.write(child, address)
    lab.mprotect(child, address + PAGE_SIZE, 1, R)
    lab.exit(parent)
    history = lab.machine.history
    end = history.mark
    digests = {}
    for mark in range(end, history.base - 1, -WIDTH):
        history.seek(mark)
        digests[mark] = lab.digest()
    for mark in range(history.base, end + 1, WIDTH):
        history.seek(mark)
        assert digests[mark] == lab.digest()

    assert Lab().digest() == digests[history.base]
    assert len(set(digests.values())) > 0.9 * len(digests)


def test_memory_digest_is_of_memory_alone(lab: Lab) -> None:
    """Names and lists do not count in it; what page tables and swap hold does."""
    task, address = lab.heap(2)
    before = memory_digest(lab.machine)
    (label,) = labels = mm_of(task).labels
    labels.replace(label, Label("other", label.start, label.end))
    lab.machine.work["rmap_add"] += 1
    assert before == memory_digest(lab.machine)
    lab.swapout(task, address)

    assert before != memory_digest(lab.machine)
    assert lookup_swap_cache(lab.machine, 1)
    assert vma_at(task, address).anon_vma is None
