"""What tests on the kernel underneath share: whether it can be asked, and a way to ask it."""

import pytest

from vmtui.live.abilities import probe
from vmtui.live.verify import verify
from vmtui.scenario.script import load


@pytest.fixture(scope="session")
def abilities():
    """What this machine can; tests that need more than that are skipped, with the reason."""
    return probe()


@pytest.fixture
def kernel(abilities):
    """This machine, where everything can be done on it."""
    if abilities.missing:
        pytest.skip("; ".join(abilities.missing))
    return abilities


@pytest.fixture
def play_live(kernel):
    """Plays a text on both sides; its rows, by the text of the command, the last of each."""

    def play(text, **options):
        found = verify(load(text, **options), kernel)
        assert not found.refused
        return {row.text: row for row in found.rows}

    return play
