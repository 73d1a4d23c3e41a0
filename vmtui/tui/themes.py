"""The themes of ``vmtui.view.themes`` as Textual's themes and as palettes."""

from __future__ import annotations

from collections.abc import Mapping

from rich.style import Style
from textual.theme import Theme as TextualTheme

from vmtui.tui.paint import Palette
from vmtui.view.roles import ROLES
from vmtui.view.themes import MONO, THEMES, Ink, Theme

NO_COLOUR = "vmtui-no-colour"
"""The theme under NO_COLOR: bold, dim, underline and reverse on the terminal's own two colours."""
DEFAULT = next(iter(THEMES))
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
    inks = theme.inks

    def ink(role: str) -> str:
        return _css(inks[role].fg, named=named)

    return TextualTheme(
        name=theme.name,
        dark=theme.dark,
        ansi=named,
        primary=_css(theme.border_focus, named=named),
        secondary=ink("vma"),
        accent=ink("accent"),
        warning=ink("warn"),
        error=ink("error"),
        success=ink("good"),
        foreground=ink("text"),
        background=_css(theme.background, named=named),
        surface=_css(theme.surface, named=named),
        panel=_css(theme.surface, named=named),
        variables=_variables(
            ink("title"), ink("dim"), ink("accent"), _css(theme.border, named=named), _css(theme.border_focus, named=named)
        )
        | {"input-cursor-background": ink("accent"), "input-cursor-foreground": _css(theme.background, named=named)},
    )


def _variables(title: str, dim: str, accent: str, border: str, focus: str) -> dict[str, str]:
    """What the .tcss files name."""
    return {"role-title": title, "role-dim": dim, "role-accent": accent, "role-border": border, "role-focus": focus}


def _no_colour() -> TextualTheme:
    own = "ansi_default"
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
        variables=_variables(own, own, own, own, own),
    )


def textual_themes() -> list[TextualTheme]:
    """Every theme, for `App.register_theme`."""
    return [*(_textual(theme) for theme in THEMES.values()), _no_colour()]


def palette(name: str, *, ascii: bool = False) -> Palette:
    """What the widgets paint with under a theme."""
    inks: Mapping[str, Ink] = MONO if name == NO_COLOUR else THEMES.get(name, THEMES[DEFAULT]).inks
    return Palette({role: style_of(inks.get(role, Ink())) for role in ROLES}, ascii=ascii)
