"""``python -m tests.benchmarks [--json] [NAME…]``: one table; each benchmark runs in a process of its own."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

import attrs

from tests.benchmarks import engine, kernel, low_memory, screen, swap
from tests.benchmarks.figures import Benchmark, Figure

BENCHMARKS: Final[dict[str, Benchmark]] = {
    "ranges": engine.ranges,
    "steps": engine.steps,
    "jumps": engine.jumps,
    "growth": engine.growth,
    "swap": swap.swap,
    "all-of-it": engine.all_of_it,
    "hundred": engine.hundred,
    "thousand": engine.thousand,
    "low-memory": low_memory.low_memory,
    "kernel": kernel.beside_the_kernel,
    "key-to-paint": screen.key_to_paint,
    "first-paint": screen.first_paint,
}


def run(name: str) -> list[Figure]:
    """The figures of one benchmark, measured in a new process."""
    command = [sys.executable, "-m", "tests.benchmarks", "--here", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return [Figure(**figure) for figure in json.loads(done.stdout)]


def as_dict(figure: Figure) -> dict[str, Any]:
    """A figure for ``--json``."""
    return {**attrs.asdict(figure), "reached": figure.reached}


def number(value: float) -> str:
    """Three digits, or all of a large number."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def line(figure: Figure) -> str:
    """A row of the table."""
    target = ""
    if figure.target is not None:
        bound = "≥" if figure.least else "≤"
        target = f"{bound} {number(figure.target)} {figure.unit}".rstrip()
    mark = {None: "", True: "✓", False: "✗"}[figure.reached]
    value = "no figure" if figure.value is None else f"{number(figure.value)} {figure.unit}".rstrip()
    return f"{figure.what:<58} {value:>12}  {target:<12} {mark}".rstrip()


def table(names: list[str]) -> Iterator[str]:
    """The table, line by line as it is measured; what is flattered last."""
    yield f"{'':<58} {'measured':>12}  must"
    notes: list[str] = []
    for name in names:
        for figure in run(name):
            yield line(figure)
            if figure.note:
                notes.append(f"{figure.what}: {figure.note}")
    if notes:
        yield ""
        yield from notes


def main() -> int:
    """Print it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    unknown = set(asked.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"there is no benchmark {min(unknown)}")
    names: list[str] = asked.names or list(BENCHMARKS)
    if asked.here:
        figures = [figure for name in names for figure in BENCHMARKS[name]()]
        sys.stdout.write(json.dumps([attrs.asdict(figure) for figure in figures]))
        return 0
    if asked.json:
        found = {name: [as_dict(figure) for figure in run(name)] for name in names}
        sys.stdout.write(json.dumps({"figures": found}, indent=1) + "\n")
        return 0
    for text in table(names):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
