"""A machine for each test."""

from __future__ import annotations

import pytest

from tests.mm.lab import Lab


@pytest.fixture
def lab() -> Lab:
    """A machine with default options, checked after every operation."""
    return Lab()
