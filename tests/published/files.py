"""One file, mapped in many windows: rmap-test, test-mmap and the windows of a database."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

import attrs

from tests.mm.rmap.lab import HEAP, Lab
from tests.published.row import INGO, RMAP_TEST, Row
from vmtui.mm.filemap import create
from vmtui.mm.fork import living
from vmtui.mm.mm_types import AddressSpace, Task
from vmtui.mm.page import PAGE_SIZE

#: Windows lie this many pages apart, so that they cannot merge.
STRIDE: Final = 2


def window(number: int) -> int:
    """Where a task maps a window."""
    return HEAP + number * STRIDE * PAGE_SIZE


@attrs.frozen
class Windows:
    """Tasks that map the same windows of a file, a page each; the page of those touched is read by all."""

    lab: Lab
    tasks: list[Task]

    @classmethod
    def of(
        cls, rmap: str, tasks: int, count: int, touched: tuple[int, ...], *, forked: bool, ram: str = "1G"
    ) -> Windows:
        """Mapped by each task in turn, or by one that forked the others."""
        lab = Lab(rmap, ram=ram)
        file = lab.run(create(lab.machine, "data", count * STRIDE * PAGE_SIZE))
        made = [lab.spawn("t0")]
        cls._map(lab, made[0], file, count)
        for number in range(1, tasks):
            if forked:
                made.append(lab.fork(made[0], f"t{number}"))
            else:
                made.append(lab.spawn(f"t{number}"))
                cls._map(lab, made[-1], file, count)
            # Nobody will undo this.
            lab.machine.history.drop(lab.machine.history.mark)
        for task in made:
            for number in touched:
                lab.write(task, 1, window(number))
        return cls(lab, made)

    @staticmethod
    def _map(lab: Lab, task: Task, file: AddressSpace, count: int) -> None:
        """Map every window.  Their names, which no kernel has, go again: looking for one takes time."""
        labels = living(task).labels
        for number in range(count):
            lab.map(task, 1, f"w{number}", window(number), shared=True, file=file, pgoff=number * STRIDE)
            labels.remove(next(iter(labels)))
            labels.compact()

    def page_out(self, number: int) -> tuple[int, int, int, int]:
        """Examined and hits of both walks of a page-out."""
        self.lab.swapout(self.lab.page(self.tasks[0], window(number)))
        referenced, unmap = self.lab.walks
        return referenced.examined, referenced.hits, unmap.examined, unmap.hits


def page_out(
    rmap: str, tasks: int, count: int, number: int, *, forked: bool, ram: str = "1G"
) -> tuple[int, int, int, int]:
    """A page-out of the page in one window."""
    return Windows.of(rmap, tasks, count, (number,), forked=forked, ram=ram).page_out(number)


def chain() -> tuple[int, int, int, int]:
    """rmap-test 1 under pte_chains: examined and hits, nodes, bytes."""
    windows = Windows.of("pte_chain", 100, 1, (0,), forked=True)
    walk = windows.lab.look(windows.lab.page(windows.tasks[0], window(0)))
    return walk.examined, walk.hits, walk.nodes, windows.lab.bytes("pte_chain")


def _rmap_test_1() -> Iterator[Row]:
    for rmap in ("objrmap", "anon_vma_rfc", "anon_vma"):
        for forked in (False, True):
            for number in (0, 37, 99):
                unmap = 100 * (number + 1) if forked else 9_901 + number
                figure = (100, 100, 100, 100) if rmap == "anon_vma" else (10_000, 100, unmap, 100)
                order = "forked" if forked else "mapped in turn"
                yield Row(
                    name=f"rmap_test_1_{rmap}_{order.replace(' ', '_')}_window_{number}",
                    what=f"rmap-test 1, {rmap}, {order}, window {number}: referenced, unmap",
                    figure=figure,
                    measure=partial(page_out, rmap, 100, 100, number, forked=forked),
                    source=RMAP_TEST,
                    said="10,000 VMAs, 100 mappings" if number == 0 and rmap == "objrmap" else "",
                )


def _mmap(name: str, count: int, numbers: tuple[int, ...], *, long: bool = False) -> Iterator[Row]:
    for rmap in ("objrmap", "anon_vma"):
        for number in numbers:
            figure = (32 * count, 32, 32 * (number + 1), 32) if rmap == "objrmap" else (32, 32, 32, 32)
            yield Row(
                name=f"{name}_{rmap}_window_{number}".replace("-", "_"),
                what=f"{name}, 32 × {count:,}, {rmap}, window {number:,}: referenced, unmap",
                figure=figure,
                measure=partial(page_out, rmap, 32, count, number, forked=True, ram="2G"),
                source=INGO,
                said=f"about {32 * count:,} VMAs" if rmap == "objrmap" else "",
                long=long,
            )


ROWS: tuple[Row, ...] = (
    *_rmap_test_1(),
    Row(
        name="rmap_test_1_pte_chain",
        what="rmap-test 1, pte_chain: examined, hits, nodes, bytes",
        figure=(100, 100, 4, 512),
        measure=chain,
    ),
    *(
        Row(
            name=f"rmap_test_3_{rmap}",
            what=f"rmap-test 3 (one task, 10,000 windows), {rmap}, the last: referenced, unmap",
            figure=figure,
            measure=partial(page_out, rmap, 1, 10_000, 9_999, forked=False),
            source=RMAP_TEST,
        )
        for rmap, figure in (
            ("pte_chain", (1, 1, 1, 1)),
            ("objrmap", (10_000, 1, 10_000, 1)),
            ("anon_vma", (1, 1, 1, 1)),
        )
    ),
    Row(
        name="oracle_windows",
        what="512 MB in windows of 32 KB, one process, objrmap: referenced, unmap",
        figure=(16_384, 1, 16_384, 1),
        measure=partial(page_out, "objrmap", 1, (512 << 20) // (32 << 10), 16_383, forked=False),
        source=INGO,
        said="16,384 VMAs",
    ),
    *_mmap("test-mmap2", 1_800, (900,)),
    *_mmap("test-mmap3", 18_000, (0, 9_000, 17_999), long=True),
)
