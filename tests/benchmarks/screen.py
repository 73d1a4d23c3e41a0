"""The app on the machine of 32 GB: from a key to the paint, and from the command line to the first."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import select
import statistics
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path
from typing import Final

from tests.benchmarks.engine import TWO_GB
from tests.benchmarks.figures import Figure
from vmtui.scenario import shipped

#: Columns and rows.
SIZE: Final = (120, 40)
KEYS: Final = 200

#: A machine of 32 GB, most of it used, and a walk to be stepped through.
TEXT: Final = f"""
machine ram=32G highpte=on
quietly
  spawn sh
  mmap sh heap {3 * TWO_GB // 2} pages rw private
  write sh.heap
  repeat 40 as i
    fork sh child{{i}}
  end
  spawn db
  mmap db pool {3 * TWO_GB // 2} pages rw private
  write db.pool
end
show sh.heap[3]
walk sh.heap[3]
walk sh.heap[4]
walk sh.heap[5]
"""


async def _keys() -> list[float]:
    from vmtui.tui.lab import lab

    spent = []
    async with lab(TEXT, SIZE) as bench:
        await bench.press("u")
        for number in range(KEYS + 10):
            start = time.process_time()
            await bench.press("full_stop" if number % 80 < 40 else "comma")
            if number >= 10:
                spent.append(time.process_time() - start)
    return spent


def key_to_paint() -> list[Figure]:
    """CPU time from a key that steps to the paint."""
    spent = sorted(asyncio.run(_keys()))
    return [
        Figure("key to paint on 32 GB, median", statistics.median(spent) * 1e3, "ms", 25),
        Figure("key to paint on 32 GB, 99 of 100", spent[int(len(spent) * 0.99)] * 1e3, "ms", 60),
    ]


def first_paint() -> list[Figure]:
    """From ``vmtui FILE`` to the first scenario's title on a terminal; the median of 7."""
    shown = [_paint() for _ in range(7)]
    clock, cpu = zip(*shown, strict=True)
    return [
        Figure("`vmtui FILE` to first paint", statistics.median(clock), "s", 1),
        Figure("`vmtui FILE` to first paint, CPU", statistics.median(cpu), "s"),
    ]


def _paint() -> tuple[float, float]:
    """Seconds until the reverse map is drawn: by the clock, and of CPU time."""
    scenario = shipped.library()[0]
    with tempfile.TemporaryDirectory() as home:
        start = time.monotonic()
        child, terminal = pty.fork()
        if not child:
            os.environ.update(VMTUI_HOME=home, TERM="xterm-256color", COLORTERM="truecolor")
            os.execv(sys.executable, [sys.executable, "-m", "vmtui", str(scenario)])
        columns, rows = SIZE
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        seen = b""
        while b"struct page" not in seen:
            select.select([terminal], [], [], 10)
            seen += os.read(terminal, 1 << 16)
        clock = time.monotonic() - start
        ticks = Path(f"/proc/{child}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        cpu = (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)
    return clock, cpu
