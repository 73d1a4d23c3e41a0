"""Address space is reserved; memory is committed only where it is touched."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from vmtui.state.reserve import ReserveError, release, reserve

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/statm")


def resident() -> int:
    """Pages of this process in the host's memory."""
    return int(Path("/proc/self/statm").read_text().split()[1])


@linux
def test_reserving_costs_nothing() -> None:
    """32 GB of entries commit no more than the pages that are touched."""
    before = resident()
    array, _ = reserve(32 << 27, np.uint64)
    array[:: 1 << 28] = 1

    assert 32 << 27 == len(array)
    assert resident() - before < 1000


@linux
def test_release_gives_pages_back() -> None:
    """A range handed back is zero, and the host has its memory again."""
    array, buffer = reserve(64 << 20, np.uint8)
    array[:] = 1
    full = resident()
    array[4096:-4096] = 0
    release(buffer, 4096, len(array) - 4096)

    assert full - resident() > 15_000
    assert (1, 0, 0, 1) == (array[4095], array[4096], array[-4097], array[-4096])


@pytest.mark.parametrize(("start", "stop"), [(1, 4096), (4097, 8191), (100, 100)])
def test_release_of_less_than_a_host_page_does_nothing(start: int, stop: int) -> None:
    """Only whole pages of the host are handed back: the bytes beside stay."""
    array, buffer = reserve(16384, np.uint8)
    array[:] = 1
    release(buffer, start, stop)

    assert array.all()


def test_an_array_may_be_empty() -> None:
    """Nothing can be reserved."""
    array, _ = reserve(0, np.uint32)

    assert 0 == len(array)


def test_refusal_says_how_much_and_why() -> None:
    """What the host refuses is an error with the bytes asked for."""
    with pytest.raises(ReserveError, match="cannot reserve 9,223,372,036,854,775,800 bytes of add") as info:
        reserve((1 << 63) // 8 - 1, np.uint64)

    assert (1 << 63) - 8 == info.value.asked
    assert info.value.limit
