"""What a run has made is written down, and what a dead run made is taken back."""

import json
import os
import subprocess
import sys

import attrs
import pytest

from vmtui.errors import LiveError
from vmtui.live import record as record_module
from vmtui.live import turn
from vmtui.live.record import (
    PREFIX,
    Record,
    abandoned,
    leftovers,
    records_folders,
    start_time,
    undo,
    undo_all,
)

pytestmark = pytest.mark.usefixtures("records")


@pytest.fixture
def dead():
    """The pid and start time of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = start_time(process.pid)
    process.communicate(b"\n")
    return process.pid, started


@pytest.fixture
def record(tmp_path, dead):
    """What a dead run left: a folder with a file in it, and a swap file that was never turned on."""
    folder = tmp_path / f"{PREFIX}test"
    folder.mkdir()
    (folder / "file0").write_text("x")
    swap = tmp_path / f"{PREFIX}test.swap"
    swap.write_text("x")
    return Record(*dead, str(folder), swap=str(swap))


def test_a_process_is_known_by_its_start():
    """A pid that was given out again is another process."""
    mine = start_time(os.getpid())

    assert mine is not None
    assert Record(os.getpid(), mine, "").alive
    assert not Record(os.getpid(), mine - 1, "").alive


def test_a_name_with_parentheses_hides_nothing(tmp_path):
    """A process may call itself anything; its start time is found all the same."""
    code = "import ctypes; ctypes.CDLL(None).prctl(15, b'a) R 1 (b'); print(flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    try:
        assert start_time(process.pid) >= start_time(os.getpid())
    finally:
        process.communicate(b"\n")


def test_what_a_dead_run_left_is_taken_back(record, tmp_path, records):
    """Folder, swap file, the record itself and, with the last, the place of records."""
    record.write()

    told = []
    assert [record] == list(abandoned())
    assert 1 == undo_all(told.append)
    assert [f"taking back file {record.swap}", f"taking back folder {record.folder}"] == told
    assert [] == leftovers(record)
    assert [] == [path.name for path in tmp_path.iterdir()]
    assert [] == [path for folder in records_folders() for path in folder.glob("*")]
    assert not records.exists()


def test_a_run_that_is_under_way_is_waited_for(record):
    """That is said first; this one ends as soon as it is."""
    fcntl = pytest.importorskip("fcntl")
    record.write()
    run = os.open(turn.PLACE, os.O_RDONLY)
    fcntl.flock(run, fcntl.LOCK_EX)
    told = []

    def tell(text):
        told.append(text)
        if len(told) == 1:
            os.close(run)

    assert 1 == undo_all(tell)
    assert "another run is under way on this machine: waiting for its end" == told[0]
    assert f"taking back folder {record.folder}" == told[-1]


def test_what_a_living_run_has_stays(record, tmp_path):
    """A run that goes on keeps its things."""
    attrs.evolve(record, pid=os.getpid(), started=start_time(os.getpid())).write()

    assert 0 == undo_all()
    assert 2 == len(list(tmp_path.iterdir()))


@pytest.mark.parametrize("field", ["folder", "cgroups", "swap", "mount"])
def test_a_record_of_other_things_is_none(record, field, tmp_path):
    """Whatever stands in a record, nothing is removed that no run of ours would have made."""
    victim = tmp_path / "precious"
    victim.mkdir()
    attrs.evolve(record, **{field: str(victim)}).write()

    assert [] == list(abandoned())
    assert 0 == undo_all()
    assert victim.is_dir()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"pid": "x"}', "\x00", json.dumps({"pid": 1, "started": 2})]
)
def test_a_file_that_is_no_record_is_left_alone(text, records):
    """A half-written or foreign file is skipped."""
    records.mkdir()
    (records / "odd.json").write_text(text)

    assert [] == list(abandoned())


def test_whoever_cleans_up_may_have_another_home(record, monkeypatch, tmp_path):
    """Records lie in one place of the machine: neither VMTUI_HOME nor XDG_STATE_HOME leads elsewhere."""
    monkeypatch.setenv("VMTUI_HOME", str(tmp_path / "one"))
    record.write()
    monkeypatch.setenv("VMTUI_HOME", str(tmp_path / "other"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    assert [record] == list(abandoned())
    assert 1 == undo_all()
    assert [] == list(abandoned())


def test_whoever_may_not_write_there_keeps_records_at_home(record, monkeypatch, tmp_path, vmtui_home):
    """The machine's place is root's; another user has nothing but files and processes to take back."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(record_module, "MACHINE_FOLDER", tmp_path / "file" / "live")
    record.write()

    assert [record.name] == [path.name for path in (vmtui_home / "live").iterdir()]
    assert 1 == undo_all()
    assert [] == list((vmtui_home / "live").iterdir())


def test_a_record_of_before_mounts_is_one(record, records):
    """What an older vmtui was killed over can be taken back by this one."""
    told = attrs.asdict(record)
    del told["mount"]
    records.mkdir()
    (records / "old.json").write_text(json.dumps(told))

    assert [record] == list(abandoned())


def test_a_run_whose_exit_status_nobody_has_fetched_is_dead(tmp_path):
    """A killed process stays in the table until its parent waits for it; it runs no more."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mine = Record(process.pid, start_time(process.pid), str(tmp_path / f"{PREFIX}x"))
    assert mine.alive
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert not mine.alive
    process.communicate()


def test_what_cannot_be_taken_back_keeps_its_record(record, tmp_path):
    """The error names it, the rest is done, and the next try still knows."""
    stubborn = tmp_path / f"{PREFIX}cgroup"
    stubborn.mkdir()
    (stubborn / "file").write_text("an ordinary folder that rmdir refuses")
    record = attrs.evolve(record, cgroups=str(stubborn))
    record.write()

    with pytest.raises(LiveError, match=f"not undone: .*{PREFIX}cgroup"):
        undo_all()
    assert not (tmp_path / f"{PREFIX}test").exists()
    assert [record] == list(abandoned())
    (stubborn / "file").unlink()
    undo(record)
    assert [] == list(abandoned())
