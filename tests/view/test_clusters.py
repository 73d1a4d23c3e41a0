"""Panes of a machine with page clustering: what stands for a cluster, and what for a frame."""

from __future__ import annotations

import pytest

from vmtui.session import Session
from vmtui.view import panes
from vmtui.view.explain import explain
from vmtui.view.find import find_pages
from vmtui.view.glyphs import char
from vmtui.view.header import header
from vmtui.view.subject import Subject, page_of


@pytest.fixture
def session() -> Session:
    """A process with 20 pages written, in clusters of 8, and a child."""
    session = Session(cluster=8, ram="8M", swap="1M")
    for line in ("spawn a", "mmap a h 20 pages rw private", "write a.h", "fork a b"):
        session.do(line)
    return session


def test_a_place_leads_to_its_cluster(session: Session) -> None:
    """Every page of a cluster, and every frame of it, is the same struct page."""
    places = [page_of(session, Subject.of(None, f"a.h[{number}]")) for number in (0, 7, 8)]
    assert [8, 8, 16] == places
    assert {16} == {page_of(session, Subject("page", pfn)) for pfn in range(16, 24)}


def test_frames_of_a_cluster_look_alike(session: Session) -> None:
    """In the grid all frames of a cluster have its sign, and the subject is all of them."""
    pane = panes.frames(session, Subject.of(None, "a.h[9]"), 9 + 6 * 9)
    cells = [span for span in pane.rows[0].spans[2:] if span.text.strip()]

    assert "clusters of 8" in pane.note
    glyphs = "".join(span.text for span in cells)
    assert char("kernel") + char("zero") + char("kernel") * 6 + char("anon_2") * 24 == glyphs[:32]
    assert 8 == sum(len(span.text) for span in cells if span.role == "subject")
    far = panes.frames(session, None, 64, 64).rows[0].text
    assert "█" not in far
    assert "▄" in far


def test_struct_page_says_which_frames(session: Session) -> None:
    """A row of its own says how far the cluster goes; a page table has none."""
    pane = panes.struct_page(session, Subject.of(None, "a.h[3]"))
    (row,) = (row for row in pane.rows if row.explain == "cluster")

    assert "cluster  8 frames, to 0xf" == row.text
    assert explain("cluster") is not None
    table = int(session.machine.tables()[-1])
    assert not [
        row for row in panes.struct_page(session, Subject("page", table)).rows if row.explain == "cluster"
    ]


def test_pages_of_a_vma_name_frames(session: Session) -> None:
    """The list of a VMA's pages tells each page's frame, and leads to the struct page of its cluster."""
    rows = panes.pages(session, Subject.of(None, "a.h[0]")).rows[:10]

    assert [f"frame {8 + number:#x}" in rows[number].text for number in range(10)] == [True] * 10
    assert [("page", 8)] * 8 + [("page", 16)] * 2 == [row.ref for row in rows]


def test_find_counts_clusters(session: Session) -> None:
    """A search finds each struct page once."""
    assert 3 == find_pages(session, "anon").total
    assert 1 == find_pages(session, "mapcount == 8").total


def test_header_says_so(session: Session) -> None:
    """The header tells the size of a cluster where there is room."""
    assert "clusters of 8" in header(session, 160).text
    assert "cluster" not in header(Session(), 160).text


def test_a_picture_leads_to_a_pte_that_maps(session: Session) -> None:
    """Of a cluster of which a process maps a part, the picture shows a PTE that does."""
    for rmap, chain in (("anon_vma_rfc", "pte"), ("pte_chain", "cluster"), ("pte_chain", "pte")):
        other = Session(rmap=rmap, chain=chain, cluster=8, ram="8M")
        for line in ("spawn a", "mmap a h 8 pages rw private", "write a.h", "fork a b", "munmap b.h[0:5]"):
            other.do(line)
        picture = other.machine.scheme.picture(other.machine.page(8))
        ptes = [node.ref for node in picture.nodes if node.kind == "pte"]
        mapped = set(other.machine.scheme.mappings(other.machine.page(8)))

        assert {ref[1] for ref in ptes if ref is not None} <= mapped
        assert picture.total == {"cluster": 2, "pte": 11 if rmap == "pte_chain" else 2}[chain]
