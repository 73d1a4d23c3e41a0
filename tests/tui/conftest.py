"""What the tests of the app share: a still terminal, and the snapshots."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.tui import snapshot


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--update-shots`` writes the golden pictures anew."""
    parser.addoption("--update-shots", action="store_true", help="write screenshots/*.svg anew")


@pytest.fixture
def shot(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare an SVG with screenshots/NAME.svg."""
    update = bool(request.config.getoption("--update-shots", default=False))

    def compare(name: str, svg: str) -> None:
        snapshot.check(name, svg, update=update)

    return compare
