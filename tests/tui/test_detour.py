"""Beside the script and at its end: detours, refusals, and what the narration says of both."""

import pytest

from vmtui.tui.lab import lab
from vmtui.tui.themes import NO_COLOUR

STORY = """\
title A story
spawn sh
mmap sh heap 4 pages rw private
say One process.
write sh.heap
say Four pages.
fork sh child
say Two processes.
"""
REFUSED = "title t\nspawn sh\nsay one\nfork nobody child\nsay never\n"


def branches(bench):
    """Name, parent, place and commands of each branch."""
    return [(one.name, one.parent, one.at, one.commands) for one in bench.desk.session.branches]


async def test_a_command_at_the_frontier_is_a_detour():
    """Typed where the script waits, a command begins w1 and says so; R returns; n goes on, and the script is
    main to its end."""
    async with lab(STORY, size=(80, 24)) as bench:
        await bench.type("write sh.heap[2]")
        await bench.press("escape")
        narration = " ".join(bench.text("narration").split())
        assert "w1 is a detour from command 2 of the script: R goes back to it, then n goes on" in narration
        assert bench.desk.player.detour

        await bench.press("R")
        assert "One process." in bench.text("narration")
        await bench.press("n", "n")

        assert branches(bench) == [
            ("main", None, 0, (*STORY.split("\n")[1:3], "write sh.heap", "fork sh child")),
            ("w1", "main", 2, ("write sh.heap[2]",)),
        ]
        assert "Two processes." in bench.text("narration")
        assert not bench.desk.player.detour


async def test_a_detour_that_is_refused_is_none():
    """A refused command begins no branch: the script goes on with n at once."""
    async with lab(STORY) as bench:
        await bench.type("exit nobody")
        assert "there is no process nobody" in bench.text("narration")
        await bench.press("escape", "n")

        assert [name for name, _, _, _ in branches(bench)] == ["main"]
        assert "Four pages." in bench.text("narration")


async def test_a_command_after_the_end_goes_on_with_main():
    """Where the script has nothing more to play, what is typed is no branch."""
    async with lab(STORY) as bench:
        await bench.press("n", "n")
        await bench.type("exit child")

        assert [name for name, _, _, _ in branches(bench)] == ["main"]


async def test_a_detour_under_another_scheme():
    """Replayed on another kernel a detour is one again: R returns to the script, n goes on with it."""
    async with lab(STORY) as bench:
        await bench.type("write sh.heap[2]")
        await bench.press("escape", "s", "home", "down", "enter")
        assert bench.desk.session.options.rmap == "pte_chain"
        assert bench.desk.session.branch_name == "w1"
        await bench.press("R", "n")

        assert [done.text for done in bench.desk.session.commands][-1] == "write sh.heap"
        assert bench.desk.session.branch_name == "main"


async def test_a_refused_command_of_the_script_stops_n(monkeypatch):
    """The line and the kernel's sentence are said; n does not try again; b goes back, a command is a detour,
    and R is back at the refusal."""
    async with lab(REFUSED) as bench:
        await bench.press("n")
        said = "line 4: fork nobody child: ESRCH: there is no process nobody"
        assert said in bench.text("narration")
        tried = []
        running = bench.desk.session.running
        monkeypatch.setattr(
            bench.desk.session, "running", lambda *a, **k: tried.append(a) or running(*a, **k)
        )
        await bench.press("n", "n", "full_stop", "n")
        assert not tried
        assert said in bench.text("narration")
        assert "b goes back a beat" in bench.text("narration")

        await bench.press("b", "b")
        assert bench.desk.player.index < 2
        await bench.press("n", "n")
        assert not tried
        assert said in bench.text("narration")
        await bench.type("spawn other")
        assert bench.desk.session.branch_name == "w1"
        await bench.press("escape", "R")

        assert bench.desk.session.branch_name == "main"
        assert said in bench.text("narration")


async def test_the_end_is_said_by_every_key():
    """n, `.`, `>` and space say the same at the end of the script; in a detour, that R goes back."""
    async with lab(STORY) as bench:
        await bench.type("write sh.heap[2]")
        await bench.press("escape", "n")
        assert "the end of w1: R goes back to the script" in bench.text("narration")
        await bench.press("R", "n", "n")
        for key in ("n", "full_stop", "greater_than_sign", "space"):
            await bench.press("b", "n", key)
            assert "the end: b goes back a beat, : takes a command" in bench.text("narration")

    async with lab() as bench:
        await bench.press("escape", "n")
        assert "the end: u undoes a command, : takes another" in bench.text("narration")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 50)])
