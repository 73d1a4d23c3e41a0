"""What this kernel does, where a simulator would easily do otherwise; seen with our own eyes."""

import pytest

from tests.live.stage import PAGE, Stage
from vmtui.live.calls import Call

HEAP = ("spawn a", "mmap a h 4 pages rw private")


@pytest.fixture
def stage(kernel):
    """Real processes, none yet."""
    with Stage(kernel) as stage:
        yield stage


def test_fork_copies_nothing_of_a_vma_without_an_anon_vma(stage):
    """Zero pages, pages of a private file mapping and shared pages are left to the child's own faults."""
    stage.do("file data 4 pages", *HEAP, "read a.h")
    stage.do("mmap a f 4 pages rw private data", "read a.f[0]", "mmap a s 4 pages rw shared", "write a.s")
    stage.do("fork a b")

    assert "zzzz" == stage.states("a", "h", 4)
    assert ("----", "----", "----") == tuple(stage.states("b", label, 4) for label in "hfs")


def test_fork_copies_everything_once_one_page_was_written(stage):
    """Then zero pages and file pages come along; the file page's mapcount rises."""
    stage.do("file data 4 pages", *HEAP, "read a.h[0:2]", "write a.h[2]")
    stage.do("mmap a f 4 pages rw private data", "read a.f[0]", "write a.f[1]", "fork a b")

    assert ("zzp-", "pp--") == (stage.states("b", "h", 4), stage.states("b", "f", 4))
    assert 2 == stage.page("a.f[0]").mapcount


def test_fork_duplicates_swap_entries(stage):
    """Nobody swaps in; three sharers of two slots have 8 kB in swap each, and 2 kB of it are theirs."""
    stage.do(*HEAP, "write a.h[0:2]", "swapout a.h[0:2]", "fork a b", "fork a c")

    assert ["ss--"] * 3 == [stage.states(task, "h", 4) for task in "abc"]
    assert (8, 2) == (stage.counts("b")["swap"], stage.counts("b")["swap_pss"])
    assert 3 == len(stage.seen.sharers("slot")[stage.where("c.h[1]")])


def test_a_child_that_was_forked_split_stays_split(stage):
    """Each of its VMAs has an anon_vma of its own, so they never merge; the parent's share one, and do."""
    stage.do(*HEAP, "write a.h", "mprotect a.h[1:3] r", "fork a b")
    stage.do("mprotect a.h[1:3] rw", "mprotect b.h[1:3] rw")

    assert ["4 rw-p"] == stage.vmas("a")
    assert ["1 rw-p", "2 rw-p", "1 rw-p"] == stage.vmas("b")


def test_a_new_mapping_merges_in_the_parent_and_not_in_the_child(stage):
    """The child's VMA has a chain of two."""
    stage.do(*HEAP, "write a.h", "fork a b")
    for task in "ab":
        stage.do(f"mmap {task} more 2 pages rw private after h", f"write {task}.more")

    assert (["6 rw-p"], ["4 rw-p", "2 rw-p"]) == (stage.vmas("a"), stage.vmas("b"))


def test_dontfork_and_wipeonfork(stage):
    """The one is absent in the child, the other empty; the parent's pages stay exclusive.  A lock's split
    comes along, the lock does not."""
    stage.do(
        *HEAP, "write a.h", "madvise a.h[0] dontfork", "madvise a.h[1] wipeonfork", "mlock a.h[2]", "fork a b"
    )

    assert ["1 rw-p", "1 rw-p", "1 rw-p"] == stage.vmas("b")
    assert "--pp" == stage.states("b", "h", 4)
    assert [(1, True), (1, True), (2, False)] == [
        (page.mapcount, page.exclusive) for page in (stage.page(f"a.h[{at}]") for at in range(3))
    ]
    stage.do("write b.h[2]", "swapout b.h[2]")
    assert "swapped" == stage.page("b.h[2]").state


def test_the_zero_page_cannot_be_swapped(stage):
    """It has no mapcount, is in no count, and pageout leaves it."""
    stage.do(*HEAP, "read a.h", "madvise a.h pageout")

    assert "zzzz" == stage.states("a", "h", 4)
    assert 0 == stage.counts("a")["rss"] == stage.counts("a")["pss"]


