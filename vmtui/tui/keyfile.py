"""The user's own keys: ``keys.toml`` in the configuration folder, ``"time.forward" = "full_stop"`` a line."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import platformdirs

from vmtui.tui.keymap import KEYS, Key, remapped


def path() -> Path:
    """Where the file is looked for: $VMTUI_HOME, or the user's configuration folder."""
    home = os.environ.get("VMTUI_HOME")
    return Path(home or platformdirs.user_config_dir("vmtui", appauthor=False)) / "keys.toml"


def load(file: Path | None = None) -> tuple[tuple[Key, ...], list[str]]:
    """The registry with the user's changes, and what is wrong with them, in sentences."""
    file = file or path()
    try:
        changes = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return KEYS, []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return KEYS, [f"{file.name}: {error}"]
    keys, wrong = remapped(changes)
    return keys, [f"{file.name}: {line}" for line in wrong]
