"""The command language: its grammar, commands, expressions and files."""

from vmtui.scenario.commands import COMMANDS, Command
from vmtui.scenario.parser import parse_command, parse_expression, parse_line
from vmtui.scenario.script import Script, load
from vmtui.scenario.shipped import library

__all__ = [
    "COMMANDS",
    "Command",
    "Script",
    "library",
    "load",
    "parse_command",
    "parse_expression",
    "parse_line",
]
