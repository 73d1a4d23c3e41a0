"""Text in cells."""

import pytest

from vmtui.view.model import Span, line
from vmtui.view.text import cut, fit, pad, size, spans_width, width


def test_width_counts_cells():
    """A wide character takes two cells, a combining one none, everything else one."""
    assert width("heap[3] ━✓") == 10
    assert width("日本") == 4
    assert width("e\u0301") == 1


@pytest.mark.parametrize("cells", range(8))
def test_cut_never_exceeds(cells):
    """What is cut fits, whatever it is made of, and says that it was cut."""
    for text in ("abcdef", "日本語", "a日b"):
        assert width(cut(text, cells)) <= cells
        assert width(pad(text, cells)) == cells
    assert cut("abcdef", 4) == "abc…"


@pytest.mark.parametrize("cells", range(12))
def test_fit_keeps_roles(cells):
    """Spans that are cut fit, keep their roles, and end in an ellipsis."""
    spans = line(("abc", "page"), ("日本", "vma"), ("xyz", "mm"))
    fitted = fit(spans, cells)

    assert spans_width(fitted) <= cells
    assert all(span.role in ("page", "vma", "mm") for span in fitted)
    assert cells in (0, 10, 11) or fitted[-1].text.endswith("…")


def test_fit_leaves_what_fits():
    """Spans that fit are the same spans."""
    spans = (Span("abc"), Span("def", "dim"))

    assert fit(spans, 6) is spans


def test_sizes_are_short():
    """Sizes have one unit and at most two digits that matter."""
    assert [size(n) for n in (0, 12, 1023, 1024, 12024, 64 << 20, 32 << 30)] == [
        "0 B", "12 B", "1023 B", "1 K", "12 K", "64 M", "32 G",
    ]  # fmt: skip
