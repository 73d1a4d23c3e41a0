"""What holds for every program."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.programs import programs, window_programs
from vmtui.mm.check import check, problems
from vmtui.mm.pgtable import is_zero_page, pte_pfn, pte_present, ptep_to_mm_address, tables_of
from vmtui.mm.rmap import SCHEMES
from vmtui.mm.rmap.scheme import scheme_class
from vmtui.mm.step import HIT
from vmtui.session import Done, Session

ANSWER = tuple(scheme for scheme in SCHEMES if not scheme_class(scheme).no_nonlinear)


def errno(done: Done) -> str | None:
    """What a command was refused with."""
    return None if done.error is None else done.error.errno


@pytest.mark.parametrize("rmap", SCHEMES)
@given(program=programs())
def test_sound_after_every_command(rmap: str, program: list[str]) -> None:
    """No command breaks an invariant, whether it is accepted, refused or done in part."""
    session = Session(rmap=rmap, rules="2.6", ram="8M", swap="64K")
    for line in program:
        before = session.digest()
        done = session.attempt(line)

        assert [] == problems(session.machine), line
        if done.error is not None and not done.error.partial:
            assert before == session.digest(), line


@pytest.mark.parametrize("rmap", ANSWER)
@given(program=window_programs())
@settings(max_examples=60)
def test_nonlinear_windows_are_sound(rmap: str, program: list[str]) -> None:
    """Out of order or not: no invariant breaks, bulk is scalar, and all can be undone and done again."""
    session = Session(rmap=rmap, ram="8M", swap="64K", bulk=1 << 40)
    bulk = Session(rmap=rmap, ram="8M", swap="64K", bulk=3)
    empty = session.digest()
    for line in program:
        one, many = session.attempt(line), bulk.attempt(line)

        assert [] == problems(session.machine), line
        assert (errno(one), one.work) == (errno(many), many.work), line
        assert session.digest() == bulk.digest(), line
    full = session.digest()
    session.seek(0)
    assert empty == session.digest()
    session.seek(session.end)
    assert full == session.digest()


@given(program=programs())
def test_posted_draft_loses_pages_and_nothing_else(program: list[str]) -> None:
    """As posted, pages can be lost to the walk; no other invariant breaks."""
    session = Session(draft="posted", ram="8M", swap="64K")
    for line in program:
        session.attempt(line)

        assert check(session.machine) <= {"unreachable"}, line


@pytest.mark.parametrize("ram", ["4M", "16M"])
@pytest.mark.parametrize("highpte", ["off", "on"])
@given(program=programs(pages=24), data=st.data())
def test_bulk_equals_scalar(ram: str, highpte: str, program: list[str], data: st.DataObject) -> None:
    """What is done to ranges at once leaves the machine that single pages leave, bit for bit."""
    pages = data.draw(st.sampled_from((2, 7, 24)), "bulk")
    rmap = data.draw(st.sampled_from(SCHEMES), "rmap")
    scalar = Session(rmap=rmap, ram=ram, swap="64K", highpte=highpte, bulk=1 << 40)
    bulk = Session(rmap=rmap, ram=ram, swap="64K", highpte=highpte, bulk=pages)
    for line in program:
        one, many = scalar.attempt(line), bulk.attempt(line)

        assert (errno(one), one.work) == (errno(many), many.work), line
        assert scalar.digest() == bulk.digest(), line


@given(program=programs(pages=600, size=14), data=st.data())
def test_bulk_equals_scalar_where_memory_runs_out(program: list[str], data: st.DataObject) -> None:
    """Where memory runs out both paths fail with the same error, and leave the same machine."""
    pages = data.draw(st.sampled_from((3, 100, 512)), "bulk")
    scalar = Session(ram="4M", swap="256K", bulk=1 << 40)
    bulk = Session(ram="4M", swap="256K", bulk=pages)
    for line in program:
        one, many = scalar.attempt(line), bulk.attempt(line)

        assert errno(one) == errno(many), line
        assert scalar.digest() == bulk.digest(), line
    assert [] == problems(bulk.machine)


@given(program=programs(), seed=st.integers(0, 1 << 32))
def test_any_step_can_be_visited(program: list[str], seed: int) -> None:
    """Undone to the start, redone to the end, or visited at random: each step has one state."""
    session = Session(ram="8M", swap="64K", bulk=6)
    for line in program:
        session.attempt(line)
    last = session.end
    digests = {}
    for cursor in range(last, -1, -1):
        session.seek(cursor)
        digests[cursor] = session.digest()

    assert Session(ram="8M", swap="64K", bulk=6).digest() == digests[0]
    moves = random.Random(seed)
    for _ in range(20):
        cursor = moves.randrange(last + 1)
        session.seek(cursor)
        assert digests[cursor] == session.digest()


@given(program=programs())
@settings(max_examples=20)
def test_same_commands_same_machine(program: list[str]) -> None:
    """Two sessions given the same commands have the same steps, stacks and digests."""
    sessions = [Session(ram="8M", swap="64K") for _ in range(2)]
    for line in program:
        for session in sessions:
            session.attempt(line)

    first, second = ([(r.step.sentence, r.place.frames, r.mark) for r in s.steps] for s in sessions)
    assert first == second
    assert sessions[0].digest() == sessions[1].digest()


@given(program=programs(size=25), budget=st.sampled_from((1, 1 << 15, 1 << 17)))
@settings(max_examples=30)
def test_dropped_steps_come_back(program: list[str], budget: int) -> None:
    """A tape with a small budget shows the same machine at every step as one that keeps all."""
    whole, short = Session(ram="8M", swap="64K"), Session(ram="8M", swap="64K", tape_budget=budget)
    for line in program:
        whole.attempt(line)
        short.attempt(line)
    for cursor in (0, whole.end // 2, whole.end, whole.end // 3):
        whole.seek(cursor)
        short.seek(cursor)
        assert whole.digest() == short.digest()
        if cursor:
            assert whole.steps[cursor - 1].step.sentence == short.steps[cursor - 1].step.sentence


@given(program=programs(), cut=st.integers(0, 200))
def test_a_cancelled_command_leaves_no_trace(program: list[str], cut: int) -> None:
    """Closing a command between two slices leaves the machine, and the commands, as before."""
    session = Session(ram="8M", swap="64K")
    for line in program:
        before, known = session.digest(), len(session.commands)
        running = session.running(line)
        for _, _ in zip(range(cut % 3 + 1), running, strict=False):
            pass
        if len(session.commands) == known:
            running.close()
            assert before == session.digest()
        session.attempt(line)


@pytest.mark.parametrize("rmap", SCHEMES)
@given(program=programs())
@settings(max_examples=40)
def test_walk_equals_brute_force(rmap: str, program: list[str]) -> None:
    """A walk without its stop rule hits exactly the PTEs that a reading of all page tables finds."""
    session = Session(rmap=rmap, rules="2.6", ram="8M", swap="64K")
    for line in program:
        session.attempt(line)
    machine = session.machine
    mappings: dict[int, set[int]] = {}
    for mm in machine.mms:
        for base, table in tables_of(mm):
            for slot in range(512):
                pte = machine.memory[table * 512 + slot]
                if pte_present(pte) and not is_zero_page(pte_pfn(pte)):
                    assert (mm, base + slot * 4096) == ptep_to_mm_address(machine, table * 512 + slot)
                    mappings.setdefault(pte_pfn(pte), set()).add(table * 512 + slot)
    for pfn, pteps in mappings.items():
        walk = machine.scheme.look(machine.page(pfn), full=True)
        hits = [about["ptep"] for _, outcome, about in walk if outcome == HIT]

        assert sorted(pteps) == sorted(hits)
