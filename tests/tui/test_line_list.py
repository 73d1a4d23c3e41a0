"""The list of rows."""

from tests.tui.stand import Stand, lines
from vmtui.tui.widgets.line_list import LineList
from vmtui.view.model import Pane, Row, Rows, Span


def rows(count: int, **options: int) -> tuple[Row, ...]:
    """Rows that say their number."""
    return tuple(
        Row((Span(f"row {n}"),), ref=("vma", n), subject=n == options.get("subject")) for n in range(count)
    )


async def test_a_row_is_asked_for_when_it_is_shown():
    """Of a million rows only those on the screen are made."""
    asked: set[int] = set()

    def make(index: int) -> Row:
        asked.add(index)
        return Row((Span(f"row {index}"),))

    widget = LineList()
    async with Stand(widget).run_test(size=(30, 10)) as pilot:
        widget.show(Pane("many", Rows(1_000_000, make)))
        await pilot.press("end")
        await pilot.pause()

        assert "row 999999" in lines(widget)[-1]
        assert len(asked) < 60


async def test_arrows_move_the_row_cursor_and_enter_chooses():
    """Moving chooses nothing; Enter posts the row's reference."""
    widget = LineList()
    app = Stand(widget)
    async with app.run_test(size=(30, 10)) as pilot:
        widget.show(Pane("rows", rows(20)))
        widget.focus()
        await pilot.press("down", "j", "j", "k", "pagedown")
        assert app.heard == []
        await pilot.press("enter")

        assert app.heard == [(("vma", 11), None, 11)]


async def test_a_click_chooses():
    """A click moves the cursor and chooses in one."""
    widget = LineList()
    app = Stand(widget)
    async with app.run_test(size=(30, 10)) as pilot:
        widget.show(Pane("rows", rows(20)))
        await pilot.pause()
        await pilot.click(widget, offset=(3, 4))
        await pilot.pause()

        assert app.heard == [(("vma", 4), None, 4)]


async def test_the_subject_has_a_mark_of_its_own():
    """The subject's row has ▸, wherever the cursor is."""
    widget = LineList()
    async with Stand(widget).run_test(size=(30, 10)) as pilot:
        widget.show(Pane("rows", rows(5, subject=3)))
        await pilot.pause()

        assert lines(widget)[3] == "▸row 3"
        assert lines(widget)[0] == " row 0"


async def test_ascii():
    """With ASCII glyphs nothing on the screen is anything else."""
    widget = LineList()
    async with Stand(widget, ascii=True).run_test(size=(12, 10)) as pilot:
        widget.show(Pane("rows", (Row((Span("✓ │ a long line that is cut"),), subject=True),)))
        await pilot.pause()

        assert lines(widget)[0].isascii()
        assert lines(widget)[0].endswith("~")


async def test_markup_is_text():
    """What looks like markup is shown as it is, in rows and in titles."""
    widget = LineList()
    async with Stand(widget).run_test(size=(40, 10)) as pilot:
        widget.styles.border = ("round", "white")
        widget.show(Pane("[bold]title[/bold]", (Row((Span("[red]x[/red] [[["),)),), note="[@click=quit]n[/]"))
        await pilot.pause()

        shown = "\n".join(lines(widget))
        assert "[bold]title[/bold]" in shown
        assert "[red]x[/red] [[[" in shown
        assert "[@click=quit]n[/]" in shown


async def test_the_cursor_snaps_to_the_focus_of_the_pane():
    """A new focus row takes the cursor along and into view; the same one leaves the cursor alone."""
    widget = LineList()
    async with Stand(widget).run_test(size=(30, 10)) as pilot:
        widget.show(Pane("rows", rows(100), focus=50))
        await pilot.pause()
        assert any("row 50" in line for line in lines(widget))
        widget.cursor = 3
        widget.show(Pane("rows", rows(100), focus=50))

        assert widget.cursor == 3
        widget.show(Pane("rows", rows(100), focus=51))
        assert widget.cursor == 51


async def test_text_that_is_too_wide_can_be_shifted():
    """Left and right show the rest of long lines."""
    widget = LineList()
    async with Stand(widget).run_test(size=(20, 5)) as pilot:
        widget.show(Pane("rows", (Row((Span("0123456789" * 4),)),)))
        widget.focus()
        await pilot.pause()
        assert lines(widget)[0].endswith("…")
        await pilot.press("right", "right", "right", "right")

        assert lines(widget)[0].endswith("6789")


async def test_prose_is_cut_between_words():
    """Where a pane holds sentences no word is cut; a single long one is, since none would be left."""

    class Told(LineList):
        prose = True

    widget = Told()
    texts = ("a frame waits on the list", "a frame wait on the list", "0123456789" * 4, "a b" + "c" * 40)
    async with Stand(widget).run_test(size=(16, 6)) as pilot:
        widget.show(Pane("rows", tuple(Row((Span(text),)) for text in texts)))
        await pilot.pause()

        assert [" a frame waits …", " a frame wait …"] == lines(widget)[:2]
        assert all(line.endswith("…") and len(line) == 16 for line in lines(widget)[2:4])
