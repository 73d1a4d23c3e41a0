"""The top line: scheme, rules, memory, swap, bytes of the reverse map."""

from __future__ import annotations

from typing import ClassVar

from vmtui.tui.desk import Desk
from vmtui.tui.panes.pane import redraw
from vmtui.tui.widgets.strip_text import StripText
from vmtui.view.header import header


class Header(StripText):
    """One line; a click opens the scenarios."""

    NAME: ClassVar[str] = "header"
    ABOUT: ClassVar[str] = "The machine: scheme, rules, memory, low memory, swap, bytes of the reverse map."
    pressed = "app.scenarios"

    def __init__(self) -> None:
        super().__init__(id=self.NAME)

    def on_resize(self) -> None:
        """What is drawn depends on the size."""
        redraw(self)

    def draw(self, desk: Desk) -> None:
        """Show what the desk holds now."""
        self.show((header(desk.session, self.size.width, desk.subject, follow=desk.follow),))
