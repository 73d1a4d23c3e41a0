"""A verification, told: a table of commands and fields, and each difference in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from vmtui import __version__
from vmtui.errors import printable
from vmtui.live.abilities import Abilities
from vmtui.live.compare import Difference, describe_page
from vmtui.live.compare_topology import VMA_FIELDS, describe_anon_vma, describe_links
from vmtui.live.fuzz import Found, Tally
from vmtui.live.observed import FIELDS, TOPOLOGY, Observed
from vmtui.live.verify import Decision, Row, Verification

__all__ = ["as_json", "cannot_lines", "document", "fuzz_document", "verification_lines"]

HEADINGS: Final = {
    "errno": "errno",
    "processes": "alive",
    "vmas": "VMAs",
    "state": "state",
    "frame": "frame",
    "was": "was",
    "slot": "slot",
    "mapcount": "count",
    "exclusive": "excl",
    "anon": "anon",
    "anon_excl": "AnonEx",
    "swapcache": "cache",
    "smaps": "smaps",
}
"""What stands over each field's column."""

TOPOLOGY_HEADINGS: Final = {
    "pgoff": "pgoff",
    "anon_vma": "av",
    "chain": "chain",
    "root": "root",
    "parent": "parent",
    "num_children": "child",
    "num_active_vmas": "active",
    "refcount": "ref",
    "mapping": "map",
    "index": "index",
}
"""The same with ``--anon-vma``, behind the others."""

AGREES, DIFFERS, NOT_COMPARED = "✓", "✗", "-"

_LABEL: Final = 30
_TOLD: Final = 12  # new differences of a command that are told one by one
SCHEMA_VERSION: Final = 1


def verification_lines(found: Verification) -> Iterator[str]:
    """The table, the differences and the verdict."""
    title = found.script.title or found.script.path or "commands"
    yield f"{printable(title)}  ({found.script.machine.text})"
    yield ""
    headings = {field: _heading(field) for field in found.columns}
    heads = " ".join(headings.values())
    yield f"{'line':>4} {'command':<{_LABEL}} {heads}"
    for row in found.rows:
        yield _table_row(row, headings)
        for difference, decision in row.new[:_TOLD]:
            yield from _difference_lines(row, difference, decision)
        if len(row.new) > _TOLD:
            yield f"       … and {len(row.new) - _TOLD:,} more differences"
    if found.refused:
        yield f"stopped: {printable(found.refused)}"
    yield ""
    yield _verdict(found)


def _heading(field: str) -> str:
    return HEADINGS.get(field) or TOPOLOGY_HEADINGS[field]


def _table_row(row: Row, headings: Mapping[str, str]) -> str:
    cells = " ".join(f"{_cell(row, field):>{len(heading)}}" for field, heading in headings.items())
    text = printable(row.text)
    label = text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"
    return f"{row.line:>4} {label:<{_LABEL}} {cells}"


def _cell(row: Row, field: str) -> str:
    says = row.says(field)
    return NOT_COMPARED if says is None else AGREES if says else DIFFERS


def _difference_lines(row: Row, difference: Difference, decision: Decision | None) -> Iterator[str]:
    yield f"     {_heading(difference.field)}: {printable(difference.sentence)}"
    if difference.field not in ("errno", "processes", "vmas", "smaps"):
        for side, state in (("simulator", row.simulated), ("kernel", row.live)):
            yield f"         {side + ':':<10} {printable(_description(row, difference, state))}"
    if decision is not None:
        at = f"{decision.file}:{decision.line} {decision.function}()"
        yield f"         decided at {at}: {printable(decision.text)}"


def _description(row: Row, difference: Difference, state: Observed) -> str:
    """All that a side says of what a difference is about."""
    if difference.anon_vma:
        return describe_anon_vma(state, difference.anon_vma)
    if difference.field in VMA_FIELDS:
        return describe_links(state, difference.process, difference.start)
    return describe_page(state, (difference.process, difference.start), row.name)


