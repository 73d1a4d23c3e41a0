"""
Which anon_vma of the kernel underneath is which of the simulator's.

The kernel's have addresses, and a freed one's address is soon another's.  So the pairs are found anew at each
look; one that was found before counts while both of it have lived on since.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from vmtui.live.observed import AnonVmaSeen, Observed, PageSeen, ProcessSeen, VmaSeen

__all__ = ["Pairing"]


class Pairing:
    """The pairs, as they grow through a run."""

    def __init__(self) -> None:
        self._ours: dict[int, int] = {}

    def translate(self, simulated: Observed, live: Observed) -> Observed:
        """
        What the kernel says, with the simulator's numbers for anon_vmas.

        One that has no partner gets a number below 0, of this look alone.
        """
        self._ours = {
            theirs: ours
            for theirs, ours in self._ours.items()
            if theirs in live.anon_vmas and ours in simulated.anon_vmas
        }
        taken = set(self._ours.values())
        for ours, theirs in _evidence(simulated, live):
            self._pair(ours, theirs, taken)
        # A root and a parent may be in no chain that was compared, so they follow from those that are.
        for theirs, ours in list(self._ours.items()):
            one, other = simulated.anon_vmas.get(ours), live.anon_vmas.get(theirs)
            if one is not None and other is not None:
                self._pair(one.root, other.root, taken)
                self._pair(one.parent, other.parent, taken)
        return _renumbered(live, dict(self._ours))

    def _pair(self, ours: int, theirs: int, taken: set[int]) -> None:
        """Pair two of which neither has a partner."""
        if ours and theirs and theirs not in self._ours and ours not in taken:
            self._ours[theirs] = ours
            taken.add(ours)


def _evidence(simulated: Observed, live: Observed) -> Iterator[tuple[int, int]]:
    """Anon_vmas that should be the same one, each of the simulator and of the kernel; the surest first."""
    vmas = list(_same_vmas(simulated, live))
    for one, other in vmas:
        yield one.anon_vma or 0, other.anon_vma or 0
    for one, other in vmas:
        if one.chain is not None and other.chain is not None and len(one.chain) == len(other.chain):
            yield from zip(one.chain, other.chain, strict=True)
    for page, there in _same_pages(simulated, live):
        yield page.mapping or 0, there.mapping or 0


def _same_vmas(simulated: Observed, live: Observed) -> Iterator[tuple[VmaSeen, VmaSeen]]:
    for one, other in _same_processes(simulated, live):
        theirs = {vma.identity: vma for vma in other.vmas}
        yield from ((vma, theirs[vma.identity]) for vma in one.vmas if vma.identity in theirs)


def _same_pages(simulated: Observed, live: Observed) -> Iterator[tuple[PageSeen, PageSeen]]:
    for one, other in _same_processes(simulated, live):
        both = sorted(one.pages.keys() & other.pages.keys())
        yield from ((one.pages[address], other.pages[address]) for address in both)


def _same_processes(simulated: Observed, live: Observed) -> Iterator[tuple[ProcessSeen, ProcessSeen]]:
    for name in sorted(simulated.processes.keys() & live.processes.keys()):
        yield simulated.processes[name], live.processes[name]


def _renumbered(live: Observed, numbers: dict[int, int]) -> Observed:
    numbers[0] = 0
    unpaired = 0

    def number(theirs: int) -> int:
        nonlocal unpaired
        if theirs not in numbers:
            unpaired -= 1
            numbers[theirs] = unpaired
        return numbers[theirs]

    def vma(seen: VmaSeen) -> VmaSeen:
        if seen.anon_vma is None or seen.chain is None:
            return seen
        return attrs.evolve(seen, anon_vma=number(seen.anon_vma), chain=tuple(map(number, seen.chain)))

    def page(seen: PageSeen) -> PageSeen:
        return seen if seen.mapping is None else attrs.evolve(seen, mapping=number(seen.mapping))

    def process(seen: ProcessSeen) -> ProcessSeen:
        pages = {address: page(each) for address, each in seen.pages.items()}
        return ProcessSeen(tuple(map(vma, seen.vmas)), pages)

    def anon_vma(seen: AnonVmaSeen) -> AnonVmaSeen:
        return attrs.evolve(seen, root=number(seen.root), parent=number(seen.parent))

    return attrs.evolve(
        live,
        processes={name: process(each) for name, each in live.processes.items()},
        anon_vmas={number(address): anon_vma(each) for address, each in live.anon_vmas.items()},
    )
