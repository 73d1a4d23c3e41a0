"""The themes."""

import pytest

from vmtui.view.roles import LINE_ROLES, ROLES, TEXT_ROLES
from vmtui.view.themes import MONO, THEMES, contrast, luminance


def test_the_five_themes():
    """Dark is the default; light, high contrast, Okabe-Ito and sixteen colours are there too."""
    assert [theme.title for theme in THEMES.values()] == [
        "dark", "light", "high contrast", "Okabe-Ito", "16 colours",
    ]  # fmt: skip


def test_contrast_is_that_of_wcag():
    """Black on white is 21 to 1; a colour on itself 1 to 1."""
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert contrast("#59c2ff", "#59c2ff") == 1


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_every_role_has_ink(theme):
    """A theme colours every role and nothing else."""
    assert set(theme.inks) == set(ROLES)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("role", TEXT_ROLES)
def test_text_can_be_read(theme, role):
    """All text has a contrast of 4.5 or more against every ground it stands on; 7 in high contrast."""
    ink = theme.inks[role]
    least = 7 if theme.title == "high contrast" else 4.5
    for ground in [ink.bg] if ink.bg else [theme.background, theme.surface]:
        assert contrast(ink.fg, ground) >= least


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("role", LINE_ROLES)
def test_lines_can_be_seen(theme, role):
    """Lines, bars and dots have a contrast of 3 or more."""
    assert contrast(theme.inks[role].fg, theme.background) >= 3


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_dark_is_dark(theme):
    """A theme says truly whether it is dark."""
    assert theme.dark == (luminance(theme.background) < 0.2)


def test_without_colour_states_still_differ():
    """Under NO_COLOR the running line, the subject, the dim and the bold are told apart by attributes."""
    assert set(MONO) <= set(ROLES)
    assert len({MONO[role] for role in ("current", "subject", "dim", "title")}) == 4
    assert not any(ink.fg or ink.bg for ink in MONO.values())
