"""A bad line is refused in the reader's words, with its column and the word that was meant."""

import pytest

from vmtui.errors import ScenarioError, ScenarioErrors, is_control, printable
from vmtui.scenario.commands import COMMANDS
from vmtui.scenario.diagnose import FIRST_WORDS, MAX_EXPECTED, PROMPT_WORDS
from vmtui.scenario.parser import MAX_LINE, parse_command, parse_line
from vmtui.scenario.script import load
from vmtui.scenario.suggest import closest, distance


def refused(line):
    """The error of a line."""
    with pytest.raises(ScenarioError) as caught:
        parse_line(line)
    return caught.value


@pytest.mark.parametrize(
    ("line", "column", "message", "suggestion"),
    [
        ("mmap sh heap 4 pages rw privat", 25, "expected private or shared", "private"),
        ("forc sh", 1, "forc is not a command", "fork"),
        ("exec", 5, "expected a name", None),
        ("brk sh 4 pages", 8, "expected a name", None),
        ("file data", 10, "expected a number or a name", None),
        ("trunkate data 4 pages", 1, "trunkate is not a command", "truncate"),
        ("mmap sh x 1 pages r shared data - 4", 33, "expected +", None),
        ("machine articel", 9, "no machine is called articel; there is article", "article"),
        ("walk sh.heap[0] ful", 17, "expected full or the end of the line", "full"),
        ("mprotect sh.heap x", 18, "expected r, rw, rx, rwx or none", None),
        ("madvise sh.heap dontned", 17, "expected dontneed, free, pageout, dontfork or dofork", "dontneed"),
        ("read sh", 8, "expected . or :", None),
        ("read", 5, "expected a place", None),
        ("mmap sh r 4 pages rw private", 9, "expected a name", None),
        ("fork sh c{i", 12, "expected }", None),
        ("expect (1", 10, "expected )", None),
        ("expect 1 +", 11, "expected a value", None),
        ("expect a == b == c", 15, "expected an operator or the end of the line", None),
        ("exit sh foo", 9, "expected the end of the line", None),
        ('exit "sh', 6, "this quote is never closed", None),
        ("repeat", 7, "expected a number or a name", None),
        ("title", 6, "expected a text", None),
        ("machine ram", 12, "expected =", None),
        ("((((", 1, "expected a command", None),
        ("seek 5", 1, "seek is a word of the prompt, not of a file", None),
        ("expect walk.examind == 1", 13, "walk has no examind", "examined"),
        ("expect walk == 1", 8, "walk is no value: say what of it", None),
        ("expect sh.heap[0]", 11, "sh.heap[0] is a place: say what of it, as sh.heap[0].present", None),
        ("expect sh.alve", 11, "nothing of a process is called alve", "alive"),
        ("expect sh.heap[0].presnt", 19, "nothing of a page or a VMA is called presnt", "present"),
        ("say {x", 5, "this { is never closed; {{ is a brace", None),
        ("say hi {walk.foo}", 14, "walk has no foo", None),
        ("expect-error EINVL walk sh.heap", 14, "EINVL is no refusal", "EINVAL"),
        ("let walk = 3", 5, "walk is a word of the language: take another name", None),
        ("param free = 3", 7, "free is a word of the language: take another name", None),
        ("read sh.heap[99999999999999999999]", 14, "the number is too large", None),
        ('spawn "a\u0007b"', 9, "control character U+0007", None),
        ("spawn a\0", 8, "control character U+0000", None),
        ("say \u202eevil", 5, "control character U+202E", None),
        ('spawn " "', 7, "a name cannot be blank", None),
    ],
)
def test_what_is_wrong_is_said(line, column, message, suggestion):
    """The message names what could stand there, the column is where, and a slip is recognised."""
    error = refused(line)

    assert (column, message, suggestion) == (error.column, error.message, error.suggestion)
    assert len(error.expected) <= MAX_EXPECTED


def test_an_error_shows_the_line_and_a_caret():
    """In a file: its name, line and column, the line, a caret under the bad word, one suggestion."""
    with pytest.raises(ScenarioErrors) as caught:
        load("spawn sh\n\n   mmap sh heap 4 pages rw privat\n", name="my.scenario")

    assert str(caught.value) == (
        "my.scenario:3:28: expected private or shared\n"
        "       mmap sh heap 4 pages rw privat\n"
        "                               ^\n"
        "    did you mean private?"
    )


