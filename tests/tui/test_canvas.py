"""The drawing of boxes, the timeline, the footer."""

from tests.tui.stand import Stand, lines
from vmtui.tui.keymap import BY_ID
from vmtui.tui.widgets.canvas import Canvas
from vmtui.tui.widgets.key_bar import KeyBar
from vmtui.tui.widgets.track_bar import TrackBar
from vmtui.view.model import Box, Diagram, Row, Span, Track

DRAWING = Diagram(
    "two by two",
    tuple(Row((Span(text),)) for text in ("[a]   [b]", "", "[c]   [d]")),
    boxes=(
        Box(0, 0, 3, 1, ("page", 1)),
        Box(6, 0, 3, 1, ("vma", 1)),
        Box(0, 2, 3, 1, ("page", 2)),
        Box(6, 2, 3, 1, ("vma", 2), step=7),
    ),
)


async def test_arrows_go_from_box_to_box():
    """Each arrow goes to the nearest box in its direction; at the edge it stays."""
    widget = Canvas()
    async with Stand(widget).run_test(size=(30, 10)) as pilot:
        widget.show(DRAWING)
        widget.focus()
        seen = []
        for key in ("right", "right", "down", "left", "up", "l", "j", "h", "k", "end", "home"):
            await pilot.press(key)
            seen.append(widget.cursor)

        assert seen == [1, 1, 3, 2, 0, 1, 3, 2, 0, 3, 0]


async def test_enter_and_click_choose_a_box():
    """Both post what the box stands for."""
    widget = Canvas()
    app = Stand(widget)
    async with app.run_test(size=(30, 10)) as pilot:
        widget.show(DRAWING)
        widget.focus()
        await pilot.press("enter")
        await pilot.click(widget, offset=(7, 2))
        await pilot.click(widget, offset=(4, 1))
        await pilot.pause()

        assert app.heard == [(("page", 1), None, 0), (("vma", 2), 7, 3)]


async def test_the_cursor_stays_on_its_object():
    """When the drawing changes, the cursor goes with the object it was on."""
    widget = Canvas()
    async with Stand(widget).run_test(size=(30, 10)):
        widget.show(DRAWING)
        widget.cursor = 3
        widget.show(Diagram("moved", DRAWING.rows, boxes=(DRAWING.boxes[3], DRAWING.boxes[0])))

        assert widget.cursor == 0


async def test_a_click_on_the_timeline_is_a_moment():
    """A click posts the cursor position of its cell, and nothing where there is none."""
    widget = TrackBar()
    app = Stand(widget)
    async with app.run_test(size=(30, 10)) as pilot:
        widget.show(Track("time", (Row((Span("━━━"),)),), moments=((4, 5, -1),)))
        await pilot.pause()
        await pilot.click(widget, offset=(1, 0))
        await pilot.click(widget, offset=(2, 0))
        await pilot.click(widget, offset=(9, 0))
        await pilot.pause()

        assert app.heard == [(None, 5, -1)]


async def test_what_the_footer_says_moves_no_key():
    """A word before the keys takes its own cells: a click on a key behind it is on that key."""
    widget = KeyBar()
    app = Stand(widget)
    async with app.run_test(size=(60, 5)) as pilot:
        key = BY_ID["prompt.open"]
        widget.show([(key, "command")], "the end")
        await pilot.pause()
        line = lines(widget)[0]
        assert line == " the end   : command"
        await pilot.click(widget, offset=(3, 0))
        assert app.heard == []
        await pilot.click(widget, offset=(line.index(":"), 0))

        assert app.heard == [key.action]


async def test_the_footer_can_be_clicked():
    """Each key of the footer does with the mouse what it does on the keyboard."""
    widget = KeyBar()
    app = Stand(widget)
    async with app.run_test(size=(60, 3)) as pilot:
        widget.show([(BY_ID["play.toggle"], "play"), (BY_ID["time.forward"], "step")])
        await pilot.pause()
        text = lines(widget)[0]
        assert text.split() == ["space", "play", ".", "step"]
        for word in ("play", "step"):
            await pilot.click(widget, offset=(text.index(word), 0))
        await pilot.pause()

        assert app.heard == ["toggle_play", "forward"]
