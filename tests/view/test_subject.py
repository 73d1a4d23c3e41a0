"""The subject."""

import pytest

from vmtui.session import Session
from vmtui.view.subject import (
    Subject,
    command_place,
    describe,
    followed,
    locate,
    page_of,
    page_place,
    pin,
    resolve,
)

CHILD = Subject.of(None, "child.heap[1]")


def test_a_place_is_resolved_at_each_step(at):
    """After a copy on write the place is the new frame; before fork it is nowhere."""
    assert resolve(at("swung over", 1), CHILD) == ("page", 3)
    assert resolve(at("copied to frame"), CHILD) == ("page", 6)
    assert resolve(at("sh was made"), CHILD) is None


def test_a_pinned_page_stays_the_frame(at):
    """Pinned, it is the old frame after the copy; let go, the place again."""
    pinned = pin(at("swung over", 1), CHILD)
    session = at("copied to frame")

    assert resolve(session, pinned) == ("page", 3)
    assert describe(session, pinned) == "child.heap[1] · frame 0x3"
    assert resolve(session, pin(session, pinned)) == ("page", 6)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((), "sh.heap[1] · frame 0x3"),
        (("evict sh.heap[1]",), "sh.heap[1]: swapped, slot 1"),
        (("madvise sh.heap[1] dontneed",), "sh.heap[1]: never touched"),
        (("madvise sh.heap[1] dontneed", "read sh.heap[1]"), "sh.heap[1] · the zero page"),
        (("munmap sh.heap[1]",), "sh.heap[1]: not mapped at this step"),
        (("exit sh",), "sh.heap[1]: not mapped at this step"),
    ],
)
def test_a_subject_that_is_gone_stays_named(run, lines, said):
    """Wherever the page has gone, the subject keeps its name and says what is there now."""
    session = run("spawn sh", "mmap sh heap 4 pages rw private", "write sh.heap", *lines)

    assert describe(session, Subject.of(None, "sh.heap[1]")) == said


def test_a_page_in_the_swap_cache_is_named_by_its_entry(run):
    """Out of every page table, a page keeps the name of the place where its swap entry stands."""
    session = run("spawn sh", "mmap sh heap 4 pages rw private", "write sh.heap", "swapout sh.heap[2]")
    ref = resolve(session, Subject.of(None, "sh.heap[2]"))

    assert ref is not None
    assert session.machine.page(ref[1]).mapcount == 0
    assert page_place(session.machine, ref[1]) == "sh.heap[2]"


def test_other_subjects(cow):
    """VMAs, processes and lists are subjects by number, and have a first page."""
    for subject, said, pfn in (
        (Subject("vma", 1), "sh.heap", 2),
        (Subject("mm", 2), "child", 2),
        (Subject("anon_vma", 1), "anon_vma 1", 2),
        (Subject("swap", 1), "slot 1 · frame 0x3", 3),
        (Subject("vma", 77), "VMA 77: not mapped at this step", 0),
        (Subject("page", 9999), "frame 0x270f: not mapped at this step", 0),
    ):
        assert (describe(cow, subject), page_of(cow, subject)) == (said, pfn)


def test_the_name_a_command_can_use(cow):
    """A letter command gets a place the language reads; an anon_vma has none."""
    assert [
        command_place(cow, subject)
        for subject in (
            CHILD, Subject("page", 3), Subject("vma", 1), Subject("mm", 2), Subject("anon_vma", 1), None,
        )
    ] == ["child.heap[1]", "pfn:3", "sh.heap", "child", "", ""]  # fmt: skip


def test_follow_takes_the_page_of_the_step(at):
    """A fault makes its place the subject, a walk its page; a page already followed keeps its name."""
    assert followed(at("child.heap[1] faulted"), None) == CHILD
    assert followed(at("who maps it", 0), CHILD) == Subject.of(None, "sh.heap[1]")
    assert followed(at("who maps it", 0), Subject.of(None, "sh.heap[1]")).place == "sh.heap[1]"
    assert followed(at("sh was made"), CHILD) is CHILD


def test_a_frame_is_called_by_a_place_that_maps_it(cow):
    """A frame's name is a place; a page table and a free frame have none."""
    assert page_place(cow.machine, 2) in ("sh.heap[0]", "child.heap[0]")
    assert page_place(cow.machine, 2, 2) == "child.heap[0]"
    assert page_place(cow.machine, 100) == page_place(cow.machine, 1) == ""


@pytest.mark.parametrize("place", ["", "sh", "sh.heap", "sh.none[1]", "nobody.heap[1]", "sh.heap[x]", "[[["])
def test_what_is_no_place(cow, place):
    """What names no page is nowhere, whatever it looks like."""
    assert locate(cow.machine, place) is None


def test_names_with_blanks(run):
    """A name in quotes, and the same name as sentences print it, are the same place."""
    session = run('spawn "my sh"', 'mmap "my sh" "my heap" 2 pages rw private')

    assert locate(session.machine, '"my sh"."my heap"[1]') == locate(session.machine, "my sh.my heap[1]")
    assert locate(session.machine, "my sh:0x40001000")[1] == 0x40001000
    assert command_place(session, Subject.of(None, "my sh.my heap[1]")) == '"my sh"."my heap"[1]'
    assert command_place(session, Subject("vma", 1)) == '"my sh"."my heap"'


def test_a_part_of_a_label_is_a_slice(run):
    """A VMA that is a part of its label is named by the pages it has; one without a label by its address."""
    session = run("spawn sh", "mmap sh heap 4 pages rw private", "mprotect sh.heap[1:3] r")

    vmas = session.machine.find_task("sh").mm.vmas
    names = [command_place(session, Subject("vma", vma.id)) for vma in vmas]
    assert names == ["sh.heap[0:1]", "sh.heap[1:3]", "sh.heap[3:4]"]


def test_a_freed_frame_is_not_followed():
    """After the step that frees a page, the subject is still what it was called by."""
    session = Session()
    for text in ("spawn sh", "mmap sh heap 2 pages rw private", "write sh.heap", "evict sh.heap"):
        session.do(text)
    named = Subject("page", 0, "sh.heap[0]")

    assert session.steps[session.cursor - 1].step.page
    assert followed(session, named) == named
