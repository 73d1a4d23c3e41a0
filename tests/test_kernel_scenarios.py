"""What today's kernel was seen to do, a scenario each: every expect holds under the rules of 6.18."""

from pathlib import Path

import pytest

from vmtui.mm.check import check
from vmtui.player import Player
from vmtui.scenario import load
from vmtui.session import Session

FILES = sorted((Path(__file__).resolve().parent.parent / "scenarios" / "kernel").glob("*.scenario"))

every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


@every_file
def test_all_expects_hold(path):
    """Each expect holds, and there are some; the machine is sound after every command."""
    script = load(path)
    session = Session(**script.options)
    player = Player(session, script)
    while player.beat():
        assert player.refused is None, str(player.refused.error)

    assert ("anon_vma_chain", "6.18", "x86_64") == (
        session.options.rmap,
        session.options.rules,
        session.options.arch,
    )
    assert player.results
    assert [result for result in player.results if result.holds is not True] == []
    for done in session.commands:
        session.seek(done.last)
        assert check(session.machine) == set(), done.text


@every_file
def test_the_file_is_in_canonical_form(path):
    """`vmtui fmt` changes nothing."""
    assert load(path).text == path.read_text(encoding="utf-8")


def test_the_numbers_are_those_of_the_observations():
    """29 behaviours, numbered as they were noted; then what random programs and their like brought up."""
    assert [f"{number:02}" for number in range(1, len(FILES) + 1)] == [path.name[:2] for path in FILES]
    assert len(FILES) >= 29
