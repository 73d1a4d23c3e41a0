"""A session is resumed where it was left, whether it was closed or killed."""

from pathlib import Path

import pytest

from vmtui.tui.lab import Lab, lab

RETURN = Path(__file__).parents[2] / "scenarios" / "01-the-return-of-objrmap.scenario"
WAYS = {
    "beats": ["n", "n", "n"],
    "first beat": [],
    "a command typed at the end of the script": ["n", "n", ":write sh.heap[2]"],
    "to the end": ["n"] * 12,
    "a card before the last": ["n"] * 12 + ["b"],
    "a page that was followed": ["n", "n", ":swapout sh.heap[2]"],
    "a detour and back": ["n", ":write sh.heap[2]", "R", "n"],
    "in a detour": ["n", ":write sh.heap[2]", ":fork sh other"],
    "a what-if": ["n", "n", "u", ":write sh.heap[2]", ":fork sh other"],
    "an empty quiet block": ["n", ":mmap sh more 2 pages rw private; write sh.more"],
    "a subject shown": ["n", "n", ":show sh.heap[3]"],
    "a mark": ["n", "m", "n", "m"],
}


async def work(bench: Lab, keys: list[str]) -> None:
    """Press keys; what begins with a colon is typed at the prompt."""
    for key in keys:
        if key.startswith(":"):
            await bench.type(key[1:])
            await bench.press("escape")
        else:
            await bench.press(key)


def told(bench: Lab) -> tuple[object, ...]:
    """What is to be the same after a resume."""
    desk = bench.desk
    player = desk.player
    assert player is not None
    branches = [(branch.name, branch.parent, branch.at, branch.commands) for branch in desk.session.branches]
    return (
        desk.session.digest(),
        desk.session.branch.name,
        branches,
        bench.subject,
        desk.marks,
        player.upcoming,
        desk.follow,
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("killed", [False, True], ids=["closed", "killed"])
async def test_resume(way, killed):
    """Branch, command, card, machine, subject, marks and what the script still holds are as they were."""
    async with lab(RETURN, keep=True) as bench:
        await work(bench, WAYS[way])
        if killed and way == "a card before the last":
            await bench.press("n")  # only a session that is closed says that it went back
        before = *told(bench), bench.desk.player.card, bench.now
        if not killed:
            bench.desk.close()

    async with lab(resume=True) as bench:
        assert (*told(bench), bench.desk.player.card, bench.now) == before
        assert bench.desk.note is None


async def test_a_closed_session_is_resumed_where_it_stood():
    """Closed somewhere else than at its last command, a session comes back there: its log says so."""
    async with lab(RETURN, keep=True) as bench:
        await work(bench, ["n", "n", "u", ":write sh.heap[2]", "R", "n", "comma"])
        before = bench.desk.session.digest(), bench.desk.session.branch.name
        bench.desk.close()

    async with lab(resume=True) as bench:
        session = bench.desk.session
        assert before[1] == session.branch.name
        assert session.command_at(session.cursor).text in ("walk sh.heap[1]", "fork sh child")


async def test_a_resumed_session_goes_on_in_its_file():
    """Resumed twice, each time with a command more, it is one log with all of them."""
    async with lab(RETURN, keep=True) as bench:
        await work(bench, ["n", "n"])
    for number in range(2):
        async with lab(resume=True, keep=True) as bench:
            await work(bench, [f":fork sh other{number}"])

    async with lab(resume=True) as bench:
        texts = [done.text for done in bench.desk.session.commands]
        assert texts[-2:] == ["fork sh other0", "fork sh other1"]


async def test_a_scenario_that_has_changed_is_not_played(tmp_path):
    """The session comes back without its script when the file is another now."""
    path = tmp_path / "mine.scenario"
    path.write_text("title t\nspawn a\nsay one\nspawn b\n", encoding="utf-8")
    async with lab(path, keep=True):
        pass
    path.write_text("title t\nspawn z\n", encoding="utf-8")

    async with lab(resume=True) as bench:
        assert bench.desk.player is None
        assert [done.text for done in bench.desk.session.commands] == ["spawn a"]
