"""Pane 3: the objects that hold lists of VMAs."""

from __future__ import annotations

from typing import ClassVar

from vmtui.tui.desk import Desk
from vmtui.tui.panes.pane import ListPane, demo
from vmtui.view.anon_vmas import anon_vmas
from vmtui.view.model import Pane


class AnonVmas(ListPane):
    """One row an object, its list beside it."""

    NAME: ClassVar[str] = "anon-vmas"
    ABOUT: ClassVar[str] = "An object with its list. Choosing makes it the subject; again: its first page."

    def build(self, desk: Desk) -> Pane:
        """The rows for what the desk holds now."""
        return anon_vmas(desk.session, desk.subject)


if __name__ == "__main__":
    demo(AnonVmas)
