"""The session log: what was accepted is on disk, and a replay is back where the run was."""

import os
import random
import signal
import subprocess
import sys

import pytest

from vmtui import sessionlog
from vmtui.errors import VmtuiError
from vmtui.scenario import load
from vmtui.session import Session
from vmtui.sessionlog import KEEP, SessionLog, SessionLogError

COMMANDS = ("spawn sh", "mmap sh heap 4 pages rw private", "write sh.heap", "fork sh child")


def run(session, log, *commands):
    """Do commands and log each as the app does."""
    for command in commands:
        log.command(session.do(command).text)


@pytest.fixture
def session():
    """A session that has done COMMANDS, not logged."""
    session = Session(ram="32M")
    for command in COMMANDS:
        session.do(command)
    return session


@pytest.fixture
def log():
    """The log of a run on a machine of 32 MB."""
    log = SessionLog.open("ram=32M")
    yield log
    log.close()


def test_a_run_that_did_nothing_leaves_nothing(log, vmtui_home):
    """The file appears with the first command; marks and shows before it wait."""
    log.show("sh.heap[0]")
    log.mark("start", 0)
    assert not (vmtui_home / "sessions").exists()

    log.command("spawn sh")

    assert sessionlog.read(log.path).entries == (
        sessionlog.Show("sh.heap[0]"),
        sessionlog.Mark(0, "start"),
        "spawn sh",
    )


def test_the_log_is_text_that_says_what_it_is(log):
    """A header with version and machine, then one line a command."""
    run(Session(ram="32M"), log, *COMMANDS)

    first, machine, *lines = log.path.read_text().splitlines()
    assert first.startswith("# vmtui session log 1, vmtui ")
    assert machine == "machine ram=32M"
    assert tuple(lines) == COMMANDS


def test_a_command_is_on_disk_when_the_call_returns(log):
    """Without close, another reader finds the command."""
    for number, command in enumerate(COMMANDS, start=1):
        log.command(command)
        assert sessionlog.read(log.path).commands == number


def test_a_replay_is_the_same_machine(log, session):
    """Same commands, same machine: the digests are equal."""
    run(Session(ram="32M"), log, *COMMANDS)

    resumed = sessionlog.replay(log.path)

    assert resumed.stopped is None
    assert resumed.session.digest() == session.digest()
    assert [done.text for done in resumed.session.commands] == list(COMMANDS)


def test_a_replay_ends_on_the_same_branch_command_and_subject(log):
    """Branches come back by name, and the run ends where it ended: on main, two commands back."""
    session = Session(ram="32M")
    run(session, log, *COMMANDS)
    session.undo()
    log.branch_at("main", 3)
    run(session, log, "fork sh other", "write other.heap[1]")
    other = session.digest()
    other_name = session.branch.name
    log.show("other.heap[1]")
    log.mark("copied", session.cursor)

    resumed = sessionlog.replay(log.path)

    assert resumed.session.branch.name == other_name != "main"
    assert resumed.session.digest() == other
    assert resumed.subject == "other.heap[1]"
    assert resumed.marks == ((other_name, session.cursor, "copied"),)

    log.branch_at("main", 2)
    resumed = sessionlog.replay(log.path)

    assert resumed.session.branch.name == "main"
    assert resumed.session.cursor == resumed.session.commands[1].last
    assert len(resumed.session.branches) == 2


def test_a_fold_is_a_fold_again(log):
    """What `quietly … end` made one mark is one mark after a resume, so that step numbers stay right."""
    session = Session(ram="32M")
    for command in COMMANDS:
        session.do(command)
        log.follow(session)
    session.fold(3)
    log.follow(session)
    session.do("exit child")
    log.follow(session)

    resumed = sessionlog.replay(log.path)

    assert sessionlog.Fold(3) in sessionlog.read(log.path).entries
    assert resumed.session.cursor == session.cursor
    assert [done.last for done in resumed.session.commands] == [done.last for done in session.commands]


