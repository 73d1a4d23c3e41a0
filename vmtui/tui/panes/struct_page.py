"""Pane 5: struct page of the subject."""

from __future__ import annotations

from typing import ClassVar

from vmtui.tui.desk import Desk
from vmtui.tui.panes.pane import ListPane, demo
from vmtui.view.model import Pane
from vmtui.view.struct_page import struct_page


class StructPage(ListPane):
    """One row a field; a field that the last step changed shows both values."""

    NAME: ClassVar[str] = "struct-page"
    ABOUT: ClassVar[str] = "A field of struct page. Choosing follows its pointer."

    def build(self, desk: Desk) -> Pane:
        """The rows for what the desk holds now."""
        return struct_page(desk.session, desk.subject, self.content_size.width or 33)


if __name__ == "__main__":
    demo(StructPage)
