"""Draws a picture of a reverse map: boxes where the plan puts them, pointers, and what a walk has found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from vmtui.mm.rmap.scheme import Edge, Node, Picture
from vmtui.mm.step import MISS_NOTABLE, Ref
from vmtui.view.canvas import DASHED, HEAVY, LIGHT, BoxCanvas
from vmtui.view.glyphs import char, outcome_name
from vmtui.view.model import Box, Row
from vmtui.view.overlay import Overlay
from vmtui.view.plan import LINE_FORM, Plan, choose_form, flat, natural, plan, window
from vmtui.view.text import width

#: Lines a box is moved down to let a pointer pass above it.
_STEP_ASIDE: Final = 3


@attrs.frozen
class Placed:
    """A node where it is drawn.

    Attributes:
        x, y, width, height: Its outer size.
        lines: The text in it.
        role: Of its frame, and of its title if it is lit.
        weight: Of its frame.
        lit: It is not dim.
    """

    node: Node
    x: int
    y: int
    width: int
    height: int
    lines: tuple[str, ...]
    role: str
    weight: int
    lit: bool

    @property
    def right(self) -> int:
        """Its last column."""
        return self.x + self.width - 1

    @property
    def bottom(self) -> int:
        """Its last line."""
        return self.y + self.height - 1

    @property
    def anchor(self) -> int:
        """The line at which pointers come and go."""
        return self.y if self.height == 1 or self.weight < 0 else self.y + 1


#: Weight of what stands without a frame.
_FRAMELESS: Final = -1


class Figure:
    """One drawing.

    Args:
        picture: What to draw; its rows start at ``plan.first``.
        layout: Where.
        found: What the walk has found so far.
        subject: The object to mark.
    """

    def __init__(
        self, picture: Picture, layout: Plan, size: tuple[int, int], found: Overlay, subject: Ref | None
    ) -> None:
        self.picture, self.plan, self.found, self.subject = picture, layout, found, subject
        self.canvas = BoxCanvas(*size)
        self.boxed = layout.form != LINE_FORM
        self.last = max(layout.columns)
        rows = range(layout.first, layout.first + layout.count)
        self.edges = _contract(picture, set(layout.columns))
        self.placed = {
            number: self._place(node)
            for number, node in enumerate(picture.nodes)
            if node.column in layout.columns and (node.row < 0 or node.row in rows)
        }

        self.above = self._above()
        self.links = [link for edge in self.edges for link in self._links(edge)]

    def _above(self) -> Placed | None:
        """What stands for the rows above those in view."""
        if not self.plan.first:
            return None
        rows = [placed for placed in self.placed.values() if placed.node.row >= 0]
        if not rows:
            return None
        first = min(rows, key=lambda placed: (placed.node.row, placed.node.column))
        x = min(placed.x for placed in rows)
        return Placed(first.node, x, self.plan.top - 1, 1, 1, (), "dim", _FRAMELESS, False)

    def _links(self, edge: Edge) -> list[tuple[Placed, Placed, Edge]]:
        """A pointer between what is drawn; rows above those in view are one end for all."""
        source, target = self._end(edge.source), self._end(edge.target)
        if source is None or target is None or source is target:
            return []
        to_first = target.node.row == self.plan.first and target is not self.above
        if self.above is not None and source.node.row < 0 and to_first:
            # The picture begins at this row: what points at it points at the first of those above.
            return [(source, self.above, edge), (self.above, target, edge)]
        return [(source, target, edge)]

    def _end(self, number: int) -> Placed | None:
        row = self.picture.nodes[number].row
        return self.above if 0 <= row < self.plan.first else self.placed.get(number)

    def draw(self) -> tuple[Row, ...]:
        """The lines of the drawing."""
        self._headings()
        for link in sorted(self.links, key=lambda link: self._rank(link[2])):
            self._link(*link)
        for placed in sorted(self.placed.values(), key=lambda p: (p.weight, p.lit)):
            self._box(placed)
        self._heads()
        self._more()
        self._nobody()
        return self.canvas.rows()

    def boxes(self) -> tuple[Box, ...]:
        """The parts that can be chosen, in reading order."""
        order = sorted(self.placed.values(), key=lambda p: (p.node.row, p.node.column))
        # A text without a frame is as good as one with it: a cell on each side.
        margin = 0 if self.boxed else 1
        return tuple(
            Box(
                p.x - margin, p.y, p.width + 2 * margin, p.height, p.node.ref,
                self.found.steps.get(p.node.row), explain=p.node.ref[0] if p.node.ref else p.node.kind,
            )
            for p in order
            if p.y + p.height <= self.canvas.height
        )  # fmt: skip

    # Where things stand, and how they look.

    def _place(self, node: Node) -> Placed:
        column = self.plan.columns[node.column]
        role, weight, lit = self._look(node)
        y = self.plan.row_y(node.row) if node.row >= 0 else self.plan.top + self._aside(node)
        room = self.canvas.height - y
        if not self.boxed:
            lines = (
                (flat(node, column.lines),) if node.row >= 0 else (node.title, *node.lines)[: max(1, room)]
            )
            return Placed(node, column.x, y, column.width, len(lines), lines, role, _FRAMELESS, lit)
        lines = natural(node, self.plan.form, column.width - 2 - 2 * self.plan.pad)
        if node.row >= 0:
            return Placed(node, column.x, y, column.width, self.plan.form.height, lines, role, weight, lit)
        lines = lines[: max(0, room - 2)]
        return Placed(node, column.x, y, column.width, len(lines) + 2, lines, role, weight, lit)

    def _aside(self, node: Node) -> int:
        """How far a node beside the rows moves down for a pointer that passes over its column."""
        columns = [
            self.picture.nodes[end].column for edge in self.edges for end in (edge.source, edge.target)
        ]
        pairs = zip(columns[::2], columns[1::2], strict=True)
        passed = any(min(pair) < node.column < max(pair) for pair in pairs)
        return (_STEP_ASIDE if self.boxed else 1) if passed else 0

    def _look(self, node: Node) -> tuple[str, int, bool]:
        """Role, weight and whether it is lit, of a node."""
        found = self.found
        plain = node.ref[0] if node.kind == "object" and node.ref is not None else node.kind
        plain = plain if plain in ("page", "vma", "mm", "pte", "anon_vma") else "anon_vma"
        if node.empty and node.row < 0:
            return "line", DASHED, False
        if not found.walking:
            return "line" if node.faint else plain, DASHED if node.empty else LIGHT, not node.faint
        running = found.active >= 0 or not found.outcomes
        if node.row < 0:
            return ("active", HEAVY, True) if running else (plain, LIGHT, True)
        outcome = found.outcomes.get(node.row)
        if outcome is None or not self._reached(node, outcome):
            return "line", DASHED if node.empty else LIGHT, False
        if node.empty:
            return outcome_name(outcome), DASHED, True
        return outcome_name(outcome), HEAVY if node.row == found.active else LIGHT, True

    def _reached(self, node: Node, outcome: str) -> bool:
        """Whether the walk got as far as this node of a row."""
        row = sorted(other.column for other in self.picture.nodes if other.row == node.row)
        if outcome_name(outcome) == "ruled":
            return node.column == row[0]
        return outcome != MISS_NOTABLE or node.column != row[-1]

    def _rank(self, edge: Edge) -> int:
        """The order of drawing: what is dim first, what is heavy last."""
        return self._edge_look(edge)[1] * 2 + (self._edge_look(edge)[0] != "line")

    def _edge_look(self, edge: Edge) -> tuple[str, int]:
        """Role and weight of a pointer."""
        found = self.found
        source, target = self.picture.nodes[edge.source], self.picture.nodes[edge.target]
        if not found.walking:
            return "dim", LIGHT
        if target.row < 0:
            running = found.active >= 0 or not found.outcomes
            return ("active", HEAVY) if running else ("dim", LIGHT)
        if source.row != target.row:
            if target.row > found.last:
                return "line", LIGHT
            return ("active", HEAVY) if found.active >= 0 else ("dim", LIGHT)
        outcome = found.outcomes.get(target.row)
        if outcome is None or not self._reached(target, outcome):
            return "line", LIGHT
        return outcome_name(outcome), HEAVY if target.row == found.active else LIGHT

    # The pen.

    def _headings(self) -> None:
        for number, column in self.plan.columns.items():
            heading = self.picture.headings[number]
            after = self.canvas.width if number == self.last else column.x + column.width + self.plan.gap - 1
            room = after - column.x
            x = column.x + (2 if self.boxed and width(heading) + 2 <= room else 0)
            self.canvas.text(x, 0, heading, "title", room)

    def _box(self, placed: Placed) -> None:
        node, canvas = placed.node, self.canvas
        name = placed.role if placed.lit else "dim"
        said = "text" if placed.lit else "dim"
        mark = char("pointer") if node.ref is not None and node.ref == self.subject else ""
        if placed.weight == _FRAMELESS:
            self._line(placed, name, said, mark)
            return
        canvas.box(placed.x, placed.y, placed.width, placed.height, placed.role, placed.weight)
        room = placed.width - TITLE_EDGES
        canvas.text(placed.x + 1, placed.y, mark or " ", "accent")
        end = canvas.text(placed.x + 2, placed.y, node.title, "accent" if mark else name, room)
        canvas.text(end, placed.y, " ", name)
        inner = placed.width - 2 - 2 * self.plan.pad
        for number, line in enumerate(placed.lines):
            role = said if number == 0 or node.row < 0 else "dim"
            if node.kind == "pte" and number == 0 and placed.lit:
                role = name
            canvas.text(placed.x + 1 + self.plan.pad, placed.y + 1 + number, line, role, inner)
        self._outcome(placed, placed.right - 2, placed.y)

    def _line(self, placed: Placed, name: str, said: str, mark: str) -> None:
        """A node without a frame."""
        node = placed.node
        for number, line in enumerate(placed.lines):
            role = name if number == 0 else said if node.row >= 0 else "dim"
            if mark and number == 0:
                role = "accent"
            self.canvas.text(placed.x, placed.y + number, line, role, placed.width)
        if mark:
            self.canvas.text(placed.x - 1, placed.y, mark, "accent")
        self._outcome(placed, placed.right, placed.y)

    def _outcome(self, placed: Placed, x: int, y: int) -> None:
        outcome = self.found.outcomes.get(placed.node.row)
        if outcome is not None and placed.node.column == self.last:
            name = outcome_name(outcome)
            self.canvas.text(x - 1, y, f" {char(name)} " if self.boxed else f" {char(name)}", name)

    def _link(self, source: Placed, target: Placed, edge: Edge) -> None:
        role, weight = self._edge_look(edge)
        canvas = self.canvas
        if source.node.column == target.node.column:
            self._next(source, target, edge.label, role, weight)
        elif source.x < target.x:
            start = source.right if source.weight != _FRAMELESS else self._line_end(source, target)
            if source.anchor == target.anchor:
                canvas.across(source.anchor, start, self._head(target), role, weight)
                self._label(source, target, edge)
                return
            bend = target.x - (2 if self.boxed else 3)
            canvas.across(source.anchor, start, bend, role, weight)
            canvas.down(bend, source.anchor, target.anchor, role, weight)
            canvas.across(target.anchor, bend, self._head(target), role, weight)
        else:
            canvas.across(source.anchor, target.right + 1, source.x, role, weight)

    def _label(self, source: Placed, target: Placed, edge: Edge) -> None:
        """What a pointer within a row is called, below it where there is room."""
        room = target.x - source.right - 1
        if source.node.row >= 0 and source.height > 3 and len(edge.label) <= room:
            x = source.right + 1 + (room - len(edge.label)) // 2
            self.canvas.text(x, source.anchor + 1, edge.label, "dim")

    def _head(self, target: Placed) -> int:
        """Where the head of a pointer to the right stands."""
        return target.x - (1 if self.boxed else 2)

    def _line_end(self, source: Placed, target: Placed) -> int:
        """Where the pointer of a node without a frame begins: a blank behind its text."""
        end = source.x + width(source.lines[0]) + 1
        return min(end, target.x - 4)

    def _next(self, source: Placed, target: Placed, label: str, role: str, weight: int) -> None:
        """A pointer to the row below."""
        canvas = self.canvas
        if self.boxed and source.weight == _FRAMELESS:
            return
        if not self.boxed:
            bend = target.x - 3
            canvas.down(bend, source.y, target.y, role, weight)
            canvas.across(target.y, bend, target.x - 2, role, weight)
        elif self.plan.form.gap:
            x = target.x + target.width // 2
            canvas.down(x, source.bottom, target.y - 1, role, weight)
            canvas.text(x, target.y - 1, char("more_down"), role)
            canvas.text(x + 2, target.y - 1, label, "dim", target.right - x - 1)

    def _heads(self) -> None:
        """The heads of pointers, over everything else."""
        for source, target, edge in self.links:
            role, _ = self._edge_look(edge)
            if source.node.column == target.node.column:
                if not self.boxed:
                    self.canvas.text(self._head(target), target.y, char("right"), role)
                elif not self.plan.form.gap and source.weight != _FRAMELESS:
                    self.canvas.text(target.right - 4, target.y, char("more_down"), role)
            elif source.x < target.x:
                self.canvas.text(self._head(target), target.anchor, char("right"), role)
            else:
                self.canvas.text(target.right + 1, target.anchor, char("left"), role)

    def _more(self) -> None:
        """What is above and below the rows in view."""
        layout = self.plan
        rows = [placed for placed in self.placed.values() if placed.node.row >= 0]
        if layout.count >= layout.total or not rows:
            return
        x = min(placed.x for placed in rows)
        after = layout.first + layout.count
        if self.above is not None:
            self.canvas.text(x, self.above.y, self._hidden("more_up", 0, layout.first), "dim")
        if after < layout.total:
            y = layout.row_y(after - 1) + layout.form.height
            self.canvas.text(x, y, self._hidden("more_down", after, layout.total), "dim")

    def _nobody(self) -> None:
        """Where there is no candidate, say so instead of drawing nothing."""
        beside = [placed for placed in self.placed.values() if placed.node.row < 0]
        free = [column for column in self.plan.columns if all(p.node.column != column for p in beside)]
        if not self.plan.total and free:
            x = self.plan.columns[free[0]].x
            self.canvas.text(x, self.plan.top + 1, "mapped by nobody", "dim")

    def _hidden(self, glyph: str, start: int, stop: int) -> str:
        hits = self.found.hits(start, stop)
        text = f"{char(glyph)} {stop - start:,} more"
        return f"{text} · {hits:,} {'hit' if hits == 1 else 'hits'}" if hits else text


#: Cells of a box's upper edge that a title cannot have.
TITLE_EDGES: Final = 4


def _contract(picture: Picture, columns: set[int]) -> list[Edge]:
    """The pointers between nodes that are drawn, past those that are not."""
    nodes = picture.nodes
    onward = {edge.source: edge.target for edge in picture.edges if nodes[edge.source].column not in columns}
    edges = []
    for edge in picture.edges:
        target = edge.target
        while nodes[target].column not in columns and target in onward:
            target = onward[target]
        if nodes[edge.source].column in columns and nodes[target].column in columns:
            edges.append(attrs.evolve(edge, target=target))
    return edges


def named(picture: Picture, names: Mapping[Ref, str]) -> Picture:
    """The picture with some nodes called by other names; what they were called becomes their first line."""
    nodes = tuple(
        attrs.evolve(node, title=names[node.ref], lines=(node.title, *node.lines))
        if node.ref is not None and node.ref in names and names[node.ref] != node.title
        else node
        for node in picture.nodes
    )
    return attrs.evolve(picture, nodes=nodes)


def arrange(picture: Picture, size: tuple[int, int], active: int = -1) -> tuple[Plan, bool]:
    """The plan for a picture in so many cells; and whether it needs other rows than the picture has."""
    tallest = max((len(node.lines) for node in picture.nodes if node.row >= 0), default=1)
    form, count = choose_form(picture.total, tallest, size[1] - 1)
    first = window(picture.total, count, active)
    given = len({node.row for node in picture.nodes if node.row >= 0})
    enough = picture.first <= first and first + count <= picture.first + given
    return plan(picture, form, count, first, size), not enough