WHAT_IF = (
    "fork sh",
    "read sh.heap[0]",
    "write sh.heap[1]",
    "swapout sh.heap[2]",
    "evict sh.heap[3]",
    "exit sh1",
    "fork nobody",
    "write sh.heap[9]",
)


@pytest.mark.parametrize("seed", range(20))
def test_follow_is_all_an_app_needs(log, seed):
    """After any mixture of commands, refusals, moves and branches the replay has the same branches and stands
    on the same one."""
    session = Session(ram="32M")
    choose = random.Random(seed)
    for command in COMMANDS[:3]:
        session.do(command)
        log.follow(session)
    for _ in range(30):
        kind = choose.choice(["do", "do", "do", "aside", "undo", "seek", "checkout"])
        if kind in ("do", "aside"):
            session.attempt(choose.choice(WHAT_IF), aside=kind == "aside")
            log.follow(session)
        elif kind == "undo":
            session.undo()
        elif kind == "seek":
            session.seek(choose.randrange(session.end + 1))
        else:
            session.checkout(choose.choice(session.branches).name)
    log.close(session)

    resumed = sessionlog.replay(log.path)

    assert resumed.stopped is None
    assert [(b.name, b.parent, b.at, b.commands) for b in resumed.session.branches] == [
        (b.name, b.parent, b.at, b.commands) for b in session.branches
    ]
    assert sessionlog.position(resumed.session) == sessionlog.position(session)


def test_a_branch_that_leaves_at_the_end_is_logged(log):
    """Begun where its parent ends, a branch is one again after a replay; the parent goes on without it."""
    session = Session(ram="32M")
    for command in COMMANDS[:3]:
        session.do(command)
        log.follow(session)
    for line in ("write sh.heap[1]", "fork sh one"):
        session.do(line, aside=line.startswith("write"))
        log.follow(session)
    session.checkout("main")
    session.do("fork sh two")
    log.follow(session)
    session.do("exit two", aside=True)
    log.follow(session)

    resumed = sessionlog.replay(log.path)

    assert resumed.stopped is None
    assert resumed.session.branches == session.branches
    assert resumed.session.branch_name == session.branch_name == "w2"
    assert resumed.session.digest() == session.digest()


def test_where_the_scenario_stands_is_logged(log):
    """Beats and followed subjects are lines of the log; a replay without a player passes over beats."""
    run(Session(ram="32M"), log, *COMMANDS)
    log.beat(7)
    log.follow_to("sh.heap[1]")

    resumed = sessionlog.replay(log.path)

    entries = sessionlog.read(log.path).entries
    assert entries[-2:] == (sessionlog.Beat(7), sessionlog.Follow("sh.heap[1]"))
    assert resumed.subject == "sh.heap[1]"


def test_a_resumed_log_follows_on(log):
    """After a resume, follow writes only what is new, and the next replay has both."""
    session = Session(ram="32M")
    for command in COMMANDS:
        session.do(command)
        log.follow(session)
    session.undo()
    session.do("fork sh other")
    log.follow(session)
    log.close()

    resumed = sessionlog.replay(log.path)
    going_on = SessionLog.resume(resumed)
    going_on.follow(resumed.session)
    assert sessionlog.read(log.path).commands == len(COMMANDS) + 1
    resumed.session.checkout("main")
    resumed.session.do("exit child")
    going_on.follow(resumed.session)

    again = sessionlog.replay(log.path)
    assert again.session.branch.name == "main"
    assert again.session.digest() == resumed.session.digest()
    assert sessionlog.read(log.path).commands == len(COMMANDS) + 2


