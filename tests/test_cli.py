"""The command line: what goes to standard output, what to standard error, and the exit codes."""

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from tests.small import settings, small
from vmtui import __version__
from vmtui.cli import HELP, MACHINE_OPTIONS, main
from vmtui.errors import is_control
from vmtui.mm.kernel import Options
from vmtui.report import contract
from vmtui.scenario import library

ROOT = Path(__file__).resolve().parent.parent
START = "spawn sh; mmap sh heap 4 pages rw private; write sh.heap; fork sh kid; walk sh.heap[1]"
SCHEMA = json.loads(contract.schema())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command line: (exit code, standard output, standard error)."""

    def run(*args, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main(list(args))
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def scenario(tmp_path):
    """A file of the given text."""

    def scenario(text, name="a.scenario"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return scenario


def part(name):
    """A validator of one part of the schema."""
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})


# Help.


def test_help_fits_a_screen(run):
    """24 lines of 80 columns at most, with every command in it."""
    code, out, err = run("--help")

    assert (code, out.rstrip("\n"), err) == (0, HELP, "")
    assert len(out.splitlines()) <= 24
    assert max(map(len, out.splitlines())) <= 88
    for word in ("play", "check", "fmt", "compare", "sweep", "list", "observables", "schema", "resume"):
        assert f"\n  {word}" in out


def test_every_command_has_help(run):
    """`vmtui COMMAND --help` tells its options."""
    for word in ("play", "check", "fmt", "compare", "sweep", "list", "observables", "schema", "resume"):
        code, out, _ = run(word, "--help")
        assert code == 0
        assert word in out


def test_the_version(run):
    """One line."""
    assert run("--version") == (0, f"vmtui {__version__}\n", "")


def test_machine_options_are_the_machines():
    """Each option of a machine can go over the file's on the command line."""
    assert set(MACHINE_OPTIONS) == set(Options.__annotations__)


def test_help_is_quick():
    """`vmtui --help` takes no longer than an interpreter and click."""
    command = [sys.executable, "-m", "vmtui", "--help"]
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[1])
        times.append(time.perf_counter() - start)

    assert min(times) < 0.6


# play.


def test_a_question_is_answered(run):
    """`play -c` prints each command and what happened, and how the walk went."""
    code, out, err = run("play", "-c", START + "; expect walk.hits == 2")

    assert (code, err) == (0, "")
    assert "> fork sh kid" in out
    assert "walk of frame 0x3: examined 2 = 2 hits + 0 misses" in out
    assert "  ok: expect walk.hits == 2" in out
    assert out.splitlines()[-1] == "5 commands; 1 expect holds"


def test_steps_are_told_with_their_function(run):
    """--steps prints every step, indented by its depth, with the function and line that took it."""
    _, out, _ = run("play", "--steps", "-c", START)

    assert "hit: " in out
    assert "[look, mm/rmap/anon_vma_rfc.py:" in out


def test_narration_and_sections_are_printed(run, scenario):
    """Cards and sections stand between the commands; what they read is read then."""
    path = scenario("title T\nspawn sh\nsection Two\nsay vmas: {sh.vmas} {{x}\nexpect sh.vmas == 0\n")

    _, out, _ = run("play", path)

    assert out.startswith("T\nmachine rmap=anon_vma_rfc\n> spawn sh\n")
    assert "\n== Two ==\n\n  vmas: 0 {x}\n" in out


def test_a_failed_expect_is_1_and_does_not_stop(run):
    """The play goes on; the exit code tells."""
    code, out, _ = run("play", "-c", "spawn a; expect a.vmas == 1 and a.alive; spawn b")

    assert code == 1
    assert "  FAILED: command 2: expect a.vmas == 1 and a.alive\n      a.vmas == 1: 0 not == 1\n" in out
    assert "> spawn b" in out
    assert out.endswith("0 expects hold, 1 failed\n")


