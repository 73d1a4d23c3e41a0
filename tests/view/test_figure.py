"""The reverse map drawn from pictures made by hand."""

import pytest

from vmtui.mm.step import HIT, MISS_NOTABLE, MISS_PFN, MISS_RANGE
from vmtui.view.figure import Figure, arrange, named
from vmtui.view.overlay import Overlay
from vmtui.view.plan import FORMS, LINE_FORM, Form, choose_form, plan, window
from vmtui.view.text import spans_width

SIZES = [(1, 1), (12, 3), (30, 8), (57, 16), (64, 14), (78, 9), (100, 22), (240, 60)]


@pytest.fixture
def draw(picture):
    """A picture of so many candidates drawn in so many cells, as text."""

    def draw(total, size, found=None, subject=None, direct=False, names=None):
        found = found or Overlay()
        whole = named(picture(total, 0, 48, direct), names or {})
        layout, again = arrange(whole, size, found.last)
        if again:
            whole = named(picture(total, layout.first, layout.count), names or {})
            layout = plan(whole, layout.form, layout.count, layout.first, size)
        figure = Figure(whole, layout, size, found, subject)
        return tuple(row.text.rstrip() for row in figure.draw()), figure

    return draw


def test_figure_1(draw):
    """A direct page points past the empty place of the anon_vma straight at its VMA."""
    rows, _ = draw(1, (64, 9), direct=True, names={("page", 0x2A7): "sh.heap[1]"})

    assert rows == (
        "   struct page      anon_vma        VMA list         page table",
        " ╭ sh.heap[1] ─╮                  ╭ c0 ─────────╮  ╭ pte ─────╮",
        " │ page 0x2a7  ├─────────────────▶│ pgoff 40000 ├─▶│ 0x2a7    │",
        " │ mapcount 1  │                  │             │  │ 40001000 │",
        " │ index 40001 │  ╭ anon_vma ┄┄╮  ╰─────────────╯  ╰──────────╯",
        " │ ANON        │  ┆ none until ┆",
        " ╰─────────────╯  ┆ fork       ┆",
        "                  ╰┄┄┄┄┄┄┄┄┄┄┄┄╯",
        "",
    )


def test_figure_2(draw):
    """A shared page points at the anon_vma, that at the first VMA of its list, each VMA at the next."""
    rows, _ = draw(2, (100, 10))

    assert rows == (
        "   struct page           anon_vma             VMA list                    mm            page table",
        " ╭ page 0x2a7 ─╮       ╭ anon_vma 1 ╮       ╭ c0 ───────────────╮       ╭ c0 ─╮       ╭ pte ─────╮",
        " │ mapcount 2  ├──────▶│ vmas 2     ├──────▶│ 40000000-40004000 ├──────▶│ pgd ├──────▶│ 0x2a7    │",
        " │ index 40001 │       │ 12 B       │       │ pgoff 40000       │       │     │       │ 40001000 │",
        " │ ANON        │       ╰────────────╯       ╰─────────┬─────────╯       ╰─────╯       ╰──────────╯",
        " ╰─────────────╯                                      ▼ next",
        "                                            ╭ c1 ───────────────╮       ╭ c1 ─╮       ╭ pte ─────╮",
        "                                            │ 40000000-40004000 ├──────▶│ pgd ├──────▶│ 0x2a7    │",
        "                                            │ pgoff 40000       │       │     │       │ 40001000 │",
        "                                            ╰───────────────────╯       ╰─────╯       ╰──────────╯",
    )


def test_a_walk_laid_over(draw):
    """Examined rows carry their outcome, the active one is heavy, the pointers followed are heavy too."""
    found = Overlay({0: MISS_PFN, 1: HIT}, {0: 5, 1: 6}, active=1, walking=True)
    rows, figure = draw(3, (64, 12), found, subject=("vma", 2))

    assert rows == (
        "   struct page      anon_vma        VMA list         page table",
        " ┏ page 0x2a7 ━┓  ┏ anon_vma 1 ┓  ╭ c0 ─────────╮  ╭ pte ── ✗ ╮",
        " ┃ mapcount 3  ┣━▶┃ vmas 3     ┣━▶│ pgoff 40000 ├─▶│ 0x2a7    │",
        " ┃ index 40001 ┃  ┃ 12 B       ┃  ╰──────┰──────╯  ╰──────────╯",
        " ┃ ANON        ┃  ┗━━━━━━━━━━━━┛         ▼ next",
        " ┗━━━━━━━━━━━━━┛                  ┏▸c1 ━━━━━━━━━┓  ┏ pte ━━ ✓ ┓",
        "                                  ┃ pgoff 40000 ┣━▶┃ 0x2a7    ┃",
        "                                  ┗━━━━━━┯━━━━━━┛  ┗━━━━━━━━━━┛",
        "                                         ▼ next",
        "                                  ╭ c2 ─────────╮  ╭ pte ─────╮",
        "                                  │ pgoff 40000 ├─▶│ 0x2a7    │",
        "                                  ╰─────────────╯  ╰──────────╯",
    )
    assert [box.step for box in figure.boxes() if box.ref and box.ref[0] == "vma"] == [5, 6, None]


