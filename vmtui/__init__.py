"""vmtui: a terminal laboratory for Linux reverse mapping.

Importing any module of the package runs this file, so it imports nothing: the public names are fetched when
they are first asked for, and `vmtui --help` pays for neither NumPy nor Textual.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmtui.errors import KernelError, ScenarioError, VmtuiError
    from vmtui.session import Session
    from vmtui.testing import play

__version__ = "0.1.0"

__all__ = ["KernelError", "ScenarioError", "Session", "VmtuiError", "__version__", "play"]

_HOME = {
    "KernelError": "vmtui.errors",
    "ScenarioError": "vmtui.errors",
    "Session": "vmtui.session",
    "VmtuiError": "vmtui.errors",
    "play": "vmtui.testing",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
