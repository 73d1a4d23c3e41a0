"""What holds for every program on machines with page clustering."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.programs import long_programs, programs
from tests.properties.test_agreement import REFERENCE, Run, compare
from tests.properties.test_machine import errno
from vmtui.mm.check import check, problems
from vmtui.mm.rmap import SCHEMES
from vmtui.mm.rmap.scheme import scheme_class
from vmtui.session import Session

#: Each scheme that can have clusters; chains in both ways.
KINDS: Final = [
    (name, chain)
    for name in SCHEMES
    if not scheme_class(name).no_clusters
    for chain in (("pte", "cluster") if name in ("pte_chain", "objrmap") else ("pte",))
]


@pytest.mark.parametrize("cluster", ["4", "16"])
@pytest.mark.parametrize(("rmap", "chain"), KINDS)
@given(program=programs(pages=21))
@settings(max_examples=15)
def test_sound_after_every_command(rmap: str, chain: str, cluster: str, program: list[str]) -> None:
    """No command breaks an invariant; what is refused is undone; the way back and forth leads to the same."""
    session = Session(rmap=rmap, ram="8M", swap="256K", cluster=cluster, chain=chain)
    digests = {0: session.digest()}
    for line in program:
        before = session.digest()
        done = session.attempt(line)

        assert [] == problems(session.machine), line
        if done.error is not None and not done.error.partial:
            assert before == session.digest(), line
        digests[session.end] = session.digest()
    for cursor in (0, *list(digests)[:: max(1, len(digests) // 6)], session.end):
        session.seek(cursor)
        assert digests[cursor] == session.digest()


@given(program=programs(pages=21))
@settings(max_examples=25)
def test_posted_draft_loses_pages_and_nothing_else(program: list[str]) -> None:
    """As posted, a cluster cut in two can be lost to the walk, as a page can; no other invariant breaks."""
    session = Session(draft="posted", ram="8M", swap="256K", cluster=8)
    for line in program:
        session.attempt(line)

        assert check(session.machine) <= {"unreachable"}, line


@pytest.mark.parametrize("ram", ["4M", "16M"])
@pytest.mark.parametrize(("rmap", "chain"), KINDS)
@given(program=programs(pages=40, size=25), data=st.data())
@settings(max_examples=20)
def test_bulk_equals_scalar(rmap: str, chain: str, ram: str, program: list[str], data: st.DataObject) -> None:
    """Filling and copying ranges at once leaves the machine that single pages leave, bit for bit."""
    pages = data.draw(st.sampled_from((2, 7, 24)), "bulk")
    cluster = data.draw(st.sampled_from((2, 8, 16)), "cluster")
    options = {"rmap": rmap, "chain": chain, "ram": ram, "swap": "256K", "cluster": cluster}
    scalar, bulk = Session(bulk=1 << 40, **options), Session(bulk=pages, **options)
    for line in program:
        one, many = scalar.attempt(line), bulk.attempt(line)

        assert (errno(one), one.work) == (errno(many), many.work), line
        assert scalar.digest() == bulk.digest(), line


@pytest.mark.parametrize(("rmap", "chain"), KINDS)
@given(program=programs(pages=700, size=12), data=st.data())
@settings(max_examples=12, deadline=None)
def test_bulk_equals_scalar_where_memory_runs_out(
    rmap: str, chain: str, program: list[str], data: st.DataObject
) -> None:
    """Over several page tables, up to the last free frame, both paths fail alike and agree."""
    pages = data.draw(st.sampled_from((3, 100, 512)), "bulk")
    options = {"rmap": rmap, "chain": chain, "ram": "4M", "swap": "256K", "cluster": 16}
    scalar, bulk = Session(bulk=1 << 40, **options), Session(bulk=pages, **options)
    for line in program:
        assert errno(scalar.attempt(line)) == errno(bulk.attempt(line)), line
        assert scalar.digest() == bulk.digest(), line


@pytest.mark.parametrize("cluster", ["2", "8"])
@given(program=long_programs(pages=13))
@settings(max_examples=20, deadline=None)
def test_all_schemes_agree(cluster: str, program: list[str]) -> None:
    """Under every scheme the same errors and the same content, chains with an entry a cluster among them."""
    others = [Run.of(name, cluster=cluster, chain=chain) for name, chain in KINDS if name != REFERENCE]
    compare(program, Run.of(REFERENCE, cluster=cluster), others)
