"""What a machine can, found out before anything is made on it."""

import mmap
import sys

import pytest

from vmtui.live import abilities
from vmtui.live.abilities import probe
from vmtui.live.observed import FIELDS, PRIVILEGED


def test_another_system_can_nothing(monkeypatch):
    """It is named."""
    monkeypatch.setattr(sys, "platform", "darwin")
    found = probe()

    assert (False, frozenset()) == (found.processes, found.fields)
    assert "this is darwin" in found.missing[0]


def test_other_pages_cannot_be_compared(monkeypatch):
    """The simulator's have 4,096 bytes."""
    monkeypatch.setattr(mmap, "PAGESIZE", 65536)
    found = probe()

    assert not found.processes
    assert "pages are 65,536 bytes here" in found.missing[0]


def test_whoever_sees_no_frames_compares_the_rest(monkeypatch):
    """Frames, slots, mapcounts and flags take root."""
    monkeypatch.setattr(abilities, "_sees_frames", lambda: False)
    found = probe()
    if not found.processes:
        pytest.skip(found.missing[0])

    assert set(FIELDS) - PRIVILEGED == found.fields
    assert found.hierarchy is None
    assert any("CAP_SYS_ADMIN" in sentence for sentence in found.missing)


def test_what_is_missing_is_what_the_fields_lack(abilities):
    """Nothing missing means that everything can be compared."""
    if not abilities.missing:
        assert set(FIELDS) == abilities.fields
    assert (abilities.hierarchy is not None) <= abilities.frames