def test_a_refused_command_is_1_and_stops(run, scenario):
    """The file, the line and the reason are said; nothing after it runs."""
    path = scenario("spawn a\nspawn a\nspawn b\n")

    code, out, err = run("play", path)

    assert code == 1
    assert err == f"{path}:2: spawn a: EEXIST: there is, or was, a process called a\n"
    assert "spawn b" not in out


def test_a_bad_file_is_2(run, scenario):
    """Every bad line on standard error, nothing on standard output."""
    path = scenario("forc sh\nspawn\n")

    code, out, err = run("play", path)

    assert (code, out) == (2, "")
    assert err.startswith(f"{path}:1:1: forc is not a command\n    forc sh\n    ^\n    did you mean fork?\n")
    assert f"\n{path}:2:6: expected a name\n" in err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["play"], "give one FILE"),
        (["play", "a", "-c", "spawn a"], "give one FILE"),
        (["play", "nosuch.scenario"], "nosuch.scenario: there is no such file, and no scenario of that name"),
        (["play", "-c", "spawn a", "--rmap", "nosuch"], "rmap=nosuch: expected virtual_scan or pte_chain"),
        (["play", "-c", "spawn a", "--ram", "1PB"], "PAE addresses 36 bits"),
        (["play", "-c", "machine ram=1PB"], "PAE addresses 36 bits"),
        (["play", "-c", "spawn a", "--set", "n"], "--set takes NAME=N"),
        (["play", "-c", "spawn a", "--set", "n=3"], "there is no param n to set"),
        (["play", "-c", "spawn a", "--state", "first"], "--state takes last, all"),
        (["play", "-c", "spawn a", "--state-of", "sh"], "expected . or :"),
        (["play", "-c", "spawn a", "--nosuch"], "--nosuch"),
        (["plya", "x"], "did you mean play?"),
        (["nosuch"], "is no command and no file; `vmtui --help` names the commands"),
        (["1-the-return.scenari"], "is no command and no file"),
        (["--new", "ram"], "--new takes OPTION=VALUE"),
        (["--new", "-c", "spawn a"], "exclude each other"),
        (["fmt", "nosuch"], "nosuch: there is no such file"),
        (["check"], "FILE"),
        (["resume", "0"], "0"),
    ],
)
def test_bad_usage_is_2(run, args, message):
    """A usage error is one sentence on standard error."""
    code, out, err = run(*args)

    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_a_fault_of_ours_is_3(run, monkeypatch):
    """An uncaught error tells what it was and the commands that lead to it, and no traceback."""
    monkeypatch.setattr("vmtui.mm.fork.do_fork", lambda *args: 1 / 0)

    code, out, err = run("play", "-c", "machine ram=32M; spawn a; fork a")

    assert code == 3
    assert err == (
        "a fault of vmtui's own: ZeroDivisionError: division by zero\nthis leads to it:\n"
        "    machine rmap=anon_vma_rfc ram=32M\n    spawn a\n"
    )
    code, out, err = run("play", "--json", "-c", "spawn a; fork a")
    assert code == 3
    assert json.loads(out)["error"]["kind"] == "internal"


def test_standard_input(run):
    """`-` is standard input, bytes and all."""
    assert run("play", "-", stdin=b"spawn a\r\n")[0] == 0
    code, _, err = run("play", "-", stdin=b"spawn a\nsay \xff\n")
    assert (code, err.split("\n")[0]) == (2, "-:2:5: not UTF-8 text (byte 0xff)")


def test_no_escape_reaches_the_terminal(run, tmp_path):
    """Neither narration, nor names, nor a path, nor an error hands the terminal a control character."""
    path = tmp_path / "a\x1b[31m.scenario"
    path.write_text("spawn \x1b[31m\n")
    markup = 'spawn "[red]x[/]"; say [bold]{1}; exit "[red]x[/]"'
    outputs = [run("play", str(path)), run("play", "-c", markup)]
    outputs += [run("\x1b]0;x\x07"), run("play", "-c", "spawn \x1b[2J"), run("check", str(path))]

    for _, out, err in outputs:
        assert not [char for char in out + err if ord(char) < 32 and char != "\n"]
    assert "[bold]1" in outputs[1][1]


