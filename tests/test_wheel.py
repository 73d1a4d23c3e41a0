"""What users install: wheel and sdist, built, installed into an empty environment, used from elsewhere."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCENARIOS = sorted(path.name for path in (ROOT / "scenarios").glob("*.scenario"))


def run(*command, **options):
    """Run a command to its end without standard input; its output is in the failure when it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **options,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist and the wheel built from it."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """An empty environment with the wheel in it; it borrows the dependencies, not vmtui, from this one."""
    home = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", "--without-pip", home)
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        built[1],
    )
    return python


@pytest.fixture
def elsewhere(tmp_path):
    """How to run the installed python in a folder that has nothing of the project."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {"cwd": tmp_path, "env": environment}


def test_the_wheel_carries_what_the_package_reads(built):
    """Scenarios, styles, the grammar, the schema, the sources and the type marker are in the wheel."""
    with zipfile.ZipFile(built[1]) as wheel:
        names = set(wheel.namelist())

    assert {f"vmtui/scenarios/{name}" for name in SCENARIOS} <= names
    expected = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "vmtui").rglob("*")
        if path.is_file()
        and path.suffix in {".py", ".tcss", ".lark", ".json", ".typed", ".c"}
        and "__pycache__" not in path.parts
    }
    assert expected <= names
    assert not [name for name in names if name.startswith(("tests/", "screenshots/", "scenarios/"))]


def test_the_sdist_carries_what_a_developer_needs(built):
    """From the sdist one can build, test and read: sources, scenarios, tests, pictures, the Makefile."""
    with tarfile.open(built[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}

    assert {"pyproject.toml", "Makefile", "LICENSE", "README.md", "tests/conftest.py", ".ci/run"} <= names
    assert {f"scenarios/{name}" for name in SCENARIOS} <= names


def test_the_installed_command_lists_and_plays_everything(installed, elsewhere):
    """From another folder the installed vmtui is its own, lists every scenario, and plays each to exit 0; the
    trial, which takes long, it only reads."""
    where = run(installed, "-c", "import vmtui; print(vmtui.__file__)", **elsewhere)
    assert Path(where.strip()).is_relative_to(installed.parent.parent)

    listed = run(installed, "-m", "vmtui", "list", **elsewhere)
    code = "from vmtui.scenario import library; print(*library(), sep='\\n')"
    files = run(installed, "-c", code, **elsewhere).splitlines()
    assert [Path(path).name for path in files] == SCENARIOS
    assert len(listed.splitlines()) >= len(SCENARIOS)

    run(installed, "-m", "vmtui", "play", files[0], **elsewhere)
    code = "import sys; from vmtui.cli import main; sys.exit(any(main(['play', f]) for f in sys.argv[1:]))"
    trial = [path for path in files if "-the-trial-" in path]
    run(installed, "-c", code, *[path for path in files if path not in trial], **elsewhere)
    run(installed, "-m", "vmtui", "check", *trial, **elsewhere)


def test_the_installed_app_paints(installed, elsewhere):
    """The installed app, headless, paints the first scenario."""
    code = """
import asyncio
from vmtui.scenario import library
from vmtui.testing import lab

async def main():
    async with lab(library()[0], size=(120, 40)) as bench:
        print(bench.text())

asyncio.run(main())
"""
    assert "To free a page" in run(installed, "-c", code, **elsewhere)
