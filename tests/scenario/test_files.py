"""Files: what they may be made of, their blocks, and their expansion."""

import random
import time

import pytest

from vmtui.errors import OptionError, ScenarioErrors
from vmtui.mm.rmap import SCHEMES
from vmtui.scenario.diagnose import NOT_AS
from vmtui.scenario.expansion import MAX_COMMANDS
from vmtui.scenario.items import Card, Check, Fold, PauseItem, Run, Section
from vmtui.scenario.script import load
from vmtui.scenario.source import MAX_ERRORS, MAX_FILE, split_commands


def errors_of(source, **options):
    """The errors of a text or file, as (line, message)."""
    with pytest.raises(ScenarioErrors) as caught:
        load(source, **options)
    assert len(caught.value.errors) <= MAX_ERRORS
    return [(error.line, error.message) for error in caught.value.errors]


def texts_of(script):
    """The commands of a script."""
    return [str(item.command) for item in script.items if isinstance(item, Run)]


# Blocks and variables.


def test_repeat_counts_from_zero():
    """Loop variables go into names, numbers and other loops; inner loops may depend on outer ones."""
    script = load(
        """param n = 3
repeat n as i
  spawn c{i}
  repeat {i} as j
    read c{i}.heap[{j + 1}]
  end
end
"""
    )

    assert texts_of(script) == [
        "spawn c0",
        "spawn c1",
        "read c1.heap[1]",
        "spawn c2",
        "read c2.heap[1]",
        "read c2.heap[2]",
    ]
    assert [dict(item.loop) for item in script.items][2] == {"i": 1, "j": 0}


def test_params_can_be_set():
    """A param takes the value that is given; another name is an error with a suggestion."""
    text = "param children = 2\nparam twice = {children * 2}\nrepeat children as i\n  spawn c{i}\nend\n"

    assert len(texts_of(load(text, params={"children": 5}))) == 5
    assert errors_of(text, params={"childen": 5}) == [(0, "there is no param childen to set")]


def test_adjacent_says_are_one_card():
    """`say` lines in a row are one card; a blank line or anything else begins another."""
    script = load("say a\nsay b\n\nsay c\nspawn sh\nsay d\npause\nsection S\n")

    kinds = [(type(item), len(item.lines) if isinstance(item, Card) else 0) for item in script.items]

    assert kinds == [(Card, 2), (Card, 1), (Run, 0), (Card, 1), (PauseItem, 0), (Section, 0)]


def test_text_lines_mean_what_they_say():
    """In title, section and say `#`, quotes and brackets are themselves; `{{` is a brace."""
    script = load('title A "b" [c] # d\nsection 1 # 2\nsay {{x}} #1 "q\n')

    assert script.title == 'A "b" [c] # d'
    assert script.items[0].text == "1 # 2"
    assert str(script.items[1].lines[0]) == 'say {{x}} #1 "q'


def test_quietly_ends_in_a_fold():
    """What stands in quietly is quiet, at every depth, and its end is marked."""
    script = load("quietly\n  spawn sh\n  repeat 2 as i\n    spawn c{i}\n  end\nend\nspawn x\n")

    assert [(type(item), item.quiet) for item in script.items] == [
        (Run, True),
        (Run, True),
        (Run, True),
        (Fold, False),
        (Run, False),
    ]


