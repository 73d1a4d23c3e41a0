"""The large scenarios at a size at which they can be gone through a thousand times.

The figures of such a file hold for the size that it names: one test plays it in full, all others small.
"""

from pathlib import Path

SMALL = {
    "20-fork-and-exec": {"size": 300},
    "21-three-shapes": {"tasks": 6, "windows": 5},
    "22-test-mmap3": {"windows": 4},
    "23-riks-children": {"children": 20},
    "24-children-exit": {"children": 20},
    "28-the-trial-chains": {"sga": 4},
    "29-the-trial-lists": {"sga": 4, "windows": 5},
    "30-the-trial-highpte": {"sga": 4},
    "31-the-trial-4-4": {"sga": 4},
    "32-the-trial-clusters": {"sga": 40},
    "33-the-trial-verdict": {"sga": 40},
}


def small(path: Path) -> dict[str, int]:
    """The params of a file that make it small; none if it is."""
    return SMALL.get(path.stem, {})


def settings(path: Path) -> list[str]:
    """The same as words of a command line."""
    return [word for name, number in small(path).items() for word in ("--set", f"{name}={number}")]
