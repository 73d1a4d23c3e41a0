"""
The JSON contract: what ``--json`` and ``--jsonl`` print, as schema.json describes it.

Fields may be added without a new `SCHEMA_VERSION`; none is renamed, and none changes its meaning.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

import attrs

from vmtui import __version__
from vmtui.errors import KernelError, OptionError, ScenarioError, ScenarioErrors, VmtuiError
from vmtui.mm.kernel import Options
from vmtui.mm.step import StepRecord, WalkRecord
from vmtui.report.compare import Comparison
from vmtui.report.playing import Event, Tally
from vmtui.report.sweep import Sweep
from vmtui.scenario.checks import CheckResult
from vmtui.scenario.facts import deciding_walk
from vmtui.scenario.observables import WALK_KINDS
from vmtui.scenario.script import Script
from vmtui.session import Done, Session

__all__ = ["SCHEMA_VERSION", "command", "comparison", "error", "heading", "schema", "summary", "sweep"]

SCHEMA_VERSION: Final = 1

_INNER = ("first", "last")  # where a walk's steps lie: of this process, not of the contract


def schema() -> str:
    """The JSON Schema, as text; what kinds of walks there are is told by the table of observables."""
    found = json.loads(files("vmtui.report").joinpath("schema.json").read_text(encoding="utf-8"))
    found["$defs"]["walk_kind"]["enum"] = list(WALK_KINDS)
    return json.dumps(found, indent=1)


def heading(script: Script, options: Options) -> dict[str, Any]:
    """What is played, and on which machine."""
    return {**_top(script.title, script.path, script.params), "machine": attrs.asdict(options)}


def summary(tally: Tally, session: Session) -> dict[str, Any]:
    """How it ended."""
    refused = tally.refused
    return {
        "expects": {
            "passed": tally.passed,
            "failed": tally.failed,
            "not_applicable": tally.not_applicable,
        },
        "refused": None if refused is None else _refusal(refused),
        "digest": session.digest(),
    }


def command(
    event: Event,
    session: Session,
    *,
    steps: bool = False,
    state: Callable[[], Mapping[str, Any]] | None = None,
) -> dict[str, Any] | None:
    """
    A line that ran, or was checked; None for a line that does neither.

    Args:
        steps: Whether its steps are wanted.

        state: Gives the machine's state after it, if that is wanted.
    """
    done, result = event.done, event.result
    if done is None and result is None:
        return None
    entry: dict[str, Any] = {
        "line": event.item.line,
        "loop": dict(event.item.loop),
        "text": result.text if result is not None else done.text if done is not None else "",
        "error": _refusal(done.error) if done is not None and done.error is not None else None,
    }
    if steps:
        entry["steps"] = [_step(record) for record in _records(done, session)]
    walks = done.walks if done is not None else ()
    deciding = deciding_walk(walks)
    entry["walks"] = [_walk(walk) for walk in walks]
    entry["walk"] = _walk(deciding) if deciding is not None else None
    entry["work"] = dict(done.work) if done is not None else {}
    entry["expect"] = _expect(result) if result is not None else None
    if state is not None:
        entry["state"] = state()
    return entry


def _records(done: Done | None, session: Session) -> Sequence[StepRecord]:
    return session.steps[done.first : done.last] if done is not None else []


def _refusal(error: KernelError) -> dict[str, Any]:
    return {"errno": error.errno, "message": error.message, "partial": error.partial}


def _walk(walk: WalkRecord) -> dict[str, Any]:
    return {name: value for name, value in attrs.asdict(walk).items() if name not in _INNER}


def _step(record: StepRecord) -> dict[str, Any]:
    frames = [frame for frame in record.place.frames if frame.file.startswith("mm/")] or record.place.frames
    innermost = frames[-1]
    return {
        "function": innermost.function,
        "file": innermost.file,
        "source_line": innermost.line,
        "text": record.step.sentence,
        "outcome": record.step.outcome or None,
        "stack": [frame.function for frame in frames],
    }


def _expect(result: CheckResult) -> dict[str, Any]:
    return {
        "expression": result.expression,
        "holds": result.holds,
        "parts": [
            {
                "expression": part.expression,
                "left": part.left,
                "op": part.operator,
                "right": part.right,
                "holds": part.holds,
                "trouble": part.trouble or None,
            }
            for part in result.parts
        ],
    }


def comparison(found: Comparison) -> dict[str, Any]:
    """A scenario under several schemes."""
    told = attrs.asdict(found)
    return {
        **_top(found.title, found.path, found.params),
        "machine": found.machine,
        "reference": found.reference,
        "trials": told["trials"],
        "differences": told["differences"],
        "closely": found.closely,
        "ok": found.ok,
    }


def sweep(found: Sweep) -> dict[str, Any]:
    """A scenario for several values of a param."""
    told = attrs.asdict(found)
    names = ("param", "values", "schemes", "points", "crossings", "ends")
    return {**_top(found.title, found.path, {}), **{name: told[name] for name in names}}


def _top(title: str, path: str | None, params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "scenario": {"title": title, "path": path, "params": dict(params)},
    }


def error(problem: Exception, *, kind: str | None = None) -> dict[str, Any]:
    """What went wrong, where a play was asked for: one object, on standard output."""
    problems = problem.errors if isinstance(problem, ScenarioErrors) else [problem]
    return {
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "error": _problem(problems[0], kind),
        "errors": [_problem(each, kind) for each in problems],
    }


def _problem(problem: Exception, kind: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "kind": kind or _kind(problem),
        "message": problem.message if isinstance(problem, VmtuiError) else str(problem),
        "path": None,
        "line": None,
        "column": None,
        "expected": [],
        "suggestion": None,
    }
    if isinstance(problem, ScenarioError):
        found |= {
            "path": problem.path,
            "line": problem.line or None,
            "column": problem.column or None,
            "expected": list(problem.expected),
            "suggestion": problem.suggestion,
        }
    return found


def _kind(problem: Exception) -> str:
    """``scenario``, ``option``, ``kernel``, ``other``."""
    kinds = {ScenarioError: "scenario", OptionError: "option", KernelError: "kernel"}
    return next((kind for cls, kind in kinds.items() if isinstance(problem, cls)), "other")
