"""The first run: what is not needed yet is dim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vmtui.tui.arrangement import PANES

LIT_BY: Mapping[str, frozenset[str]] = {
    "lists": frozenset({"fork"}),
    "source": frozenset({"walk", "referenced", "fork", "swapout"}),
    "walk": frozenset({"walk", "referenced", "fork", "swapout"}),
    "frames": frozenset({"write", "swapout", "evict", "reclaim"}),
}
"""Panes that wait for a command of these; every other is lit from the start.

The one process, the picture of its page and struct page come first; source and walk once something walks; the
lists from the fork on; the frames when a copy or swap takes one.
"""


def lit(happened: Iterable[str]) -> frozenset[str]:
    """The panes that are needed, after commands of these keywords."""
    words = frozenset(happened)
    return frozenset(pane for pane in PANES if pane not in LIT_BY or words & LIT_BY[pane])
