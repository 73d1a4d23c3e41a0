"""A comparison and a sweep as rows to look at, and the work that makes them. No widget here."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

import attrs
from attrs import frozen

from vmtui.report.compare import Comparison, comparing
from vmtui.report.compare_text import SUMMARY, compare_lines, is_heading, sweep_lines
from vmtui.report.sweep import QUANTITIES, Sweep, sweeping, values_of
from vmtui.scenario.script import Script, load
from vmtui.session import Session
from vmtui.tui.screens.chooser import Choice, plain
from vmtui.tui.switching import commands_so_far
from vmtui.view.counters import COUNTERS
from vmtui.view.holders import HOLDERS
from vmtui.view.model import Row, Span
from vmtui.view.plot import Series, plot
from vmtui.view.text import count

STEPS = 8
"""Values of a param that are played for a plot."""
LEAST = 10
"""A param is followed at least so far."""


@frozen
class Over:
    """A param to plot against, and how far."""

    param: str
    last: int


def branch_script(session: Session) -> Script:
    """The branch up to the current command's end, as a scenario of commands alone: line 7 is command 7."""
    commands = commands_so_far(session)
    lines = [f"expect-error {done.error.errno} {done.text}" if done.error else done.text for done in commands]
    machine = load(f"machine {session.options.text}\n")
    return attrs.evolve(
        load("\n".join(lines) + "\n"),
        title=f"{count(len(commands), 'command')} of {session.branch_name}",
        unit="command",
        options=machine.options,
        own_options=machine.own_options,
    )


def comparison(session: Session) -> Generator[object, None, Comparison]:
    """The branch under every scheme; yields what is going on."""
    script = branch_script(session)
    total = len(script.items)
    work = comparing(script)
    while True:
        try:
            scheme, commands = next(work)
        except StopIteration as end:
            found: Comparison = end.value
            return found
        yield f"compare: {scheme}, command {commands:,} of {total:,}"


def params_of(script: Script | None) -> list[Over]:
    """The params of a scenario that can be plotted against."""
    if script is None:
        return []
    return [
        Over(name, max(LEAST, value))
        for name, value in script.params.items()
        if isinstance(value, int) and not isinstance(value, bool)
    ]


def swept(script: Script, over: Over) -> Generator[object, None, Sweep]:
    """The scenario for values of a param under every scheme; yields what is going on."""
    source = Path(script.path) if script.path is not None else "\n".join(script.source) + "\n"

    def with_params(params: Mapping[str, int]) -> Script:
        return load(source, params=params)

    work = sweeping(with_params, over.param, values_of(1, over.last, STEPS))
    while True:
        try:
            scheme, value = next(work)
        except StopIteration as end:
            found: Sweep = end.value
            return found
        yield f"plot: {scheme}, {over.param} = {value:,}"


def comparison_choices(
    found: Comparison, script: Script | None, columns: int, *, ascii: bool = False
) -> list[Choice]:
    """What there is to plot, then the tables; kinds of the ledger and counters can be explained."""
    choices = [
        Choice(plain(f"▸ plot against {over.param}, 1 to {over.last:,}", "key"), over)
        for over in params_of(script)
    ]
    table = ""
    for number, text in enumerate(compare_lines(found, columns)):
        first = text.split(" ")[0]
        if not text or is_heading(text):
            table = text
        role = "title" if goes_on(text, table) else _role(text, number, table)
        row = plain(text, role)
        if table.startswith(SUMMARY) and "#" in text:
            row = _barred(text, ascii)
        choices.append(Choice(row, _explained(table, first)))
    return choices


def goes_on(text: str, heading: str) -> bool:
    """Whether a line of a comparison is the second of a heading: it has no label."""
    return bool(heading and text.strip()) and not text[: heading.index("  ")].strip()


def _barred(text: str, ascii: bool) -> Row:
    """A line of the summary: its bar in a colour, and of blocks where there are any."""
    before, after = text.split("#", 1)[0], text.rsplit("#", 1)[1]
    bar = text[len(before) : len(text) - len(after)]
    return Row((Span(before, "text"), Span(bar if ascii else "█" * len(bar), "warn"), Span(after, "text")))


def _explained(table: str, first: str) -> str | None:
    """What a line of a table is explained by, from its first word; None for nothing."""
    if table.startswith("low memory") and first in HOLDERS:
        return f"ledger.{first}"
    return f"work.{first}" if table.startswith("fast path") and first in COUNTERS else None


def _role(text: str, number: int, table: str) -> str:
    """How a line of the comparison is painted."""
    if number == 0 or (table and text == table):
        return "title"
    if " stops after " in text or " FAILED " in text or "UNEXPLAINED" in text or " parts from " in text:
        return "warn"
    return "text" if table else "dim"


def sweep_rows(found: Sweep, columns: int, lines: int, *, ascii: bool) -> list[Row]:
    """A plot a quantity, and below it who overtakes whom and where; then who ends early."""
    said = _said(found)
    taken = sum(min(len(texts), 6) + 1 for texts in said.values())
    room = max(8, (lines - taken) // len(QUANTITIES))
    rows: list[Row] = []
    for quantity, title in QUANTITIES.items():
        curves = tuple(_series(found, quantity))
        rows += plot(curves, title, found.param, columns, room, ascii=ascii)
        rows += [plain(text) for text in said[title]]
        rows.append(Row())
    return [*rows, *(plain(text, "warn") for text in said[""])]


def _said(found: Sweep) -> dict[str, list[str]]:
    """The sentences on crossings below each table of a sweep, by its title; under "" those on early ends."""
    said: dict[str, list[str]] = {title: [] for title in (*QUANTITIES.values(), "")}
    table = ""
    for text in sweep_lines(found):
        table = next((title for title in QUANTITIES.values() if text.startswith(title)), table)
        if " ends early " in text:
            said[""].append(text)
        elif " overtakes " in text:
            said[table].append(text)
    return said


def _series(found: Sweep, quantity: str) -> Iterator[Series]:
    for scheme in found.schemes:
        points = tuple(
            (point.value, None if point.stop is not None else int(getattr(point, quantity)))
            for point in found.points
            if point.scheme == scheme
        )
        yield Series(scheme, points)
