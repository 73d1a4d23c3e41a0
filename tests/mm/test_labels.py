"""Names of address ranges."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vmtui.mm.labels import Label, Labels
from vmtui.state.history import History

ACTS = st.sampled_from(["add", "remove", "replace", "undo", "redo"])
RANGES = st.tuples(st.integers(0, 20), st.integers(1, 6))


def covering(labels: Labels, address: int) -> Label | None:
    """The latest of those that cover an address, found by looking at each."""
    found = [label for label in labels if label.start <= address < label.end]
    return found[-1] if found else None


@given(st.lists(st.tuples(ACTS, RANGES, st.integers(0, 5), st.integers(0, 24)), max_size=40))
def test_the_latest_name_is_found(acts: list[tuple[str, tuple[int, int], int, int]]) -> None:
    """Whatever was asked before, and however the labels became what they are: undone and redone too."""
    history = History()
    labels = Labels(history)
    marks = [history.mark]
    for number, (act, (start, length), which, address) in enumerate(acts):
        label = Label(f"l{number}", start, start + length)
        there = list(labels)
        if act == "add" or not there:
            labels.add(label)
        elif act == "remove":
            labels.remove(there[which % len(there)])
        elif act == "replace":
            labels.replace(there[which % len(there)], label)
        else:
            history.seek(marks[0] if act == "undo" else history.end)
        assert covering(labels, address) is labels.at(address)
        assert [covering(labels, each) for each in range(27)] == [labels.at(each) for each in range(27)]


def test_a_name_is_found() -> None:
    """By name, or None."""
    labels = Labels(History())
    labels.add(heap := Label("heap", 0, 4))

    assert heap is labels.called("heap")
    assert labels.called("stack") is None
