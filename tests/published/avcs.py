"""How many anon_vmas and AVCs a family has, one VMA each."""

from __future__ import annotations

from functools import partial
from typing import Final

from tests.mm.rmap.lab import Lab
from tests.published.row import COMPUTED, Row
from vmtui.mm.mm_types import Task

#: anon_vmas, AVCs.
Counts = tuple[int, int]

#: Measured on 6.18.44 by the slope of /proc/slabinfo, with noise: 2.2 and 3.1 to 3.6 beyond the parent's own.
REUSE: Final = "Konstantin Khlebnikov, 7a3ef208e6: anon_vmas that are taken again"


def family(rmap: str = "anon_vma_chain", **options: str) -> tuple[Lab, Task]:
    """A process that wrote one page."""
    lab = Lab(rmap, ram="256M", **options)
    task = lab.spawn("t")
    lab.map(task, 1)
    lab.write(task)
    return lab, task


def counts(lab: Lab) -> Counts:
    """What exists now."""
    ledger = lab.machine.ledger
    return ledger.count("anon_vma"), ledger.count("anon_vma_chain")


def nested(depth: int) -> Counts:
    """Each child forks the next, and all live."""
    lab, task = family()
    for number in range(depth):
        task = lab.fork(task, f"t{number}")
    return counts(lab)


def flat(children: int) -> Counts:
    """Children of one parent."""
    lab, task = family()
    for number in range(children):
        lab.fork(task, f"t{number}")
    return counts(lab)


def generations(number: int, *, origin_lives: bool) -> Counts:
    """Each parent exits once it has forked; the first of all, or not."""
    lab, task = family()
    for generation in range(number):
        child = lab.fork(task, f"t{generation}")
        if generation or not origin_lives:
            lab.exit(task)
        task = child
    return counts(lab)


ROWS: tuple[Row, ...] = (
    *(
        Row(
            name=f"avcs_of_{n}_nested_forks",
            what=f"{n:,} nested forks, all alive: anon_vmas / AVCs",
            figure=(n + 1, (n + 1) * (n + 2) // 2),
            measure=partial(nested, n),
            long=n == 1000,
        )
        for n in (1, 20, 100, 1000)
    ),
    *(
        Row(
            name=f"avcs_of_{n}_children",
            what=f"{n:,} children of one parent: anon_vmas / AVCs",
            figure=(n + 1, 2 * n + 1),
            measure=partial(flat, n),
        )
        for n in (1, 20, 1000)
    ),
    *(
        Row(
            name=f"avcs_of_60_generations_origin_{'alive' if lives else 'gone'}",
            what=f"60 generations, each parent exits, the first {'lives' if lives else 'too'}: the same",
            figure=figure,
            measure=partial(generations, 60, origin_lives=lives),
            source=REUSE if lives else COMPUTED,
        )
        for lives, figure in ((False, (3, 3)), (True, (3, 4)))
    ),
)