def test_a_command_that_is_refused_now_stops_the_replay(log):
    """The replay keeps what went before, says which command and why, and leaves the file alone."""
    run(Session(ram="32M"), log, *COMMANDS)
    log.command("fork nobody child2")
    log.command("write sh.heap[0]")
    before = log.path.read_bytes()

    resumed = sessionlog.replay(log.path)

    assert "command 5 (fork nobody child2)" in resumed.stopped
    assert "nobody" in resumed.stopped.partition("before it")[2]
    assert [done.text for done in resumed.session.commands] == list(COMMANDS)
    assert log.path.read_bytes() == before

    log.close()
    going_on = SessionLog.resume(resumed)
    going_on.command("exit child")
    assert going_on.path != log.path
    assert log.path.read_bytes() == before
    assert sessionlog.read(going_on.path).entries == (*COMMANDS, "exit child")


def test_a_part_that_was_done_is_done_again(log):
    """A command that stopped half way counted then, and the replay does the same half."""
    session = Session(ram="32M")
    run(session, log, "spawn sh", "mmap sh heap 4 pages rw private", "munmap sh.heap[2:3]")
    with pytest.raises(VmtuiError):
        session.do("write sh.heap")
    log.command("write sh.heap")

    resumed = sessionlog.replay(log.path)

    assert resumed.stopped is None
    assert resumed.session.digest() == session.digest()


def test_a_resumed_run_goes_on_in_its_file(log):
    """Resume, go on, resume again: one file, and everything in it."""
    run(Session(ram="32M"), log, *COMMANDS)
    log.close()

    going_on = SessionLog.resume(sessionlog.replay(log.path))
    going_on.command("exit child")
    going_on.close()

    assert going_on.path == log.path
    assert sessionlog.read(log.path).entries == (*COMMANDS, "exit child")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no flock")
def test_two_runs_never_share_a_file(log):
    """While a run holds its log, another that resumes it goes on in a copy."""
    run(Session(ram="32M"), log, *COMMANDS)

    second = SessionLog.resume(sessionlog.replay(log.path))
    second.command("exit child")
    log.command("exit sh")

    assert second.path != log.path
    assert sessionlog.read(second.path).entries == (*COMMANDS, "exit child")
    assert sessionlog.read(log.path).entries == (*COMMANDS, "exit sh")


def test_a_torn_last_line_is_dropped(log):
    """After a power cut the last line may have no end: it is not run, and the run goes on in a copy."""
    run(Session(ram="32M"), log, *COMMANDS)
    log.close()
    with log.path.open("ab") as file:
        file.write(b"exit chi")

    resumed = sessionlog.replay(log.path)
    going_on = SessionLog.resume(resumed)
    going_on.command("exit child")

    assert resumed.plan.torn
    assert resumed.stopped is None
    assert sessionlog.read(going_on.path).entries == (*COMMANDS, "exit child")


