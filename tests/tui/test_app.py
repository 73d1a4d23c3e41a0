"""The app, worked by hand: keys, mouse and prompt."""

from pathlib import Path

import pytest

from vmtui.player import Player
from vmtui.scenario.script import load
from vmtui.session import Session
from vmtui.tui import keymap
from vmtui.tui.arrangement import PANES
from vmtui.tui.keymap import KEYS
from vmtui.tui.lab import Lab, lab
from vmtui.tui.screens.keys import Keys, help_choices
from vmtui.tui.screens.picker import Picker
from vmtui.tui.speaking import words
from vmtui.view.explain import explain

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.scenario"))
FAMILY = """\
title A family
spawn sh; mmap sh heap 4 pages rw private; write sh.heap
fork sh child
write child.heap[1]
say One page was copied.
walk sh.heap[1]
""".replace("; ", "\n")


@pytest.mark.parametrize("path", SCENARIOS[:3] + SCENARIOS[5:6], ids=lambda path: path.stem)
async def test_a_scenario_played_through_the_app_ends_as_play_does(path):
    """Beat by beat through the app or item by item without a screen: the digests are equal."""
    script = load(path)
    session = Session(**script.options)
    player = Player(session, script)
    while not player.finished and player.beat():
        pass

    async with lab(path) as bench:
        for _ in range(60):
            if bench.desk.at_end:
                break
            await bench.press("n")
        assert bench.desk.at_end
        assert bench.desk.session.digest() == session.digest()


async def test_steps_go_forward_and_back():
    """A step back is the state before the step: the digest says so."""
    async with lab(FAMILY) as bench:
        await bench.press("n")
        before = bench.now, bench.desk.session.digest()
        await bench.press("comma", "comma", "comma")
        assert bench.now == before[0] - 3
        await bench.press("full_stop", "right_square_bracket", "full_stop")

        assert (bench.now, bench.desk.session.digest()) == before


@pytest.mark.parametrize("pane", list(PANES))
async def test_time_keys_work_from_every_pane(pane):
    """Whichever pane has the focus, the time keys move now."""
    number = PANES.index(pane) + 1
    async with lab(FAMILY) as bench:
        await bench.press(str(number))
        assert bench.app.focused.id == pane
        start = bench.now
        seen = []
        for key in ("comma", "full_stop", "less_than_sign", "greater_than_sign", "u", "U", "b", "n"):
            await bench.press(key)
            seen.append(bench.now)

        assert seen[:2] == [start - 1, start]
        assert seen[2] < start
        assert seen[3] == start
        assert seen[4] < start
        assert seen[5] == start
        assert seen[6] <= start


async def test_the_prompt_gets_keys_only_when_focused():
    """A letter is a command until ``:``; then it is a letter; Esc leaves, and the text stays."""
    async with lab(FAMILY) as bench:
        await bench.press("colon", "f", "n", "x")
        commands = len(bench.desk.session.commands)
        assert bench.main.prompt.value == "fnx"
        await bench.press("escape")
        assert bench.app.focused.id == "reverse-map"
        assert bench.main.prompt.value == "fnx"
        await bench.press("f")

        assert len(bench.desk.session.commands) == commands + 1
        assert bench.main.prompt.value == "fnx"


async def test_a_letter_command_teaches_the_language():
    """The exact line runs, stands in the prompt, and is in the history."""
    async with lab(FAMILY) as bench:
        await bench.type("show sh.heap[2]")
        await bench.press("escape", "w")
        assert bench.desk.session.commands[-1].text == "write sh.heap[2]"
        assert bench.main.prompt.value == "write sh.heap[2]"
        await bench.press("colon", "up")

        assert bench.main.prompt.value == "write sh.heap[2]"


async def test_several_commands_on_a_line():
    """``;`` separates commands; the first refusal ends the line, and what stands before it has run."""
    async with lab() as bench:
        await bench.type("spawn a; mmap a h 2 pages rw private; fork b; spawn c")

        assert [done.text for done in bench.desk.session.commands] == [
            "spawn a",
            "mmap a h 2 pages rw private",
        ]
        assert "there is no process b" in bench.text("narration")


