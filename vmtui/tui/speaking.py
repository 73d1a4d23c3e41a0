"""What is typed at the prompt: the command language, and the few words that only the prompt has."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from vmtui.errors import ScenarioError
from vmtui.player import facts_of
from vmtui.scenario import COMMANDS, parse_line
from vmtui.scenario.checks import check
from vmtui.scenario.commands import Command
from vmtui.scenario.lines import STATEMENTS, Expect, ExpectError, Let, MachineLine, Say, Show
from vmtui.scenario.source import split_commands
from vmtui.scenario.suggest import closest
from vmtui.scenario.values import show_value
from vmtui.session import Done
from vmtui.sessionlog import save_scenario

if TYPE_CHECKING:
    from vmtui.tui.desk import Desk

Speech = Generator[object, None, object]

PROMPT_WORDS = {
    "seek": ("seek N", "go to step N"),
    "back": ("back", "one step back"),
    "save": ("save FILE", "save this branch as a scenario"),
    "open": ("open FILE", "open a scenario"),
    "help": ("help [WORD]", "what a word does"),
}
"""Words that only the prompt has: usage and help."""


def speak(desk: Desk, line: str) -> Speech:
    """Run a line, part by part; the first refusal ends it.

    Raises:
        ScenarioError: a part cannot be read. What stands before it has run.
        KernelError: a command was refused.
    """
    for part in split_commands(line):
        part = part.strip()
        word, _, rest = part.partition(" ")
        if word in PROMPT_WORDS:
            _prompt_word(desk, word, rest.strip())
        else:
            yield from _language(desk, part)
        yield None
    return None


def _language(desk: Desk, part: str) -> Speech:
    statement = parse_line(part)
    if statement is None:
        return None
    if isinstance(statement, Command):
        done = yield from _running(desk, statement)
        if done.error is not None:
            raise done.error
        return done
    if isinstance(statement, Show):
        desk.show_place(str(statement.subject))
    elif isinstance(statement, MachineLine):
        desk.ask_new_machine(statement.settings)
    elif isinstance(statement, ExpectError):
        yield from _refused(desk, statement)
    elif isinstance(statement, Expect):
        result = check(statement, facts_of(desk.session))
        desk.say(
            f"{'holds' if result.holds else 'does not hold'}: {result.sentence}",
            "good" if result.holds else "warn",
        )
    elif isinstance(statement, Say):
        desk.say(statement.shown(facts_of(desk.session)), "card")
    elif isinstance(statement, Let):
        desk.say(f"{statement.name} = {show_value(statement.value.evaluate(facts_of(desk.session)))}")
    else:
        raise ScenarioError(f"{type(statement).keyword} belongs in a file, not at the prompt", source=part)
    return None


def _running(desk: Desk, command: Command) -> Generator[object, None, Done]:
    """Run a command; where the script has more to play from here, on a branch beside it."""
    session, player = desk.session, desk.player
    aside = player is not None and player.at_frontier
    begun = len(session.branches)
    done = yield from session.running(command, aside=aside)
    if aside and len(session.branches) > begun:
        session.notice = (
            f"{session.branch_name} is a detour from command {session.branch.at} of the script: "
            "R goes back to it, then n goes on"
        )
    return done


def _refused(desk: Desk, statement: ExpectError) -> Speech:
    done = yield from _running(desk, statement.command)
    if done.error is not None and done.error.errno == statement.errno:
        desk.say(f"refused with {statement.errno}, as expected: {done.error.message}", "good")
    elif done.error is not None:
        raise done.error
    else:
        desk.say(f"expected {statement.errno}, but it was done: {statement.command}", "warn")
    return done


def _prompt_word(desk: Desk, word: str, rest: str) -> None:
    if word == "seek":
        if not rest.isdecimal() or len(rest) > 12:
            raise ScenarioError("seek needs the number of a step", source=f"seek {rest}")
        steps = len(desk.session.steps)
        if int(rest) > steps:
            raise ScenarioError(f"there are {steps} steps in all", source=f"seek {rest}")
        desk.session.seek(int(rest))
    elif word == "back":
        desk.session.back()
    elif word == "save":
        if not rest:
            raise ScenarioError("save needs the name of a file", source="save")
        desk.say(f"saved as {save_scenario(desk.session, rest)}", "good")
    elif word == "open":
        desk.ask_open(rest)
    elif rest:
        desk.say(help_of(rest))
    else:
        desk.ask_words()


def words() -> list[tuple[str, str]]:
    """How each word is used that the prompt takes, and what it does."""
    own = [(found.usage, found.help) for found in COMMANDS.values()]
    return [*own, *PROMPT_WORDS.values()]


def help_of(word: str) -> str:
    """A line on a word of the language."""
    if word in PROMPT_WORDS:
        usage, text = PROMPT_WORDS[word]
        return f"{usage}: {text}"
    found = COMMANDS.get(word) or STATEMENTS.get(word)
    if found is not None:
        return f"{found.usage}: {found.help}"
    near = closest(word, [*COMMANDS, *STATEMENTS, *PROMPT_WORDS])
    return f"there is no word {word}" + (f": did you mean {near}?" if near else "")