@pytest.mark.parametrize(
    "leave", ["exit a", "write a.h[0]", "munmap a.h[0]", "madvise a.h[0] dontneed", "exit b", "write b.h[0]"]
)
def test_the_last_owner_keeps_the_frame(stage, leave):
    """Parent or child, however the other left: no copy, and the page is AnonExclusive again."""
    last = "b" if " a" in leave else "a"
    stage.do(*HEAP, "write a.h", "fork a b", leave)
    assert (1, True, False) == tuple(
        getattr(stage.page(f"{last}.h[0]"), field) for field in ("mapcount", "exclusive", "anon_excl")
    )
    stage.do(f"write {last}.h[0]")

    assert stage.kept(f"{last}.h[0]")
    assert stage.page(f"{last}.h[0]").anon_excl


def test_a_page_that_only_looks_exclusive_is_copied(stage):
    """Its mapcount is 1, but it is in the swap cache and another still holds the entry."""
    stage.do(*HEAP, "write a.h[0]", "fork a b", "swapout a.h[0]", "read a.h[0]")
    page = stage.page("a.h[0]")
    assert (1, True, True, False) == (page.mapcount, page.exclusive, page.swapcache, page.anon_excl)
    stage.do("write a.h[0]")

    assert not stage.kept("a.h[0]")
    assert "swapped" == stage.page("b.h[0]").state


@pytest.mark.parametrize("shared", [False, True])
def test_swapout_leaves_the_frame_in_the_swap_cache(stage, shared):
    """Read back, it is the same frame; after evict it is a new one."""
    stage.do(*HEAP, "write a.h[0]", *(["fork a b"] if shared else []), "swapout a.h[0]")
    assert stage.page("a.h[0]").swapcache
    stage.do("read a.h[0]")
    assert stage.kept("a.h[0]")
    stage.do("evict a.h[0]")
    assert not stage.page("a.h[0]").swapcache
    stage.do("read a.h[0]")

    assert not stage.kept("a.h[0]")


def test_where_nobody_may_read_a_page_nothing_is_said_of_its_frame(stage):
    """A shared page is kept in the swap cache by one who reads it; under PROT_NONE for all, it cannot be."""
    stage.do(*HEAP, "write a.h[0]", "mprotect a.h none", "fork a b", "swapout a.h[0]")
    assert ("swapped", None) == (stage.page("a.h[0]").state, stage.page("a.h[0]").swapcache)
    stage.do("mprotect a.h rw", "read a.h[0]")

    assert stage.page("a.h[0]").was is None


def test_one_who_may_read_a_page_keeps_its_frame_for_all(stage):
    """It need not be the process that the command names."""
    stage.do(*HEAP, "write a.h[0]", "fork a b", "mprotect a.h none", "swapout a.h[0]", "read b.h[0]")

    assert stage.kept("b.h[0]")


def test_holes_hide_no_frame_that_waits(stage):
    """Swapped pages on both sides of a hole: each tells whether its frame is in the swap cache."""
    stage.do(*HEAP, "write a.h", "munmap a.h[1]", "swapout a.h[0]", "evict a.h[2]", "swapout a.h[3]")

    assert [True, False, True] == [stage.page(f"a.h[{at}]").swapcache for at in (0, 2, 3)]


def test_a_second_swapout_frees_the_frame(stage):
    """The first unmaps it, the second finds it clean and unmapped."""
    stage.do(*HEAP, "write a.h[0]", "fork a b", "swapout a.h[0]", "swapout b.h[0]")

    assert "swapped" == stage.page("a.h[0]").state
    assert not stage.page("a.h[0]").swapcache


def test_swap_in_is_for_one_process(stage):
    """The others keep their entries; the next to read maps the same frame."""
    stage.do(*HEAP, "write a.h[0]", "fork a b", "fork a c", "swapout a.h[0]", "read b.h[0]")
    assert "sps" == "".join(stage.page(f"{task}.h[0]").state[0] for task in "abc")
    stage.do("read c.h[0]")

    assert stage.same_frame("b.h[0]", "c.h[0]")
    assert (2, True) == (stage.page("c.h[0]").mapcount, stage.page("c.h[0]").swapcache)


