"""The table of glyphs."""

from collections import defaultdict

from vmtui.view.canvas import BoxCanvas
from vmtui.view.glyphs import BLOCKS, BOX, GLYPHS, ROUND, to_ascii
from vmtui.view.text import char_width


def test_every_glyph_takes_one_cell_in_both_forms():
    """A layout made with one form is a layout for the other."""
    for name, glyph in GLYPHS.items():
        assert (len(glyph.char), char_width(glyph.char)) == (1, 1), name
        assert len(glyph.ascii) == 1, name
        assert "!" <= glyph.ascii <= "~", name


def test_one_character_has_one_twin():
    """What is one sign in Unicode is one sign in ASCII."""
    twins = defaultdict(set)
    for glyph in GLYPHS.values():
        twins[glyph.char].add(glyph.ascii)

    assert {char: found for char, found in twins.items() if len(found) > 1} == {}


def test_signs_that_stand_side_by_side_differ():
    """Outcomes differ, and kinds of frames with their fills differ, in both forms: no state needs colour."""
    groups = (
        ("hit", "miss", "ruled", "step"),
        ("free", "kernel", "table", "zero", "anon_0", "anon_1", "anon_2", "file_0", "file_1", "file_2",
         "swap_0", "swap_1", "swap_2"),
        ("spawn", "fork", "mmap", "munmap", "fault", "change", "evict", "look", "refused"),
    )  # fmt: skip
    for names in groups:
        assert len({GLYPHS[name].char for name in names}) == len(names)
        assert len({GLYPHS[name].ascii for name in names}) == len(names)


def test_box_characters_are_all_there():
    """Every way four arms can be absent, light or heavy has its character."""
    assert len(BOX) == 81 == len(set(BOX[1:])) + 1
    assert (BOX[27 + 9], BOX[2 * 27 + 2 * 3], ROUND["└"]) == ("└", "┃", "╰")


def test_ascii_leaves_nothing_else():
    """All that the canvas, the bars and the table can draw has an ASCII form; given names do not change."""
    assert to_ascii("".join(BOX[1:]) + BLOCKS + "".join(ROUND.values()) + "┄┆…").isascii()
    assert to_ascii("größe ━✓") == "größe =v"


def test_ascii_boxes():
    """Light boxes are drawn with + - |, heavy ones with # and =."""
    canvas = BoxCanvas(12, 3)
    canvas.box(0, 0, 5, 3, "page")
    canvas.box(7, 0, 5, 3, "page", weight=2)
    canvas.across(1, 4, 6, "page")
    canvas.text(6, 1, "▶", "page")

    assert tuple(to_ascii(row.text) for row in canvas.rows()) == (
        "+---+  #===#",
        "|   +->#   #",
        "+---+  #===#",
    )
