"""
All that a run makes on this machine: a folder, memory cgroups, a swap file; given back at its end.

Used in a ``with``: it is all gone after that, whatever ended it, an interrupt included.
"""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final

import attrs

from vmtui.errors import CannotError
from vmtui.live.abilities import Abilities
from vmtui.live.bpf_tools import BpfTools, load
from vmtui.live.cgroups import MemoryCgroups
from vmtui.live.maps import read_text
from vmtui.live.mounts import mount_bpf, unmount
from vmtui.live.record import PREFIX, Record, records_folders, start_time, undo
from vmtui.live.swap import SWAP_BYTES, active_swap, make_swap_file, swapon
from vmtui.live.sysctl import quieten
from vmtui.live.topology import TopologyReader
from vmtui.live.turn import Tell, take_turn

__all__ = ["Premises"]

_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))


def _say_nothing(text: str) -> None:
    """Whoever makes premises need not listen."""


class Premises:
    """
    What a run has here.

    Args:
        abilities: What this machine can.
        wants_swap: Whether anything is going to be swapped out.
        tell: Is called with a sentence if another run has to be waited for.

    Attributes:
        folder: For files and the socket.
        cgroups: None where there can be none.
        readahead: Whether swap-in may read more than the page that is wanted.
        topology: What reads anon_vmas; None where it is not asked for.
        own_swap: The swap file that was turned on; None where there was swap enough, or none is wanted.
    """

    def __init__(self, abilities: Abilities, *, wants_swap: bool = True, tell: Tell = _say_nothing) -> None:
        self.abilities = abilities
        self._tell = tell
        self._turn = ExitStack()
        self.wants_swap = wants_swap
        self.cgroups: MemoryCgroups | None = None
        self.topology: TopologyReader | None = None
        self.own_swap: Path | None = None
        self.readahead = True
        self._ended_by = 0
        self._handlers: dict[int, Any] = {}
        self.name = f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
        self.folder = Path(tempfile.gettempdir()) / self.name
        self._record = Record(os.getpid(), start_time(os.getpid()) or 0, str(self.folder))

    def __enter__(self) -> Premises:
        self._turn.enter_context(take_turn(self._tell))
        try:
            self._record.write()
        except OSError as error:
            self._turn.close()
            raise CannotError(f"{error.filename or self._record.name}: {error.strerror or error}") from error
        for number in _ENDINGS:
            if signal.getsignal(number) != signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, self._end)
        try:
            self._make()
        except OSError as error:
            self.close()
            raise CannotError(f"{error.filename or self.folder}: {error.strerror or error}") from error
        except BaseException:
            self.close()
            raise
        return self

    def _make(self) -> None:
        self.folder.mkdir(mode=0o700)
        if self.abilities.bpf is not None:
            self.topology = self._load(self.abilities.bpf)
        if self.abilities.hierarchy is not None:
            base = self.abilities.hierarchy.root / self.name
            self._note(attrs.evolve(self._record, cgroups=str(base)))
            self.cgroups = MemoryCgroups(self.abilities.hierarchy, base)
        if self.wants_swap:
            self._find_swap()
            self.readahead = not quieten(lambda old: self._note(attrs.evolve(self._record, page_cluster=old)))

    def _load(self, tools: BpfTools) -> TopologyReader:
        """Load our BPF programs: from a bpffs that is gone again before anything else is made."""
        pins = self.folder / "bpf"
        pins.mkdir()
        self._note(attrs.evolve(self._record, mount=str(pins)))
        mount_bpf(pins)
        programs = load(tools, self.folder, pins)
        try:
            unmount(pins)
            self._note(attrs.evolve(self._record, mount=""))
            return TopologyReader(programs)
        except BaseException:
            programs.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _end(self, number: int, frame: FrameType | None) -> None:
        """A signal that would kill this process ends it in order: every ``finally`` runs."""
        self._ended_by = number
        self.go_on()

    def go_on(self) -> None:
        """
        End if a signal said so.

        It may have come where Python loses what a handler raises: in a ``__del__``.

        Raises:
            KeyboardInterrupt, SystemExit: it did.
        """
        if self._ended_by == signal.SIGINT:
            raise KeyboardInterrupt
        if self._ended_by:
            raise SystemExit(128 + self._ended_by)

    def close(self) -> None:
        """
        Give everything back.  An interrupt waits until that is done.

        Raises:
            LiveError: something is still there, which `vmtui verify --clean` can try again.
        """
        before = {number: signal.signal(number, signal.SIG_IGN) for number in _ENDINGS}
        try:
            if self.topology is not None:
                self.topology.close()
                self.topology = None
            undo(self._record)
        finally:
            self._turn.close()
            for number, handler in {**before, **self._handlers}.items():
                signal.signal(number, handler)

    def _note(self, record: Record) -> None:
        self._record = record
        record.write()

    def _find_swap(self) -> None:
        """Turn on a swap file of ours, unless there is swap enough already."""
        text = read_text("/proc/swaps")
        if sum(active_swap(text).values()) >= SWAP_BYTES:
            return
        if not self.abilities.swap:
            raise CannotError("no swap is on, and turning a swap file on takes root")
        problems = []
        for folder in dict.fromkeys((self.folder.parent, Path("/var/tmp"), *records_folders())):
            path = folder / f"{self.name}.swap"
            self._note(attrs.evolve(self._record, swap=str(path)))
            try:
                make_swap_file(path)
                swapon(path)
            except OSError as error:
                problems.append(f"{folder}: {error.strerror or error}")
                path.unlink(missing_ok=True)
                continue
            self.own_swap = path
            return
        raise CannotError("a swap file can be put nowhere: " + "; ".join(problems))
