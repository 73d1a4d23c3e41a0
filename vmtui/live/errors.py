"""What can go wrong between us and the kernel underneath."""

from __future__ import annotations

from vmtui.errors import VmtuiError

__all__ = ["CannotError", "LiveError", "NoiseError"]


class LiveError(VmtuiError):
    """The kernel underneath, or a process of ours, did what it should never do."""


class CannotError(LiveError):
    """This machine lacks what is needed: a privilege, a file under /proc, a place for swap."""


class NoiseError(LiveError):
    """Something else moved the pages while they were looked at; the run can be tried again."""
