"""The themes: what ink each role has, on what ground; and what is left of it under NO_COLOR.

A colour is ``#rrggbb`` or one of the sixteen names of a terminal (``bright_blue``). The sixteen-colour theme
uses names only, so that a terminal's own palette shows; its contrast is reckoned with xterm's values.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs


@attrs.frozen
class Ink:
    """How one role is written: colours ("" for the theme's own) and attributes."""

    fg: str = ""
    bg: str = ""
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False


@attrs.frozen
class Theme:
    """One set of colours.

    Attributes:
        dark: Light text on a dark ground.
        background: The ground of the panes.
        surface: The ground of the header and footer.
        border, border_focus: Frames of panes; the second of the pane that has the keys.
        inks: One for every role.
    """

    name: str
    title: str
    dark: bool
    background: str
    surface: str
    border: str
    border_focus: str
    inks: Mapping[str, Ink]


#: Roles written bold, and in italics, in every theme.
_BOLD: Final = frozenset(
    {"title", "accent", "subject", "brand", "new", "error", "active", "key", "keyword", "current"}
)
_ITALIC: Final = frozenset({"comment"})


def _theme(name: str, title: str, ground: str, colours: str, *, dark: bool = True) -> Theme:
    """A theme from ``role=colour`` words; ``role=colour/background`` for a role with a ground of its own."""
    background, surface, border, border_focus = ground.split()
    inks = {}
    for word in colours.split():
        role, _, value = word.partition("=")
        fg, _, bg = value.partition("/")
        inks[role] = Ink(fg, bg, bold=role in _BOLD, italic=role in _ITALIC)
    return Theme(name, title, dark, background, surface, border, border_focus, MappingProxyType(inks))


_DARK: Final = _theme(
    "vmtui-dark",
    "dark",
    "#11151c #1a2130 #3a4556 #59c2ff",
    """
    text=#d4dbe6 dim=#8794a6 title=#aebccf accent=#ffb454 subject=#ffb454/#2a2416 current=#f2f5fa/#33291a
    brand=#11151c/#ffb454 card=#f2f5fa key=#ffb454 good=#7fd962 warn=#ffd173 error=#ff7b72
    page=#59c2ff vma=#6fd7c0 mm=#d4dbe6 anon_vma=#d2a6ff pte=#e6c08a swap=#ff8fb8 zero=#9fb0c3 file=#86d18f
    kernel=#8794a6 table=#8fa8d6 hit=#7fd962 miss=#ff7b72 ruled=#a9a3c4 active=#ffb454 old=#8794a6 new=#ffb454
    keyword=#ff9e64 string=#a5d67f number=#d2a6ff comment=#8090a4 function=#59c2ff lineno=#7c899b
    mark=#d4dbe6 upcoming=#7c899b branch=#d2a6ff
    line=#6b7789 free=#66728a bar=#6fd7c0 bar_low=#ff7b72 bar_rest=#66728a track=#ffb454 track_rest=#66728a
    density=#4a90c2
    """,
)

_LIGHT: Final = _theme(
    "vmtui-light",
    "light",
    "#fbfaf6 #ece9df #b9b3a4 #0860b5",
    """
    text=#24292f dim=#5c6672 title=#3f4955 accent=#a34700 subject=#8a3c00/#fdeccf current=#1b1f24/#ffe7b8
    brand=#ffffff/#a34700 card=#14181d key=#a34700 good=#176b25 warn=#7a5200 error=#b3261e
    page=#0860b5 vma=#0b6b5d mm=#24292f anon_vma=#7638b0 pte=#7a5200 swap=#a8246a zero=#5c6672 file=#2f6b1c
    kernel=#5c6672 table=#3f5f9e hit=#176b25 miss=#b3261e ruled=#665c85 active=#a34700 old=#5c6672 new=#a34700
    keyword=#a34700 string=#2f6b1c number=#7638b0 comment=#5c6672 function=#0860b5 lineno=#5f6873
    mark=#24292f upcoming=#5f6873 branch=#7638b0
    line=#7a828c free=#7a828c bar=#0b6b5d bar_low=#b3261e bar_rest=#7a828c track=#a34700 track_rest=#7a828c
    density=#4a86bd
    """,
    dark=False,
)

_CONTRAST: Final = _theme(
    "vmtui-high-contrast",
    "high contrast",
    "#000000 #000000 #a8a8a8 #ffff5f",
    """
    text=#ffffff dim=#cfcfcf title=#ffffff accent=#ffd75f subject=#000000/#ffd75f current=#000000/#ffffff
    brand=#000000/#ffd75f card=#ffffff key=#ffd75f good=#5fff5f warn=#ffff5f error=#ff9a9a
    page=#7fd4ff vma=#5fffd7 mm=#ffffff anon_vma=#e5b8ff pte=#ffdca8 swap=#ffb0d8 zero=#cfcfcf file=#a8ff9a
    kernel=#cfcfcf table=#b8ccff hit=#5fff5f miss=#ff9a9a ruled=#d0d0ff active=#ffd75f old=#cfcfcf new=#ffd75f
    keyword=#ffd75f string=#a8ff9a number=#e5b8ff comment=#cfcfcf function=#7fd4ff lineno=#cfcfcf
    mark=#ffffff upcoming=#cfcfcf branch=#e5b8ff
    line=#a8a8a8 free=#a8a8a8 bar=#5fffd7 bar_low=#ff9a9a bar_rest=#a8a8a8 track=#ffd75f track_rest=#a8a8a8
    density=#7fd4ff
    """,
)

# Okabe and Ito's colours, which people with any colour vision tell apart, some lightened to be legible.
_OKABE: Final = _theme(
    "vmtui-okabe-ito",
    "Okabe-Ito",
    "#101114 #1b1d22 #474b54 #56b4e9",
    """
    text=#e6e6e6 dim=#9a9fa8 title=#c4c8cf accent=#e69f00 subject=#e69f00/#2b2410 current=#ffffff/#33291a
    brand=#101114/#e69f00 card=#ffffff key=#e69f00 good=#00a878 warn=#f0e442 error=#f0701a
    page=#56b4e9 vma=#00a878 mm=#e6e6e6 anon_vma=#cc79a7 pte=#f0e442 swap=#cc79a7 zero=#9a9fa8 file=#00a878
    kernel=#9a9fa8 table=#5b9bd5 hit=#56b4e9 miss=#f0701a ruled=#b4b4b4 active=#e69f00 old=#9a9fa8 new=#e69f00
    keyword=#e69f00 string=#00a878 number=#cc79a7 comment=#9a9fa8 function=#56b4e9 lineno=#868b94
    mark=#e6e6e6 upcoming=#868b94 branch=#cc79a7
    line=#7a7f88 free=#7a7f88 bar=#56b4e9 bar_low=#f0701a bar_rest=#7a7f88 track=#e69f00 track_rest=#7a7f88
    density=#3f7fb5
    """,
)

_SIXTEEN: Final = _theme(
    "vmtui-16",
    "16 colours",
    "black black bright_black bright_cyan",
    """
    text=white dim=white title=bright_white accent=bright_yellow subject=black/yellow current=black/white
    brand=black/yellow card=bright_white key=bright_yellow good=bright_green warn=bright_yellow
    error=bright_red page=bright_cyan vma=cyan mm=bright_white anon_vma=bright_magenta pte=yellow
    swap=bright_magenta zero=white file=green kernel=white table=white hit=bright_green miss=bright_red
    ruled=white active=bright_yellow old=white new=bright_yellow keyword=bright_yellow string=green
    number=bright_magenta comment=white function=bright_cyan lineno=white
    mark=bright_white upcoming=white branch=bright_magenta
    line=bright_black free=bright_black bar=cyan bar_low=bright_red bar_rest=bright_black
    track=bright_yellow track_rest=bright_black density=cyan
    """,
)

#: The themes by name; the first is the default.
THEMES: Final[Mapping[str, Theme]] = MappingProxyType(
    {theme.name: theme for theme in (_DARK, _LIGHT, _CONTRAST, _OKABE, _SIXTEEN)}
)

#: What a role keeps under NO_COLOR. Every state has its own glyph besides.
MONO: Final[Mapping[str, Ink]] = MappingProxyType(
    {role: Ink(bold=True) for role in _BOLD | {"card", "function", "hit", "bar_low"}}
    | {role: Ink(dim=True) for role in ("dim", "line", "free", "old", "upcoming", "comment", "lineno")}
    | {role: Ink(dim=True) for role in ("ruled", "track_rest", "bar_rest", "kernel")}
    | {"brand": Ink(bold=True, reverse=True), "current": Ink(reverse=True), "warn": Ink(underline=True)}
    | {"subject": Ink(bold=True, underline=True)}
)

#: xterm's values of the sixteen names.
ANSI: Final[Mapping[str, str]] = MappingProxyType(
    {
        "black": "#000000",
        "red": "#cd0000",
        "green": "#00cd00",
        "yellow": "#cdcd00",
        "blue": "#0000ee",
        "magenta": "#cd00cd",
        "cyan": "#00cdcd",
        "white": "#e5e5e5",
        "bright_black": "#7f7f7f",
        "bright_red": "#ff5f5f",
        "bright_green": "#00ff00",
        "bright_yellow": "#ffff00",
        "bright_blue": "#5c5cff",
        "bright_magenta": "#ff00ff",
        "bright_cyan": "#00ffff",
        "bright_white": "#ffffff",
    }
)


def rgb(colour: str) -> tuple[int, int, int]:
    """The components of a colour, 0 to 255."""
    text = ANSI.get(colour, colour).removeprefix("#")
    return int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16)


def luminance(colour: str) -> float:
    """Relative luminance of a colour (WCAG 2), 0 for black to 1 for white."""
    red, green, blue = (_linear(part / 255) for part in rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast of two colours (WCAG 2), from 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
