"""The timeline, worked by hand: a command is chosen, unfolded, folded."""

import pytest

from vmtui.tui.lab import Lab, lab

FAMILY = """\
title A family
spawn sh
mmap sh heap 4 pages rw private
write sh.heap
fork sh child
say ready
walk sh.heap[1]
"""


def cell_of(bench: Lab, cursor: int) -> int:
    """The first cell of the track that leads to a step."""
    return bench.main.query_one("#timeline").track.moments[1].index(cursor)


async def test_a_command_chosen_again_shows_its_steps():
    """A click goes to just after the command, a second shows its steps, a third hides them."""
    async with lab(FAMILY) as bench:
        fork = bench.desk.session.commands[3]
        write = bench.desk.session.commands[2]
        await bench.click("timeline", cell_of(bench, write.last), 1)
        assert bench.now == write.last
        folded = bench.text("timeline")
        await bench.click("timeline", cell_of(bench, fork.last), 1)
        await bench.click("timeline", cell_of(bench, fork.last), 1)
        assert bench.desk.unfolded == fork.number
        assert bench.now == fork.last
        await bench.click("timeline", cell_of(bench, fork.first + 2), 1)
        assert bench.now == fork.first + 2
        await bench.click("timeline", cell_of(bench, fork.last), 1)
        assert (bench.now, bench.desk.unfolded) == (fork.last, fork.number)
        await bench.click("timeline", cell_of(bench, fork.last), 1)
        assert bench.desk.unfolded is None
        await bench.click("timeline", cell_of(bench, write.last), 1)

        assert bench.text("timeline") == folded


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
async def test_enter_chooses_the_command_now_stands_in(size):
    """Enter goes to its end, again unfolds, again folds; on the smallest screen too."""
    async with lab(FAMILY, size=size) as bench:
        await bench.press("n", "8", "comma")
        walk = bench.desk.session.commands[-1]
        await bench.press("enter")
        assert (bench.now, bench.desk.unfolded) == (walk.last, None)
        await bench.press("enter")
        assert bench.desk.unfolded == walk.number
        assert "○✓" in bench.text("timeline")
        await bench.press("comma", "enter")
        assert (bench.now, bench.desk.unfolded) == (walk.last, walk.number)
        await bench.press("enter")

        assert bench.desk.unfolded is None
        assert "○✓" not in bench.text("timeline")


async def test_nothing_has_run_so_nothing_is_unfolded():
    """At the machine just built Enter on the timeline does nothing."""
    async with lab() as bench:
        await bench.press("escape", "8", "enter")

        assert bench.desk.unfolded is None
        assert bench.now == 0
