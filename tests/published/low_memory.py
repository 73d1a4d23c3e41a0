"""Low memory ends: one shared mapping, read whole by one process after another, on 32 GB.

The file is the SGA of a database.  Each process brings page tables, and under pte_chains an entry for every
page of the file.  Where a run to the end is too large for a suite, thirty-odd processes are measured: each
but the first takes the same low memory, and under pte_chains a node a page more whenever a chain's head was
full; with page clustering that goes for each of the entries that a cluster gets.  That rule is held against
every process measured, and then counted on to the end.  The same in full takes up to 13 GB of the host's
memory, for the page tables of 2,281 processes.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import attrs

from tests.mm.rmap.lab import Lab
from tests.published.row import ANDREA_4_4, INGO_4_4, MB, Row
from vmtui.errors import KernelError
from vmtui.mm import memory
from vmtui.mm.filemap import create
from vmtui.mm.fork import living
from vmtui.mm.kernel import Options
from vmtui.mm.mm_types import AddressSpace
from vmtui.mm.page import PAGE_SIZE
from vmtui.mm.rmap.chain import nrpte

#: Pages of 2.7 GB and of 2 GB.
SGA: Final = 707_789
TWO_GB: Final = 524_288
#: Where it is mapped: low enough for 2.7 GB.
SGA_AT: Final = 0x10000000


@attrs.frozen
class Machine:
    """A machine of 32 GB with a file that processes map."""

    lab: Lab
    file: AddressSpace
    pages: int

    @classmethod
    def of(cls, rmap: str, pages: int, **options: Any) -> Machine:
        """With nothing mapped yet."""
        lab = Lab(rmap, ram="32G", **options)
        file = lab.run(create(lab.machine, "sga", pages * PAGE_SIZE))
        return cls(lab, file, pages)

    @property
    def free(self) -> int:
        """Low memory that is free."""
        return self.lab.machine.ledger.lowmem_free

    def process(self, number: int) -> None:
        """One process more maps the file and reads it whole; nobody will undo it."""
        task = self.lab.spawn(f"p{number}")
        self.lab.map(task, self.pages, "sga", SGA_AT, shared=True, file=self.file)
        self.lab.run(memory.access(living(task), SGA_AT, SGA_AT + self.pages * PAGE_SIZE, False))
        history = self.lab.machine.history
        history.drop(history.mark)


def ends_at(rmap: str, pages: int = SGA, limit: int = 3_000, **options: Any) -> int | str:
    """The process that low memory ends at, run to the end."""
    machine = Machine.of(rmap, pages, **options)
    for number in range(1, limit + 1):
        try:
            machine.process(number)
        except KernelError as error:
            if error.errno != "ENOMEM":
                raise
            return number
    return f"passes {limit:,}"


def predicted(rmap: str, pages: int = SGA, limit: int = 3_000, **options: Any) -> int | str:
    """The same from thirty-odd processes, by the rule."""
    machine = Machine.of(rmap, pages, **options)
    ledger, slots = machine.lab.machine.ledger, nrpte(machine.lab.machine.options)
    measured, before = [], machine.free
    for number in range(1, 2 * slots + 2 if slots < 16 else slots + 3):
        machine.process(number)
        measured.append(before - machine.free)
        before = machine.free

    tables = machine.lab.machine.frames()["page_tables"]
    node = ledger.sizes["pte_chain"] if rmap == "pte_chain" else 0
    shape = entries(pages, machine.lab.machine.options)
    chains = [node * nodes_taken(number, shape, slots) for number in range(2, limit + 1)]
    base = measured[2] - chains[1]
    rule = [base + nbytes for nbytes in chains]
    assert rule[: len(measured) - 1] == measured[1:]

    free = machine.free + sum(measured)
    # High memory holds the file, and the page tables where they may lie there.
    high = machine.lab.machine.zones[1].end - ledger.zone.end
    for number, cost in enumerate([measured[0], *rule], start=1):
        free -= cost
        if free < 0:
            assert not options.get("highpte") or pages + number * tables // len(measured) < high
            return number
    assert pages + limit * tables // len(measured) < high
    return f"passes {limit:,}"


def entries(pages: int, options: Options) -> tuple[tuple[int, int], ...]:
    """Pages of a file, and the entries that each gets from one process: one, or one for each PTE."""
    clusters, rest = divmod(pages, options.cluster)
    if options.chain == "pte":
        return ((clusters, options.cluster), (1 if rest else 0, rest))
    return ((clusters + (1 if rest else 0), 1),)


def nodes_taken(number: int, shape: tuple[tuple[int, int], ...], slots: int) -> int:
    """Nodes that the n-th process to map a file takes for its entries."""
    return sum(
        count * sum(new_node(entry, slots) for entry in range((number - 1) * each + 1, number * each + 1))
        for count, each in shape
    )


def new_node(number: int, slots: int) -> bool:
    """Whether the n-th mapping of a page takes a node: the second, and whenever the head is full."""
    return number == 2 or (number > 2 and number % slots == 1)


def mem_map_of_clusters() -> float:
    """mem_map of the article's machine, with clusters of 64 KB."""
    return Machine.of("pte_chain", 1, highpte="on", cluster=16).lab.machine.ledger.by_kind()["mem_map"] / MB


