"""What holds for every program under the rules of 6.18."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.programs import programs
from vmtui.errors import OptionError
from vmtui.mm.check import problems
from vmtui.mm.pgtable import is_zero_page, pte_pfn, pte_present, tables_of
from vmtui.mm.step import HIT
from vmtui.session import Done, Session

ADVICE = ("dontneed", "free", "pageout", "dontfork", "dofork", "wipeonfork", "keeponfork")


@st.composite
def moved(draw: st.DrawFn, pages: int) -> str:
    """A line that moves pages and leaves the VMA, or puts a window on a file, or on memory, out of order."""
    first = draw(st.integers(0, pages - 1))
    many = draw(st.integers(1, pages - first))
    if draw(st.booleans()):
        place = f"{draw(st.sampled_from('ab'))}.{draw(st.sampled_from('hkt'))}[{first}:{first + many}]"
        where = draw(st.sampled_from(("", f" to 0x{0x60000 + draw(st.integers(0, 64)):x}000")))
        return f"mremap {place} {many} pages{where} as {draw(st.sampled_from('kts'))} dontunmap"
    place = f"{draw(st.sampled_from('ab'))}.{draw(st.sampled_from('mts'))}[{first}:{first + many}]"
    return f"remap_file_pages {place} to {draw(st.integers(0, 2 * pages)) * 4096}"


@st.composite
def advised(draw: st.DrawFn, pages: int = 8, size: int = 40) -> list[str]:
    """A program whose advice is any that this kernel knows, and more of it."""
    program = []
    for line in draw(programs(pages, size)):
        program.append(line.replace("dontneed", draw(st.sampled_from(ADVICE))))
        if draw(st.integers(0, 5)) == 0:
            place = draw(st.sampled_from(("a.h", "b.h", "a.h[1:4]", "b.h[2]", "a.t", "b.m", "a.s")))
            program.append(f"madvise {place} {draw(st.sampled_from(ADVICE))}")
        if draw(st.integers(0, 7)) == 0:
            program.append(draw(moved(pages)))
    return program


def errno(done: Done) -> str | None:
    """What a command was refused with."""
    return None if done.error is None else done.error.errno


def modern(**options: object) -> Session:
    """A small machine."""
    return Session(rmap="anon_vma_chain", **{"ram": "8M", "swap": "64K", **options})


@given(program=advised())
def test_sound_after_every_command(program: list[str]) -> None:
    """No command breaks an invariant, whether it is accepted, refused or done in part."""
    session = modern()
    assert "6.18" == session.options.rules
    for line in program:
        before = session.digest()
        done = session.attempt(line)

        assert [] == problems(session.machine), line
        if done.error is not None and not done.error.partial:
            assert before == session.digest(), line


@given(program=advised(pages=24), data=st.data())
def test_bulk_equals_scalar(program: list[str], data: st.DataObject) -> None:
    """Filling and copying ranges at once leaves the machine that single pages leave, bit for bit."""
    pages = data.draw(st.sampled_from((2, 7, 24)), "bulk")
    scalar, bulk = modern(ram="16M", bulk=1 << 40), modern(ram="16M", bulk=pages)
    for line in program:
        one, many = scalar.attempt(line), bulk.attempt(line)

        assert (errno(one), one.work) == (errno(many), many.work), line
        assert scalar.digest() == bulk.digest(), line


@given(program=advised(pages=600, size=14), data=st.data())
def test_bulk_equals_scalar_where_memory_runs_out(program: list[str], data: st.DataObject) -> None:
    """Where memory runs out both paths fail with the same error, and leave the same machine."""
    pages = data.draw(st.sampled_from((3, 100, 512)), "bulk")
    scalar, bulk = (modern(ram="4M", swap="256K", bulk=n) for n in (1 << 40, pages))
    for line in program:
        one, many = scalar.attempt(line), bulk.attempt(line)

        assert errno(one) == errno(many), line
        assert scalar.digest() == bulk.digest(), line
    assert [] == problems(bulk.machine)


@given(program=advised(), seed=st.integers(0, 1 << 32))
@settings(max_examples=30)
def test_any_step_can_be_visited(program: list[str], seed: int) -> None:
    """Undone to the start, redone to the end, or visited at random: each step has one state."""
    session = modern(bulk=6)
    for line in program:
        session.attempt(line)
    digests = {}
    for cursor in range(session.end, -1, -1):
        session.seek(cursor)
        digests[cursor] = session.digest()

    assert modern(bulk=6).digest() == digests[0]
    moves = random.Random(seed)
    for _ in range(20):
        cursor = moves.randrange(session.end + 1)
        session.seek(cursor)
        assert digests[cursor] == session.digest()


@given(program=advised())
@settings(max_examples=40)
def test_walk_equals_brute_force(program: list[str]) -> None:
    """A walk without its stop rule hits exactly the PTEs that a reading of all page tables finds."""
    session = modern()
    for line in program:
        session.attempt(line)
    machine = session.machine
    mappings: dict[int, set[int]] = {}
    for mm in machine.mms:
        for _, table in tables_of(mm):
            for ptep in range(table * 512, table * 512 + 512):
                pte = machine.memory[ptep]
                if pte_present(pte) and not is_zero_page(pte_pfn(pte)):
                    mappings.setdefault(pte_pfn(pte), set()).add(ptep)
    for pfn, pteps in mappings.items():
        walk = machine.scheme.look(machine.page(pfn), full=True)

        assert sorted(pteps) == sorted(about["ptep"] for _, outcome, about in walk if outcome == HIT)


@pytest.mark.parametrize("option", [{"rules": "6.18"}, {"arch": "x86_64"}])
def test_classic_schemes_are_refused(option: dict[str, str]) -> None:
    """A scheme of 2.6 cannot have these rules, nor the architecture, and a sentence says so."""
    with pytest.raises(OptionError, match=r"is of 2\.6: rules=6\.18 and x86_64 need rmap=anon_vma_chain"):
        Session(rmap="pte_chain", **option)