@pytest.mark.parametrize("number", ["²", "9" * 5000, "x"])
async def test_what_is_no_number_of_a_step(number):
    """Whatever is typed for a step, at the prompt or at T, is told or passed over; nothing breaks."""
    async with lab(FAMILY) as bench:
        await bench.type(f"seek {number}")
        assert "seek needs the number of a step" in bench.text("narration")
        await bench.press("escape", "T", *number[:20])

        assert bench.app.screen is not bench.main


async def test_errors_are_narration():
    """A line that cannot be read is told in the narration, with a suggestion, and changes nothing."""
    async with lab(FAMILY) as bench:
        digest = bench.desk.session.digest()
        await bench.type("frok sh")

        assert "frok" in bench.text("narration")
        assert bench.desk.session.digest() == digest


async def test_a_fault_of_ours_leaves_the_machine_as_before(monkeypatch):
    """Any error in the middle of a command is told, and the machine is what it was."""
    async with lab(FAMILY) as bench:
        digest = bench.desk.session.digest()

        def broken(*args, **options):
            yield from ()
            raise RuntimeError("the roof fell in")

        monkeypatch.setattr("vmtui.mm.fork.do_exit", broken)
        await bench.type("exit sh")
        assert "the roof fell in" in bench.text("narration")

        assert bench.desk.session.digest() == digest


async def test_what_if_and_back():
    """A command at an earlier moment starts a branch; ``R`` goes back to the script."""
    async with lab(FAMILY) as bench:
        await bench.press("n")
        place = bench.now
        await bench.press("u", "u")
        await bench.type("fork child")
        assert bench.desk.session.branch.name == "w1"
        assert "what-if w1" in bench.text("narration")
        await bench.press("escape", "R")

        assert bench.desk.session.branch.name == "main"
        assert bench.now <= place


async def test_choosing_makes_a_subject_and_moving_does_not():
    """The arrows move the row cursor; Enter makes the row the subject, and the panes turn to it."""
    async with lab(FAMILY) as bench:
        subject = bench.subject
        await bench.press("1", "home", "down")
        assert bench.subject == subject
        await bench.press("enter")
        assert bench.subject == "sh.heap"
        assert not bench.desk.follow
        await bench.press("enter")

        assert bench.app.focused.id == "frames"
        assert "heap[3]" in bench.text("frames")


async def test_a_click_chooses():
    """A click on a VMA is Enter on it."""
    async with lab(FAMILY) as bench:
        await bench.click("processes", 6, 3)

        assert bench.subject == "child.heap"


async def test_a_step_is_gone_to():
    """Enter on a row of the walk goes to its step; a click on the timeline to its moment."""
    async with lab(FAMILY) as bench:
        await bench.press("n", "7", "home", "enter")
        first = bench.desk.session.commands[-1].first
        assert bench.now == first + 1
        await bench.click("timeline", 0, 1)

        assert bench.now == 0


async def test_the_subject_is_a_place():
    """Named by place, the subject is the new frame after a copy; pinned, it stays the frame it was."""
    text = "spawn sh\nmmap sh heap 2 pages rw private\nwrite sh.heap\nfork sh c\nsay ready\n"
    async with lab(text) as bench:
        await bench.type("show sh.heap[1]")
        frame = bench.desk.subject_frame
        await bench.type("write sh.heap[1]")
        assert bench.desk.subject_frame != frame
        await bench.press("escape", "u", "p")
        assert bench.desk.subject_frame == frame
        await bench.press("U")

        assert bench.desk.subject_frame == frame


async def test_a_pane_is_maximised_by_its_number():
    """The number focuses, again maximises; Esc brings the others back."""
    async with lab(FAMILY) as bench:
        await bench.press("5", "5")
        assert bench.main.query_one("#struct-page").size.width > 100
        assert not bench.main.query_one("#walk").display
        await bench.press("escape")

        assert bench.main.query_one("#walk").display


