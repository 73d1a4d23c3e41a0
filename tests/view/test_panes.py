"""The panes, as text, of one story: a page shared, copied, and forced out."""

import pytest

from vmtui.session import Session
from vmtui.view import panes
from vmtui.view.subject import Subject
from vmtui.view.text import spans_width

PAGE = Subject.of(None, "sh.heap[1]")


def test_diagram_of_a_false_candidate(at, shown):
    """The child's VMA is on the list and holds another frame: looked at, and not there."""
    drawn = panes.diagram(at("its PTE holds frame"), PAGE, 64, 10)

    assert (drawn.title, drawn.note) == ("Reverse map of sh.heap[1]", "2nd of 2 · 1 hit · 1 miss")
    assert shown(drawn.rows) == (
        "   struct page      anon_vma        VMA list         page table",
        " ┏▸sh.heap[1] ━┓  ┏ anon_vma 1 ┓  ╭ sh ─────────╮  ╭ pte ── ✓ ╮",
        " ┃ page 0x3    ┣━▶┃ vmas 2     ┣━▶│ 40000000 4p ├─▶│ 0x3      │",
        " ┃ mapcount 1  ┃  ┃ 12 B       ┃  │ pgoff 40000 │  │ 40001000 │",
        " ┃ index 40001 ┃  ┗━━━━━━━━━━━━┛  ╰──────┰──────╯  ╰──────────╯",
        " ┃ ANON        ┃                         ▼ next",
        " ┗━━━━━━━━━━━━━┛                  ┏ child ━━━━━━┓  ┏ pte ━━ ✗ ┓",
        "                                  ┃ 40000000 4p ┣━▶┃ 0x6      ┃",
        "                                  ┃ pgoff 40000 ┃  ┃ 40001000 ┃",
        "                                  ┗━━━━━━━━━━━━━┛  ┗━━━━━━━━━━┛",
    )


def test_diagram_notes(at):
    """The counter counts while the walk runs, and sums up when it has ended."""
    assert panes.diagram(at("who maps it", 0), PAGE, 64, 14).note == "2 candidates"
    assert panes.diagram(at("its PTE maps frame", 0), PAGE, 64, 14).note == "1st of 2 · 1 hit · 0 misses"
    ended = panes.diagram(at("no candidate is left"), PAGE, 64, 14)
    assert ended.note == "examined 2 = 1 hit + 1 miss · 2 nodes · 2 ptes"
    assert panes.diagram(at("child was made"), PAGE, 64, 14).note == ""


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        (None, "Choose a page, a VMA or a process: Enter or click."),
        (Subject.of(None, "child.heap[3]"), "child.heap[3]: not mapped at this step"),
        (Subject("page", 1), "The zero page: mapped by all who only read."),
    ],
)
def test_diagram_without_a_page(at, subject, said):
    """Where there is nothing to draw, the middle of the pane says why."""
    drawn = panes.diagram(at("sh.heap: a VMA"), subject, 64, 14)

    assert said in "\n".join(row.text for row in drawn.rows)
    assert {spans_width(row.spans) for row in drawn.rows} == {64}


def test_processes(at, shown):
    """Each process with its VMAs; those of the subject's page lit, the one the step is about current."""
    pane = panes.processes(at("child.heap[1] faulted"), PAGE, 40)

    assert (pane.title, pane.note, pane.focus) == ("Processes · VMAs", "2 mm · 2 VMAs", 1)
    assert shown(pane.rows) == (
        "▾ sh  rss 4",
        "  heap   40000000-40004000 rw-p",
        "▾ child  rss 4",
        "  heap   40000000-40004000 rw-p",
    )
    assert [row.current for row in pane.rows] == [False, False, False, True]
    assert pane.rows[1].spans[0].role == "accent"


def test_processes_in_a_narrow_pane(cow, shown):
    """Without room for the range a VMA shows its start and its pages."""
    assert shown(panes.processes(cow, None).rows)[:2] == ("▾ sh  rss 3", "  heap   40000000 4p")


