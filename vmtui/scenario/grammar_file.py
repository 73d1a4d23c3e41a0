"""Where the tables lie that lark made of the grammar: making them takes longer than to read a scenario."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import platformdirs

__all__ = ["grammar_file"]


def grammar_file() -> str:
    """A file for lark's tables; "" where there is no safe place for one, and they are made each time.

    lark keeps them with a hash of the grammar, of its own version and of Python's, and makes them anew where
    anything of that or of the file is wrong. It reads them with pickle, which runs what it reads: so the
    folder must be the user's, and nobody else's to write.
    """
    home = os.environ.get("VMTUI_HOME")
    folder = Path(home) / "cache" if home else Path(platformdirs.user_cache_dir("vmtui", appauthor=False))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stat = folder.stat()
    except OSError:
        return ""
    if os.name == "posix" and (stat.st_uid != os.getuid() or stat.st_mode & 0o022):
        return ""
    return str(folder / f"grammar-{sys.version_info[0]}.{sys.version_info[1]}")
