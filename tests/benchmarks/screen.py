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
LARGE: Final = (160, 50)
KEYS: Final = 100

#: A machine of 32 GB, most of it used, and walks to be stepped through.
TEXT: Final = """
machine ram=32G highpte=on
quietly
  spawn sh
  mmap sh heap {heap} pages rw private
  write sh.heap
  repeat {children} as i
    fork sh {name}
  end
  repeat 14 as i
    spawn db{{i}}
    mmap db{{i}} pool {pool} pages rw private
    write db{{i}}.pool
  end
end
show sh.heap[3]
walk sh.heap[3] full
"""
#: 1.5 GB that 40 children share; and 256 MB shared by 1,000 processes that are not drawn as one.
FEW: Final = TEXT.format(heap=TWO_GB * 3 // 4, children=40, name="child{i}", pool=TWO_GB * 15 // 16)
MANY: Final = TEXT.format(heap=TWO_GB // 8, children=1000, name="c{i}x", pool=TWO_GB // 2)


async def _keys(text: str, size: tuple[int, int], before: tuple[str, ...]) -> list[float]:
    """CPU seconds of each of some keys that step to and fro in a walk."""
    from vmtui.tui.app import calm_collector
    from vmtui.tui.lab import lab

    spent = []
    async with lab(text, size) as bench:
        calm_collector()  # as on a terminal
        session = bench.desk.session
        await bench.press("n")
        done = session.commands[-1]
        if not done.text.startswith("walk") or done.last - done.first < 40:
            raise AssertionError(f"there is no walk to step through: {bench.text('narration')}")
        await bench.press("u", *before)
        for number in range(KEYS + 10):
            start = time.process_time()
            await bench.press("full_stop" if number % 80 < 40 else "comma")
            if number >= 10:
                spent.append(time.process_time() - start)
    return sorted(spent)


#: What is on the screen: text, size, and the keys that bring it there.
SCREENS: Final = {
    "": (FEW, SIZE, ()),
    ", 160×50": (FEW, LARGE, ()),
    ", frames at 64 a cell": (FEW, SIZE, ("z", "4")),
    ", frames at 4,096 a cell": (FEW, SIZE, ("z", "z", "4")),
    ", the same alone on 160×50": (FEW, LARGE, ("z", "z", "4", "4")),
    ", pages of a VMA of 1.5 GB": (FEW, SIZE, ("v", "4")),
    ", 1,000 processes": (MANY, SIZE, ("1",)),
}


def key_to_paint() -> list[Figure]:
    """CPU time from a key that steps to the paint."""
    figures = []
    for what, (text, size, before) in SCREENS.items():
        spent = asyncio.run(_keys(text, size, before))
        median, worst = statistics.median(spent) * 1e3, spent[int(len(spent) * 0.99)] * 1e3
        figures.append(Figure(f"key to paint on 32 GB{what}, median", median, "ms", 25))
        figures.append(Figure(f"key to paint on 32 GB{what}, 99 of 100", worst, "ms", 60))
    return figures


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
