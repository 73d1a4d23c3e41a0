"""
Memory cgroups: so that one page can be pushed out though several processes map it.

A page is charged to the cgroup of the process that touched it first, and stays charged there.  Each first
touch is made inside a cgroup of its own; to push that page out, that cgroup is emptied, and nothing else is
in it.  Version 1 has memory.force_empty for that, version 2 memory.reclaim.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import attrs

from vmtui.errors import LiveError

__all__ = ["Hierarchy", "MemoryCgroups", "find_hierarchy"]

HOME: Final = "home"
_DRAIN: Final = "drain"
_PAGE: Final = 4096
_RMDIR_TRIES: Final = 200


@attrs.frozen
class Hierarchy:
    """
    Where the memory controller is.

    Attributes:
        root: Its mount point.
        version: 1 or 2.
    """

    root: Path
    version: int

    @property
    def tasks(self) -> str:
        """The file through which a process enters a cgroup."""
        return "tasks" if self.version == 1 else "cgroup.procs"


def find_hierarchy(mounts: str, controllers: str = "") -> Hierarchy | None:
    """
    The hierarchy that has the memory controller; None where none has.

    Args:
        mounts: /proc/mounts.

        controllers: The file cgroup.subtree_control at the root of version 2; what is not in it cannot be
            had without changing the system.
    """
    found = None
    for line in mounts.split("\n"):
        fields = line.split(" ")
        if len(fields) < 4:
            continue
        _, mount_point, kind, options, *_ = fields
        if kind == "cgroup" and "memory" in options.split(","):
            return Hierarchy(Path(mount_point), 1)
        if kind == "cgroup2" and "memory" in controllers.split():
            found = Hierarchy(Path(mount_point), 2)
    return found


class MemoryCgroups:
    """
    A cgroup of ours and those in it: ``home``, where processes live, and one for each page touched.

    Args:
        hierarchy: Where.
        base: The cgroup; it must not exist yet.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, hierarchy: Hierarchy, base: Path) -> None:
        self.hierarchy = hierarchy
        self.base = base
        self._spare: list[str] = []
        self._made = 0
        self._names: dict[int, str] = {}
        base.mkdir()
        if hierarchy.version == 2:
            (base / "cgroup.subtree_control").write_text("+memory")
        for name in (HOME, _DRAIN):
            self._make(name)

    def _make(self, name: str) -> None:
        path = self.base / name
        path.mkdir()
        if self.hierarchy.version == 1:
            # Whatever vm.swappiness is, anonymous pages may go.
            (path / "memory.swappiness").write_text("100")
        self._names[path.stat().st_ino] = name

    @property
    def tasks_pattern(self) -> str:
        """The path through which a process enters a cgroup, with ``{}`` for its name."""
        return f"{self.base}/{{}}/{self.hierarchy.tasks}"

    def spare(self, count: int) -> list[str]:
        """Names of `count` cgroups to which no page is charged."""
        while len(self._spare) < count:
            name = f"page{self._made}"
            self._made += 1
            self._make(name)
            self._spare.append(name)
        return self._spare[:count]

    def charged(self, inodes: Iterable[int]) -> None:
        """Pages are charged to these now: they are spare no longer."""
        taken = {self._names[inode] for inode in inodes if inode in self._names}
        self._spare = [name for name in self._spare if name not in taken]

    def inode(self, name: str) -> int:
        """The inode of a cgroup, by which pages are said to be charged to it."""
        return (self.base / name).stat().st_ino

    def recycle(self) -> None:
        """All are spare again: the processes whose pages they held have gone."""
        self._spare = [name for name in self._names.values() if name not in (HOME, _DRAIN)]

    def has(self, inode: int) -> bool:
        """Whether a cgroup is one of a page."""
        return self._names.get(inode, HOME) not in (HOME, _DRAIN)

    def empty(self, inode: int) -> None:
        """Push out what is charged to a cgroup, as far as the kernel can."""
        path = self.base / self._names[inode]
        name, amount = ("memory.force_empty", "0")
        if self.hierarchy.version == 2:
            name, amount = "memory.reclaim", str(_PAGE)
        try:
            (path / name).write_text(amount)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EBUSY, errno.EINTR):
                raise LiveError(f"{path / name}: {error.strerror}") from error

    def drain(self) -> bool:
        """Empty the per-CPU batches of every LRU list; False if these cgroups have no way to."""
        if self.hierarchy.version == 2:
            return False
        (self.base / _DRAIN / "memory.force_empty").write_text("0")
        return True


def processes_of(base: Path) -> list[int]:
    """The processes in a cgroup and in those below it."""
    found: list[int] = []
    for path in sorted(base.rglob("cgroup.procs")) if base.is_dir() else []:
        try:
            found += [int(pid) for pid in path.read_text().split()]
        except OSError:
            continue
    return found


def remove_tree(base: Path) -> None:
    """
    Remove a cgroup and those below it, once their processes have gone.

    Raises:
        OSError: the kernel still says no after a second.
    """
    below = sorted((path for path in base.rglob("*") if path.is_dir()), reverse=True) if base.is_dir() else []
    for path in (*below, base):
        for attempt in range(_RMDIR_TRIES):
            try:
                path.rmdir()
                break
            except FileNotFoundError:
                break
            except OSError:
                if attempt == _RMDIR_TRIES - 1:
                    raise
                time.sleep(0.005)
