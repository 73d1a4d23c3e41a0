"""`vmtui verify`: both sides, side by side."""

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from vmtui.cli import main
from vmtui.errors import CannotError, ScenarioErrors
from vmtui.live import player
from vmtui.live import verify as verify_module
from vmtui.live.abilities import Abilities, has_capability
from vmtui.live.errors import NoiseError
from vmtui.live.observed import FIELDS
from vmtui.live.verify import verify
from vmtui.live.verify_text import HEADINGS, cannot_lines, verification_lines
from vmtui.scenario.script import load

AGREED = """\
title Both sides
machine rmap=anon_vma
let half = 2
spawn a
mmap a h 4 pages rw private
read a.h[3]
repeat 3 as i
  write a.h[i]
end
fork a b
quietly
  write b.h[0]
  expect a.h[0].mapcount == 1
end
swapout a.h[half]
read b.h[half]
write a.h[half]
expect-error EFAULT write a:0x50000000
mprotect a.h[1] r
walk a.h[1]
exec b
exit a
"""
SHARED = "spawn a; mmap a s 2 pages rw shared; write a.s; fork a b; exit b"
"""Fork copies the entries of shared memory under 2.6, and today's kernel does not."""


def test_a_scenario_agrees(kernel):
    """Loops, lets, expected refusals, looks and expects: every command on both sides, in every field."""
    found = verify(load(AGREED), kernel)

    assert [] == [difference for row in found.rows for difference in row.differences]
    assert found.agrees
    assert set(FIELDS) - {"anon_excl"} == set(found.fields)
    assert ["write a.h[0]", "write a.h[1]", "write a.h[2]"] == [row.text for row in found.rows[3:6]]
    assert ["walk a.h[1]"] == [row.text for row in found.rows if not row.asked]
    refused = next(row for row in found.rows if "0x50000000" in row.text)
    assert ("EFAULT", "EFAULT") == (refused.simulated.errno, refused.live.errno)


def test_a_known_difference_is_told_where_it_arises(kernel):
    """In the row of the command that made it, with both sides and the line of the simulator's source."""
    found = verify(load(SHARED), kernel)
    by_text = {row.text: row for row in found.rows}

    assert not found.agrees
    assert [] == list(by_text["write a.s"].differences)
    new = {difference.field: (difference, decision) for difference, decision in by_text["fork a b"].new}
    difference, decision = new["state"]
    assert ("b.s[0] to b.s[1]", "present", "no entry") == (
        difference.subject,
        difference.simulated,
        difference.live,
    )
    assert decision.file.startswith("mm/")
    source = Path(verify_module.__file__).parent.parent / decision.file
    assert f"def {decision.function}(" in source.read_text()
    assert decision.line <= len(source.read_text().splitlines())
    assert [] == list(by_text["exit b"].differences)


def test_a_difference_that_goes_on_is_told_once(kernel):
    """The rows after it are marked, and say nothing new of it."""
    found = verify(load(SHARED.replace("; exit b", "; walk a.s[0]")), kernel)
    walk = found.rows[-1]

    assert walk.says("state") is False
    assert "state" not in {difference.field for difference, _ in walk.new}


def test_the_table(kernel):
    """A row a command, a column a field; differences below the row that made them, then the verdict."""
    lines = list(verification_lines(verify(load(SHARED), kernel)))
    head = next(line for line in lines if line.startswith("line"))
    fork = next(line for line in lines if "fork a b" in line)

    assert list(HEADINGS.values()) == head.split()[2:]
    marks = dict(zip(HEADINGS, fork.split()[-len(HEADINGS) :], strict=True))
    assert ("✓", "✗", "✗", "-") == tuple(marks[field] for field in ("errno", "state", "smaps", "anon_excl"))
    told = lines[lines.index(fork) + 1 : lines.index(fork) + 5]
    assert told[0].strip().startswith("state: b.s[0] to b.s[1]: present in the simulator, no entry on")
    assert told[1].split()[0:2] == ["simulator:", "present,"]
    assert told[2].split()[0:3] == ["kernel:", "no", "entry"]
    assert told[3].strip().startswith("decided at mm/")
    assert "they differ after 1 of 5 commands, in run 1" == lines[-1]


def test_a_refusal_that_is_not_expected_ends_it(kernel):
    """As `play` ends; what was done until then is compared."""
    found = verify(load("spawn a; read a:0x40000000; spawn b"), kernel)

    assert ["spawn a", "read a:0x40000000"] == [row.text for row in found.rows]
    assert "EFAULT" in found.refused
    assert not found.agrees


