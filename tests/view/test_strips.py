"""Header, narration and timeline."""

import pytest

from vmtui.player import Player, load
from vmtui.session import Session
from vmtui.view import panes
from vmtui.view.subject import Subject
from vmtui.view.text import spans_width, wrap


@pytest.mark.parametrize("width", [80, 100, 120, 160, 240])
def test_header_fits(cow, width):
    """The header is exactly as wide as the screen, and says the scheme and the bytes at every width."""
    row = panes.header(cow, width)

    assert spans_width(row.spans) == width
    assert "anon_vma (RFC)" in row.text
    assert "rmap 36 B" in row.text


def test_header_at_120(cow):
    """What there is room for at 120 columns."""
    assert panes.header(cow, 120).text.rstrip() == (
        " vmtui    anon_vma (RFC)   2.6 · i386-pae   mem 60 K / 64 M   low 63 M free   "
        "swap 4 K / 16 M   rmap 36 B   ▶ follow"
    )


def test_header_says_pinned(cow):
    """A pinned subject is said at every width."""
    row = panes.header(cow, 80, Subject("page", 3, pinned=True))

    assert "▣ pinned" in row.text


def test_header_without_a_limit(run):
    """Where the ledger only counts, low memory is unlimited and the header says so."""
    assert "low unlimited" in panes.header(run(lowmem="count"), 120).text


def test_narration_ranks(at, shown):
    """An error before a notice, a notice before the step; below it the command and its counter."""
    session = at("its PTE holds frame")
    assert shown(panes.narration(session, None, 70, 3)) == (
        " child.heap: its PTE holds frame 0x6, not 0x3: miss",
        "",
        " swapout sh.heap[1] · step 4 of 15 · 2nd of 2 · 1 hit · 1 miss",
    )
    assert shown(panes.narration(session, None, 70, 2, ("on main", "text")))[0] == " on main"

    session.seek(session.end)
    session.attempt("fork sh child")
    row = panes.narration(session, None, 70, 2, ("on main", "text"))[0]
    assert (row.text.rstrip(), row.spans[0].role) == (
        " ✗ fork sh child: EEXIST: there is, or was, a process called child",
        "error",
    )


def test_narration_of_a_script():
    """A card is said where the script says it; a failed expect comes before it."""
    script = load("title t\nspawn sh\nsay Hello.\nsay Second line.\nexpect anon_vmas == 1\nspawn q\n")
    session = Session(**script.own_options)
    player = Player(session, script)
    player.beat()
    rows = panes.narration(session, player, 60, 3)
    texts = [row.text.strip() for row in rows]

    assert texts[0] in ("Hello.", "✗ line 5: expect anon_vmas == 1")
    while not player.finished and player.failure is None:
        player.beat()
    rows = panes.narration(session, player, 60, 3)
    assert (rows[0].text.strip(), rows[0].spans[0].role) == ("✗ line 5: expect anon_vmas == 1", "warn")


@pytest.mark.parametrize("lines", [1, 2, 3])
@pytest.mark.parametrize("width", [20, 80])
def test_narration_is_never_ragged(cow, lines, width):
    """Always that many rows of that many cells, however long the text."""
    rows = panes.narration(cow, None, width, lines, ("word " * 200, "text"))

    assert [spans_width(row.spans) for row in rows] == [width] * lines


def test_wrap_breaks_between_words():
    """Lines are as long as they can be, and no word is broken that fits."""
    assert wrap("one two three", 8) == ["one two", "three"]
    assert wrap("", 8) == [""]


def test_timeline(at, shown):
    """A mark ends each command; now stands in the sixth; its name is given in full. A step is counted in its
    command, as the narration and the walk do, and in all."""
    track = panes.timeline(at("its PTE holds frame"), None, 98)

    assert track.note == "command 6 of 6 · step 4 of 15 · 33 of 44 in all"
    assert shown(track.rows) == (
        " ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▇▇▇▇▇▇▇▇▇▇▇▇▇▇▆▆▆▆▆▆▆▆▆▆▆▆▆▆▃▃▃▃▃▃▃▃▃▃▃▃▃▃███▼██████████",
        "━━━━━━━━━━━━━━●━━━━━━━━━━━━━▪━━━━━━━━━━━━━▴━━━━━━━━━━━━━◆━━━━━━━━━━━━━▴━━━┃─────────▾",
        "              spawn         mmap          write         fork          write     swapout sh.heap[1]",
    )


def test_timeline_counts_a_refused_command_where_it_stands(run):
    """At the step of a command that was refused it is one of all; it is none once others go on."""
    session = run("spawn a", "write a.h")
    session.seek(len(session.steps))
    assert session.failed is not None

    assert panes.timeline(session, None, 98).note == "command 2 of 2 · step 1 of 1 · 2 of 2 in all"
    session.do("spawn b")
    assert panes.timeline(session, None, 98).note == "command 2 of 2 · step 1 of 1 · 2 of 2 in all"