def test_a_page_keeps_its_slot(stage):
    """After a read, and after a write that came later, it goes out to the slot it had."""
    stage.do(*HEAP, "write a.h[0]", "swapout a.h[0]")
    first = stage.page("a.h[0]").slot
    stage.do("read a.h[0]", "swapout a.h[0]")
    second = stage.page("a.h[0]").slot
    stage.do("read a.h[0]", "write a.h[0]", "swapout a.h[0]")

    assert first == second == stage.page("a.h[0]").slot


def test_a_write_to_a_shared_swapped_page_copies(stage):
    """The other keeps its entry, and being the last it gets the frame without a copy."""
    stage.do(*HEAP, "write a.h[0]", "fork a b", "swapout a.h[0]", "write b.h[0]")
    assert ("swapped", False) == (stage.page("a.h[0]").state, stage.kept("b.h[0]"))
    stage.do("write a.h[0]")

    assert stage.kept("a.h[0]")
    assert not stage.page("a.h[0]").swapcache


def test_the_reader_of_a_swap_cache_page_takes_it_when_the_others_have_gone(stage):
    """With the last entry gone, its write needs no copy, and the page leaves the swap cache."""
    stage.do(*HEAP, "write a.h[0]", "fork a b", "swapout a.h[0]", "read a.h[0]", "exit b", "write a.h[0]")

    assert stage.kept("a.h[0]")
    assert not stage.page("a.h[0]").swapcache


@pytest.mark.parametrize("reader", [False, True])
def test_shared_memory_leaves_no_entry(stage, reader):
    """Every mapper's smaps counts what the object has in swap, whoever touched it."""
    stage.do("spawn a", "mmap a s 4 pages rw shared", "write a.s", "fork a b")
    stage.do(*(["read b.s"] if reader else []), "swapout a.s[0:2]")

    assert "--pp" == stage.states("a", "s", 4)
    assert [(8, 0), (8, 0)] == [(stage.counts(task)["swap"], stage.counts(task)["swap_pss"]) for task in "ab"]


def test_one_lock_keeps_a_page_for_all(stage):
    """What the locker shares stays; what it does not share may go."""
    stage.do(*HEAP, "write a.h", "mlock a.h", "fork a b", "write b.h[1]", "swapout b.h[0:2]")

    assert ("pppp", "pspp") == (stage.states("a", "h", 4), stage.states("b", "h", 4))


def test_what_a_locked_mapping_gains_is_faulted_in(stage):
    """mremap does; each page of it can be pushed out alone once the lock is gone, though it is shared."""
    stage.do(*HEAP, "mlock a.h", "mremap a.h 7 pages")
    assert (["7 rw-p"], "ppppppp") == (stage.vmas("a"), stage.states("a", "h", 7))
    assert [True] * 7 == [stage.page(f"a.h[{at}]").anon_excl for at in range(7)]
    stage.do("munlock a.h", "fork a b", "swapout a.h[1]", "swapout a.h[5]")

    assert ["pspppsp"] * 2 == [stage.states(task, "h", 7) for task in "ab"]


def test_mlock_of_a_writable_mapping_breaks_sharing(stage):
    """It faults every page in as a write would: zero pages and pages shared with a child become copies."""
    stage.do(*HEAP, "write a.h[0]", "read a.h[1]", "fork a b", "mlock a.h")

    assert ("pppp", "pz--") == (stage.states("a", "h", 4), stage.states("b", "h", 4))
    assert not stage.same_frame("a.h[0]", "b.h[0]")


