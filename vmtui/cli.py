"""
The command line: the only owner of standard output, standard error and exit codes.

Its exit codes are those of `vmtui.exits`.

Everything heavy is imported inside the commands: ``--help`` pays for click alone.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from vmtui import __version__
from vmtui.errors import (
    CannotError,
    FaultError,
    LiveError,
    OptionError,
    ScenarioError,
    ScenarioErrors,
    VmtuiError,
    printable,
)
from vmtui.exits import BAD, BROKEN_PIPE, CANNOT, FAILED, FAULT, INTERRUPTED, OK

if TYPE_CHECKING:
    from vmtui.scenario.script import Script

__all__ = ["MACHINE_OPTIONS", "main"]

MACHINE_OPTIONS: Final = (
    "rmap",
    "rules",
    "arch",
    "ram",
    "swap",
    "split",
    "highpte",
    "smp",
    "cacheline",
    "slab",
    "draft",
    "lowmem",
    "bulk",
    "cluster",
    "chain",
)
"""Options of a machine; each is an option of `play` too."""

JSON_COMMANDS: Final = ("play", "compare", "sweep", "verify")
"""Commands that answer a program as well as a reader."""

F = TypeVar("F", bound=Callable[..., Any])

HELP = """\
usage: vmtui [FILE | -c TEXT | --new [OPTION=VALUE ...]]   open the app
       vmtui COMMAND ...

A terminal laboratory for Linux reverse mapping. Without arguments: the scenarios.

  play FILE        play without a screen; exit 1 if an expect fails
  compare FILE     the same under several schemes, side by side
  sweep FILE       the same for many values of a param: --over children=1..1000
  verify FILE ...  the same by real processes on this kernel, compared (Linux, root)
  check FILE ...   read and expand, play nothing
  fmt FILE ...     put files into canonical form
  list             the scenarios, in reading order
  observables      what expect, let and say can read
  schema           the JSON Schema of `play --json`
  resume [N]       go on where the last session (or the N-th last) ended

  -c TEXT          the commands themselves, separated by ;
  --new            an empty machine: --new rmap=anon_vma_rfc ram=256M
  --ascii          draw with ASCII characters only
  --version        the version
  --help           this; `vmtui COMMAND --help` for more

FILE is a path, - for standard input, or the number of a scenario of `vmtui list`."""


class _Group(click.Group):
    """Commands by name; whatever else stands first is for the app."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("--help", "-h", "--version")):
            args = ["open", *args]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(HELP + "\n")


@click.group(cls=_Group, context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100})
@click.version_option(__version__, prog_name="vmtui", message="%(prog)s %(version)s")
def cli() -> None:
    """A terminal laboratory for Linux reverse mapping."""


# ------------------------------------------------------------------------------------------------ the app


@cli.command(name="open", hidden=True)
@click.argument("words", nargs=-1)
@click.option("-c", "text", metavar="TEXT", help="commands, separated by ;")
@click.option("--new", is_flag=True, help="an empty machine; OPTION=VALUE words are its options")
@click.option("--ascii", is_flag=True, help="draw with ASCII characters only")
def open_app(words: tuple[str, ...], text: str | None, new: bool, ascii: bool) -> int:
    """Open the app on FILE, on -c TEXT, or on an empty machine."""
    if new + (text is not None) > 1:
        raise click.UsageError("--new and -c exclude each other")
    if new:
        return _run_app(new=_options(words), ascii=ascii)
    if text is not None:
        if words:
            raise click.UsageError("-c takes one TEXT: put it in quotes")
        return _run_app(text=text, ascii=ascii)
    if len(words) > 1:
        raise click.UsageError(_what_is(words[0]) or "one FILE at a time")
    if words:
        if not _path(words[0]).exists():
            raise click.UsageError(_what_is(words[0]) or f"{printable(words[0])}: there is no such file")
        return _run_app(source=_path(words[0]), ascii=ascii)
    return _run_app(ascii=ascii)


@cli.command()
@click.argument("number", type=click.IntRange(min=1), default=1, metavar="[N]")
@click.option("--ascii", is_flag=True, help="draw with ASCII characters only")
def resume(number: int, ascii: bool) -> int:
    """Go on where the last session ended, or the N-th last."""
    return _run_app(resume=number, ascii=ascii)


def _run_app(**opening: Any) -> int:
    # What is made until the first paint stays: the app turns the collector on again then.
    gc.disable()
    try:
        from vmtui.tui.app import run

        return run(**opening) or OK
    finally:
        gc.enable()


