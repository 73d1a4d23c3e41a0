"""The scenarios that vmtui carries."""

from __future__ import annotations

from pathlib import Path

from vmtui.scenario.suggest import closest

__all__ = ["find_scenario", "kernel_library", "library"]

SUFFIX = ".scenario"


def library() -> list[Path]:
    """Every scenario, in reading order."""
    return sorted(_folder().glob(f"*{SUFFIX}"))


def kernel_library() -> list[Path]:
    """Every scenario of what today's kernel was seen to do: not for reading, but for `verify`."""
    return sorted(_folder().glob(f"kernel/*{SUFFIX}"))


def _folder() -> Path:
    """Where they are: inside an installed package, at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "scenarios"
    return inside if inside.is_dir() else package.parent / "scenarios"


def find_scenario(name: str) -> Path:
    """
    The file of this name; where there is none, the scenario of vmtui's own with this name or number.

    Returns:
        The path as it was given if nothing fits: reading it will say so.
    """
    path = Path(name)
    if path.exists() or path.name != name:
        return path
    for own in library():
        number = own.stem.partition("-")[0]
        if name in (own.name, own.stem, number, number.lstrip("0")):
            return own
    return path


def close_name(name: str) -> str | None:
    """The scenario of vmtui's own that was probably meant."""
    return closest(name, [path.name for path in library()])
