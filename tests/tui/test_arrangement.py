"""Where the panes stand."""

import pytest

from vmtui.tui.arrangement import BODY, places

SIZES = [(80, 18), (100, 24), (116, 26), (119, 25), (120, 29), (160, 39), (200, 55), (240, 70)]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize(
    "options", [{}, {"presenter": True}, {"maximised": "walk"}, {"lower": ("frames", "processes")}]
)
def test_every_cell_belongs_to_one_pane(width, height, options):
    """Panes cover the body: no gap, no overlap, nothing outside."""
    owners: dict[tuple[int, int], int] = {}
    for place in places(width, height, **options).values():
        for x in range(place.x, place.x + place.width):
            for y in range(place.y, place.y + place.height):
                owners[x, y] = owners.get((x, y), 0) + 1

    assert {(x, y): 1 for x in range(width) for y in range(height)} == owners


@pytest.mark.parametrize(("width", "height"), SIZES[2:3] + SIZES[4:])
def test_a_wide_screen_shows_every_pane(width, height):
    """From 116 columns and 26 rows of body every pane has room for five lines."""
    shown = places(width, height)

    assert set(BODY) == set(shown)
    assert all(place.height >= 7 and place.width >= 24 for place in shown.values())


def test_a_small_screen_shows_two_panes_of_choice():
    """80×24: the diagram of nine rows, and two panes that the user chooses."""
    shown = places(80, 18, lower=("struct-page", "processes"))

    assert {"reverse-map", "struct-page", "processes"} == set(shown)
    assert shown["reverse-map"].height - 2 == 9
