"""Pane 6: the call stack, and the source that runs."""

from __future__ import annotations

from typing import ClassVar

from vmtui.tui.desk import Desk
from vmtui.tui.panes.pane import ListPane, demo
from vmtui.view.model import Pane
from vmtui.view.source import source


class Source(ListPane):
    """The stack over the lines, the running one lit."""

    NAME: ClassVar[str] = "source"
    ABOUT: ClassVar[str] = (
        "The kernel function that runs. Choosing a line runs to it; a stack frame: to its return."
    )

    def build(self, desk: Desk) -> Pane:
        """The rows for what the desk holds now."""
        return source(desk.session, max(1, self.size.height))


if __name__ == "__main__":
    demo(Source)
