"""All of scenarios/kernel on both sides, wherever the kernel underneath can be asked: in CI too."""

import platform
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.live import conftest, tries
from tests.live.both_sides import ANON_VMA
from tests.live.tries import ROOT, BothSides, GaveUpError, differing
from vmtui.live.abilities import Abilities

FILES = sorted((ROOT / "scenarios" / "kernel").glob("*.scenario"))
SECONDS = 180.0
A, B, C = Path("a"), Path("b"), Path("c")


@pytest.mark.xdist_group("the kernel underneath")
def test_all_of_them_agree_with_the_kernel_underneath(todays_kernel):
    """In every field, and with anon_vmas where there is what reads them; what differs does so every time."""
    words = [] if todays_kernel.bpf is None else [ANON_VMA]
    play = BothSides(SECONDS, (sys.executable, "-m", "tests.live.both_sides", *words))
    try:
        told = differing(FILES, play)
    except GaveUpError as why:
        pytest.skip(str(why))

    if told:
        pytest.fail("\n\n".join(told.values()), pytrace=False)
    assert todays_kernel.fields == play.fields


# -- what differs is played again


class MadeUp:
    """Plays nothing: what differs is known beforehand, a set of files for each time."""

    def __init__(self, *rounds):
        self.rounds = rounds
        self.played = []

    def __call__(self, files):
        """The files that are in this round's set differ."""
        self.played.append(files)
        wrong = self.rounds[len(self.played) - 1]
        return {path: f"{path} differs, try {len(self.played)}" if path in wrong else "" for path in files}


def test_what_agrees_is_played_once():
    """Nothing is left to be tried."""
    play = MadeUp({})

    assert {} == differing([A, B], play)
    assert [(A, B)] == play.played


def test_what_differs_every_time_is_told():
    """Three times, alone but for what differs too; the last telling is the one that is shown."""
    play = MadeUp({A, C}, {C}, {C})

    assert {C: "c differs, try 3"} == differing([A, B, C], play)
    assert [(A, B, C), (A, C), (C,)] == play.played


def test_what_does_not_repeat_is_noise():
    """However late it is seen to agree."""
    assert {} == differing([A, B], MadeUp({A, B}, {A}, {}))


def test_a_difference_that_repeats_fails(monkeypatch):
    """The test above, with a player that always says that one file differs: it fails, and shows how."""
    monkeypatch.setattr(
        sys.modules[__name__], "BothSides", lambda *asked: MadeUp(*[{FILES[4]}] * tries.TRIES)
    )
    kernel = type("Kernel", (), {"bpf": None, "fields": frozenset()})
    with pytest.raises(pytest.fail.Exception, match=r"05-.* differs, try 3"):
        test_all_of_them_agree_with_the_kernel_underneath(kernel)


# -- the process that plays them

SAYS = "import json, signal, sys, time; say = lambda **words: print(json.dumps(words), flush=True)\n"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN); "


class UntilItHasSpoken(BothSides):
    """Has no time left as soon as the process has said all that it says."""

    def wait(self, process):
        """Until its last words."""
        self.process = process
        while process.poll() is None and not self.mark.exists():
            time.sleep(0.01)


@pytest.fixture
def both_sides(tmp_path):
    """Makes players of a program; what cleans up leaves a mark."""
    clean = (sys.executable, "-c", f"open({str(tmp_path / 'cleaned')!r}, 'x')")
    return lambda code, seconds=600.0: BothSides(seconds, (sys.executable, "-c", SAYS + code), clean)


@pytest.fixture
def late(tmp_path):
    """Makes players of a program that says something and stays, who give up then."""
    clean = (sys.executable, "-c", f"open({str(tmp_path / 'cleaned')!r}, 'x')")

    def make(code, grace=60.0):
        code = f"{SAYS}{code}\nopen({str(tmp_path / 'spoke')!r}, 'x')\nwhile True: time.sleep(60)"
        play = UntilItHasSpoken(600.0, (sys.executable, "-c", code), clean, grace)
        play.mark = tmp_path / "spoke"
        return play

    return make


def test_what_is_said_of_each_file_is_kept(both_sides, tmp_path):
    """What differs, by file, and the fields that were compared; nothing has to be taken back."""
    play = both_sides(
        "say(path='a', differs='x', fields=['vmas']); say(path='b', differs='', fields=['was'])"
    )

    assert {A: "x", B: ""} == play([A, B])
    assert {"vmas", "was"} == play.fields
    assert not (tmp_path / "cleaned").exists()


