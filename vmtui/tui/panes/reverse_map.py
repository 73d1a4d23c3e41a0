"""Pane 2: the reverse map of the subject's page, drawn."""

from __future__ import annotations

from typing import ClassVar

from vmtui.tui.desk import Desk
from vmtui.tui.panes.pane import demo, redraw
from vmtui.tui.widgets.canvas import Canvas
from vmtui.view.diagram import diagram


class ReverseMap(Canvas):
    """What leads from a page to those who map it, box by box."""

    NAME: ClassVar[str] = "reverse-map"
    ABOUT: ClassVar[str] = (
        "An object. Choosing makes it the subject; a candidate chosen again: the step that examined it."
    )

    def __init__(self) -> None:
        super().__init__(id=self.NAME, classes="pane")

    def on_resize(self) -> None:
        """What is drawn depends on the size."""
        redraw(self)

    def draw(self, desk: Desk) -> None:
        """Show what the desk holds now."""
        width, height = self.size
        if width and height:
            self.show(diagram(desk.session, desk.subject, width, height))


if __name__ == "__main__":
    demo(ReverseMap)
