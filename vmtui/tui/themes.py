"""The themes of ``vmtui.view.themes`` as Textual's themes and as palettes."""

from __future__ import annotations

from collections.abc import Mapping

from rich.style import Style
from textual.theme import BUILTIN_THEMES
from textual.theme import Theme as TextualTheme

from vmtui.tui.paint import Palette
from vmtui.view.roles import ROLES
from vmtui.view.themes import MONO, THEMES, Ink, Theme

NO_COLOUR = "vmtui-no-colour"
"""The theme under NO_COLOR: bold, dim, underline and reverse on the terminal's own two colours."""
DEFAULT = next(iter(THEMES))
ANSI_VARIABLES = dict(BUILTIN_THEMES["ansi-dark"].variables)
"""What Textual's own style sheets name under a theme of terminal colours."""
HIGH_CONTRAST = "vmtui-high-contrast"
"""What a presentation is shown in."""


def style_of(ink: Ink) -> Style:
    """An ink as a terminal style."""
    return Style(
        color=ink.fg or None,
        bgcolor=ink.bg or None,
        bold=ink.bold or None,
        dim=ink.dim or None,
        italic=ink.italic or None,
        underline=ink.underline or None,
        reverse=ink.reverse or None,
    )


def _css(colour: str, *, named: bool) -> str:
    """A colour as CSS says it: the sixteen names get a prefix."""
    return f"ansi_{colour}" if named and colour and not colour.startswith("#") else colour


def _textual(theme: Theme) -> TextualTheme:
    named = not theme.background.startswith("#")

    def css(colour: str) -> str:
        return _css(colour, named=named)

    def ink(role: str) -> str:
        return css(theme.inks[role].fg)

    return TextualTheme(
        name=theme.name,
        dark=theme.dark,
        ansi=named,
        primary=css(theme.border_focus),
        secondary=ink("vma"),
        accent=ink("accent"),
        warning=ink("warn"),
        error=ink("error"),
        success=ink("good"),
        foreground=ink("text"),
        background=css(theme.background),
        surface=css(theme.surface),
        panel=css(theme.surface),
        variables={
            **(ANSI_VARIABLES if named else {}),
            "role-title": ink("title"),
            "role-dim": ink("dim"),
            "role-accent": ink("accent"),
            "role-border": css(theme.border),
            "role-focus": css(theme.border_focus),
            "input-cursor-background": ink("accent"),
            "input-cursor-foreground": css(theme.background),
        },
    )


def _no_colour() -> TextualTheme:
    own = "ansi_default"
    roles = ("role-title", "role-dim", "role-accent", "role-border", "role-focus")
    return TextualTheme(
        name=NO_COLOUR,
        primary=own,
        secondary=own,
        accent=own,
        warning=own,
        error=own,
        success=own,
        foreground=own,
        background=own,
        surface=own,
        panel=own,
        ansi=True,
        variables={
            **ANSI_VARIABLES,
            **dict.fromkeys(roles, own),
            "input-cursor-text-style": "reverse",
            "block-cursor-text-style": "reverse",
        },
    )


def textual_themes() -> list[TextualTheme]:
    """Every theme, for `App.register_theme`."""
    return [*(_textual(theme) for theme in THEMES.values()), _no_colour()]


def palette(name: str, *, ascii: bool = False) -> Palette:
    """What the widgets paint with under a theme."""
    inks: Mapping[str, Ink] = MONO if name == NO_COLOUR else THEMES.get(name, THEMES[DEFAULT]).inks
    return Palette({role: style_of(inks.get(role, Ink())) for role in ROLES}, ascii=ascii)
