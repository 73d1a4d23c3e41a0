"""A drawing of boxes that can be walked over and clicked."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.reactive import var
from textual.strip import Strip

from vmtui.tui import keymap
from vmtui.tui.messages import Chosen
from vmtui.tui.paint import Painted, laid_over
from vmtui.view.model import Box, Diagram

CURSOR = Style(reverse=True)
FRAME = " ─━┄"
"""What follows the name of a box in its upper edge."""
NOTHING = Diagram("", ())


class Canvas(Painted, can_focus=True):
    """Draws a `Diagram`; the arrows go from box to box, Enter and click post `Chosen`."""

    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.DIAGRAM)]

    cursor = var(0)
    """The box the cursor is on."""
    diagram: Diagram = NOTHING
    """What is drawn."""

    def show(self, diagram: Diagram) -> None:
        """Draw `diagram`; repaint only lines that differ from what is drawn."""
        old, self.diagram = self.diagram, diagram
        self.entitle(diagram.title, diagram.note)
        if diagram.boxes != old.boxes:
            self.cursor = self._follow(old)
            self.refresh()
        else:
            for y, (was, now) in enumerate(zip(old.rows, diagram.rows, strict=False)):
                if was != now:
                    self._refresh_line(y)
            if len(old.rows) != len(diagram.rows):
                self.refresh()

    def _follow(self, old: Diagram) -> int:
        """The box that shows what the cursor was on, else the first."""
        held = old.boxes[self.cursor].ref if self.cursor < len(old.boxes) else None
        return next(
            (n for n, box in enumerate(self.diagram.boxes) if held is not None and box.ref == held), 0
        )

    @property
    def current_box(self) -> Box | None:
        """The box under the cursor."""
        return self.diagram.boxes[self.cursor] if self.cursor < len(self.diagram.boxes) else None

    def _refresh_line(self, y: int) -> None:
        self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """One line of the drawing."""
        palette = self.palette
        if y >= len(self.diagram.rows):
            return self.blank()
        row = self.diagram.rows[y]
        strip = self.painted(palette.segments(row.spans))
        box = self.current_box
        if self.has_focus and box is not None and y == box.y:
            title = row.text[box.x + 1 : box.x + box.width - 1].rstrip(FRAME)
            strip = laid_over(strip, box.x + 1, box.x + 1 + max(1, cell_len(title)), CURSOR)
        return strip

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor among the boxes."""
        return max(0, min(cursor, len(self.diagram.boxes) - 1))

    def watch_cursor(self) -> None:
        """Show where the cursor went."""
        self.refresh()

    def _on_focus(self, event: events.Focus) -> None:
        super()._on_focus(event)
        self.refresh()

    def _on_blur(self, event: events.Blur) -> None:
        super()._on_blur(event)
        self.refresh()

    async def _on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        for index, box in enumerate(self.diagram.boxes):
            if box.x <= offset.x < box.x + box.width and box.y <= offset.y < box.y + box.height:
                event.stop()
                self.cursor = index
                self.action_choose()
                return

    def action_move(self, dx: int, dy: int) -> None:
        """The nearest box to the left, right, above or below."""
        here = self.current_box
        if here is None:
            return
        best: tuple[int, int] | None = None
        for index, box in enumerate(self.diagram.boxes):
            across = (box.x - here.x) * dx + (box.y - here.y) * dy
            if index == self.cursor or across <= 0:
                continue
            aside = abs(box.y - here.y) if dx else abs(box.x - here.x)
            cost = across + 4 * aside if dx else across + 8 * aside
            if best is None or cost < best[0]:
                best = (cost, index)
        if best is not None:
            self.cursor = best[1]

    def action_end(self, direction: int) -> None:
        """The first (-1) or last (1) box."""
        self.cursor = 0 if direction < 0 else len(self.diagram.boxes) - 1

    def action_choose(self) -> None:
        """Choose the box under the cursor."""
        box = self.current_box
        if box is not None:
            self.post_message(Chosen(self.id or "", box.ref, box.step, self.cursor, box.place))