def test_names_are_text(kernel):
    """A name with markup and quotes is shown as it is, on one line."""
    text = 'spawn "[red]a b"; mmap "[red]a b" h 1 pages rw private; write "[red]a b".h'
    lines = list(verification_lines(verify(load(text), kernel)))

    assert any('write "[red]a b".h' in line for line in lines)


def test_repeats_are_counted(kernel):
    """Each run starts anew, and the verdict says how many there were."""
    found = verify(load("spawn a; mmap a h 1 pages rw private; write a.h"), kernel, repeat=3)

    assert (3, True) == (found.runs, found.agrees)
    assert list(verification_lines(found))[-1].endswith("3 runs")


def test_a_run_that_met_noise_is_done_again_and_says_so(kernel, monkeypatch):
    """Once: what happens twice is no noise."""
    play, calls = verify_module._play, []

    def noisy(script, abilities, tell):
        calls.append(script)
        if len(calls) == 1:
            raise NoiseError("pages move")
        return play(script, abilities, tell)

    monkeypatch.setattr(verify_module, "_play", noisy)
    found = verify(load("spawn a"), kernel)

    assert (2, 1) == (len(calls), found.noisy)
    assert "1 had to be done again" in list(verification_lines(found))[-1]


@pytest.mark.parametrize("command", ["reclaim 4 pages", "swapout pfn:3"])
def test_what_no_kernel_can_be_asked_is_refused_before_anything_runs(command):
    """By line, as other bad files are."""
    with pytest.raises(ScenarioErrors, match=":2: ") as caught:
        verify(load(f"spawn a\n{command}\n", name="file"), Abilities(False, missing=("no",)))

    assert str(caught.value).startswith("file:2: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("spawn a; mmap a h 20001 pages rw private; write a.h", "20,001 pages in one command"),
        ("spawn a\nrepeat 4\n  fork a\nend\n", "more than 3 processes"),
    ],
)
def test_what_would_take_too_much_of_the_machine_is_refused(kernel, monkeypatch, text, words):
    """These are real pages and real processes; nothing of them is left."""
    monkeypatch.setattr(player, "MAX_PROCESSES", 3)
    with pytest.raises(CannotError, match=words):
        verify(load(text, ram="256M"), kernel)


def test_a_machine_that_cannot_says_why():
    """Nothing is started there."""
    with pytest.raises(CannotError, match="this is no Linux"):
        verify(load("spawn a"), Abilities(False, missing=("this is no Linux",)))


def test_what_is_missing_is_told_with_what_is_left():
    """Sentences, then the fields."""
    lines = list(cannot_lines(Abilities(True, missing=("no frames",))))

    assert "no frames" == lines[0]
    assert (
        "fields that can be compared here: errno, processes, vmas, state, exclusive, anon, smaps" == lines[1]
    )
    assert list(cannot_lines(Abilities(False)))[-1].endswith(": none")


def test_capabilities_are_bits():
    """CapEff of /proc/PID/status, in hex."""
    assert has_capability("Name:\tx\nCapEff:\t0000000000200000\n", 21)
    assert not has_capability("Name:\tx\nCapEff:\t0000000000100000\n", 21)
    assert not has_capability("", 21)


# -- the command line


def test_what_is_refused_of_a_text_of_one_line_is_counted_in_commands(capsys):
    """There is no line to name."""
    assert 2 == main(["verify", "-c", "spawn a; reclaim 1 pages"])
    assert capsys.readouterr().err.startswith("command 2: reclaim takes what the kernel finds cold")


def test_exit_codes(kernel, capsys, tmp_path):
    """0: they agree; 1: they differ, or a command was refused; 2: bad usage, or no file for it."""
    good, bad = tmp_path / "good.scenario", tmp_path / "bad.scenario"
    good.write_text("spawn a\nmmap a h 1 pages rw private\nwrite a.h\n")
    bad.write_text("spawn a\nreclaim 1 pages\n")

    assert 0 == main(["verify", str(good), str(good)])
    assert 2 == capsys.readouterr().out.count("agree: 3 commands")
    assert 1 == main(["verify", "-c", SHARED])
    assert 1 == main(["verify", "-c", "spawn a; read a:0x40000000"])
    assert 2 == main(["verify", str(bad)])
    assert 2 == main(["verify"])
    assert 2 == main(["verify", "no-such-file.scenario"])


