"""Swap files: what is in one, and what /proc/swaps says."""

import os
import struct

import pytest

from vmtui.live.maps import ProcError, read_text
from vmtui.live.swap import active_swap, make_swap_file, swap_header, swapoff, swapon

SWAPS = """\
Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority
/dev/vdb1                               partition\t1024\t\t24\t\t-2
/tmp/a\\040b                             file\t\t65532\t\t0\t\t-3
/tmp/gone\\040(deleted)                  file\t\t8\t\t8\t\t-4
"""


def test_a_header_is_one_page():
    """Version 1, the number of the last page, no bad pages; the magic ends the page."""
    header = swap_header(1 << 20)

    assert 4096 == len(header)
    assert (1, 255, 0) == struct.unpack_from("=III", header, 1024)
    assert header.endswith(b"SWAPSPACE2")


def test_what_is_on_is_found_by_path():
    """Paths as they are, and the bytes that are free."""
    assert {"/dev/vdb1": 1000 << 10, "/tmp/a b": 65532 << 10, "/tmp/gone": 0} == active_swap(SWAPS)


def test_other_text_is_refused():
    """A line without numbers where they belong is no line of /proc/swaps."""
    with pytest.raises(ProcError, match="swaps"):
        active_swap("Filename\n/swap file x 0 -2\n")


def test_a_file_has_the_length_asked_for_and_no_holes(tmp_path):
    """Every block of it is there: a swap file may have no holes."""
    path = tmp_path / "swap"
    make_swap_file(path, 3 << 20)

    assert (3 << 20, 0o600) == (path.stat().st_size, path.stat().st_mode & 0o777)
    assert path.stat().st_blocks * 512 >= 3 << 20
    assert swap_header(3 << 20) == path.read_bytes()[:4096]


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    """Whoever else's file that is, it stays."""
    path = tmp_path / "swap"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        make_swap_file(path)

    assert "mine" == path.read_text()


def test_the_kernel_takes_it_on_and_off(kernel, tmp_path):
    """swapon accepts what make_swap_file writes, and swapoff gives it back."""
    path = tmp_path / "swap"
    make_swap_file(path, 1 << 20)
    try:
        swapon(path)
    except OSError as error:
        pytest.skip(f"{tmp_path} can hold no swap: {os.strerror(error.errno)}")
    try:
        assert (1 << 20) - 4096 == active_swap(read_text("/proc/swaps"))[str(path)]
    finally:
        swapoff(path)

    assert str(path) not in active_swap(read_text("/proc/swaps"))