@pytest.mark.parametrize(
    ("outcome", "lit"),
    [(HIT, "vma mm pte"), (MISS_PFN, "vma mm pte"), (MISS_NOTABLE, "vma mm"), (MISS_RANGE, "vma")],
)
def test_how_far_a_candidate_was_followed(draw, outcome, lit):
    """A row is lit as far as the walk read: ruled out by its range, it ends at the VMA."""
    _, figure = draw(1, (100, 8), Overlay({0: outcome}, {}, 0, True))

    assert " ".join(p.node.kind for p in figure.placed.values() if p.node.row == 0 and p.lit) == lit


def test_one_line_a_candidate(draw):
    """In a low pane there are no boxes: the list is a rail, a candidate a line."""
    found = Overlay({0: MISS_PFN, 1: HIT, 2: MISS_RANGE}, {}, active=2, walking=True)
    rows, _ = draw(4, (78, 7), found)

    assert rows == (
        " struct page      anon_vma        VMA list                  page table",
        " page 0x2a7 ╺━━━▶ anon_vma 1 ╺━┳▶ c0 40000000-40004000 ╶──▶ 0x2a7 40001000  ✗",
        " mapcount 4       vmas 4       ┣▶ c1 40000000-40004000 ╶──▶ 0x2a7 40001000  ✓",
        " index 40001      12 B         ┡▶ c2 40000000-40004000 ╶──▶ 0x2a7 40001000  –",
        " ANON                          ╰▶ c3 40000000-40004000 ╶──▶ 0x2a7 40001000",
        "",
        "",
    )


def test_a_long_list_is_a_window(draw):
    """Around the active row; what is above and below is counted, with the hits in it."""
    found = Overlay({row: HIT if row == 2 else MISS_PFN for row in range(501)}, {}, 500, True)
    rows, _ = draw(1001, (78, 9), found)

    assert rows == (
        " struct page       anon_vma       VMA list                   page table",
        "                               ┏▶ ▲ 498 more · 1 hit",
        " page 0x2a7 ╺━━━━▶ anon_vma 1 ╺╋▶ c498 40000000-40004000 ╶─▶ 0x2a7 40001000  ✗",
        " mapcount 1001     vmas 1001   ┣▶ c499 40000000-40004000 ╶─▶ 0x2a7 40001000  ✗",
        " index 40001       12 B        ┡▶ c500 40000000-40004000 ╺━▶ 0x2a7 40001000  ✗",
        " ANON                          ├▶ c501 40000000-40004000 ╶─▶ 0x2a7 40001000",
        "                               ├▶ c502 40000000-40004000 ╶─▶ 0x2a7 40001000",
        "                               ╰▶ c503 40000000-40004000 ╶─▶ 0x2a7 40001000",
        "                                  ▼ 497 more",
    )


def test_the_subject_is_marked_without_a_frame(draw):
    """Without boxes the mark stands before the text, which has a cell to spare on each side."""
    rows, figure = draw(5, (78, 9), subject=("vma", 2))

    assert "▸c1 40000000" in rows[2]
    box = next(box for box in figure.boxes() if box.ref == ("vma", 2))
    assert rows[2][box.x : box.x + 3] == "▸c1"


def test_nobody(draw):
    """A page that no candidate maps says so."""
    rows, _ = draw(0, (100, 8))

    assert rows[2].endswith("mapped by nobody")


@pytest.mark.parametrize("total", [0, 1, 2, 3, 5, 40, 1001])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_never_ragged(draw, picture, total, size):
    """In any size, for any list, a drawing has exactly that many lines of exactly that many cells."""
    found = Overlay(dict.fromkeys(range(total // 2), HIT), {}, total // 2 - 1, bool(total))
    _, figure = draw(total, size, found, direct=total == 1)
    rows = figure.draw()

    assert (len(rows), {spans_width(row.spans) for row in rows}) == (size[1], {size[0]})
    for box in figure.boxes():
        assert box.y + box.height <= size[1]


@pytest.mark.parametrize("total", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(64, 14), (100, 22)])
def test_nothing_is_cut_where_it_was_designed(draw, total, size):
    """In the panes of 120×40 and 160×50 no word of the article's figures is cut."""
    rows, _ = draw(total, size, direct=total == 1)

    assert "…" not in "".join(rows)


def test_forms():
    """Boxes as tall as they can be while all rows fit; else at least three in view; else lines."""
    assert choose_form(1, 2, 13) == (Form(2, 1), 1)
    assert choose_form(3, 2, 13) == (Form(1, 1), 3)
    assert choose_form(4, 2, 13) == (Form(1, 0), 4)
    assert choose_form(9, 2, 13) == (Form(1, 1), 3)
    assert choose_form(9, 2, 8) == (LINE_FORM, 6)
    assert choose_form(7, 2, 8) == (LINE_FORM, 7)
    assert FORMS[0].capacity(5) == 1


def test_window_keeps_the_active_row_in_view():
    """At every row, and without moving past either end."""
    for active in range(100):
        first = window(100, 6, active)
        assert first <= active < first + 6
        assert 0 <= first <= 94
    assert window(100, 6, -1) == 0
    assert window(4, 6, 3) == 0
