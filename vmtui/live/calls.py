"""
A command as the system call that it is, with every place, name and address worked out.

Labels are the simulator's: they have no meaning to a kernel.  So a command is read against the simulated
machine as it stands before the command, and what is left is a process, addresses and numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from vmtui.errors import KernelError, LiveError
from vmtui.mm import mremap
from vmtui.mm.machine import Machine
from vmtui.mm.mm_types import VM_READ, VM_WRITE, Mm
from vmtui.mm.mmap import BRK_START, get_unmapped_area
from vmtui.mm.page import PAGE_MASK, PAGE_SIZE
from vmtui.scenario import commands as c
from vmtui.scenario.commands import Command
from vmtui.scenario.names import known_name
from vmtui.scenario.places import PfnPlace, Place, find_range, frames_of, known_number, label_of

__all__ = ["ADVICE", "Call", "resolve", "why_not"]

ADVICE: Mapping[str, int] = MappingProxyType(
    {
        "dontneed": 4,
        "free": 8,
        "dontfork": 10,
        "dofork": 11,
        "wipeonfork": 18,
        "keeponfork": 19,
        "pageout": 21,
    }
)
"""MADV_* by the language's words."""

_USER_END: Final = (1 << 47) - PAGE_SIZE  # TASK_SIZE_MAX on x86-64
_NO_CALL: Final = (c.Walk, c.Referenced)
_CALLS: Final = (
    *(c.Spawn, c.Fork, c.Exec, c.Exit, c.Mmap, c.Munmap, c.Mprotect, c.Madvise, c.Mlock, c.Munlock, c.Mremap),
    *(c.Brk, c.Read, c.Write, c.Swapout, c.Evict, c.Swapoff, c.File, c.Truncate, c.RemapFilePages),
)


@attrs.frozen(kw_only=True)
class Call:
    """
    What a real process is to do.

    Attributes:
        word: ``spawn``, ``exec``, ``fork``, ``exit``, ``mmap``, ``munmap``, ``mprotect``, ``madvise``,
            ``mlock``, ``munlock``, ``mremap``, ``remap_file_pages``, ``brk`` that grows, ``touch``,
            ``swapout``, ``evict``, ``swapoff``, ``file``, ``truncate``.
        task: Which process; "" where that means nothing.
        start, length: A range, in bytes.
        child: Of fork: the child's name.
        prot: PROT_* bits, which are those of VM_READ, VM_WRITE and VM_EXEC.
        shared, growsdown, write: Of mmap, of mmap, of touch.
        file: Of mmap, file and truncate: its name; "" for none.
        offset: Of mmap and remap_file_pages: where in the file, in bytes.
        advice: MADV_*.
        new_length, to: Of mremap; `to` None: in place.
        keep: Of mremap: the old range stays, emptied (MREMAP_DONTUNMAP).
        hint: Of mremap: `to` is only where it may go.
    """

    word: str
    task: str = ""
    start: int = 0
    length: int = 0
    child: str = ""
    prot: int = 0
    shared: bool = False
    growsdown: bool = False
    write: bool = False
    file: str = ""
    offset: int = 0
    advice: int = 0
    new_length: int = 0
    to: int | None = None
    keep: bool = False
    hint: bool = False


def why_not(command: Command) -> str | None:
    """Why the kernel underneath cannot be asked to do this; None if it can."""
    if isinstance(command, c.Reclaim):
        return "reclaim takes what the kernel finds cold at that moment, which no two runs agree on"
    if not isinstance(command, _CALLS + _NO_CALL):
        return f"{command.keyword} cannot be asked of the kernel underneath"
    place = getattr(command, "place", None)
    if isinstance(place, PfnPlace) and not isinstance(command, _NO_CALL):
        return f"{place} is a frame of the simulated machine: name it by a process"
    return None


def resolve(machine: Machine, command: Command) -> Call | None:
    """
    The call that a command is, the machine being as before it.

    None: there is nothing to call.  The command looks on only, or the language refuses it: a process, a
    label or a file is not there or is there already, and no kernel has a say in that.
    """
    try:
        return _resolve(machine, command)
    except KernelError:
        return None


