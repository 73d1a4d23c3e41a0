"""What tests on the kernel underneath share: whether it can be asked, and a way to ask it."""

import os
import platform
import time

import pytest

from vmtui.live import record, turn
from vmtui.live.abilities import probe

RULES = "6.18"
OFF = ("", "0", "false", "no", "off")
LOCK = "/proc/version"  # the machine's one: there for every checkout and every user, and nobody's to make
PATIENCE = 300.0  # seconds that a test waits for others to be done with the kernel underneath


@pytest.fixture
def records(request, tmp_path_factory, monkeypatch):
    """The folder in which records lie, empty; the machine's own is not looked at.

    Nor is a run waited for that has the machine, where the test does nothing to it.
    """
    machine = tmp_path_factory.mktemp("machine")
    monkeypatch.setattr(record, "MACHINE_FOLDER", machine / "live")
    if not {"kernel", "open_kernel"} & set(request.fixturenames):
        (machine / "swaps").touch()
        monkeypatch.setattr(turn, "PLACE", machine / "swaps")
    return machine / "live"


@pytest.fixture(scope="session")
def abilities():
    """What this machine can; tests that need more than that are skipped, with the reason."""
    return probe()


@pytest.fixture
def kernel(abilities):
    """This machine, where everything can be done on it; one test at a time has it.

    It makes swap files and cgroups, so it must be asked for.
    """
    yield from _one_at_a_time(why_not(), abilities)


@pytest.fixture
def open_kernel():
    """The same, where anon_vmas can be read too."""
    yield from _one_at_a_time(why_not(), probe(anon_vma=True))


@pytest.fixture(params=[False, True], ids=["fields", "anon_vmas"])
def todays_kernel(request):
    """The same, without anon_vmas and with them; a build machine need not ask for it."""
    yield from _one_at_a_time(why_not(in_ci=True), probe(anon_vma=request.param))


def why_not(*, in_ci=False):
    """
    Why the kernel underneath is left alone, in a sentence; None if it may be asked.

    VMTUI_LIVE asks for it, or forbids it with 0.  Where `in_ci`, so does CI, but for another kernel than that
    whose rules the simulator has.
    """
    live, ci = (os.environ.get(name, "").lower() for name in ("VMTUI_LIVE", "CI"))
    if live not in OFF:
        return None
    if live or not in_ci or ci in OFF:
        return "set VMTUI_LIVE=1, as `make test-live` does, to ask the kernel underneath"
    if not platform.release().startswith(f"{RULES}."):
        return f"the rules are those of {RULES}, and this is {platform.system()} {platform.release()}"
    return None


def _one_at_a_time(reason, abilities):
    if reason is None and abilities.missing:
        reason = "; ".join(abilities.missing)
    if reason is not None:
        pytest.skip(reason)
    fd = os.open(LOCK, os.O_RDONLY)
    try:
        if not _locked(fd):
            pytest.skip(f"other tests have had the kernel underneath for {PATIENCE:g} seconds")
        yield abilities
    finally:
        os.close(fd)


def _locked(fd):
    """Whether we have a lock, before patience ends."""
    import fcntl

    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
