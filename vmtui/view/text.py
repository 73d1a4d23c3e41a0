"""Text in cells: how wide it is, cut and padded; numbers, sizes and addresses in their one form."""

from __future__ import annotations

from unicodedata import combining, east_asian_width

from vmtui.view.model import Span

ELLIPSIS = "…"


def width(text: str) -> int:
    """Cells that a text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(char_width(char) for char in text)


def char_width(char: str) -> int:
    """Cells that a character takes."""
    if char < "\u0300":
        return 1
    if combining(char):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def cut(text: str, cells: int) -> str:
    """The text in at most `cells` cells; what does not fit ends in an ellipsis."""
    if width(text) <= cells:
        return text
    if cells <= 0:
        return ""
    kept, room = [], cells - 1
    for char in text:
        room -= char_width(char)
        if room < 0:
            break
        kept.append(char)
    return "".join(kept) + ELLIPSIS


def pad(text: str, cells: int) -> str:
    """The text in exactly `cells` cells."""
    text = cut(text, cells)
    return text + " " * (cells - width(text))


def spans_width(spans: tuple[Span, ...]) -> int:
    """Cells that spans take."""
    return sum(width(span.text) for span in spans)


def fit(spans: tuple[Span, ...], cells: int) -> tuple[Span, ...]:
    """Spans in at most `cells` cells; what does not fit ends in an ellipsis."""
    if spans_width(spans) <= cells:
        return spans
    kept: list[Span] = []
    room = cells - 1
    for span in spans:
        taken = width(span.text)
        if taken > room:
            kept.append(Span(cut(span.text + " ", min(taken, room + 1)), span.role))
            break
        kept.append(span)
        room -= taken
    return tuple(kept) if cells > 0 else ()


def wrap(text: str, cells: int) -> list[str]:
    """The text in lines of at most `cells` cells, broken between words."""
    lines: list[str] = []
    for word in text.split():
        if lines and width(lines[-1]) + 1 + width(word) <= cells:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]


def address(value: int) -> str:
    """A user address, in hexadecimal."""
    return f"{value:#x}"


def frame(pfn: int) -> str:
    """A frame by its number, in hexadecimal."""
    return f"{pfn:#x}"


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 page``, ``1,234 pages``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def walk_name(kind: str) -> str:
    """A kind of walk as the command is called that makes it: one that only looks is ``walk``."""
    return "walk" if kind == "look" else kind


def size(nbytes: int) -> str:
    """Bytes in at most five characters and a unit: ``12 B``, ``12.0 K``, ``64 M``."""
    if abs(nbytes) < 1024:
        return f"{nbytes} B"
    value = float(nbytes)
    for unit in "KMGT":
        value /= 1024
        if abs(value) < 1024 or unit == "T":
            return f"{value:.1f} {unit}" if abs(value) < 10 and value != int(value) else f"{value:.0f} {unit}"
    raise AssertionError
