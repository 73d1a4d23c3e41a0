"""Processes: made, forked, ended (kernel/fork.c, kernel/exit.c and exit_mmap of mm/mmap.c, 2.6.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmtui.errors import KernelError
from vmtui.mm.memory import copy_page_range, unmap_vmas
from vmtui.mm.mm_types import VM_LOCKED, Label, Mm, Task, Vma, vma_name
from vmtui.mm.mmap import vma_alloc, vma_free, vma_link
from vmtui.mm.step import Steps, step

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine


def living(task: Task) -> Mm:
    """The address space of a process.

    Raises:
        KernelError: ESRCH, it is dead.
    """
    if task.mm is None:
        raise KernelError("ESRCH", f"{task.name} is dead")
    return task.mm


def spawn(machine: Machine, name: str) -> Steps:
    """A process with an empty address space, from nowhere (*ours*; real ones come by fork and exec).

    Returns:
        Its task.

    Raises:
        KernelError: EEXIST, ENOMEM.
    """
    task = task_alloc(machine, name, None)
    mm = task.mm = mm_alloc(machine, name)
    yield step("{who} was made: a task, an mm, a pgd and no VMA", mm=mm.id, who=name)
    return task


def task_alloc(machine: Machine, name: str, parent: str | None) -> Task:
    """A task_struct and its kernel stack (dup_task_struct)."""
    if machine.task_named(name) is not None:
        raise KernelError("EEXIST", f"there is, or was, a process called {name}")
    machine.ledger.charge("thread")
    machine.ledger.charge("task_struct")
    return machine.add_task(name, parent)


def mm_alloc(machine: Machine, name: str, parent: Mm | None = None) -> Mm:
    """An mm_struct with page tables that map nothing; fork says from which parent (mm_alloc, copy_mm)."""
    machine.ledger.charge("mm_struct")
    mm = machine.mms.add(Mm(machine, machine.mms.next_id, name=name))
    machine.arch.pgd_alloc(mm)
    machine.scheme.mm_create(mm, parent)
    return mm


def do_fork(task: Task, name: str) -> Steps:
    """A child with a copy of the address space, page by page shared until one writes (do_fork).

    Returns:
        The child's task.

    Raises:
        KernelError: EEXIST, ENOMEM.
    """
    machine = task.machine
    child = task_alloc(machine, name, task.name)
    mm = child.mm = mm_alloc(machine, name, living(task))
    yield step("{child} was made: a task, an mm and a pgd of its own", mm=mm.id, child=name)
    yield from machine.kernel.dup_mmap(living(task), mm)
    return child


def dup_mmap(oldmm: Mm, mm: Mm) -> Steps:
    """Copy every VMA and the PTEs under it (dup_mmap).  A child holds no lock in memory."""
    for label in oldmm.labels:
        mm.labels.add(Label(mm.machine, 0, label.name, label.start, label.end))

    for vma in list(oldmm.vmas):
        child = vma_alloc(mm, vma.vm_start, vma.vm_end, vma.vm_flags & ~VM_LOCKED, vma.vm_pgoff, vma.vm_file)
        vma_link(child, before=vma if vma.vm_file is not None else None)
        text = "the VMA {who} was copied for {child}"
        yield step(text, vma=child.id, mm=mm.id, who=vma_name(vma), child=mm.name)
        yield from mm.machine.scheme.vma_fork(vma, child)
        yield from copy_page_range(vma, child)
    # flush_tlb_mm: what the parent could write is read-only now.
    mm.machine.work["tlb_flushes"] += 1


def do_exit(task: Task) -> Steps:
    """The process ends and gives everything back (do_exit); nobody waits for it."""
    machine = task.machine
    yield from exit_mmap(living(task))
    task.mm = None
    machine.ledger.uncharge("task_struct")
    machine.ledger.uncharge("thread")
    yield step("{who} is gone", who=task.name)


def exit_mmap(mm: Mm) -> Steps:
    """Drop every mapping, then the VMAs, then the page tables, then the mm (exit_mmap, mmput)."""
    vmas: list[Vma] = list(mm.vmas)
    yield from unmap_vmas(vmas)
    for vma in vmas:
        name = vma_name(vma)
        vma_free(vma)
        yield step("the VMA {who} is freed", mm=mm.id, who=name)
    arch = mm.machine.arch
    tables = arch.free_pgtables(mm, 0, arch.task_size)
    arch.pgd_free(mm)
    mm.machine.scheme.mm_exit(mm)
    mm.machine.mms.free(mm)
    mm.machine.ledger.uncharge("mm_struct")
    yield step("{n} page tables, the pgd and the mm of {who} are freed", n=tables, who=mm.name)


def do_execve(task: Task) -> Steps:
    """The process starts another program: an empty address space, and the old one ends (do_execve).

    Raises:
        KernelError: ENOMEM.
    """
    old = living(task)
    mm = task.mm = mm_alloc(task.machine, task.name)
    yield step("{who} starts anew: an mm and a pgd, and no VMA", mm=mm.id, who=task.name)
    yield from exit_mmap(old)
