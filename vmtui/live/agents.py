"""
Real processes that obey: a root process, and what it and its descendants fork.

Each has a connection of its own to us; that the connection ends is how a process learns that it must end,
and how we learn that one has.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from vmtui.errors import CannotError, LiveError

__all__ = ["Agent", "Agents"]

#: Never imported: it is a program of its own, and binds calls that only Linux has.
_PROGRAM: Final = Path(__file__).with_name("agent.py")
MAX_MESSAGE: Final = 1 << 17
_PATIENCE: Final = 60.0  # seconds that an agent may take to answer
_GONE_PATIENCE: Final = 5.0
_CREDENTIALS: Final = struct.Struct("=3i")  # struct ucred: pid, uid, gid


class Agent:
    """
    One process.

    Args:
        connection: To it.
        pid: Its pid.
    """

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self._connection = connection
        self.pid = pid

    def ask(self, word: str, *arguments: Any) -> tuple[int, Any]:
        """
        Have it do something; its errno, 0 for none, and its value.

        Raises:
            LiveError: it died, or does not answer.
        """
        try:
            self._connection.send(json.dumps([word, *arguments]).encode())
            answer = self._connection.recv(MAX_MESSAGE)
        except OSError as error:
            raise LiveError(f"process {self.pid} does not answer to {word}: {error}") from error
        if not answer:
            raise LiveError(f"process {self.pid} died over {word}")
        errno, value = json.loads(answer)
        return int(errno), value

    def end(self) -> None:
        """
        End it, and wait until its memory has gone: its connection ends after that.

        Raises:
            LiveError: it does not end.
        """
        try:
            self._connection.send(json.dumps(["exit"]).encode())
            if self._connection.recv(MAX_MESSAGE):
                raise LiveError(f"process {self.pid} answers instead of ending")
        except OSError as error:
            raise LiveError(f"process {self.pid} does not end: {error}") from error
        finally:
            self.close()
        end = time.monotonic() + _GONE_PATIENCE
        while Path(f"/proc/{self.pid}").exists() and time.monotonic() < end:
            time.sleep(0.001)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


class Agents:
    """
    The tree of them.

    Args:
        folder: A folder that only we may enter, for the socket.
        tasks: The file through which a process enters a memory cgroup, with ``{}`` for its name; "" for none.
        home: The cgroup in which processes live.

    Raises:
        CannotError: no process can be started.
        LiveError: one was, and does not answer.
    """

    def __init__(self, folder: Path, tasks: str = "", home: str = "") -> None:
        self._all: list[Agent] = []
        path = folder / "socket"
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        self._listening.bind(str(path))
        self._listening.listen()
        self._listening.settimeout(_PATIENCE)
        # A session of its own: Ctrl-C at the terminal is for us, and we end it in order.
        program = [sys.executable, "-I", "-S", str(_PROGRAM), str(path), tasks, str(MAX_MESSAGE)]
        try:
            self._root_process = subprocess.Popen(
                program, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        except OSError as error:
            self._listening.close()
            raise CannotError(f"{sys.executable} cannot be started: {error.strerror or error}") from error
        try:
            self._root = self._accept(self._root_process.pid)
            if tasks:
                self._root.ask("enter", home)
        except BaseException:
            self.close()
            raise

    def spawn(self) -> Agent:
        """A process with nothing mapped where we look."""
        return self.fork(self._root)

    def fork(self, parent: Agent) -> Agent:
        """
        A child of a process.

        Raises:
            LiveError: it could not fork.
        """
        errno, pid = parent.ask("fork")
        if errno:
            raise LiveError(f"process {parent.pid} cannot fork: {os.strerror(errno)}")
        return self._accept(pid)

    def close(self) -> None:
        """End them all; on return every one has."""
        pids = [agent.pid for agent in self._all]
        for agent in reversed(self._all):
            agent.close()
        self._listening.close()
        try:
            self._root_process.wait(timeout=_GONE_PATIENCE)
        except subprocess.TimeoutExpired:
            self._root_process.kill()
            self._root_process.wait()
        end = time.monotonic() + _GONE_PATIENCE
        while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < end:
            time.sleep(0.001)

    def _accept(self, pid: int) -> Agent:
        """The connection of a process that was just made."""
        try:
            connection, _ = self._listening.accept()
        except TimeoutError as error:
            raise LiveError(f"process {pid} does not connect") from error
        connection.settimeout(_PATIENCE)
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        peer, _, _ = _CREDENTIALS.unpack(credentials)
        if peer != pid:
            with contextlib.suppress(OSError):
                connection.close()
            raise LiveError(f"process {peer} connected where process {pid} was to")
        agent = Agent(connection, pid)
        self._all.append(agent)
        connection.recv(MAX_MESSAGE)
        return agent
