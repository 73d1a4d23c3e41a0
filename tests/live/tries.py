"""
Asking a machine that others use too: what differs is played again, and nobody waits for ever.

What does not repeat is the machine's noise; what differs every time is a difference.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
TRIES = 3
GRACE = 20.0  # seconds in which a process that was told to end may give back what it has made
CLEAN = (sys.executable, "-m", "vmtui", "verify", "--clean")
CLEAN_PATIENCE = 60.0

Play = Callable[[Sequence[Path]], Mapping[Path, str]]
"""Plays files once: what differs, by file; "" where both sides agree."""


class GaveUpError(Exception):
    """The machine could not be asked to the end, and why."""


def differing(files: Sequence[Path], play: Play) -> dict[Path, str]:
    """
    The files that differ each time they are played, and how the last time.

    Raises:
        GaveUpError: as `play` raises it.
    """
    told = dict.fromkeys(files, "")
    for _ in range(TRIES):
        found = play(tuple(told))
        told = {path: found[path] for path in told if found[path]}
        if not told:
            break
    return told


class BothSides:
    """
    Plays files in another process, all tries together for no longer than some seconds.

    Args:
        seconds: How long.
        program: The words that start the process, before the files.
        clean: The words that take back what is left of one that had to be ended.
        grace: How long, in seconds, one that is told to end may take.

    Attributes:
        fields: What was compared until now.
    """

    def __init__(
        self, seconds: float, program: Sequence[str], clean: Sequence[str] = CLEAN, grace: float = GRACE
    ) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._program = program
        self._clean = clean
        self._grace = grace
        self.fields: set[str] = set()

    def __call__(self, files: Sequence[Path]) -> dict[Path, str]:
        """
        What differs, by file.

        Raises:
            GaveUpError: there is no time left, or the machine cannot do what it seemed to be able to.
            RuntimeError: the process ended before it had said all.
        """
        # Files and not pipes: a process that was left behind cannot keep us reading.
        with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complaints:
            words = [*self._program, *map(str, files)]
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=said, stderr=complaints, cwd=ROOT
            )
            try:
                self.wait(process)
            finally:
                in_time = process.poll() is not None
                if not in_time:
                    self._stop(process)
            lines = _objects(said)
            if not in_time:
                raise GaveUpError(self._why_late(lines, files))
            return self._judged(lines, files, _text(complaints))

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for its end, or until there is no time left."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(self._end - time.monotonic(), 0))

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        """End it, at once if need be, and take back what it has made."""
        for end in (process.terminate, process.kill):
            end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(self._grace)
                break
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(self._clean, cwd=ROOT, capture_output=True, timeout=CLEAN_PATIENCE, check=False)

    def _why_late(self, lines: Sequence[Mapping[str, Any]], files: Sequence[Path]) -> str:
        played = [line for line in lines if "path" in line]
        differed = [Path(line["path"]).stem for line in played if line.get("differs")]
        reason = (
            f"the machine is too busy: {len(played)} of {len(files)} scenarios were played "
            f"when {self._seconds:g} seconds had gone"
        )
        if differed:
            reason += f"; what differed had no other try: {', '.join(differed)}"
        if lines and "waits" in lines[-1]:
            reason += f"; {lines[-1]['waits']}"
        return reason

    def _judged(
        self, lines: Sequence[Mapping[str, Any]], files: Sequence[Path], complaints: str
    ) -> dict[Path, str]:
        found: dict[Path, str] = {}
        for line in lines:
            if "cannot" in line:
                raise GaveUpError(f"{Path(line['path']).stem}: {line['cannot']}")
            if "path" in line:
                found[Path(line["path"])] = line["differs"]
                self.fields.update(line["fields"])
        if set(found) != set(files):
            raise RuntimeError(f"{len(found)} of {len(files)} scenarios were played, and then: {complaints}")
        return found


def _text(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _objects(file: IO[str]) -> list[dict[str, Any]]:
    """The objects that were said; a last line that was cut short is none."""
    return [json.loads(line) for line in _text(file).splitlines(keepends=True) if line.endswith("\n")]
