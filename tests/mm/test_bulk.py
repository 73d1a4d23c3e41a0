"""The bulk path and the scalar path leave the same machine, at the edge of memory too."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.mm.lab import NONE, RW, Lab, R, mm_of
from vmtui.errors import KernelError
from vmtui.mm import vmscan
from vmtui.mm.mm_types import Task
from vmtui.mm.page import PAGE_SIZE

STACK = 0x50000000
FAR = 0x60000000

Act = Callable[[Lab, Task], object]


class Life:
    """A random life, as acts that any machine can perform.

    Args:
        seed: What decides it.
    """

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.options: dict[str, Any] = {
            "ram": rng.choice(("4M", "4M", "5M", "898M")),
            "swap": rng.choice(("0", "16K", "256K", "4M")),
            "highpte": rng.choice(("on", "off")),
            "split": rng.choice(("3:1", "4:4", "2:2")),
            "draft": rng.choice(("intended", "intended", "posted")),
        }
        self.pages = rng.choice((12, 40, 300, 1000))
        self.names = ["a"]

    def act(self, number: int, home: int) -> tuple[str, Act]:
        """Who does what."""
        rng, names = self.rng, self.names
        low = rng.randrange(self.pages)
        n = min(self.pages - low, rng.choice((1, 1, 2, 3, rng.randrange(1, self.pages))))
        at, some, prot = home + low * PAGE_SIZE, rng.randrange(8), rng.choice((R, RW, RW, NONE))
        to = FAR + some * rng.choice((1, 400)) * PAGE_SIZE
        acts: list[Act] = [
            lambda lab, task: lab.fork(task, f"t{number}"),
            lambda lab, task: lab.exit(task) if task.name != "a" else None,
            lambda lab, task: lab.mprotect(task, at, n, prot),
            lambda lab, task: lab.munmap(task, at, n),
            lambda lab, task: lab.mmap(task, f"n{number}", n, at=at),
            lambda lab, task: lab.mremap(task, at, n, n + some % 3, to=to, rename=f"m{number}"),
            lambda lab, task: lab.mlock(task, at, n),
            lambda lab, task: lab.munlock(task, at, n),
            lambda lab, task: lab.swapout(task, at, n),
            lambda lab, task: lab.evict(task, at, n),
            lambda lab, task: lab.read(task, at, n),
            lambda lab, task: lab.run(vmscan.reclaim(lab.machine, some * 5)),
            lambda lab, task: lab.madvise(task, at, n),
            lambda lab, task: lab.mmap(task, f"s{number}", 1 + some, at=STACK + some * 65536, growsdown=True),
            lambda lab, task: lab.write(task, STACK + some * 7 * PAGE_SIZE, 1 + some),
            lambda lab, task: lab.write(task, FAR + some * PAGE_SIZE, 1 + some),
            lambda lab, task: lab.write(task, at, n),
            lambda lab, task: lab.write(task, at, n),
        ]
        return rng.choice(names), rng.choice(acts)


def attempt(lab: Lab, who: str, act: Act) -> tuple[str, bool, str]:
    """What came of it: the error if there was one, whether it was partial, and the machine."""
    lab.machine.housekeeping()
    task = lab.machine.find_task(who)
    try:
        act(lab, task)
    except KernelError as error:
        return error.errno, error.partial, lab.digest()
    return "", False, lab.digest()


@pytest.mark.parametrize("seed", range(20))
def test_both_paths_leave_the_same_machine(seed: int) -> None:
    """Whatever is done, on whatever machine, both paths fail alike and agree bit for bit."""
    life = Life(seed)
    # What is found of one holds for the other, whose digest is the same.
    scalar = Lab(bulk=1 << 40, lines=False, check=False, **life.options)
    bulk = Lab(bulk=life.rng.choice((1, 2, 7, 50, 513)), lines=False, **life.options)
    for lab in (scalar, bulk):
        lab.heap(life.pages, name="a", write=False)
    home = mm_of(scalar.machine.find_task("a")).vmas[0].vm_start
    for number in range(40):
        who, act = life.act(number, home)

        assert attempt(scalar, who, act) == attempt(bulk, who, act), number
        assert scalar.machine.work.as_dict() == bulk.machine.work.as_dict()
        life.names = [task.name for task in scalar.machine.tasks if task.alive]
