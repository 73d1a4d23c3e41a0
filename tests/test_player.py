"""The player: beats and steps, forward and back, cards, checks, detours."""

import os
from pathlib import Path

import pytest

from tests.small import small
from vmtui.errors import KernelError
from vmtui.player import Player, load
from vmtui.session import Session
from vmtui.testing import play

SCENARIOS = sorted((Path(__file__).resolve().parents[1] / "scenarios").glob("*.scenario"))

TEXT = """title T
quietly
  spawn sh
  mmap sh heap 4 pages rw private
  write sh.heap
end
show sh.heap[1]

section One
say one {sh.rss}
say more
walk sh.heap[1]
expect walk.examined == 1

say two {walk.examined}
fork sh kid
pause
repeat 2 as i
  write kid.heap[{i}]
end
section Two
let slot = 2
say three
swapout sh.heap[{slot}]
"""


def player_of(text, **options):
    """A player of a text, at its start."""
    script = load(text, **options)
    return Player(Session(**script.options), script)


def walk_forward(player):
    """The stops of a script: (index, cursor, card) after each beat."""
    stops = []
    while player.beat():
        stops.append((player.index, player.session.cursor, player.card))
    return stops


def test_beats_stop_at_cards_pauses_and_sections():
    """A section with a card, and a pause without one, are one stop each; a quiet block is one step."""
    player = player_of(TEXT)

    stops = walk_forward(player)

    assert [card for _, _, card in stops] == ["one 4\nmore", "two 1", None, "three", None]
    assert stops[0][1] == 1
    assert player.finished
    assert [result.holds for result in player.results] == [True]


def test_beats_go_back_the_way_they_came():
    """previous_beat visits the same stops in reverse, with the cursor, down to the machine just built."""
    player = player_of(TEXT)
    stops = walk_forward(player)
    back = []

    while player.previous_beat():
        back.append((player.index, player.session.cursor, player.card))

    assert back == [*stops[-2::-1], (0, 0, None)]


def test_a_beat_over_what_was_played_runs_nothing():
    """Forward again over played items is a move of the cursor: the same machine, no new commands."""
    player = player_of(TEXT)
    stops = walk_forward(player)
    digest, commands = player.session.digest(), list(player.session.commands)
    while player.previous_beat():
        pass

    assert walk_forward(player) == stops
    assert player.session.digest() == digest
    assert player.session.commands == commands


def test_steps_go_through_everything():
    """forward moves one step at a time, quiet blocks in one, and ends where beats end."""
    stepped, beaten = player_of(TEXT), player_of(TEXT)
    walk_forward(beaten)
    cursors = []

    while not stepped.finished:
        stepped.forward()
        cursors.append(stepped.session.cursor)

    assert stepped.session.digest() == beaten.session.digest()
    assert set(range(1, stepped.session.end + 1)) <= set(cursors)
    assert [result.holds for result in stepped.results] == [True]


def test_the_cursor_moves_the_player():
    """Wherever the cursor is set, the player stands there: its card, its section, what is left."""
    player = player_of(TEXT)
    stops = walk_forward(player)

    for _, cursor, card in (stops[3], stops[0], stops[1]):
        player.session.seek(cursor)
        assert player.card == card
    player.session.seek(stops[0][1] + 1)
    assert player.card is None
    assert not player.finished
    player.session.seek(0)
    assert (player.index, player.card, player.section) == (0, None, "")


def test_section_and_subject_are_those_of_the_place():
    """The section and what was shown are the last before the cursor."""
    player = player_of(TEXT)
    player.beat()

    assert (player.section, player.subject) == ("One", "sh.heap[1]")
    walk_forward(player)
    assert player.section == "Two"


def test_what_is_to_come():
    """upcoming lists commands that were not run, and shrinks."""
    player = player_of(TEXT)

    assert player.upcoming[0] == "spawn sh"
    assert player.upcoming[-1] == "swapout sh.heap[{slot}]"
    walk_forward(player)
    assert player.upcoming == ()
    assert [done.text for done in player.session.commands][-1] == "swapout sh.heap[2]"


def test_a_typed_command_is_a_detour():
    """A command typed beside the script leaves it; return_to_script goes on where it was left."""
    player = player_of(TEXT)
    player.beat()
    cursor = player.session.cursor

    player.session.do("spawn other")
    assert player.detour
    assert not player.beat()
    player.return_to_script()

    assert not player.detour
    assert player.session.cursor == cursor
    assert player.card == "one 4\nmore"
    walk_forward(player)
    assert player.finished
    assert "spawn other" not in [done.text for done in player.session.commands]
    assert player.session.digest() == play(TEXT).session.digest()


