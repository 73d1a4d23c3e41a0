"""An app with one widget, on literals."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.widget import Widget

from vmtui.tui import themes
from vmtui.tui.messages import Chosen, Entered, Pressed


class Stand(App[None]):
    """Shows one widget and keeps the messages that it posts."""

    def __init__(self, widget: Widget, *, ascii: bool = False) -> None:
        super().__init__()
        for theme in themes.textual_themes():
            self.register_theme(theme)
        self.theme = themes.DEFAULT
        self.palette = themes.palette(themes.DEFAULT, ascii=ascii)
        self.widget = widget
        self.heard: list[object] = []

    def compose(self) -> ComposeResult:
        """The widget."""
        yield self.widget

    def on_chosen(self, event: Chosen) -> None:
        """Keep it."""
        self.heard.append((event.ref, event.step, event.row))

    def on_entered(self, event: Entered) -> None:
        """Keep it."""
        self.heard.append(event.text)

    def on_pressed(self, event: Pressed) -> None:
        """Keep it."""
        self.heard.append(event.action)


def lines(widget: Widget) -> list[str]:
    """What the widget shows."""
    return [strip.text.rstrip() for strip in widget.render_lines(Region(0, 0, *widget.outer_size))]