def test_a_read_of_a_file_page_maps_its_cached_neighbours(stage):
    """At most the aligned sixteen; a write to a shared mapping maps one."""
    stage.do("file data 40 pages", "spawn a", "mmap a w 40 pages rw shared data", "write a.w")
    stage.do("mmap a m 40 pages r shared data", "read a.m[20]")
    _, address = stage.where("a.m[0]")
    first = (20 + (address // PAGE) % 16) // 16 * 16 - (address // PAGE) % 16

    assert "-" * first + "p" * 16 + "-" * (24 - first) == stage.states("a", "m", 40)
    stage.do("mmap a v 40 pages rw shared data", "write a.v[20]")
    assert "-" * 20 + "p" + "-" * 19 == stage.states("a", "v", 40)


def test_a_private_write_to_a_file_page_is_a_copy_of_that_page_alone(stage):
    """The others still share the cache's frames with the shared mapping."""
    stage.do("file data 4 pages", "spawn a", "mmap a s 4 pages rw shared data", "write a.s")
    stage.do("mmap a p 4 pages rw private data", "read a.p[0]", "write a.p[1]")

    assert [False, True] == [stage.page(f"a.p[{at}]").anon for at in range(2)]
    assert stage.same_frame("a.p[0]", "a.s[0]")
    assert not stage.same_frame("a.p[1]", "a.s[1]")


def test_a_gap_that_is_filled_merges_to_the_left(stage):
    """Two VMAs faulted apart have two anon_vmas, and no mapping joins them."""
    stage.do("spawn a", "mmap a l 4 pages rw private at 0x50000000", "write a.l")
    stage.do("mmap a n 4 pages rw private at 0x50006000", "write a.n")
    stage.do("mmap a gap 2 pages rw private at 0x50004000")

    assert ["6 rw-p", "4 rw-p"] == stage.vmas("a")


def test_a_moved_vma_keeps_its_pgoff(stage):
    """So it merges where it came from, not beside a stranger; one that was never touched gets a new pgoff."""
    stage.do("spawn a", "mmap a h 4 pages rw private at 0x50000000", "write a.h")
    stage.do("mmap a u 4 pages rw private at 0x60000000", "mremap a.h[2:4] 2 pages to 0x60004000 as moved")
    assert ["2 rw-p", "4 rw-p", "2 rw-p"] == stage.vmas("a")
    stage.do("mremap a.moved 2 pages to 0x50002000")
    assert ["4 rw-p", "4 rw-p"] == stage.vmas("a")
    stage.do("mmap a n 2 pages rw private at 0x70000000", "mremap a.n 2 pages to 0x60004000")

    assert ["4 rw-p", "6 rw-p"] == stage.vmas("a")


def test_mremap_in_its_other_ways(stage):
    """Growing on the move keeps the frames and adds nothing; shrinking frees the tail; DONTUNMAP empties."""
    stage.do(*HEAP, "write a.h", "mremap a.h 6 pages to 0x50000000")
    assert "pppp--" == stage.states("a", "h", 6)
    assert stage.kept("a.h[3]")
    stage.do("mremap a.h 2 pages")
    assert (["2 rw-p"], "pp") == (stage.vmas("a"), stage.states("a", "h", 2))
    start = 0x50000000
    call = Call(
        word="mremap", task="a", start=start, length=2 * PAGE, new_length=2 * PAGE, to=0x60000000, keep=True
    )

    assert stage.do_call(call) is None
    assert (["2 rw-p", "2 rw-p"], "--") == (stage.vmas("a"), stage.states("a", "h", 2))
    assert {("a", start)} == set(stage.seen.page(("a", 0x60000000)).was)


def test_calls_over_a_hole(stage):
    """mprotect stops there, madvise goes on and complains, munmap does not mind, a write stops there."""
    stage.do(*HEAP, "write a.h", "munmap a.h[1]")

    assert "ENOMEM" == stage.do("mprotect a.h r")
    assert ["1 r--p", "2 rw-p"] == stage.vmas("a")
    assert "ENOMEM" == stage.do("madvise a.h dontneed")
    assert "----" == stage.states("a", "h", 4)
    stage.do("mprotect a.h[0] rw")
    assert "EFAULT" == stage.do("write a.h")
    assert "p---" == stage.states("a", "h", 4)
    assert stage.do("munmap a.h[0:3]") is None
    assert ["1 rw-p"] == stage.vmas("a")


def test_permissions_do_not_break_sharing(stage):
    """Read-only and back, a page stays shared; under PROT_NONE it is present, and fork shares it."""
    stage.do(*HEAP, "write a.h", "fork a b", "mprotect a.h r", "mprotect a.h rw")
    assert stage.same_frame("a.h[0]", "b.h[0]")
    stage.do("mprotect a.h none", "fork a c")

    assert stage.same_frame("a.h[0]", "b.h[0]", "c.h[0]")
    assert "pppp" == stage.states("c", "h", 4)


def test_dontneed_drops_the_callers_page_alone(stage):
    """The other's is its own now, and the next read finds zeroes."""
    stage.do(*HEAP, "write a.h", "fork a b", "madvise a.h dontneed")
    assert ("----", 1, True) == (
        stage.states("a", "h", 4),
        stage.page("b.h[0]").mapcount,
        stage.page("b.h[0]").exclusive,
    )
    stage.do("read a.h")

    assert "zzzz" == stage.states("a", "h", 4)


def test_a_page_that_was_freed_lazily_needs_no_swap(stage):
    """Pageout drops it.  One that was written since is found to be in use, and goes the next time."""
    stage.do(*HEAP, "write a.h", "madvise a.h free", "write a.h[1]", "madvise a.h pageout")
    assert "-p--" == stage.states("a", "h", 4)
    stage.do("madvise a.h pageout")

    assert "-s--" == stage.states("a", "h", 4)


def test_pageout_leaves_shared_pages(stage):
    """It takes pages with one mapper alone, and says nothing."""
    stage.do(*HEAP, "write a.h", "fork a b", "write a.h[0]")

    assert stage.do("madvise a.h pageout") is None
    assert "sppp" == stage.states("a", "h", 4)


@pytest.mark.parametrize("kind", ["shared", "shared data"])
def test_a_page_is_pushed_out_through_one_who_does_not_map_it(stage, kind):
    """Shared memory, or a file: the place names a page of the object, whoever maps it."""
    stage.do("file data 4 pages", "spawn a", f"mmap a s 4 pages rw {kind}", "read a.s", "fork a b")
    assert ("pppp", "----") == (stage.states("a", "s", 4), stage.states("b", "s", 4))
    stage.do("swapout b.s[1]", "evict b.s[2]")

    assert "p--p" == stage.states("a", "s", 4)


def test_a_private_copy_goes_without_the_page_it_was_copied_from(stage):
    """The cache's page is charged apart, and others that map it keep it."""
    stage.do("file data 4 pages", "spawn a", "mmap a p 4 pages rw private data", "write a.p[1]")
    stage.do("mmap a s 4 pages r shared data", "read a.s[1]", "swapout a.p[1]")

    assert ("swapped", "present") == (stage.page("a.p[1]").state, stage.page("a.s[1]").state)


def test_a_clean_page_of_the_swap_cache_is_freed_at_once(stage):
    """It is on disk already: one pass unmaps it and frees the frame, shared or not."""
    stage.do(*HEAP, "write a.h[0:2]", "swapout a.h[0]", "read a.h[0]", "swapout a.h[0]")
    assert ("swapped", False) == (stage.page("a.h[0]").state, stage.page("a.h[0]").swapcache)
    stage.do("fork a b", "swapout a.h[1]", "read a.h[1]", "read b.h[1]", "swapout b.h[1]")

    assert ("swapped", False) == (stage.page("a.h[1]").state, stage.page("a.h[1]").swapcache)


def test_a_frame_that_waits_for_one_is_pushed_out_of_another(stage):
    """The place names the frame behind its swap entry, and that another maps it saves it not."""
    stage.do(*HEAP, "write a.h[0]", "fork a b", "fork a c", "swapout a.h[0]", "read c.h[0]", "evict b.h[0]")

    assert ["swapped"] * 3 == [stage.page(f"{task}.h[0]").state for task in "abc"]


def test_pageout_leaves_the_frame_where_swapout_finds_it(stage):
    """madvise pageout and swapout are one thing for a private page: the second of the two frees the frame."""
    stage.do(*HEAP, "write a.h[0]", "madvise a.h pageout")
    assert stage.page("a.h[0]").swapcache
    stage.do("swapout a.h[0]")

    assert ("swapped", False) == (stage.page("a.h[0]").state, stage.page("a.h[0]").swapcache)


def test_mlock_locks_before_it_faults(stage):
    """So the new page's VMA has merged with its locked neighbour, and fault-around ends at what is locked."""
    stage.do("spawn a", "mmap a h 7 pages r private", "mlock a.h[5]", "mprotect a.h rw", "mlock a.h[6]")
    assert ["5 rw-p", "2 rw-p"] == stage.vmas("a")
    stage.do("mmap a g 7 pages rw private", "mlock a.g[1:3]", "write a.g[6]", "munlock a.g")
    assert ["5 rw-p", "2 rw-p", "3 rw-p", "4 rw-p"] == stage.vmas("a")
    stage.do("mmap a s 7 pages rw shared", "fork a b", "write b.s[2:7]", "mlock a.s[4:6]")

    assert "----pp-" == stage.states("a", "s", 7)


@pytest.mark.parametrize("advice", ["swapout a.h[0]", "madvise a.h[0] pageout"])
def test_a_lazily_freed_page_that_was_written_takes_two_passes(stage, advice):
    """The first finds that it is in use."""
    stage.do(*HEAP, "write a.h", "madvise a.h free", "write a.h[0]", advice)
    assert "present" == stage.page("a.h[0]").state
    stage.do(advice)

    assert "swapped" == stage.page("a.h[0]").state


def test_what_mlock_faulted_in_is_no_page_of_zeroes(stage):
    """Such a page would be dropped, and not written to swap: its frame would not wait."""
    stage.do(*HEAP, "mlock a.h", "munlock a.h", "swapout a.h")

    assert [True] * 4 == [stage.page(f"a.h[{at}]").swapcache for at in range(4)]


def test_a_page_that_kept_its_slot_and_was_written_is_written_again(stage):
    """It is in the swap cache and looks clean, but its page-table entries do not: its frame waits."""
    stage.do(
        *HEAP, "write a.h[1]", "evict a.h[1]", "read a.h[1]", "write a.h[1]", "fork a b", "swapout b.h[1]"
    )

    assert ("swapped", True) == (stage.page("a.h[1]").state, stage.page("a.h[1]").swapcache)


def test_what_a_write_read_into_the_swap_cache_is_freed_by_name(stage):
    """The writer has a copy; the page that it read stays cached for the others until it is pushed out."""
    stage.do(*HEAP, "write a.h[1]", "evict a.h[1]", "fork a b", "fork b c", "write b.h[1]")
    assert stage.page("c.h[1]").swapcache
    stage.do("swapout c.h[1]")

    assert ("swapped", False) == (stage.page("c.h[1]").state, stage.page("c.h[1]").swapcache)


def test_what_mlock_read_is_pushed_out_page_by_page(stage):
    """Each page of a file, and of shared memory, that a lock had faulted in goes alone."""
    stage.do("file data 4 pages", "spawn a", "mmap a f 4 pages rw private data", "mlock a.f", "munlock a.f")
    stage.do("spawn b", "mmap b f 4 pages r private data", "read b.f[3]", "evict b.f[1]")
    assert "p-pp" == stage.states("b", "f", 4)
    stage.do("mmap a s 4 pages rw shared", "mlock a.s", "munlock a.s", "write a.s", "fork a c", "read c.s")
    stage.do("swapout a.s[0]")

    assert ["-ppp"] * 2 == [stage.states(task, "s", 4) for task in "ac"]


def test_a_page_that_another_has_locked_is_not_given_up(stage):
    """MADV_FREE leaves it for swap; that the lock has gone later changes nothing."""
    stage.do(*HEAP, "mlock a.h", "fork a b", "madvise b.h[1] free", "exit a", "fork b c", "swapout c.h")

    assert ["ssss"] * 2 == [stage.states(task, "h", 4) for task in "bc"]


def test_mprotect_copies_of_locked_memory_what_it_can(stage):
    """Private pages of a file are copied once they may be written; what lies behind its end is left."""
    stage.do("file data 2 pages", "spawn a", "mmap a m 3 pages r private data")
    assert "ENOMEM" == stage.do("mlock a.m")
    assert stage.do("mprotect a.m rw") is None

    assert "pp-" == stage.states("a", "m", 3)
    assert stage.page("a.m[1]").anon


def test_a_file_is_one_file_to_all_its_mappings(stage):
    """Mapped piece by piece, it is one VMA, in a child too."""
    stage.do("file data 8 pages", "spawn a", "mmap a m 2 pages r private data", "fork a b")
    for task in "ab":
        stage.do(f"mmap {task} n 3 pages r private data + 2 pages after m")

    assert (["5 r--p"], ["5 r--p"]) == (stage.vmas("a"), stage.vmas("b"))


@pytest.mark.parametrize("table", [False, True])
def test_the_last_page_of_a_file_is_mapped_around_where_there_is_a_page_table(stage, table):
    """If it is the first of those that are cached; a fault behind the end of the file shows it."""
    stage.do("file data 2 pages", "spawn a", "mmap a m 8 pages r private data", "read a.m[1]", "spawn b")
    stage.do("mmap b m 8 pages r private data")
    if table:
        stage.do("mmap b h 1 pages rw private after m", "write b.h")

    assert "EFAULT" == stage.do("read b.m[4]")
    assert (".p......" if table else "........").replace(".", "-") == stage.states("b", "m", 8)


def test_a_fault_that_waits_for_its_page_is_tried_again(stage):
    """So the last page is mapped around one that had to be read, though there was no page table."""
    stage.do("file data 8 pages", "spawn a", "mmap a m 8 pages r private data", "read a.m[7]", "spawn b")
    stage.do("mmap b m 8 pages r private data", "read b.m[4]")

    assert "----p--p" == stage.states("b", "m", 8)


def test_dirty_pages_of_a_file_stay_cached_and_are_mapped_one_by_one(stage):
    """Page-out leaves them to the flushers, with a mark that makes faults on other pages pass them over."""
    stage.do("file data 4 pages", "spawn a", "mmap a m 4 pages rw shared data", "write a.m")
    frame = stage.page("a.m[0]").frame
    stage.do("swapout a.m[0:3]", "read a.m[0]")
    assert ("p--p", frame) == (stage.states("a", "m", 4), stage.page("a.m[0]").frame)
    stage.do("write a.m[1]", "spawn b", "mmap b m 4 pages r shared data", "read b.m[3]")

    assert "-p-p" == stage.states("b", "m", 4)


def test_dirty_pages_of_a_file_stay_dirty_whoever_maps_them(stage):
    """Pushed out of two processes, or where nobody maps them, they are not written, and keep the mark."""
    stage.do("file data 3 pages", "spawn a", "mmap a m 3 pages rw shared data", "write a.m", "spawn b")
    stage.do("mmap b m 3 pages rw shared data", "read b.m", "evict b.m[0]", "munmap a.m[1]", "munmap b.m[1]")
    stage.do("spawn c", "mmap c m 3 pages r shared data", "swapout c.m[1]", "read c.m[2]")

    assert ("--p", "--p") == (stage.states("c", "m", 3), stage.states("a", "m", 3))


def test_remap_file_pages_cuts_and_joins(stage):
    """A window out of order is a VMA a piece, mapped at once; back in order it is one VMA."""
    stage.do("file data 16 pages", "spawn a", "mmap a w 6 pages rw shared data", "write a.w")
    stage.do("remap_file_pages a.w[2:4] to 0x8000")
    assert (["2 rw-s"] * 3, "pppppp") == (stage.vmas("a"), stage.states("a", "w", 6))
    assert [0, 0x8000, 0x4000] == [vma.offset for vma in stage.seen.processes["a"].vmas]
    stage.do("remap_file_pages a.w[2:4] to 0x2000")
    assert ["6 rw-s"] == stage.vmas("a")
    stage.do("remap_file_pages a.w[0:2] to 0xf000")

    assert "p-pppp" == stage.states("a", "w", 6)
    assert "EINVAL" == stage.do("mmap a p 2 pages rw private data", "remap_file_pages a.p to 0")


def test_dontunmap_leaves_the_vma_and_takes_its_lock(stage):
    """Of all the VMA, though only a part of it moves; the pages that do not move stay in memory for good."""
    stage.do(*HEAP, "mlock a.h", "mremap a.h[0:2] 2 pages to 0x50000000 as n dontunmap")
    assert ("--pp", "pp") == (stage.states("a", "h", 4), stage.states("a", "n", 2))
    assert stage.do("madvise a.h[3] pageout") is None
    stage.do("write a.h[0]", "swapout a.h[0]", "swapout a.h[2]")

    assert "s-pp" == stage.states("a", "h", 4)


def test_dontunmap_moves_many_vmas_to_a_place_and_one_to_any(stage):
    """Holes and all; where no place is asked for, the range must be within one VMA."""
    stage.do(*HEAP, "write a.h", "munmap a.h[1]")
    assert "EFAULT" == stage.do("mremap a.h 4 pages as n dontunmap")
    assert stage.do("mremap a.h 4 pages to 0x50000000 as n dontunmap") is None
    assert ("----", "p-pp") == (stage.states("a", "h", 4), stage.states("a", "n", 4))
    assert stage.do("mremap a.n[2:4] 2 pages as k dontunmap") is None

    assert ("p---", "pp") == (stage.states("a", "n", 4), stage.states("a", "k", 2))
