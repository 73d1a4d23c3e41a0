"""Every scenario is a test: it plays, it is in canonical form, and any of its steps can be gone to."""

import json
import os
import random
import re
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from tests.small import settings, small
from vmtui.cli import main
from vmtui.mm.check import check
from vmtui.player import Player
from vmtui.scenario import load
from vmtui.scenario.items import Card
from vmtui.session import Session

FOLDER = Path(__file__).resolve().parent.parent / "scenarios"
FILES = sorted(FOLDER.glob("*.scenario"))
GROUPS = ("Start here", "What can go wrong", "What it costs")
ANOMALIES = {"10-a-vma-splits-as-posted": {"unreachable"}}

# What is played of a file is kept: all its tests are for one worker.
every_file = pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.stem, marks=pytest.mark.xdist_group(path.stem)) for path in FILES]
)


def play(path, **params):
    """The file played to its end: script, session, player."""
    script = load(path, params=params)
    session = Session(**script.options)
    player = Player(session, script)
    while player.beat():
        assert player.refused is None, str(player.refused.error)
    assert player.finished
    return script, session, player


def play_small(path):
    """The same, at the smaller size if it has one."""
    return play(path, **small(path))


@cache
def played(path, rmap=None):
    """The verdicts of a file that was played, and what its cards said at every beat.

    Under another scheme than its own it is played small, but for the trial, whose figures are of one size.
    """
    params = small(path) if rmap and "trial" not in path.stem else {}
    script = load(path, params=params, **({"rmap": rmap} if rmap else {}))
    player = Player(Session(**script.options), script)
    cards = [player.card]
    while player.beat():
        if player.refused is not None:
            # Another scheme may run out of low memory before the file's own.
            assert rmap, str(player.refused.error)
            assert player.refused.error.errno == "ENOMEM"
            break
        cards.append(player.card)
    return player.results, cards


def schemes_of(text):
    """The schemes that an expect is stated for; none where it is the file's own or everybody's."""
    named = re.match(r"\s*under ([^:]*):", text)
    return named[1].replace(",", " ").split() if named else []


def plays():
    """Each file with each other scheme that it states figures for; the trial where there is time."""
    for path in FILES:
        schemes = {
            name for line in path.read_text(encoding="utf-8").splitlines() for name in schemes_of(line)
        }
        for scheme in sorted(schemes - {load(path).options["rmap"]}):
            wait = "trial" in path.stem and not os.environ.get("VMTUI_LONG")
            skip = [pytest.mark.skip(reason="set VMTUI_LONG=1 to play it")] if wait else []
            yield pytest.param(path, scheme, id=f"{path.stem}-{scheme}", marks=skip)


def cards_of(path):
    """The cards of a file, each a list of its lines as they were written."""
    cards, card = [], []
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if line.strip().startswith("say "):
            card.append(line.strip().removeprefix("say "))
        elif card:
            cards.append(card)
            card = []
    return cards


@every_file
def test_all_expects_hold(path):
    """Each expect holds under the machine that the file names, but those stated for other schemes."""
    rmap = load(path).options["rmap"]
    results, _ = played(path)
    own = [result for result in results if rmap in (schemes_of(result.text) or [rmap])]

    assert [result for result in own if result.holds is not True] == []
    assert len(own) >= 3


@pytest.mark.parametrize(("path", "rmap"), list(plays()))
def test_what_is_stated_for_a_scheme_holds_there(path, rmap):
    """Played under a scheme that it names, a file's figures for it hold, and no other expect fails."""
    results, _ = played(path, rmap)
    own = [result for result in results if rmap in schemes_of(result.text)]

    assert own
    assert [result for result in own if result.holds is not True] == []
    assert [result for result in results if result.holds is False] == []


@every_file
def test_the_machine_is_sound_after_every_command(path):
    """`check` finds nothing, but for the one hole that the posted draft is known for."""
    _, session, _ = play_small(path)

    found = set()
    for cursor in sorted({done.last for done in session.commands}):
        session.seek(cursor)
        found |= check(session.machine)

    assert found == ANOMALIES.get(path.stem, set())


