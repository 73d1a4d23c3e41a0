"""Finding reads what the language reads, of every page at once."""

from __future__ import annotations

import pytest

from vmtui.player import facts_of
from vmtui.scenario.nodes import ExpressionError
from vmtui.scenario.observables import PAGE_VALUES
from vmtui.scenario.parser import parse_expression
from vmtui.scenario.values import show_value
from vmtui.session import Session
from vmtui.view.find import find_pages
from vmtui.view.page_columns import COLUMNS, OF_A_PLACE

LINES = (
    "file lib 16K",
    "spawn sh",
    "mmap sh heap 6 pages rw private",
    "mmap sh shm 4 pages rw shared",
    "mmap sh text 2 pages r private lib",
    "write sh.heap[0:3]",
    "write sh.heap[5]",
    "read sh.heap[3]",
    "read sh.text",
    "write sh.shm[0:3]",
    "fork sh kid",
    "write kid.heap[1]",
    "mlock kid.heap[1]",
    "swapout sh.heap[2]",
    "evict sh.heap[0]",
    "swapout sh.shm[1]",
)
SIZES = {"heap": 6, "shm": 4, "text": 2}
PLACES = [
    f"{task}.{label}[{page}]" for task in ("sh", "kid") for label in SIZES for page in range(SIZES[label])
]


@pytest.fixture(
    scope="module",
    params=["anon_vma_rfc", "pte_chain", "anon_vma_chain", "anon_vma cluster=4"],
    ids=lambda text: text.split()[0] + ("-clusters" if "cluster" in text else ""),
)
def session(request: pytest.FixtureRequest) -> Session:
    """Two processes with pages of every state, of anonymous and shared memory and of a file."""
    rmap, *more = request.param.split()
    session = Session(rmap=rmap, **dict(option.split("=") for option in more))
    for line in LINES:
        session.attempt(line)
    return session


def read(session: Session, place: str, name: str) -> object:
    """What the language reads of a page."""
    return parse_expression(f"{place}.{name}").evaluate(facts_of(session))


def places(session: Session, predicate: str) -> set[str]:
    """The places that are found."""
    found = find_pages(session, predicate)
    assert found.of_places
    assert found.total == len(found.rows)
    return {row.place for row in found.rows}


@pytest.mark.parametrize("name", sorted(PAGE_VALUES))
def test_find_reads_each_observable_as_the_language_does(session: Session, name: str) -> None:
    """For every observable of a page and each of its values: the places found are those that have it."""
    touched = [place for place in PLACES if read(session, place, "state") is not None]
    assert 6 < len(touched)
    by_value: dict[object, set[str]] = {}
    for place in touched:
        by_value.setdefault(read(session, place, name), set()).add(place)
    for value, expected in by_value.items():
        text = f'"{value}"' if isinstance(value, str) else show_value(value)
        # The second half is true of every page that was touched, and asks for places.
        asked = f"{name} == {text} and state != none"

        assert expected == places(session, asked)
        assert set(touched) - expected == places(session, f"{name} != {text} and state != none")


def test_a_word_alone_is_a_predicate(session: Session) -> None:
    """``swapped`` finds what was swapped out, of anonymous and of shared memory, and says the slot."""
    expected = {place for place in PLACES if read(session, place, "swapped")}
    assert {"sh.heap[2]", "sh.shm[1]"} <= expected

    assert expected == places(session, "swapped")
    for row in find_pages(session, "swapped").rows:
        assert f"slot {read(session, row.place, 'slot')}" in row.text


def test_every_observable_of_a_page_is_a_column() -> None:
    """What `vmtui observables` lists of a page, find knows."""
    assert set(PAGE_VALUES) <= COLUMNS


def test_what_has_no_value_is_found_by_none_alone(session: Session) -> None:
    """A page on swap is neither young nor not young, and has no place in an order."""
    swapped = places(session, "swapped")

    assert swapped.isdisjoint(places(session, "young"))
    assert swapped.isdisjoint(places(session, "not young"))
    assert swapped <= places(session, "young == none")
    assert swapped <= places(session, "young or swapped")
    assert places(session, "slot < 100 and state != none") == places(session, "slot != none")


def test_of_frames_each_is_found_once(session: Session) -> None:
    """What struct page tells is found a frame a row, though several processes map it."""
    assert OF_A_PLACE.isdisjoint({"mapcount", "anon"})
    found = find_pages(session, "mapcount > 1")
    assert not found.of_places

    frames = [row.ref for row in found.rows]
    assert len(frames) == len(set(frames)) > 0


def test_a_page_is_compared_with_another(session: Session) -> None:
    """An observable with its place is one value, the same for all."""
    mapcount = read(session, "kid.heap[1]", "mapcount")
    expected = find_pages(session, f"mapcount == {mapcount}").total

    assert expected == find_pages(session, "mapcount == kid.heap[1].mapcount").total


@pytest.mark.parametrize(
    ("predicate", "said"),
    [
        ("swaped", "did you mean swapped?"),
        ("slot", "true or false of no page"),
        ("slot and anon", "slot is a number, not true or false"),
        ("anon > 0", "anon is true or false, not a number"),
        ('state < "zero"', "state is a text, not a number"),
        ("state + 1 > 2", "state is a text, not a number"),
        ("mapcount / (mapcount - mapcount) > 1", "division by zero"),
        ("sh.heap.young and anon", "is a range"),
    ],
)
def test_what_is_no_predicate_is_told(session: Session, predicate: str, said: str) -> None:
    """The sentence quotes what was typed and says why it is true of no page."""
    with pytest.raises(ExpressionError) as caught:
        find_pages(session, predicate)

    assert said in caught.value.message
