"""check: a sound machine has no problem, and every kind of damage has its name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.mm.lab import Lab, R, mm_of, vma_at
from vmtui.mm.check import check, problems
from vmtui.mm.labels import Label
from vmtui.mm.mm_types import AnonVma, Mm, Vma
from vmtui.mm.page import PAGE_SIZE, Page, PG_anon, PG_lru
from vmtui.mm.pgtable import PAGE_RW, pte_offset


class Patient:
    """A machine with a bit of everything, to be damaged."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.parent, self.address = self.lab.heap(6)
        self.child = self.lab.fork(self.parent, "c")
        self.lab.write(self.child, self.address)
        self.lab.swapout(self.parent, self.address + PAGE_SIZE)
        self.lab.evict(self.parent, self.address + 2 * PAGE_SIZE)
        self.lab.mprotect(self.parent, self.address + 4 * PAGE_SIZE, 2, R)
        self.machine = self.lab.machine

    @property
    def mm(self) -> Mm:
        """The parent's address space."""
        return mm_of(self.parent)

    @property
    def vma(self) -> Vma:
        """The parent's first VMA."""
        return vma_at(self.parent, self.address)

    @property
    def page(self) -> Page:
        """A page both share."""
        return self.lab.page(self.parent, self.address + 3 * PAGE_SIZE)

    @property
    def cached(self) -> Page:
        """A page that waits in the swap cache."""
        return self.lab.page(self.parent, self.address + PAGE_SIZE)

    def ptep(self, number: int) -> int:
        """The parent's PTE of a page."""
        return pte_offset(self.mm, self.address + number * PAGE_SIZE)


def set_pte(patient: Patient, number: int, pte: int) -> None:
    """Write a PTE of the parent."""
    patient.machine.memory[patient.ptep(number)] = pte


def twin(patient: Patient) -> None:
    """Queue a second struct for the same range."""
    vma = patient.vma
    anon_vma = vma.anon_vma
    assert anon_vma is not None
    anon_vma.vmas.add(
        Vma(
            patient.machine,
            99,
            vma.vm_mm,
            vma.vm_start,
            vma.vm_end,
            vma.vm_flags,
            vma.vm_pgoff,
            None,
            anon_vma,
        )
    )


def unlink(patient: Patient) -> None:
    """Take a VMA off its list and leave its pointer."""
    assert patient.vma.anon_vma is not None
    patient.vma.anon_vma.vmas.remove(patient.vma)


Damage = Callable[[Patient], object]

DAMAGES: list[tuple[str, Damage]] = [
    ("pte_outside_vma", lambda p: set_pte(p, 100, p.machine.memory[p.ptep(3)])),
    ("rss", lambda p: setattr(p.mm, "rss", 0)),
    ("vma_order", lambda p: setattr(p.vma, "vm_end", p.vma.vm_end + PAGE_SIZE)),
    ("vma_order", lambda p: setattr(p.vma, "vm_end", p.vma.vm_end - 1)),
    ("vma_order", lambda p: setattr(p.vma, "vm_end", p.vma.vm_start)),
    ("vma_owner", lambda p: setattr(p.vma, "vm_mm", mm_of(p.child))),
    ("vma_owner", lambda p: p.machine.vmas.free(p.vma)),
    ("label", lambda p: p.mm.labels.add(Label("ghost", 0x1000, 0x2000))),
    ("frames", lambda p: p.machine.zones[0].take_user()),
    ("mapcount", lambda p: setattr(p.page, "mapcount", 1)),
    ("count", lambda p: setattr(p.page, "count", 3)),
    ("count", lambda p: setattr(p.cached, "count", 2)),
    ("anon", lambda p: p.page.clear(PG_anon)),
    ("mapped_free", lambda p: setattr(p.page, "count", 0)),
    ("shared_writable", lambda p: set_pte(p, 3, p.machine.memory[p.ptep(3)] | PAGE_RW)),
    ("unreachable", lambda p: setattr(p.page, "index", p.page.index + 1)),
    ("unreachable", unlink),
    ("unreachable", lambda p: setattr(p.vma, "vm_pgoff", 0)),
    ("found_twice", twin),
    ("swap_map", lambda p: p.machine.swap.map.put(slice(1, 2), 7)),
    ("swap_map", lambda p: set_pte(p, 2, 0)),
    ("swap_cache", lambda p: setattr(p.cached, "private", 2)),
    ("swap_used", lambda p: p.machine.swap.register.put(slice(1, 2), 9)),
    ("lru", lambda p: setattr(p.page, "lru", 0)),
    ("lru", lambda p: p.page.clear(PG_lru)),
    ("lru", lambda p: p.machine.active_list.append(p.page.pfn)),
    ("ledger", lambda p: p.machine.ledger.charge("vm_area_struct")),
    ("page_tables", lambda p: p.machine.ledger.table(1, low=True)),
    ("anon_vma_empty", lambda p: p.machine.anon_vmas.add(AnonVma(p.machine, p.machine.anon_vmas.next_id))),
    ("anon_vma_link", lambda p: setattr(p.vma, "anon_vma", None)),
    ("anon_vma_link", unlink),
]


def test_sound_machine() -> None:
    """Nothing is wrong with a machine that was only used."""
    patient = Patient()

    assert [] == problems(patient.machine)
    assert set() == check(patient.machine)


@pytest.mark.parametrize(
    ("name", "damage"), DAMAGES, ids=[f"{n}-{name}" for n, (name, _) in enumerate(DAMAGES)]
)
def test_damage_has_its_name(name: str, damage: Damage) -> None:
    """Each broken invariant is found and named, in a sentence; undone, the machine is sound again."""
    patient = Patient()
    mark = patient.machine.history.mark
    damage(patient)
    found = problems(patient.machine)

    assert name in {problem.name for problem in found} == check(patient.machine)
    assert all(problem.text for problem in found)
    patient.machine.history.seek(mark)
    assert [] == problems(patient.machine)