@every_file
def test_the_file_is_in_canonical_form(path):
    """`vmtui fmt` changes nothing."""
    assert load(path).text == path.read_text(encoding="utf-8")


@every_file
def test_the_head_is_what_the_picker_shows(path):
    """Title and group stand first, and the first card's first line is the one line of the picker."""
    script = load(path)
    title, group = path.read_text(encoding="utf-8").splitlines()[:2]

    assert title == f"title {script.title}"
    assert group == f"# group: {script.group}"
    assert script.group in GROUPS


def test_the_numbers_are_a_reading_order():
    """Numbers run from 01 without a gap, and a group is never taken up again."""
    assert [path.name[:3] for path in FILES] == [f"{number:02}-" for number in range(1, len(FILES) + 1)]
    groups = [GROUPS.index(load(file).group) for file in FILES]
    assert groups == sorted(groups)


@every_file
def test_it_ends_with_its_numbers(path):
    """The last item is a card with figures in it."""
    script = load(path)

    assert isinstance(script.items[len(script.items) - 1], Card)
    assert re.search(r"\d|\{", " ".join(cards_of(path)[-1]))


@every_file
def test_cards_fit_the_narration_strip(path):
    """A card is at most two lines of at most 78 columns, also with its values in place."""
    assert all(len(card) <= 2 for card in cards_of(path))

    _, shown = played(path)
    lines = [line for card in filter(None, shown) for line in card.splitlines()]

    assert len(shown) > len(cards_of(path))
    assert [line for line in lines if len(line) > 78] == []


@every_file
def test_undo_and_redo_give_equal_digests(path):
    """Command by command back to the machine just built and forward again, every digest is as it was."""
    script, session, _ = play_small(path)
    down = []
    while True:
        down.append((session.cursor, session.digest()))
        if not session.undo():
            break
    built = Session(**script.options)
    assert down[-1] == (0, built.digest())

    up = [(session.cursor, session.digest())]
    while session.redo():
        up.append((session.cursor, session.digest()))
    assert up == down[::-1]


@every_file
def test_a_thousand_random_seeks(path):
    """Any step can be gone to from any other, and the machine there is the one recorded on the way."""
    script, session, _ = play_small(path)
    recorded = {}
    session.seek(0)
    for cursor in range(session.end + 1):
        session.seek(cursor)
        recorded[cursor] = session.digest()

    choose = random.Random(path.stem)
    for _ in range(1000):
        cursor = choose.choice(range(session.end + 1))
        session.seek(cursor)
        assert session.digest() == recorded[cursor]

    again = Session(**script.options)
    for done in session.commands:
        again.do(done.text)
        if not done.quiet:
            assert again.digest() == recorded[done.last]


@every_file
def test_the_json_validates(path, capsys):
    """`play --json --steps --state` is one object that `vmtui schema` describes, and says that all held."""
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)

    status = main(["play", "--json", "--steps", "--state", "last", *settings(path), str(path)])
    played = json.loads(capsys.readouterr().out)

    jsonschema.validate(played, schema)
    assert played["digest"] == play_small(path)[1].digest()
    assert small(path) or (status, played["expects"]["failed"]) == (0, 0)


@pytest.mark.parametrize("children", [1, 10, 1000])
@pytest.mark.parametrize("name", ["05-fork-the-second-figure", "06-copy-on-write-and-the-false-candidate"])
def test_the_figures_hold_for_any_number_of_children(name, children):
    """N children: a shared page N+1 / N+1; once all wrote, the parent's page N+1 / 1 asked about, N / 1
    unmapped, and each copy 1 / 1."""
    _, session, player = play(FOLDER / f"{name}.scenario", children=children)

    assert [result for result in player.results if result.holds is not True] == []
    assert len([done for done in session.commands if done.text.startswith("fork")]) == children
