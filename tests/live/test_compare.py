"""Two observations side by side: every field, with observations made up."""

import attrs
import pytest

from vmtui.live.compare import compare, describe_page, unlike_pages
from vmtui.live.observed import COUNTS, FIELDS, Observed, PageSeen, ProcessSeen, VmaSeen

BASE = 0x200000000000
PAGE = 4096
A0, A1, A2, B0, B1 = ("a", BASE), ("a", BASE + PAGE), ("a", BASE + 2 * PAGE), ("b", BASE), ("b", BASE + PAGE)
COUNTED = {"rss": 8, "pss": 4, "anonymous": 8, "swap": 0, "swap_pss": 0, "private": 0, "shared": 8}


def name(where):
    """``a.h[1]``."""
    return f"{where[0]}.h[{(where[1] - BASE) // PAGE}]"


def page(frame, **more):
    """A page that two processes share."""
    told = {
        "was": frozenset(),
        "mapcount": 2,
        "exclusive": False,
        "anon": True,
        "anon_excl": False,
        "swapcache": False,
    }
    return PageSeen("present", frame=frame, **{**told, **more})


def state(pages_a=None, pages_b=None, *, vmas=None, errno=None, fields=FIELDS):
    """Two processes with three pages each, of which one is swapped; frames and slots by number."""
    a = {BASE: page(1), BASE + PAGE: page(2), BASE + 2 * PAGE: PageSeen("swapped", slot=5, swapcache=True)}
    b = {BASE: page(1), BASE + PAGE: page(2), BASE + 2 * PAGE: PageSeen("swapped", slot=5, swapcache=True)}
    vma = VmaSeen(BASE, BASE + 4 * PAGE, "rw-p", counts=COUNTED)
    processes = {
        "a": ProcessSeen(vmas if vmas is not None else (vma,), {**a, **(pages_a or {})}),
        "b": ProcessSeen((vma,), {**b, **(pages_b or {})}),
    }
    return Observed(processes, frozenset(fields), errno)


def found(simulated, live):
    """The differences as (field, subject, simulated, live)."""
    return [(each.field, each.subject, each.simulated, each.live) for each in compare(simulated, live, name)]


def test_equal_states_do_not_differ():
    """Nothing is found where nothing differs."""
    assert [] == found(state(), state())


def test_frames_and_slots_are_numbers_of_their_own_side():
    """Other numbers are no difference: what shares a frame is."""
    live = state(
        {
            BASE: page(901),
            BASE + PAGE: page(17),
            BASE + 2 * PAGE: PageSeen("swapped", slot=77, swapcache=True),
        },
        {
            BASE: page(901),
            BASE + PAGE: page(17),
            BASE + 2 * PAGE: PageSeen("swapped", slot=77, swapcache=True),
        },
    )

    assert [] == found(state(), live)


def test_errno():
    """Each side's refusal by name, and none where there was none."""
    assert [("errno", "", "ENOMEM", "no error")] == found(state(errno="ENOMEM"), state())
    assert [("errno", "", "EINVAL", "EFAULT")] == found(state(errno="EINVAL"), state(errno="EFAULT"))


def test_processes():
    """Who lives on one side alone."""
    live = state()
    live = attrs.evolve(live, processes={"a": live.processes["a"], "c": ProcessSeen()})

    differences = found(state(), live)
    assert ("processes", "b", "alive", "not alive") in differences
    assert ("processes", "c", "not alive", "alive") in differences


def test_vmas():
    """What only one side has, in the words of /proc/PID/maps; their counts are not compared then."""
    split = (
        VmaSeen(BASE, BASE + PAGE, "rw-p", counts={"rss": 4}),
        VmaSeen(BASE + PAGE, BASE + 4 * PAGE, "r--p", counts={"rss": 4}),
    )

    assert [
        (
            "vmas",
            "a",
            "0x200000000000-0x200000004000 rw-p",
            "0x200000000000-0x200000001000 rw-p, 0x200000001000-0x200000004000 r--p",
        )
    ] == found(state(), state(vmas=split))


@pytest.mark.parametrize(
    "change", [{"perms": "r--p"}, {"file": "data"}, {"offset": PAGE}, {"end": BASE + PAGE}]
)
def test_each_part_of_a_vma_counts(change):
    """Range, permissions, file and offset."""
    vma = attrs.evolve(state().processes["a"].vmas[0], **change)

    assert ["vmas"] == [field for field, *_ in found(state(), state(vmas=(vma,)))]


@pytest.mark.parametrize(
    ("there", "words"),
    [(PageSeen("zero"), "the zero page"), (PageSeen("swapped", slot=9), "swapped")],
)
def test_state(there, words):
    """A page that is in another state differs in that and in nothing else; its sharer lost a partner."""
    differences = found(state(), state({BASE: there}))

    assert ("state", "a.h[0]", "present", words) in differences
    assert {"state", "frame"} == {field for field, *_ in differences}
    assert [("frame", "b.h[0]", "shares its frame with a.h[0]", "shares its frame with nobody")] == [
        each for each in differences if each[0] == "frame"
    ]


def test_a_page_that_only_one_side_has():
    """No page-table entry is a state too; neighbours of which the same is said are one difference."""
    more = {BASE + (3 + at) * PAGE: PageSeen("zero") for at in range(3)}

    assert [("state", "a.h[3] to a.h[5]", "no entry", "the zero page")] == found(state(), state(more))
    assert [("state", "a.h[3] to a.h[5]", "the zero page", "no entry")] == found(state(more), state())


