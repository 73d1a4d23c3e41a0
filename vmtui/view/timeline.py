"""Pane 8: the commands on a line, with how much each did, where now is, and what is still to come."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import log2
from operator import attrgetter
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import attrs

from vmtui.view.glyphs import BLOCKS, char
from vmtui.view.model import Row, Rows, Span, Track, line
from vmtui.view.text import count, cut, pad
from vmtui.view.text import width as width_of
from vmtui.view.walk import sign

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
    "remap_file_pages": "mmap",
    "read": "fault",
    "write": "fault",
    "swapout": "evict",
    "evict": "evict",
    "reclaim": "evict",
    "swapoff": "evict",
    "walk": "look",
    "referenced": "look",
}

_WITH_STEPS: Final[WeakKeyDictionary[Session, tuple[object, Done | None, list[Done]]]] = WeakKeyDictionary()


@attrs.frozen
class Stretch:
    """Cells of one command: ``range(x, end)``, its mark in the last; unfolded, in the first, its steps after.

    Attributes:
        done: The command; None if it has not run.
        text: Its text.
        unfolded: Each of its steps is a cell to go to, as far as there is room.
    """

    x: int
    end: int
    done: Done | None
    text: str
    unfolded: bool = False

    @property
    def mark(self) -> int:
        """The cell of its mark."""
        return self.x if self.unfolded else self.end - 1

    @property
    def tip(self) -> int:
        """The cell of its end."""
        return self.end - 1

    def moments(self) -> list[int]:
        """The cursor position of each of its cells: folded, just after it; unfolded, its steps."""
        done = self.done
        if done is None:
            return []
        cells = self.end - self.x
        if not self.unfolded or cells == 1:
            return [done.last] * cells
        steps, room = done.last - done.first, cells - 1
        return [done.last, *(done.first + -(-(n + 1) * steps // room) for n in range(room))]

    def cell_of(self, cursor: int) -> int:
        """The cell of a cursor position inside the command."""
        assert self.done is not None
        done, cells = self.done, self.end - self.x
        steps = done.last - done.first
        if self.unfolded and cells > 1:
            return self.x + 1 + (cursor - done.first - 1) * (cells - 1) // steps
        return self.x + (cursor - done.first) * cells // (steps + 1)


def timeline(
    session: Session, player: Player | None, width: int, lines: int = 3, unfolded: int | None = None
) -> Track:
    """The track in `width` cells.

    Args:
        lines: 1: the track; 2: with labels; 3: with the bars of what each command did; more: with branches.
        unfolded: The number of the command whose steps are shown, one a cell where there is room.
    """
    script = player if player is not None and not player.detour else None
    upcoming = script.upcoming if script is not None else ()
    stretches = lay_out(session, upcoming, width, unfolded)
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
    for row in _branches(session, stretches, width, player)[: lines - 3] if lines > 3 else ():
        rows.append(row)
        where.append(())
    return Track("Timeline", tuple(rows), _note(session, script), tuple(where))


def kind_of(text: str) -> str:
    """The glyph of a command, by its first word."""
    return _KINDS.get(text.partition(" ")[0], "change")


def lay_out(
    session: Session, upcoming: Sequence[str], width: int, unfolded: int | None = None
) -> list[Stretch]:
    """The cells of each command that has steps, and of those to come; cell 0 is the machine just built.

    All have the same room, so that a mark stays where it is while the steps of its command are made; but the
    unfolded one has a cell for each step, as far as the others keep a third of the line.
    """
    commands, failed = with_steps(session), session.failed
    if failed is not None:
        commands = [*commands, failed]

    def part(index: int) -> tuple[Done | None, str]:
        if index < len(commands):
            return commands[index], commands[index].text
        return None, upcoming[index - len(commands)]

    parts = Rows(len(commands) + len(upcoming), part)
    room = max(1, width - 1)
    at = bisect_left(commands, unfolded, key=attrgetter("number")) if unfolded is not None else -1
    if not 0 <= at < len(commands) or commands[at].number != unfolded:
        return _evenly(parts, 1, room, WIDEST)
    others = len(parts) - 1
    steps = commands[at].last - commands[at].first
    wide = max(1, min(steps + 1, room - min(others, room // 3)))
    each = min(float(WIDEST), (room - wide) / others) if others else 0.0
    before = _evenly(parts[:at], 1, round(at * each), each)
    x = 1 + round(at * each)
    chosen = Stretch(x, x + wide, commands[at], commands[at].text, unfolded=True)
    return [*before, chosen, *_evenly(parts[at + 1 :], x + wide, 1 + room - x - wide, each)]


def with_steps(session: Session) -> list[Done]:
    """The commands that have steps: of what was done quietly the last. Gone through when there are others."""
    last = session.commands[-1] if session.commands else None
    span = (last.first, last.last) if last is not None else (0, 0)
    key = session.branch_name, len(session.commands), span
    kept = _WITH_STEPS.get(session)
    if kept is None or kept[0] != key or kept[1] is not last:
        kept = key, last, [done for done in session.commands if done.last > done.first]
        _WITH_STEPS[session] = kept
    return kept[2]


def _evenly(parts: Sequence[tuple[Done | None, str]], start: int, room: int, widest: float) -> list[Stretch]:
    """Commands in `room` cells from `start` on, each as wide as the others."""
    total = len(parts)
    if not total or room < 1:
        return []
    each = min(float(widest), room / total)
    stretches: list[Stretch] = []
    x = start
    for end in range(1, room + 1) if each < 1 else (round((n + 1) * each) for n in range(total)):
        # With fewer cells than commands, the last of several stands for all.
        n = end * total // room - 1 if each < 1 else len(stretches)
        stretches.append(Stretch(x, start + end, *parts[n]))
        x = start + end
    return stretches


def _cell_of(stretches: list[Stretch], cursor: int) -> int:
    """The cell of a cursor position."""
    cell = 0
    for stretch in stretches:
        done = stretch.done
        if done is None or cursor <= done.first:
            break
        if cursor < done.last:
            return stretch.cell_of(cursor)
        cell = stretch.tip
    return cell


def _moments(stretches: list[Stretch], width: int) -> tuple[int, ...]:
    moments = [-1] * width
    moments[0] = 0
    for stretch in stretches:
        if stretch.done is None:
            break
        moments[stretch.x : stretch.end] = stretch.moments()
    return tuple(moments)


def _track(session: Session, stretches: list[Stretch], width: int, at: int) -> tuple[Span, ...]:
    end = stretches[-1].end if stretches else 1
    cells = [(char("bar"), "track") if x <= at else (char("bar_rest"), "track_rest") for x in range(end)]
    cells += [(" ", "text")] * (width - end)
    for stretch in stretches:
        if stretch.unfolded:
            for x, moment in zip(range(stretch.x, stretch.end), stretch.moments(), strict=True):
                name, role = sign(session.steps[moment - 1].step)
                cells[x] = (char(name), role if x <= at else "upcoming")
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


def _branches(session: Session, stretches: list[Stretch], width: int, player: Player | None) -> list[Row]:
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
        more = f"{count(number, 'command')} more{last}" if number else "nothing more yet"
        script = " · the script (R)" if player is not None and branch.name == player.branch else ""
        text = f"╰─▶ {branch.name} · {more}{script}"
        x = marks.get(at - 1, 0)
        x = max(0, min(x, width - width_of(text)))
        rows.append(Row(line(" " * x, (pad(text, width - x), "branch")), explain="branch"))
        if len(rows) == BRANCHES:
            break
    return rows


def _note(session: Session, script: Player | None) -> str:
    """Which command of all, those to come counted; which of its steps; and which step of all so far."""
    done = session.command_at(session.cursor)
    commands = len(session.commands) + (script.remaining if script is not None else 0)
    number = done.number + 1 if done is not None else 0
    text = f"command {number:,} of {max(commands, number):,}"
    if done is not None:
        text += f" · step {session.cursor - done.first:,} of {done.last - done.first:,}"
    text += f" · {session.cursor:,} of {max(session.end, session.cursor):,} in all"
    return text if session.branch_name == "main" else f"{session.branch_name} · {text}"
