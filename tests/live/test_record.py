"""What a run has made is written down, and what a dead run made is taken back."""

import json
import os
import subprocess
import sys

import attrs
import pytest

from vmtui.errors import LiveError
from vmtui.live.record import PREFIX, Record, abandoned, records_folder, start_time, undo, undo_all


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


def test_what_a_dead_run_left_is_taken_back(record, tmp_path):
    """Folder, swap file and the record itself."""
    record.write()

    assert [record] == list(abandoned())
    assert 1 == undo_all()
    assert [] == [path.name for path in tmp_path.iterdir()]
    assert [] == list(records_folder().glob("*.json"))


def test_what_a_living_run_has_stays(record, tmp_path):
    """A run that goes on keeps its things."""
    attrs.evolve(record, pid=os.getpid(), started=start_time(os.getpid())).write()

    assert 0 == undo_all()
    assert 2 == len(list(tmp_path.iterdir()))


@pytest.mark.parametrize("field", ["folder", "cgroups", "swap"])
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
def test_a_file_that_is_no_record_is_left_alone(text):
    """A half-written or foreign file is skipped."""
    records_folder().mkdir(parents=True, exist_ok=True)
    (records_folder() / "odd.json").write_text(text)

    assert [] == list(abandoned())


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
