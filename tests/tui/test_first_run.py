"""The first run: what is not needed yet is dim."""

from itertools import pairwise

from textual.geometry import Region

from vmtui.tui.arrangement import PANES
from vmtui.tui.first_run import lit
from vmtui.tui.lab import Lab, lab
from vmtui.tui.paint import palette_of

LATER = {"lists", "source", "walk", "frames"}


def inks(bench: Lab, pane: str) -> set[str]:
    """The colours of what a pane says, without its frame."""
    widget = bench.main.query_one(f"#{pane}")
    lines = widget.render_lines(Region(1, 1, widget.size.width, widget.size.height))
    return {str(s.style.color.name) for strip in lines for s in strip if s.text.strip() and s.style}


def dim_panes(bench: Lab) -> set[str]:
    """The panes that are painted dim."""
    widgets = {pane: bench.main.query_one(f"#{pane}") for pane in PANES}
    return {pane for pane, widget in widgets.items() if widget.palette is not palette_of(widget)}


def test_what_lights_a_pane():
    """Lists from the fork on, walk and source from the first walk, the frames last; none goes out."""
    happened = []
    seen = [lit(happened)]
    for word in ("walk", "fork", "walk", "write", "swapout"):
        happened.append(word)
        seen.append(lit(happened))

    assert [LATER - panes for panes in seen] == [
        LATER,
        {"lists", "frames"},
        {"frames"},
        {"frames"},
        set(),
        set(),
    ]
    assert all(before <= after for before, after in pairwise(seen))


async def test_the_first_run_lights_pane_after_pane():
    """Beat by beat; a step back does not put a pane out."""
    async with lab(None) as bench:
        assert dim_panes(bench) == LATER
        await bench.press("n")
        assert dim_panes(bench) == {"lists", "frames"}
        await bench.press("n", "comma", "comma", "b")
        assert dim_panes(bench) == {"frames"}
        await bench.press("n", "n", "n", "n")

        assert dim_panes(bench) == set()


async def test_dim_is_one_colour():
    """A dim pane has no colour but that of dim text; a lit one has more."""
    async with lab(None) as bench:
        dim = palette_of(bench.main).style("dim").color.name

        assert [inks(bench, pane) for pane in sorted(LATER)] == [{dim}] * len(LATER)
        assert len(inks(bench, "struct-page")) > 2


async def test_a_dim_pane_with_the_focus_is_lit():
    """Whoever goes to a pane sees it as it is."""
    async with lab(None) as bench:
        await bench.press("4")
        assert "frames" not in dim_panes(bench)
        await bench.press("2")

        assert "frames" in dim_panes(bench)


async def test_only_the_first_run():
    """With a session behind one, or a scenario asked for, everything is lit."""
    async with lab(None, keep=True) as bench:
        assert dim_panes(bench) == LATER
        await bench.type(f"open {bench.desk.script.path}")
        assert dim_panes(bench) == set()
    async with lab(None) as bench:
        assert not bench.desk.first_run
        assert bench.desk.lit == set(PANES)