async def test_a_small_screen_shows_what_its_number_asks_for():
    """At 80×24 a hidden pane takes the place of a lower one."""
    async with lab(FAMILY, size=(80, 24)) as bench:
        assert not bench.main.query_one("#struct-page").display
        await bench.press("5")

        assert bench.main.query_one("#struct-page").display
        assert bench.main.query_one("#reverse-map").display
        assert "mapcount" in bench.text("struct-page")


@pytest.mark.parametrize("size", [(79, 24), (80, 23), (40, 10), (20, 5)])
async def test_below_the_minimum_it_says_so(size):
    """Below 80×24 there is one sentence, with what is needed and what there is; keys do not crash it."""
    async with lab(FAMILY, size=size) as bench:
        assert f"needs 80×24, have {size[0]}×{size[1]}" in " ".join(bench.text("cover").split())
        await bench.press("n", "comma", "5", "5", "escape")
        await bench.pilot.resize_terminal(80, 24)
        await bench.settle()

        assert not bench.main.query_one("#cover").display
        assert "mapcount" in bench.text("reverse-map")


async def test_ascii():
    """With --ascii every character on every screen is ASCII."""
    async with lab(SCENARIOS[0], ascii=True) as bench:
        for keys in (["n", "n"], ["question_mark"], ["escape", "T"], ["escape", "ctrl+o"], ["escape", "f2"]):
            await bench.press(*keys)
            odd = {character for character in bench.text() if not character.isascii()}
            assert odd == set()


async def test_help_has_every_action_of_the_pane_and_of_vmtui():
    """Help lists every key of the registry but those of overlays."""
    listed = {choice.value.id for choice in help_choices(KEYS, keymap.LIST) if choice.value is not None}

    assert listed == {key.id for key in KEYS if key.context != keymap.OVERLAY}


async def test_a_row_of_help_does_what_it_says():
    """Every action can be reached with the mouse: a click on its row in the help does it."""
    async with lab(FAMILY) as bench:
        start = bench.now
        await bench.press("question_mark")
        assert isinstance(bench.app.screen, Keys)
        await bench.press(*"one", "space", *"step", "space", *"back", "enter")

        assert bench.app.screen is bench.main
        assert bench.now == start - 1


@pytest.mark.parametrize("key", [key for key in KEYS if key.context == keymap.MAIN], ids=lambda key: key.id)
async def test_every_action_is_there(key, monkeypatch):
    """Each action of the registry is one that the app or the main screen can do."""
    from vmtui.tui.app import VmtuiApp
    from vmtui.tui.screens.main import MainScreen

    where, _, name = key.action.partition("(")[0].rpartition(".")

    assert hasattr(VmtuiApp if where == "app" else MainScreen, f"action_{name}")


async def test_the_palette_has_every_action():
    """Each key of the main screen is a line of the palette."""
    from vmtui.tui.palette import Actions

    async with lab(FAMILY) as bench:
        titles = {title for title, _, _ in Actions(bench.main)._entries()}

        assert {key.help for key in KEYS if key.context in (keymap.MAIN, keymap.APP)} <= titles


async def test_find():
    """``/`` finds a place, a name, and pages by a predicate."""
    async with lab(FAMILY) as bench:
        await bench.press("slash", *"child", "enter")
        assert bench.subject.startswith("child")
        await bench.press("slash")
        bench.app.screen.query_one("#filter").value = "mapcount > 1"
        await bench.settle()
        assert "3 pages" in bench.text("choices")
        await bench.press("enter")

        assert bench.subject == "sh.heap[0]"


async def test_marks_and_go_to():
    """``m`` marks a moment, ``'`` lists the marks, ``T`` takes a number for a step."""
    async with lab(FAMILY) as bench:
        await bench.press("m")
        place = bench.now
        await bench.press("less_than_sign", "apostrophe", "enter")
        assert bench.now == place
        await bench.press("T", "3", "enter")

        assert bench.now == 3


async def test_explain():
    """``i`` explains the row under the cursor, with the kernel's name for it."""
    async with lab(FAMILY) as bench:
        await bench.press("5", "home", "i")

        assert "page->" in bench.text("choices") or "struct page" in bench.text("choices")