def left_by_mem_map() -> float:
    """Low memory of the article's machine once mem_map is there."""
    ledger = Machine.of("pte_chain", 1, highpte="on").lab.machine.ledger
    return (ledger.lowmem_total - ledger.by_kind()["mem_map"]) / MB


def pte_pages(tasks: int) -> float:
    """Page tables under the file, as many tasks have them: one is measured, without its three pmd pages."""
    machine = Machine.of("anon_vma_rfc", SGA)
    machine.process(1)
    return tasks * (machine.lab.machine.frames()["page_tables"] - 3) * PAGE_SIZE / MB


def _end(
    rmap: str, figure: int | str, *, pages: int = SGA, rule: bool = False, said: str = "", **options: Any
) -> list[Row]:
    """A row run to its end; or one by the rule, and one run to its end for those who have the time."""
    size = "2 GB" if pages == TWO_GB else "2.7 GB"
    given = ", ".join([options.get("split", "3:1"), f"highpte={options.get('highpte', 'off')}"])
    if "cluster" in options:
        given += f", cluster={options['cluster']}, chain={options['chain']}"
    name = "_".join([rmap, size.replace(" GB", "G"), *given.replace(":", "_").split(", ")])
    what = f"{rmap}, {size} a process, {given}: ends at process"
    if "cluster" in options:
        what = f"cluster=16 chain={options['chain']}, {size}, 3:1, highpte=on: ends at process"
    source = ANDREA_4_4 if said else "computed"
    run = Row(
        name=f"ends_{name}",
        what=what,
        figure=figure,
        measure=partial(ends_at, rmap, pages, 1_000 if isinstance(figure, str) else 3_000, **options),
        source=source,
        said=said,
    )
    if not rule:
        return [run]
    by_rule = attrs.evolve(
        run,
        name=f"ends_by_rule_{name}",
        measure=partial(predicted, rmap, pages, 1_000 if isinstance(figure, str) else 3_000, **options),
    )
    return [by_rule, attrs.evolve(run, what=f"{what}, in full", long=True)]


ABOUT_700: Final = "about 700"

ROWS: tuple[Row, ...] = (
    Row(
        name="article_machine_after_mem_map",
        what="32 GB, 3:1, highpte=on: low memory left by a mem_map of 44 bytes a page",
        figure=544,
        measure=left_by_mem_map,
        source=INGO_4_4,
        said="about 0.5 GB",
        unit=" MB",
        digits=0,
    ),
    Row(
        name="pte_pages_of_100_tasks",
        what="page tables of 100 tasks that map 2.7 GB",
        figure=540,
        measure=partial(pte_pages, 100),
        source=ANDREA_4_4,
        unit=" MB",
        digits=0,
    ),
    Row(
        name="pte_pages_of_700_tasks",
        what="the same, 700 tasks",
        figure=3782,
        measure=partial(pte_pages, 700),
        source=ANDREA_4_4,
        said="3780 MB (5.4 MB a task; it is 5.402)",
        unit=" MB",
        digits=0,
    ),
    *_end("pte_chain", 63),
    *_end("pte_chain", 91, highpte="on"),
    *_end("anon_vma_rfc", 106),
    *_end("anon_vma_rfc", "passes 1,000", rule=True, highpte="on"),
    *_end("pte_chain", 94, pages=TWO_GB),
    *_end("pte_chain", 121, pages=TWO_GB, highpte="on"),
    *_end("anon_vma_rfc", 143, pages=TWO_GB),
    *_end("objrmap", 143, pages=TWO_GB),
    *_end("anon_vma", 159, pages=TWO_GB),
    *_end("pte_chain", 435, rule=True, split="4:4"),
    *_end("pte_chain", 616, rule=True, said=ABOUT_700, split="4:4", highpte="on"),
    *_end("anon_vma_rfc", 666, rule=True, split="4:4"),
    Row(
        name="mem_map_of_clusters",
        what="32 GB, highpte=on, clusters of 16 pages: mem_map",
        figure=22,
        measure=mem_map_of_clusters,
        unit=" MB",
        digits=0,
    ),
    *_end("pte_chain", 151, rule=True, highpte="on", cluster=16, chain="pte"),
    *_end("pte_chain", 2_281, rule=True, highpte="on", cluster=16, chain="cluster"),
)