def test_processes_alike_fold(run, shown):
    """A thousand children are a row; the subject stands by itself."""
    session = run("spawn p", "mmap p a 2 pages rw private", "write p.a", *(f"fork p c{n}" for n in range(30)))
    session.do("walk p.a[0]")

    assert shown(panes.processes(session, None).rows) == (
        "▾ p  rss 2",
        "  a      40000000 2p",
        "▼ c0…c29 (30, alike)",
    )
    assert shown(panes.processes(session, Subject.of(None, "c7.a[0]")).rows) == (
        "▾ p  rss 2",
        "  a      40000000 2p",
        "▼ c0…c6 (7, alike)",
        "▾ c7  rss 2",
        "  a      40000000 2p",
        "▼ c8…c29 (22, alike)",
    )


def test_anon_vma_lists(run, shown):
    """A list is a string of beads, cut where it is long; an empty pane says when there will be one."""
    session = run("spawn p", "mmap p a 2 pages rw private", "write p.a")
    assert shown(panes.lists(session, None).rows) == ("none yet: fork makes", "the first one")

    session.do("fork p q")
    pane = panes.lists(session, None)
    assert (shown(pane.rows), pane.note) == (("anon_vma 1   2 ●─●",), "1 list · 12 B")

    for n in range(9):
        session.do(f"fork p r{n}")
    assert shown(panes.lists(session, None).rows) == ("anon_vma 1  11 ●─●─●─…",)


def test_struct_page_says_what_changed(at, shown):
    """fork takes a page from its VMA to the list: old and new stand side by side, and why."""
    pane = panes.struct_page(at("swung over", 1), PAGE, 60)

    assert pane.title == "struct page 0x3 · sh.heap[1]"
    assert shown(pane.rows) == (
        "flags    -DIRECT ANON REFERENCED LRU ACTIVE",
        "count    2",
        "mapcount 1 → 2",
        "union { mapping vma ▸anon_vma }",
        "         vma 1 · sh.heap → anon_vma 1",
        "PG_anon 1 · PG_direct 0 ⇒ anon_vma",
        "index    0x40001",
        "private  0",
        "lru      active list",
    )
    assert pane.rows[3].ref == ("anon_vma", 1)
    assert [(span.text, span.role) for span in pane.rows[3].spans] == [
        ("union { mapping vma ", "dim"),
        ("▸anon_vma", "accent"),
        (" }", "dim"),
    ]


def test_struct_page_leaves_the_session_where_it_was(cow):
    """Looking at what was before moves nothing."""
    digest, cursor = cow.digest(), cow.cursor
    panes.struct_page(cow, PAGE)

    assert (cow.digest(), cow.cursor) == (digest, cursor)


@pytest.mark.parametrize("width", [20, 24, 28, 33])
def test_struct_page_counts_flags_without_room(at, width):
    """Flags that have no room are counted, not cut; no row is wider than the pane."""
    for row in panes.struct_page(at("entered the swap cache"), PAGE, max(33, width)).rows:
        assert spans_width(row.spans) <= 34
    flags = panes.struct_page(at("entered the swap cache"), PAGE, width).rows[0]
    assert spans_width(flags.spans) <= width
    assert "…" in flags.text


def test_source_is_the_code_that_runs(at, shown):
    """The function that made the step, its line lit, and above it who called."""
    pane = panes.source(at("its PTE holds frame"), 8)

    assert pane.title == "page_check_address()  mm/rmap/scheme.py"
    current = next(row for row in pane.rows if row.current)
    assert current.text.endswith("yield step(text, MISS_PFN, about)")
    assert {span.role for span in current.spans} >= {"accent", "keyword", "text"}
    assert pane.rows[pane.focus] is current
    assert pane.rows[0].text == "5 more callers"
    assert "page_referenced_one" in pane.rows[1].text
    assert len(pane.rows) == 8


def test_source_runs_on(at):
    """A caller leads to the step at which it goes on; a line to the step at which it runs next."""
    session = at("its PTE holds frame")
    rows = panes.source(session, 12).rows
    walk_end = next(n for n, r in enumerate(session.steps, 1) if "no candidate is left" in r.step.sentence)

    assert next(row for row in rows if "page_referenced " in row.text).step == walk_end
    assert [row.step for row in rows if "HIT" in row.text] == [38]


def test_walk(at, shown):
    """What the command has done up to now, each row a moment to go to."""
    session = at("its PTE holds frame")
    pane = panes.walk(session, PAGE)

    assert pane.title == "Walk · swapout sh.heap[1]"
    assert shown(pane.rows) == (
        " 1 ○ who maps it? mapcount says 1",
        " 2 ✓ sh.heap maps 0x3",
        " 3 · sh.heap: used since last asked; accessed bit cleared",
        " 4 ✗ child.heap has 0x6",
    )
    assert [row.step for row in pane.rows] == [30, 31, 32, 33]
    assert [row.current for row in pane.rows] == [False, False, False, True]


