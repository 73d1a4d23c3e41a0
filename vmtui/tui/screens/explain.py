"""The overlay of ``i``: what the cursor is on, in the kernel's words and in two sentences."""

from __future__ import annotations

from collections.abc import Sequence

from vmtui.tui.screens.chooser import Choice, Chooser, filtered, plain
from vmtui.tui.widgets.line_list import LineList


class Explain(Chooser):
    """Shows lines; there is nothing to choose."""

    def __init__(self, title: str, lines: Sequence[tuple[str, str]]) -> None:
        super().__init__(
            title, filtered([Choice(plain(text, role)) for text, role in lines]), note="Esc closes"
        )

    def on_mount(self) -> None:
        """There is nothing to put a cursor on."""
        super().on_mount()
        self.query_one(LineList).row_cursor = False