@pytest.mark.parametrize("columns", [80, 100, 120])
async def test_nothing_of_an_explanation_is_cut(columns):
    """Every paragraph is wrapped, on the narrowest screen too: what is set and read where, to its end."""
    async with lab(FAMILY, size=(columns, 30)) as bench:
        for key, field in (("5", "page.flags"), ("5", "page.count"), ("1", "mm")):
            await bench.press(key, "home")
            pane = bench.app.focused
            rows = [n for n in range(len(pane.pane.rows)) if pane.row_at(n).explain == field]
            if not rows:
                continue
            pane.cursor = rows[0]
            await bench.press("i")
            told = " ".join(bench.text("choices").split())
            found = explain(field)
            for text in (found.kernel, found.text, found.where):
                assert text in told
            await bench.press("escape")


async def test_the_first_run_begins_with_the_first_scenario():
    """With no session yet, the app opens the first scenario, paused on its first card."""
    from vmtui.tui.app import VmtuiApp
    from vmtui.tui.opening import opening

    app = VmtuiApp(opening())
    async with app.run_test(size=(120, 40)) as pilot:
        bench = Lab(app, pilot)
        await bench.settle()
        assert "One process, four pages." in bench.text("narration")
        assert not bench.main.playback.playing
        await bench.press("n")

    again = VmtuiApp(opening())
    async with again.run_test(size=(120, 40)) as pilot:
        bench = Lab(again, pilot)
        await bench.settle()
        assert isinstance(again.screen, Picker)

        assert "Resume" in bench.text("choices")


async def test_resume():
    """A session is resumed at the same branch, command and subject, and its script goes on."""
    async with lab(SCENARIOS[0], keep=True) as bench:
        await bench.press("n", "n", "u")
        await bench.type("write sh.heap[2]")
        state = bench.desk.session.digest(), bench.desk.session.branch.name, bench.subject
        assert state[1] == "w1"

    async with lab(resume=True) as bench:
        assert (bench.desk.session.digest(), bench.desk.session.branch.name, bench.subject) == state
        await bench.press("R", "n")

        assert bench.desk.session.branch.name == "main"


async def test_playing():
    """Playing shows steps by itself and stops at a time key."""
    async with lab(FAMILY) as bench:
        await bench.press("b", "b")
        start = bench.now
        for _ in range(5):
            bench.main.action_faster()
        bench.main.action_toggle_play()
        for _ in range(200):
            await bench.pilot.pause(0.02)
            if bench.now > start + 2:
                break
        assert bench.now > start + 2
        await bench.press("comma")

        assert not bench.main.playback.playing


async def test_a_long_command_can_be_cancelled():
    """Esc in the middle of a long command leaves the machine as before it."""
    text = "machine ram=512M bulk=1000000\nspawn a\nmmap a h 40000 pages rw private\nsay ready\n"
    async with lab(text) as bench:
        digest = bench.desk.session.digest()
        bench.main.run_line("write a.h")
        assert bench.main.job is not None
        await bench.pilot.pause(0.2)
        await bench.press("escape")
        assert "cancelled" in bench.text("narration")

        assert bench.desk.session.digest() == digest


async def test_names_are_never_markup():
    """A label that looks like markup is shown as it is, everywhere."""
    async with lab() as bench:
        await bench.type('spawn "[red]a[/]"; mmap "[red]a[/]" "[@click=app.quit]h[/]" 2 pages rw private')
        await bench.type('write "[red]a[/]"."[@click=app.quit]h[/]"')

        assert "[red]a[/]" in bench.text("processes")
        assert "[red]a[/]" in bench.text()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_help_lists_all_words(size):
    """``help`` alone shows how each command and each word of the prompt is used; none is cut."""
    async with lab(FAMILY, size=size) as bench:
        await bench.type("frobnicate")
        assert "help lists all" in " ".join(bench.text("narration").split())
        await bench.type("help")
        rows = [row.text for row in bench.app.screen.query_one("#choices").pane.rows]
        told = " ".join(" ".join(rows).split())
        for usage, meaning in words():
            assert f"{usage} {meaning}" in told
        assert max(map(len, rows)) <= size[0] * 86 // 100 - 6
        await bench.press("escape")

        assert bench.app.screen is bench.main
