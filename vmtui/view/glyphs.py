"""One table of the glyphs on the screen: name, Unicode character, ASCII twin, meaning.

Every glyph takes one cell in both forms, so a layout made with one is a layout for the other: models carry
the Unicode form, and `to_ascii` exchanges it where the terminal cannot be trusted with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from vmtui.mm.step import HIT, MISS_RANGE, SKIP_NO_MM, SKIP_NO_RSS


@attrs.frozen
class Glyph:
    """A sign with one meaning.

    Attributes:
        char: The Unicode form.
        ascii: The form of ``--ascii``.
        meaning: What it says, for the legend and ``i``.
    """

    char: str
    ascii: str
    meaning: str


GLYPHS: Final[Mapping[str, Glyph]] = MappingProxyType(
    {
        "hit": Glyph("✓", "v", "hit: this candidate maps the page"),
        "miss": Glyph("✗", "x", "looked, and the page was not there"),
        "ruled": Glyph("–", "-", "ruled out by arithmetic, nothing was read"),
        "walk": Glyph("○", "o", "a walk of the reverse map begins"),
        "walked": Glyph("◉", "@", "a walk of the reverse map ends"),
        "step": Glyph("·", ".", "a step that is no candidate of a walk"),
        "pointer": Glyph("▸", ">", "the subject"),
        "open": Glyph("▾", "v", "a process, its VMAs below"),
        "more_up": Glyph("▲", "^", "more rows above"),
        "more_down": Glyph("▼", "v", "more rows below"),
        "right": Glyph("▶", ">", "a pointer the kernel follows"),
        "left": Glyph("◀", "<", "a pointer followed backwards"),
        "list_node": Glyph("●", "O", "a VMA, an mm or a PTE on a list"),
        "list_part": Glyph("◐", "c", "a node of a chain that has free slots"),
        "list_free": Glyph("·", ".", "a free slot of a node; an mm that is gone"),
        "list_more": Glyph("…", "~", "the rest of what did not fit"),
        "arrow": Glyph("→", ">", "the old value, then the new one"),
        "implies": Glyph("⇒", ">", "the flags say so"),
        "free": Glyph("·", ".", "a free frame"),
        "kernel": Glyph("▒", "%", "a frame the kernel keeps for itself"),
        "table": Glyph("▤", "T", "a frame that holds a page table"),
        "anon_0": Glyph("□", "a", "an anonymous page that nobody maps"),
        "anon_1": Glyph("◧", "A", "an anonymous page mapped once"),
        "anon_2": Glyph("■", "M", "an anonymous page mapped by two or more"),
        "file_0": Glyph("○", "o", "a page of a file that nobody maps"),
        "file_1": Glyph("◐", "c", "a page of a file mapped once"),
        "file_2": Glyph("●", "O", "a page of a file mapped by two or more"),
        "swap_0": Glyph("◇", "s", "a page in the swap cache that nobody maps"),
        "swap_1": Glyph("◈", "S", "a page in the swap cache mapped once"),
        "swap_2": Glyph("◆", "*", "a page in the swap cache mapped by two or more"),
        "zero": Glyph("0", "0", "the zero page"),
        "none": Glyph("·", ".", "no page: never touched"),
        "swapped": Glyph("◇", "s", "the PTE holds a swap entry"),
        "now": Glyph("┃", "|", "now"),
        "bar": Glyph("━", "=", "in use"),
        "bar_rest": Glyph("─", "-", "free"),
        "pinned": Glyph("▣", "#", "the subject stays what it is"),
        "follow": Glyph("▶", ">", "the subject follows the steps"),
        "spawn": Glyph("●", "O", "spawn or exec: a process begins"),
        "fork": Glyph("◆", "*", "fork: a process doubles"),
        "mmap": Glyph("▪", "m", "mmap, brk: a VMA begins"),
        "munmap": Glyph("▫", "u", "munmap, exit: something goes"),
        "fault": Glyph("▴", "^", "read or write: an access"),
        "change": Glyph("◐", "c", "mprotect, mremap, madvise, mlock: a VMA changes"),
        "evict": Glyph("▾", "v", "swapout, evict, reclaim: pages leave"),
        "look": Glyph("○", "o", "walk, referenced: somebody looks"),
        "refused": Glyph("✗", "x", "a command that was refused"),
    }
)


def char(name: str) -> str:
    """The Unicode form of a glyph."""
    return GLYPHS[name].char


#: Box-drawing characters by the weight of their arms: north, east, south, west; 0 none, 1 light, 2 heavy.
#: The index is ``north * 27 + east * 9 + south * 3 + west``.
BOX: Final = " ╴╸╷┐┑╻┒┓╶─╾┌┬┭┎┰┱╺╼━┍┮┯┏┲┳╵┘┙│┤┥╽┧┪└┴┵├┼┽┟╁╅┕┶┷┝┾┿┢╆╈╹┚┛╿┦┩┃┨┫┖┸┹┞╀╃┠╂╉┗┺┻┡╄╇┣╊╋"
#: Corners of light boxes are round.
ROUND: Final[Mapping[str, str]] = MappingProxyType({"┌": "╭", "┐": "╮", "└": "╰", "┘": "╯"})

#: How many commands' steps a cell of the timeline holds, from none to most.
BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_BLOCKS_ASCII: Final = " .:-=+*##"

_OUTCOME: Final[Mapping[str, str]] = MappingProxyType(
    {HIT: "hit", MISS_RANGE: "ruled", SKIP_NO_RSS: "ruled", SKIP_NO_MM: "ruled"}
)


def outcome_name(outcome: str) -> str:
    """``hit``, ``miss`` or ``ruled``: the glyph and the role of a candidate's outcome."""
    return _OUTCOME.get(outcome, "miss")


def _box_ascii(index: int) -> str:
    north, east, south, west = index // 27, index // 9 % 3, index // 3 % 3, index % 3
    heavy = 2 in (north, east, south, west)
    if not north and not south:
        return "=" if heavy else "-"
    if not east and not west:
        return "#" if heavy else "|"
    return "#" if heavy else "+"


def _ascii_table() -> dict[int, str]:
    table = {ord(glyph.char): glyph.ascii for glyph in GLYPHS.values()}
    table |= {ord(BOX[index]): _box_ascii(index) for index in range(1, len(BOX))}
    table |= {ord(corner): "+" for corner in ROUND.values()}
    table |= {ord(block): twin for block, twin in zip(BLOCKS[1:], _BLOCKS_ASCII[1:], strict=True)}
    table |= {ord("┄"): ".", ord("┆"): ":"}
    table |= {ord("…"): "~", ord("—"): "-", ord("×"): "x", ord("↑"): "^", ord("↓"): "v", ord("▌"): "|"}
    return table


_ASCII: Final = _ascii_table()


def to_ascii(text: str) -> str:
    """The text with every glyph of the table in its ASCII form; names a person gave stay as they are."""
    return text.translate(_ASCII)
