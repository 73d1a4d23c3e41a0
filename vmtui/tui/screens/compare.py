"""The overlays of ``c``: the same commands under every scheme, and a param's curves."""

from __future__ import annotations

from collections.abc import Sequence

from vmtui.report.compare import Comparison
from vmtui.report.sweep import Sweep
from vmtui.scenario.script import Script
from vmtui.tui.comparison import comparison_choices, sweep_rows
from vmtui.tui.screens.chooser import Choice, Chooser
from vmtui.tui.widgets.line_list import LineList


def room_for(columns: int) -> int:
    """Columns that an overlay of so many leaves for text: less frame, padding, gutter, scroll bar."""
    return min(106, columns * 96 // 100) - 6


class Compared(Chooser):
    """Dismissed with a kind of the ledger to explain, or a param to plot against.

    Args:
        found: What to show.
        script: The scenario whose params can be plotted against.
    """

    def __init__(self, found: Comparison, script: Script | None) -> None:
        self.found = found
        self.script = script
        super().__init__(
            "The same commands under every scheme",
            self._rows,
            note="Enter plots, or explains a kind · Esc closes",
        )

    def _rows(self, typed: str) -> Sequence[Choice]:
        columns = room_for(self.app.size.width)
        return comparison_choices(self.found, self.script, columns, ascii=self.app.has_class("-ascii"))


class Plotted(Chooser):
    """Curves; there is nothing to choose. They are drawn for the room there is."""

    def __init__(self, found: Sweep) -> None:
        self.found = found
        super().__init__(f"{found.title or 'a scenario'} · {found.param}", self._rows, note="Esc closes")

    def _rows(self, typed: str) -> Sequence[Choice]:
        columns, lines = self.app.size
        drawn_in_ascii = self.app.has_class("-ascii")
        room = room_for(columns), lines - 6
        return [Choice(row) for row in sweep_rows(self.found, *room, ascii=drawn_in_ascii)]

    def on_mount(self) -> None:
        """There is nothing to put a cursor on."""
        super().on_mount()
        self.query_one(LineList).row_cursor = False
