"""
Two observations set side by side: what differs, field by field, in words.

A page that differs in its state is not asked for more: the rest would follow from that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import attrs

from vmtui.live.compare_topology import anon_vma_name, compare_anon_vma, compare_links
from vmtui.live.observed import COUNTS, FIELDS, TOPOLOGY, Observed, PageSeen, ProcessSeen, VmaSeen, Where

__all__ = ["Difference", "compare", "describe_page", "unlike_pages"]

PAGE: Final = 4096

Namer = Callable[[Where], str]

#: Of a page that both sides have in the same state: field, attribute, and how a value reads.
_VALUES: Final[tuple[tuple[str, str, Callable[[Any], str]], ...]] = (
    ("mapcount", "mapcount", lambda value: f"mapcount {value}"),
    ("exclusive", "exclusive", lambda value: "exclusive" if value else "not exclusive"),
    ("anon", "anon", lambda value: "anonymous" if value else "of a file"),
    ("anon_excl", "anon_excl", lambda value: "AnonExclusive" if value else "not AnonExclusive"),
    ("swapcache", "swapcache", lambda value: "in the swap cache" if value else "not in the swap cache"),
    ("mapping", "mapping", lambda value: f"mapping {anon_vma_name(value)}"),
    ("index", "index", lambda value: f"index {value:#x}"),
)
_GROUPS: Final = (
    ("frame", "frame", "shares its frame with {}", "shares its frame with nobody"),
    ("slot", "slot", "shares its swap slot with {}", "shares its swap slot with nobody"),
)

_OF_A_VMA: Final = ("smaps", "pgoff", "anon_vma", "chain")


@attrs.frozen
class Difference:
    """
    One thing that the two sides do not agree on.

    Attributes:
        field: Which of `FIELDS` and `TOPOLOGY`.
        subject: What it is about, as a person names it; "" for the command as a whole.
        process: Whose; "" for none.
        start, end: Addresses; 0 where it is about none.
        simulated, live: What each side says, in words.
        anon_vma: The number of the anon_vma that it is about; 0 for none.
    """

    field: str
    subject: str
    process: str
    start: int
    end: int
    simulated: str
    live: str
    anon_vma: int = 0

    @property
    def sentence(self) -> str:
        """The whole of it."""
        about = f"{self.subject}: " if self.subject else ""
        return f"{about}{self.simulated} in the simulator, {self.live} on this kernel"


def compare(
    simulated: Observed, live: Observed, name: Namer, unlike: frozenset[Where] = frozenset()
) -> tuple[Difference, ...]:
    """
    What differs, in the order of `FIELDS` and `TOPOLOGY`, then by process and address.

    Equal neighbours are one.

    Args:
        name: How a person names a page.

        unlike: The pages that differed one command before: that they had, or had not, a frame then is no
            news now.
    """
    common = simulated.fields & live.fields
    found = [
        difference for difference in _differences(simulated, live, name, unlike) if difference.field in common
    ]
    order = [*FIELDS, *TOPOLOGY]
    found.sort(key=lambda each: (order.index(each.field), each.process, each.start))
    return tuple(_folded(found))


def unlike_pages(differences: Iterable[Difference]) -> frozenset[Where]:
    """The pages of which something was said."""
    return frozenset(
        (each.process, address)
        for each in differences
        if each.field in ("state", "frame", "slot", "was", "swapcache")
        for address in range(each.start, each.end, PAGE)
    )


def _differences(
    simulated: Observed, live: Observed, name: Namer, unlike: frozenset[Where]
) -> Iterator[Difference]:
    if simulated.errno != live.errno:
        said = (simulated.errno or "no error", live.errno or "no error")
        yield Difference("errno", "", "", 0, 0, *said)
    for task in sorted(simulated.processes.keys() ^ live.processes.keys()):
        here = "alive" if task in simulated.processes else "not alive"
        there = "alive" if task in live.processes else "not alive"
        yield Difference("processes", task, task, 0, 0, here, there)
    sharers = {
        attribute: (simulated.sharers(attribute), live.sharers(attribute)) for attribute in ("frame", "slot")
    }
    for task in sorted(simulated.processes.keys() & live.processes.keys()):
        one, other = simulated.processes[task], live.processes[task]
        yield from _vmas(task, one, other)
        for address in sorted(one.pages.keys() | other.pages.keys()):
            where = (task, address)
            yield from _page(where, one.pages.get(address), other.pages.get(address), name, sharers, unlike)
        yield from _smaps(task, one, other, name)
        yield from _links(task, one, other, name)
    for number in sorted(simulated.anon_vmas.keys() & live.anon_vmas.keys()):
        for field, here, there in compare_anon_vma(simulated.anon_vmas[number], live.anon_vmas[number]):
            yield Difference(field, anon_vma_name(number), "", 0, 0, here, there, number)


def _vmas(task: str, one: ProcessSeen, other: ProcessSeen) -> Iterator[Difference]:
    ours = {vma.identity: vma for vma in one.vmas}
    theirs = {vma.identity: vma for vma in other.vmas}
    here = [vma for identity, vma in ours.items() if identity not in theirs]
    there = [vma for identity, vma in theirs.items() if identity not in ours]
    if here or there:
        start = min(vma.start for vma in here + there)
        end = max(vma.end for vma in here + there)
        yield Difference("vmas", task, task, start, end, _list(here), _list(there))


def _list(vmas: list[VmaSeen]) -> str:
    return ", ".join(map(_vma_text, vmas)) or "no VMA there"


def _vma_text(vma: VmaSeen) -> str:
    file = f" {vma.file} + {vma.offset:#x}" if vma.file is not None else ""
    return f"{vma.start:#x}-{vma.end:#x} {vma.perms}{file}"


Sharers = Mapping[str, tuple[dict[Where, frozenset[Where]], dict[Where, frozenset[Where]]]]


def _page(
    where: Where,
    one: PageSeen | None,
    other: PageSeen | None,
    name: Namer,
    sharers: Sharers,
    unlike: frozenset[Where],
) -> Iterator[Difference]:
    def differs(field: str, here: str, there: str) -> Difference:
        return Difference(field, name(where), where[0], where[1], where[1] + PAGE, here, there)

    here, there = _state(one), _state(other)
    if one is None or other is None or here != there:
        yield differs("state", here, there)
        return
    for field, attribute, some, nobody in _GROUPS:
        groups = [each.get(where, frozenset()) - {where} for each in sharers[attribute]]
        if groups[0] != groups[1]:
            texts = [some.format(_names(group, name)) if group else nobody for group in groups]
            yield differs(field, *texts)
    if one.was is not None and other.was is not None and (one.was ^ other.was) - unlike:
        yield differs("was", _was(one.was, name), _was(other.was, name))
    for field, attribute, text in _VALUES:
        values = getattr(one, attribute), getattr(other, attribute)
        if None not in values and values[0] != values[1]:
            yield differs(field, text(values[0]), text(values[1]))


def _state(page: PageSeen | None) -> str:
    if page is None:
        return "no entry"
    return "the zero page" if page.state == "zero" else page.state


def _names(group: frozenset[Where], name: Namer) -> str:
    return ", ".join(name(where) for where in sorted(group))


def _was(group: frozenset[Where], name: Namer) -> str:
    return f"the frame that {_names(group, name)} had" if group else "a new frame"


def _smaps(task: str, one: ProcessSeen, other: ProcessSeen, name: Namer) -> Iterator[Difference]:
    """Counts of the VMAs that both have; where the VMAs differ, that is said already."""
    theirs = {vma.identity: vma for vma in other.vmas}
    for vma in one.vmas:
        there = theirs.get(vma.identity)
        for key, word in COUNTS.items() if there is not None else ():
            assert there is not None
            values = vma.counts.get(key), there.counts.get(key)
            if None not in values and values[0] != values[1]:
                here, away = (f"{word} {value} kB" for value in values)
                yield Difference("smaps", name((task, vma.start)), task, vma.start, vma.end, here, away)


def _links(task: str, one: ProcessSeen, other: ProcessSeen, name: Namer) -> Iterator[Difference]:
    """The anon_vmas of the VMAs that both have."""
    theirs = {vma.identity: vma for vma in other.vmas}
    for vma in one.vmas:
        other_vma = theirs.get(vma.identity)
        for field, here, there in compare_links(vma, other_vma) if other_vma is not None else ():
            yield Difference(field, name((task, vma.start)), task, vma.start, vma.end, here, there)


def _folded(found: list[Difference]) -> Iterator[Difference]:
    """Neighbours of which the same is said, as one."""
    run: Difference | None = None
    for each in found:
        if (
            run is not None
            and each.field == run.field
            and each.field not in _OF_A_VMA
            and not each.anon_vma
            and each.process == run.process
            and each.start == run.end
            and (each.simulated, each.live) == (run.simulated, run.live)
        ):
            first = run.subject.partition(" to ")[0]
            run = attrs.evolve(run, end=each.end, subject=f"{first} to {each.subject}")
            continue
        if run is not None:
            yield run
        run = each
    if run is not None:
        yield run


def describe_page(observed: Observed, where: Where, name: Namer) -> str:
    """All that one side says of a page, in a line."""
    page = observed.page(where)
    if page is None:
        return "no entry"
    words = [_state(page)]
    for attribute, field in (("frame", "frame"), ("slot", "swap slot")):
        group = observed.sharers(attribute).get(where)
        if group is not None and len(group) > 1:
            words.append(f"{field} shared with {_names(group - {where}, name)}")
    if page.was is not None:
        words.append(_was(page.was, name))
    for _, attribute, text in _VALUES:
        value = getattr(page, attribute)
        if value is not None:
            words.append(text(value))
    return ", ".join(words)
