"""/proc/PID/maps and smaps as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmtui.live.maps import MapsLine, ProcError, parse_maps, parse_smaps, print_maps_line

MAPS = """\
00400000-00401000 r-xp 00002000 fe:00 1234                               /bin/a b
200000000000-200000004000 rw-p 00000000 00:00 0 
200000005000-200000006000 rw-s 00000000 00:01 8271                       /dev/zero (deleted)
7ffd0000-7ffd1000 ---p 00000000 00:00 0                                  [stack]
"""  # noqa: W291 - the kernel ends such a line with a blank

SMAPS = """\
200000000000-200000004000 rw-p 00000000 00:00 0 
Size:                 16 kB
KernelPageSize:        4 kB
Rss:                   8 kB
Pss:                   6 kB
THPeligible:           0
VmFlags: rd wr mr mw me ac 
200000005000-200000006000 rw-s 00000000 00:01 8271                       /dev/zero (deleted)
Rss:                   0 kB
VmFlags: rd wr sh mr mw me ms 
"""  # noqa: W291 - the kernel ends such a line with a blank


def test_each_line_is_a_vma():
    """A line gives range, permissions, offset, inode and path; what is not there is nothing."""
    first, anonymous, shared, stack = parse_maps(MAPS)

    assert MapsLine(0x400000, 0x401000, "r-xp", 0x2000, "fe:00", 1234, "/bin/a b") == first
    assert MapsLine(0x200000000000, 0x200000004000, "rw-p") == anonymous
    assert ("rw-s", "/dev/zero (deleted)") == (shared.perms, shared.path)
    assert ("---p", "[stack]") == (stack.perms, stack.path)


def test_a_line_break_in_a_path_does_not_make_a_line():
    """The kernel writes a line break in a file's name as an escape, and it becomes one again."""
    vma = MapsLine(0x1000, 0x2000, "r--p", 0, "fe:00", 7, "/tmp/a\nb")

    assert (vma,) == parse_maps(print_maps_line(vma) + "\n")


@pytest.mark.parametrize(
    "line", ["nonsense", "1000-2000 rw-p", "1000-2000 rwzp 0 00:00 0 ", "-2000 rw-p 0 0:0 0 "]
)
def test_what_is_no_line_is_refused(line):
    """A line that is not of the documented form is an error that quotes it."""
    with pytest.raises(ProcError, match="not a line") as caught:
        parse_maps(line + "\n")

    assert repr(line) in str(caught.value)


VMAS = st.builds(
    lambda start, pages, perms, offset, device, inode, path: MapsLine(
        start << 12, start + pages << 12, perms, offset << 12, device, inode, path
    ),
    st.integers(0, 1 << 51),
    st.integers(1, 1 << 20),
    st.from_regex(r"[r-][w-][x-][ps]", fullmatch=True),
    st.integers(0, 1 << 40),
    st.from_regex(r"[0-9a-f]{2}:[0-9a-f]{2}", fullmatch=True),
    st.integers(0, 1 << 60),
    st.text(st.characters(codec="utf-8", exclude_characters="\\\r"), max_size=30).filter(
        lambda path: path == path.lstrip(" ")
    ),
)


@given(st.lists(VMAS, max_size=5))
def test_what_is_printed_can_be_read(vmas):
    """Any list of VMAs survives being written as /proc/PID/maps has it."""
    assert tuple(vmas) == parse_maps("".join(f"{print_maps_line(vma)}\n" for vma in vmas))


def test_smaps_counts_belong_to_the_vma_above_them():
    """Lines in kB are counts, VmFlags are words, others are nothing to us."""
    heap, shared = parse_smaps(SMAPS)

    assert {"Size": 16, "KernelPageSize": 4, "Rss": 8, "Pss": 6} == heap.kilobytes
    assert frozenset({"rd", "wr", "mr", "mw", "me", "ac"}) == heap.flags
    assert (0x200000005000, {"Rss": 0}) == (shared.vma.start, shared.kilobytes)


def test_only_what_is_wanted_is_read():
    """The counts of other VMAs cost nothing."""
    (shared,) = parse_smaps(SMAPS, lambda vma: vma.perms == "rw-s")

    assert 0x200000005000 == shared.vma.start
    assert () == parse_smaps("")


def test_counts_of_no_vma_are_refused():
    """smaps begins with a VMA."""
    with pytest.raises(ProcError, match="no VMA"):
        parse_smaps("Rss: 4 kB\n")
