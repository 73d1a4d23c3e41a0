"""What tests on the kernel underneath share: whether it can be asked, and a way to ask it."""

import os
from pathlib import Path

import pytest

from vmtui.live.abilities import probe


@pytest.fixture(scope="session")
def abilities():
    """What this machine can; tests that need more than that are skipped, with the reason."""
    return probe()


@pytest.fixture
def kernel(abilities):
    """This machine, where everything can be done on it; one test at a time has it.

    It makes swap files and cgroups, so it must be asked for.
    """
    if not os.environ.get("VMTUI_LIVE"):
        pytest.skip("set VMTUI_LIVE=1, as `make test-live` does, to ask the kernel underneath")
    if abilities.missing:
        pytest.skip("; ".join(abilities.missing))
    import fcntl

    fd = os.open(Path(__file__), os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    yield abilities
    os.close(fd)