def test_a_scenario_by_its_number(run):
    """Scenarios of vmtui's own go by number or name, from any folder."""
    assert run("play", "02")[0] == 0
    assert run("play", "2")[0] == 0


def test_params(run, scenario):
    """--set overrides a param."""
    path = scenario("param n = 1\nrepeat n as i\n  spawn c{i}\nend\n")

    assert run("play", path, "--set", "n=4")[1].splitlines()[-1] == "4 commands; 0 expects hold"


# JSON.


@pytest.mark.parametrize("path", library(), ids=lambda path: path.stem)
def test_every_scenarios_json_fits_the_schema(run, path):
    """--json is one object, with steps and states, as `vmtui schema` says."""
    states = "last" if small(path) else "all"
    code, out, err = run("play", "--json", "--steps", "--state", states, *settings(path), str(path))

    document = json.loads(out)
    assert (err, len(out.splitlines())) == ("", 1)
    VALIDATOR.validate(document)
    part("result").validate(document)
    assert small(path) or (code, document["expects"]["failed"]) == (0, 0)
    assert document["scenario"]["path"] == str(path)


def test_what_an_entry_says(run):
    """Commands and expects are entries, with line, loop, walks, the deciding walk, work and parts."""
    text = START + "; repeat 2 as i; expect walk.hits == i + 1; end; expect-error EINVAL reclaim 0"

    document = json.loads(run("play", "--json", "--steps", "-c", text)[1])

    entries = document["commands"]
    walk, first, second, refusal = entries[4:]
    assert [entry["line"] for entry in entries] == [1, 2, 3, 4, 5, 7, 7, 9]
    assert walk["walk"]["examined"] == 2
    assert walk["steps"][1]["function"] == walk["steps"][1]["stack"][-1]
    assert walk["steps"][1]["file"].startswith("mm/")
    assert entries[3]["work"]["rmap_add"] == 4
    assert (first["loop"], first["expect"]["holds"]) == ({"i": 0}, False)
    (statement,) = first["expect"]["parts"]
    assert statement == {
        "expression": "walk.hits == 0 + 1",
        "left": 2,
        "op": "==",
        "right": 1,
        "holds": False,
        "trouble": None,
    }
    assert second["expect"]["holds"] is True
    assert refusal["error"]["errno"] == "EINVAL"
    assert refusal["expect"]["holds"] is True
    assert document["expects"] == {"passed": 2, "failed": 1, "not_applicable": 0}
    assert document["refused"] is None


def test_jsonl_is_an_object_a_command(run):
    """Each line validates by itself; the last is the summary, with the digest that --json gives."""
    out = run("play", "--jsonl", "-c", START)[1].splitlines()

    *entries, last = map(json.loads, out)
    for entry in entries:
        part("command").validate(entry)
    part("last_line").validate(last)
    assert [entry["text"] for entry in entries][-1] == "walk sh.heap[1]"
    assert last["digest"] == json.loads(run("play", "--json", "-c", START)[1])["digest"]


@pytest.mark.parametrize("form", ["--json", "--jsonl"])
@pytest.mark.parametrize(
    ("args", "kind", "line"),
    [
        (["-c", "forc sh"], "scenario", 1),
        (["nosuch.scenario"], "scenario", None),
        (["-c", "spawn a", "--ram", "1PB"], "option", None),
        (["-c", "spawn a", "--nosuch"], "usage", None),
        (["-c", "spawn a", "--json", "--jsonl"], "usage", None),
        ([], "usage", None),
    ],
)
def test_an_error_is_an_object_too(run, form, args, kind, line):
    """With --json, exit 2 puts one object on standard output, as the schema has it."""
    code, out, err = run("play", form, *args)

    document = json.loads(out)
    assert (code, len(out.splitlines())) == (2, 1)
    part("failure").validate(document)
    assert (document["error"]["kind"], document["error"]["line"]) == (kind, line)
    assert err


