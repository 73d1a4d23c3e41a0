"""Printing is the inverse of parsing, for every line of the language."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings

from tests.scenario import strategies
from vmtui.errors import ScenarioError
from vmtui.scenario import COMMANDS, lines
from vmtui.scenario.commands import Fork, Mremap, Size, Walk
from vmtui.scenario.expressions import Literal, Variable
from vmtui.scenario.parser import MAX_LINE, parse_expression, parse_line, parse_source_line
from vmtui.scenario.places import LabelPlace
from vmtui.scenario.script import load

SCENARIOS = sorted((Path(__file__).resolve().parents[2] / "scenarios").glob("*.scenario"))
EASY = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)


def reads_back(statement):
    """Whether a statement's text, if it fits in a line, is read as that statement, and prints the same."""
    text = str(statement)
    if len(text) > MAX_LINE:
        return True
    again = parse_line(text)
    return again == statement and str(again) == text


def test_every_class_has_a_strategy():
    """No command and no other line is left out of the tests below."""
    assert set(strategies.COMMAND_STRATEGIES) == set(COMMANDS.values())
    assert set(strategies.WORD_STRATEGIES) == set(lines.STATEMENTS.values())


@EASY
@given(strategies.all_commands)
@example(Fork("sh", "at"))
@example(Fork("full", "free"))
@example(Walk(LabelPlace("full", "full"), full=True))
@example(Walk(LabelPlace("pfn", "heap")))
@example(Mremap(LabelPlace("sh", "heap"), Size(Variable("n"), pages=True), Literal(4096, "0x1000"), "to"))
def test_a_command_reads_back(command):
    """parse(print(command)) == command."""
    assert reads_back(command)


@EASY
@given(strategies.words)
def test_any_other_line_reads_back(word):
    """parse(print(line)) == line for text, blocks, variables and expects."""
    assert reads_back(word)


@EASY
@given(strategies.expressions())
def test_an_expression_reads_back(expression):
    """parse(print(expression)) == expression: parentheses stand where they are needed."""
    text = str(expression)
    if len(text) <= MAX_LINE:
        assert parse_expression(text) == expression


@EASY
@given(strategies.all_commands, strategies.texts)
def test_a_comment_stays(command, comment):
    """A comment behind a command is kept, and the line reads back."""
    line = lines.SourceLine(command, comment.rstrip())

    if len(str(line)) <= MAX_LINE:
        assert parse_source_line(str(line)) == line


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_is_in_canonical_form(path):
    """print(parse(file)) is the file."""
    assert load(path).text == path.read_text(encoding="utf-8")


@EASY
@given(strategies.texts)
def test_any_text_is_a_line_or_an_error(text):
    """Whatever is typed either reads, and prints in a form that reads the same, or is a ScenarioError."""
    with contextlib.suppress(ScenarioError):
        line = parse_source_line(text)
        assert parse_source_line(str(line)) == line


def test_the_form_is_canonical_after_one_pass():
    """fmt twice is fmt once: blanks, indentation, case of spacing are settled by the first."""
    text = """title  A  title
# comment
machine   ram=64M
  repeat 2   as i # twice
spawn  c{ i+1 }
   end
expect ((1+2)*3)==9 and not(c1.alive==false)


"""
    once = load(text).text

    assert once == load(once).text
    assert once == (
        "title A  title\n# comment\nmachine ram=64M\nrepeat 2 as i  # twice\n  spawn c{i + 1}\nend\n"
        "expect (1 + 2) * 3 == 9 and not c1.alive == false\n"
    )
