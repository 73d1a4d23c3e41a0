"""Every pane, built from a Session at its cursor: what the screen asks for."""

from __future__ import annotations

from vmtui.view.diagram import diagram
from vmtui.view.frames import cells_per_row, frame_at, frames, pages
from vmtui.view.header import header
from vmtui.view.lists import lists
from vmtui.view.narration import narration
from vmtui.view.processes import processes
from vmtui.view.source import source
from vmtui.view.struct_page import struct_page
from vmtui.view.timeline import timeline
from vmtui.view.walk import walk

__all__ = [
    "cells_per_row",
    "diagram",
    "frame_at",
    "frames",
    "header",
    "lists",
    "narration",
    "pages",
    "processes",
    "source",
    "struct_page",
    "timeline",
    "walk",
]
