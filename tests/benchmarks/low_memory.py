"""Where low memory ends under pte_chains: 2 GB of a shared file, touched by one process after another."""

from __future__ import annotations

from tests.benchmarks.engine import TWO_GB
from tests.benchmarks.figures import Figure
from vmtui.errors import KernelError
from vmtui.session import Session


def ends(highpte: str) -> tuple[int, str]:
    """The process that low memory ends at, and what the refusal says."""
    session = Session(rmap="pte_chain", ram="32G", highpte=highpte)
    session.do(f"file sga {TWO_GB} pages")
    number = 0
    while True:
        number += 1
        try:
            session.do(f"spawn p{number}")
            session.do(f"mmap p{number} s {TWO_GB} pages rw shared sga")
            session.do(f"read p{number}.s")
        except KernelError as error:
            return number, error.message


def low_memory() -> list[Figure]:
    """The process at which it ends, without and with page tables in high memory."""
    figures = []
    for highpte, process in (("off", 94), ("on", 121)):
        number, says = ends(highpte)
        what = f"pte_chain, 2 GB shared, highpte={highpte}: ends at process"
        figures.append(Figure(what, number, "", process, note=says))
        figures.append(Figure(f"{what}, and not before", number, "", process, least=True))
    return figures
