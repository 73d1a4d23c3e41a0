"""What the simulator says, in the form that the kernel underneath is told of in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import attrs

from vmtui.live.observed import (
    FIELDS,
    SHARED_MEMORY,
    TOPOLOGY,
    AnonVmaSeen,
    Observed,
    PageSeen,
    ProcessSeen,
    VmaSeen,
    Where,
)
from vmtui.mm.machine import Machine
from vmtui.mm.page import PAGE_SHIFT, PAGE_SIZE, Page
from vmtui.mm.swap_state import lookup_swap_cache
from vmtui.scenario.pages import shared_slots
from vmtui.session import Session

__all__ = ["SimulatedObserver"]

_ANON_VMA: Final = tuple(field.name for field in attrs.fields(AnonVmaSeen))
_PSS_SHIFT: Final = 12  # smaps divides in fixed point, and truncates each page's share

Json = Mapping[str, Any]


class SimulatedObserver:
    """
    Looks at a session's machine, and knows who mapped what one command before.

    Args:
        session: The session.
        topology: Whether to tell of anon_vmas; of a machine that has them as today's kernel does.
    """

    def __init__(self, session: Session, *, topology: bool = False) -> None:
        self._session = session
        self._topology = topology
        self._before: dict[int, frozenset[Where]] = {}

    def observe(self, errno: str | None) -> Observed:
        """The state at the cursor, after a command that gave this errno."""
        machine = self._session.machine
        state = self._session.state()
        told = state["processes"]
        holders = Counter(
            page["swap"] for each in told.values() for page in each["pages"] if page["state"] == "swapped"
        )
        processes = {
            name: ProcessSeen(
                tuple(self._vma(name, vma, process["pages"], holders) for vma in process["vmas"]),
                {page["address"]: self._page(page) for page in process["pages"]},
            )
            for name, process in told.items()
        }
        self._remember(machine, told)
        fields = set(FIELDS)
        if not any(page.anon_excl is not None for each in processes.values() for page in each.pages.values()):
            fields.discard("anon_excl")
        if not self._topology:
            return Observed(processes, frozenset(fields), errno)
        anon_vmas = {
            each["id"]: AnonVmaSeen(**{name: each[name] for name in _ANON_VMA}) for each in state["anon_vmas"]
        }
        return Observed(processes, frozenset(fields | TOPOLOGY.keys()), errno, anon_vmas)

    def _vma(self, name: str, told: Json, pages: list[Json], holders: Counter[int]) -> VmaSeen:
        file = SHARED_MEMORY if told["shared_memory"] is not None else told["file"]
        seen = VmaSeen(
            told["start"],
            told["end"],
            told["perms"],
            file,
            0 if file is None else told["pgoff"] << PAGE_SHIFT,
            _counts(self._session.machine, name, told, pages, holders),
        )
        if not self._topology:
            return seen
        links = {"pgoff": told["pgoff"], "anon_vma": told["anon_vma"] or 0, "chain": tuple(told["chain"])}
        return attrs.evolve(seen, **links)

    def _page(self, told: Json) -> PageSeen:
        if told["state"] == "zero":
            return PageSeen("zero")
        if told["state"] == "swapped":
            return PageSeen("swapped", slot=told["swap"], swapcache=told["swapcache"])
        mapping, index = None, None
        if self._topology and told["anon"]:
            page = Page(self._session.machine, told["pfn"])
            mapping, index = page.mapping, page.index
        return PageSeen(
            "present",
            frame=told["pfn"],
            was=self._before.get(told["pfn"], frozenset()),
            mapcount=told["mapcount"],
            exclusive=told["exclusive"],
            anon=told["anon"],
            anon_excl=told["anon_exclusive"],
            swapcache=told["swapcache"] and told["anon"],
            mapping=mapping,
            index=index,
        )

    def _remember(self, machine: Machine, told: Json) -> None:
        owners: dict[int, set[Where]] = {}
        for name, process in told.items():
            for page in process["pages"]:
                pfn = page["pfn"]
                if page["state"] == "swapped":
                    pfn = lookup_swap_cache(machine, page["swap"])
                if pfn:
                    owners.setdefault(pfn, set()).add((name, page["address"]))
        self._before = {pfn: frozenset(whose) for pfn, whose in owners.items()}


def _counts(
    machine: Machine, name: str, vma: Json, pages: list[Json], holders: Counter[int]
) -> dict[str, int]:
    """What smaps would count (smap_gather_stats, fs/proc/task_mmu.c of 6.18), in kB."""
    within = [page for page in pages if vma["start"] <= page["address"] < vma["end"]]
    present = [page for page in within if page["state"] == "present"]
    swapped = [page for page in within if page["state"] == "swapped"]
    private = sum(page["mapcount"] < 2 for page in present)
    in_swap, swap_pss = len(swapped), sum(_share(holders[page["swap"]]) for page in swapped)
    if vma["shared_memory"] is not None:
        # No page table says so: it is the object that is asked.
        mm = machine.find_task(name).mm
        assert mm is not None
        in_swap = len(shared_slots(mm, vma["start"], vma["end"]))
    return {
        "rss": _kilobytes(len(present)),
        "pss": _in_kilobytes(sum(_share(page["mapcount"]) for page in present)),
        "anonymous": _kilobytes(sum(bool(page["anon"]) for page in present)),
        "swap": _kilobytes(in_swap),
        "swap_pss": _in_kilobytes(swap_pss),
        "private": _kilobytes(private),
        "shared": _kilobytes(len(present) - private),
    }


def _share(holders: int) -> int:
    """One of so many holders' part of a page."""
    return (PAGE_SIZE << _PSS_SHIFT) // max(holders, 1)


def _in_kilobytes(shares: int) -> int:
    return shares >> (10 + _PSS_SHIFT)


def _kilobytes(pages: int) -> int:
    return pages * PAGE_SIZE >> 10
