"""What pte_chains weigh, and what fork, exec and exit cost under them."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from tests.mm.rmap.lab import HEAP, Lab
from tests.published.low_memory import SGA, TWO_GB
from tests.published.row import ANDREA_4_4, ANON_VMA_RFC, BLIGH, COMPUTED, H_260, MB, Row
from vmtui.mm import fork
from vmtui.mm.filemap import create
from vmtui.mm.mm_types import Task
from vmtui.mm.page import PAGE_SIZE


def chain_bytes(tasks: int, **options: Any) -> int:
    """pte_chain bytes of one page that as many tasks map.

    It is a page of a shared file, with another beside it: two pages weigh twice as much.
    """
    lab = Lab("pte_chain", ram="1G", lowmem="count", **options)
    file = lab.run(create(lab.machine, "sga", 2 * PAGE_SIZE))
    for number in range(tasks):
        task = lab.spawn(f"t{number}")
        lab.map(task, 2, shared=True, file=file)
        lab.write(task, 2)
    held = lab.bytes("pte_chain")
    assert held % 2 == 0
    return held // 2


def megabytes(pages: int, tasks: int, **options: Any) -> float:
    """The same of as many pages: a chain is a page's own, so each weighs alike."""
    return pages * chain_bytes(tasks, **options) / MB


def gigabytes(pages: int, tasks: int, **options: Any) -> float:
    """The same in GB."""
    return megabytes(pages, tasks, **options) / 1024


def family(rmap: str, pages: int, children: int = 1, **options: Any) -> tuple[Lab, list[Task]]:
    """A parent that wrote pages, and its children."""
    lab = Lab(rmap, ram="1G", **options)
    parent = lab.spawn("parent")
    lab.map(parent, pages)
    lab.write(parent, pages)
    return lab, [parent, *(lab.fork(parent, f"c{number}") for number in range(children))]


def fork_bytes(cacheline: int) -> float:
    """Low memory that fork takes for chains of 100,000 pages."""
    lab, _ = family("pte_chain", 100_000, cacheline=cacheline)
    return lab.bytes("pte_chain") / MB


def held_after_exec() -> tuple[int, int, int]:
    """Bytes held after the child's exec; slots that exec searched; bytes once page_referenced met 1,000."""
    lab, (parent, child) = family("pte_chain", 100_000)
    lab.run(fork.do_execve(child))
    held, searched = lab.bytes("pte_chain"), lab.work["slots_searched"]
    lab.referenced(*(lab.page(parent, HEAP + number * PAGE_SIZE) for number in range(1_000)))
    return held, searched, lab.bytes("pte_chain")


def rfc_fork_bytes() -> tuple[int, int]:
    """Bytes of the reverse map after the same fork, under the RFC, and after the child's exec."""
    lab, (_, child) = family("anon_vma_rfc", 100_000)
    forked = lab.machine.scheme.reverse_map_bytes()
    lab.run(fork.do_execve(child))
    return forked, lab.machine.scheme.reverse_map_bytes()


def fork_lines(rmap: str) -> tuple[int, int]:
    """Cache lines that fork of 100,000 written pages touches in the reverse map; nodes it allocates."""
    lab, _ = family(rmap, 100_000)
    return lab.work["cache_lines"], lab.work["chain_alloc"]


def longest_search(order: int) -> int:
    """The most slots of one search while 1,000 children of one shared page exit."""
    lab, (_, *children) = family("pte_chain", 1, 1000)
    longest = 0
    for child in children[::order]:
        lab.exit(child)
        longest = max(longest, lab.work["longest_list"])
    return longest


def exits(order: int) -> int:
    """Slots searched while 1,000 children of one shared page exit."""
    lab, (_, *children) = family("pte_chain", 1, 1000)
    before = lab.machine.work["slots_searched"]
    for child in children[::order]:
        lab.exit(child)
    return lab.machine.work["slots_searched"] - before


def twenty_vmas() -> int:
    """Bytes of the RFC's reverse map: 1000 children of a process with 20 anonymous VMAs."""
    lab = Lab("anon_vma_rfc", ram="256M")
    parent = lab.spawn("parent")
    for number in range(20):
        at = HEAP + 2 * number * PAGE_SIZE
        lab.map(parent, 1, f"v{number}", at)
        lab.write(parent, 1, at)
    for number in range(1000):
        lab.fork(parent, f"c{number}")
    return lab.machine.scheme.reverse_map_bytes()


#: Mappings of a page, and bytes of its chain, by cache line and HIGHPTE.
_BYTES: Final[tuple[tuple[int, str, dict[int, int]], ...]] = (
    (32, "off", {1: 0, 2: 32, 8: 64, 16: 96, 32: 160, 100: 480, 1000: 4576}),
    (32, "on", {1: 0, 2: 32, 8: 96, 16: 192, 32: 352, 100: 1088, 1000: 10688}),
    (128, "off", {1: 0, 2: 128, 8: 128, 16: 128, 32: 256, 100: 512, 1000: 4224}),
    (128, "on", {1: 0, 2: 128, 8: 128, 16: 256, 32: 384, 100: 896, 1000: 8576}),
)

