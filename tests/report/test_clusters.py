"""Comparing machines with page clustering."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from vmtui.errors import OptionError
from vmtui.mm.kernel import Options
from vmtui.mm.rmap import SCHEMES
from vmtui.mm.rmap.scheme import schemes_for
from vmtui.report.compare import compare
from vmtui.report.sweep import sweep
from vmtui.scenario.script import Script, load

TEXT = """title Clusters
machine ram=8M cluster=8
param size = 3
spawn a
mmap a h {size} pages rw private
write a.h[0]
expect frames.unused == 8 - size
fork a b
walk a.h[1]
"""


def test_schemes_for_a_machine() -> None:
    """Without clusters all schemes can have a machine; with them anonmm and today's cannot."""
    assert SCHEMES == schemes_for(Options())
    cannot = ("anonmm", "anon_vma_chain")
    assert tuple(name for name in SCHEMES if name not in cannot) == schemes_for(Options(cluster=4))


def test_compare_leaves_out_who_cannot() -> None:
    """All schemes that can have the machine are compared; one that is named and cannot is refused."""
    found = compare(load(TEXT))

    assert schemes_for(Options(cluster=8)) == tuple(trial.scheme for trial in found.trials)
    assert found.ok
    with pytest.raises(OptionError, match="anonmm knows one address"):
        compare(load(TEXT), ("anonmm", "anon_vma"))


def test_sweep_leaves_out_who_cannot() -> None:
    """The same over a param."""

    def script(params: Mapping[str, int]) -> Script:
        return load(TEXT, params=params)

    found = sweep(script, "size", (1, 8))
    assert {point.scheme for point in found.points} == set(schemes_for(Options(cluster=8)))