def _what_is(word: str) -> str:
    """A hint for a word that is no command and no file."""
    from vmtui.scenario.shipped import close_name
    from vmtui.scenario.suggest import closest

    if Path(word).exists():
        return ""
    if word.isdecimal():
        return f"{printable(word)}: {_no_scenario(word)}"
    meant = closest(word, [name for name in cli.commands if name != "open"]) or close_name(word)
    hint = (
        f"did you mean {meant}?" if meant else "`vmtui --help` names the commands, `vmtui list` the scenarios"
    )
    return f"{printable(word)} is no command and no file; {hint}"


def _no_scenario(name: str) -> str:
    """Why a name that is no file opens nothing, and what does."""
    from vmtui.scenario.shipped import close_name, library

    if name.isdecimal():
        numbers = [path.stem.partition("-")[0] for path in library()]
        there = f"there are {numbers[0]} to {numbers[-1]}, see `vmtui list`" if numbers else "there are none"
        return f"there is no scenario of that number, and no such file; {there}"
    meant = close_name(name)
    hint = f"did you mean {meant}?" if meant else "`vmtui list` names the scenarios"
    return f"there is no such file, and no scenario of that name; {hint}"


def _options(words: Sequence[str]) -> dict[str, str]:
    options = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise click.UsageError(f"--new takes OPTION=VALUE, not {printable(word)}")
        options[name] = value
    return options


# ------------------------------------------------------------------------------------------------ play


def _other_options(command: F) -> F:
    """The options of a machine but for its scheme."""
    for name in reversed([name for name in MACHINE_OPTIONS if name != "rmap"]):
        help = f"the machine's {name}, over the file's"
        command = click.option(f"--{name}", metavar="VALUE", help=help)(command)
    return command


def _machine_options(command: F) -> F:
    command = _other_options(command)
    return click.option("--rmap", metavar="VALUE", help="the machine's scheme, over the file's")(command)


@cli.command(context_settings={"max_content_width": 100})
@click.argument("file", required=False)
@click.option("-c", "text", metavar="TEXT", help="play these commands, separated by ;")
@click.option("--json", "as_json", is_flag=True, help="one JSON object, and nothing else, on standard output")
@click.option("--jsonl", "as_jsonl", is_flag=True, help="one JSON object a command, then the summary")
@click.option("--steps", is_flag=True, help="tell every step")
@click.option(
    "--state",
    metavar="[last|all|LINE,...]",
    is_flag=False,
    flag_value="last",
    help="the machine's state after these commands",
)
@click.option("--state-of", metavar="PLACE", help="list the pages of this place alone")
@click.option("--runs", is_flag=True, help="fold equal neighbours in the state's pages")
@click.option("--set", "params", metavar="NAME=N", multiple=True, help="give a param a value")
@_machine_options
def play(
    file: str | None,
    text: str | None,
    as_json: bool,
    as_jsonl: bool,
    steps: bool,
    state: str | None,
    state_of: str | None,
    runs: bool,
    params: tuple[str, ...],
    **machine: str | None,
) -> int:
    """
    Play FILE (- for standard input) or -c TEXT without a screen.

    Prints the narration, each command and what happened.  Exit 0: every expect holds; 1: one failed or a
    command was refused; 2: a bad file or usage; 3: a fault of vmtui's own.
    """
    from vmtui.report.output import Output, Wanted
    from vmtui.scenario.parser import parse_place

    if state is not None and not _is_choice(state):
        if file is not None or text is not None:
            raise click.UsageError(f"--state takes last, all, or numbers of lines, not {printable(state)}")
        file, state = state, "last"  # `--state FILE`: the option took the file for its value
    if as_json and as_jsonl:
        raise click.UsageError("--json and --jsonl exclude each other")
    if state is None and (state_of is not None or runs):
        state = "last"
    script = _load(file, text, _params(params), _given(machine))
    place = parse_place(state_of) if state_of is not None else None
    output = Output(script, Wanted(steps=steps, state=state, state_of=place, runs=runs))
    lines = output.json() if as_json else output.jsonl() if as_jsonl else output.text()
    _print_lines(lines, at_once=as_jsonl)
    if output.complaint:
        _complain(output.complaint)
    return OK if output.tally.ok else FAILED


def _is_choice(state: str) -> bool:
    return state in ("last", "all") or all(part.strip().isdecimal() for part in state.split(","))


def _params(given: Sequence[str]) -> dict[str, int]:
    params = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not (name and equals and value.strip().isdecimal() and len(value) <= 18):
            raise click.UsageError(f"--set takes NAME=N, not {printable(word)}")
        params[name.strip()] = int(value)
    return params