def test_lets_are_known_when_they_run():
    """A command may read a let; it is not expanded before that has a value."""
    script = load("spawn sh\nlet n = 2 + 1\nspawn c{n}\nexpect n == 3\n")

    assert [type(item) for item in script.items][3] is Check
    assert texts_of(script) == ["spawn sh", "spawn c{n}"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("end\n", [(1, "no block is open here")]),
        ("quietly\nspawn a\n", [(1, "this block has no end")]),
        ("repeat x\nend\n", [(1, "no param, loop variable or let is called x")]),
        ("spawn c{i}\n", [(1, "no param, loop variable or let is called i")]),
        ("repeat 2 as i\nend\nspawn c{i}\n", [(3, "no param, loop variable or let is called i")]),
        ("let n = 1\nrepeat n\nend\n", [(2, "n is a let: a loop cannot read what runs before it")]),
        ("param i = 1\nrepeat 2 as i\nend\n", [(2, "i has a value already: take another name")]),
        ("param a = 1\nparam a = 2\n", [(2, "a has a value already")]),
        ("param a = {1 / 0}\n", [(1, "1 / 0: division by zero")]),
        ("param a = {b}\n", [(1, "no param, loop variable or let is called b")]),
        ("param a = {a}\n", [(1, "no param, loop variable or let is called a")]),
        ("repeat 2\nparam a = 1\nend\n", [(2, "a param stands outside all blocks")]),
        ("repeat 2\ntitle a\nend\n", [(2, "the title stands outside all blocks")]),
        ("title a\ntitle b\n", [(2, "a file has one title")]),
        (
            "spawn a\nmachine ram=64M\n",
            [(2, "the machine line stands first, after title, params and comments")],
        ),
        ("machine\nmachine\n", [(2, "a file has one machine line; the first is line 1")]),
        ("machine ram=64M ram=32M\n", [(1, "ram is given twice")]),
        ("machine ram=1PB\n", [(1, "ram=1048576G: PAE addresses 36 bits, 64G at most")]),
        ("under nosuch: expect 1 == 1\n", [(1, f"no scheme nosuch; there is {', '.join(SCHEMES)}")]),
        ("machine articel\n", [(1, "no machine is called articel; there is article")]),
        ("machine article ram=64M ram=1G\n", [(1, "ram is given twice")]),
        ("repeat 3 as i\n  spawn c{i - 1}\nend\n", [(2, "0 - 1 is -1: a number here must not be negative")]),
        ("repeat 2 as i\n  read a.b[{1 / i}]\nend\n", [(2, "1 / 0: division by zero")]),
        ("repeat 2 as\n  spawn c\nend\n", [(1, "expected a name")]),
        ("repeat 1\n" * 9 + "end\n" * 9, [(9, "blocks more than 8 deep")]),
    ],
)
def test_what_is_wrong_with_a_file(text, found):
    """Each is said with its line, and one mistake is not blamed on two lines."""
    assert errors_of(text) == found


def test_every_bad_line_is_reported_up_to_ten():
    """All bad lines are told, in order, and no more than ten."""
    assert errors_of("x\nspawn a\ny\n") == [
        (1, f"x is not a command{NOT_AS}"),
        (3, f"y is not a command{NOT_AS}"),
    ]
    assert [line for line, _ in errors_of("x\n" * 50)] == list(range(1, 11))


def test_options_that_override_are_checked():
    """A machine option from outside that is none is no error of the file's."""
    with pytest.raises(OptionError, match="nosuch"):
        load("spawn a\n", rmap="nosuch")
    assert load("machine ram=32M\n", ram="64M").machine.ram == 64 << 20


# Limits.


@pytest.mark.parametrize(
    "text",
    [
        "repeat 1000000000\nspawn a\nend\n",
        "repeat 1000000000\nend\n",
        "repeat 1000000 as a\nrepeat 1000000 as b\nspawn a\nend\nend\n",
        "repeat 1001\nrepeat 1000\nspawn a\nend\nend\n",
        "repeat 2000 as a\nrepeat {a} as b\nspawn a\nend\nend\n",
        "repeat 18446744073709551615\nspawn a\nend\n",
        "repeat 1000000\nrepeat 1000000\nrepeat 1000000\nend\nend\nend\n",
    ],
)
def test_too_many_commands_are_refused_at_once(text):
    """The number of commands is known before a list of them is made."""
    start = time.perf_counter()

    assert errors_of(text)[0][1] == f"more than {MAX_COMMANDS:,} commands after expansion"
    assert time.perf_counter() - start < 2


