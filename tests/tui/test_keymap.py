"""The one key registry."""

from vmtui.tui import keymap
from vmtui.tui.keymap import BY_ID, KEYS, Key, clashes, remapped, table, written


def test_no_two_bindings_share_a_key():
    """In no context does a key mean two things, those inherited from outer contexts included."""
    assert clashes() == []


def test_clashes_are_found():
    """A key that means two things is named, with both."""
    twice = (*KEYS, Key("twice", ("n",), "twice", "twice", "twice", "Time"))

    assert any("n is both" in line and "twice" in line for line in clashes(twice))


def test_a_list_key_hides_no_main_key():
    """The row cursor's letters are none of the letter commands': clashes looks through inherited contexts."""
    hidden = (*KEYS, Key("do.hide", ("j",), "hide", "hide", "hide", "x"))

    assert any("j is both" in line for line in clashes(hidden))


def test_ids_are_unique():
    """Users remap by id, so an id names one thing."""
    assert len(KEYS) == len(BY_ID)


def test_every_key_says_what_it_does():
    """Help, footer, palette and README have something to say for every entry."""
    assert [key.id for key in KEYS if not (key.help and key.label and key.group and key.keys)] == []


def test_remap_by_id():
    """A change replaces the keys of one entry and leaves the others."""
    keys, wrong = remapped({"beat.next": "N,ctrl+n"})

    assert wrong == []
    assert {key.id: key for key in keys}["beat.next"].keys == ("N", "ctrl+n")


def test_remap_that_clashes_is_refused():
    """A change that would give one key two meanings is left out, and says so."""
    keys, wrong = remapped({"beat.next": "b", "no.such": "z"})

    assert {key.id: key for key in keys}["beat.next"].keys == ("n",)
    assert len(wrong) == 2
    assert "beat.previous" in wrong[0]
    assert "no.such" in wrong[1]


def test_keys_are_written_as_people_write_them():
    """Textual's names do not show."""
    assert [
        written(key)
        for key in (
            "full_stop",
            "right_square_bracket",
            "tab",
            "f1",
            "ctrl+o",
            "U",
            "question_mark",
            "apostrophe",
        )
    ] == [".", "]", "Tab", "F1", "ctrl+o", "U", "?", "'"]


def test_the_table_of_readme_has_every_key():
    """README's key table is made from the registry."""
    drawn = table()

    assert [key.id for key in KEYS if key.help not in drawn] == []


def test_arrow_letters_are_free():
    """No letter command is h, j, k, l, g or G."""
    letters = {name for key in KEYS if key.context == keymap.MAIN for name in key.keys}

    assert not letters & set("hjklgG")
