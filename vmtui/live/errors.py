"""What can get in the way while real processes are looked at."""

from __future__ import annotations

from vmtui.errors import LiveError

__all__ = ["NoiseError"]


class NoiseError(LiveError):
    """Something else moved the pages while they were looked at; the run can be tried again."""
