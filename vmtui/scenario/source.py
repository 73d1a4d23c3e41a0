"""From bytes to lines: what a file or a ``-c`` text may be made of."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from vmtui.errors import ScenarioError, printable

__all__ = ["MAX_ERRORS", "MAX_FILE", "Report", "decode_lines", "read_file", "split_commands"]

MAX_FILE: Final = 16 << 20
"""Bytes of a file."""

MAX_ERRORS: Final = 10
"""Errors reported of one file."""

_TEXT_LINE: Final = re.compile(r"\s*(title|section|say)\b(?!-)")


def read_file(path: Path) -> bytes:
    """
    The bytes of a scenario file.

    Raises:
        ScenarioError: it cannot be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ScenarioError(f"cannot be read: {printable(str(reason))}", path=str(path), line=0) from None
    if len(data) > MAX_FILE:
        raise ScenarioError(f"larger than {MAX_FILE >> 20} MB", path=str(path), line=0)
    return data


def decode_lines(data: bytes, path: str | None = None) -> tuple[list[str], list[ScenarioError]]:
    """The lines of a UTF-8 text, LF or CRLF, a BOM allowed; and an error for each line that is none."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        lines = data.decode("utf-8").split("\n")
        errors: list[ScenarioError] = []
    except UnicodeDecodeError:
        lines, errors = _decode_each(data.split(b"\n"), path)
    return [line.removesuffix("\r") for line in lines], errors


def _decode_each(raw: list[bytes], path: str | None) -> tuple[list[str], list[ScenarioError]]:
    lines: list[str] = []
    errors: list[ScenarioError] = []
    for number, line in enumerate(raw, start=1):
        try:
            lines.append(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            lines.append("")
            if len(errors) < MAX_ERRORS:
                # A noise file may be one line: what is shown begins near the bad byte.
                start = max(0, error.start - 60)
                shown = line[start : error.start + 60].decode("utf-8", "replace")
                column = len(line[start : error.start].decode("utf-8", "replace")) + 1
                message = f"not UTF-8 text (byte 0x{line[error.start]:02x})"
                errors.append(ScenarioError(message, path=path, line=number, column=column, source=shown))
    return lines, errors


def split_commands(text: str) -> list[str]:
    """The commands of a line in which ``;`` separates them; one in a quoted name or a comment does not."""
    parts: list[str] = []
    start = 0
    quoted = False
    for at, char in enumerate(text):
        if char == ";" and not quoted:
            parts.append(text[start:at])
            start = at + 1
        elif char in '"#' and not _TEXT_LINE.match(text, start):
            if char == "#" and not quoted:
                break
            quoted = quoted != (char == '"')
    return [*parts, text[start:]]


class Report:
    """
    The errors of one file, collected; at most ten are kept.

    Args:
        raw: Its lines.
        path: The file.
        unit: What its lines are called: ``line``, or ``command``.
    """

    def __init__(self, raw: list[str], path: str | None, unit: str = "line") -> None:
        self.raw = raw
        self.path = path
        self.unit = unit
        self.errors: list[ScenarioError] = []

    @property
    def full(self) -> bool:
        """Whether there is no room for more."""
        return len(self.errors) >= MAX_ERRORS

    def add(self, line: int, message: str, suggestion: str | None = None) -> None:
        """A line is wrong as a whole."""
        source = self.raw[line - 1] if 0 < line <= len(self.raw) else ""
        self.errors.append(
            ScenarioError(
                message,
                path=self.path,
                line=line,
                source=source.strip(),
                suggestion=suggestion,
                unit=self.unit,
            )
        )

    def place(self, error: ScenarioError, line: int) -> None:
        """A line without its indentation could not be read: say where it is."""
        source = self.raw[line - 1]
        shift = len(source) - len(source.lstrip()) if error.column else 0
        self.errors.append(
            ScenarioError(
                error.message,
                path=self.path,
                line=line,
                column=error.column + shift,
                expected=error.expected,
                source=source,
                suggestion=error.suggestion,
                unit=self.unit,
            )
        )

    def sorted(self) -> list[ScenarioError]:
        """The errors in the order of their lines."""
        return sorted(self.errors, key=lambda error: (error.line, error.column))[:MAX_ERRORS]
