"""Pane 3: the objects that hold lists."""

from __future__ import annotations

from typing import ClassVar

from vmtui.tui.desk import Desk
from vmtui.tui.panes.pane import ListPane, demo
from vmtui.view.lists import lists
from vmtui.view.model import Pane


class Lists(ListPane):
    """One row an object, its list beside it."""

    NAME: ClassVar[str] = "lists"
    ABOUT: ClassVar[str] = (
        "An object with its list. Choosing makes it the subject; again: its first page. Below, their bytes, "
        "of all that the reverse map takes (rmap in the top line): the rest are members of VMAs and mms."
    )

    def build(self, desk: Desk) -> Pane:
        """The rows for what the desk holds now."""
        width, height = self.content_size
        pane = lists(desk.session, desk.subject, width or 22)
        # Where a bar is needed to scroll, it takes a cell of every row.
        return pane if len(pane.rows) <= height else lists(desk.session, desk.subject, (width or 22) - 1)


if __name__ == "__main__":
    demo(Lists)
