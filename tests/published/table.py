"""All rows, by what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tests.published import avcs, chains, files, low_memory, sizes, walks
from tests.published.row import Row

SECTIONS: Mapping[str, tuple[Row, ...]] = MappingProxyType(
    {
        "Structs, and mem_map": sizes.ROWS,
        "pte_chains": chains.ROWS,
        "Walks of a family": walks.ROWS,
        "AVCs and anon_vmas of one VMA": avcs.ROWS,
        "One file in many windows": files.ROWS,
        "Low memory ends (32 GB)": low_memory.ROWS,
    }
)

ROWS: tuple[Row, ...] = tuple(row for rows in SECTIONS.values() for row in rows)
