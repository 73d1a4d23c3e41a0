"""Pane 7: what the command has done so far, candidate by candidate."""

from __future__ import annotations

from typing import ClassVar

from vmtui.tui.desk import Desk
from vmtui.tui.panes.pane import ListPane, demo
from vmtui.view.model import Pane
from vmtui.view.walk import walk


class Walk(ListPane):
    """One row a step."""

    NAME: ClassVar[str] = "walk"
    prose: ClassVar[bool] = True
    ABOUT: ClassVar[str] = "A candidate or a step; of the last all that it says. Choosing goes to it."

    def build(self, desk: Desk) -> Pane:
        """The rows for what the desk holds now."""
        return walk(desk.session, desk.subject, self.edge_room, self.row_width)


if __name__ == "__main__":
    demo(Walk)
