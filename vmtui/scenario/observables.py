"""
Observables: what an expression can read from a machine.

`OBSERVABLES` is the one table: ``expect``, ``let``, ``say`` and find read through it, and
`vmtui observables` prints it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from vmtui.mm.mm_types import VM_LOCKED, Task, Vma
from vmtui.mm.page import PAGE_SIZE, Page, flag_names
from vmtui.mm.pgtable import page_tables, pte_dirty, pte_write, pte_young
from vmtui.mm.work import WORK
from vmtui.scenario.expressions import Observable
from vmtui.scenario.names import Name, print_name
from vmtui.scenario.nodes import Value
from vmtui.scenario.pages import PageView, file_name, perms, swap_entries
from vmtui.scenario.places import AddressPlace, LabelPlace, Place

__all__ = [
    "GLOBALS",
    "OBSERVABLES",
    "WALK_FIELDS",
    "WALK_KINDS",
    "GlobalValue",
    "Known",
    "PageValue",
    "TaskValue",
    "is_of_scheme",
    "table",
]

WALK_FIELDS: Final = (
    "examined",
    "hits",
    "misses",
    "miss_range",
    "miss_notable",
    "miss_nopte",
    "miss_pfn",
    "skip_no_rss",
    "skip_no_mm",
    "left",
    "nodes",
    "ptes",
)
"""What a walk counts."""

WALK_KINDS: Final = ("referenced", "unmap", "look")
"""What a walk is for; a look is what the command ``walk`` makes."""

FRAME_KINDS: Final = ("total", "free", "page_tables", "anon", "file", "swap_cache", "unused")


@attrs.frozen
class Known:
    """
    One observable.

    Attributes:
        name: What stands after the last dot.
        subject: What it is read of: ``page``, ``VMA``, ``process``.
        meaning: In a few words.
        read: The value, of a `PageView`, a VMA or a task.
        of_scheme: Whether it is a fact of the scheme, which another scheme need not share.
    """

    name: str
    subject: str
    meaning: str
    read: Callable[[Any], Value]
    of_scheme: bool = False


def _page(name: str, meaning: str, read: Callable[[PageView], Value], of_scheme: bool = False) -> Known:
    return Known(name, "page", meaning, read, of_scheme)


def _frame(name: str, meaning: str, read: Callable[[Any], Value], of_scheme: bool = False) -> Known:
    """An observable of the frame; none where nothing is mapped."""
    return _page(name, meaning, lambda view: None if view.page is None else read(view.page), of_scheme)


def _entry(name: str, meaning: str, read: Callable[[int], Value]) -> Known:
    """An observable of the PTE; none where no frame is mapped, or a frame was named."""
    return _page(name, meaning, lambda view: None if view.page is None or view.mm is None else read(view.pte))


def _mapcount(view: PageView) -> Value:
    return 0 if view.page is None else view.page.mapcount


def _dirty(view: PageView) -> Value:
    return None if view.page is None else pte_dirty(view.pte) or view.page.test("dirty")


def _locked(view: PageView) -> Value:
    vma = view.vma
    return None if view.page is None or vma is None else vma.vm_flags & VM_LOCKED != 0


def _vma(name: str, meaning: str, read: Callable[[Vma], Value], of_scheme: bool = False) -> Known:
    return Known(name, "VMA", meaning, read, of_scheme)


def _anon_vma(vma: Vma) -> Value:
    return vma.anon_vma.id if vma.anon_vma is not None else None


def _chain(vma: Vma) -> Value:
    chain = vma.machine.scheme.chain_of(vma)
    return None if chain is None else len(chain)


def _anon_exclusive(page: Page) -> Value:
    return page.test("anon_exclusive") if page.machine.kernel.anon_exclusive else None


def _task(name: str, meaning: str, read: Callable[[Task], Value]) -> Known:
    return Known(name, "process", meaning, read)


def _of_mm(read: Callable[[Any], Value]) -> Callable[[Task], Value]:
    return lambda task: None if task.mm is None else read(task.mm)


_KNOWN: Final = (
    _page("present", "a frame is mapped (the zero page is none)", lambda view: view.page is not None),
    _page("swapped", "it lies in swap, by its entry or as shared", lambda view: view.state == "swapped"),
    _page("zero", "the zero page is mapped", lambda view: view.zero),
    _page("state", '"present", "swapped", "zero" or "file"; none: untouched', lambda view: view.state),
    _page("slot", "the swap slot it lies in", lambda view: view.slot),
    _page("swapcache", "its frame is in the swap cache", lambda view: view.swapcache),
    _page("mapcount", "entries that map the frame; 0 if none is mapped", _mapcount),
    _page("pfn", "the frame's number", lambda view: view.pfn),
    _frame("count", "references to the frame", lambda page: page.count),
    _frame("anon", "PG_anon: anonymous memory", lambda page: page.test("anon")),
    _frame("direct", "PG_direct: struct page points at a VMA", lambda page: page.test("direct"), True),
    _page("dirty", "written, by the entry or by PG_dirty", _dirty),
    _entry("young", "the entry's accessed bit", pte_young),
    _entry("writable", "the entry lets the process write", pte_write),
    _frame("exclusive", "mapcount is 1", lambda page: page.mapcount == 1),
    _frame("anon_exclusive", "6.18: one process has it for itself; else none", _anon_exclusive),
    _page("locked", "its VMA is locked in memory", _locked),
    _frame("index", "page->index", lambda page: page.index, True),
    _frame("mapping", "the union of struct page, as an object's number", lambda page: page.mapping, True),
    _frame("flags", 'PG_* flags: "anon direct lru"', lambda page: " ".join(flag_names(page.flags)), True),
    _vma("start", "vm_start, in bytes", lambda vma: vma.vm_start),
    _vma("end", "vm_end, in bytes", lambda vma: vma.vm_end),
    _vma("pages", "its length in pages", lambda vma: (vma.vm_end - vma.vm_start) // PAGE_SIZE),
    _vma("perms", '"rw-p", as in /proc/PID/maps', perms),
    _vma("pgoff", "vm_pgoff, in pages", lambda vma: vma.vm_pgoff, True),
    _vma("anon_vma", "the number of its anon_vma", _anon_vma, True),
    _vma("chain", "length of its anon_vma chain; none without chains", _chain, True),
    _vma("file", "the file mapped; none for anonymous and for shared memory", file_name),
    _task("alive", "it has not exited", lambda task: task.alive),
    _task("vmas", "its VMAs", _of_mm(lambda mm: len(mm.vmas))),
    _task("rss", "its pages present", _of_mm(lambda mm: mm.rss)),
    _task("swap", "its swap entries", _of_mm(swap_entries)),
    _task("page_tables", "frames of its page tables", _of_mm(page_tables)),
)

PAGE_VALUES: Mapping[str, Known] = MappingProxyType({k.name: k for k in _KNOWN if k.subject == "page"})
VMA_VALUES: Mapping[str, Known] = MappingProxyType({k.name: k for k in _KNOWN if k.subject == "VMA"})
TASK_VALUES: Mapping[str, Known] = MappingProxyType({k.name: k for k in _KNOWN if k.subject == "process"})
OBSERVABLES: tuple[Known, ...] = _KNOWN
"""What can be read of a page, a VMA and a process."""

GLOBALS: Mapping[str, str] = MappingProxyType(
    {
        "walk": "the last unmap or look walk of the last command, else its last walk",
        "walks": "all walks of the last command",
        "work": "what the last command did on the fast path",
        "ledger": "bytes of low memory",
        "anon_vmas": "anon_vma objects that exist",
        "frames": "frames by use",
        "swap": "swap slots",
    }
)
"""Names that are no process, and what is read of them."""

_SCHEME_GLOBALS: Final = frozenset({"walk", "walks", "work", "ledger", "anon_vmas"})
_ROOTS: Final = frozenset({*GLOBALS, "and", "or", "not", "true", "false", "pfn"})


@attrs.frozen
class PageValue(Observable):
    """``sh.heap[3].pfn``, ``sh.heap[0:4].zero``, ``pfn:17.mapcount``, ``sh.heap.perms``."""

    place: Place
    attribute: str

    @property
    def is_range(self) -> bool:
        """Whether it stands for one value a page."""
        return self.place.is_range and self.attribute in PAGE_VALUES

    def __str__(self) -> str:
        return f"{_root_place(self.place)}.{self.attribute}"


def _root_place(place: Place) -> str:
    """A place at the head of an observable, where more words mean something else."""
    text = str(place)
    if not isinstance(place, LabelPlace | AddressPlace):
        return text
    plain, safe = print_name(place.task, frozenset({"pfn"})), print_name(place.task, _ROOTS)
    return safe + text.removeprefix(plain)


@attrs.frozen
class TaskValue(Observable):
    """``sh.alive``."""

    task: Name
    attribute: str

    def __str__(self) -> str:
        return f"{print_name(self.task, _ROOTS)}.{self.attribute}"


@attrs.frozen
class GlobalValue(Observable):
    """``walk.examined``, ``ledger.anon_vma``, ``anon_vmas``."""

    path: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.path)


def is_of_scheme(observable: Observable) -> bool:
    """Whether its value is a fact of the scheme that another scheme need not share."""
    match observable:
        case GlobalValue(path):
            return path[0] in _SCHEME_GLOBALS
        case PageValue(_, attribute):
            return (PAGE_VALUES.get(attribute) or VMA_VALUES[attribute]).of_scheme
    return False


def paths(root: str) -> list[tuple[str, ...]] | None:
    """What may follow a global name; None if any one name may."""
    match root:
        case "walk":
            fields = ("kind", "page", "scheme", "stopped", *WALK_FIELDS)
            return [(name,) for name in fields] + [(kind, name) for kind in WALK_KINDS for name in fields]
        case "walks":
            return [("count",), *(("sum", name) for name in WALK_FIELDS)]
        case "work":
            return [(name,) for name in WORK]
        case "frames":
            return [(name,) for name in FRAME_KINDS]
        case "swap":
            return [("slots",), ("used",)]
        case "anon_vmas":
            return [()]
    return None


def table() -> list[tuple[str, str, str]]:
    """Every observable as (how it is written, what it applies to, what it means)."""
    others = [kind for kind in WALK_KINDS if kind != "referenced"]
    examples = {"page": "sh.heap[3].{}", "VMA": "sh.heap.{}", "process": "sh.{}"}
    rows = [(examples[known.subject].format(known.name), known.subject, known.meaning) for known in _KNOWN]
    rows += [("pfn:17.mapcount", "frame", "what is read of a page, of a frame named by its number")]
    rows += [(f"walk.{name}", "walk", _WALK_MEANINGS[name]) for name in ("kind", "stopped", *WALK_FIELDS)]
    rows += [
        (
            "walk.referenced.hits",
            "walk",
            "the same of the last page_referenced walk (or " + ", ".join(f".{kind}" for kind in others) + ")",
        ),
        ("walks.count", "walks", "how many walks the last command made"),
        ("walks.sum.examined", "walks", "a count summed over all its walks"),
    ]
    rows += [(f"work.{name}", "command", meaning) for name, meaning in WORK.items()]
    rows += [
        ("ledger.KIND", "machine", "bytes of low memory held by a kind: mem_map, anon_vma, page_tables, ..."),
        ("ledger.lowmem_free", "machine", "bytes of low memory that are free"),
        ("ledger.lowmem_total", "machine", "bytes of low memory in all"),
        ("anon_vmas", "machine", GLOBALS["anon_vmas"]),
    ]
    rows += [(f"frames.{name}", "machine", f"frames: {_FRAME_MEANINGS[name]}") for name in FRAME_KINDS]
    rows += [("swap.slots", "machine", "swap slots in all"), ("swap.used", "machine", "swap slots in use")]
    return rows


_FRAME_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        **{name: name for name in FRAME_KINDS},
        "unused": "held by clusters and of use to nobody",
    }
)


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


_WALK_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "kind": f"{_quoted(WALK_KINDS[:-1])} or {_quoted(WALK_KINDS[-1:])}",
        "stopped": '"end", "mapcount" or "locked"',
        "examined": "candidates looked at: hits + misses",
        "hits": "candidates that do map the page",
        "misses": "candidates that do not",
        "miss_range": "misses: the address lies outside the VMA",
        "miss_notable": "misses: there is no page table",
        "miss_nopte": "misses: the entry is empty or swapped",
        "miss_pfn": "misses: the entry maps another frame",
        "skip_no_rss": "misses: the process has no page present",
        "skip_no_mm": "misses: the address space is gone",
        "left": "misses: another page, met on the way",
        "nodes": "list elements followed",
        "ptes": "page-table entries read",
    }
)