def test_timeline_leads_to_moments(cow):
    """Choosing a mark goes to just after its command, choosing the start to the machine just built."""
    track = panes.timeline(cow, None, 100)
    marks = [x for x, char in enumerate(track.rows[1].text) if char in "●▪▴◆┃"]

    assert track.cursor_at(0, 1) == 0
    assert [track.cursor_at(x, 1) for x in marks] == [done.last for done in cow.commands]
    assert track.cursor_at(99, 1) is None


def test_every_cell_of_a_command_leads_to_just_after_it(cow):
    """Folded, a command is one thing to choose, wherever it is clicked."""
    moments = panes.timeline(cow, None, 100).moments[1]

    assert set(moments) == {-1, 0} | {done.last for done in cow.commands}


def test_timeline_unfolded(cow, shown):
    """An unfolded command begins with its mark; then each step is a cell with its outcome, to be gone to."""
    swapout = cow.commands[-1]
    track = panes.timeline(cow, None, 60, unfolded=swapout.number)
    bar, moments = shown(track.rows)[1], track.moments[1]
    start = bar.index("▾")

    assert bar[start:] == "▾○✓·✗◉··○✓··◉··┃"
    assert moments[start] == swapout.last
    assert list(moments[start + 1 : len(bar)]) == list(range(swapout.first + 1, swapout.last + 1))
    for cursor in range(swapout.first + 1, swapout.last + 1):
        cow.seek(cursor)
        track = panes.timeline(cow, None, 60, unfolded=swapout.number)
        assert track.rows[1].text.index("┃") == start + cursor - swapout.first


def test_timeline_unfolded_without_room(run):
    """Hundreds of steps in forty cells: a cell stands for several, the others keep a third of the line."""
    session = run("spawn p", "mmap p h 200 pages rw private", "write p.h", "fork p c", "exit c")
    done = max(session.commands, key=lambda done: done.last - done.first)
    track = panes.timeline(session, None, 40, unfolded=done.number)
    moments = [moment for moment in track.moments[1] if moment >= 0]

    assert {done.last for done in session.commands} <= set(moments)
    assert len([moment for moment in moments if done.first < moment <= done.last]) >= 26


@pytest.mark.parametrize("unfolded", [None, 0, 3, 5, 99])
@pytest.mark.parametrize("width", [2, 3, 10, 40, 78, 118, 300])
@pytest.mark.parametrize("lines", [1, 2, 3, 5])
def test_timeline_is_never_ragged(cow, width, lines, unfolded):
    """At any width and with branches, rows and moments have that many cells, and now is on the track."""
    cow.seek(12)
    cow.do("fork sh other")
    for cursor in range(cow.end + 1):
        cow.seek(cursor)
        track = panes.timeline(cow, None, width, lines, unfolded)
        assert {spans_width(row.spans) for row in track.rows} == {width}
        assert {len(moments) for moments in track.moments} <= {0, width}
        assert "┃" in track.rows[0 if lines < 3 else 1].text


def test_timeline_of_more_commands_than_cells(run):
    """A cell stands for several commands; the first leads to the start, the last to the end."""
    session = run("spawn p", *(f"fork p c{n}" for n in range(60)))
    track = panes.timeline(session, None, 40)

    assert track.cursor_at(0, 1) == 0
    assert track.cursor_at(39, 1) == session.end


def test_timeline_shows_what_is_to_come_and_what_was_refused(cow):
    """Commands that have not run are dim and lead nowhere; a refused one is crossed."""

    class Script:
        card = failure = None
        detour = False
        branch = "main"
        upcoming = ("exit sh", "walk child.heap[1]")
        remaining = 2

    track = panes.timeline(cow, Script(), 120)
    assert track.note.startswith(f"command {len(cow.commands)} of {len(cow.commands) + 2} · ")
    assert track.rows[1].text.rstrip().endswith("┃─────────────▫─────────────○")
    assert track.rows[1].spans[-2].role == "upcoming"

    cow.attempt("fork sh child")
    assert "✗" in panes.timeline(cow, None, 120).rows[1].text


def test_timeline_branches(cow, shown):
    """Another branch is a line below, from where it leaves."""
    cow.seek(14)
    cow.do("exit sh")

    track = panes.timeline(cow, None, 78, 5)
    assert track.note.startswith("w1 · command 4 of 4")
    assert shown(track.rows)[3].strip() == "╰─▶ main · 3 commands more · swapout sh.heap[1]"
