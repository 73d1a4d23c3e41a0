"""
Every error that vmtui raises on purpose: one root and a few exact classes.

The text of an error is one plain sentence that quotes what was given and what was found.
Nothing here prints: `vmtui.cli` turns an error into an exit code, the app turns one into the narration strip.
"""

from __future__ import annotations

import unicodedata

__all__ = [
    "CannotError",
    "FaultError",
    "KernelError",
    "LiveError",
    "OptionError",
    "PlaceError",
    "ScenarioError",
    "ScenarioErrors",
    "VmtuiError",
    "is_control",
    "printable",
]

EXCERPT_WIDTH = 96  # columns of a bad line that are shown; a longer one is cut around the caret


# Marks that reorder what is beside them: a terminal would show another text than the one that is there.
_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def is_control(char: str) -> bool:
    """Whether a terminal could act on this character instead of showing it."""
    return char in _REORDERING or unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")


def printable(text: str) -> str:
    """The text on one line, every character that a terminal could act on replaced by a visible one."""
    if text.isprintable():
        return text
    return "".join(
        " " if char == "\t" else "\N{REPLACEMENT CHARACTER}" if is_control(char) else char for char in text
    )


def _excerpt(source: str, column: int) -> tuple[str, str]:
    """A line cut to what fits, and the caret line under it; `column` counts from 0."""
    start = max(0, column - EXCERPT_WIDTH * 2 // 3) if len(source) > EXCERPT_WIDTH else 0
    shown = source[start : start + EXCERPT_WIDTH]
    before, after = "…" if start else "", "…" if start + EXCERPT_WIDTH < len(source) else ""
    return before + printable(shown) + after, " " * (len(before) + column - start) + "^"


class VmtuiError(Exception):
    """The root of every error that vmtui raises on purpose."""

    message: str

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class OptionError(VmtuiError):
    """A machine option that does not exist, or a value that it cannot have."""


class FaultError(VmtuiError):
    """
    A fault of vmtui's own, met while commands ran.

    Attributes:
        log:
            The machine line and the commands that lead to it.
    """

    log: tuple[str, ...]

    def __init__(self, fault: Exception, log: tuple[str, ...]) -> None:
        super().__init__(f"a fault of vmtui's own: {type(fault).__name__}: {printable(str(fault))}")
        self.log = log

    def __str__(self) -> str:
        lines = [f"    {printable(line)}" for line in self.log]
        return "\n".join([self.message, "this leads to it:", *lines])


class LiveError(VmtuiError):
    """The kernel underneath, or a process of ours on it, did what it should never do."""


class CannotError(LiveError):
    """This machine lacks what is needed: a privilege, a file under /proc, a place for swap."""


class KernelError(VmtuiError):
    """
    A command that the simulated kernel refuses, as a system call would.

    Attributes:
        errno:
            The kernel's name for it: ``"ENOMEM"``, ``"EFAULT"``, ``"EINVAL"``, ...

        message:
            What was refused and why, in one sentence.

        partial:
            True if part of the work was done and stays, as the kernel leaves it (mlock over a hole).
            Otherwise the machine is as it was before the command.
    """

    errno: str
    partial: bool

    def __init__(self, errno: str, message: str, *, partial: bool = False) -> None:
        super().__init__(message)
        self.errno = errno
        self.partial = partial

    def __str__(self) -> str:
        return f"{self.errno}: {self.message}"


class PlaceError(KernelError):
    """A process, label or range that is not there (``ESRCH``, ``ENOENT`` or ``EINVAL``)."""


class ScenarioError(VmtuiError):
    """
    A line of the command language that cannot be read or expanded.

    Attributes:
        message:
            What is wrong, in the reader's words, without the position.

        path:
            The file, or None at the prompt.

        line, column:
            Counted from 1.  Column 0 if the whole line is meant, line 0 at the prompt and for a whole file.

        expected:
            What could stand there, in the reader's words, at most five.

        source:
            The line as it was written.

        suggestion:
            The word that was probably meant.

        unit:
            What `line` counts: ``line``, or ``command`` where ``;`` separates them.
    """

    path: str | None
    line: int
    column: int
    expected: tuple[str, ...]
    source: str
    suggestion: str | None
    unit: str

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        line: int = 0,
        column: int = 0,
        expected: tuple[str, ...] = (),
        source: str = "",
        suggestion: str | None = None,
        unit: str = "line",
    ) -> None:
        super().__init__(message)
        self.path = path
        self.line = line
        self.column = column
        self.expected = expected
        self.source = source
        self.suggestion = suggestion
        self.unit = unit

    @property
    def hinted(self) -> str:
        """What is wrong, and what was probably meant, in a line."""
        return self.message + (f" · did you mean {self.suggestion}?" if self.suggestion else "")

    @property
    def position(self) -> str:
        """Where it is: ``FILE:12:18``, with only the parts that are known; at the prompt the column alone."""
        if self.path is None and not self.line:
            return f"column {self.column}" if self.column else ""
        if self.unit == "command" and self.line:
            return f"command {self.line}" + (f", column {self.column}" if self.column else "")
        numbers = [str(number) for number in (self.line, self.column) if number]
        if self.path is None:
            return f"line {':'.join(numbers)}"
        return ":".join([printable(self.path), *numbers])

    def __str__(self) -> str:
        lines = [f"{self.position}: {self.message}" if self.position else self.message]
        if self.source and self.column:
            lines += [f"    {text}" for text in _excerpt(self.source, self.column - 1)]
        if self.suggestion is not None:
            lines.append(f"    did you mean {self.suggestion}?")
        return "\n".join(lines)


class ScenarioErrors(VmtuiError):
    """
    Every bad line of a file, at most ten.

    Attributes:
        errors:
            In the order of their lines.
    """

    errors: list[ScenarioError]

    def __init__(self, errors: list[ScenarioError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = errors
