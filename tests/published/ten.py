"""The ten figures that README shows, out of them all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.published.row import COMPUTED, Row
from tests.published.table import ROWS

TEN = (
    "article_machine_after_mem_map",
    "chains_100_tasks_128_highpte_on",
    "bligh_5000_tasks_highpte_off",
    "pte_pages_of_100_tasks",
    "fork_of_100_000_pages_128",
    "ends_pte_chain_2.7G_3_1_highpte=on",
    "ends_by_rule_pte_chain_2.7G_4_4_highpte=on",
    "rmap_test_1_objrmap_forked_window_0",
    "oracle_windows",
    "rik_anon_vma",
)


def ten() -> list[Row]:
    """Their rows, in the order of README."""
    rows = {row.name: row for row in ROWS}
    return [rows[name] for name in TEN]


def markdown() -> Iterator[str]:
    """The table of README.

    The last column is what each row's own test holds equal to what the machine gives.
    """
    yield "| what | who says so | published | here |"
    yield "|---|---|---|---|"
    for row in ten():
        published = "" if row.source == COMPUTED else row.published
        source = "follows from the structures" if row.source == COMPUTED else who(row.source)
        yield f"| {row.what} | {source} | {published} | {row.show(row.figure)} |"


def who(source: str) -> str:
    """A source without its list and message."""
    return re.split(r", (?:<|linux-)", source)[0]
