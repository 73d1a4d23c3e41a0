"""Where the boxes of a picture stand: columns that share the width, rows that share the height.

A plan is made of measures only. It prefers tall boxes with room around them, and gives up, in this order:
room between columns, lines inside boxes, the column that only names the process again, the blanks inside
boxes, and at last the boxes themselves, for one line a candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from vmtui.mm.rmap.scheme import Node, Picture
from vmtui.view.text import width, wrap

#: Cells between two columns: at most, and at least (an arrow and its head).
WIDE_GAP: Final = 9
TIGHT_GAP: Final = 2
#: The same between columns of text without boxes, where a blank follows the head.
LINE_GAP: Final = 4
#: Cells beside a title in the upper edge of a box: two corners, two blanks.
TITLE_ROOM: Final = 4
#: Cells for the outcome at the end of the upper edge of a row's last box.
OUTCOME_ROOM: Final = 3
#: The column that can go without loss where its neighbour names what it names.
SPARE_KIND: Final = "mm"
#: The title of a page-table entry that names nothing.
NAMELESS: Final = "pte"


@attrs.frozen
class Form:
    """How tall a candidate's row is.

    Attributes:
        lines: Lines of text in a box; 0: no boxes, one line a row.
        gap: Blank lines between rows.
    """

    lines: int
    gap: int

    @property
    def height(self) -> int:
        """Lines of a row."""
        return self.lines + 2 if self.lines else 1

    @property
    def pitch(self) -> int:
        """Lines from one row to the next."""
        return self.height + self.gap

    def capacity(self, room: int) -> int:
        """Rows that fit."""
        return max(0, (room + self.gap) // self.pitch)


FORMS: Final = (Form(3, 1), Form(2, 1), Form(1, 1), Form(1, 0))
LINE_FORM: Final = Form(0, 0)
#: Rows that must be in view for boxes to be worth it, where not all fit.
WORTHWHILE: Final = 3


@attrs.frozen
class Column:
    """One column of the plan.

    Attributes:
        number: Its number in the picture.
        x, width: Where it stands.
        lines: The most cells a line of text in it may take; longer ones are left out.
    """

    number: int
    x: int
    width: int
    lines: int


@attrs.frozen
class Plan:
    """Where everything stands.

    Attributes:
        columns: By number in the picture; a number that is missing was given up.
        gap: Cells between columns.
        pad: Blanks on each side inside a box.
        form: How tall rows are.
        first: The first candidate row in view.
        count: Rows in view.
        top: The line of the first row.
        total: Rows in all.
    """

    columns: dict[int, Column]
    gap: int
    pad: int
    form: Form
    first: int
    count: int
    top: int
    total: int

    def row_y(self, row: int) -> int:
        """The first line of a candidate row."""
        return self.top + (row - self.first) * self.form.pitch


def choose_form(total: int, tallest: int, room: int) -> tuple[Form, int]:
    """The form for so many rows in so many lines, and how many are in view.

    Args:
        total: Candidate rows.
        tallest: The most lines a row's box has to say.
        room: Lines below the headings.
    """
    forms = [form for form in FORMS if form.lines <= max(1, tallest)]
    for form in forms:
        if form.capacity(room) >= max(1, total):
            return form, total
    for form in forms:
        # Two lines go to what is above and below.
        if form.capacity(room - 2) >= WORTHWHILE:
            return form, form.capacity(room - 2)
    return LINE_FORM, total if total <= room else max(1, room - 2)


def window(total: int, count: int, active: int) -> int:
    """The first row in view so that `active` is, a third of the way down."""
    if count >= total or active < 0:
        return 0
    return max(0, min(active - count // 3, total - count))


def natural(node: Node, form: Form, limit: int) -> tuple[str, ...]:
    """The lines of a node that are shown: no longer than `limit`, no more than the form has room for."""
    if node.row < 0:
        return tuple(part for line in node.lines for part in wrap(line, limit))
    return tuple(line for line in node.lines if width(line) <= limit)[: form.lines]


def flat(node: Node, limit: int) -> str:
    """A node of a row in one line: its title and as many of its lines as fit, in order."""
    told = node.title == NAMELESS or any(line.startswith(node.title) for line in node.lines)
    text = "" if node.kind == "pte" and told else node.title
    for line in node.lines:
        longer = f"{text} {line}" if text else line
        if width(longer) > limit:
            continue
        text = longer
    return text


def fit_columns(picture: Picture, form: Form, room: int) -> tuple[dict[int, Column], int, int]:
    """Columns in so many cells, with their gap and padding."""
    numbers = list(range(len(picture.headings)))
    spare = spare_columns(picture)
    without = [number for number in numbers if number not in spare]
    narrowest = TIGHT_GAP if form != LINE_FORM else LINE_GAP
    # The mark of the subject stands before a text without a frame.
    margin = 0 if form != LINE_FORM else 1
    room -= margin
    tries = ((numbers, 1), (without, 1), (without, 0)) if form != LINE_FORM else ((without, 0),)
    for kept, pad in tries:
        options = [_options(picture, number, form, pad, last=number == kept[-1]) for number in kept]
        widths = _shrink(options, room, narrowest)
        if widths is not None:
            break
    else:
        kept, pad = without, 0
        options = [_options(picture, number, form, 0, last=number == kept[-1]) for number in kept]
        widths = _squeeze([column[-1] for column in options], room)

    gaps = len(kept) - 1
    spread = (room - sum(taken for taken, _ in widths)) // gaps if gaps else 0
    gap = max(narrowest, min(WIDE_GAP, spread))
    x = margin + max(0, (room - sum(taken for taken, _ in widths) - gap * gaps) // 2)
    columns = {}
    for number, (taken, limit) in zip(kept, widths, strict=True):
        columns[number] = Column(number, x, taken, limit)
        x += taken + gap
    return columns, gap, pad


def spare_columns(picture: Picture) -> set[int]:
    """The columns of mms, where VMAs or page-table entries say whose they are."""
    ends = [node for node in picture.nodes if node.kind in ("vma", NAMELESS)]
    named = any(node.kind == "vma" or node.title != NAMELESS for node in ends)
    return {node.column for node in picture.nodes if node.kind == SPARE_KIND} if named else set()


def _options(picture: Picture, number: int, form: Form, pad: int, *, last: bool) -> list[tuple[int, int]]:
    """Widths a column can have, widest first, each with the longest line that it still shows.

    The `last` one is where the outcomes stand.
    """
    nodes = [node for node in picture.nodes if node.column == number]
    heading = width(picture.headings[number])
    if not nodes:
        return [(heading, 0)]
    if form == LINE_FORM:
        # A node that is a page-table entry is what the outcome stands behind.
        extra = OUTCOME_ROOM if last else 0
        lengths = sorted(
            {_flat_width(node, limit) for node in nodes for limit in (99, 30, 20, 12, 0)}, reverse=True
        )
        return [(max(length + extra, 1), length) for length in lengths]
    titles = max(
        width(node.title) + TITLE_ROOM + (OUTCOME_ROOM if last and node.row >= 0 else 0) for node in nodes
    )
    lengths = sorted({width(line) for node in nodes for line in node.lines}, reverse=True) or [0]
    needs = [min(map(width, node.lines), default=0) if node.row >= 0 else _in_full(node) for node in nodes]
    shortest = max(needs, default=0)
    options = [
        (max(titles, length + 2 + 2 * pad, heading if pad else 0), length)
        for length in lengths
        if length >= shortest
    ]
    return options or [(max(titles, heading), 0)]


def _in_full(node: Node) -> int:
    """Cells in which what stands beside the rows is said in full; the longest line may be broken."""
    lengths = sorted(map(width, node.lines), reverse=True)
    if len(lengths) < 2:
        return max(lengths, default=0)
    words = [word for line in node.lines if width(line) == lengths[0] for word in line.split()]
    return lengths[1] if all(width(word) <= lengths[1] for word in words) else lengths[0]


def _flat_width(node: Node, limit: int) -> int:
    if node.row < 0:
        return max(map(width, (node.title, *node.lines)))
    return width(flat(node, limit))


def _shrink(options: list[list[tuple[int, int]]], room: int, gap: int) -> list[tuple[int, int]] | None:
    """A width for each column so that all fit, taking from the widest first; None if they cannot."""
    chosen = [0] * len(options)
    while True:
        widths = [column[at] for column, at in zip(options, chosen, strict=True)]
        if sum(taken for taken, _ in widths) + gap * (len(widths) - 1) <= room:
            return widths
        can = [n for n, at in enumerate(chosen) if at + 1 < len(options[n])]
        if not can:
            return None
        chosen[max(can, key=lambda n: widths[n][0])] += 1


def _squeeze(widths: Sequence[tuple[int, int]], room: int) -> list[tuple[int, int]]:
    """Widths cut until they fit, whatever is lost."""
    taken = [width for width, _ in widths]
    while sum(taken) + TIGHT_GAP * (len(taken) - 1) > room and max(taken) > 3:
        taken[taken.index(max(taken))] -= 1
    return [(width, max(0, width - 2)) for width in taken]


def plan(picture: Picture, form: Form, count: int, first: int, size: tuple[int, int]) -> Plan:
    """The plan of a picture whose rows start at `first`."""
    columns, gap, pad = fit_columns(picture, form, size[0])
    windowed = count < picture.total
    return Plan(columns, gap, pad, form, first, count, 2 if windowed else 1, picture.total)
