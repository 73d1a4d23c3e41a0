"""What a call is going to read of files and of shared memory, said before it is made."""

import pytest

from vmtui.live import gains as gains_module
from vmtui.live.calls import Call
from vmtui.live.gains import gains
from vmtui.live.pagemap import PagemapEntry

BASE = 0x200000000000
PAGE = 4096

#: First page, pages, permissions, offset in pages, inode, flags.
LAYOUT = (
    (0, 2, "rw-p", 0, 0, "rd wr"),
    (2, 2, "r--p", 4, 11, "rd lo"),
    (4, 2, "rw-s", 0, 12, "rd wr sh lo"),
    (6, 2, "rw-s", 2, 12, "rd wr sh lo"),
    (10, 2, "---s", 0, 12, "sh"),
    (12, 1, "rw-s", 0, 12, "rd wr sh"),
)


def smaps():
    """The layout as /proc/PID/smaps has it."""
    text = ""
    for first, pages, perms, offset, inode, flags in LAYOUT:
        start, end = BASE + first * PAGE, BASE + (first + pages) * PAGE
        device, path = ("fe:00", f"/f{inode}") if inode else ("00:00", "")
        text += f"{start:x}-{end:x} {perms} {offset * PAGE:08x} {device} {inode} {path}\nVmFlags: {flags}\n"
    return text


@pytest.fixture(autouse=True)
def layout(monkeypatch):
    """A process of that layout, whose page 5 is mapped."""
    there = {BASE + 5 * PAGE: PagemapEntry(present=True, pfn=3)}
    monkeypatch.setattr(gains_module, "read_text", lambda path: smaps())
    monkeypatch.setattr(gains_module, "entries", lambda pid, start, end: there)


def pages(word, first, length, **more):
    """The pages of objects that a call will read, as inode and page."""
    call = Call(word=word, task="a", start=BASE + first * PAGE, length=length * PAGE, **more)
    return [
        (vma.inode, (vma.offset + address - vma.start) // PAGE) for vma, address in gains(2_000_000_000, call)
    ]


def test_mlock_reads_what_is_not_there_up_to_what_nobody_may_read():
    """Nothing where there is a hole: then it fails before it reads."""
    assert [(11, 4), (11, 5), (12, 0), (12, 2)] == pages("mlock", 0, 7)
    assert [] == pages("mlock", 6, 4)
    assert [] == pages("mlock", 10, 3)


def test_mprotect_writes_what_is_locked_private_and_was_not_writable():
    """A copy of each page of the file; shared memory is not touched, and up to a hole all is done."""
    assert [(11, 4), (11, 5)] == pages("mprotect", 0, 10, prot=3)
    assert [] == pages("mprotect", 0, 10, prot=1)


def test_mremap_reads_what_locked_memory_gains():
    """At the offsets that follow its own."""
    assert [(12, 4), (12, 5)] == pages("mremap", 6, 2, new_length=4 * PAGE)
    assert [] == pages("mremap", 6, 2, new_length=2 * PAGE)
    assert [] == pages("mremap", 12, 1, new_length=2 * PAGE)


def test_remap_file_pages_reads_the_pages_it_is_to_show():
    """If they are all of one object, alike and mapped without a hole."""
    assert [(12, 8), (12, 9), (12, 10)] == pages("remap_file_pages", 5, 3, offset=8 * PAGE)
    assert [] == pages("remap_file_pages", 6, 4, offset=0)
    assert [] == pages("remap_file_pages", 2, 2, offset=0)
    assert [] == pages("remap_file_pages", 10, 3, offset=0)
    assert [] == pages("remap_file_pages", 10, 2, offset=0)
