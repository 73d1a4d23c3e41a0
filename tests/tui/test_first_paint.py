"""What the first paint does without, so that it comes soon."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import vmtui.tui.app
from vmtui import cli

ROOT = Path(__file__).parents[2]
LATER = (
    "vmtui.report",  # c, and headless
    "tomllib",  # a file of keys, which few have
    "json",
    "rich.markdown",
    "rich.traceback",
    "textual.widgets._markdown",
    "textual.widgets._data_table",
)
"""Modules that are imported when what needs them is asked for."""
PAINT = """
import asyncio, gc, sys
from pathlib import Path
from vmtui.tui.lab import lab

async def main():
    async with lab(next(Path("scenarios").glob("01-*"))) as bench:
        assert "struct page" in bench.text()
        print(*sorted(sys.modules))

asyncio.run(main())
"""


def fresh(code, home):
    """What some code prints, run in a new interpreter with its own home."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "VMTUI_HOME": str(home)},
    )
    assert done.stderr == ""
    return done.stdout


def test_the_first_paint_does_without(tmp_path):
    """By the time a scenario is painted, nothing is imported that only later keys need."""
    modules = fresh(PAINT, tmp_path).split()

    found = [name for name in modules for later in LATER if name == later or name.startswith(f"{later}.")]
    assert "vmtui.tui.screens.main" in modules
    assert found == []


GRAMMAR = """
import lark
calls = []
compute = lark.parsers.lalr_parser.LALR_Analyzer.compute_lalr
def counted(self):
    calls.append(self)
    return compute(self)
lark.parsers.lalr_parser.LALR_Analyzer.compute_lalr = counted
lark.load_grammar._get_parser()  # lark's own grammar of grammars, not counted
calls.clear()
from vmtui.scenario import parse_line
print(parse_line("fork sh child"), len(calls))
"""


def test_the_grammar_is_made_once(tmp_path):
    """The first run makes the parser's tables and keeps them; the next one reads them."""
    assert fresh(GRAMMAR, tmp_path).split()[-1] == "1"
    assert fresh(GRAMMAR, tmp_path) == "fork sh child 0\n"


@pytest.mark.parametrize("content", [b"", b"noise", b"\x00" * 1000])
def test_a_spoilt_file_is_made_anew(tmp_path, content):
    """Whatever lies there instead of tables costs the making, and nothing else."""
    fresh(GRAMMAR, tmp_path)
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(content)

    assert fresh(GRAMMAR, tmp_path) == "fork sh child 1\n"
    assert fresh(GRAMMAR, tmp_path) == "fork sh child 0\n"


def test_without_a_place_for_them_the_tables_are_made(tmp_path):
    """A home that is no folder costs the making each time."""
    (tmp_path / "home").write_text("")

    for _ in range(2):
        assert fresh(GRAMMAR, tmp_path / "home") == "fork sh child 1\n"


@pytest.mark.skipif(os.name != "posix", reason="other systems have no mode bits")
def test_tables_that_others_can_write_are_not_read(tmp_path):
    """A folder that is open to others is left alone: what is read from it could be anything."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)

    assert fresh(GRAMMAR, tmp_path) == "fork sh child 1\n"
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_collector_rests_until_the_first_paint(tmp_path):
    """It is off while the app is imported and opened, and on when the app is ready."""
    code = """
import gc
from vmtui import cli
import vmtui.tui.app as app
def run(**opening):
    print(gc.isenabled())
    class Ready:
        is_headless = False
    app.VmtuiApp.on_ready(Ready())
    print(gc.isenabled())
app.run = run
cli.main(["--new"])
"""
    assert fresh(code, tmp_path).split() == ["False", "True"]


def test_the_collector_is_on_after_a_failed_start(monkeypatch, capsys):
    """Where the app cannot be opened, the interpreter is as it was."""
    import gc

    def run(**opening):
        assert not gc.isenabled()
        raise vmtui.errors.OptionError("no such machine")

    monkeypatch.setattr(vmtui.tui.app, "run", run)

    assert cli.main(["--new"]) == 2
    assert gc.isenabled()
