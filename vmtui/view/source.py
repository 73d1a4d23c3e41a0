"""Pane 6: the call stack, and the simulator's own function that made the last step, its running line lit."""

from __future__ import annotations

import io
import keyword
import linecache
import tokenize
from functools import lru_cache
from inspect import getblock
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vmtui.mm.step import Frame, Place
from vmtui.view.model import Pane, Row, Span, line

if TYPE_CHECKING:
    from vmtui.session import Session

_PACKAGE: Final = Path(__file__).resolve().parent.parent
#: Steps looked ahead for when a line runs next.
_AHEAD: Final = 1000
#: Lines of source that the call stack leaves.
_LEAST_SOURCE: Final = 6
_STACK: Final = 4


def source(session: Session, height: int) -> Pane:
    """The innermost function of the step at the cursor, in `height` rows with the stack that led to it."""
    if not 0 < session.cursor <= len(session.steps):
        return Pane("Source", (Row(line(("nothing has run yet", "dim"))),))
    frames = stack_of(session.steps[session.cursor - 1].place)
    if not frames:
        return Pane("Source", (Row(line(("no source for this step", "dim"))),))
    inner = frames[-1]
    ahead = _lines_ahead(session, inner)
    returns = _returns(session, frames)
    stack = _stack_rows(frames[:-1], returns, max(0, min(_STACK, height - _LEAST_SOURCE)))

    lines = function_lines(inner.file, inner.first_line)
    running = inner.line - inner.first_line
    room = max(1, height - len(stack))
    first = max(0, min(running - room // 2, len(lines) - room))
    # Indentation that all lines in view share says nothing.
    window = lines[first : first + room]
    indent = min((_indent(code) for code in window if code), default=0)
    rows = list(stack)
    for offset in range(first, min(first + room, len(lines))):
        number = inner.first_line + offset
        here = offset == running
        gutter = line((f"{number:>4} ", "accent" if here else "lineno"))
        code = _dedent(lines[offset], indent)
        rows.append(Row(gutter + code, step=ahead.get(number), current=here, explain="source"))
    focus = len(stack) + running - first
    return Pane(f"{inner.function}()  {inner.file}", tuple(rows), f"line {inner.line}", focus)


@lru_cache(maxsize=4096)
def stack_of(place: Place) -> tuple[Frame, ...]:
    """The call stack of a place, outermost first; places are interned, so this is worked out once."""
    return place.frames


@lru_cache(maxsize=256)
def function_lines(file: str, first_line: int) -> tuple[tuple[Span, ...], ...]:
    """The lines of a function, in roles; `file` as in `Frame`."""
    text = linecache.getlines(str(_PACKAGE / file))
    if not 0 < first_line <= len(text):
        return (line(("the source is not at hand", "dim")),)
    block = getblock(text[first_line - 1 :])
    indent = len(block[0]) - len(block[0].lstrip())
    dedented = [row[indent:].rstrip("\n") if row.strip() else "" for row in block]
    return tuple(_spans(row, roles) for row, roles in zip(dedented, _roles(dedented), strict=True))


def _roles(lines: list[str]) -> list[list[str]]:
    """A role for each character of each line, by the tokens of Python."""
    roles = [["text"] * len(row) for row in lines]
    previous = ""
    statement_starts = True
    try:
        for token in tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline):
            role = _token_role(token, previous, statement_starts)
            if role:
                _paint(roles, token, role)
            if token.type not in (tokenize.NL, tokenize.COMMENT):
                statement_starts = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
            previous = token.string
    except (tokenize.TokenError, IndentationError):
        return roles
    return roles


def _token_role(token: tokenize.TokenInfo, previous: str, statement_starts: bool) -> str:
    kind, text = token.type, token.string
    if kind == tokenize.COMMENT:
        return "comment"
    if kind == tokenize.STRING:
        return "comment" if statement_starts else "string"
    if kind == tokenize.NUMBER:
        return "number"
    if kind == tokenize.NAME and keyword.iskeyword(text):
        return "keyword"
    if kind == tokenize.NAME and previous in ("def", "class"):
        return "function"
    # 3.12 takes f-strings apart.
    return "string" if tokenize.tok_name[kind].startswith("FSTRING") else ""


def _paint(roles: list[list[str]], token: tokenize.TokenInfo, role: str) -> None:
    (first, start), (last, end) = token.start, token.end
    for number in range(first, last + 1):
        if number > len(roles):
            break
        row = roles[number - 1]
        low = start if number == first else 0
        high = end if number == last else len(row)
        row[low:high] = [role] * (min(high, len(row)) - low)


def _spans(text: str, roles: list[str]) -> tuple[Span, ...]:
    return line(*zip(text, roles, strict=True)) if text else ()


def _indent(code: tuple[Span, ...]) -> int:
    """Blanks at the start of a line."""
    text = "".join(span.text for span in code)
    return len(text) - len(text.lstrip())


def _dedent(code: tuple[Span, ...], cells: int) -> tuple[Span, ...]:
    """A line without its first blanks."""
    spans = []
    for span in code:
        spans.append(Span(span.text[cells:], span.role))
        cells = max(0, cells - len(span.text))
    return line(*spans)


def _stack_rows(frames: tuple[Frame, ...], returns: dict[int, int], room: int) -> list[Row]:
    """The callers, outermost first; what has no room is counted."""
    hidden = len(frames) - room if len(frames) > room else 0
    if hidden and room:
        hidden += 1
    rows = []
    if hidden and room:
        rows.append(Row(line((f"{hidden} more callers", "dim"))))
    for depth in range(hidden, len(frames) if room else 0):
        frame = frames[depth]
        spans = line(
            (f"  {frame.function}", "function"), (f" {frame.file.rpartition('/')[2]}:{frame.line}", "dim")
        )
        rows.append(Row(spans, step=returns.get(depth), explain="stack"))
    return rows


def _lines_ahead(session: Session, inner: Frame) -> dict[int, int]:
    """For each line of the running function the cursor position at which it runs next, in this command."""
    found: dict[int, int] = {}
    seen: set[Place] = set()
    for cursor, place in _next_places(session):
        if place in seen:
            continue
        seen.add(place)
        for frame in stack_of(place):
            if frame.file == inner.file and frame.first_line == inner.first_line:
                found.setdefault(frame.line, cursor)
    return found


def _returns(session: Session, frames: tuple[Frame, ...]) -> dict[int, int]:
    """For each caller the cursor position of the first step after what it called now has returned."""
    found: dict[int, int] = {}
    waiting = len(frames) - 1
    last = session.cursor
    for cursor, place in _next_places(session):
        last = cursor
        others = stack_of(place)
        while waiting and (len(others) <= waiting or others[:waiting] != frames[:waiting]):
            waiting -= 1
            found[waiting] = cursor
        if not waiting:
            break
    for depth in range(waiting):
        found.setdefault(depth, last)
    return found


def _next_places(session: Session) -> list[tuple[int, Place]]:
    """The places of the steps after the cursor, to the end of its command."""
    done = session.command_at(session.cursor)
    end = done.last if done is not None else session.cursor
    stop = min(end, session.cursor + _AHEAD, len(session.steps))
    return list(enumerate(session.steps[session.cursor : stop].places, session.cursor + 1))
