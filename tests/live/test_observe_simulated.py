"""What the simulator says of itself, in the form of the kernel underneath."""

from vmtui.live.observe_simulated import SimulatedObserver
from vmtui.live.observed import SHARED_MEMORY
from vmtui.session import Session

BASE = 0x40000000
PAGE = 4096


def observe(*lines, **options):
    """A session's state after these commands, with a look after each."""
    session = Session(**options)
    observer = SimulatedObserver(session)
    seen = observer.observe(None)
    for line in lines:
        session.do(line)
        seen = observer.observe(None)
    return seen


def test_a_shared_and_a_private_page():
    """After fork and a write: one frame for two, one for each; the copy is a new frame."""
    seen = observe("spawn a", "mmap a h 2 pages rw private", "write a.h", "fork a b", "write b.h[0]")
    mine, copy = seen.page(("a", BASE)), seen.page(("b", BASE))

    assert frozenset({("a", BASE), ("b", BASE)}) == mine.was
    assert (frozenset(), 1, True) == (copy.was, copy.mapcount, copy.exclusive)
    assert mine.frame != copy.frame
    both = frozenset({("a", BASE + PAGE), ("b", BASE + PAGE)})
    assert both == seen.sharers("frame")["a", BASE + PAGE]


def test_counts_are_those_of_smaps():
    """Two pages of which one is shared by three: Pss is 4 + 4/3 kB, truncated."""
    seen = observe(
        *("spawn a", "mmap a h 2 pages rw private", "write a.h", "fork a b", "fork a c", "write a.h[0]"),
    )

    expected = {"rss": 8, "pss": 5, "anonymous": 8, "swap": 0, "swap_pss": 0, "private": 4, "shared": 4}
    assert expected == seen.processes["a"].vmas[0].counts


def test_swapped_pages_count_by_their_sharers():
    """Two entries for one slot: 8 kB of swap in all, 4 kB each of SwapPss halves."""
    seen = observe("spawn a", "mmap a h 2 pages rw private", "write a.h", "fork a b", "swapout a.h")
    counts = seen.processes["b"].vmas[0].counts

    assert (0, 8, 4) == (counts["rss"], counts["swap"], counts["swap_pss"])
    page = seen.page(("b", BASE))
    assert ("swapped", None, True) == (page.state, page.frame, page.swapcache)
    assert 2 == len(seen.sharers("slot")["b", BASE])


def test_a_frame_that_waited_in_the_swap_cache_is_known_again():
    """Read back, it is the frame of all whose entry led to it; after evict it is a new one."""
    lines = ["spawn a", "mmap a h 1 pages rw private", "write a.h", "fork a b"]

    back = observe(*lines, "swapout a.h", "read a.h").page(("a", BASE))
    assert frozenset({("a", BASE), ("b", BASE)}) == back.was
    fresh = observe(*lines, "evict a.h", "read a.h").page(("a", BASE))
    assert frozenset() == fresh.was


def test_the_zero_page_is_no_frame():
    """It is neither shared nor counted."""
    seen = observe("spawn a", "mmap a h 2 pages rw private", "read a.h")

    assert ("zero", None) == (seen.page(("a", BASE)).state, seen.page(("a", BASE)).frame)
    assert 0 == seen.processes["a"].vmas[0].counts["rss"]
    assert {} == seen.sharers("frame")


def test_files_and_shared_memory_are_told_apart():
    """A file by name and offset; shared memory as such, and what it has in swap counts."""
    seen = observe(
        "file data 8 pages",
        "spawn a",
        "mmap a f 2 pages r private data + 4 pages",
        "mmap a s 2 pages rw shared",
        "write a.s",
        "evict a.s[0]",
    )
    file, shared = seen.processes["a"].vmas

    assert ("data", 4 * PAGE) == (file.file, file.offset)
    assert (SHARED_MEMORY, 0) == (shared.file, shared.offset)
    assert (4, 0) == (shared.counts["swap"], shared.counts["swap_pss"])
    assert seen.page(("a", shared.start)) is None


def test_what_this_kernel_does_not_have_is_no_field():
    """AnonExclusive is not of 2.6."""
    assert "anon_excl" not in observe("spawn a", "mmap a h 1 pages rw private", "write a.h").fields
