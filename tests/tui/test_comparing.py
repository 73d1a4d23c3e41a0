"""The compare screen: the branch under every scheme, and curves against a scenario's param."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmtui.mm.rmap import SCHEMES
from vmtui.report.compare import compare, done_at_once
from vmtui.report.compare_text import compare_lines
from vmtui.tui.comparison import Over, branch_script, comparison, params_of, swept
from vmtui.tui.lab import lab
from vmtui.tui.screens.compare import Compared, Plotted, room_for

FORKS = Path(__file__).parents[2] / "scenarios" / "05-fork-the-second-figure.scenario"
FAMILY = """\
spawn sh
mmap sh heap 4 pages rw private
write sh.heap
fork sh child
say Shared.
walk sh.heap[0]
"""


async def test_the_branch_under_every_scheme() -> None:
    """``c`` shows what ``vmtui compare`` says of the commands up to now; the session stays as it is."""
    async with lab(FAMILY, size=(120, 90)) as bench:
        await bench.press("n")
        before = bench.desk.session.digest(), bench.now
        await bench.press("c")
        assert isinstance(bench.app.screen, Compared)
        shown = bench.text("choices")
        lines = list(compare_lines(compare(branch_script(bench.desk.session))))
        for line in lines:
            assert line.rstrip().replace("#", "█") in shown

        assert all(scheme in shown for scheme in SCHEMES)
        assert "plot against" not in shown
        await bench.press("escape")
        assert before == (bench.desk.session.digest(), bench.now)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 50)])
async def test_a_comparison_is_read_whole(size: tuple[int, int]) -> None:
    """No line of it is cut, at 80×24 too: every figure of every scheme is there."""
    async with lab(FAMILY, size=size) as bench:
        await bench.press("n", "n", "c")
        assert isinstance(bench.app.screen, Compared)
        choices = bench.app.screen.query_one("#choices")
        lines = list(compare_lines(bench.app.screen.found, room_for(size[0])))
        rows = [choices.row_at(number).text for number in range(len(choices.pane.rows))]
        assert rows == [line.replace("#", "█") for line in lines]
        for number in range(0, len(rows), size[1] // 2):
            choices.cursor = number
            await bench.settle()
            assert "…" not in bench.text("choices")
        first = next(row for row in rows if row.startswith("low memory, bytes"))

        assert "virtual" in first


async def test_walks_have_the_numbers_of_the_timeline() -> None:
    """In the app a walk is counted as its command is on the timeline, and the heading says so."""
    async with lab(FAMILY) as bench:
        await bench.press("n", "n")
        assert "command 5 of 5" in bench.text("timeline")
        await bench.press("c")
        lines = list(compare_lines(bench.app.screen.found))
        at = next(number for number, line in enumerate(lines) if line.startswith("walks by command:"))

        assert any(line.startswith("  5 walk sh.heap[0]") for line in lines[at:])
        assert any("as the timeline of the app counts" in line for line in lines[at:])


async def test_only_what_has_happened() -> None:
    """What was undone is not compared."""
    async with lab(FAMILY) as bench:
        await bench.press("n", "u")
        found = done_at_once(comparison(bench.desk.session))

        assert {4} == {trial.commands for trial in found.trials}
        assert not found.differences


async def test_a_kind_of_the_ledger_is_explained() -> None:
    """Enter on a row of the bytes says what they are; Esc comes back to the comparison."""
    async with lab(FAMILY) as bench:
        await bench.press("c")
        text = bench.text("choices")
        assert "pte_chain" in text
        await bench.press("enter")
        assert "struct mm_struct" in bench.text("choices")
        await bench.press("escape")

        assert isinstance(bench.app.screen, Compared)


async def test_a_refused_command_is_compared_as_refused() -> None:
    """Under a scheme that refuses a command of the branch, its play ends there and says so."""
    text = (
        "machine ram=64M cacheline=128\nspawn a\nmmap a h 14500 pages rw private\nwrite a.h\n"
        + "".join(f"fork a b{n}\n" for n in range(40))
        + "say ready\n"
    )
    async with lab(text) as bench:
        await bench.press("c")

        assert "pte_chain stops after" in "\n".join(compare_lines(bench.app.screen.found))


async def test_an_empty_machine_has_nothing_to_compare() -> None:
    """Before the first command it says so."""
    async with lab() as bench:
        await bench.press("escape", "c")

        assert "nothing to compare yet" in bench.text("narration")


async def test_curves_against_a_param() -> None:
    """A scenario's param is offered; the plot has a curve a scheme and names where one overtakes another."""
    async with lab(FORKS, size=(120, 50)) as bench:
        assert [Over("children", 10)] == params_of(bench.desk.script)
        await bench.press("n", "c")
        assert "plot against children, 1 to 10" in bench.text("choices")
        await bench.press("home", "enter")
        assert isinstance(bench.app.screen, Plotted)
        shown = bench.text("choices")

        assert "reverse-map bytes" in shown
        assert "candidates examined" in shown
        assert "anonmm overtakes anon_vma at children = 2: 108 to 104" in shown
        assert any("\u2800" < character <= "\u28ff" for character in shown)


async def test_curves_in_ascii() -> None:
    """With --ascii the numbers of the schemes are the curves."""
    async with lab(FORKS, ascii=True) as bench:
        await bench.press("n", "c")
        assert all(character.isascii() for character in bench.text())
        await bench.press("home", "enter")

        assert isinstance(bench.app.screen, Plotted)
        assert all(character.isascii() for character in bench.text())


async def test_it_can_be_cancelled() -> None:
    """Esc gives a long comparison up, and the machine is as before."""
    each = "spawn s{0}\nmmap s{0} h 200 pages rw private\nwrite s{0}.h\n"
    text = "".join(each.format(n) for n in range(60)) + "say ready\n"
    async with lab(text) as bench:
        digest = bench.desk.session.digest()
        bench.main.action_compare()
        assert bench.main.job is not None
        await bench.pilot.pause(0.1)
        assert "compare: " in bench.main.job.label
        await bench.press("escape")
        assert "cancelled" in bench.text("narration")

        assert digest == bench.desk.session.digest()
        assert bench.app.screen is bench.main


def test_a_sweep_in_slices_is_a_sweep() -> None:
    """What the app shows is what ``vmtui sweep`` finds."""
    from vmtui.report.sweep import sweep, values_of
    from vmtui.scenario.script import load

    script = load(FORKS)
    found = done_at_once(swept(script, Over("children", 10)))

    assert found == sweep(lambda more: load(FORKS, params=more), "children", values_of(1, 10, 8))
