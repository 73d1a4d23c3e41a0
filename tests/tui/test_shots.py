"""The golden pictures: both sides of the breakpoints, the overlays, no colour, ASCII. README shows them."""

from pathlib import Path

import pytest

from vmtui.mm.rmap import SCHEMES
from vmtui.tui.lab import Lab, lab

SCENARIOS = Path(__file__).parents[2] / "scenarios"
RETURN = SCENARIOS / "01-the-return-of-objrmap.scenario"


async def to_the_false_candidate(bench: Lab) -> None:
    """The step at which a walk looks at the child's VMA and finds another frame."""
    for _ in range(5):
        await bench.press("n")
    session = bench.desk.session
    cursor = next(
        at for at in range(len(session.steps), 0, -1) if session.steps[at - 1].step.outcome == "miss_pfn"
    )
    await bench.type(f"seek {cursor}")
    await bench.press("escape")


async def test_first_run(shot):
    """What a person sees who starts vmtui for the first time: what is not needed yet is dim."""
    async with lab(None) as bench:
        shot("first_run", bench.shot("The return of objrmap"))


async def test_the_return_of_objrmap(shot):
    """Figure 2 and the false candidate at 120×40, in one flow."""
    async with lab(RETURN) as bench:
        await bench.press("n", "n")
        shot("figure_2", bench.shot("fork made one anon_vma"))
        await to_the_false_candidate(bench)
        shot("walk_120x40", bench.shot("A false candidate"))


@pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_sizes(shot, size):
    """The same moment on the smallest screen and on a large one."""
    async with lab(RETURN, size=size) as bench:
        await to_the_false_candidate(bench)
        shot(f"walk_{size[0]}x{size[1]}", bench.shot("A false candidate"))


async def test_no_colour(shot, monkeypatch):
    """Under NO_COLOR everything is told by signs, bold, dim and reverse."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with lab(RETURN) as bench:
        await to_the_false_candidate(bench)
        svg = bench.shot("NO_COLOR")

    shot("no_color", svg)


async def test_ascii(shot):
    """With --ascii every glyph has its ASCII twin."""
    async with lab(RETURN, size=(80, 24), ascii=True) as bench:
        await to_the_false_candidate(bench)
        shot("ascii_80x24", bench.shot("--ascii"))


async def test_presenter(shot):
    """A presentation: large narration, the diagram, the source, the timeline, high contrast."""
    async with lab(RETURN) as bench:
        await bench.press("n", "n", "P")
        shot("presenter", bench.shot("A presentation"))


async def test_picker(shot):
    """The scenarios in reading order, by group."""
    async with lab(RETURN) as bench:
        await bench.press("ctrl+o")
        shot("scenarios", bench.shot("Scenarios"))


STORY = """\
machine rmap=anon_vma_rfc cacheline=32
spawn sh
mmap sh heap 4 pages rw private
write sh.heap
file libc 8 pages
mmap sh text 4 pages rx private libc
read sh.text
fork sh child
fork child grand
write child.heap[1]
walk sh.heap[1]
say One page, three processes, one of which copied it.
"""


async def test_each_scheme(shot):
    """The same commands under every reverse map: its picture, its struct page, its lists."""
    async with lab(STORY) as bench:
        await bench.type("show sh.heap[1]")
        await bench.press("escape")
        for number, scheme in enumerate(SCHEMES):
            await bench.press("s", "home", *(["down"] * number), "enter")
            shot(f"picture_{scheme}", bench.shot(bench.desk.session.machine.scheme.title))


async def test_compare(shot):
    """The same commands under every scheme, side by side; and curves against a scenario's param."""
    async with lab(SCENARIOS / "05-fork-the-second-figure.scenario") as bench:
        await bench.press("n", "n", "c")
        shot("compare", bench.shot("Compare"))
        await bench.press("home", "enter")
        shot("plot", bench.shot("Bytes and candidates against the children"))
