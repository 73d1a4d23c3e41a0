"""Each pane runs alone on the built-in example."""

import pytest
from textual.geometry import Region

from vmtui.tui.panes.alone import Alone
from vmtui.tui.panes.frames import Frames
from vmtui.tui.panes.lists import Lists
from vmtui.tui.panes.processes import Processes
from vmtui.tui.panes.reverse_map import ReverseMap
from vmtui.tui.panes.source import Source
from vmtui.tui.panes.struct_page import StructPage
from vmtui.tui.panes.timeline import Timeline
from vmtui.tui.panes.walk import Walk

SAID = {
    Processes: "child",
    ReverseMap: "sh.heap[1]",
    Lists: "anon_vma 1",
    Frames: "0x0",
    StructPage: "mapcount",
    Source: "yield",
    Walk: "frame",
    Timeline: "swapout",
}


@pytest.mark.parametrize("pane", SAID, ids=lambda pane: pane.__name__)
async def test_a_pane_alone(pane):
    """It draws the example, and steps through it."""
    app = Alone(pane())
    async with app.run_test(size=(80, 20)) as pilot:
        for _ in range(100):
            await pilot.pause()
            drawn = [strip.text for strip in app.pane.render_lines(Region(0, 0, *app.pane.outer_size))]
            if any(SAID[pane] in line for line in drawn):
                break
        else:
            raise AssertionError("\n".join(drawn))
        cursor = app.desk.session.cursor
        await pilot.press("comma", "comma", "full_stop")

        assert app.desk.session.cursor == cursor - 1
