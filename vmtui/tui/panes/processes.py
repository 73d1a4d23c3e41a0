"""Pane 1: the processes and their VMAs."""

from __future__ import annotations

from typing import ClassVar

from vmtui.tui.desk import Desk
from vmtui.tui.panes.pane import ListPane, demo
from vmtui.view.model import Pane
from vmtui.view.processes import processes


class Processes(ListPane):
    """Processes, each with its VMAs."""

    NAME: ClassVar[str] = "processes"
    ABOUT: ClassVar[str] = (
        "A process or a VMA. Choosing makes it the subject; a VMA chosen again shows its pages in pane 4."
    )

    def build(self, desk: Desk) -> Pane:
        """The rows for what the desk holds now."""
        return processes(desk.session, desk.subject, self.row_width)


if __name__ == "__main__":
    demo(Processes)