def _path(name: str) -> Path:
    from vmtui.scenario.shipped import find_scenario

    return find_scenario(name)


def _load(
    file: str | None, text: str | None, params: Mapping[str, int], overrides: Mapping[str, str]
) -> Script:
    return _loader(file, text, overrides)(params)


def _loader(
    file: str | None, text: str | None, overrides: Mapping[str, str]
) -> Callable[[Mapping[str, int]], Script]:
    """What reads a scenario again and again, with other params; standard input is read once."""
    from vmtui.scenario.script import load
    from vmtui.scenario.source import MAX_FILE

    if (file is None) == (text is None):
        raise click.UsageError("give one FILE (- for standard input), or -c TEXT")
    source: Path | str | bytes = text if text is not None else _path(file or "")
    if isinstance(source, Path) and file != "-" and source.name == file and not source.exists():
        raise ScenarioErrors([ScenarioError(_no_scenario(file), path=file)])
    name = None if text is None else "-c"
    if file == "-":
        source, name = sys.stdin.buffer.read(MAX_FILE + 1), "-"
        if len(source) > MAX_FILE:
            raise ScenarioErrors([ScenarioError(f"larger than {MAX_FILE >> 20} MB", path="-")])
    return lambda params: load(source, params=params, name=name, **overrides)


# ------------------------------------------------------------------------------------------------ schemes


@cli.command(context_settings={"max_content_width": 100})
@click.argument("file", required=False)
@click.option("-c", "text", metavar="TEXT", help="compare with these commands, separated by ;")
@click.option("--rmap", metavar="S,T,...", help="the schemes; all that can have the machine without it")
@click.option("--set", "params", metavar="NAME=N", multiple=True, help="give a param a value")
@click.option("--json", "as_json", is_flag=True, help="one JSON object, and nothing else, on standard output")
@_other_options
def compare(
    file: str | None,
    text: str | None,
    rmap: str | None,
    params: tuple[str, ...],
    as_json: bool,
    **machine: str | None,
) -> int:
    """
    Play FILE (- for standard input) or -c TEXT under several schemes, and set them side by side.

    Exit 0: every expect holds, and the schemes hold the same pages but where they say that they depart; 1: an
    expect failed, or a difference is unexplained; 2: a bad file or usage; 3: a fault of vmtui's own.
    """
    from vmtui.report import compare_text, contract
    from vmtui.report.compare import compare as compare_schemes

    script = _load(file, text, _params(params), _given(machine))
    found = compare_schemes(script, _schemes(rmap))
    if as_json:
        _print(json.dumps(contract.comparison(found)))
    else:
        _print_lines(compare_text.compare_lines(found, _columns()))
    return OK if found.ok else FAILED


@cli.command(context_settings={"max_content_width": 100})
@click.argument("file", required=False)
@click.option("-c", "text", metavar="TEXT", help="sweep over these commands, separated by ;")
@click.option("--over", metavar="NAME=A..B", required=True, help="the param, and its first and last value")
@click.option("--steps", type=click.IntRange(min=2, max=1000), default=10, help="values to play; 10")
@click.option("--rmap", metavar="S,T,...", help="the schemes; all that can have the machine without it")
@click.option("--set", "params", metavar="NAME=N", multiple=True, help="give another param a value")
@click.option("--json", "as_json", is_flag=True, help="one JSON object, and nothing else, on standard output")
@_other_options
def sweep(
    file: str | None,
    text: str | None,
    over: str,
    steps: int,
    rmap: str | None,
    params: tuple[str, ...],
    as_json: bool,
    **machine: str | None,
) -> int:
    """
    Play FILE for many values of a param, and say where one scheme overtakes another.

    The values lie evenly between A and B, or by equal factors where B is twenty times A or more.
    """
    from vmtui.report import compare_text, contract
    from vmtui.report.sweep import sweep as sweep_schemes
    from vmtui.report.sweep import values_of

    name, first, last = _range(over)
    fixed = _params(params)
    load = _loader(file, text, _given(machine))
    values = values_of(first, last, steps)
    found = sweep_schemes(lambda more: load({**fixed, **more}), name, values, _schemes(rmap))
    if as_json:
        _print(json.dumps(contract.sweep(found)))
    else:
        _print_lines(compare_text.sweep_lines(found, _columns()))
    return OK


def _columns() -> int:
    """Columns for tables: the terminal's, if they go to one and it is narrower than they may be."""
    from vmtui.report.tables import WIDTH

    return max(60, min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns))