def test_a_refusal_stops_json_too(run):
    """The refused command is the last entry; the summary says what refused it."""
    code, out, _ = run("play", "--json", "-c", "spawn a; spawn a; spawn b")

    document = json.loads(out)
    VALIDATOR.validate(document)
    assert code == 1
    assert [entry["text"] for entry in document["commands"]] == ["spawn a", "spawn a"]
    assert document["refused"]["errno"] == "EEXIST"


def states_of(run, *args):
    """Which entries have a state."""
    return [("state" in entry) for entry in json.loads(run("play", "--json", *args)[1])["commands"]]


def test_states_are_given_where_they_are_wanted(run, scenario):
    """Bare and `last`: after the last; `all`: after each; numbers: after these lines."""
    text = "spawn a; spawn b; spawn c"

    assert states_of(run, "-c", text) == [False, False, False]
    assert states_of(run, "-c", text, "--state") == [False, False, True]
    assert states_of(run, "--state", scenario("spawn a\nspawn b\n")) == [False, True]
    assert states_of(run, "-c", text, "--state", "all") == [True, True, True]
    assert states_of(run, "-c", text, "--state", "1,3") == [True, False, True]


def test_a_state_can_be_narrowed_and_folded(run):
    """--state-of lists one place; --runs folds neighbours that are alike."""
    text = "spawn a; mmap a h 100 pages rw private; write a.h; mmap a i 2 pages rw private; read a.i"

    def pages(*args):
        state = json.loads(run("play", "--json", "-c", text, *args)[1])["commands"][-1]["state"]
        return state["processes"]["a"]["pages"]

    assert len(pages("--state")) == 102
    assert [page["place"] for page in pages("--state-of", "a.h[3:5]")] == ["a.h[3]", "a.h[4]"]
    assert [(page["place"], page["count"]) for page in pages("--runs")] == [("a.h[0]", 100), ("a.i[0]", 2)]


def test_too_many_pages_name_the_remedy(run, monkeypatch):
    """Beyond the limit the state is refused, and the error says what to do."""
    monkeypatch.setattr("vmtui.scenario.state.MAX_PAGES", 3)

    code, out, err = run("play", "--json", "--state", "-c", "spawn a; mmap a h 4 pages rw private; write a.h")

    assert code == 2
    assert "--state-of PLACE" in err
    assert json.loads(out)["error"]["kind"] == "option"


# The other commands.


def test_check_plays_nothing(run, scenario):
    """It reads and expands: refusals are not its business, bad lines are."""
    good, bad = scenario("spawn a\nspawn a\n"), scenario("x\n", "b.scenario")

    assert run("check", good) == (0, f"{good}: 2 lines after expansion\n", "")
    code, out, err = run("check", bad, good)
    assert (code, out) == (2, f"{good}: 2 lines after expansion\n")
    assert err.startswith(f"{bad}:1:1: x is not a command")


def test_fmt_rewrites_in_place(run, scenario):
    """A file is put into canonical form, keeps mode and comments, and is left alone the second time."""
    path = scenario("repeat 2   as i # c\nspawn  c{ i }\nend\n\n\n")
    Path(path).chmod(0o640)

    assert run("fmt", "--check", path)[0] == 1
    assert run("fmt", path)[0] == 0
    assert Path(path).read_text() == "repeat 2 as i  # c\n  spawn c{i}\nend\n"
    assert Path(path).stat().st_mode & 0o777 == 0o640
    assert run("fmt", "--check", path) == (0, "", "")
    assert run("fmt", "-", stdin=b"spawn   a\r\n") == (0, "spawn a\n", "")
    assert sorted(file.name for file in Path(path).parent.iterdir()) == ["a.scenario"]


def test_fmt_leaves_a_bad_file_alone(run, scenario):
    """A file that cannot be read is not touched."""
    path = scenario("spawn   a\nx\n")

    assert run("fmt", path)[0] == 2
    assert Path(path).read_text() == "spawn   a\nx\n"


