"""
The machine's state as plain data: what ``--state`` prints and `Session.state` returns.

Processes by name, the dead left out, and files; VMAs and pages by address; ids from 1 in order of creation.
Sizes and addresses are bytes.  What a scheme or a kernel does not have is None.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from vmtui.errors import OptionError
from vmtui.mm.machine import Machine
from vmtui.mm.mm_types import AddressSpace, AnonVma, Mm, Vma, place_name
from vmtui.mm.page import PAGE_SIZE, Page
from vmtui.mm.pgtable import present_ptes, pte_write
from vmtui.scenario.pages import PageView, file_name, perms
from vmtui.scenario.places import Place, find_range

__all__ = ["MAX_PAGES", "state"]

MAX_PAGES: Final = 200_000
"""Pages that are listed one by one."""

_CONSECUTIVE: Final = ("pfn", "swap")


def state(machine: Machine, *, of: Place | None = None, runs: bool = False) -> dict[str, Any]:
    """
    The machine as it stands.

    Args:
        of: List the pages of this place alone.

        runs: Fold neighbours that are alike into one entry with a ``count``; frames and slots count up.

    Raises:
        OptionError: there are more than 200,000 pages to list.
        PlaceError: `of` is not there.
    """
    lister = _Lister(machine, of, runs)
    return {
        "processes": {
            task.name: {
                "parent": task.parent,
                "rss": task.mm.rss,
                "vmas": [_vma(vma) for vma in task.mm.vmas],
                "pages": list(lister.pages(task.mm)),
            }
            for task in machine.tasks
            if task.mm is not None
        },
        "anon_vmas": [_anon_vma(anon_vma) for anon_vma in machine.anon_vmas],
        "files": {file.name: _file(file) for file in machine.files if not file.shmem},
        "shared_memory": [_shared(file) for file in machine.files if file.shmem],
        "frames": machine.frames(),
        "swap": {"slots": machine.swap.slots, "used": machine.swap.used()},
        "ledger": {
            "lowmem_total": machine.ledger.lowmem_total,
            "lowmem_free": machine.ledger.lowmem_free,
            "by_kind": machine.ledger.by_kind(),
        },
    }


def _vma(vma: Vma) -> dict[str, Any]:
    label = vma.vm_mm.labels.at(vma.vm_start)
    return {
        "id": vma.id,
        "start": vma.vm_start,
        "end": vma.vm_end,
        "perms": perms(vma),
        "label": label.name if label is not None else None,
        "pgoff": vma.vm_pgoff,
        "file": file_name(vma),
        "shared_memory": vma.vm_file.id if vma.vm_file is not None and vma.vm_file.shmem else None,
        "anon_vma": vma.anon_vma.id if vma.anon_vma is not None else None,
        "chain": _chain(vma),
    }


def _chain(vma: Vma) -> list[int] | None:
    chain = vma.machine.scheme.chain_of(vma)
    return None if chain is None else list(chain)


def _anon_vma(anon_vma: AnonVma) -> dict[str, Any]:
    order = [vma.id for vma in anon_vma.machine.scheme.anon_vma_vmas(anon_vma)]
    root, parent = anon_vma.root, anon_vma.parent
    return {
        "id": anon_vma.id,
        "root": None if root is None else root.id,
        "parent": None if parent is None else parent.id,
        "num_children": None if root is None else anon_vma.num_children,
        "num_active_vmas": None if root is None else anon_vma.num_active_vmas,
        "refcount": None if root is None else anon_vma.refcount,
        "vmas": len(order),
        "list": order,
    }


def _file(file: AddressSpace) -> dict[str, Any]:
    return {
        "id": file.id,
        "bytes": file.size,
        "cached": file.nrpages * file.machine.cluster,
        "vmas": len(file.i_mmap) + len(file.i_mmap_shared),
    }


def _shared(file: AddressSpace) -> dict[str, Any]:
    swapped = int(np.count_nonzero(file.slots.all[: file.end])) * file.machine.cluster
    return {**_file(file), "name": file.name, "swapped": swapped}


class _Lister:
    """Lists pages, and counts them against the limit."""

    def __init__(self, machine: Machine, of: Place | None, runs: bool) -> None:
        self._range = find_range(machine, of) if of is not None else None
        self._runs = runs
        self._listed = 0

    def pages(self, mm: Mm) -> Iterator[dict[str, Any]]:
        """The pages of a process that have an entry, by address."""
        entries = (_page(PageView.at(mm, address)) for address in self._addresses(mm))
        for entry in _folded(entries) if self._runs else entries:
            self._listed += 1
            if self._listed > MAX_PAGES:
                raise OptionError(
                    f"more than {MAX_PAGES:,} pages to list: name some with --state-of PLACE, "
                    "or fold equal neighbours with --runs"
                )
            yield entry

    def _addresses(self, mm: Mm) -> Iterator[int]:
        where = self._range
        if where is not None and where.mm is not mm:
            return
        for vma in mm.vmas:
            start = vma.vm_start if where is None else max(vma.vm_start, where.start)
            end = vma.vm_end if where is None else min(vma.vm_end, where.end)
            if start < end:
                yield from present_ptes(mm, start, end).tolist()


def _page(view: PageView) -> dict[str, Any]:
    page = view.page
    assert view.mm is not None
    return {
        "address": view.address,
        "place": place_name(view.mm, view.address),
        "state": view.state,
        "pfn": view.pfn,
        "swap": view.slot,
        "mapcount": page.mapcount if page is not None else 0,
        "writable": pte_write(view.pte) if page is not None else None,
        "exclusive": page.mapcount == 1 if page is not None else None,
        "anon_exclusive": _anon_exclusive(page),
        "anon": page.test("anon") if page is not None else None,
        "swapcache": view.swapcache,
    }


def _anon_exclusive(page: Page | None) -> bool | None:
    """Whether one process has the page for itself; None where the kernel does not note it, or of a file's."""
    if page is None or not page.machine.kernel.anon_exclusive or not page.test("anon"):
        return None
    return page.test("anon_exclusive")


def _folded(entries: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Runs of neighbours that are alike, each as its first page with the ``count`` of all."""
    run: dict[str, Any] | None = None
    for entry in entries:
        if run is not None and _continues(run, entry):
            run["count"] += 1
            continue
        if run is not None:
            yield run
        run = {**entry, "count": 1}
    if run is not None:
        yield run


def _continues(run: dict[str, Any], entry: dict[str, Any]) -> bool:
    count = run["count"]
    for field, value in entry.items():
        if field == "address" and value != run[field] + count * PAGE_SIZE:
            return False
        if field in _CONSECUTIVE and value != (None if run[field] is None else run[field] + count):
            return False
        if field not in ("address", "place", *_CONSECUTIVE) and value != run[field]:
            return False
    return True
