"""Anon_vmas set side by side, once they are paired: what differs, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from vmtui.live.observed import AnonVmaSeen, Observed, VmaSeen

__all__ = [
    "VMA_FIELDS",
    "anon_vma_name",
    "compare_anon_vma",
    "compare_links",
    "describe_anon_vma",
    "describe_links",
]

Words = Iterator[tuple[str, str, str]]
"""Fields that differ, each with what the simulator and the kernel say."""


def anon_vma_name(number: int) -> str:
    """An anon_vma by the simulator's number for it."""
    if number < 0:
        return "an anon_vma that the simulator has not"
    return f"anon_vma {number}" if number else "no anon_vma"


def _chain(chain: tuple[int, ...]) -> str:
    numbers = ", ".join(str(each) if each > 0 else "another" for each in chain)
    return f"chain {numbers}" if chain else "no chain"


VMA_FIELDS: Final[dict[str, Callable[[Any], str]]] = {
    "pgoff": lambda value: f"vm_pgoff {value:#x}",
    "anon_vma": anon_vma_name,
    "chain": _chain,
}
"""Fields of a VMA, and how a value reads."""

_ANON_VMA_FIELDS: Final[dict[str, Callable[[Any], str]]] = {
    "root": lambda value: f"root {anon_vma_name(value)}",
    "parent": lambda value: f"parent {anon_vma_name(value)}",
    "num_children": lambda value: f"num_children {value}",
    "num_active_vmas": lambda value: f"num_active_vmas {value}",
    "refcount": lambda value: f"refcount {value}",
}


def compare_links(one: VmaSeen, other: VmaSeen) -> Words:
    """What ties two VMAs, that are otherwise the same, to anon_vmas."""
    yield from _compare(VMA_FIELDS, one, other)


def compare_anon_vma(one: AnonVmaSeen, other: AnonVmaSeen) -> Words:
    """An anon_vma and its partner."""
    yield from _compare(_ANON_VMA_FIELDS, one, other)


def _compare(fields: dict[str, Callable[[Any], str]], one: object, other: object) -> Words:
    for field, text in fields.items():
        values = getattr(one, field), getattr(other, field)
        if None not in values and values[0] != values[1]:
            yield field, text(values[0]), text(values[1])


def describe_links(observed: Observed, task: str, start: int) -> str:
    """All that one side says of a VMA's anon_vmas, in a line."""
    process = observed.processes.get(task)
    vma = next((vma for vma in process.vmas if vma.start == start), None) if process is not None else None
    return _describe(VMA_FIELDS, vma) if vma is not None else "no VMA there"


def describe_anon_vma(observed: Observed, number: int) -> str:
    """All that one side says of an anon_vma, in a line."""
    seen = observed.anon_vmas.get(number)
    return _describe(_ANON_VMA_FIELDS, seen) if seen is not None else "in no chain"


def _describe(fields: dict[str, Callable[[Any], str]], seen: object) -> str:
    told = ((text, getattr(seen, field)) for field, text in fields.items())
    return ", ".join(text(value) for text, value in told if value is not None)
