"""
The agreement property: under the same rules every scheme gives the same errors and the same content.

Each program is run under all schemes side by side.  Where a scheme says that it departs, and the program is
at such a place, it may part from the others there, and leaves; everywhere else it must agree.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

import attrs
import pytest
from hypothesis import given, seed, settings

from tests.properties.programs import long_programs, window_programs
from vmtui.errors import KernelError
from vmtui.mm.content import Content, content, differing
from vmtui.mm.kernel import Options
from vmtui.mm.machine import Machine
from vmtui.mm.mm_types import VM_LOCKED, VM_NONLINEAR
from vmtui.mm.pgtable import (
    is_swap_pte,
    is_zero_page,
    present_ptes,
    pte_offset,
    pte_pfn,
    pte_to_slot,
    ptep_to_mm_address,
)
from vmtui.mm.rmap import SCHEMES
from vmtui.scenario import COMMANDS, Command, parse_command
from vmtui.scenario.places import Place, find_range, frames_of

PROGRAMS: Final = int(os.environ.get("VMTUI_PROGRAMS", "200"))
"""Programs that are run; `make test-long` asks for more."""

PARTS: Final = 10
REFERENCE: Final = "anon_vma_rfc"
PAGE_OUT: Final = ("swapout", "evict", "reclaim", "swapoff")


@attrs.define
class Run:
    """A machine under one scheme."""

    scheme: str
    machine: Machine
    errno: str | None = None

    @classmethod
    def of(cls, scheme: str, **options: str) -> Run:
        """A machine just built: small, with little swap."""
        given = {"rmap": scheme, "rules": "2.6", "ram": "8M", "swap": "64K", **options}
        return cls(scheme, Machine(Options.parse(given)))

    def attempt(self, command: Command) -> None:
        """Run a command to its end or its refusal, as a session would."""
        history = self.machine.history
        self.errno = None
        before = history.mark
        self.machine.housekeeping()
        try:
            for _ in command.apply(self.machine):
                pass
        except KernelError as error:
            self.errno = error.errno
            if not error.partial:
                history.seek(before)

    def content(self) -> Content:
        """What it holds."""
        return content(self.machine)


def place_of(command: Command) -> Place | None:
    """The place a command is about; None for one that is about none."""
    place = getattr(command, "place", None)
    return place if isinstance(place, Place) else None


def moves_shared_page(machine: Machine, command: Command) -> bool:
    """Whether mremap may move a page of memory, or a slot, that another process has too."""
    place = place_of(command)
    assert place is not None
    where = find_range(machine, place)
    for address in present_ptes(where.mm, where.start, where.end).tolist():
        pte = machine.memory[pte_offset(where.mm, address)]
        if is_swap_pte(pte):
            slot = pte_to_slot(pte)
            if machine.swap.map[slot] > 1 + bool(machine.swap.cached[slot]):
                return True
        elif not is_zero_page(pte_pfn(pte)):
            page = machine.page(pte_pfn(pte))
            slot_holders = machine.swap.map[page.private] if page.test("swapcache") else 0
            if page.mapcount > 1 or slot_holders > 1:
                return True
    return False


def crosses_a_seam(one: Machine, other: Machine, command: Command) -> bool:
    """Whether mremap's range is cut into VMAs otherwise under two schemes."""
    place = place_of(command)
    assert place is not None
    cuts = []
    for machine in (one, other):
        where = find_range(machine, place)
        cuts.append([(vma.vm_start, vma.vm_end) for vma in where.mm.vmas.overlapping(where.start, where.end)])
    return cuts[0] != cuts[1]


def locked_in_part(machine: Machine, command: Command) -> bool:
    """Whether a page that goes out is locked by one of its sharers and not by another."""
    if not any(vma.vm_flags & VM_LOCKED for vma in machine.vmas):
        return False
    place = place_of(command)
    pfns: Iterable[int] = frames_of(machine, place, "swap out") if place is not None else all_mapped(machine)
    return any(len(locks_of(machine, pfn)) > 1 for pfn in pfns)


def all_mapped(machine: Machine) -> list[int]:
    """Every frame that is mapped."""
    return [pfn for pfn in range(2, machine.frames_total) if machine.mem_map.mapcount.cell[pfn] > 0]


