"""
What a run has made on this machine, written down before it is made, so that it can be undone after any end.

`undo` takes everything back, in the order in which it can be.  A run calls it for itself; ``vmtui verify
--clean`` calls it for runs that were killed, whatever home they had: root's records lie in one place.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from vmtui.errors import LiveError
from vmtui.live.cgroups import processes_of, remove_tree
from vmtui.live.maps import read_text
from vmtui.live.mounts import is_mounted, unmount
from vmtui.live.swap import active_swap, swapoff
from vmtui.live.sysctl import restore
from vmtui.live.turn import Tell, take_turn
from vmtui.sessionlog.folder import directory

__all__ = ["PREFIX", "Record", "abandoned", "leftovers", "records_folders", "start_time", "undo", "undo_all"]

PREFIX: Final = "vmtui-live-"
"""How the name of everything begins that a run makes outside its folder, and the folder's own."""

MACHINE_FOLDER: Final = Path("/var/lib/vmtui/live")
"""Where the records lie of whoever may write there: the same for every home, and there after a reboot."""

_PATIENCE: Final = 5.0  # seconds that processes get to end by themselves


@attrs.frozen
class Record:
    """
    What a run has made, or is about to.

    Attributes:
        pid, started: The run, and when its process started, in clock ticks since boot: a pid alone may be
            another process's by now.
        folder: Its files and its socket.
        cgroups: Its memory cgroup; "" for none.
        swap: Its swap file; "" for none.
        page_cluster: What vm.page-cluster was; -1: it was not changed.
        mount: Its bpffs; "" for none.
    """

    pid: int
    started: int
    folder: str
    cgroups: str = ""
    swap: str = ""
    page_cluster: int = -1
    mount: str = ""

    @property
    def name(self) -> str:
        """What the file is called in which it is written down."""
        return f"{self.pid}-{self.started}-{Path(self.folder).name}.json"

    def write(self) -> None:
        """
        Write it down, in one move.

        Raises:
            OSError: it can be written nowhere; of the last place.
        """
        machine, own = records_folders()
        try:
            self._write(machine)
        except OSError:
            self._write(own)

    def _write(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = folder / f"{self.name}.draft"
        draft.write_text(json.dumps(attrs.asdict(self)), encoding="utf-8")
        os.replace(draft, folder / self.name)

    @property
    def alive(self) -> bool:
        """Whether the run still runs."""
        return start_time(self.pid) == self.started


def records_folders() -> tuple[Path, Path]:
    """Where records may lie: the machine's place; beside the session logs, of whoever may not write there."""
    return MACHINE_FOLDER, directory().parent / "live"


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None if there is none, or it has ended already."""
    try:
        text = read_text(f"/proc/{pid}/stat")
    except OSError:
        return None
    # The name may hold anything, so the fields are counted from behind it.
    fields = text.rpartition(")")[2].split()
    return int(fields[19]) if fields[0] not in "ZX" else None


def abandoned() -> Iterator[Record]:
    """The records of runs that are dead."""
    for folder in records_folders():
        for path in sorted(folder.glob("*.json")):
            record = _read(path)
            if record is not None and not record.alive:
                yield record


def _read(path: Path) -> Record | None:
    """A record; None for a file that is none, or that names what no run of ours would have made."""
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        record = Record(
            pid=int(told["pid"]),
            started=int(told["started"]),
            folder=str(told["folder"]),
            cgroups=str(told["cgroups"]),
            swap=str(told["swap"]),
            page_cluster=int(told["page_cluster"]),
            mount=str(told.get("mount", "")),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    places = (record.folder, record.cgroups, record.swap)
    ours = all(Path(place).name.startswith(PREFIX) for place in places if place)
    inside = not record.mount or Path(record.mount).parent == Path(record.folder)
    return record if ours and inside and record.folder else None


def undo_all(tell: Tell = lambda text: None) -> int:
    """
    Take back what dead runs left; how many runs that were.

    Args:
        tell: Is called with a sentence if a run that is under way has to be waited for, and for each thing
            that is taken back.

    Raises:
        LiveError: something of one is still there; the others are done all the same.
    """
    dead = list(abandoned())
    if not dead:
        return 0
    count, problems = 0, []
    with take_turn(tell):
        for record in dead:
            for thing in leftovers(record):
                tell(f"taking back {thing}")
            try:
                undo(record)
                count += 1
            except LiveError as error:
                problems.append(error.message)
    if problems:
        raise LiveError("; ".join(problems))
    return count


def leftovers(record: Record) -> list[str]:
    """What is still there of all that a run made, each in words."""
    pids = processes_of(Path(record.cgroups)) if record.cgroups else []
    found = [f"process {pid}" for pid in pids]
    if record.swap and record.swap in active_swap(read_text("/proc/swaps")):
        found.append(f"swap on {record.swap}")
    found += [f"file {record.swap}"] if record.swap and Path(record.swap).exists() else []
    found += ["vm.page-cluster"] if record.page_cluster >= 0 else []
    found += [f"cgroup {record.cgroups}"] if record.cgroups and Path(record.cgroups).exists() else []
    found += [f"mount {record.mount}"] if record.mount and is_mounted(Path(record.mount)) else []
    return [*found, f"folder {record.folder}"] if Path(record.folder).exists() else found


def undo(record: Record) -> None:
    """
    Take back what a run made, and its record.

    Raises:
        LiveError: something is still there; the record stays.
    """
    steps = (_processes, _swap, _sysctl, _cgroups, _mount, _folder)
    left = [problem for step in steps if (problem := _tried(step, record))]
    left = left or [problem for problem in [_tried(_record, record)] if problem]
    if left:
        raise LiveError("not undone: " + "; ".join(left))


def _tried(step: Callable[[Record], None], record: Record) -> str:
    try:
        step(record)
    except OSError as error:
        return f"{error.filename or 'something'}: {error.strerror or error}"
    return ""


def _processes(record: Record) -> None:
    """Agents end when their connection does; one that does not is killed."""
    if not record.cgroups:
        return
    end = time.monotonic() + _PATIENCE
    while processes_of(Path(record.cgroups)) and time.monotonic() < end:
        time.sleep(0.005)
    for pid in processes_of(Path(record.cgroups)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _swap(record: Record) -> None:
    if not record.swap:
        return
    path = Path(record.swap)
    if str(path) in active_swap(read_text("/proc/swaps")):
        swapoff(path)
    path.unlink(missing_ok=True)


def _cgroups(record: Record) -> None:
    if record.cgroups:
        remove_tree(Path(record.cgroups))


def _mount(record: Record) -> None:
    if record.mount and is_mounted(Path(record.mount)):
        unmount(Path(record.mount))


def _record(record: Record) -> None:
    for folder in records_folders():
        if os.path.exists(folder / record.name):  # whoever may not look into a folder has nothing there
            (folder / record.name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # others' records are in it, or it is not ours
        MACHINE_FOLDER.rmdir()
        MACHINE_FOLDER.parent.rmdir()


def _sysctl(record: Record) -> None:
    if record.page_cluster >= 0:
        restore(record.page_cluster)


def _folder(record: Record) -> None:
    if Path(record.folder).is_dir():
        shutil.rmtree(record.folder)