def test_frame():
    """Who shares a frame with whom."""
    live = state({BASE: page(3)}, {BASE + PAGE: page(3)})

    assert (
        "frame",
        "a.h[0]",
        "shares its frame with b.h[0]",
        "shares its frame with b.h[1]",
    ) in found(state(), live)


def test_slot():
    """Who shares a swap slot with whom."""
    apart = {BASE + 2 * PAGE: PageSeen("swapped", slot=6, swapcache=True)}

    assert {
        ("slot", "a.h[2]", "shares its swap slot with b.h[2]", "shares its swap slot with nobody"),
        ("slot", "b.h[2]", "shares its swap slot with a.h[2]", "shares its swap slot with nobody"),
    } == set(found(state(), state(apart)))


def test_was():
    """Whose frame it was one command before: a copy is a new frame."""
    simulated = state({BASE: page(1, was=frozenset({A0, B0}))})

    assert [("was", "a.h[0]", "the frame that a.h[0], b.h[0] had", "a new frame")] == found(
        simulated, state()
    )


def test_was_says_nothing_of_pages_that_differed_before():
    """A page that only one side had one command before cannot have had the frame on both."""
    simulated = state({BASE: page(1, was=frozenset({A0, B0}))})
    live = state({BASE: page(1, was=frozenset({A0}))})

    assert ["was"] == [each.field for each in compare(simulated, live, name)]
    assert ["was"] == [each.field for each in compare(simulated, live, name, frozenset({A0}))]
    assert () == compare(simulated, live, name, frozenset({B0}))
    before = compare(state(), state(None, {BASE: PageSeen("zero"), BASE + PAGE: PageSeen("zero")}), name)
    assert {B0, B1} <= unlike_pages(before)


def test_was_is_not_compared_where_one_side_cannot_say():
    """None is no answer, and so no difference."""
    assert [] == found(state({BASE: page(1, was=frozenset({A0}))}), state({BASE: page(1, was=None)}))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"mapcount": 3}, ("mapcount", "a.h[0]", "mapcount 2", "mapcount 3")),
        ({"exclusive": True}, ("exclusive", "a.h[0]", "not exclusive", "exclusive")),
        ({"anon": False}, ("anon", "a.h[0]", "anonymous", "of a file")),
        ({"anon_excl": True}, ("anon_excl", "a.h[0]", "not AnonExclusive", "AnonExclusive")),
        ({"swapcache": True}, ("swapcache", "a.h[0]", "not in the swap cache", "in the swap cache")),
    ],
)
def test_values_of_a_page(change, expected):
    """Each by itself, in words; unknown on one side, it is not compared."""
    assert [expected] == found(state(), state({BASE: page(1, **change)}))
    assert [] == found(state(), state({BASE: page(1, **dict.fromkeys(change))}))


def test_the_swap_cache_behind_a_swapped_page():
    """A swapped page has a frame waiting, or has none."""
    gone = {BASE + 2 * PAGE: PageSeen("swapped", slot=5, swapcache=False)}

    assert [("swapcache", "a.h[2]", "in the swap cache", "not in the swap cache")] == found(
        state(), state(gone)
    )


@pytest.mark.parametrize("key", sorted(COUNTS))
def test_smaps(key):
    """Each count of each VMA, in kB."""
    vma = VmaSeen(BASE, BASE + 4 * PAGE, "rw-p", counts={**COUNTED, key: 12})
    said = ("smaps", "a.h[0]", f"{COUNTS[key]} {COUNTED[key]} kB", f"{COUNTS[key]} 12 kB")

    assert [said] == found(state(), state(vmas=(vma,)))


@pytest.mark.parametrize("field", list(FIELDS))
def test_a_field_that_one_side_cannot_see_is_not_compared(field):
    """Only what both sides can say can differ."""
    other = (VmaSeen(BASE, BASE + 4 * PAGE, "rw-p", counts={**COUNTED, "rss": 99}),)
    live = state(
        {
            BASE: page(1, was=frozenset({A1}), mapcount=7, exclusive=True, anon=False, anon_excl=True),
            BASE + PAGE: page(2, swapcache=True),
            BASE + 2 * PAGE: PageSeen("swapped", slot=6, swapcache=True),
        },
        {BASE + PAGE: page(8), BASE + 2 * PAGE: PageSeen("zero")},
        vmas=other,
        errno="ENOMEM",
    )
    live = attrs.evolve(live, processes={**live.processes, "c": ProcessSeen()})
    shifted = attrs.evolve(live.processes["b"].vmas[0], perms="r--p")
    live.processes["b"] = attrs.evolve(live.processes["b"], vmas=(shifted,))

    assert field in {each for each, *_ in found(state(), live)}
    blind = attrs.evolve(live, fields=frozenset(FIELDS) - {field})
    assert field not in {each for each, *_ in found(state(), blind)}
    assert {each for each, *_ in found(state(), blind)} == {each for each, *_ in found(state(), live)} - {
        field
    }


def test_a_sentence_says_both():
    """What it is about, what the simulator says, what this kernel says."""
    difference = compare(state(), state({BASE: page(1, mapcount=3)}), name)[0]

    assert "a.h[0]: mapcount 2 in the simulator, mapcount 3 on this kernel" == difference.sentence


def test_a_page_in_a_line():
    """All that one side says of it."""
    told = state({BASE: page(1, was=frozenset({B1}))})

    assert (
        "present, frame shared with b.h[0], the frame that b.h[1] had, mapcount 2, not exclusive, anonymous, "
        "not AnonExclusive, not in the swap cache"
    ) == describe_page(told, A0, name)
    assert "swapped, swap slot shared with b.h[2], in the swap cache" == describe_page(told, A2, name)
    assert "no entry" == describe_page(told, ("z", BASE), name)