def test_a_long_line_is_cut_around_the_caret():
    """What is shown of a long line fits a terminal and holds the bad word."""
    error = refused("exit " + "a" * 900 + " oops" + " b" * 900)

    _, line, caret = str(error).splitlines()

    assert len(line) <= 102
    assert line[caret.index("^") :].startswith("oops")


@pytest.mark.parametrize("line", ["x" * (MAX_LINE + 1), "say " + "é" * MAX_LINE])
def test_a_line_has_an_end(line):
    """More than 4,096 characters are refused."""
    assert "4,096 at most" in refused(line).message


@pytest.mark.parametrize("line", ["expect " + "(" * 2000 + "1" + ")" * 2000, "expect " + "(" * 4000])
def test_thousands_of_brackets_are_refused(line):
    """Brackets beyond a depth of 100 are an error with a column, never a RecursionError."""
    assert refused(line).message == "brackets more than 100 deep"


@pytest.mark.parametrize(
    "expr",
    ["not " * 101 + "true", "-" * 3000 + "1", "(-" * 60 + "1" + ")" * 60, "(not " * 99 + "true" + ")" * 99],
)
def test_depth_has_an_end_without_brackets_too(expr):
    """Chains of `not` and `-` count as depth; what is read prints and evaluates without a RecursionError."""
    try:
        statement = parse_line(f"expect {expr}")
    except ScenarioError as error:
        assert "deep" in error.message  # noqa: PT017 - either end is right, by depth
        return

    assert parse_line(str(statement)) == statement


def test_long_chains_are_no_depth():
    """A sum of a thousand numbers is one level."""
    assert parse_line("expect " + " + ".join(["1"] * 1000) + " == 1000") is not None


def test_what_is_no_command_is_refused_as_a_command():
    """A line of another kind is not run as a command."""
    with pytest.raises(ScenarioError, match="expected a command"):
        parse_command("say hello")
    with pytest.raises(ScenarioError, match="expected a command"):
        parse_command("# nothing")


def test_suggestions_are_near():
    """One letter in three may differ, or be swapped; far words, and letters alone, get no suggestion."""
    assert distance("fokr", "fork") == 1
    assert distance("", "abc") == 3
    assert closest("fokr", FIRST_WORDS) == "fork"
    assert closest("swpout", FIRST_WORDS) == "swapout"
    assert closest("x", FIRST_WORDS) is None
    assert closest("elephant", FIRST_WORDS) is None
    assert not set(PROMPT_WORDS) & set(FIRST_WORDS)


def test_no_escape_reaches_a_terminal():
    """What a terminal would act on is replaced; letters of every script stay."""
    assert printable("a\x1b[31mb\x9b1m\u202e\n\ttab") == "a\ufffd[31mb\ufffd1m\ufffd\ufffd tab"
    assert printable("Straße 页 ½ · [bold]") == "Straße 页 ½ · [bold]"
    assert all(is_control(chr(code)) for code in (*range(32), *range(127, 160)))


def test_an_error_quotes_nothing_that_acts():
    """Neither the message nor the excerpt of a bad line holds a character that a terminal acts on."""
    text = str(refused("spawn \x1b]0;owned\x07"))

    assert not [char for char in text if is_control(char) and char != "\n"]


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("spawn sh; mmap sh heap 4 page rw private", "command 2, column 16: expected r, rw"),
        ("spawn sh;spawn b;  frobnicate b", "command 3, column 1: frobnicate is not a command"),
        ("spawn sh; repeat 2; spawn b", "command 2: this block has no end"),
        ("spawn sh\nfrobnicate b\n", "line 2:1: frobnicate is not a command"),
    ],
)
def test_a_text_of_one_line_is_counted_in_commands(text, position):
    """Where semicolons separate them, an error says which command it is and where in it; else which line."""
    with pytest.raises(ScenarioErrors) as caught:
        load(text)

    assert str(caught.value).startswith(position)


@pytest.mark.parametrize(("word", "meant"), [("frobnicate", None), ("forc", "fork"), ("wrote", "write")])
def test_a_word_that_is_no_command_gets_a_hint(word, meant):
    """The near word where there is one; else some words that are commands, and where all are told."""
    error = refused(f"{word} sh")

    assert error.suggestion == meant
    assert (meant is None) == error.message.endswith("in the app, help lists all")
    named = [each for each in COMMANDS if f" {each}" in error.message]
    assert bool(named) == (meant is None)