def test_as_many_as_are_allowed():
    """Exactly a million lines expand."""
    text = "repeat 1000\nrepeat 999\nspawn a\nend\nend\nrepeat 1000\nspawn a\nend\n"

    assert len(load(text).items) == MAX_COMMANDS


def test_100000_commands_expand_in_seconds():
    """Expansion makes each command when it is asked for."""
    start = time.perf_counter()
    script = load("repeat 100000 as i\n  spawn c{i}\nend\n")

    assert str(script.items[99_999].command) == "spawn c99999"
    assert time.perf_counter() - start < 5


def noise(kind, size):
    """Bytes that are no scenario."""
    data = random.Random(kind).randbytes(size)
    if kind == "zeros":
        return bytes(size)
    if kind == "bytes":
        return data
    letters = data.translate(bytes(32 + code % 95 for code in range(256)))
    if kind == "one line":
        return letters
    return b"\n".join(letters[at : at + 50] for at in range(0, size, 51))


@pytest.mark.parametrize("kind", ["bytes", "zeros", "one line", "lines"])
def test_ten_megabytes_of_noise(kind, tmp_path):
    """A file of noise gives its first errors, with their lines, quickly."""
    path = tmp_path / "noise.scenario"
    path.write_bytes(noise(kind, 10 << 20))
    start = time.perf_counter()

    found = errors_of(path)

    assert found[0][0] == 1
    assert time.perf_counter() - start < 3


def test_a_file_has_a_size(tmp_path):
    """More than 16 MB are not read."""
    path = tmp_path / "big.scenario"
    with path.open("wb") as file:
        file.truncate(MAX_FILE + 1)

    assert errors_of(path) == [(0, "larger than 16 MB")]


def test_a_file_that_is_not_there(tmp_path):
    """A missing file and a folder are errors of their own."""
    assert "cannot be read" in errors_of(tmp_path / "nosuch")[0][1]
    assert "cannot be read" in errors_of(tmp_path)[0][1]


# Bytes.


@pytest.mark.parametrize(
    "text",
    [b"\xef\xbb\xbftitle A\r\nspawn sh\r\n", b"title A\nspawn sh", b"title A\n\tspawn sh\n\n\n"],
)
def test_line_ends_bom_and_tabs(text, tmp_path):
    """CRLF, a BOM, tabs and a last line without an end are read as the plain file is."""
    path = tmp_path / "a.scenario"
    path.write_bytes(text)

    assert load(path).text == "title A\nspawn sh\n"


def test_other_bytes_are_errors_with_their_line(tmp_path):
    """Invalid UTF-8, NUL, a lone CR and a line separator are refused where they stand."""
    path = tmp_path / "a.scenario"
    path.write_bytes(b"spawn a\nsay \xff\nspawn b\rspawn c\nspawn d\x00\nsay \xe2\x80\xa8x\n")

    assert errors_of(path) == [
        (2, "not UTF-8 text (byte 0xff)"),
        (3, "control character U+000D"),
        (4, "control character U+0000"),
        (5, "control character U+2028"),
    ]


def test_semicolons_separate_commands():
    """In a text of one line; not in a quoted name, not in a comment, but in narration."""
    assert split_commands('spawn "a;b"; say it\'s; exit "a;b" # x; y') == [
        'spawn "a;b"',
        " say it's",
        ' exit "a;b" # x; y',
    ]
    assert texts_of(load("repeat 2 as i; spawn c{i}; end")) == ["spawn c0", "spawn c1"]


def test_a_machine_by_name():
    """`machine article` is 32 GB with HIGHPTE; what the line says beside it goes first."""
    plain = load("machine article\nspawn a\n")
    changed = load("machine article ram=64M rmap=pte_chain\nspawn a\n")

    assert (32 << 30, True) == (plain.machine.ram, plain.machine.highpte)
    assert (64 << 20, True) == (changed.machine.ram, changed.machine.highpte)
    assert changed.text.startswith("machine article ram=64M rmap=pte_chain\n")