#: Tasks, cache line, HIGHPTE, MB of chains over 2.7 GB.
_LOADS: Final = (
    *((100, 128, "off", 346), (100, 128, "on", 605), (100, 32, "off", 324), (100, 32, "on", 734)),
    *((700, 128, "off", 1987), (700, 128, "on", 4061), (700, 32, "off", 2160), (700, 32, "on", 5054)),
)


def _load(tasks: int, line: int, highpte: str, figure: int) -> Row:
    rough = {100: "540 MB (8 bytes a PTE)", 700: "3780 MB (8 bytes a PTE)"}
    return Row(
        name=f"chains_{tasks}_tasks_{line}_highpte_{highpte}",
        what=f"pte_chains of {tasks} tasks × 2.7 GB, cacheline={line}, highpte={highpte}",
        figure=figure,
        measure=partial(megabytes, SGA, tasks, cacheline=line, highpte=highpte),
        source=ANDREA_4_4 if (line, highpte) == (128, "on") else COMPUTED,
        said=rough[tasks] if (line, highpte) == (128, "on") else "",
        unit=" MB",
        digits=0,
    )


ROWS: tuple[Row, ...] = (
    *(
        Row(
            name=f"chain_of_{n}_{line}_highpte_{highpte}",
            what=f"pte_chain of a page mapped {n} times, cacheline={line}, highpte={highpte}",
            figure=figure,
            measure=partial(chain_bytes, n, cacheline=line, highpte=highpte),
            source=H_260,
            unit=" bytes",
        )
        for line, highpte, figures in _BYTES
        for n, figure in figures.items()
    ),
    *(_load(*load) for load in _LOADS),
    *(
        Row(
            name=f"bligh_5000_tasks_highpte_{highpte}",
            what=f"pte_chains of 5,000 tasks × 2 GB, cacheline=128, highpte={highpte}",
            figure=figure,
            measure=partial(gigabytes, TWO_GB, 5000, highpte=highpte),
            source=BLIGH,
            said=said,
            unit=" GB",
            digits=1,
        )
        for highpte, figure, said in (("off", 10.1, "about 10 GB"), ("on", 20.9, ""))
    ),
    *(
        Row(
            name=f"fork_of_100_000_pages_{line}",
            what=f"fork of 100,000 written pages, pte_chain, cacheline={line}",
            figure=figure,
            measure=partial(fork_bytes, line),
            unit=" MB",
            digits=digits,
        )
        for line, figure, digits in ((128, 12.2, 1), (64, 6.1, 1), (32, 3.05, 2))
    ),
    Row(
        name="still_held_after_exec",
        what="after the child's exec: bytes held / slots searched / 1,000 pages referenced",
        figure=(12_800_000, 100_000, 99_000 * 128),
        measure=held_after_exec,
    ),
    Row(
        name="rfc_fork_of_100_000_pages",
        what="the same under the RFC: bytes after fork (12, and 12 a VMA) / after exec",
        figure=(36, 24),
        measure=rfc_fork_bytes,
        source=ANON_VMA_RFC,
        said="12 bytes a VMA",
    ),
    *(
        Row(
            name=f"fork_of_100_000_pages_lines_{rmap}",
            what=f"the same fork, {rmap}: cache lines of the reverse map / new nodes",
            figure=figure,
            measure=partial(fork_lines, rmap),
        )
        for rmap, figure in (
            ("pte_chain", (200_000, 100_000)),
            ("anon_vma_rfc", (100_005, 0)),
            ("anonmm", (100_002, 0)),
            ("anon_vma", (100_003, 0)),
        )
    ),
    Row(
        name="children_exit_oldest_first",
        what="1,000 children of one shared page exit, oldest first: slots searched",
        figure=251_000,
        measure=partial(exits, 1),
    ),
    Row(
        name="children_exit_newest_first",
        what="the same, newest first",
        figure=1_000,
        measure=partial(exits, -1),
    ),
    Row(
        name="longest_search_oldest_first",
        what="the longest of these searches, oldest first: slots",
        figure=1_000,
        measure=partial(longest_search, 1),
    ),
    Row(
        name="longest_search_newest_first",
        what="the same, newest first",
        figure=1,
        measure=partial(longest_search, -1),
    ),
    Row(
        name="rfc_1000_children_20_vmas",
        what="1000 children, 20 anonymous VMAs each: reverse map of the RFC",
        figure=240_480,
        measure=twenty_vmas,
        said="about 240 KB",
        unit=" bytes",
    ),
    Row(
        name="chains_1000_children_10_000_pages",
        what="the same, 10,000 shared pages under pte_chains",
        figure=40,
        measure=partial(megabytes, 10_000, 1001),
        unit=" MB",
        digits=0,
    ),
)
