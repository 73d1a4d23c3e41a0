"""What widgets tell the screen. Facts go up as these; only the screen changes the session."""

from __future__ import annotations

from textual.message import Message

Ref = tuple[str, int]
"""A kernel object named from outside: kind and id, as in ``vmtui.mm.step``."""


class Chosen(Message):
    """A row, a box or a cell was chosen with Enter or the mouse.

    Attributes:
        pane: DOM id of the pane it is in.
        ref: the object it stands for, or None.
        step: the cursor position it stands for, or None.
        row: its row in the pane, -1 where there is none.
        place: the page as a person names it, empty where it is none.
    """

    def __init__(
        self, pane: str, ref: Ref | None, step: int | None = None, row: int = -1, place: str = ""
    ) -> None:
        super().__init__()
        self.place = place
        self.pane = pane
        self.ref = ref
        self.step = step
        self.row = row


class Entered(Message):
    """A line was run at the prompt."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class Pressed(Message):
    """An action was asked for with the mouse: in the footer, on the narration, on a help row."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action = action