def locks_of(machine: Machine, pfn: int) -> set[int]:
    """VM_LOCKED or 0, of each VMA that maps a frame."""
    found = set()
    for ptep in machine.scheme.mappings(machine.page(pfn)):
        mm, address = ptep_to_mm_address(machine, ptep)
        assert mm is not None
        found.add(mm.vmas.holding(address).vm_flags & VM_LOCKED)
    return found


def may_part(run: Run, reference: Run, command: Command) -> bool:
    """Whether a scheme says that it may differ from the others by this command, at this place."""
    departs = run.machine.scheme.departs
    try:
        if command.keyword == "mremap" and "mremap" in departs:
            if crosses_a_seam(run.machine, reference.machine, command):
                return True
            return "copied" in departs["mremap"] and moves_shared_page(run.machine, command)
        if command.keyword == "remap_file_pages" and run.machine.scheme.no_nonlinear:
            return True
        if command.keyword in PAGE_OUT and "remap_file_pages" in departs and has_nonlinear(run.machine):
            return True
        if command.keyword in PAGE_OUT and "mlock" in departs and locked_in_part(run.machine, command):
            return True
    except KernelError:
        return False
    return False


def has_nonlinear(machine: Machine) -> bool:
    """Whether a page-out may come by a VMA whose pages are out of order."""
    return any(vma.vm_flags & VM_NONLINEAR for vma in machine.vmas)


def leaves(run: Run, command: Command) -> bool:
    """Whether a scheme has a way of its own for a command: what comes later may differ too.

    Where the pages are the same after a reclaim, the order in which frames were freed need not be.
    """
    departs = run.machine.scheme.departs
    scans = "remap_file_pages" in departs and has_nonlinear(run.machine)
    return command.keyword == "reclaim" and ("reclaim" in departs or scans)


def agree(program: list[str], standard: str = REFERENCE) -> list[str]:
    """Run a program under all schemes; those that were with the standard to its end."""
    return compare(program, Run.of(standard), [Run.of(scheme) for scheme in SCHEMES if scheme != standard])


def compare(program: list[str], reference: Run, others: list[Run]) -> list[str]:
    """Run a program on several machines: all must do what the first does, but where they may part.

    Returns:
        The schemes that were with the first to its end.
    """
    for line in program:
        command = parse_command(line)
        others = [run for run in others if not leaves(run, command)]
        excused = {run.scheme for run in others if may_part(run, reference, command)}
        for run in (reference, *others):
            run.attempt(command)
        expected = reference.content()
        for run in list(others):
            found = differing(expected, run.content())
            if run.errno == reference.errno and not found:
                continue
            assert run.scheme in excused, (
                f"{run.scheme} parts from {reference.scheme} at {line}: "
                f"{run.errno} and not {reference.errno}, {', '.join(found) or 'same content'}"
            )
            others.remove(run)
    return [run.scheme for run in others]


@pytest.mark.parametrize("part", range(PARTS))
def test_all_schemes_agree(part: int) -> None:
    """After each command of a random program, errno and content are the same under all schemes."""

    @seed(part)
    @settings(max_examples=-(-PROGRAMS // PARTS), database=None)
    @given(program=long_programs())
    def check(program: list[str]) -> None:
        agree(program)

    check()


@pytest.mark.parametrize("part", range(PARTS))
def test_those_with_an_answer_agree_about_nonlinear_windows(part: int) -> None:
    """With pages of files out of order, errno and content are those of rmap, under each scheme that can."""

    @seed(part)
    @settings(max_examples=-(-PROGRAMS // PARTS // 2), database=None)
    @given(program=window_programs())
    def check(program: list[str]) -> None:
        agree(program, "pte_chain")

    check()


def test_who_has_no_answer_parts_at_once() -> None:
    """At the first page out of order the drafts leave; at the first page-out 2.6.7 may, and not before."""
    program = [
        "spawn a",
        "file f 8 pages",
        "mmap a w 4 pages rw shared f",
        "remap_file_pages a.w[0] to 0x4000",
    ]

    assert ["virtual_scan", "objrmap", "anon_vma"] == agree(program, "pte_chain")
    assert ["virtual_scan", "objrmap"] == agree([*program, "swapout a.w[0]"], "pte_chain")


def test_what_a_scheme_departs_in_is_a_command() -> None:
    """Each departure is declared for a command, and has a reason in words."""
    for scheme in SCHEMES:
        departs = Run.of(scheme).machine.scheme.departs
        assert set(departs) <= set(COMMANDS)
        assert all(departs.values())
