"""What a run makes, and the order in which it ends."""

import os
import signal
import sys
from pathlib import Path

import attrs
import pytest

from vmtui.errors import CannotError
from vmtui.live import premises as premises_module
from vmtui.live import record
from vmtui.live.abilities import Abilities
from vmtui.live.maps import read_text
from vmtui.live.mounts import is_mounted
from vmtui.live.premises import Premises
from vmtui.live.record import abandoned, leftovers, records_folders, undo
from vmtui.live.swap import active_swap
from vmtui.live.sysctl import PAGE_CLUSTER

pytestmark = pytest.mark.usefixtures("records")

NOTHING = Abilities(True)
"""A machine on which nothing can be made but a folder."""


def written():
    """The records that lie there."""
    return [path.name for folder in records_folders() for path in folder.glob("*.json")]


def test_what_is_made_is_there_and_then_gone(kernel):
    """Folder, cgroup, swap and one setting; each is written down while it is there."""
    before = PAGE_CLUSTER.read_text()
    with Premises(kernel) as premises:
        assert premises.folder.is_dir()
        assert premises.cgroups.base.is_dir()
        assert premises.own_swap is None or str(premises.own_swap) in active_swap(read_text("/proc/swaps"))
        assert "0" == PAGE_CLUSTER.read_text().strip()
        assert not premises.readahead
        assert 1 == len(written())
        assert [] == list(abandoned())

    assert not premises.folder.exists()
    assert not premises.cgroups.base.exists()
    assert str(premises.own_swap) not in active_swap(read_text("/proc/swaps"))
    assert before == PAGE_CLUSTER.read_text()
    assert [] == written()


def test_without_swap_the_machine_is_not_touched(kernel):
    """A scenario that pushes nothing out needs none, and no setting changes."""
    before = PAGE_CLUSTER.read_text(), read_text("/proc/swaps")
    with Premises(kernel, wants_swap=False):
        assert before == (PAGE_CLUSTER.read_text(), read_text("/proc/swaps"))


def test_a_setting_that_somebody_changes_meanwhile_stays(kernel):
    """It is put back only if it is still as we left it."""
    before = PAGE_CLUSTER.read_text()
    try:
        with Premises(kernel):
            PAGE_CLUSTER.write_text("2")
        assert "2" == PAGE_CLUSTER.read_text().strip()
    finally:
        PAGE_CLUSTER.write_text(before)


def test_an_error_inside_takes_nothing_with_it():
    """Whatever goes wrong, it is gone afterwards."""
    premises = Premises(NOTHING, wants_swap=False)

    def fail():
        with premises:
            assert premises.folder.is_dir()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert not premises.folder.exists()
    assert [] == written()


def test_what_cannot_be_made_is_said(tmp_path):
    """And what was made before it is gone."""
    premises = Premises(NOTHING, wants_swap=False)
    premises.folder = tmp_path / "missing" / premises.name
    with pytest.raises(CannotError, match="missing"), premises:
        pass

    assert [] == written()


def test_no_home_for_records_is_said(monkeypatch, tmp_path):
    """Without a record nothing is made."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(record, "MACHINE_FOLDER", tmp_path / "file" / "live")
    monkeypatch.setenv("VMTUI_HOME", str(tmp_path / "file"))
    premises = Premises(NOTHING, wants_swap=False)

    with pytest.raises(CannotError, match="live"), premises:
        pass
    assert not premises.folder.exists()


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_that_python_loses_is_remembered(number, error, monkeypatch):
    """What a handler raises inside a __del__ goes nowhere; the run ends at its next command."""

    class Loses:
        def __del__(self):
            os.kill(os.getpid(), number)
            for _ in range(100):  # somewhere here the handler runs
                pass

    # Whoever runs the tests in the background may have them ignore Ctrl-C.
    handler = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    before = signal.signal(number, handler)
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: None)
    try:
        with Premises(NOTHING, wants_swap=False) as premises:
            lost = Loses()
            del lost
            with pytest.raises(error):
                premises.go_on()

        assert handler == signal.getsignal(number)
    finally:
        signal.signal(number, before)


def test_a_signal_that_is_ignored_stays_ignored():
    """nohup means it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Premises(NOTHING, wants_swap=False) as premises:
            os.kill(os.getpid(), signal.SIGHUP)
            premises.go_on()
        assert signal.SIG_IGN == signal.getsignal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_bpf_programs_are_held_and_nowhere_pinned(open_kernel):
    """Once they are loaded their bpffs is gone; they read, and then they are given up."""
    with Premises(open_kernel, wants_swap=False) as premises:
        assert premises.topology is not None
        assert not is_mounted(premises.folder / "bpf")
        assert {} == premises.topology.read({}, ()).anon_vmas

    assert premises.topology is None
    assert [] == written()


def test_a_run_killed_while_it_loads_leaves_a_mount_that_is_undone(open_kernel, monkeypatch):
    """The bpffs is written down before it is mounted; what is pinned there goes with it."""
    pid = os.fork()
    if not pid:
        monkeypatch.setattr(premises_module, "unmount", lambda path: os.kill(os.getpid(), signal.SIGKILL))
        Premises(open_kernel, wants_swap=False).__enter__()
    os.waitpid(pid, 0)
    (left,) = abandoned()
    assert is_mounted(Path(left.mount))
    assert (Path(left.mount) / "programs" / "show_vma").exists()
    assert f"mount {left.mount}" in leftovers(left)
    undo(left)

    assert not is_mounted(Path(left.mount))
    assert not Path(left.folder).exists()
    assert [] == written()


def test_programs_that_cannot_be_loaded_leave_nothing(open_kernel, tmp_path):
    """A tool that fails is named with what it said, and mount and folder are gone."""
    broken = tmp_path / "clang"
    broken.write_text("#!/bin/sh\necho 'error: no target bpf' >&2\nexit 1\n")
    broken.chmod(0o755)
    abilities = attrs.evolve(open_kernel, bpf=attrs.evolve(open_kernel.bpf, clang=str(broken)))
    premises = Premises(abilities, wants_swap=False)
    said = "clang fails over the BPF programs: error: no target bpf"

    with pytest.raises(CannotError, match=said), premises:
        pass
    assert not is_mounted(premises.folder / "bpf")
    assert not premises.folder.exists()
    assert [] == written()


def test_a_killed_run_leaves_a_record_that_undoes_it(kernel):
    """All of it: what its process would have given back."""
    before = PAGE_CLUSTER.read_text()
    pid = os.fork()
    if not pid:
        Premises(kernel).__enter__()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    (left,) = abandoned()
    assert Path(left.folder).is_dir()
    assert Path(left.cgroups).is_dir()
    undo(left)

    assert before == PAGE_CLUSTER.read_text()
    assert not any(Path(path).exists() for path in (left.folder, left.cgroups, left.swap) if path)
    assert [] == written()
