"""Pane 3 under each scheme: which objects hold lists, and what hangs on them."""

from __future__ import annotations

import pytest

from tests.view.drawings import ANON, FILE, story
from vmtui.mm.rmap import SCHEMES
from vmtui.mm.step import Ref
from vmtui.session import Session
from vmtui.view import panes
from vmtui.view.header import header
from vmtui.view.lists import beads
from vmtui.view.model import Pane
from vmtui.view.subject import Subject, page_of
from vmtui.view.text import size


def text(pane: Pane) -> tuple[str, ...]:
    """Its rows."""
    return tuple(row.text.rstrip() for row in pane.rows)


@pytest.mark.parametrize(
    ("scheme", "title", "note", "rows"),
    [
        (
            "virtual_scan",
            "mmlist · i_mmap",
            "1 list · 0 B",
            ("mmlist       4 ●─●─●─●", "libc         3 ●─● ┆ ●"),
        ),
        (
            "pte_chain",
            "pte_chains",
            "8 pages · 256 B",
            ("heap[0]  1 ···●●●●", "heap[1]  1 ····●●●"),
        ),
        ("anon_vma_rfc", "anon_vma lists", "1 list · rmap 96 B", ("anon_vma 1   4 ●─●─●─●",)),
        ("anonmm", "anonmm bundles", "rmap 144 B", ("anonmm 1     4 ●─●─●─●",)),
        ("anon_vma", "anon_vma lists", "rmap 152 B", ("anon_vma 1   4 ●─●─●─●",)),
    ],
)
def test_lists_of_a_scheme(scheme: str, title: str, note: str, rows: tuple[str, ...]) -> None:
    """The objects of its kernel, those of anonymous pages first, each with what hangs on it."""
    pane = panes.lists(story(scheme), ANON)

    assert (title, note) == (pane.title, pane.note)
    assert rows == text(pane)[: len(rows)]


def test_a_wide_pane_says_all() -> None:
    """With room, the whole place of a page, and what kinds there are."""
    pane = panes.lists(story("pte_chain"), ANON, 60)

    assert ("pte_chains · i_mmap", "8 pages · 1 file · 256 B") == (pane.title, pane.note)
    assert "twin.heap[0]         1 ···●●●●" == text(pane)[0]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_bytes_are_those_of_the_top_line(scheme: str) -> None:
    """The pane names the bytes of the lists and, where these are more, those that the top line tells."""
    session = story(scheme)
    whole = size(session.machine.scheme.reverse_map_bytes())
    held = size(sum(kind.nbytes for kind in session.machine.scheme.lists()))
    assert f"rmap {whole}" in header(session, 160).text
    for width in (22, 30, 60):
        note = panes.lists(session, ANON, width).note

        assert note.endswith(f"rmap {whole}" if held != whole else held)
        assert len(note) <= width - 4
    assert (f"{held} of rmap {whole}" in note) == (held != whole)


def test_with_slabs_the_lists_take_frames() -> None:
    """What the ledger charges for slabs is told as such: it is no part of the bytes in the top line."""
    session = Session(rmap="anon_vma_rfc", slab=True)
    for line in ("spawn p", "mmap p a 2 pages rw private", "write p.a", "fork p q"):
        session.do(line)

    assert "1 list · 4 K in slabs" == panes.lists(session, None, 60).note


def test_two_lists_of_a_file() -> None:
    """A file's private VMAs stand before its shared ones, a border between; the VMA chosen stands out."""
    session = story("objrmap")
    child = session.machine.find_task("child")
    assert child.mm is not None
    rest = child.mm.vmas[len(child.mm.vmas) - 1].id
    pane = panes.lists(session, Subject("vma", rest), 60)

    assert "libc                 3 ●─● ┆ ●" == text(pane)[-1]
    assert ("●", "accent") == (pane.rows[-1].spans[-1].text, pane.rows[-1].spans[-1].role)


def test_a_place_is_left_for_an_mm_that_is_gone() -> None:
    """An anonmm outlives its process while pages point at it."""
    assert "anonmm 1     4 ·─●─●─●" == text(panes.lists(story("anonmm", "exit sh"), None))[0]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_object_a_page_points_at_stands_out(scheme: str) -> None:
    """The row of what the subject's page leads to is lit and in view; where nothing is led to, none is."""
    session = story(scheme)
    for subject in (ANON, FILE):
        page = session.machine.page(page_of(session, subject))
        target = session.machine.scheme.live_target(page)[0]
        pane = panes.lists(session, subject)
        lit = [n for n, row in enumerate(pane.rows) if row.spans[0].role == "accent"]
        leads = [ref for ref in (target, ("page", page.pfn)) if ref is not None]
        wanted = [n for n, row in enumerate(pane.rows) if row.ref in leads]
        assert wanted == lit
        assert pane.focus == (wanted[0] if wanted else None)


def pages_at(session: Session, ref: Ref) -> list[int]:
    """The mapped frames whose struct page points at an object."""
    machine = session.machine
    mapped = [pfn for pfn in range(2, machine.frames_total) if machine.mem_map.mapcount[pfn]]
    return [pfn for pfn in mapped if machine.scheme.live_target(machine.page(pfn))[0] == ref]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_object_leads_to_its_first_page(scheme: str) -> None:
    """Choosing an object shows a page that is found through it; an anon_vma may have none yet."""
    session = story(scheme)
    for row in panes.lists(session, None).rows:
        if row.ref is None:
            continue
        pfn = page_of(session, Subject(*row.ref))
        if row.ref[0] == "anon_vma" and not pages_at(session, row.ref):
            assert not pfn
            continue
        assert pfn, row.text
        drawn = panes.diagram(session, Subject(*row.ref), 100, 22)
        assert "frame" in drawn.title or "[" in drawn.title


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_empty_machine_has_none(scheme: str) -> None:
    """With no process there is no list, and the pane says so."""
    assert "none yet" == text(panes.lists(Session(rmap=scheme), None))[0][:8]


@pytest.mark.parametrize(
    ("groups", "length", "room", "drawn"),
    [
        ([(("vma", 1),)], 1, 7, "●"),
        ([(("vma", n),) for n in range(9)], 9, 7, "●─●─●─…"),
        ([(None, None, ("pte", 1)), (("pte", 2), ("pte", 3), ("pte", 4))], 2, 7, "··●─●●●"),
        ([(None, None, ("pte", 1)), (("pte", 2), ("pte", 3), ("pte", 4))], 2, 6, "◐─●"),
        ([(None,) * 30 + (("pte", 1),)], 1, 7, "◐"),
        ([(("pte", n),) * 31 for n in range(40)], 40, 7, "●─●─●─…"),
        ([], 0, 7, ""),
    ],
)
def test_beads(groups: list[tuple[object, ...]], length: int, room: int, drawn: str) -> None:
    """A node is drawn slot by slot where all fit, else as one bead, full or not."""
    assert drawn == "".join(span.text for span in beads(groups, length, set(), room))  # type: ignore[arg-type]
