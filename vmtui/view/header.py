"""The top line: the scheme, the rules, what is full and what the reverse map takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from vmtui.mm.page import PAGE_SIZE
from vmtui.view.glyphs import char
from vmtui.view.model import Row, Span, line
from vmtui.view.subject import Subject
from vmtui.view.text import fit, size, spans_width

if TYPE_CHECKING:
    from vmtui.session import Session

#: Cells of a bar.
BAR: Final = 10
#: The part that is full from which a bar warns.
_NEARLY: Final = 0.9

#: The least needed level at which bars are drawn.
_BARS: Final = 6


@attrs.frozen
class _Part:
    """A part of the line.

    Attributes:
        need: 0 is always there; the higher, the sooner it goes.
        spans: Its text.
        long: The same where there is plenty of room.
    """

    need: int
    spans: tuple[Span, ...]
    long: tuple[Span, ...] = ()


def header(session: Session, width: int, subject: Subject | None = None, *, follow: bool = True) -> Row:
    """One line of exactly `width` cells; what has no room is left out whole, the least needed first."""
    machine = session.machine
    options, scheme, ledger = machine.options, machine.scheme, machine.ledger
    used = machine.frames_total - sum(zone.free for zone in machine.zones)
    swap, slots = machine.swap.used(), machine.swap.slots
    memory = ("mem", used / machine.frames_total, f"{size(used * PAGE_SIZE)} / {size(options.ram)}")
    slot = PAGE_SIZE * machine.cluster
    area = ("swap", swap / slots if slots else 0.0, f"{size(swap * slot)} / {size(slots * slot)}")
    clusters = f" · clusters of {machine.cluster}" if machine.cluster > 1 else ""
    pinned = subject is not None and subject.pinned
    parts = [
        _Part(0, line((" vmtui ", "brand"))),
        _Part(0, line((scheme.title, "accent"))),
        _Part(4, line((f"{options.rules} · {options.arch}{clusters}", "dim"))),
        _Part(7, line((scheme.period, "dim"))),
        _Part(1, _gauge(*memory, bar=False), _gauge(*memory)),
        _Part(3, _lowmem(ledger.lowmem_free, ledger.lowmem_total, unlimited=options.lowmem == "count")),
        _Part(1, _gauge(*area, bar=False), _gauge(*area)),
        _Part(2, line(("rmap ", "dim"), (size(scheme.reverse_map_bytes()), "new"))),
        _Part(1 if pinned else 5, _pointing(pinned, follow)),
    ]
    return Row(_laid_out(parts, width), explain="header")


def _laid_out(parts: list[_Part], width: int) -> tuple[Span, ...]:
    for level in range(7, -1, -1):
        chosen = [
            part.long if part.long and level >= _BARS else part.spans for part in parts if part.need <= level
        ]
        gaps = len(chosen) - 1
        room = width - sum(map(spans_width, chosen)) - 1
        if room >= 2 * gaps:
            break
    gap = " " * max(1, min(3, room // max(1, gaps)))
    text: tuple[Span, ...] = ()
    for number, part in enumerate(chosen):
        text += part if number == 0 else (Span(gap), *part)
    text = fit(text, width)
    return line(*text, " " * (width - spans_width(text)))


def _gauge(name: str, full: float, said: str, *, bar: bool = True) -> tuple[Span, ...]:
    if not bar:
        return line((f"{name} ", "dim"), (said, "bar_low" if full > _NEARLY else "text"))
    cells = min(BAR, max(1 if full > 0 else 0, round(full * BAR)))
    return line(
        (f"{name} ", "dim"),
        (char("bar") * cells, "bar_low" if full > _NEARLY else "bar"),
        (char("bar_rest") * (BAR - cells), "bar_rest"),
        f" {said}",
    )


def _lowmem(free: int, total: int, *, unlimited: bool) -> tuple[Span, ...]:
    if unlimited:
        return line(("low ", "dim"), ("unlimited", "warn"))
    role = "warn" if free < total * (1 - _NEARLY) else "text"
    return line(("low ", "dim"), (size(max(0, free)), role), (" free", "dim"))


def _pointing(pinned: bool, follow: bool) -> tuple[Span, ...]:
    if pinned:
        return line((f"{char('pinned')} pinned", "accent"))
    return line((f"{char('follow')} follow", "dim")) if follow else line((f"{char('pinned')} still", "dim"))
