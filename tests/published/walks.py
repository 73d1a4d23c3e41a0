"""The table of walks: one parent, N children, and which candidates a page-out looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from tests.mm.rmap.family import SIZES, Counts, family
from tests.mm.rmap.lab import Lab
from tests.published.row import COMPUTED, INGO, RIK, Row
from vmtui.mm.page import Page
from vmtui.mm.step import CANDIDATE, HIT

#: Examined and hits of page_referenced, then of try_to_unmap.
Walks = tuple[int, int, int, int]

SCHEMES: Final = (
    "virtual_scan",
    "pte_chain",
    "objrmap",
    "anonmm",
    "anon_vma_rfc",
    "anon_vma",
    "anon_vma_chain",
)


def walks(rmap: str, children: int, *, copied: bool, whose: int) -> Walks:
    """The walks of a page-out; whose page: 0 the parent's, 1 the oldest child's, -1 the newest's."""
    lab, tasks = family(rmap, children, copied=copied, rules="2.6")
    lab.swapout(lab.page(tasks[whose]))
    referenced, unmap = lab.walks
    return referenced.examined, referenced.hits, unmap.examined, unmap.hits


def _walks(referenced: Counts, unmap: Counts) -> Walks:
    return (*referenced, *unmap)


#: The parent's page, once every child wrote its own copy: by scheme, for N children.
PARENT: Final[dict[str, Callable[[int], Walks]]] = {
    "virtual_scan": lambda n: _walks((n + 1, 1), (1, 1)),
    "pte_chain": lambda n: _walks((1, 1), (1, 1)),
    "objrmap": lambda n: _walks((1, 1), (1, 1)),
    "anonmm": lambda n: _walks((1, 1), (1, 1)),
    "anon_vma_rfc": lambda n: _walks((n + 1, 1), (n, 1)),
    "anon_vma": lambda n: _walks((n + 1, 1), (n + 1, 1)),
    "anon_vma_chain": lambda n: _walks((1, 1), (1, 1)),
}

#: The newest child's copy, and the oldest's.
NEWEST: Final[dict[str, Callable[[int], Walks]]] = {
    "anon_vma": lambda n: _walks((1, 1), (1, 1)),
}
OLDEST: Final[dict[str, Callable[[int], Walks]]] = {
    "anon_vma": lambda n: _walks((n, 1), (n, 1)),
}


def _rows() -> Iterator[Row]:
    for rmap in SCHEMES:
        for n in SIZES:
            source = INGO if rmap in ("anon_vma_rfc", "anon_vma") else COMPUTED
            yield Row(
                name=f"{rmap}_shared_by_{n}_children",
                what=f"{rmap}, {n} children, nobody wrote: both walks (examined / hits)",
                figure=(n + 1, n + 1, n + 1, n + 1),
                measure=partial(walks, rmap, n, copied=False, whose=0),
            )
            yield Row(
                name=f"{rmap}_parents_page_{n}_children_copied",
                what=f"{rmap}, {n} children, all wrote: the parent's page",
                figure=PARENT[rmap](n),
                measure=partial(walks, rmap, n, copied=True, whose=0),
                source=source,
            )
            if rmap == "virtual_scan":
                continue
            single = _walks((1, 1), (1, 1))
            for whose, called, figures in ((-1, "newest", NEWEST), (1, "oldest", OLDEST)):
                yield Row(
                    name=f"{rmap}_{called}_copy_of_{n}_children",
                    what=f"{rmap}, {n} children, all wrote: the {called} child's copy",
                    figure=figures[rmap](n) if rmap in figures else single,
                    measure=partial(walks, rmap, n, copied=True, whose=whose),
                    source=source,
                )


def rik(rmap: str, *, full: bool = False) -> float:
    """Rik's children: the candidates an unmap examines, in the mean over all 1,001,000 pages.

    Args:
        full: Without the stop rule.

    All pages of a process take the same walk, so one of each stands for a thousand.
    """
    lab, tasks = family(rmap, 1000, copied=True)
    return sum(examined(lab, lab.page(task), full) for task in tasks) / len(tasks)


def examined(lab: Lab, page: Page, full: bool) -> int:
    """Candidates of a look at a page that one process maps; `full`: without the stop rule."""
    outcomes = [outcome for _, outcome, _ in lab.machine.scheme.look(page, full=full)]
    assert outcomes.count(HIT) == 1
    return sum(outcome in CANDIDATE for outcome in outcomes)


ROWS: tuple[Row, ...] = (
    *_rows(),
    *(
        Row(
            name=f"rik_{rmap}",
            what=f"1000 children × 1000 copied pages, {rmap}: mean examined by an unmap",
            figure=figure,
            measure=partial(rik, rmap),
            source=source,
            said=said,
            digits=digits,
        )
        for rmap, figure, digits, source, said in (
            ("anon_vma", 501.0, 1, RIK, "1000 processes to search"),
            ("anon_vma_rfc", 1.998, 3, COMPUTED, ""),
            ("anonmm", 1.0, 1, COMPUTED, ""),
            ("pte_chain", 1.0, 1, COMPUTED, ""),
            ("anon_vma_chain", 1.0, 1, COMPUTED, ""),
        )
    ),
    Row(
        name="rik_anon_vma_chain_full",
        what="the same without the stop rule",
        figure=1.999,
        measure=partial(rik, "anon_vma_chain", full=True),
        source=RIK,
        said="1000 → 2",
        digits=3,
    ),
    Row(
        name="rik_anon_vma_full",
        what="the same, anon_vma without the stop rule",
        figure=1001.0,
        measure=partial(rik, "anon_vma", full=True),
        source=RIK,
        said="1000",
        digits=1,
    ),
)