def _given(options: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in options.items() if value is not None}


def _schemes(given: str | None) -> tuple[str, ...]:
    """The schemes of a list; none, if there is no list: all that can have the machine."""
    from vmtui.mm.rmap import SCHEMES
    from vmtui.scenario.suggest import closest

    if given is None:
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in given.split(",")))
    for name in names:
        if name not in SCHEMES:
            meant = closest(name, SCHEMES)
            hint = f"; did you mean {meant}?" if meant else f"; there are {', '.join(SCHEMES)}"
            raise click.UsageError(f"--rmap: there is no scheme {printable(name)}{hint}")
    return names


def _range(given: str) -> tuple[str, int, int]:
    name, equals, values = given.partition("=")
    first, dots, last = values.partition("..")
    known = [text.strip().isdecimal() and len(text) <= 18 for text in (first, last)]
    if not (name.strip() and equals and dots and all(known)):
        raise click.UsageError(f"--over takes NAME=A..B, as children=1..1000, not {printable(given)}")
    return name.strip(), int(first), int(last)


# ------------------------------------------------------------------------------------------------ this kernel


@cli.command(context_settings={"max_content_width": 100})
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option("-c", "text", metavar="TEXT", help="verify these commands, separated by ;")
@click.option("--json", "as_json", is_flag=True, help="one JSON object, and nothing else, on standard output")
@click.option("--anon-vma", is_flag=True, help="anon_vmas too: chains, counts, whose each page is")
@click.option(
    "--repeat",
    metavar="N",
    type=click.IntRange(1, 1000),
    default=1,
    help="play each N times, or until it differs; 1",
)
@click.option(
    "--fuzz", "seconds", metavar="SECONDS", type=click.FloatRange(0, 1e6), help="random programs for so long"
)
@click.option("--seed", metavar="N", type=click.IntRange(0, 2**63), help="of --fuzz: which programs")
@click.option("--clean", is_flag=True, help="take back what a verify that was killed has left here")
@click.option("--set", "params", metavar="NAME=N", multiple=True, help="give a param a value")
@_machine_options
def verify(
    files: tuple[str, ...],
    text: str | None,
    as_json: bool,
    anon_vma: bool,
    repeat: int,
    seconds: float | None,
    seed: int | None,
    clean: bool,
    params: tuple[str, ...],
    **machine: str | None,
) -> int:
    """
    Play FILE twice, by the simulator and by real processes on this kernel, and compare after each command.

    Takes Linux and root, and --anon-vma clang and bpftool; processes, cgroups, files, swap and programs are
    gone afterwards.  Exit 0: both agree; 1: they differ, or a command was refused; 2: a bad file or usage;
    3: a fault of vmtui's own; 4: this machine cannot compare everything, and what it could agrees.
    """
    from vmtui.cli_verify import Output, clean_up, fuzz_programs, verify_scripts

    output = Output(_print, _print_lines, _complain, as_json)
    if clean:
        clean_up(output)
    if seconds is not None:
        if files or text is not None:
            raise click.UsageError("--fuzz makes its own programs: give no FILE and no -c TEXT")
        return fuzz_programs(seconds, seed, _given(machine), output, anon_vma=anon_vma)
    if seed is not None:
        raise click.UsageError("--seed says which programs --fuzz plays: give --fuzz SECONDS too")
    if not files and text is None:
        if clean:
            return OK
        raise click.UsageError("give a FILE, or -c TEXT")
    given: list[tuple[str | None, str | None]] = [(file, None) for file in files]
    given += [(None, text)] if text is not None else []
    scripts = [_load(file, words, _params(params), _given(machine)) for file, words in given]
    return verify_scripts(scripts, output, anon_vma=anon_vma, repeat=repeat)


# ------------------------------------------------------------------------------------------------ files


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--set", "params", metavar="NAME=N", multiple=True, help="give a param a value")
def check(files: tuple[str, ...], params: tuple[str, ...]) -> int:
    """Read and expand scenarios; play nothing."""
    worst = OK
    for file in files:
        try:
            script = _load(file, None, _params(params), {})
        except ScenarioErrors as error:
            _complain(str(error))
            worst = BAD
        else:
            _print(f"{printable(file)}: {len(script.items):,} lines after expansion")
    return worst


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--check", "dry", is_flag=True, help="change nothing; exit 1 if a file would change")
def fmt(files: tuple[str, ...], dry: bool) -> int:
    """Put scenarios into canonical form, in place; - from standard input to standard output."""
    code = OK
    for file in files:
        try:
            script = _load(file, None, {}, {})
        except ScenarioErrors as error:
            _complain(str(error))
            code = BAD
            continue
        if file == "-" and not dry:
            sys.stdout.write(script.text)
        elif script.text != _written(file, script):
            code = max(code, FAILED) if dry else code
            if not dry:
                _replace(_path(file), script.text)
            _print(f"{printable(file)}: {'would be changed' if dry else 'changed'}")
    return code


