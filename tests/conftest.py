"""What every test may count on: nothing of the user's is touched, and nothing depends on the terminal."""

import os

import pytest
from hypothesis import HealthCheck, settings

# Textual and Rich read these when they are first imported, so they go before any test module is.
for _name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TEXTUAL_THEME", "TEXTUAL_COLOR_SYSTEM"):
    os.environ.pop(_name, None)
os.environ["TEXTUAL_ANIMATIONS"] = "none"

# The same examples every time, however slow the machine: a failure is a fault, not a mood.
settings.register_profile(
    "vmtui",
    deadline=None,
    derandomize=True,
    max_examples=int(os.environ.get("VMTUI_EXAMPLES", "50")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("vmtui")


@pytest.fixture(autouse=True)
def vmtui_home(tmp_path_factory, monkeypatch):
    """An empty home for session logs and settings, new for each test."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("VMTUI_HOME", str(home))
    return home