def _resolve(machine: Machine, command: Command) -> Call | None:
    match command:
        case c.Spawn(task):
            name = known_name(task)
            return Call(word="spawn", task=name) if machine.task_named(name) is None else None
        case c.Fork(task, child):
            parent = machine.find_task(known_name(task)).name
            name = c.free_name(machine, parent) if child is None else known_name(child)
            return Call(word="fork", task=parent, child=name) if machine.task_named(name) is None else None
        case c.Exec(task) | c.Exit(task):
            return Call(word=command.keyword, task=machine.find_task(known_name(task)).name)
        case c.Mmap():
            return _mmap(machine, command)
        case c.Brk(task, label, size):
            return _brk(_mm_of(machine, known_name(task)), known_name(label), size.bytes)
        case c.Mremap():
            return _mremap(machine, command)
        case c.File(name, size) | c.Truncate(name, size):
            file = known_name(name)
            there = any(each.name == file and not each.shmem for each in machine.files)
            if there == isinstance(command, c.File):
                return None
            return Call(word=command.keyword, file=file, length=size.bytes)
        case c.RemapFilePages(place, offset):
            if known_number(offset) % PAGE_SIZE:
                return None  # the call counts pages
            return _on(machine, place, "remap_file_pages", offset=known_number(offset))
        case c.Mprotect(place, protection):
            return _on(machine, place, "mprotect", prot=c.PROTECTIONS[protection])
        case c.Madvise(place, advice):
            return _on(machine, place, "madvise", advice=ADVICE[advice])
        case c.Read(place) | c.Write(place):
            return _on(machine, place, "touch", write=isinstance(command, c.Write))
        case c.Munmap(place) | c.Mlock(place) | c.Munlock(place):
            return _on(machine, place, command.keyword)
        case c.Swapout(place) | c.Evict(place):
            frames_of(machine, place, "push out")  # refused where there are none
            return _on(machine, place, command.keyword)
        case c.Swapoff():
            return Call(word="swapoff")
        case c.Walk() | c.Referenced():
            return None
    raise LiveError(f"{command.keyword} has no call on the kernel underneath")


def _mm_of(machine: Machine, task: str) -> Mm:
    mm = machine.find_task(task).mm
    assert mm is not None
    return mm


def _on(machine: Machine, place: Place, word: str, **more: int | bool) -> Call:
    where = find_range(machine, place)
    return Call(
        word=word,
        task=where.mm.name,
        start=where.start,
        length=where.end - where.start,
        **more,  # type: ignore[arg-type]
    )


def _mmap(machine: Machine, command: c.Mmap) -> Call | None:
    mm = _mm_of(machine, known_name(command.task))
    if mm.labels.called(known_name(command.label)) is not None:
        return None
    file, offset = "", 0
    if command.file is not None:
        file = known_name(command.file)
        if not any(each.name == file and not each.shmem for each in machine.files):
            return None
        offset = 0 if command.offset is None else command.offset.bytes
    length = (command.size.bytes + PAGE_SIZE - 1) & PAGE_MASK
    if command.after is not None:
        start = label_of(machine, command.task, command.after)[1].end
    elif command.address is not None:
        start = known_number(command.address)
    else:
        start = get_unmapped_area(mm, length)
    return Call(
        word="mmap",
        task=mm.name,
        start=start,
        length=length,
        prot=c.PROTECTIONS[command.protection],
        shared=command.sharing == "shared",
        growsdown=command.growsdown,
        file=file,
        offset=offset,
    )


def _brk(mm: Mm, label: str, size: int) -> Call | None:
    """
    The heap's end, as a mapping of the piece that it gains or loses.

    A real process has a heap of its own, which an interpreter lives in; to the memory manager brk is a
    private anonymous mmap, or a munmap.
    """
    heap = mm.labels.called(label)
    start = BRK_START if heap is None else heap.start
    if start != BRK_START:
        return None
    old_end = start if heap is None else heap.end
    new_end = start + ((size + PAGE_SIZE - 1) & PAGE_MASK)
    if new_end == old_end:
        return None
    if new_end < old_end:
        return Call(word="munmap", task=mm.name, start=new_end, length=old_end - new_end)
    return Call(word="brk", task=mm.name, start=old_end, length=new_end - old_end, prot=VM_READ | VM_WRITE)


def _mremap(machine: Machine, command: c.Mremap) -> Call | None:
    """Where the simulator would move it, the real kernel is told to: both sides must lay out alike."""
    where = find_range(machine, command.place)
    mm, start, end = where.mm, where.start, where.end
    name = None if command.label is None else known_name(command.label)
    if command.dontunmap:
        mremap.check_new_label(mm, name)
    else:
        mremap.check_label(mm, *mremap.label_of_range(mm, start, end), name)
    length = (command.size.bytes + PAGE_SIZE - 1) & PAGE_MASK
    to = None if command.address is None else known_number(command.address)
    if to is not None and mm.vmas.overlapping(to, to + length) and not (start < to + length and to < end):
        return None
    vma = mm.vmas.at(start)
    grows = vma is not None and vma.vm_end >= end and length > end - start
    hint = command.dontunmap and to is None
    if hint or (
        to is None and vma is not None and grows and not mremap.room_behind(mm, vma, end, start + length)
    ):
        too_long = length > _USER_END  # it has no place anywhere, which is for the kernel to say
        to, hint = (0, True) if too_long else (get_unmapped_area(mm, length), hint)
    if hint and to is not None and start < to + length and to < end:
        to = 0  # there is a hole in the range itself, which is what the kernel is to refuse
    return Call(
        word="mremap",
        task=mm.name,
        start=start,
        length=end - start,
        new_length=length,
        to=to,
        keep=command.dontunmap,
        hint=hint,
    )