def _written(file: str, script: Script) -> str:
    """A file as it stands, byte for byte as far as its characters go."""
    if file == "-":
        return "".join(f"{line}\n" for line in script.source)
    return _path(file).read_bytes().decode("utf-8")


def _replace(path: Path, text: str) -> None:
    """Write a file in one move: whoever reads it sees the old text or the new one."""
    path = path.resolve()
    draft = path.with_name(f".{path.name}.vmtui-fmt")
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        draft.chmod(path.stat().st_mode & 0o777)
        os.replace(draft, path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ScenarioError(f"cannot be written: {error.strerror or error}", path=str(path)) from None


@cli.command(name="list")
def list_scenarios() -> int:
    """List the scenarios that vmtui carries, in reading order."""
    from vmtui.scenario import library, load
    from vmtui.scenario.shipped import kernel_library

    group = None
    for path in library():
        script = load(path)
        if script.group != group:
            group = script.group
            _print(f"{printable(group or 'More')}")
        number = path.stem.partition("-")[0]
        _print(f"  {number}  {printable(script.title):<44} {script.machine.rmap}")
    _print()
    _print("`vmtui 01` opens one, `vmtui play 01` plays it without a screen")
    if of_the_kernel := kernel_library():
        folder = of_the_kernel[0].parent
        here = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
        _print(
            f"`vmtui verify FILE` asks the kernel underneath; {len(of_the_kernel)} short ones for it are in "
            f"{printable(str(here))}"
        )
    return OK


@cli.command()
def schema() -> int:
    """Print the JSON Schema of `play`, `compare` and `sweep` with --json."""
    from vmtui.report import contract

    sys.stdout.write(contract.schema())
    return OK


@cli.command()
def observables() -> int:
    """Print what expect, let and say can read of a machine."""
    from vmtui.report import text

    _print_lines(text.observables())
    return OK


# ------------------------------------------------------------------------------------------------ output


def _print(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")


def _print_lines(lines: Iterator[str], *, at_once: bool = False) -> None:
    """Print lines; `at_once` for a program that reads them as they come."""
    for line in lines:
        _print(line)
        if at_once:
            sys.stdout.flush()


def _complain(text: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"{text}\n")


def _json_wanted(args: Sequence[str]) -> bool:
    """Whether standard output is a program's: then errors go there too, as objects."""
    return bool(args) and args[0] in JSON_COMMANDS and any(arg in ("--json", "--jsonl") for arg in args)


def _fail(args: Sequence[str], problem: Exception, code: int, kind: str | None = None) -> int:
    """Say what went wrong, to whoever reads."""
    if isinstance(problem, click.UsageError):
        message = f"vmtui: {problem.format_message()}"
    else:
        message = str(problem)
    _complain(message)
    if _json_wanted(args):
        from vmtui.report import contract

        if isinstance(problem, click.UsageError):
            problem = OptionError(problem.format_message())
        _print(json.dumps(contract.error(problem, kind=kind)))
    return code


def main(args: Sequence[str] | None = None) -> int:
    """Run a command line; the exit code."""
    # Whatever the locale, the language is UTF-8.
    given = sys.argv[1:] if args is None else args
    args = [os.fsencode(arg).decode("utf-8", "surrogateescape") for arg in given]
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        code = cli.main(args, prog_name="vmtui", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        return INTERRUPTED
    except KeyboardInterrupt:
        return INTERRUPTED
    except click.ClickException as problem:
        return _fail(args, problem, BAD, "usage")
    except FaultError as problem:
        return _fail(args, problem, FAULT, "internal")
    except CannotError as problem:
        return _fail(args, problem, CANNOT, "machine")
    except LiveError as problem:
        return _fail(args, problem, FAULT, "live")
    except VmtuiError as problem:
        return _fail(args, problem, BAD)
    except BrokenPipeError:
        _silence()
        return BROKEN_PIPE
    return code if isinstance(code, int) else OK


def _silence() -> None:
    """Whoever read standard output has gone: let the interpreter's last flush go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
