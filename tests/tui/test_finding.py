"""What ``/`` finds, by what is typed."""

from __future__ import annotations

import pytest

from vmtui.session import Session
from vmtui.tui.desk import Desk
from vmtui.tui.finding import EXAMPLES, HINT, finder
from vmtui.tui.lab import lab
from vmtui.tui.screens.chooser import text_of
from vmtui.view.subject import Subject

FAMILY = (
    "spawn sh; mmap sh heap 4 pages rw private; mmap sh shm 2 pages rw shared; write sh.heap[0:3]; "
    "write sh.shm; fork sh child; swapout sh.heap[1]; evict sh.heap[2]; evict sh.shm[0]"
)


@pytest.fixture(scope="module")
def desk() -> Desk:
    """Two processes; one page is on swap with its frame, one without, and one of shared memory."""
    session = Session()
    for line in FAMILY.split("; "):
        session.do(line)
    return Desk(session)


def found(desk: Desk, typed: str) -> list[str]:
    """What is listed."""
    return [text_of(choice.row) for choice in finder(desk)(typed)]


def subjects(desk: Desk, typed: str) -> list[object]:
    """What can be chosen."""
    return [choice.value for choice in finder(desk)(typed) if choice.value is not None]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("sh.heap[0]", "sh.heap[0] · frame 0x"),
        ("sh.heap[1]", "sh.heap[1] · frame 0x"),
        ("sh.heap[2]", "sh.heap[2]: swapped, slot 2"),
        ("sh.heap[3]", "sh.heap[3]: never touched"),
        ("sh.shm[0]", "sh.shm[0]: swapped, slot 3"),
    ],
)
def test_a_place_is_found_wherever_its_page_is(desk: Desk, typed: str, said: str) -> None:
    """In memory it says the frame, on swap the slot, of shared memory too; the place becomes the subject."""
    assert [text.startswith(said) for text in found(desk, typed)] == [True]

    assert subjects(desk, typed) == [Subject("page", 0, typed)]


def test_a_range_lists_its_pages(desk: Desk) -> None:
    """Each page of the range is a row, touched or not."""
    assert subjects(desk, "sh.heap[0:4]") == [Subject("page", 0, f"sh.heap[{n}]") for n in range(4)]


@pytest.mark.parametrize(
    ("typed", "said", "chosen"),
    [
        ("sh.heap[2].swapped", "sh.heap[2].swapped is true", [Subject("page", 0, "sh.heap[2]")]),
        ("sh.heap[2].slot + 1", "sh.heap[2].slot + 1 is 3", [Subject("page", 0, "sh.heap[2]")]),
        ("sh.rss == 1", "sh.rss == 1 is false", [Subject("mm", 1)]),
        ("sh.heap.perms", "sh.heap.perms is rw-p", [Subject("vma", 1)]),
        ("swap.used", "swap.used is 3", []),
        ("count(sh.heap.swapped)", "count(sh.heap.swapped) is 2", []),
        ("anon_vmas", "anon_vmas is 1", []),
    ],
)
def test_an_expression_has_its_value(desk: Desk, typed: str, said: str, chosen: list[Subject]) -> None:
    """Whatever expect, let and say read, find reads too; what it is read of can be chosen."""
    assert found(desk, typed)[0] == said

    if chosen:
        assert subjects(desk, typed) == chosen


def test_an_observable_of_a_range_lists_the_pages_that_have_it(desk: Desk) -> None:
    """``sh.heap.swapped`` is those pages of the heap, no others."""
    assert subjects(desk, "sh.heap.swapped") == [Subject("page", 0, f"sh.heap[{n}]") for n in (1, 2)]


def test_a_word_is_a_predicate(desk: Desk) -> None:
    """``swapped`` alone lists what is on swap in every process, with its slot."""
    texts = found(desk, "swapped")

    assert texts[0] == "6 pages of processes"
    assert "sh.shm[0]" in texts[3]
    assert "slot 3" in texts[3]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("swaped", "nothing has that name: did you mean swapped?"),
        ("sh.heap[9]", "sh.heap has 4 pages"),
        ("sh.haep[1]", "did you mean sh.heap?"),
        ("sh.heap[1].swaped", "did you mean swapped?"),
        ("mapcount >", "expected"),
        ("rss > 1", "a page has no rss"),
    ],
)
def test_what_is_not_found_is_told_why(desk: Desk, typed: str, said: str) -> None:
    """A slip gets the word that was meant; nothing typed in vain is met by silence."""
    assert said in found(desk, typed)[0]


def test_a_name_is_found_though_it_is_no_expression(desk: Desk) -> None:
    """A fragment of a name lists what has it, and a name with a blank needs no quotes."""
    assert subjects(desk, "chi")[0] == Subject("mm", 2)
    assert subjects(desk, "sh heap") == [Subject("vma", 1)]


def test_every_example_finds_something(desk: Desk) -> None:
    """What the prompt and the list of examples show can be typed as it stands."""
    typed = [text for text, _ in EXAMPLES] + [text for text in HINT.split(" · ") if " of " not in text]
    for text in typed:
        # The last page was never touched, and says so; all else can be chosen.
        assert subjects(desk, text), text


@pytest.mark.parametrize("columns", [80, 120, 160])
async def test_examples_stand_in_the_prompt_and_where_nothing_is_found(columns: int) -> None:
    """The prompt shows a predicate before a key is pressed, and nothing of it or of the examples is cut."""
    async with lab(FAMILY, size=(columns, 24)) as bench:
        await bench.press("slash")
        assert HINT in bench.text("filter")
        await bench.press(*"zzz")

        shown = bench.text("choices")
        assert "nothing has that name" in shown
        for text, meaning in EXAMPLES:
            assert text in shown
            assert meaning in shown


async def test_a_swapped_page_becomes_the_subject() -> None:
    """Enter goes to the place; the diagram says the slot."""
    async with lab(FAMILY) as bench:
        for _ in range(12):
            await bench.press("n")
        await bench.press("slash")
        bench.app.screen.query_one("#filter").value = "sh.heap[2].swapped"
        await bench.settle()
        await bench.press("enter")

        assert bench.subject == "sh.heap[2]"
        assert "swapped, slot 2" in bench.text("reverse-map")