def test_the_files_are_the_words_of_the_process(both_sides):
    """So each try plays what is left."""
    play = both_sides("for path in sys.argv[1:]: say(path=path, differs='no', fields=[])")

    assert {B: "no"} == play([B])


def test_what_a_process_leaves_unsaid_is_a_failure(both_sides):
    """It ended over a fault of its own, which is shown; a machine that is busy is no excuse for it."""
    play = both_sides("say(path='a', differs='', fields=[]); sys.exit('a fault of its own')")

    with pytest.raises(RuntimeError, match="1 of 2 scenarios were played, and then: a fault of its own"):
        play([A, B])


def test_what_the_machine_cannot_do_is_no_difference(both_sides):
    """It looked able, and is not: the reason is the machine's own."""
    play = both_sides("say(path='a', cannot='a swap file can be put nowhere')")

    with pytest.raises(GaveUpError, match=r"^a: a swap file can be put nowhere$"):
        play([A])


@pytest.mark.parametrize(
    ("deaf", "grace", "ended_by"), [("", 600.0, signal.SIGTERM), (DEAF, 0.1, signal.SIGKILL)]
)
def test_a_process_that_is_late_is_ended(late, tmp_path, deaf, grace, ended_by):
    """By force where it must be; what it made is taken back, and the reason says how far it came."""
    play = late(f"{deaf}say(path='a', differs='x', fields=[])", grace)

    with pytest.raises(GaveUpError, match=r"too busy: 1 of 2 .* what differed had no other try: a$"):
        play([A, B])
    assert -ended_by == play.process.returncode
    assert (tmp_path / "cleaned").exists()


def test_a_word_that_was_cut_short_is_none(late):
    """It was about to say more when it was ended."""
    play = late("sys.stdout.write('{\"path\": '); sys.stdout.flush()")

    with pytest.raises(GaveUpError, match="too busy: 0 of 1"):
        play([A])


def test_that_another_run_was_waited_for_is_part_of_the_reason(late):
    """As that run's own last words have it."""
    play = late("say(path='a', differs='', fields=[]); say(waits='another run is under way')")

    with pytest.raises(GaveUpError, match=r"1 of 2 .* when 600 seconds had gone; another run is under way$"):
        play([A, B])


def test_a_process_gets_no_longer_than_there_is(both_sides):
    """No time is left: it is ended as soon as it is begun."""
    play = both_sides("while True: time.sleep(60)", seconds=0.0)

    with pytest.raises(GaveUpError, match="too busy: 0 of 1"):
        play([A])


# -- who is asked


@pytest.mark.parametrize(
    ("live", "ci", "asked"),
    [
        ("", "", (False, False)),
        ("", "true", (False, True)),
        ("", "false", (False, False)),
        ("1", "", (True, True)),
        ("0", "true", (False, False)),
    ],
)
def test_ci_asks_for_this_and_for_nothing_else(monkeypatch, live, ci, asked):
    """VMTUI_LIVE asks for all tests of the kernel underneath, or forbids them all."""
    monkeypatch.setenv("VMTUI_LIVE", live)
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(platform, "release", lambda: "6.18.1-made-up")

    assert asked == (conftest.why_not() is None, conftest.why_not(in_ci=True) is None)


@pytest.mark.parametrize("release", ["6.1.8", "6.19.0", "6.180.1", ""])
def test_ci_asks_no_kernel_with_other_rules(monkeypatch, release):
    """It is named; whoever asks himself may ask any."""
    monkeypatch.setenv("VMTUI_LIVE", "")
    monkeypatch.setenv("CI", "1")
    monkeypatch.setattr(platform, "release", lambda: release)
    assert conftest.why_not(in_ci=True).endswith(f" {release}")
    monkeypatch.setenv("VMTUI_LIVE", "1")

    assert conftest.why_not(in_ci=True) is None


def test_whoever_has_the_kernel_is_not_waited_for_for_ever(monkeypatch, tmp_path):
    """With no patience, a test that another keeps waiting is skipped over that; then it is its turn."""
    lock = tmp_path / "lock"
    lock.touch()
    monkeypatch.setattr(conftest, "LOCK", lock)
    monkeypatch.setattr(conftest, "PATIENCE", 0.0)
    first = conftest._one_at_a_time(None, Abilities(True))
    next(first)
    with pytest.raises(pytest.skip.Exception, match="other tests have had the kernel underneath for 0 sec"):
        next(conftest._one_at_a_time(None, Abilities(True)))
    first.close()
    second = conftest._one_at_a_time(None, Abilities(True))

    assert Abilities(True) == next(second)
    second.close()