def test_a_machine_that_cannot_exits_4(monkeypatch, capsys):
    """With what is missing on standard error, and an object on standard output where one was asked for."""
    from vmtui.live import abilities

    monkeypatch.setattr(abilities, "probe", lambda **asked: Abilities(False, missing=("this is no Linux",)))

    assert 4 == main(["verify", "--json", "-c", "spawn a"])
    out, err = capsys.readouterr()
    assert {"kind": "machine", "message": "this is no Linux"}.items() <= json.loads(out)["error"].items()
    assert "fields that can be compared here: none" in err


def test_json_is_one_object(kernel, capsys):
    """Every command with each field's verdict; where they differ, the differences and both states."""
    assert 1 == main(["verify", "--json", "-c", SHARED])
    told = json.loads(capsys.readouterr().out)
    (found,) = told["verifications"]
    rows = {row["text"]: row for row in found["commands"]}

    assert (1, [], False) == (told["schema_version"], told["missing"], found["agrees"])
    assert found["machine"]["rmap"] == "anon_vma_rfc"
    assert rows["write a.s"]["states"] is None
    fork = rows["fork a b"]
    assert {"state": False, "errno": True, "anon_excl": None}.items() <= fork["fields"].items()
    first = fork["differences"][0]
    assert ("state", True, "mm/") == (first["field"], first["new"], first["decided"]["file"][:3])
    live = fork["states"]["live"]["processes"]["b"]
    assert ([], "shared memory") == (live["pages"], live["vmas"][0]["file"])
    assert "b.s[0]" == fork["states"]["simulated"]["processes"]["b"]["pages"][0]["place"]


def test_machine_options_and_params_are_those_of_play(kernel, capsys, tmp_path):
    """--rmap and --set go before the file's own."""
    path = tmp_path / "x.scenario"
    path.write_text("param n = 1\nspawn a\nmmap a h {n} pages rw private\n")

    assert 0 == main(["verify", str(path), "--rmap", "objrmap", "--set", "n=3"])
    out = capsys.readouterr().out
    assert "(rmap=objrmap)" in out
    assert "mmap a h 3 pages rw private" in out


def _without_sys_admin():
    """Give up CAP_SYS_ADMIN for good: root like that sees no frame numbers, and turns no swap on."""
    ctypes.CDLL(None).prctl(24, 21, 0, 0, 0)


def test_without_privileges_it_compares_what_it_can(kernel):
    """VMA lists, page states, smaps and a few bits; exit 4 says that this was not all."""
    text = "spawn a; mmap a h 4 pages rw private; read a.h; write a.h[1]; fork a b; write b.h[1]"
    done = subprocess.run(
        [sys.executable, "-m", "vmtui", "verify", "--json", "-c", text],
        capture_output=True, text=True, preexec_fn=_without_sys_admin, env=os.environ, check=False,
    )  # fmt: skip
    told = json.loads(done.stdout)

    assert 4 == done.returncode
    assert told["verifications"][0]["agrees"]
    assert ["errno", "processes", "vmas", "state", "exclusive", "anon", "smaps"] == told["verifications"][0][
        "fields"
    ]
    assert any("CAP_SYS_ADMIN" in sentence for sentence in told["missing"])


def test_without_privileges_a_shared_page_cannot_be_pushed_out(kernel):
    """Nor is there swap of our own; that is said, and nothing is left of the try."""
    text = "spawn a; mmap a h 1 pages rw private; write a.h; fork a b; swapout a.h"
    done = subprocess.run(
        [sys.executable, "-m", "vmtui", "verify", "-c", text],
        capture_output=True, text=True, preexec_fn=_without_sys_admin, env=os.environ, check=False,
    )  # fmt: skip

    assert 4 == done.returncode
    assert "root" in done.stderr.splitlines()[-1]


def test_a_process_with_its_own_view_is_evolved_not_changed(kernel):
    """Abilities are a value: taking one away makes another."""
    blind = attrs.evolve(kernel, frames=False, hierarchy=None)

    assert kernel.frames
    assert "frame" not in blind.fields
    found = verify(
        load("spawn a; mmap a h 2 pages rw private; write a.h[0]; read a.h[1]; swapout a.h[0]"), blind
    )
    assert found.agrees, [difference.sentence for row in found.rows for difference in row.differences]