async def test_the_end_is_said_where_the_last_card_takes_all_room(size):
    """As soon as nothing more comes the footer says so, at 80×24 too, and on no other beat."""
    long = f"{STORY}\nsay {'A card of two lines. ' * 5}\n"
    async with lab(long, size=size) as bench:
        while not bench.desk.at_end:
            assert "the end" not in bench.text()
            await bench.press("n")
        assert bench.text("keys").startswith(" the end ")
        assert bench.text("keys").rstrip().endswith("? keys")
        await bench.press("b")
        assert "the end" not in bench.text("keys")
        await bench.press("n", "n", "colon")
        assert "the end" in bench.text("keys")
        await bench.type("write sh.heap[2]")

        assert "the end" not in bench.text("keys")


async def test_the_last_card_stays_at_the_end():
    """Where nothing comes next, that is said below the last card, which stays to be read."""
    async with lab(f"{STORY}\nsay The last word.\n") as bench:
        while not bench.desk.at_end:
            await bench.press("n")
        assert "The last word." in bench.text("narration")
        await bench.press("n")
        assert "The last word." in bench.text("narration")
        assert "the end: b goes back a beat" in bench.text("narration")


async def test_what_a_key_ended_can_be_undone():
    """After x and d the narration says what happened, and that u undoes it."""
    async with lab(STORY) as bench:
        await bench.press("n", "n")
        for key, line in (("x", "exit sh"), ("d", "munmap sh.heap[0]")):
            await bench.type("show sh.heap[0]")
            digest = bench.desk.session.digest()
            await bench.press("escape", key)
            assert bench.desk.session.commands[-1].text == line
            assert "u undoes it" in " ".join(bench.text("narration").split())
            await bench.press("u")
            assert bench.desk.session.digest() == digest


async def test_an_echo_is_over_when_something_else_happens():
    """The line of a letter command stands in the prompt until the next move, and what was typed stays."""
    async with lab(STORY) as bench:
        await bench.press("n", "n")
        await bench.type("show sh.heap[1]")
        await bench.press("escape", "t")
        assert bench.main.prompt.value == "walk sh.heap[1]"
        await bench.press("comma")
        assert bench.main.prompt.value == ""
        await bench.press("w", "1", "enter")
        assert bench.main.prompt.value == ""

        await bench.press("colon", "f", "o", "escape", "w", "comma")
        assert bench.main.prompt.value == "fo"


async def test_a_theme_under_no_color(monkeypatch):
    """Chosen under NO_COLOR, a theme changes nothing, and the narration says why."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with lab(STORY) as bench:
        await bench.press("f2", *"theme: light", "enter")
        await bench.press("enter")

        assert bench.app.theme == NO_COLOUR
        assert "NO_COLOR is in force" in bench.text("narration")


EXPECTED = """\
title t
spawn sh
expect-error ESRCH fork nobody child
say after the refusal
expect-error ESRCH exit nobody
"""


async def test_a_refusal_that_the_script_expects_is_no_error():
    """What is said after an expect-error is seen; alone, the refusal is told as expected."""
    async with lab(EXPECTED) as bench:
        assert "after the refusal" in bench.text("narration")
        await bench.press("n")
        narration = bench.text("narration")
        assert "✓ exit nobody: ESRCH: there is no process nobody" in narration
        assert "refused, as the script expects" in narration
        assert bench.desk.at_end
        for key in ("n", "full_stop", "space"):
            await bench.press(key)
            assert "the end: b goes back a beat" in bench.text("narration")
        await bench.press("b")
        assert "after the refusal" in bench.text("narration")


async def test_playing_goes_on_over_an_expected_refusal():
    """Only a refusal that is none of the script's stops playing."""
    async with lab(EXPECTED) as bench:
        assert bench.desk.seconds_here(1.0, 1.0) is not None
    async with lab(REFUSED) as bench:
        await bench.press("n")
        assert bench.desk.seconds_here(1.0, 1.0) is None