def test_pages(cow, shown):
    """The pages of a VMA, named first, the address after it, and where each is."""
    pane = panes.pages(cow, PAGE)

    assert (pane.title, pane.focus) == ("Pages of sh.heap", 1)
    assert shown(pane.rows) == (
        "heap[0]    40000000 ■ frame 0x2  mapcount 2  young dirty",
        "heap[1]    40001000 ◇ slot 1  in the swap cache, frame 0x3",
        "heap[2]    40002000 ■ frame 0x4  mapcount 2  young dirty",
        "heap[3]    40003000 ■ frame 0x5  mapcount 2  young dirty",
    )
    assert [row.place for row in pane.rows][1] == "sh.heap[1]"


def test_frames(cow, shown):
    """Shape says what a frame holds, fill how many map it."""
    pane = panes.frames(cow, PAGE, 30)

    assert shown(pane.rows, 0, 2) == ("0x0      ▒0■◇■■◧· ········", "0x10     ········ ········")
    assert (len(pane.rows), pane.focus) == (1024, 0)
    assert pane.rows[0].ref == ("page", 3)


def test_the_frame_under_the_mouse():
    """A cell of the grid leads to its frame; the margin and the blanks between groups to none."""
    assert [panes.frame_at(30, 1, x) for x in (0, 9, 16, 17, 18, 25, 26)] == [0, 16, 23, 0, 24, 31, 0]


def test_frames_from_afar(cow):
    """Zoomed, a cell stands for many frames: what most in use are, and how many those are."""
    pane = panes.frames(cow, None, 30, 64)

    assert len(pane.rows) == 32
    assert pane.rows[0].text.startswith("0x0      ■▁· · · ")


def test_frames_of_files(run, shown):
    """A page of a file has its own shape, filled by how many map it."""
    session = run(
        "spawn a",
        "file f 3 pages",
        "mmap a t 3 pages r private f",
        "read a.t[0:2]",
        "fork a b",
        "munmap b.t[1]",
        "truncate f 2 pages",
    )
    grid = panes.frames(session, None, 64).rows[0].text

    assert "●" in grid
    assert "◐" in grid


def test_pages_of_a_file(run, shown):
    """Mapped by both, in the page cache though not mapped here, not read yet, and behind the end."""
    session = run(
        "spawn a",
        "file f 4 pages",
        "mmap a t 4 pages r private f",
        "read a.t[0:3]",
        "spawn b",
        "mmap b u 4 pages r shared f",
        "read b.u[0]",
        "truncate f 3 pages",
    )
    pane = panes.pages(session, Subject.of(None, "b.u[0]"))

    assert tuple(text.partition(" 4")[2][8:].rstrip() for text in shown(pane.rows)) == (
        "● frame 0x2  mapcount 2  young",
        "◐ frame 0x3  in the page cache, not mapped here",
        "◐ frame 0x4  in the page cache, not mapped here",
        "· behind the end of f",
    )


def test_vmas_of_files(run, shown):
    """A VMA of a file names it, and where in it the VMA begins."""
    session = run(
        "spawn a",
        "file libc 9 pages",
        "mmap a t 4 pages rx private libc + 2 pages",
        "mmap a s 2 pages rw shared",
    )

    assert shown(panes.processes(session, None, 50).rows)[1:] == (
        "  t      40000000-40004000 r-xp libc+2",
        "  s      40005000-40007000 rw-s shmem",
    )


def test_a_narrow_row_keeps_the_pages_of_a_vma():
    """Where a part's name, its address and its pages do not fit, it is the address that goes, whole."""
    session = Session()
    for text in ("spawn sh", "mmap sh heap 4 pages rw private", "mprotect sh.heap[2:4] r"):
        session.do(text)

    narrow = panes.processes(session, None, 20).rows
    assert [row.text for row in narrow[1:]] == ["heap[0:2] 2p", "heap[2:4] 2p"]
    assert panes.processes(session, None, 30).rows[1].text == "heap[0:2] 40000000 2p"
    assert panes.processes(session, None).rows[1].text == "heap[0:2] 40000000 2p"
