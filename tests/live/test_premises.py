"""What a run makes, and the order in which it ends."""

import os
import signal
import sys
from pathlib import Path

import pytest

from vmtui.errors import CannotError
from vmtui.live.abilities import Abilities
from vmtui.live.maps import read_text
from vmtui.live.premises import Premises
from vmtui.live.record import abandoned, records_folder, undo
from vmtui.live.swap import active_swap
from vmtui.live.sysctl import PAGE_CLUSTER

NOTHING = Abilities(True)
"""A machine on which nothing can be made but a folder."""


def records():
    """The records that lie there."""
    return [path.name for path in records_folder().glob("*.json")]


def test_what_is_made_is_there_and_then_gone(kernel):
    """Folder, cgroup, swap and one setting; each is written down while it is there."""
    before = PAGE_CLUSTER.read_text()
    with Premises(kernel) as premises:
        assert premises.folder.is_dir()
        assert premises.cgroups.base.is_dir()
        assert premises.own_swap is None or str(premises.own_swap) in active_swap(read_text("/proc/swaps"))
        assert "0" == PAGE_CLUSTER.read_text().strip()
        assert not premises.readahead
        assert 1 == len(records())
        assert [] == list(abandoned())

    assert not premises.folder.exists()
    assert not premises.cgroups.base.exists()
    assert str(premises.own_swap) not in active_swap(read_text("/proc/swaps"))
    assert before == PAGE_CLUSTER.read_text()
    assert [] == records()


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
    assert [] == records()


def test_what_cannot_be_made_is_said(tmp_path):
    """And what was made before it is gone."""
    premises = Premises(NOTHING, wants_swap=False)
    premises.folder = tmp_path / "missing" / premises.name
    with pytest.raises(CannotError, match="missing"), premises:
        pass

    assert [] == records()


def test_no_home_for_records_is_said(monkeypatch, tmp_path):
    """Without a record nothing is made."""
    (tmp_path / "file").write_text("")
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


def test_a_killed_run_leaves_a_record_that_undoes_it(kernel):
    """All of it: what its process would have given back."""
    before = PAGE_CLUSTER.read_text()
    pid = os.fork()
    if not pid:
        Premises(kernel).__enter__()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    (record,) = abandoned()
    assert Path(record.folder).is_dir()
    assert Path(record.cgroups).is_dir()
    undo(record)

    assert before == PAGE_CLUSTER.read_text()
    assert not any(Path(path).exists() for path in (record.folder, record.cgroups, record.swap) if path)
    assert [] == records()
