"""What tests on the kernel underneath share: whether it can be asked, and a way to ask it."""

import os
from pathlib import Path

import pytest

from vmtui.live import record
from vmtui.live.abilities import probe


@pytest.fixture
def records(tmp_path_factory, monkeypatch):
    """The folder in which records lie, empty; the machine's own is not looked at."""
    folder = tmp_path_factory.mktemp("machine") / "live"
    monkeypatch.setattr(record, "MACHINE_FOLDER", folder)
    return folder


@pytest.fixture(scope="session")
def abilities():
    """What this machine can; tests that need more than that are skipped, with the reason."""
    return probe()


@pytest.fixture
def kernel(abilities):
    """This machine, where everything can be done on it; one test at a time has it.

    It makes swap files and cgroups, so it must be asked for.
    """
    yield from _one_at_a_time(abilities)


@pytest.fixture
def open_kernel():
    """The same, where anon_vmas can be read too."""
    yield from _one_at_a_time(probe(anon_vma=True))


def _one_at_a_time(abilities):
    if not os.environ.get("VMTUI_LIVE"):
        pytest.skip("set VMTUI_LIVE=1, as `make test-live` does, to ask the kernel underneath")
    if abilities.missing:
        pytest.skip("; ".join(abilities.missing))
    import fcntl

    fd = os.open(Path(__file__), os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    yield abilities
    os.close(fd)
