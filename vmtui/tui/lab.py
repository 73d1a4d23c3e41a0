"""The app without a terminal, for tests: press keys, read panes.

async with lab("spawn sh; mmap sh heap 4 pages rw private") as bench:
    await bench.press("n", "full_stop")
    assert "heap" in bench.text("processes")
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.geometry import Region
from textual.pilot import Pilot
from textual.widget import Widget

from vmtui.tui.app import VmtuiApp
from vmtui.tui.desk import Desk
from vmtui.tui.opening import opening
from vmtui.tui.screens.main import MainScreen

PATIENCE = 20.0
"""Seconds that a test waits for the app to be done."""


class Lab:
    """A running app and hands to work it with.

    Args:
        app: the app.
        pilot: Textual's hands.
    """

    def __init__(self, app: VmtuiApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def main(self) -> MainScreen:
        """The main screen, whatever lies above it."""
        return self.app.main

    @property
    def desk(self) -> Desk:
        """What the app holds."""
        return self.main.desk

    @property
    def now(self) -> int:
        """The cursor on the tape."""
        return self.desk.session.cursor

    @property
    def subject(self) -> str:
        """The subject as it is named, empty where there is none."""
        return self.desk.subject_text

    async def press(self, *keys: str) -> None:
        """Press keys and wait until the app has done what they ask."""
        await self.pilot.press(*keys)
        await self.settle()

    async def type(self, line: str) -> None:
        """Run a line at the prompt."""
        self.main.prompt.focus()
        self.main.prompt.echo = False
        self.main.prompt.value = line
        await self.press("enter")

    async def do(self, action: str) -> None:
        """Run an action of the registry, as a key would."""
        await self.main.do(action)
        await self.settle()

    async def click(self, pane: str, x: int, y: int) -> None:
        """Click in a pane, `x` and `y` counted inside its frame."""
        widget = self.main.query_one(f"#{pane}")
        frame = widget.content_region.offset - widget.region.offset
        await self.pilot.click(widget, offset=(x + frame.x, y + frame.y))
        await self.settle()

    async def settle(self) -> None:
        """Wait until no work is going on and everything is drawn.

        Raises:
            TimeoutError: the app was not done in `PATIENCE` seconds.
        """
        async with asyncio.timeout(PATIENCE):
            await self.pilot.pause()
            while self.main.busy:
                await asyncio.sleep(0.01)
            await self.pilot.pause()

    def text(self, pane: str = "") -> str:
        """The text of a pane with its frame, by DOM id; of the whole screen on top without one."""
        if pane:
            return "\n".join(self._lines(self.app.screen.query_one(f"#{pane}")))
        screen = self.app.screen
        width, height = screen.size
        rows = [[" "] * width for _ in range(height)]
        for widget in screen.walk_children(Widget):
            region = widget.region.intersection(Region(0, 0, width, height))
            shown = all(node.display for node in widget.ancestors_with_self if isinstance(node, Widget))
            if not shown or not region or (widget.is_container and not widget.styles.border_top[0]):
                continue
            for dy, line in enumerate(self._lines(widget)[: region.height]):
                for dx, character in enumerate(line[: region.width]):
                    rows[region.y + dy][region.x + dx] = character
        return "\n".join("".join(row).rstrip() for row in rows)

    @staticmethod
    def _lines(widget: Widget) -> list[str]:
        return [strip.text for strip in widget.render_lines(Region(0, 0, *widget.outer_size))]

    def shot(self, name: str) -> str:
        """The screen as an SVG entitled `name`."""
        return self.app.export_screenshot(title=name, simplify=True)


@asynccontextmanager
async def lab(
    source: str | Path | None = "",
    size: tuple[int, int] = (120, 40),
    *,
    ascii: bool = False,
    keep: bool = False,
    resume: bool | int | None = None,
    watches: bool = False,
) -> AsyncIterator[Lab]:
    """The app on a scenario.

    Args:
        source: A path, or a scenario's text (``;`` may stand for a line end); empty: an empty machine;
            None: nothing was asked for, as when ``vmtui`` stands alone.
        size: Columns and rows.
        ascii: Draw with ASCII characters only.
        keep: Write a session log, into $VMTUI_HOME or the user's state folder.
        resume: Resume a session instead, as ``vmtui resume`` does.
        watches: Look once a second whether the scenario's file has changed. Without, a test can have the
            main screen do so: ``look_at_file(now=True)``.
    """
    if resume is not None:
        first = opening(resume=resume, ascii=ascii, keep=keep)
    elif source is None:
        first = opening(ascii=ascii, keep=keep)
    elif isinstance(source, Path):
        first = opening(source, ascii=ascii, keep=keep)
    elif source:
        first = opening(text=source, ascii=ascii, keep=keep)
    else:
        first = opening(new={}, ascii=ascii, keep=keep)
    app = VmtuiApp(first, ascii=ascii, watches=watches)
    async with app.run_test(size=size) as pilot:
        bench = Lab(app, pilot)
        await bench.settle()
        yield bench
