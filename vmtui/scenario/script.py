"""
Scenario files: read, checked and expanded before anything runs.

Loops and params never read the machine, so the number of commands is known: it is counted by arithmetic
before a list of them is made, and ``repeat 1000000000`` is refused at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, overload

import attrs

from vmtui.errors import ScenarioError, ScenarioErrors, printable
from vmtui.mm.kernel import Options
from vmtui.scenario.blocks import Structure, read_blocks
from vmtui.scenario.expansion import Row, build_item, count, expand
from vmtui.scenario.items import Item, Section
from vmtui.scenario.lines import End, Quietly, Repeat, SourceLine
from vmtui.scenario.nodes import Value
from vmtui.scenario.parser import parse_source_line
from vmtui.scenario.source import Report, decode_lines, read_file, split_commands
from vmtui.scenario.suggest import closest

__all__ = ["Items", "Script", "load", "print_lines"]

_GROUP: Final = re.compile(r"\s*group:\s*(.+)")


class Items(Sequence[Item]):
    """The items of a scenario.  Each is made when it is asked for: a million of them take little room."""

    __slots__ = ("_params", "_rows")

    def __init__(self, rows: Sequence[Row], params: Mapping[str, Value]) -> None:
        self._rows = rows
        self._params = params

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        if isinstance(index, slice):
            return Items(self._rows[index], self._params)
        return build_item(*self._rows[index], self._params)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Item]:
        return (build_item(template, env, self._params) for template, env in self._rows)


@attrs.frozen(kw_only=True)
class Script:
    """
    A scenario, ready to be played.

    Attributes:
        title: Its ``title`` line; "" without one.
        group: Its ``# group:`` comment; "" without one.
        path: The file; None for a text.
        unit: What it is counted in: ``line``, or ``command`` where ``;`` separates them.
        source: Its lines.
        lines: The same, as read.
        options: The machine options in force, as they were written: the file's, then what overrides them.
        own_options: The file's own, which its expects state facts of.
        params: The params in force.
        items: What to do, in order.
    """

    title: str
    group: str
    path: str | None
    unit: str = "line"
    source: tuple[str, ...]
    lines: tuple[SourceLine, ...] = attrs.field(repr=False)
    options: Mapping[str, Any]
    own_options: Mapping[str, Any]
    params: Mapping[str, Value]
    items: Items = attrs.field(repr=False, eq=False)

    @property
    def machine(self) -> Options:
        """The machine it is played on."""
        return Options.parse(self.options)

    @property
    def sections(self) -> list[tuple[int, str]]:
        """Each section as (index of its item, heading)."""
        return [(index, item.text) for index, item in enumerate(self.items) if isinstance(item, Section)]

    def where(self, line: int, *, short: bool = False) -> str:
        """A line as messages name it: ``FILE:12``; of a text ``line 12``, or ``command 12``.

        Args:
            short: The file without its folder.
        """
        if self.path is None or self.unit == "command":
            return f"{self.unit} {line}"
        return f"{printable(Path(self.path).name if short else self.path)}:{line}"

    @property
    def text(self) -> str:
        """The source in canonical form."""
        return print_lines(self.lines)


def load(
    source: Path | str | bytes,
    *,
    params: Mapping[str, int] | None = None,
    name: str | None = None,
    **overrides: Any,
) -> Script:
    """
    Read a scenario.

    Args:
        source: A path, or a text; in a text of one line ``;`` separates the commands.  Bytes are a file's.

        params: Values for the file's params.

        name: What errors call a text.

        overrides: Machine options that go before the file's own.

    Raises:
        ScenarioErrors: every bad line, at most ten.
        OptionError: an option that overrides is not one.
    """
    path, unit = name, "line"
    errors: list[ScenarioError] = []
    if isinstance(source, bytes):
        raw, errors = decode_lines(source, path)
    elif isinstance(source, Path) or _is_path(source):
        path = str(source)
        try:
            raw, errors = decode_lines(read_file(Path(source)), path)
        except ScenarioError as error:
            raise ScenarioErrors([error]) from None
    elif "\n" in source:
        raw, errors = decode_lines(source.encode("utf-8", "surrogatepass"), path)
    else:
        raw, unit = [part.strip() for part in split_commands(source)], "command"
    while raw and not raw[-1].strip():
        raw.pop()
    report = Report(raw, path, unit)
    report.errors += errors
    options = {option: _option_text(value) for option, value in overrides.items()}
    return _script(report, params or {}, options)


def _is_path(source: str) -> bool:
    return source.endswith(".scenario") and not any(char in source for char in "\n;")


def _option_text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def _script(report: Report, given: Mapping[str, int], overrides: Mapping[str, str]) -> Script:
    lines = _read_lines(report)
    structure = Structure() if report.full else read_blocks(lines, report)
    for known in given:
        if known not in structure.params and not report.full:
            report.add(0, f"there is no param {known} to set", closest(known, structure.params))
    params: dict[str, Value] = {**structure.params, **given}
    rows: list[Row] = []
    if not report.errors:
        count(structure.body, params, report)
    if not report.errors:
        rows = expand(structure.body, params, report)
    if report.errors:
        raise ScenarioErrors(report.sorted())
    options = {**structure.options, **overrides}
    Options.parse(options)
    read = tuple(line for line in lines if line is not None)
    return Script(
        title=structure.title,
        group=_group(read),
        path=report.path,
        unit=report.unit,
        source=tuple(report.raw),
        lines=read,
        options=options,
        own_options=structure.options,
        params=params,
        items=Items(rows, params),
    )


def _read_lines(report: Report) -> list[SourceLine | None]:
    """Each line as read; None for a bad one, whose error is reported.  Stops when there are errors enough."""
    bad = {error.line for error in report.errors}
    lines: list[SourceLine | None] = []
    for number, text in enumerate(report.raw, start=1):
        if number in bad:
            lines.append(None)
            continue
        if report.full:
            break
        try:
            # Indentation is free, so equal lines are one line wherever they stand.
            lines.append(parse_source_line(text.strip(" \t")))
        except ScenarioError as error:
            lines.append(None)
            report.place(error, number)
    return lines


def _group(lines: Sequence[SourceLine]) -> str:
    comments = (line.comment for line in lines if line.statement is None and line.comment is not None)
    return next((found[1].strip() for comment in comments if (found := _GROUP.fullmatch(comment))), "")


def print_lines(lines: Sequence[SourceLine]) -> str:
    """Lines in canonical form: two spaces a block, no blanks at the end."""
    depth = 0
    printed = []
    for line in lines:
        depth -= isinstance(line.statement, End)
        text = str(line)
        printed.append("  " * max(depth, 0) + text if text else "")
        depth += isinstance(line.statement, Repeat | Quietly)
    return "\n".join(printed) + "\n" if printed else ""
