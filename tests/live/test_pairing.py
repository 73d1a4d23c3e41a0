"""Two machines' anon_vmas, of which neither knows the other's names: paired, compared and told in words."""

import attrs
import pytest

from vmtui.live.compare import compare
from vmtui.live.compare_topology import describe_anon_vma, describe_links
from vmtui.live.observe_simulated import SimulatedObserver
from vmtui.live.observed import TOPOLOGY, AnonVmaSeen
from vmtui.live.pairing import Pairing
from vmtui.session import Session

FAMILY = (
    *("spawn a", "mmap a h 2 pages rw private", "write a.h", "fork a b", "write b.h[0]", "fork b c"),
    "mprotect a.h[1] r",
)
ADDRESS = 0xFFFF888100000000


def looks(*lines):
    """What a machine of today says after each command."""
    session = Session(rmap="anon_vma_chain")
    observer = SimulatedObserver(session, topology=True)
    for line in lines:
        session.do(line)
        yield observer.observe(None)


def look(*lines):
    """What it says after the last of them."""
    return list(looks(*lines))[-1]


def elsewhere(seen, places=None):
    """The same state of another machine: its anon_vmas have addresses; `places` gives them to some."""

    def at(number):
        return (places or {}).get(number, ADDRESS + 96 * number) if number else 0

    def vma(each):
        return attrs.evolve(each, anon_vma=at(each.anon_vma), chain=tuple(map(at, each.chain)))

    def page(each):
        return each if each.mapping is None else attrs.evolve(each, mapping=at(each.mapping))

    processes = {
        name: attrs.evolve(
            process,
            vmas=tuple(map(vma, process.vmas)),
            pages={address: page(each) for address, each in process.pages.items()},
        )
        for name, process in seen.processes.items()
    }
    anon_vmas = {
        at(number): attrs.evolve(each, root=at(each.root), parent=at(each.parent))
        for number, each in seen.anon_vmas.items()
    }
    return attrs.evolve(seen, processes=processes, anon_vmas=anon_vmas)


def with_vma(seen, task, index, **change):
    """The state with one VMA changed."""
    process = seen.processes[task]
    vmas = list(process.vmas)
    vmas[index] = attrs.evolve(vmas[index], **change)
    changed = attrs.evolve(process, vmas=tuple(vmas))
    return attrs.evolve(seen, processes={**seen.processes, task: changed})


def with_page(seen, task, number, **change):
    """The state with one page changed."""
    process = seen.processes[task]
    address = sorted(process.pages)[number]
    changed = attrs.evolve(
        process, pages={**process.pages, address: attrs.evolve(process.pages[address], **change)}
    )
    return attrs.evolve(seen, processes={**seen.processes, task: changed})


def name(where):
    """``a:0x200000000000``."""
    return f"{where[0]}:{where[1]:#x}"


def differences(simulated, live, pairing=None):
    """What differs, once they are paired: fields, and the words of both sides."""
    live = (pairing or Pairing()).translate(simulated, live)
    return [(each.field, each.simulated, each.live) for each in compare(simulated, live, name)]


def test_the_same_at_other_addresses_is_the_same():
    """After every command of a family's life, from its first page to the last exit."""
    pairing = Pairing()
    later = ("exit b", "fork c d", "fork c e", "exit a", "write d.h", "munmap c.h", "exit d", "exit e")

    for seen in looks(*FAMILY, *later):
        assert [] == differences(seen, elsewhere(seen), pairing)


def test_what_is_compared_is_there():
    """All ten fields, with the numbers that a kernel gave for a child's child: own, parent's, root's."""
    seen = look(*FAMILY)
    a, b, c = (seen.processes[task].vmas[0] for task in "abc")

    assert TOPOLOGY.keys() <= seen.fields
    assert [(1, (1,)), (2, (2, 1)), (3, (3, 2, 1))] == [(vma.anon_vma, vma.chain) for vma in (a, b, c)]
    assert {a.start >> 12} == {vma.pgoff for vma in (a, b, c)}
    assert {
        1: AnonVmaSeen(1, 1, 2, 2, 3),
        2: AnonVmaSeen(1, 1, 1, 1, 1),
        3: AnonVmaSeen(1, 2, 0, 1, 1),
    } == seen.anon_vmas
    pages = seen.processes["c"].pages
    assert [2, 1] == [pages[address].mapping for address in sorted(pages)]
    assert [a.start >> 12, (a.start >> 12) + 1] == [pages[address].index for address in sorted(pages)]


