"""Explanations."""

import pytest

from tests.view.drawings import ANON, story
from vmtui.mm.page import PAGE_FLAGS
from vmtui.mm.rmap import SCHEMES
from vmtui.mm.rmap.scheme import scheme_class
from vmtui.mm.work import WORK
from vmtui.session import Session
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


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_row_and_box_is_explained(scheme):
    """Under every scheme, at every step of a story, all that can be pointed at has an entry."""
    session = story(scheme, "swapout baby.heap[1]", "walk twin.text[2] full", "exit sh", "read baby.heap[1]")
    entries = session.machine.scheme.explanations
    subjects = (ANON, Subject.of(None, "sh.text[2]"), Subject.of(("page", 0x3FFF)))
    missing = set()
    for cursor in range(0, len(session.steps) + 1, 3):
        session.seek(cursor)
        for subject in subjects:
            shown = [box.explain for box in panes.diagram(session, subject, 64, 14).boxes]
            for pane in (
                panes.processes(session, subject),
                panes.lists(session, subject),
                panes.struct_page(session, subject),
                panes.source(session, 12),
                panes.walk(session, subject),
                panes.pages(session, subject),
            ):
                shown += [row.explain for row in pane.rows[:20] if row.ref or row.explain]
            missing |= {key for key in shown if explain(key, entries) is None}

    assert missing == set()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_a_scheme_says_is_complete(scheme):
    """Each entry of a scheme is whole, names a version, and no other kernel's struct page is told of."""
    found = scheme_class(scheme).explanations
    for key, (title, kernel, text, where) in found.items():
        assert title, key
        assert "2." in kernel or "6.18" in kernel, key
        assert where.endswith("."), key
        assert (text[-1], text.count(". ")) == (".", 1), key
    assert {f"page.{member}" for member in scheme_class(scheme).union_members} <= set(found)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_kind_of_the_ledger_is_explained(scheme):
    """Whatever low memory is charged for has an entry."""
    kinds = Session(rmap=scheme).machine.ledger.by_kind()

    assert [kind for kind in kinds if explain(f"ledger.{kind}") is None] == []


@pytest.mark.parametrize("name", WORK)
def test_every_counter_is_explained(name):
    """Whatever the fast path is counted in has an entry."""
    assert explain(f"work.{name}").kernel


def test_a_scheme_goes_before_what_all_have():
    """What struct page is, is told for the kernel at hand; what no scheme speaks of, as everywhere."""
    entries = scheme_class("anon_vma").explanations

    assert "32 bytes" in explain("page", entries).text
    assert explain("page.count", entries) == explain("page.count")
    assert explain("glyph.arrow", entries).kernel == explain("page", entries).kernel


def test_an_unknown_key_has_no_entry():
    """What is not in the table is not made up."""
    assert explain("nothing") is None
    assert explain("glyph.nothing") is None
