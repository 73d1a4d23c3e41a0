"""struct page under each scheme: its kernel's fields, the live member, and where that leads."""

from __future__ import annotations

import pytest

from tests.view.drawings import ANON, FILE, story
from vmtui.mm.rmap import SCHEMES
from vmtui.session import Session
from vmtui.view import panes
from vmtui.view.model import Pane
from vmtui.view.subject import Subject

NAMES = ("flags", "count", "mapcount", "mapping", "union", "index", "private", "lru")


def text(pane: Pane) -> tuple[str, ...]:
    """Its rows."""
    return tuple(row.text.rstrip() for row in pane.rows)


@pytest.mark.parametrize(
    ("scheme", "fields"),
    [
        ("virtual_scan", "flags count mapping index lru"),
        ("pte_chain", "flags count mapping union index lru"),
        ("objrmap", "flags count mapping union index lru"),
        ("anon_vma_rfc", "flags count mapcount union index private lru"),
        ("anonmm", "flags count mapcount union index private lru"),
        ("anon_vma", "flags count mapcount union index private lru"),
    ],
)
def test_the_fields_of_its_kernel(scheme: str, fields: str) -> None:
    """Only what that kernel's struct page has is shown."""
    rows = text(panes.struct_page(story(scheme), ANON, 60))

    assert fields.split() == [row.split()[0] for row in rows if row.split()[0] in NAMES]


@pytest.mark.parametrize(
    ("scheme", "subject", "union"),
    [
        ("virtual_scan", ANON, ("mapping  NULL", "no cache ⇒ none; who maps it is not said")),
        ("virtual_scan", FILE, ("mapping  i_mmap of libc", "libc ⇒ mapping; who maps it is not said")),
        (
            "pte_chain",
            ANON,
            (
                "mapping  NULL",
                "union { direct ▸chain }",
                "         node 2 · 3 of 7 slots",
                "PG_direct 0 ⇒ chain",
            ),
        ),
        (
            "objrmap",
            FILE,
            ("mapping  libc", "union { direct chain ▸mapcount }", "         2", "PG_anon 0 ⇒ mapcount"),
        ),
        (
            "anonmm",
            ANON,
            ("union { mapping ▸anonmm }", "         anonmm 1 · sh", "PG_anon 1 ⇒ anonmm"),
        ),
        ("anon_vma", ANON, ("union { mapping ▸anon_vma }", "         anon_vma 1", "PG_anon 1 ⇒ anon_vma")),
        ("anon_vma_rfc", FILE, ("union { ▸mapping vma anon_vma }", "         i_mmap of libc")),
    ],
)
def test_the_union(scheme: str, subject: Subject, union: tuple[str, ...]) -> None:
    """All members, the live one marked; what it leads to; and which flags say so."""
    rows = text(panes.struct_page(story(scheme), subject, 60))
    start = next(n for n, row in enumerate(rows) if row.startswith(("mapping", "union")))

    assert union == rows[start : start + len(union)]


def test_a_direct_pointer_names_whose_it_is() -> None:
    """Of a page mapped once under rmap, the PTE and the process."""
    session = Session(rmap="pte_chain")
    for line in ("spawn sh", "mmap sh heap 2 pages rw private", "write sh.heap"):
        session.do(line)
    pane = panes.struct_page(session, Subject.of(None, "sh.heap[1]"), 60)
    declared, told = (row for row in pane.rows if row.ref is not None)

    assert declared.ref == told.ref
    assert told.ref is not None
    assert ("union { ▸direct chain }", "pte") == (declared.text, told.ref[0])
    assert told.text.endswith(" · sh.heap[1]")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_changed_is_told(scheme: str) -> None:
    """At the step that copies a PTE, what struct page led to stands beside what it leads to now."""
    session = story(scheme)
    forked = next(done for done in session.commands if done.text == "fork sh child")
    seen = set()
    for cursor in range(forked.first + 1, forked.last + 1):
        session.seek(cursor)
        seen |= {
            row.explain
            for row in panes.struct_page(session, Subject.of(None, "sh.heap[1]"), 60).rows
            if " → " in row.text
        }

    assert "page.count" in seen or "page.mapcount" in seen


@pytest.mark.parametrize("scheme", ["virtual_scan", "pte_chain", "objrmap"])
def test_the_slot_is_in_index(scheme: str) -> None:
    """Before 2.6.6 a page in the swap cache has swapper_space for its mapping and its slot for an index."""
    session = story(scheme, "swapout child.heap[1]")
    cached = int(session.machine.swap.cached.all[1:].max())
    rows = text(panes.struct_page(session, Subject("page", cached), 60))

    assert "swapper_space" in "".join(rows)
    assert next(row for row in rows if row.startswith("index")).startswith("index    slot ")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_page_table_names_its_mm(scheme: str) -> None:
    """The way back from a PTE: a page table's struct page has the mm as its mapping."""
    session = story(scheme)
    table = int(session.machine.tables()[-1])
    pane = panes.struct_page(session, Subject("page", table), 60)

    assert any(row.ref is not None and row.ref[0] == "mm" for row in pane.rows)
