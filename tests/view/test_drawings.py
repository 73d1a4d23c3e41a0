"""Each scheme's picture, as it is drawn."""

from __future__ import annotations

import pytest

from tests.view.drawings import ANON, FILE, FOLDER, drawings, story
from vmtui.mm.rmap import SCHEMES
from vmtui.view import panes
from vmtui.view.text import spans_width

SIZES = [(1, 1), (30, 8), (57, 16), (64, 14), (78, 9), (100, 22), (240, 60)]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_picture_is_as_it_was(scheme: str) -> None:
    """Alone, shared, orphaned, walked and of a file, in a small, a large and a low pane."""
    golden = (FOLDER / f"{scheme}.txt").read_text(encoding="utf-8")

    assert golden == drawings(scheme)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_picture_fills_its_pane(scheme: str, size: tuple[int, int]) -> None:
    """At every step of a walk, of an anonymous page or a file's, no cell is too many and none too few."""
    for subject, line in ((ANON, "swapout baby.heap[1]"), (FILE, "walk twin.text[2] full")):
        session = story(scheme, line)
        done = session.commands[-1]
        for cursor in range(done.first, done.last + 1):
            session.seek(cursor)
            drawn = panes.diagram(session, subject, *size)
            assert (len(drawn.rows), {spans_width(row.spans) for row in drawn.rows}) == (size[1], {size[0]})


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_is_cut_in_a_large_pane(scheme: str) -> None:
    """At 100×22 every word of every picture is there."""
    session = story(scheme)
    for subject in (ANON, FILE):
        drawn = panes.diagram(session, subject, 100, 22)
        assert "…" not in "".join(row.text for row in drawn.rows)


def test_what_does_not_cover_the_page_is_dim() -> None:
    """A VMA of the file that maps another part of it is drawn dim before any walk; the others are not."""
    drawn = panes.diagram(story("objrmap"), FILE, 100, 22)
    spans = [span for row in drawn.rows for span in row.spans]
    names = ("sh", "twin", "child")
    roles = {name: {span.role for span in spans if f"{name} " in span.text} for name in names}

    assert {"sh": {"vma", "mm"}, "twin": {"vma", "mm"}, "child": {"dim"}} == roles
