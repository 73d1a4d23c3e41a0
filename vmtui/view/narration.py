"""The strip under the panes: an error, else a failed expect, else a card, else what the last step did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vmtui.mm.step import WalkRecord
from vmtui.view.glyphs import char
from vmtui.view.model import Row, line
from vmtui.view.now import step_at
from vmtui.view.overlay import last_counter
from vmtui.view.text import count, pad, walk_name, wrap

if TYPE_CHECKING:
    from vmtui.player import Player
    from vmtui.session import Done, Session

#: Walks of one command that are summed one by one.
_WALKS: Final = 3

STUCK: Final = "the script ends here: b goes back a beat, : takes another command"

__all__ = ["message", "narration", "status_line", "wrap"]


def narration(
    session: Session,
    player: Player | None,
    width: int,
    lines: int = 3,
    said: tuple[str, str] | None = None,
) -> tuple[Row, ...]:
    """`lines` rows of exactly `width` cells.

    Args:
        said: A text and its role that come before a card: a notice.
    """
    text, role = message(session, player, said)
    wrapped = [row for part in text.split("\n") for row in wrap(part, width - 2)]
    status = status_line(session) if role != "error" else ""
    if len(wrapped) >= lines:
        # A card of short lines is run together before any of it is cut.
        wrapped = wrap(" ".join(text.split()), width - 2)
    shown = wrapped[:lines]
    if len(wrapped) > lines:
        shown[-1] = pad(shown[-1] + " " + wrapped[lines], width - 2)
    rows = [Row(line((" " + pad(row, width - 1), role)), explain="narration") for row in shown]
    if len(rows) < lines and status:
        rows += [_blank(width)] * (lines - 1 - len(rows))
        rows.append(Row(line((" " + pad(status, width - 1), "dim")), explain="narration"))
    return tuple([*rows, *[_blank(width)] * lines][:lines])


def message(session: Session, player: Player | None, said: tuple[str, str] | None) -> tuple[str, str]:
    """What is said, by rank, and its role."""
    refused = _refused_here(session, player)
    expected = refused is not None and player is not None and player.expects(refused)
    if refused is not None and not expected:
        where = player.place_of(refused.line_number) if player is not None else ""
        text = f"{char('miss')} {where}{refused.text}: {refused.error}"
        stuck = player is not None and player.stuck is refused
        return f"{text}\n{STUCK}" if stuck else text, "error"
    failure = player.failure if player is not None else None
    if failure is not None:
        where = player.place_of(failure.line) if player is not None else ""
        return f"{char('miss')} {where}expect {failure.expression}\n{failure.sentence}", "warn"
    if said is not None:
        return said
    card = player.card if player is not None else None
    if card:
        return card, "card"
    if refused is not None:
        return f"{char('hit')} {refused.text}: {refused.error}\nrefused, as the script expects", "good"
    step = step_at(session)
    if step is None:
        return session.machine.scheme.period, "text"
    return step.sentence, "text"


def _refused_here(session: Session, player: Player | None) -> Done | None:
    """The command that was refused last, that stopped half way here, or that holds the script up."""
    failed, done = session.failed, session.command_at(session.cursor)
    if failed is not None and failed.error is not None and session.cursor >= failed.first:
        return failed
    if done is not None and done.error is not None and session.cursor == done.last:
        return done
    return player.stuck if player is not None else None


def status_line(session: Session) -> str:
    """The command at the cursor, which of its steps, and the counter of its walk."""
    done = session.command_at(session.cursor)
    if done is None:
        return "the machine just built"
    parts = [done.text]
    steps = done.last - done.first
    if session.cursor < done.last:
        parts.append(f"step {session.cursor - done.first} of {steps}")
    whole = session.cursor == done.last and 1 < len(done.walks) <= _WALKS
    parts += [_sum(walk) for walk in done.walks] if whole else [last_counter(session)]
    return " · ".join(part for part in parts if part)


def _sum(walk: WalkRecord) -> str:
    """A walk of several: ``referenced 2 = 1 hit + 1 miss``."""
    found = f"{count(walk.hits, 'hit')} + {count(walk.misses, 'miss', 'misses')}"
    return f"{walk_name(walk.kind)} {walk.examined:,} = {found}"


def _blank(width: int) -> Row:
    return Row(line(" " * width))
