"""A played scenario as text, line by line: the narration, each command, what happened, what held."""

from __future__ import annotations

from collections.abc import Iterator

from vmtui.errors import printable
from vmtui.mm.step import StepRecord, WalkRecord
from vmtui.report.playing import Event, Tally
from vmtui.scenario.items import Card, CheckError, Fold, PauseItem, Run, Section
from vmtui.scenario.observables import table
from vmtui.scenario.script import Script
from vmtui.session import Done, Session
from vmtui.view.text import walk_name

__all__ = ["closing", "event_lines", "observables", "opening"]

WALKS_SHOWN = 4


def opening(script: Script, session: Session) -> Iterator[str]:
    """What is played, on which machine."""
    if script.title:
        yield printable(script.title)
    yield f"machine {session.options.text}"


def event_lines(event: Event, session: Session, *, where: str, steps: bool = False) -> Iterator[str]:
    """
    What one item says.

    Args:
        where: Where in the scenario it stands: a failed expect is told with its place.
        steps: Whether every step is told, with the kernel function that took it.
    """
    match event.item:
        case Section():
            yield ""
            yield f"== {printable(event.text)} =="
        case Card():
            yield ""
            for line in event.text.split("\n"):
                yield f"  {printable(line)}".rstrip()
            yield ""
        case PauseItem() | Fold():
            pass
        case CheckError() if event.result is not None:
            yield from _check_lines(event, where)
        case Run() if event.done is not None:
            yield f"> {printable(event.done.text)}"
            yield from _command_lines(event.done, session, steps)
        case _:
            if event.result is not None:
                yield from _check_lines(event, where)


def _command_lines(done: Done, session: Session, steps: bool) -> Iterator[str]:
    records = session.steps[done.first : done.last]
    if steps:
        for record in records:
            yield f"    {_step_line(record)}"
    elif done.quiet:
        return
    elif done.walks:
        for walk in done.walks[:WALKS_SHOWN]:
            yield f"    {walk_line(walk)}"
        if len(done.walks) > WALKS_SHOWN:
            yield f"    ... {_count(len(done.walks) - WALKS_SHOWN, 'walk')} more"
    elif records:
        more = f" ({len(records):,} steps)" if len(records) > 1 else ""
        yield f"    {printable(records[-1].step.sentence)}{more}"
    counted = " · ".join(f"{name} {number:,}" for name, number in done.work.items() if number)
    if counted:
        yield f"    fast path: {counted}"
    if done.error is not None:
        yield f"    refused: {printable(str(done.error))}"


def _step_line(record: StepRecord) -> str:
    frames = [frame for frame in record.place.frames if frame.file.startswith("mm/")]
    step = record.step
    indent = "  " * max(len(frames) - 1, 0)
    where = f" [{frames[-1].function}, {frames[-1].file}:{frames[-1].line}]" if frames else ""
    outcome = f"{step.outcome}: " if step.outcome else ""
    return f"{indent}{outcome}{printable(step.sentence)}{where}"


def walk_line(walk: WalkRecord) -> str:
    """A walk in a line: ``unmap of frame 0x1f: examined 4 = 2 hits + 2 misses · 11 nodes · 9 ptes``."""
    kinds = ("miss_range", "miss_notable", "miss_nopte", "miss_pfn", "skip_no_rss", "skip_no_mm", "left")
    reasons = [f"{getattr(walk, kind):,} {kind}" for kind in kinds if getattr(walk, kind)]
    why = f" ({', '.join(reasons)})" if reasons else ""
    stopped = "" if walk.stopped == "end" else f"; stopped by {walk.stopped}"
    return (
        f"{walk_name(walk.kind)} of frame {walk.page:#x}: "
        f"examined {walk.examined:,} = {_count(walk.hits, 'hit')} + {_count(walk.misses, 'miss', 'misses')}"
        f"{why} · {_count(walk.nodes, 'node')} · {_count(walk.ptes, 'pte')}{stopped}"
    )


def _count(number: int, one: str, more: str = "") -> str:
    """``1 hit``, ``2 hits``."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def _check_lines(event: Event, where: str) -> Iterator[str]:
    result = event.result
    assert result is not None
    if result.holds:
        yield f"  ok: {printable(result.text)}"
        if event.done is not None and event.done.error is not None:
            yield f"      {printable(str(event.done.error))}"
        return
    if result.holds is False:
        yield f"  FAILED: {where}: {printable(result.text)}"
    else:
        yield f"  not for this scheme: {printable(result.text)}"
    yield f"      {printable(result.sentence)}"


def closing(tally: Tally, commands: int) -> Iterator[str]:
    """How it ended."""
    parts = [_count(tally.passed, "expect holds", "expects hold")]
    if tally.failed:
        parts.append(f"{tally.failed:,} failed")
    if tally.not_applicable:
        parts.append(f"{tally.not_applicable:,} not for this scheme")
    yield ""
    yield f"{_count(commands, 'command')}; {', '.join(parts)}"


def observables() -> Iterator[str]:
    """The table of observables."""
    rows = [("observable", "of", "meaning"), *table()]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, subject, meaning in rows:
        yield f"{name:<{widths[0]}}  {subject:<{widths[1]}}  {meaning}"
    yield ""
    yield "all any count sum min max take a range: count(sh.heap[0:4].present)"
    yield "none, true and false are constants; none compares with == and != only"
