"""Comparisons and sweeps as text: tables of a column a scheme, and sentences about what they show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Final

from vmtui.errors import printable
from vmtui.report.compare import Comparison, Difference, Stop, Trial, WalkRow
from vmtui.report.sweep import QUANTITIES, Crossing, End, Sweep
from vmtui.report.tables import WIDTH, Table
from vmtui.view.text import walk_name

__all__ = ["SUMMARY", "compare_lines", "is_heading", "sweep_lines"]

SUMMARY: Final = "reverse map"
BYTES: Final = "low memory, bytes"
WALKS: Final = {unit: f"walks by {unit}: examined/hits" for unit in ("line", "command")}
TITLES: Final = (SUMMARY, BYTES, *WALKS.values(), "fast path: what was counted", "expects")

BAR: Final = 8
"""Cells of the longest bar."""


def is_heading(line: str) -> bool:
    """Whether a line of a comparison stands over a table; long headings go on in a line without a label."""
    return line.startswith(tuple(f"{title}  " for title in TITLES))


def compare_lines(found: Comparison, width: int = WIDTH) -> Iterator[str]:
    """A comparison, as lines no wider than `width`: in short, then table by table."""
    if found.title:
        yield printable(found.title)
    settings = [*filter(None, [found.machine]), *_settings(found.params)]
    yield f"machine {' '.join(settings) or 'with the defaults'}"
    yield ""
    yield from _summary(found.trials)
    schemes = [trial.scheme for trial in found.trials]
    tables = {
        BYTES: _bytes(found.trials),
        WALKS[found.unit]: _walks(found.trials),
        TITLES[-2]: _work(found.trials),
        TITLES[-1]: _expects(found.trials),
    }
    for title, rows in tables.items():
        if rows:
            yield ""
            yield from Table(title, schemes, rows, width).lines()
            if title == WALKS[found.unit]:
                yield from _folded(_legend(found), width)
    yield from _alike(found.trials, width)
    yield ""
    yield from _stops(found.trials, found.unit, width)
    yield from _failures(found.trials, width)
    yield from _differences(found, width)


def _summary(trials: Sequence[Trial]) -> Iterator[str]:
    """What each scheme pays: bytes at most and at the end, looks in walks, and slots searched by the way."""
    yield f"{SUMMARY:<14}{'at most':>9}{'at the end':>11}  {'':<{BAR}}{'looks':>10}{'slots searched':>15}"
    longest = max(trial.reverse_map for trial in trials)
    for trial in trials:
        bar = "#" * round(trial.reverse_map * BAR / longest) if longest else ""
        yield (
            f"{trial.scheme:<14}{size(trial.most):>9}{size(trial.reverse_map):>11}  {bar:<{BAR}}"
            f"{trial.examined:>10,}{trial.work.get('slots_searched', 0):>15,}"
        )


def size(number: int) -> str:
    """Bytes as people say them: ``36 B``, ``12.2 MB``."""
    if number < 10_000:
        return f"{number:,} B"
    return f"{number / 1024:.1f} KB" if number < 1 << 20 else f"{number / (1 << 20):.1f} MB"


def _settings(params: Mapping[str, int]) -> list[str]:
    return [f"{name}={value}" for name, value in params.items()]


Rows = list[tuple[str, list[str]]]


def _row(label: str, numbers: Iterable[int]) -> tuple[str, list[str]]:
    return label, [f"{number:,}" for number in numbers]


def _bytes(trials: Sequence[Trial]) -> Rows:
    """The kinds in which the schemes differ, and the sums."""
    rows = [_row(kind, (trial.bytes.get(kind, 0) for trial in trials)) for kind in _kinds(trials)]
    return [
        *(row for row in rows if len(set(row[1])) > 1),
        _row("in all", (trial.lowmem_total - trial.lowmem_free for trial in trials)),
        _row("free", (trial.lowmem_free for trial in trials)),
        _row("for the reverse map", (trial.reverse_map for trial in trials)),
        _row("its most at any time", (trial.most for trial in trials)),
    ]


def _kinds(trials: Sequence[Trial]) -> list[str]:
    return list(dict.fromkeys(kind for trial in trials for kind in trial.bytes))


def _alike(trials: Sequence[Trial], width: int) -> Iterator[str]:
    """The kinds of which all schemes hold the same."""
    held = {kind: {trial.bytes.get(kind, 0) for trial in trials} for kind in _kinds(trials)}
    alike = [f"{kind} {min(sizes):,}" for kind, sizes in held.items() if len(sizes) == 1 and sizes != {0}]
    if alike:
        yield ""
        yield from _wrapped("alike under all:", alike, width)


def _folded(text: str, width: int) -> list[str]:
    """A sentence as lines no wider than the tables."""
    return wrap(text, width, subsequent_indent="    ")


def _wrapped(head: str, parts: Sequence[str], width: int) -> Iterator[str]:
    line = head
    for number, part in enumerate(parts):
        word = part + ("," if number < len(parts) - 1 else "")
        if len(line) + 1 + len(word) > width:
            yield line
            line = "   "
        line += f" {word}"
    yield line


def _walks(trials: Sequence[Trial]) -> Rows:
    """A row for each kind of walk of each line that walked under any scheme."""
    by_key: dict[tuple[int, str], dict[str, WalkRow]] = {}
    for trial in trials:
        for row in trial.walks:
            by_key.setdefault((row.line, row.kind), {})[trial.scheme] = row
    rows = []
    for (line, kind), rows_of in sorted(by_key.items(), key=lambda found: found[0][0]):
        some = next(iter(rows_of.values()))
        most = max(row.walks for row in rows_of.values())
        times = f" x{most:,}" if most > 1 else ""
        name = walk_name(kind)
        label = f"{line:>3} {some.text}" + (f" ({name}{times})" if name not in some.text or times else "")
        cells = [_walk(rows_of.get(trial.scheme)) for trial in trials]
        rows.append((label, cells))
    return rows


def _legend(found: Comparison) -> str:
    """What the number before a walk counts."""
    if found.unit == "command":
        return "each number is that of a command, counted from the first, as the timeline of the app counts"
    text = printable(Path(found.path).name) if found.path is not None else "the text"
    return f"each number is that of a line of {text}"


def _walk(row: WalkRow | None) -> str:
    return "-" if row is None else f"{row.examined:,}/{row.hits:,}"


def _work(trials: Sequence[Trial]) -> Rows:
    names = list(dict.fromkeys(name for trial in trials for name in trial.work))
    rows = [_row(name, (trial.work.get(name, 0) for trial in trials)) for name in names]
    return [row for row in rows if set(row[1]) != {"0"}]


def _expects(trials: Sequence[Trial]) -> Rows:
    rows = [
        _row("hold", (trial.passed for trial in trials)),
        _row("failed", (trial.failed for trial in trials)),
        _row("of another scheme", (trial.not_applicable for trial in trials)),
    ]
    return [row for row in rows if set(row[1]) != {"0"}]


def _stops(trials: Sequence[Trial], unit: str, width: int) -> Iterator[str]:
    for trial in trials:
        if trial.stop is not None:
            text = f"{trial.scheme} stops after {trial.commands:,} commands: {_stop(trial.stop, unit)}"
            yield from _folded(text, width)


def _stop(stop: Stop, unit: str) -> str:
    return f"{unit} {stop.line}, {printable(stop.text)}: {stop.errno}"


def _failures(trials: Sequence[Trial], width: int) -> Iterator[str]:
    for trial in trials:
        for failure in trial.failures:
            yield from _folded(f"{trial.scheme} FAILED {printable(failure)}", width)


def _differences(found: Comparison, width: int) -> Iterator[str]:
    for difference in found.differences:
        yield from _difference(difference, found, width)
    if not found.differences:
        done = min(trial.commands for trial in found.trials)
        when = f"after each of {done:,} commands" if found.closely else f"after {done:,} commands"
        yield from _folded(f"all hold the same pages, frames, slots and mapcounts {when}", width)


def _difference(difference: Difference, found: Comparison, width: int) -> Iterator[str]:
    where = f"{found.unit} {difference.line}, {printable(difference.text)}"
    yield from _folded(f"{difference.scheme} parts from {found.reference} at {where}", width)
    yield from _wrapped("    in", [printable(part) for part in difference.what], width)
    reason = difference.reason or "UNEXPLAINED: neither scheme says that it departs here"
    yield from _folded(f"    {reason}", width)


def sweep_lines(found: Sweep, width: int = WIDTH) -> Iterator[str]:
    """A sweep, as lines no wider than `width`: a table a quantity, and where one scheme overtakes another."""
    if found.title:
        yield printable(found.title)
    points = {(point.scheme, point.value): point for point in found.points}
    for quantity, title in QUANTITIES.items():
        rows = []
        for value in found.values:
            here = [points[scheme, value] for scheme in found.schemes]
            amounts = [point.bytes if quantity == "bytes" else point.examined for point in here]
            cells = [
                f"{amount:,}" if point.stop is None else point.stop.errno
                for point, amount in zip(here, amounts, strict=True)
            ]
            rows.append((f"{found.param} = {value:,}", cells))
        yield ""
        yield from Table(title, found.schemes, rows, width).lines()
        crossings = [crossing for crossing in found.crossings if crossing.quantity == quantity]
        for crossing in crossings:
            yield from _folded(_crossing(crossing, found.param), width)
        if not crossings:
            yield "no scheme overtakes another"
    if found.ends:
        yield ""
    for end in found.ends:
        yield from _folded(_end(end, found.param, found.unit), width)


def _crossing(crossing: Crossing, param: str) -> str:
    where = f"{param} = {crossing.at:,}"
    if crossing.at - crossing.before > 1:
        where = f"between {param} = {crossing.before:,} and {crossing.at:,}"
    return (
        f"{crossing.more} overtakes {crossing.less} at {where}: {crossing.more_at:,} to {crossing.less_at:,}"
    )


def _end(end: End, param: str, unit: str) -> str:
    since = "" if end.before is None else f", the last to end well is {end.before:,}"
    return f"{end.scheme} ends early at {param} = {end.at:,}{since}: {_stop(end.stop, unit)}"