def _verdict(found: Verification) -> str:
    times = f"{found.runs:,} run{'s' if found.runs > 1 else ''}"
    noise = f"; {found.noisy} had to be done again, something else moved the pages" if found.noisy else ""
    if found.agrees:
        agreed = f"the simulator and this kernel agree: {len(found.rows):,} commands, {found.pages:,} pages"
        return f"{agreed}, {len(found.fields)} fields, {times}{noise}"
    rows = sum(bool(row.differences) for row in found.rows)
    return f"they differ after {rows:,} of {len(found.rows):,} commands, in run {found.runs:,}{noise}"


def cannot_lines(abilities: Abilities) -> Iterator[str]:
    """What is missing on this machine, and what can be compared all the same."""
    yield from abilities.missing
    fields = [field for field in (*FIELDS, *TOPOLOGY) if field in abilities.fields]
    yield f"fields that can be compared here: {', '.join(fields) or 'none'}"


def as_json(found: Verification) -> dict[str, Any]:
    """A verification as plain data."""
    return {
        "scenario": {
            "title": found.script.title,
            "path": found.script.path,
            "params": dict(found.script.params),
        },
        "machine": attrs.asdict(found.script.machine),
        "agrees": found.agrees,
        "refused": found.refused or None,
        "runs": found.runs,
        "noisy": found.noisy,
        "fields": list(found.fields),
        "commands": [_row_json(row, found.columns) for row in found.rows],
    }


def document(found: list[Verification], abilities: Abilities) -> dict[str, Any]:
    """All that ``verify --json`` prints."""
    return {
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "missing": list(abilities.missing),
        "verifications": [as_json(each) for each in found],
    }


def fuzz_document(seed: int, tally: Tally, found: Found | None, path: str | None) -> dict[str, Any]:
    """All that ``verify --fuzz --json`` prints."""
    return {
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "seed": seed,
        **attrs.asdict(tally),
        "difference": None
        if found is None
        else {
            "program": found.number,
            "path": path,
            "text": found.text,
            "verification": as_json(found.verification),
        },
    }


def _row_json(row: Row, columns: Sequence[str]) -> dict[str, Any]:
    new = dict(row.new)
    return {
        "line": row.line,
        "loop": dict(row.loop),
        "text": row.text,
        "asked": row.asked,
        "fields": {field: row.says(field) for field in columns},
        "differences": [
            {
                **_told(difference, columns),
                "sentence": difference.sentence,
                "new": difference in new,
                "decided": _decision_json(new.get(difference)),
            }
            for difference in row.differences
        ],
        "states": {
            "simulated": _state_json(row.simulated, row, columns),
            "live": _state_json(row.live, row, columns),
        }
        if row.differences
        else None,
    }


def _decision_json(decision: Decision | None) -> dict[str, Any] | None:
    return attrs.asdict(decision) if decision is not None else None


def _told(value: Any, columns: Sequence[str]) -> dict[str, Any]:
    """A value's attributes; those of anon_vmas only where they were asked for."""
    told = attrs.asdict(value)
    return {name: each for name, each in told.items() if name not in TOPOLOGY or name in columns}


def _state_json(state: Observed, row: Row, columns: Sequence[str]) -> dict[str, Any]:
    anon_vmas = [{"id": number, **attrs.asdict(each)} for number, each in sorted(state.anon_vmas.items())]
    return {
        "errno": state.errno,
        "processes": {
            task: {
                "vmas": [{**_told(vma, columns), "counts": dict(vma.counts)} for vma in process.vmas],
                "pages": [
                    {
                        "address": address,
                        "place": row.name((task, address)),
                        **_told(page, columns),
                        "was": None if page.was is None else sorted(row.name(where) for where in page.was),
                    }
                    for address, page in sorted(process.pages.items())
                ],
            }
            for task, process in state.processes.items()
        },
        **({"anon_vmas": anon_vmas} if TOPOLOGY.keys() & columns else {}),
    }