def test_list_names_every_scenario(run):
    """In reading order, under their groups, with number, title and scheme."""
    _, out, _ = run("list")

    lines = [line.split()[0] for line in out.splitlines() if line.startswith("  ")]
    assert lines == [path.stem.partition("-")[0] for path in library()]
    assert out.startswith("Start here\n  01  The return of objrmap")


def test_list_says_where_those_of_the_kernel_are(run, monkeypatch, tmp_path):
    """How many, and their folder: as it is called from here, or from anywhere."""
    monkeypatch.chdir(ROOT)
    _, out, _ = run("list")
    count = len(list((ROOT / "scenarios" / "kernel").glob("*.scenario")))

    assert out.endswith(f"; {count} short ones for it are in scenarios/kernel\n")
    monkeypatch.chdir(tmp_path)
    assert run("list")[1].endswith(f" are in {ROOT / 'scenarios' / 'kernel'}\n")


def test_observables_are_a_table(run):
    """One line each, with an example, what it is of, and its meaning."""
    _, out, _ = run("observables")

    assert "sh.heap[3].mapcount" in out
    assert max(map(len, out.splitlines())) <= 110


def test_the_schema_is_a_schema(run):
    """`vmtui schema` prints a valid JSON Schema."""
    _, out, _ = run("schema")

    jsonschema.Draft202012Validator.check_schema(json.loads(out))


def test_the_app_is_opened(run, monkeypatch):
    """A file, -c, --new and resume open the app with what was asked for; the exit code is the app's."""
    opened = []
    monkeypatch.setattr("vmtui.tui.app.run", lambda **opening: opened.append(opening) or 7)

    codes = [
        run(*args)[0]
        for args in (
            ["01"],
            ["-c", "spawn a"],
            ["--new", "ram=32M", "draft=posted"],
            ["--ascii"],
            ["resume"],
            ["resume", "2"],
        )
    ]

    assert codes == [7] * 6
    assert opened == [
        {"source": library()[0], "ascii": False},
        {"text": "spawn a", "ascii": False},
        {"new": {"ram": "32M", "draft": "posted"}, "ascii": False},
        {"ascii": True},
        {"resume": 1, "ascii": False},
        {"resume": 2, "ascii": False},
    ]


def test_a_reader_that_leaves_is_no_fault():
    """`vmtui play | head -1` ends without a traceback."""
    command = f"{sys.executable} -m vmtui play --steps 07 | head -1"

    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])

    assert (done.stdout.count("\n"), done.stderr) == (1, "")


def test_a_terminal_without_unicode_gets_something():
    """With an ASCII locale the output is replaced, not refused."""
    command = [sys.executable, "-m", "vmtui", "play", "-c", "say Straße ½"]
    environment = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PATH": ""}
    root = Path(__file__).parents[1]

    done = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment)

    assert (done.returncode, done.stderr) == (0, "")
    assert "Stra?e ?" in done.stdout


@pytest.mark.parametrize("words", [("play", "99"), ("99",), ("compare", "99"), ("check", "99")])
def test_a_number_that_no_scenario_has(run, words):
    """It is told which numbers there are, and what lists them."""
    code, _, err = run(*words)

    assert code == 2
    last = library()[-1].stem.partition("-")[0]
    assert "99: there is no scenario of that number, and no such file" in err
    assert f"there are 01 to {last}, see `vmtui list`" in err


def test_a_name_that_is_nothing(run):
    """A scenario that was nearly named is suggested."""
    _, _, err = run("play", "01-the-return-of-objmap.scenario")

    assert "did you mean 01-the-return-of-objrmap.scenario?" in err


def test_escapes_in_a_wrong_word_are_inert(run):
    """Whatever a word holds that is no command, of ours or of the language, no escape of it is printed."""
    for args in (
        ["frob\x1b[31m"],
        ["play", "-c", "spawn sh; frob\x1b[31m x"],
        ["compare", "-c", "frob\x9b31m"],
    ):
        code, out, err = run(*args)

        assert (code, out) == (2, "")
        assert "frob" in err
        assert not any(is_control(char) for char in err.replace("\n", ""))
