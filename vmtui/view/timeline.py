"""Pane 8: the commands on a line, with how much each did, where now is, and what is still to come."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import TYPE_CHECKING, Final

import attrs

from vmtui.view.glyphs import BLOCKS, char
from vmtui.view.model import Row, Span, Track, line
from vmtui.view.text import count, cut, pad
from vmtui.view.text import width as width_of

if TYPE_CHECKING:
    from vmtui.player import Player
    from vmtui.session import Done, Session

#: Cells of a command at most: room for its name.
WIDEST: Final = 14
#: Other branches that are drawn, and of how many the newest are looked for.
BRANCHES: Final = 2
_NEWEST: Final = 16

_KINDS: Final = {
    "spawn": "spawn",
    "exec": "spawn",
    "fork": "fork",
    "exit": "munmap",
    "munmap": "munmap",
    "mmap": "mmap",
    "brk": "mmap",
    "read": "fault",
    "write": "fault",
    "swapout": "evict",
    "evict": "evict",
    "reclaim": "evict",
    "swapoff": "evict",
    "walk": "look",
    "referenced": "look",
}


@attrs.frozen
class Stretch:
    """Cells of one command: ``range(x, end)``, its mark in the last.

    Attributes:
        done: The command; None if it has not run.
        text: Its text.
    """

    x: int
    end: int
    done: Done | None
    text: str

    @property
    def mark(self) -> int:
        """The cell of its mark."""
        return self.end - 1


def timeline(session: Session, player: Player | None, width: int, lines: int = 3) -> Track:
    """The track in `width` cells.

    Args:
        lines: 1: the track; 2: with labels; 3: with the bars of what each command did; more: with branches.
    """
    upcoming = player.upcoming if player is not None else ()
    stretches = lay_out(session, upcoming, width)
    at = _cell_of(stretches, session.cursor)
    moments = _moments(stretches, width)
    track = Row(_track(session, stretches, width, at), explain="timeline")
    rows, where = [track], [moments]
    if lines >= 2:
        rows.append(Row(_labels(session, stretches, width), explain="timeline"))
        where.append(moments)
    if lines >= 3:
        rows.insert(0, Row(_density(stretches, width, at), explain="timeline"))
        where.insert(0, moments)
    for row in _branches(session, stretches, width)[: max(0, lines - 3)]:
        rows.append(row)
        where.append(())
    return Track("Timeline", tuple(rows), _note(session), tuple(where))


def kind_of(text: str) -> str:
    """The glyph of a command, by its first word."""
    return _KINDS.get(text.partition(" ")[0], "change")


def lay_out(session: Session, upcoming: Sequence[str], width: int) -> list[Stretch]:
    """The cells of each command that has steps, and of those to come; cell 0 is the machine just built.

    All have the same room, so that a mark stays where it is while the steps of its command are made.
    """
    commands: list[Done] = [done for done in session.commands if done.last > done.first]
    if session.failed is not None:
        commands.append(session.failed)
    room = max(1, width - 1)
    total = len(commands) + len(upcoming)
    if not total:
        return []
    each = min(float(WIDEST), room / total)
    stretches: list[Stretch] = []
    start = 1
    for end in range(1, room + 1) if each < 1 else (round((n + 1) * each) for n in range(total)):
        # With fewer cells than commands, the last of several stands for all.
        n = end * total // room - 1 if each < 1 else len(stretches)
        done = commands[n] if n < len(commands) else None
        text = done.text if done is not None else upcoming[n - len(commands)]
        stretches.append(Stretch(start, end + 1, done, text))
        start = end + 1
    return stretches


def _cell_of(stretches: list[Stretch], cursor: int) -> int:
    """The cell of a cursor position."""
    cell = 0
    for stretch in stretches:
        done = stretch.done
        if done is None or cursor <= done.first:
            break
        if cursor >= done.last:
            cell = stretch.mark
            continue
        steps = done.last - done.first
        return stretch.x + (cursor - done.first) * (stretch.end - stretch.x) // (steps + 1)
    return cell


def _moments(stretches: list[Stretch], width: int) -> tuple[int, ...]:
    moments = [-1] * width
    moments[0] = 0
    for stretch in stretches:
        done = stretch.done
        if done is None:
            break
        cells = stretch.end - stretch.x
        for n in range(cells):
            moments[stretch.x + n] = done.first + -(-(n + 1) * (done.last - done.first) // cells)
    return tuple(moments)


def _track(session: Session, stretches: list[Stretch], width: int, at: int) -> tuple[Span, ...]:
    end = stretches[-1].end if stretches else 1
    cells = [(char("bar"), "track") if x <= at else (char("bar_rest"), "track_rest") for x in range(end)]
    cells += [(" ", "text")] * (width - end)
    for stretch in stretches:
        past = stretch.mark <= at
        refused = stretch.done is not None and stretch.done is session.failed
        name = "refused" if refused else kind_of(stretch.text)
        cells[stretch.mark] = (char(name), "error" if refused else "mark" if past else "upcoming")
    cells[at] = (char("now"), "accent")
    return line(*cells[:width])


def _density(stretches: list[Stretch], width: int, at: int) -> tuple[Span, ...]:
    """For each cell how many steps it stands for, and now."""
    cells = [(" ", "text")] * width
    per_cell = [
        (s.done.last - s.done.first) / (s.end - s.x) if s.done is not None else 0.0 for s in stretches
    ]
    most = log2(1 + max(per_cell, default=0.0)) or 1.0
    for stretch, dense in zip(stretches, per_cell, strict=True):
        level = max(1, round(log2(1 + dense) / most * 8)) if dense else 0
        for x in range(stretch.x, stretch.end):
            cells[x] = (BLOCKS[level], "density" if x <= at else "track_rest")
    cells[at] = (char("more_down"), "accent")
    return line(*cells)


def _labels(session: Session, stretches: list[Stretch], width: int) -> tuple[Span, ...]:
    """Names under the marks, the command at the cursor in full and first, the others where there is room."""
    here = session.command_at(session.cursor)
    owner: list[str] = [""] * width
    cells = [" "] * width

    def put(text: str, mark: int, role: str) -> None:
        text = cut(text, width)
        x = max(0, min(mark, width - width_of(text)))
        if any(owner[max(0, x - 1) : x + width_of(text) + 1]):
            return
        for offset, letter in enumerate(text):
            cells[x + offset], owner[x + offset] = letter, role

    for stretch in stretches:
        if stretch.done is not None and stretch.done is here:
            put(stretch.text, stretch.mark, "accent")
    for stretch in stretches:
        if stretch.done is None or stretch.done is not here:
            past = stretch.done is not None and stretch.done.last <= session.cursor
            put(stretch.text.partition(" ")[0], stretch.mark, "mark" if past else "upcoming")
    return line(*((cell, role or "text") for cell, role in zip(cells, owner, strict=True)))


def _branches(session: Session, stretches: list[Stretch], width: int) -> list[Row]:
    """The newest other branches, each from where it leaves this one."""
    rows = []
    here = session.branch
    marks = {stretch.done.number: stretch.mark for stretch in stretches if stretch.done is not None}
    for branch in reversed(session.branches[-_NEWEST:]):
        if branch.name == here.name:
            continue
        # This branch left its parent; the others left this one, or one that both have in common.
        at = here.at if branch.name == here.parent else branch.at
        number = branch.at + len(branch.commands) - at
        last = f" · {branch.commands[-1]}" if branch.commands else ""
        text = f"╰─▶ {branch.name} · {count(number, 'command')} more{last}"
        x = marks.get(at - 1, 0)
        x = max(0, min(x, width - width_of(text)))
        rows.append(Row(line(" " * x, (pad(text, width - x), "branch")), explain="branch"))
        if len(rows) == BRANCHES:
            break
    return rows


def _note(session: Session) -> str:
    where = f"step {session.cursor:,} of {len(session.steps):,}"
    done = session.command_at(session.cursor)
    number = done.number + 1 if done is not None else 0
    text = f"command {number:,} of {len(session.commands):,} · {where}"
    return text if session.branch.name == "main" else f"{session.branch.name} · {text}"
