"""The canvas on which lines join."""

from vmtui.view.canvas import DASHED, HEAVY, BoxCanvas
from vmtui.view.text import spans_width


def drawn(canvas):
    """The canvas as lines of text."""
    return tuple(row.text for row in canvas.rows())


def test_lines_join_by_themselves():
    """A line that leaves a box makes a tee, one that crosses another a cross."""
    canvas = BoxCanvas(14, 5)
    canvas.box(0, 0, 5, 3, "page")
    canvas.across(1, 4, 13, "dim")
    canvas.down(8, 0, 4, "dim")

    assert drawn(canvas) == (
        "╭───╮   ╷     ",
        "│   ├───┼────╴",
        "╰───╯   │     ",
        "        │     ",
        "        ╵     ",
    )


def test_heavy_and_light_meet():
    """Where a heavy line leaves a light box, the joint is half heavy."""
    canvas = BoxCanvas(10, 3)
    canvas.box(0, 0, 4, 3, "page")
    canvas.box(6, 0, 4, 3, "vma", HEAVY)
    canvas.across(1, 3, 6, "active", HEAVY)

    assert drawn(canvas) == (
        "╭──╮  ┏━━┓",
        "│  ┝━━┫  ┃",
        "╰──╯  ┗━━┛",
    )


def test_the_heavier_line_gives_the_role():
    """A cell shared by two lines has the role of the heavier; of two alike, that of the later."""
    canvas = BoxCanvas(3, 1)
    canvas.across(0, 0, 2, "active", HEAVY)
    canvas.across(0, 0, 2, "line")

    assert [(span.text, span.role) for span in canvas.rows()[0].spans] == [("╺━╸", "active")]


def test_an_empty_place_is_dashed():
    """A box for what does not exist yet differs without colour."""
    canvas = BoxCanvas(6, 3)
    canvas.box(0, 0, 6, 3, "line", DASHED)

    assert drawn(canvas) == ("╭┄┄┄┄╮", "┆    ┆", "╰┄┄┄┄╯")


def test_rows_are_never_ragged():
    """Whatever is drawn, inside or outside, every row is exactly as wide as the canvas."""
    canvas = BoxCanvas(9, 3)
    canvas.box(-2, -2, 30, 30, "page")
    canvas.text(5, 1, "日本語", "text")
    canvas.text(0, 2, "e\u0301tude", "text")
    canvas.text(0, 7, "below", "text")
    canvas.across(1, -4, 40, "dim")

    assert [spans_width(row.spans) for row in canvas.rows()] == [9, 9, 9]
