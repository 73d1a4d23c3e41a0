"""Pane 4: frames as a grid, or the pages of a VMA as a list (``v``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vmtui.mm.cluster import page_index, page_numbers
from vmtui.mm.mm_types import VM_NONLINEAR, Vma, place_name
from vmtui.mm.page import PAGE_SHIFT, PAGE_SIZE, ZERO_PFN, PG_anon, PG_reserved, PG_swapcache, PG_table
from vmtui.mm.pgtable import (
    is_swap_pte,
    pte_dirty,
    pte_offset,
    pte_pfn,
    pte_present,
    pte_to_slot,
    pte_write,
    pte_young,
)
from vmtui.mm.swap_state import lookup_swap_cache
from vmtui.scenario.pages import file_index
from vmtui.view.afar import census
from vmtui.view.glyphs import char
from vmtui.view.model import Pane, Row, Rows, Span, line
from vmtui.view.now import step_at
from vmtui.view.subject import Subject, locate, page_of, resolve, typed_place
from vmtui.view.text import count, pad

if TYPE_CHECKING:
    from vmtui.mm.machine import Machine
    from vmtui.session import Session

#: Cells of a row's address, and frames between two blanks.
_MARGIN: Final = 9
_GROUP: Final = 8
#: Cells of a row from which a page is told with its address and in full.
_WIDE: Final = 58
#: Cells beside a note in the frame of a pane: corners, line and blanks.
_FRAME: Final = 5
#: Frames that a cell can stand for.
ZOOMS: Final = (1, 64, 4096)
_ROLES: Final = {
    "free": "free",
    "kernel": "kernel",
    "table": "table",
    "zero": "zero",
    "anon": "page",
    "swap": "swap",
    "file": "file",
}


def frames(session: Session, subject: Subject | None, width: int = 64, zoom: int = 1) -> Pane:
    """All frames, in rows of as many as fit; a row is made when it is looked at.

    Args:
        width: Cells of a row.
        zoom: Frames a cell stands for.
    """
    machine = session.machine
    per_row = cells_per_row(width, zoom)
    chosen = page_of(session, subject)
    step = step_at(session)
    lit = step.page if step is not None else 0
    total = machine.frames_total
    rows = -(-total // (per_row * zoom))

    def make(index: int) -> Row:
        first = index * per_row * zoom
        end = min(first + per_row * zoom, total)
        here = chosen if first <= chosen < end else 0
        if zoom == 1:
            cells = _cells(machine, first, end, chosen, lit)
        else:
            cells = _coarse(machine, first, end, zoom, chosen, lit)
        spans = line((pad(f"{first:#x}", _MARGIN - 1), "accent" if here else "dim"), " ", *cells)
        target = here or max(first, ZERO_PFN)
        # The cell of the subject is marked, not the frames beside it.
        return Row(spans, ("page", min(target, total - 1)), explain="frames" if zoom == 1 else "frames_afar")

    free = sum(zone.free for zone in machine.zones)
    note = f"{free:,} of {total:,} free · {count(machine.ledger.page_tables, 'page table')}"
    if machine.cluster > 1:
        note = f"{free:,} of {total:,} free · clusters of {machine.cluster}"
    if len(note) > width - _FRAME:
        note = f"{free:,} of {total:,} free"
    focus = chosen // (per_row * zoom) if chosen else None
    title = "Page frames" if zoom == 1 else f"Page frames · {zoom:,} a cell"
    return Pane(title, Rows(rows, make), note, focus)


def cells_per_row(width: int, zoom: int = 1) -> int:
    """Cells in a row of such a width: whole groups of eight signs, each followed by a blank."""
    signs = max(1, (width - _MARGIN) // (_GROUP + 1)) * _GROUP
    return signs // cell_width(zoom)


def cell_width(zoom: int) -> int:
    """Signs of a cell: of many frames the second says how many are in use."""
    return 1 if zoom == 1 else 2


def columns_of(width: int, zoom: int = 1) -> list[int]:
    """Where each cell of a row begins."""
    firsts = range(0, cells_per_row(width, zoom) * cell_width(zoom), cell_width(zoom))
    return [_MARGIN + first + first // _GROUP for first in firsts]


def frame_at(width: int, row: int, x: int, zoom: int = 1) -> int:
    """The frame, or the first of those, under a sign of the grid, for the mouse; 0 for none."""
    cell = x - _MARGIN
    if cell < 0 or cell % (_GROUP + 1) == _GROUP:
        return 0
    at = (cell - cell // (_GROUP + 1)) // cell_width(zoom)
    per_row = cells_per_row(width, zoom)
    return (row * per_row + at) * zoom if at < per_row else 0


def kind_of(flags: int, references: int, mapping: int = 0) -> str:
    """``free``, ``table``, ``zero``, ``swap``, ``anon``, ``file`` or ``kernel``."""
    if flags & PG_table:
        return "table"
    if flags & PG_reserved:
        return "zero"
    if flags & PG_swapcache:
        return "swap"
    if flags & PG_anon:
        return "anon"
    if mapping:
        return "file"
    return "kernel" if references else "free"


def sign_of(flags: int, references: int, mapcount: int, mapping: int = 0) -> tuple[str, str]:
    """The glyph of a frame, shape for its kind and fill for its mapcount, and its role."""
    kind = kind_of(flags, references, mapping)
    name = f"{kind}_{min(mapcount, 2)}" if kind in ("anon", "swap", "file") else kind
    return char(name), _ROLES[kind]


def _cells(machine: Machine, first: int, end: int, chosen: int, lit: int) -> list[tuple[str, str]]:
    mem_map = machine.mem_map
    flags, counts, mapcounts = mem_map.flags.cell, mem_map.count.cell, mem_map.mapcount.cell
    mappings = mem_map.mapping.cell
    parts: list[tuple[str, str]] = []
    # All frames of a cluster look alike: what is said of them stands in the struct page of the first.
    for cell, page in enumerate(page_numbers(machine, first, end).tolist()):
        glyph, role = char("kernel"), "kernel"
        if page == ZERO_PFN or page >= machine.zones[0].start:
            glyph, role = sign_of(flags[page], counts[page], mapcounts[page], mappings[page])
        if page == chosen:
            role = "subject"
        elif page == lit:
            role = "accent"
        parts.append((glyph, role))
        if cell % _GROUP == _GROUP - 1:
            parts.append((" ", "text"))
    return parts


def _coarse(
    machine: Machine, first: int, end: int, zoom: int, chosen: int, lit: int
) -> list[tuple[str, str]]:
    """Cells of many frames each: what most of those in use are, and how many are in use."""
    parts: list[tuple[str, str]] = []
    for number, cell in enumerate(census(machine, first, end, zoom)):
        role = _ROLES[cell.kind]
        if chosen and cell.first <= chosen < cell.first + zoom:
            role = "subject"
        elif lit and cell.first <= lit < cell.first + zoom:
            role = "accent"
        parts.append(("".join(cell.sign), role))
        if number * cell_width(zoom) % _GROUP == _GROUP - cell_width(zoom):
            parts.append((" ", "text"))
    return parts


def pages(session: Session, subject: Subject | None, width: int = _WIDE) -> Pane:
    """The pages of the subject's VMA in virtual order: where each is, who else maps it, its PTE.

    Args:
        width: Cells of a row: in few, what a person looks at last is left out.
    """
    vma = _vma_of(session, subject)
    if vma is None:
        return Pane("Pages", (Row(line(("choose a VMA or one of its pages", "dim"))),))
    start, mm_id = vma.vm_start, vma.vm_mm.id
    chosen = subject.place if subject is not None else ""
    step = step_at(session)

    def make(index: int) -> Row:
        mm = session.machine.mms.get(mm_id)
        if mm is None:
            return Row()
        address = start + (index << PAGE_SHIFT)
        place, name = typed_place(mm, address), place_name(mm, address).removeprefix(f"{mm.name}.")
        spans, pfn = page_spans(session.machine, vma, name, address, short=width < _WIDE)
        return Row(
            spans,
            ("page", pfn) if pfn else None,
            subject=place == chosen,
            current=bool(pfn) and step is not None and step.page == pfn,
            place=place,
            explain="pages",
        )

    where = locate(session.machine, chosen) if chosen else None
    focus = (where[1] - start) // PAGE_SIZE if where is not None and start <= where[1] < vma.vm_end else None
    name = place_name(vma.vm_mm, start).rpartition("[")[0] or place_name(vma.vm_mm, start)
    return Pane(f"Pages of {name}", Rows(vma.pages, make), count(vma.pages, "page"), focus)


def pte_of(vma: Vma, address: int) -> int:
    """The PTE of an address; 0 where there is none."""
    ptep = pte_offset(vma.vm_mm, address)
    return vma.machine.memory[ptep] if ptep else 0


def page_spans(
    machine: Machine, vma: Vma, name: str, address: int, *, short: bool = False
) -> tuple[tuple[Span, ...], int]:
    """A page of a VMA in a line, and the page behind it; 0 for none.

    Args:
        short: Without the address and without words that go without saying.
    """
    pte = pte_of(vma, address)
    head = [(pad(name, max(7 if short else 10, len(name))), "page")]
    head.append((" ", "text") if short else (f" {address:08x} ", "dim"))
    if pte_present(pte):
        pfn = pte_pfn(pte)
        if pfn == ZERO_PFN:
            return line(*head, (f"{char('zero')} the zero page", "zero")), pfn
        page = machine.page(pfn)
        glyph, role = sign_of(page.flags, page.count, page.mapcount, page.mapping)
        bits = " ".join(
            word
            for word, is_set in (
                ("writable", pte_write(pte)),
                ("young", pte_young(pte)),
                ("dirty", pte_dirty(pte)),
            )
            if is_set
        )
        shared = f"mapcount {page.mapcount}"
        where = f" {pfn:#x} {shared} " if short else f" frame {pfn:#x}  {shared}  "
        return line(*head, (glyph, role), where, (bits, "dim")), page.pfn
    if is_swap_pte(pte):
        slot = pte_to_slot(pte)
        pfn = lookup_swap_cache(machine, slot)
        cached = (f" cached in {pfn:#x}" if short else f"  in the swap cache, frame {pfn:#x}") if pfn else ""
        return line(*head, (f"{char('swapped')} slot {slot}{cached}", "swap")), pfn
    return _unmapped(machine, vma, head, address)


def _unmapped(
    machine: Machine, vma: Vma, head: list[tuple[str, str]], address: int
) -> tuple[tuple[Span, ...], int]:
    """A page that its VMA does not map: of a file it may be in memory, or on swap, all the same."""
    file, index = vma.vm_file, file_index(vma, address)
    if file is None:
        return line(*head, (f"{char('none')} never touched", "free")), 0
    if vma.vm_flags & VM_NONLINEAR:
        head = [*head, (f"page {index:,} of {file.name} ", "dim")]
    if index >= file.end:
        return line(*head, (f"{char('none')} behind the end of {file.name}", "free")), 0
    pfn, slot = file.pages.cell[page_index(vma, address)], file.slots.cell[page_index(vma, address)]
    if pfn:
        page = machine.page(pfn)
        glyph, role = sign_of(page.flags, page.count, page.mapcount, page.mapping)
        return line(*head, (glyph, role), f" frame {pfn:#x}  in the page cache, not mapped here"), pfn
    if slot:
        return line(*head, (f"{char('swapped')} slot {slot} of {file.name}", "swap")), 0
    return line(*head, (f"{char('none')} not read yet", "free")), 0


def _vma_of(session: Session, subject: Subject | None) -> Vma | None:
    """The VMA a subject is, or lies in."""
    if subject is None:
        return None
    machine = session.machine
    if subject.kind == "vma":
        return machine.vmas.get(subject.id)
    where = locate(machine, subject.place) if subject.place else None
    if where is not None:
        return where[0].vmas.at(where[1])
    ref = resolve(session, subject)
    if ref is not None and ref[0] == "mm":
        mm = machine.mms.get(ref[1])
        return mm.vmas[0] if mm is not None and len(mm.vmas) else None
    return None