def test_the_last_twenty_are_kept():
    """A new run drops the oldest log beyond twenty, and lists the newest first."""
    for number in range(KEEP + 3):
        log = SessionLog.open()
        log.command(f"spawn p{number}")
        os.utime(log.path, ns=(number, number))
        log.close()

    sessions = sessionlog.list_sessions()

    assert len(sessions) == KEEP
    assert [plan.last for plan in sessions[:2]] == [f"spawn p{KEEP + 2}", f"spawn p{KEEP + 1}"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no flock")
def test_a_log_in_use_is_never_dropped():
    """The oldest log of all stays while its run goes on."""
    first = SessionLog.open()
    first.command("spawn first")
    os.utime(first.path, ns=(0, 0))
    for number in range(KEEP + 2):
        log = SessionLog.open()
        log.command(f"spawn p{number}")
        log.close()

    assert first.path.exists()


def test_a_home_that_cannot_be_written_costs_only_the_log(tmp_path, monkeypatch):
    """The run goes on, and the trouble is said in a sentence."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VMTUI_HOME", str(tmp_path / "file"))

    log = SessionLog.open()
    log.command("spawn sh")
    log.command("exit sh")

    assert "not being saved" in log.trouble


def test_the_scenario_is_known_by_path_and_text(tmp_path):
    """The log says whether the scenario it began with is still the same."""
    path = tmp_path / "mine.scenario"
    path.write_text("title Mine\n")
    log = SessionLog.open("", scenario=str(path), source=path.read_text())
    log.command("spawn sh")

    plan = sessionlog.read(log.path)
    assert plan.scenario == str(path)
    assert plan.scenario_unchanged()

    path.write_bytes(b"\xef\xbb\xbftitle Mine\r\n\r\n")
    assert plan.scenario_unchanged()

    path.write_text("title Yours\n")
    assert not plan.scenario_unchanged()


NOISE = ["", "\n", "title A scenario\nspawn sh\n", "\x00" * 100, "\x1b[2J" * 1000]


@pytest.mark.parametrize("text", NOISE)
def test_what_is_no_log_is_refused(tmp_path, text):
    """Anything else than a log is refused in one sentence."""
    path = tmp_path / "session-0001.log"
    path.write_text(text)

    with pytest.raises(SessionLogError, match="is not a session log"):
        sessionlog.read(path)
    assert sessionlog.list_sessions(tmp_path) == ()


def test_no_control_character_goes_in_or_comes_out(tmp_path, log):
    """Names from outside stay one line, and an escape in a log never reaches the screen."""
    log.command("spawn sh")
    log.mark("a\nspawn evil\x1b[31m", 3)
    log.show("sh.heap[0]\x07\nexit sh")
    log.close()

    plan = sessionlog.read(log.path)
    assert plan.commands == 1

    with log.path.open("a") as file:
        file.write("spawn \x1b]0;title\x07\n")
    resumed = sessionlog.replay(log.path)
    assert resumed.stopped
    assert all(char.isprintable() for char in resumed.stopped.replace("\n", ""))


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
def test_kill_9_loses_no_accepted_command(vmtui_home):
    """A run killed the moment it said that a command was accepted resumes at that command."""
    code = """
import sys
from vmtui.session import Session
from vmtui.sessionlog import SessionLog

session, log = Session(), SessionLog.open()
for number in range(10 ** 6):
    log.command(session.do(f"spawn p{number}").text)
    print(number, flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    for _ in range(20):
        accepted = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    rest = process.communicate()[0].splitlines()
    accepted = max([accepted, *(int(line) for line in rest if line.isdecimal())])

    (plan,) = sessionlog.list_sessions()
    resumed = sessionlog.replay(plan)

    assert resumed.stopped is None
    assert len(resumed.session.commands) >= accepted + 1


def test_a_branch_is_saved_as_a_scenario(tmp_path, session):
    """The saved file plays to the same machine; an error that stands is an expect-error."""
    session.do("munmap sh.heap[2:3]")
    with pytest.raises(VmtuiError):
        session.do("write sh.heap")

    path = sessionlog.save_scenario(session, tmp_path / "mine", title="My branch")

    assert path.name == "mine.scenario"
    lines = path.read_text().splitlines()
    assert lines[:3] == ["title My branch", f"machine {session.options.text}", "spawn sh"]
    assert lines[-1].startswith("expect-error ")
    assert load(path).title == "My branch"


@pytest.mark.parametrize("name", ["", " ", "a\x1b[2Jb", "a\nb", "\x00"])
def test_a_file_name_that_hides_something_is_refused(session, tmp_path, monkeypatch, name):
    """No file is made for a name that is empty or holds what a terminal could act on."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SessionLogError):
        sessionlog.save_scenario(session, name)
    assert list(tmp_path.iterdir()) == []


def test_saving_never_writes_over_a_file(tmp_path, session):
    """A file that is there stays as it is."""
    path = tmp_path / "mine.scenario"
    path.write_text("mine")

    with pytest.raises(SessionLogError, match="there already"):
        sessionlog.save_scenario(session, path)
    assert path.read_text() == "mine"
