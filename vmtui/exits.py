"""
What ``vmtui`` exits with.

0, all went well and every expect holds; 1, an expect failed, a command was refused, or two sides differ; 2, a
bad file or a bad usage; 3, a fault of vmtui's own; 4, this machine cannot do what was asked.  The last two
are what a shell expects of a program that Ctrl-C ended, and of one whose reader has gone.
"""

from __future__ import annotations

from typing import Final

__all__ = ["BAD", "BROKEN_PIPE", "CANNOT", "FAILED", "FAULT", "INTERRUPTED", "OK"]

OK: Final = 0
FAILED: Final = 1
BAD: Final = 2
FAULT: Final = 3
CANNOT: Final = 4
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141
