"""Pane 5: struct page, field by field, with what the last step changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from vmtui.mm.filemap import page_mapping
from vmtui.mm.page import PAGE_FLAGS, ZERO_PFN, PG_active, PG_reserved, PG_swapcache, PG_table
from vmtui.mm.step import Ref
from vmtui.view.glyphs import char
from vmtui.view.model import Pane, Row, Span, line
from vmtui.view.now import before, fields_of
from vmtui.view.subject import Subject, describe, page_of, page_place, ref_name
from vmtui.view.text import pad

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine
    from vmtui.session import Session

#: Cells of a field's name.
NAMES: Final = 9
#: Flags that decide where a page is found.
_TELLING: Final = ("anon", "direct", "swapcache", "locked", "writeback")
Fields = dict[str, int | str]


def struct_page(session: Session, subject: Subject | None, width: int = 33) -> Pane:
    """The struct page of the subject's frame, with the fields that the scheme's kernel has in it.

    Args:
        width: Cells of a row; flags that have no room are counted.
    """
    pfn = page_of(session, subject)
    if subject is None or not pfn:
        said = describe(session, subject) if subject is not None else "no page is chosen"
        return Pane("struct page", (Row(line((said, "dim"))),))
    old = before(session, pfn)
    # Read after the session has been back and forth: the machine may be another one.
    machine = session.machine
    now = fields_of(machine, pfn)
    old = old or now
    ours = machine.scheme.ours
    told = {name: bit for name, bit in PAGE_FLAGS.items() if name not in ours}
    rows = [
        Row(_name("flags") + _flag_spans(_flags(old), _flags(now), told, width), explain="page.flags"),
        _number("count", old, now),
    ]
    if "mapcount" not in ours:
        rows.append(_number("mapcount", old, now))
    if "mapping" not in machine.scheme.union_members:
        rows.append(_mapping(machine, pfn, old, now))
    rows += _union(machine, pfn, old, now, width)
    rows.append(_index(old, now, in_index="private" in ours))
    if "private" not in ours:
        rows.append(_private(old, now))
    rows.append(_lru(old, now))
    if machine.cluster > 1 and not _flags(now) & (PG_table | PG_reserved):
        rows.append(_cluster(machine, pfn))
    place = (subject.place if subject.kind == "page" else "") or page_place(machine, pfn)
    kind = "the zero page" if pfn == ZERO_PFN else "a page table" if _flags(now) & PG_table else place
    return Pane(
        f"struct page {pfn:#x}" + (f" · {kind}" if kind else ""),
        tuple(rows),
        machine.scheme.kernel.partition(" of ")[0],
    )


def _name(name: str) -> tuple[Span, ...]:
    return line((pad(name, NAMES), "dim"))


def _flags(fields: Fields) -> int:
    flags = fields["flags"]
    return flags if isinstance(flags, int) else 0


def _flag_spans(old: int, now: int, told: Mapping[str, int], width: int) -> tuple[Span, ...]:
    """The flags set; those just set with a plus, those just cleared with a minus; these come first."""
    words: list[Span] = []
    for name, bit in sorted(told.items(), key=lambda flag: (not (old ^ now) & flag[1], _rank(flag[0]))):
        if not (old | now) & bit:
            continue
        word = name.upper()
        if not now & bit:
            words.append(Span(f"-{word}", "old"))
        elif not old & bit:
            words.append(Span(f"+{word}", "new"))
        else:
            words.append(Span(word, "page" if name in _TELLING else "text"))
    if not words:
        return line(("none", "dim"))
    room = width - NAMES
    parts: list[Span] = []
    for number, span in enumerate(words):
        left = len(words) - number
        room -= len(span.text) + 1
        if room + 1 < (len(f" …{left - 1}") if left > 1 else 0):
            parts.append(Span(f"…{left}", "dim"))
            break
        parts += [span, Span(" ")] if left > 1 else [span]
    return line(*parts)


def _rank(name: str) -> int:
    """Flags that decide where a page is found come first."""
    return _TELLING.index(name) if name in _TELLING else len(_TELLING)


def changed(old: str, now: str, role: str = "text") -> tuple[Span, ...]:
    """``old → new``, or just the value."""
    if old == now:
        return line((now, role))
    return line((old, "old"), (f" {char('arrow')} ", "dim"), (now, "new"))


def _number(field: str, old: Fields, now: Fields) -> Row:
    return Row(_name(field) + changed(str(old[field]), str(now[field])), explain=f"page.{field}")


def _union(machine: Machine, pfn: int, old: Fields, now: Fields, width: int) -> list[Row]:
    """All members, the live one bright; what it points at; and why it is that one."""
    scheme, live = machine.scheme, str(now["live"])
    target, ref = _pointed(machine, pfn, now)
    spans = changed(_pointed(machine, pfn, old)[0], target, "dim" if ref is None and not live else "accent")
    why = scheme.why(machine.page(pfn))
    why = why.replace(" · ", " ") if len(why) > width else why
    reason = Row(line((why, "dim")), explain="page.union")
    if len(scheme.union_members) == 1:
        return [Row(_name(scheme.union_members[0]) + spans, ref, explain="page.mapping"), reason]
    parts: list[tuple[str, str]] = [("union { ", "dim")]
    for member in scheme.union_members:
        text = f"{char('pointer')}{member}" if member == live else member
        parts += [(text, "accent" if member == live else "dim"), (" ", "dim")]
    parts.append(("}", "dim"))
    key = f"page.{live}" if live else "page.union"
    return [
        Row(line(*parts), ref, explain="page.union"),
        Row(_name("") + spans, ref, explain=key),
        reason,
    ]


def _pointed(machine: Machine, pfn: int, fields: Fields) -> tuple[str, Ref | None]:
    """What the union points at."""
    if _flags(fields) & PG_table and fields["mapping"]:
        mm = ("mm", int(fields["mapping"]))
        return f"mm {mm[1]} · {ref_name(machine, mm)}", mm
    return str(fields["target"]), machine.scheme.live_target(machine.page(pfn))[0]


def _mapping(machine: Machine, pfn: int, old: Fields, now: Fields) -> Row:
    """The cache a page is in, where that is a field by itself."""
    mapping = page_mapping(machine.page(pfn))
    ref: Ref | None = ("address_space", mapping.id) if mapping is not None else None
    spans = changed(str(old["file"]), str(now["file"]), "accent" if ref else "dim")
    return Row(_name("mapping") + spans, ref, explain="page.mapping")


def _index(old: Fields, now: Fields, *, in_index: bool) -> Row:
    """The offset; `in_index`: of a page in the swap cache, the slot."""
    values = tuple(
        f"slot {fields['private']}"
        if in_index and _flags(fields) & PG_swapcache
        else f"{int(fields['index']):#x}"
        for fields in (old, now)
    )
    return Row(_name("index") + changed(*values), explain="page.index")


def _private(old: Fields, now: Fields) -> Row:
    was, slot = (f"slot {fields['private']}" if fields["private"] else "0" for fields in (old, now))
    ref: Ref | None = ("swap", int(now["private"])) if now["private"] else None
    return Row(_name("private") + changed(was, slot, "swap" if ref else "text"), ref, explain="page.private")


def _cluster(machine: Machine, pfn: int) -> Row:
    """The frames that the struct page stands for."""
    last = pfn + machine.cluster - 1
    return Row(_name("cluster") + line(f"{machine.cluster} frames, to {last:#x}"), explain="cluster")


def _lru(old: Fields, now: Fields) -> Row:
    was, where = (
        ("active list" if _flags(fields) & PG_active else "inactive list") if fields["lru"] else "on no list"
        for fields in (old, now)
    )
    return Row(_name("lru") + changed(was, where), explain="page.lru")
