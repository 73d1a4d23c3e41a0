"""Snapshots of the screen: SVG files in screenshots/, compared cell by cell.

The golden files are the pictures that README shows, so they cannot go stale.
A mismatch prints the differing rows as text and writes NAME.actual.svg beside the golden file.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "screenshots"

Cell = tuple[str, str]
"""A character and how it is drawn."""
_TEXT = re.compile(r'<text class="[^"]*?-?(r\d+)"[^>]* x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>')
_RECT = re.compile(
    r'<rect fill="(#[0-9a-f]{6})" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="[\d.]+"[^>]*/>'
)
_RULE = re.compile(r"\.(?:[\w-]*-)?(r\d+) \{([^}]*)\}")
CELL_WIDTH = 12.2
LINE_HEIGHT = 24.4


def cells(svg: str) -> dict[tuple[int, int], Cell]:
    """(row, column) → character and style of every cell that holds anything."""
    rules = {name: rule.strip() for name, rule in _RULE.findall(svg)}
    found: dict[tuple[int, int], Cell] = {}
    paper: dict[tuple[int, int], str] = {}
    for colour, x, y, width in _RECT.findall(svg):
        row = round((float(y) - 1.5) / LINE_HEIGHT)
        for column in range(round(float(x) / CELL_WIDTH), round((float(x) + float(width)) / CELL_WIDTH)):
            paper[row, column] = colour
    for name, x, y, text in _TEXT.findall(svg):
        row, column = round((float(y) - 20) / LINE_HEIGHT), round(float(x) / CELL_WIDTH)
        for offset, character in enumerate(html.unescape(text).replace("\xa0", " ")):
            if character != " ":
                at = row, column + offset
                found[at] = character, f"{rules.get(name, name)} on {paper.get(at, '')}"
    for at, colour in paper.items():
        found.setdefault(at, (" ", f"on {colour}"))
    return found


def text(svg: str) -> list[str]:
    """The rows of the picture as plain text."""
    drawn = cells(svg)
    if not drawn:
        return []
    height = max(row for row, _ in drawn) + 1
    width = max(column for _, column in drawn) + 1
    return [
        "".join(drawn.get((row, column), (" ", ""))[0] for column in range(width)).rstrip()
        for row in range(height)
    ]


def difference(expected: str, actual: str) -> str:
    """The rows that differ, as text; empty when every cell is the same."""
    want, got = cells(expected), cells(actual)
    rows = sorted({at[0] for at in want.keys() | got.keys() if want.get(at) != got.get(at)})
    want_text, got_text = text(expected), text(actual)
    lines = []
    for row in rows:
        before = want_text[row] if row < len(want_text) else ""
        after = got_text[row] if row < len(got_text) else ""
        lines += [f"{row:3} - {before}", f"{row:3} + {after}"]
        if before == after:
            columns = [
                at[1] for at in want.keys() | got.keys() if at[0] == row and want.get(at) != got.get(at)
            ]
            column = min(columns)
            lines.append(
                f"    style of column {column}: {want.get((row, column))} is now {got.get((row, column))}"
            )
    return "\n".join(lines)


def check(name: str, svg: str, *, update: bool) -> None:
    """Compare a picture with its golden file, or write the golden file.

    Raises:
        AssertionError: with the differing rows.
    """
    golden = FOLDER / f"{name}.svg"
    actual = FOLDER / f"{name}.actual.svg"
    if update:
        FOLDER.mkdir(exist_ok=True)
        golden.write_text(svg, encoding="utf-8")
        actual.unlink(missing_ok=True)
        return
    if not golden.exists():
        actual.write_text(svg, encoding="utf-8")
        raise AssertionError(
            f"no golden picture {golden.name}; look at {actual}, then run with --update-shots"
        )
    differs = difference(golden.read_text(encoding="utf-8"), svg)
    if differs:
        actual.write_text(svg, encoding="utf-8")
        raise AssertionError(f"{golden.name} differs (see {actual}):\n{differs}")
    actual.unlink(missing_ok=True)
