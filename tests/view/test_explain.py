"""Explanations."""

import pytest

from vmtui.mm.page import PAGE_FLAGS
from vmtui.view import panes
from vmtui.view.explain import ENTRIES, explain
from vmtui.view.glyphs import GLYPHS
from vmtui.view.subject import Subject


@pytest.mark.parametrize("key", ENTRIES)
def test_an_entry_is_complete(key):
    """An entry has a title, the kernel's name with a version, two sentences, and where it is set and read."""
    entry = ENTRIES[key]

    assert entry.title
    assert entry.kernel
    assert entry.where.endswith(".")
    assert (entry.text[-1], entry.text.count(". ")) == (".", 1)


@pytest.mark.parametrize("name", GLYPHS)
def test_every_glyph_is_explained(name):
    """Every sign of the table leads to an entry."""
    assert explain(f"glyph.{name}") is not None


@pytest.mark.parametrize("flag", PAGE_FLAGS)
def test_every_flag_is_explained(flag):
    """Every flag struct page can show has its entry."""
    assert explain(f"flag.{flag}") is not None


def test_every_row_and_box_is_explained(cow):
    """At every step of a story, all that the panes show and can be pointed at has an entry."""
    subject = Subject.of(None, "sh.heap[1]")
    missing = set()
    for cursor in range(len(cow.steps) + 1):
        cow.seek(cursor)
        drawn = panes.diagram(cow, subject, 64, 14)
        shown = [box.explain for box in drawn.boxes]
        for pane in (
            panes.processes(cow, subject),
            panes.lists(cow, subject),
            panes.struct_page(cow, subject),
            panes.source(cow, 12),
            panes.walk(cow, subject),
            panes.pages(cow, subject),
        ):
            shown += [row.explain for row in pane.rows[:20] if row.ref or row.explain]
        missing |= {key for key in shown if explain(key) is None}

    assert missing == set()


def test_an_unknown_key_has_no_entry():
    """What is not in the table is not made up."""
    assert explain("nothing") is None
    assert explain("glyph.nothing") is None