def test_a_detour_from_the_past():
    """The same from the middle of what was played, on a branch of its own."""
    player = player_of(TEXT)
    stops = walk_forward(player)
    digest = player.session.digest()
    player.session.seek(stops[1][1])

    player.session.do("exit sh")
    assert player.detour
    player.return_to_script()

    assert not player.detour
    assert player.session.cursor == stops[1][1]
    assert [card for _, _, card in walk_forward(player)] == [card for _, _, card in stops[2:]]
    assert player.session.digest() == digest


def test_a_refused_command_stops_the_player():
    """It stays where it was, and says what was refused."""
    player = player_of("spawn sh\nspawn sh\nspawn b\n")

    assert player.beat()
    assert player.refused.error.errno == "EEXIST"
    assert player.played == 1
    assert not player.finished


def test_an_expected_refusal_goes_on():
    """expect-error holds and the play goes on; one that is not refused is a failed expect."""
    player = player_of("spawn sh\nexpect-error EEXIST spawn sh\nexpect-error EEXIST spawn b\nspawn c\n")

    while not player.finished:
        player.beat()

    assert [result.holds for result in player.results] == [True, False]
    assert "was done" in player.results[1].sentence


def test_a_failed_expect_stops_a_beat_and_is_told():
    """The beat ends at the expect that failed; the next one goes on."""
    player = player_of("spawn sh\nexpect sh.vmas == 3\nspawn b\nsay end\n")

    player.beat()
    assert player.failure.sentence == "sh.vmas == 3: 0 not == 3"
    player.beat()
    assert (player.failure, player.card) == (None, "end")
    player.previous_beat()
    player.session.seek(1)
    assert player.failure is not None


def test_a_let_that_cannot_be_read():
    """A let of what is not there is a failed expect; a command that needs it is refused in a sentence."""
    player = player_of("let n = nobody.vmas\nspawn c{n}\n")
    while player.beat() and player.refused is None:
        pass

    assert "no process nobody" in player.results[0].sentence
    assert player.refused.error.errno == "EINVAL"


def test_lets_have_the_value_of_their_time():
    """A card of the past reads the let as it was then."""
    player = player_of("let n = 1\nsay {n}\nspawn a\nlet n = 2\nsay {n}\n")
    stops = walk_forward(player)

    assert [card for _, _, card in stops] == ["1", "2"]
    player.previous_beat()
    assert player.card == "1"


def test_cards_read_what_is_there_when_they_are_shown():
    """What a card cannot read is shown as none; numbers are grouped; loop variables are known."""
    player = player_of("repeat 2 as i\nsay {i} {nobody.rss} {1000 * 1000} {{x}\nend\n")

    assert [card for _, _, card in walk_forward(player)] == ["0 none 1,000,000 {x}", "1 none 1,000,000 {x}"]


#: Chapters of the trial in which low memory really runs out; tests/test_scenarios.py plays them once.
HUNDREDS = ("28-the-trial-chains", "29-the-trial-lists", "30-the-trial-highpte")


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_by_beats_is_the_scenario_played(path):
    """Beat by beat, back to the start and forward again, a scenario ends in the machine and the verdicts that
    playing it straight through gives."""
    # Small, but for the trial, whose expects fail at another size: a failed expect is a stop.
    params = {} if "trial" in path.stem else small(path)
    if path.stem in HUNDREDS and not os.environ.get("VMTUI_LONG"):
        pytest.skip("set VMTUI_LONG=1 to go through hundreds of large processes three times")
    straight = player_of(path, params=params)
    while straight.played < len(straight.items):
        straight.run_item()
    digest = straight.session.digest()
    player = player_of(path, params=params)

    stops = walk_forward(player)
    assert player.session.digest() == digest
    while player.previous_beat():
        pass
    assert walk_forward(player) == stops
    assert player.session.digest() == digest
    assert [result.holds for result in player.results] == [result.holds for result in straight.results]


def test_play_fails_as_a_test_fails():
    """A failed expect is an AssertionError that names the command; a refusal is raised."""
    with pytest.raises(AssertionError, match=r"command 2: expect sh\.vmas == 1: sh\.vmas == 1: 0 not == 1"):
        play("spawn sh; expect sh.vmas == 1")
    with pytest.raises(KernelError, match="EEXIST"):
        play("spawn sh; spawn sh")


def test_play_takes_options_and_params():
    """Machine options and params go over the file's own."""
    text = "machine ram=32M\nparam n = 1\nrepeat n as i\nspawn c{i}\nend\n"
    played = play(text, params={"n": 3}, ram="64M")

    assert played.session.options.ram == 64 << 20
    assert len(played.session.commands) == 3
