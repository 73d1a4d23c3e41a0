"""The user's own keys: ``keys.toml`` in the configuration folder, ``"time.forward" = "full_stop"`` a line."""

from __future__ import annotations

import os
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
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return KEYS, []
    except (OSError, UnicodeDecodeError) as error:
        return KEYS, [f"{file.name}: {error}"]
    import tomllib  # few have such a file

    try:
        changes = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return KEYS, [f"{file.name}: {error}"]
    keys, wrong = remapped(changes)
    return keys, [f"{file.name}: {line}" for line in wrong]
