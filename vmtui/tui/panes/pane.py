"""What every pane has in common, and how one runs alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Protocol

from textual.widget import Widget

from vmtui.tui.widgets.line_list import LineList
from vmtui.view.model import Pane

if TYPE_CHECKING:
    from vmtui.tui.desk import Desk


class Drawn(Protocol):
    """A widget that draws something of the desk."""

    ABOUT: ClassVar[str]
    """One line on what it shows and what choosing does."""

    def draw(self, desk: Desk) -> None:
        """Show what the desk holds now."""


def redraw(pane: Widget) -> None:
    """A pane has another size now: have its screen draw everything once."""
    draw_soon = getattr(pane.screen, "draw_soon", None)
    if draw_soon is not None:
        draw_soon()


class ListPane(LineList):
    """A pane that is a list of rows."""

    ABOUT: ClassVar[str] = ""
    NAME: ClassVar[str] = ""
    """Its DOM id."""

    def __init__(self) -> None:
        super().__init__(id=self.NAME, classes="pane")

    def on_resize(self) -> None:
        """What is drawn depends on the size."""
        redraw(self)

    def build(self, desk: Desk) -> Pane:
        """The rows for what the desk holds now."""
        return Pane(self.NAME, ())

    def draw(self, desk: Desk) -> None:
        """Show what the desk holds now."""
        self.show(self.build(desk))


def demo(pane: Callable[[], Widget]) -> None:
    """Run one pane alone on a built-in example; for the ``__main__`` block of its file."""
    from vmtui.tui.panes.alone import Alone

    Alone(pane()).run()
