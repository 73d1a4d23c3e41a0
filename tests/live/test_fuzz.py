"""Random programs on both sides."""

import json
from random import Random

import pytest

from vmtui import cli_verify
from vmtui.cli import main
from vmtui.live.abilities import Abilities
from vmtui.live.calls import ADVICE
from vmtui.live.compare import compare
from vmtui.live.fuzz import Tally, fuzz, shortest
from vmtui.live.premises import Premises
from vmtui.live.programs import MAX_PROCESSES, program, scenario_lines
from vmtui.live.verify import play_on
from vmtui.mm.kernel import Options
from vmtui.player import Player
from vmtui.scenario.items import Run
from vmtui.scenario.script import load
from vmtui.session import Session

OPTIONS = {"rmap": "anon_vma"}


def test_the_same_numbers_make_the_same_program():
    """A seed is all that is needed to have a program again."""
    assert program(Random("1-0"), OPTIONS, 40) == program(Random("1-0"), OPTIONS, 40)
    assert program(Random("1-0"), OPTIONS, 40) != program(Random("1-1"), OPTIONS, 40)


def test_programs_use_the_whole_language_and_stay_small():
    """Over a few programs every kind of command comes up; never more than six processes live."""
    words, alive = set(), 0
    for number in range(24):
        session = Session(**OPTIONS)
        for line in program(Random(f"words-{number}"), OPTIONS, 40):
            session.attempt(line)
            words.add(line.split()[0])
            alive = max(alive, sum(task.mm is not None for task in session.machine.tasks))

    assert {
        *("spawn", "mmap", "read", "write", "fork", "munmap", "mprotect", "mremap", "madvise", "mlock"),
        *("munlock", "swapout", "evict", "exit", "exec", "file", "truncate", "brk", "remap_file_pages"),
    } == words
    assert 3 <= alive <= MAX_PROCESSES


@pytest.mark.parametrize("number", range(5))
def test_a_program_is_a_scenario_that_plays_to_its_end(number):
    """What is refused is expected to be; nothing is left that the language itself refuses."""
    lines = scenario_lines(program(Random(f"play-{number}"), OPTIONS, 40), OPTIONS)
    script = load("machine rmap=anon_vma\n" + "".join(f"{line}\n" for line in lines))
    player = Player(Session(**OPTIONS), script)
    while player.played < len(player.items):
        player.run_item()
        assert player.refused is None

    assert [] == [result for result in player.results if result.holds is False]
    assert any(isinstance(item, Run) for item in player.items)


@pytest.mark.parametrize("needed", [{3}, {0, 39}, {7, 8, 9}, {1, 20, 21, 38}])
def test_shortening_keeps_what_is_needed_and_nothing_else(needed):
    """Whatever the commands are that show it together, they alone are left, in order."""
    commands = [str(number) for number in range(40)]

    def still(kept):
        return {str(number) for number in needed} <= set(kept)

    assert [str(number) for number in sorted(needed)] == shortest(commands, still)


def test_this_kernel_says_the_same_twice(kernel, monkeypatch):
    """Programs with every advice, each played twice: no observation depends on the moment."""
    from vmtui.live import programs

    monkeypatch.setattr(programs, "KNOWN_ADVICE", {"2.6": tuple(ADVICE)})
    with Premises(kernel) as premises:
        for number in range(6):
            lines = scenario_lines(program(Random(f"twice-{number}"), OPTIONS, 40), OPTIONS)
            script = load("machine rmap=anon_vma\n" + "".join(f"{line}\n" for line in lines))
            first, second = play_on(premises, script), play_on(premises, script)
            for one, other in zip(first.rows, second.rows, strict=True):
                assert () == compare(one.live, other.live, one.name), (number, one.text)


def test_a_difference_is_found_and_shortened(kernel):
    """That today's kernel frees the slot of a page that is written again, and 2.6 does not, takes five
    commands to show."""
    tally = Tally()
    found = fuzz(kernel, OPTIONS, seconds=60, seed=1, tally=tally)

    assert found is not None
    assert tally.programs >= 1
    assert len(found.verification.rows) <= 8
    assert not found.verification.agrees
    script = load(found.text)
    assert "A difference found by chance" == script.title
    with Premises(kernel) as premises:
        assert not play_on(premises, script).agrees


def test_no_time_is_no_program(kernel):
    """It ends when its time is up."""
    tally = Tally()

    assert fuzz(kernel, OPTIONS, seconds=0, seed=1, tally=tally) is None
    assert "0 programs, 0 commands, 0 pages compared" == tally.text


def test_fuzz_is_of_todays_kernel(monkeypatch):
    """Without a word about the machine it has the scheme and the rules of the kernel it is compared with."""
    machines = []

    def fuzz_nothing(here, options, **how):
        machines.append(Options.parse(options))

    monkeypatch.setattr(cli_verify, "fuzz", fuzz_nothing)
    monkeypatch.setattr(cli_verify.abilities, "probe", lambda anon_vma: Abilities(processes=True))

    assert 0 == main(["verify", "--fuzz", "1"])
    assert 0 == main(["verify", "--fuzz", "1", "--rmap", "pte_chain"])
    assert [(each.rmap, each.rules) for each in machines] == [
        ("anon_vma_chain", "6.18"),
        ("pte_chain", "2.6"),
    ]


def test_the_command_line_writes_a_file(kernel, tmp_path, monkeypatch, capsys):
    """Exit 1, the table, and the scenario; verified, that file differs too."""
    monkeypatch.chdir(tmp_path)

    assert 1 == main(["verify", "--fuzz", "60", "--seed", "1", "--rmap", "anon_vma"])
    (path,) = tmp_path.glob("vmtui-fuzz-1-*.scenario")
    out, err = capsys.readouterr()
    assert f"written to {path.name}" == out.splitlines()[-1]
    assert err.startswith("seed 1: ")
    assert 1 == main(["verify", str(path)])
    assert 0 == main(["verify", "--fuzz", "0"])
    capsys.readouterr()
    assert 0 == main(["verify", "--fuzz", "0", "--seed", "7", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (7, 0, None) == (told["seed"], told["programs"], told["difference"])
    assert 2 == main(["verify", "--fuzz", "1", "-c", "spawn a"])
    assert 2 == main(["verify", "--seed", "1", "-c", "spawn a"])
    assert 2 == main(["verify", "--seed", "1", "--fuzz", "x"])
