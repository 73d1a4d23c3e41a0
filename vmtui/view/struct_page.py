"""Pane 5: struct page, field by field, with what the last step changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vmtui.mm.page import PAGE_FLAGS, ZERO_PFN, PG_active, PG_table
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
NAMES: Final = 10
Fields = dict[str, int | str]


def struct_page(session: Session, subject: Subject | None) -> Pane:
    """The struct page of the subject's frame."""
    pfn = page_of(session, subject)
    if subject is None or not pfn:
        said = describe(session, subject) if subject is not None else "no page is chosen"
        return Pane("struct page", (Row(line((said, "dim"))),))
    machine = session.machine
    old = before(session, pfn)
    # The session may have moved there and back: what is read is read now.
    machine = session.machine
    now = fields_of(machine, pfn)
    old = old or now
    place = (subject.place if subject.kind == "page" else "") or page_place(machine, pfn)
    kind = "the zero page" if pfn == ZERO_PFN else "a page table" if _flags(now) & PG_table else ""
    rows = [
        Row(
            line(
                pad("page", NAMES),
                (place or f"frame {pfn:#x}", "page"),
                (f"  frame {pfn:#x}" if place else "", "dim"),
            )
            + line((f"  {kind}" if kind else "", "table")),
            ("page", pfn),
            place=place,
            subject=True,
            explain="page",
        ),
        Row(_name("flags") + _flag_spans(_flags(old), _flags(now)), explain="page.flags"),
        _number(machine, "count", old, now),
        _number(machine, "mapcount", old, now),
        *_union(machine, pfn, old, now),
        _index(machine, old, now),
        _private(old, now),
        _lru(old, now),
    ]
    return Pane(f"struct page · {place or f'frame {pfn:#x}'}", tuple(rows), machine.scheme.kernel)


def _name(name: str) -> tuple[Span, ...]:
    return line((pad(name, NAMES), "dim"))


def _flags(fields: Fields) -> int:
    flags = fields["flags"]
    return flags if isinstance(flags, int) else 0


def _flag_spans(old: int, now: int) -> tuple[Span, ...]:
    """The flags set; those just set with a plus, those just cleared with a minus."""
    parts: list[Span] = []
    for name, bit in PAGE_FLAGS.items():
        if not (old | now) & bit:
            continue
        if parts:
            parts.append(Span(" "))
        word = name.upper()
        if not now & bit:
            parts.append(Span(f"-{word}", "old"))
        elif not old & bit:
            parts.append(Span(f"+{word}", "new"))
        else:
            parts.append(Span(word, "page" if name in ("anon", "direct", "swapcache") else "text"))
    return line(*parts) if parts else line(("none", "dim"))


def changed(old: str, now: str, role: str = "text") -> tuple[Span, ...]:
    """``old → new``, or just the value."""
    if old == now:
        return line((now, role))
    return line((old, "old"), (f" {char('arrow')} ", "dim"), (now, "new"))


def _number(machine: Machine, field: str, old: Fields, now: Fields) -> Row:
    return Row(_name(field) + changed(str(old[field]), str(now[field])), explain=f"page.{field}")


def _union(machine: Machine, pfn: int, old: Fields, now: Fields) -> list[Row]:
    """All members, the live one bright; what it points at; and why it is that one."""
    scheme, live, was = machine.scheme, str(now["live"]), str(old["live"])
    parts: list[tuple[str, str]] = [("{ ", "dim")]
    for member in scheme.union_members:
        text = f"{char('pointer')}{member}" if member == live else f" {member}"
        parts.append((f"{text} ", "accent" if member == live else "dim"))
    parts.append(("}", "dim"))
    target, ref = _pointed(machine, live, now)
    before_it, _ = _pointed(machine, was, old)
    return [
        Row(_name("union") + line(*parts), ref, explain="page.union"),
        Row(
            _name("") + changed(before_it, target, "dim" if ref is None else "accent"),
            ref,
            explain="page.union",
        ),
        Row(_name("") + line((scheme.why(machine.page(pfn)), "dim")), explain="page.union"),
    ]


def _pointed(machine: Machine, live: str, fields: Fields) -> tuple[str, Ref | None]:
    """What the union points at."""
    mapping = int(fields["mapping"])
    if _flags(fields) & PG_table and mapping:
        return f"mm {mapping} · {ref_name(machine, ('mm', mapping))}", ("mm", mapping)
    if not live or not mapping:
        return "NULL", None
    if live == "vma":
        name = ref_name(machine, ("vma", mapping))
        return (f"vma {mapping} · {name}" if name != f"VMA {mapping}" else f"vma {mapping}, freed"), (
            "vma",
            mapping,
        )
    return f"{live} {mapping}", (live, mapping)


def _index(machine: Machine, old: Fields, now: Fields) -> Row:
    values = f"{int(old['index']):#x}", f"{int(now['index']):#x}"
    return Row(_name("index") + changed(*values), explain="page.index")


def _private(old: Fields, now: Fields) -> Row:
    was, slot = (f"slot {fields['private']}" if fields["private"] else "0" for fields in (old, now))
    ref: Ref | None = ("swap", int(now["private"])) if now["private"] else None
    return Row(_name("private") + changed(was, slot, "swap" if ref else "text"), ref, explain="page.private")


def _lru(old: Fields, now: Fields) -> Row:
    was, where = (
        ("active list" if _flags(fields) & PG_active else "inactive list") if fields["lru"] else "on no list"
        for fields in (old, now)
    )
    return Row(_name("lru") + changed(was, where), explain="page.lru")
