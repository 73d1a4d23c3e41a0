"""Where the panes stand: a pure function of the room there is.

One rule for every size, so that 100×30 and 200×60 are as good as the three sizes that were designed.
"""

from __future__ import annotations

from typing import NamedTuple

MINIMUM = (80, 24)
"""Columns and rows below which nothing is drawn."""
WIDE = 116
"""Columns from which three columns of panes fit."""
TALL = 26
"""Rows of the body from which three columns of panes are worth it."""

PANES = ("processes", "reverse-map", "lists", "frames", "struct-page", "source", "walk", "timeline")
"""DOM ids of the panes; their number keys count from 1."""
BODY = PANES[:-1]
"""Those between header and narration."""
LOWER = ("source", "walk")
"""What a small screen shows under the diagram at first."""


class Place(NamedTuple):
    """Cells of the body that a pane takes."""

    x: int
    y: int
    width: int
    height: int


def is_wide(width: int, height: int) -> bool:
    """Whether a body of this size shows every pane at once."""
    return width >= WIDE and height >= TALL


def places(
    width: int, height: int, *, lower: tuple[str, str] = LOWER, maximised: str = "", presenter: bool = False
) -> dict[str, Place]:
    """The place of every pane that is shown, in a body of `width` × `height`."""
    if maximised in BODY:
        return {maximised: Place(0, 0, width, height)}
    if presenter:
        return _presenter(width, height)
    return _wide(width, height) if is_wide(width, height) else _small(width, height, lower)


def _small(width: int, height: int, lower: tuple[str, str]) -> dict[str, Place]:
    """The diagram over two panes of the user's choice."""
    top = max(11, height * 6 // 10)
    half = width // 2
    return {
        "reverse-map": Place(0, 0, width, top),
        lower[0]: Place(0, top, half, height - top),
        lower[1]: Place(half, top, width - half, height - top),
    }


def _presenter(width: int, height: int) -> dict[str, Place]:
    """The diagram beside the source, or over it where that would be narrow."""
    if width < 110:
        top = height * 6 // 10
        return {"reverse-map": Place(0, 0, width, top), "source": Place(0, top, width, height - top)}
    left = width * 62 // 100
    return {"reverse-map": Place(0, 0, left, height), "source": Place(left, 0, width - left, height)}


def _wide(width: int, height: int) -> dict[str, Place]:
    """Three columns: who maps; the map and the code that reads it; the page, the walk, the frames.

    The middle column is the widest: boxes need 60 cells, and code is no textbook page if it is cut.
    What a step says is cut in the walk and whole in the narration.
    """
    left = max(24, min(34, width * 20 // 100))
    right = max(36, min(64, width * 29 // 100))
    middle = width - left - right
    lists = max(7, height * 3 // 10)
    source = max(9, height * 40 // 100)
    page = max(11, min(14, height * 34 // 100))
    grid = max(7, (height - page) * 42 // 100)
    x = left + middle
    return {
        "processes": Place(0, 0, left, height - lists),
        "lists": Place(0, height - lists, left, lists),
        "reverse-map": Place(left, 0, middle, height - source),
        "source": Place(left, height - source, middle, source),
        "struct-page": Place(x, 0, right, page),
        "walk": Place(x, page, right, height - page - grid),
        "frames": Place(x, height - grid, right, grid),
    }
