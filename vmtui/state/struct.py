"""Kernel structs: attrs classes whose every assignment is journaled.

Creating a struct makes no record; entering it into its `ObjectTable` does.  Undo takes the object out
of the table and redo puts the *same* object back, so later records still point to it.

Decorate every class with `struct`, subclasses too: a plain ``attrs.define`` resets ``__setattr__``
and the class silently stops journaling.  Fields hold numbers, strings, other structs, or a container
of `vmtui.state.containers`; a plain list or dict would change behind the tape's back.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, TypeVar, dataclass_transform

import attrs

from vmtui.state.history import History


class Owner(Protocol):
    """What a struct belongs to: anything with a tape."""

    @property
    def history(self) -> History:
        """The tape."""


T = TypeVar("T")

#: Every struct class, in order of definition.
STRUCTS: list[type[Struct]] = []


def journal(instance: Any, attribute: attrs.Attribute[Any], new: Any) -> Any:
    """The attrs hook: note the old value before the new one is stored."""
    name = attribute.name
    history = instance.machine.history
    if history.ahead:
        history.cut()
    tape = history.tape
    tape += swap_attribute, instance, name, getattr(instance, name)
    return new


def swap_attribute(instance: Any, name: str, value: Any) -> Any:
    """Exchange one attribute with `value`."""
    old = getattr(instance, name)
    object.__setattr__(instance, name, value)
    return old


@dataclass_transform(field_specifiers=(attrs.field,), eq_default=False)
def struct(cls: type[T]) -> type[T]:
    """Make `cls` a journaled struct and register it."""
    made = attrs.define(cls, eq=False, slots=True, repr=False, on_setattr=journal)
    STRUCTS.append(made)  # type: ignore[arg-type]
    return made


@struct
class Struct:
    """The base of all kernel structs.

    Attributes:
        machine: The machine it lives in.
        id: Counts from 1 within its kind, in order of creation; never reused.
    """

    kind: ClassVar[str] = "struct"

    machine: Any
    id: int

    def __repr__(self) -> str:
        return f"{self.kind}@{self.id}"