def test_addresses_of_the_kernel_are_told_nowhere():
    """They are translated, and one without a partner gets a number below 0."""
    simulated = look(*FAMILY)
    live = with_vma(elsewhere(simulated), "c", 0, chain=(ADDRESS, ADDRESS + 96))
    told = Pairing().translate(simulated, live)

    assert (-1, 1) == told.processes["c"].vmas[0].chain
    assert {1, 2, 3} == set(told.anon_vmas)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"pgoff": 7}, ("pgoff", "vm_pgoff 0x200000000", "vm_pgoff 0x7")),
        ({"anon_vma": 0}, ("anon_vma", "anon_vma 3", "no anon_vma")),
        ({"anon_vma": ADDRESS + 96}, ("anon_vma", "anon_vma 3", "anon_vma 1")),
        (
            {"chain": (ADDRESS + 3 * 96, ADDRESS + 96, ADDRESS + 2 * 96)},
            ("chain", "chain 3, 2, 1", "chain 3, 1, 2"),
        ),
        ({"chain": (ADDRESS + 3 * 96, ADDRESS + 96)}, ("chain", "chain 3, 2, 1", "chain 3, 1")),
        ({"chain": (ADDRESS + 3 * 96, 5, ADDRESS + 96)}, ("chain", "chain 3, 2, 1", "chain 3, another, 1")),
        ({"chain": ()}, ("chain", "chain 3, 2, 1", "no chain")),
    ],
)
def test_a_vma_that_is_tied_otherwise(change, expected):
    """Its vm_pgoff, its own anon_vma, and each place of its chain."""
    simulated = look(*FAMILY)
    found = differences(simulated, with_vma(elsewhere(simulated), "c", 0, **change))

    assert expected in found


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"root": ADDRESS + 2 * 96}, ("root", "root anon_vma 1", "root anon_vma 2")),
        ({"parent": ADDRESS + 96}, ("parent", "parent anon_vma 2", "parent anon_vma 1")),
        ({"parent": 5}, ("parent", "parent anon_vma 2", "parent an anon_vma that the simulator has not")),
        ({"num_children": 1}, ("num_children", "num_children 0", "num_children 1")),
        ({"num_active_vmas": 4}, ("num_active_vmas", "num_active_vmas 1", "num_active_vmas 4")),
        ({"refcount": 2}, ("refcount", "refcount 1", "refcount 2")),
    ],
)
def test_an_anon_vma_that_is_otherwise(change, expected):
    """Each member by itself."""
    simulated = look(*FAMILY)
    live = elsewhere(simulated)
    third = ADDRESS + 3 * 96
    live = attrs.evolve(
        live, anon_vmas={**live.anon_vmas, third: attrs.evolve(live.anon_vmas[third], **change)}
    )

    assert [expected] == differences(simulated, live)


def test_a_page_that_points_elsewhere():
    """At another anon_vma than the simulator's page, or at another place in it."""
    simulated = look(*FAMILY)
    live = elsewhere(simulated)

    assert [("mapping", "mapping anon_vma 1", "mapping anon_vma 2")] == differences(
        simulated, with_page(live, "b", 1, mapping=ADDRESS + 2 * 96)
    )
    assert [("index", "index 0x200000001", "index 0x9")] == differences(
        simulated, with_page(live, "b", 1, index=9)
    )
    assert [] == differences(simulated, with_page(live, "b", 1, mapping=None, index=None))


def test_two_that_are_one_on_the_other_side():
    """Which VMAs share an anon_vma is seen though no names are the same."""
    lines = ("spawn a", "mmap a h 1 pages rw private", "write a.h", "fork a b", "fork a c")
    simulated = look(*lines)
    shared = elsewhere(simulated, {3: ADDRESS + 2 * 96})

    assert ("anon_vma", "anon_vma 3", "anon_vma 2") in differences(simulated, shared)


def test_one_that_was_another_before_is_noticed():
    """Both sides keep their anon_vma, or neither does: a swap of two that lives on is a difference."""
    before, after = list(looks(*FAMILY, "read a.h[0]"))[-2:]
    pairing = Pairing()
    assert [] == differences(before, elsewhere(before), pairing)

    swapped = {2: ADDRESS + 3 * 96, 3: ADDRESS + 2 * 96}
    assert [] == differences(after, elsewhere(after, swapped))
    assert ("anon_vma", "anon_vma 2", "anon_vma 3") in differences(after, elsewhere(after, swapped), pairing)


def test_an_address_may_be_another_s_once_its_owner_has_gone():
    """A freed anon_vma's place is given out again, often at once: that is no difference."""
    last = ("exec a", "exit b", "exit c", "mmap a g 1 pages rw private", "write a.g")
    seen = list(looks(*FAMILY, *last))
    before, after = seen[len(FAMILY) - 1], seen[-1]
    pairing = Pairing()
    assert [] == differences(before, elsewhere(before), pairing)
    assert {1, 2, 3} == set(before.anon_vmas)
    assert {4} == set(after.anon_vmas)

    assert [] == differences(after, elsewhere(after, {4: ADDRESS + 96}), pairing)


def test_vmas_that_differ_are_not_asked_for_their_chains():
    """That they differ is said already."""
    simulated = look(*FAMILY)
    live = with_vma(elsewhere(simulated), "c", 0, perms="r--p", chain=(5,))

    assert {"vmas"} == {field for field, *_ in differences(simulated, live)}


def test_neighbours_are_told_one_by_one():
    """A page's difference may go on over its neighbours; a VMA's is its own, and so is an anon_vma's."""
    simulated = look(*FAMILY)
    live = with_vma(with_vma(elsewhere(simulated), "a", 0, anon_vma=0), "a", 1, anon_vma=0)
    live = attrs.evolve(
        live, anon_vmas={at: attrs.evolve(each, refcount=9) for at, each in live.anon_vmas.items()}
    )
    found = compare(simulated, Pairing().translate(simulated, live), name)

    assert ["a:0x200000000000", "a:0x200000001000"] == [
        each.subject for each in found if each.field == "anon_vma"
    ]
    refcounts = [each for each in found if each.field == "refcount"]
    assert [("anon_vma 1", 1), ("anon_vma 2", 2), ("anon_vma 3", 3)] == [
        (each.subject, each.anon_vma) for each in refcounts
    ]
    assert "anon_vma 1: refcount 3 in the simulator, refcount 9 on this kernel" == refcounts[0].sentence


def test_both_states_in_a_line():
    """All that a side says of a VMA or of an anon_vma."""
    seen = look(*FAMILY)

    start = seen.processes["c"].vmas[0].start
    assert "vm_pgoff 0x200000000, anon_vma 3, chain 3, 2, 1" == describe_links(seen, "c", start)
    assert "no VMA there" == describe_links(seen, "c", 0) == describe_links(seen, "z", start)
    words = "root anon_vma 1, parent anon_vma 2, num_children 0, num_active_vmas 1, refcount 1"
    assert words == describe_anon_vma(seen, 3)
    assert "in no chain" == describe_anon_vma(seen, 9)
