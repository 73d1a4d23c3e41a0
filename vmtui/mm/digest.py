"""A machine's state as one number, equal where and only where two machines are in the same state."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final, cast

import attrs
import numpy as np

from vmtui.mm.labels import Label
from vmtui.mm.machine import Machine
from vmtui.state.column import Column
from vmtui.state.containers import ListHead, OrderedSet, SortedVmas
from vmtui.state.struct import Struct

#: The columns schemes must agree in, accessed bits aside.
_MEMORY: Final = ("memory", "pgd", "mem_map.count", "mem_map.mapcount", "swap.map", "swap.cached")


def digest(machine: Machine) -> str:
    """sha256 over every column in use and every live object, in canonical order."""
    sha = hashlib.sha256()
    for name, column in machine.columns().items():
        sha.update(name.encode())
        _update(sha, column)
    for kind, table in machine.objects().items():
        sha.update(f"{kind} {table.next_id}\n".encode())
        for obj in table:
            sha.update(canonical(obj).encode())
    return sha.hexdigest()


def memory_digest(machine: Machine) -> str:
    """sha256 over page tables, references and swap: what all schemes must have in common."""
    sha = hashlib.sha256()
    columns = machine.columns()
    for name in _MEMORY:
        _update(sha, columns[name])
    return sha.hexdigest()


def canonical(obj: Struct) -> str:
    """A struct as a line of text, other structs by kind and id."""
    fields: Iterable[Any] = attrs.fields(cast(Any, type(obj)))
    parts = (f"{field.name}={_text(getattr(obj, field.name))}" for field in fields if field.name != "machine")
    return f"{obj!r} {' '.join(parts)}\n"


def _text(value: Any) -> str:
    if isinstance(value, Label):
        return f"{value.name}:{value.start:x}-{value.end:x}"
    if isinstance(value, Struct):
        return repr(value)
    if isinstance(value, Column):
        sha = hashlib.sha256()
        _update(sha, value)
        return sha.hexdigest()
    if isinstance(value, (OrderedSet, SortedVmas, ListHead, tuple)):
        return f"[{','.join(_text(item) for item in value)}]"
    return repr(value)


def _update(sha: Any, column: Column) -> None:
    for where in column.used():
        part = column.all[where]
        sha.update(len(part).to_bytes(8, "little"))
        sha.update(np.ascontiguousarray(part))
