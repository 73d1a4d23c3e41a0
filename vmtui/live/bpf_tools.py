"""
BPF programs of ours: compiled by clang, loaded by bpftool, and held by file descriptors.

Nothing of them has a name for longer than it takes to open it, so nothing remains when the process ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from vmtui.errors import CannotError, printable
from vmtui.live.arena import ARENA
from vmtui.live.bpf import may_use_bpf, pinned

__all__ = ["FOLIOS", "BpfTools", "Programs", "find_tools", "load", "why_no_bpf"]

SOURCE: Final = Path(__file__).with_name("anon_vma.bpf.c")
BTF: Final = Path("/sys/kernel/btf/vmlinux")
LOCKDOWN: Final = Path("/sys/kernel/security/lockdown")

FOLIOS: Final = 1024
"""How many frames can be asked for at once."""

_PATIENCE: Final = 60.0  # seconds that a tool may take
_ELSEWHERE: Final = ("/usr/sbin", "/sbin", "/usr/local/sbin")  # where bpftool is; PATH often does not lead


@attrs.frozen
class BpfTools:
    """
    What makes programs.

    Attributes:
        clang, bpftool: Their paths.
    """

    clang: str
    bpftool: str


@attrs.frozen
class Programs:
    """
    Programs and their map, loaded.

    Attributes:
        show_vma, show_file, show_folio: The iterators of anon_vma.bpf.c.
        folios: The map that the last of them goes through.
    """

    show_vma: int
    show_file: int
    show_folio: int
    folios: int

    def close(self) -> None:
        """Give them up; the kernel frees them."""
        for fd in (self.show_vma, self.show_file, self.show_folio, self.folios):
            os.close(fd)


def find_tools() -> BpfTools | None:
    """The tools; None if one of them is missing."""
    clang, bpftool = _which("clang"), _which("bpftool")
    return BpfTools(clang, bpftool) if clang and bpftool else None


def why_no_bpf() -> list[str]:
    """All that is missing here for BPF programs of ours, each in a sentence."""
    missing = [
        f"no anon_vmas: there is no {tool}, {what}"
        for tool, what in (
            ("clang", "which compiles the BPF programs that read them"),
            ("bpftool", "which loads the BPF programs that read them"),
        )
        if _which(tool) is None
    ]
    if not os.access(BTF, os.R_OK):
        missing.append(f"no anon_vmas: {BTF} cannot be read, which says where a struct's members lie")
    if _locked_down():
        missing.append(f"no anon_vmas: {LOCKDOWN} says confidentiality, so no program may read the kernel")
    refused = may_use_bpf()
    return [*missing, f"no anon_vmas: {refused}"] if refused else missing


def _which(tool: str) -> str | None:
    return shutil.which(tool) or shutil.which(tool, path=os.pathsep.join(_ELSEWHERE))


def _locked_down() -> bool:
    try:
        return "[confidentiality]" in LOCKDOWN.read_text()
    except OSError:
        return False


def load(tools: BpfTools, folder: Path, pins: Path) -> Programs:
    """
    Compile and load the programs.

    Args:
        folder: For the object file.

        pins: A bpffs; what is pinned there is not needed any more afterwards.

    Raises:
        CannotError: a tool or the kernel refuses.
    """
    target = folder / "anon_vma.bpf.o"
    _run([tools.clang, *_FLAGS, "-c", str(SOURCE), "-o", str(target)])
    loaded, maps = pins / "programs", pins / "maps"
    _run([tools.bpftool, "prog", "loadall", str(target), str(loaded), "pinmaps", str(maps)])
    fds: list[int] = []
    try:
        for path in (loaded / "show_vma", loaded / "show_file", loaded / "show_folio", maps / "folios"):
            fds.append(pinned(path))
    except OSError as error:
        for fd in fds:
            os.close(fd)
        raise CannotError(f"a BPF program was loaded and cannot be opened: {error.strerror}") from error
    return Programs(*fds)


def _in_arena() -> str:
    """Whether a VMA is a scenario's, in C."""
    return "||".join(f"((start)>={first:#x}&&(end)<={last:#x})" for first, last in ARENA)


_FLAGS: Final = (
    *("-target", "bpf", "-O2", "-g", "-nostdinc"),
    *(f"-DIN_ARENA(start,end)=({_in_arena()})", f"-DFOLIOS={FOLIOS}"),
)


def _run(command: Sequence[str]) -> None:
    """
    Run a tool.

    Raises:
        CannotError: it fails, or is not done in a minute.
    """
    tool = Path(command[0]).name
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, errors="replace", timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CannotError(f"{tool} did not end within {_PATIENCE:.0f} seconds") from None
    except OSError as error:
        raise CannotError(f"{tool} cannot be started: {error.strerror}") from error
    if done.returncode:
        said = "; ".join(line.strip() for line in done.stderr.splitlines()[-3:] if line.strip())
        raise CannotError(f"{tool} fails over the BPF programs: {printable(said) or 'it does not say why'}")
