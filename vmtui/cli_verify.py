"""
`vmtui verify`: what it does once its words are read.

`vmtui.cli` reads them, imports this when it is wanted, and prints what this has to say.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import attrs

from vmtui.errors import CannotError, OptionError, printable
from vmtui.exits import CANNOT, FAILED, OK
from vmtui.live import abilities, verify_text
from vmtui.live.fuzz import Tally, fuzz
from vmtui.live.record import undo_all
from vmtui.live.verify import verify
from vmtui.mm.kernel import Options
from vmtui.scenario.script import Script

__all__ = ["Output", "clean_up", "fuzz_programs", "verify_scripts"]

_SCHEME, _RULES = "anon_vma_chain", "6.18"


class _PrintLines(Protocol):
    def __call__(self, lines: Iterator[str], *, at_once: bool = False) -> None: ...


@attrs.frozen
class Output:
    """
    Where what there is to say goes.

    Attributes:
        print, print_lines: To standard output.
        complain: To standard error.
        as_json: Whether standard output is a program's: one object, and nothing else.
    """

    print: Callable[[str], None]
    print_lines: _PrintLines
    complain: Callable[[str], None]
    as_json: bool


def clean_up(output: Output) -> None:
    """Take back what runs that were killed have left on this machine."""
    count = undo_all(output.complain)
    said = f"taken back what {count:,} {'run' if count == 1 else 'runs'} left"
    output.complain(said if count else "nothing was left here by a run that was killed")


def verify_scripts(scripts: Sequence[Script], output: Output, *, anon_vma: bool, repeat: int) -> int:
    """Play scenarios on both sides and compare; the exit code."""
    if anon_vma:
        for script in scripts:
            _check_has_chains(script.machine, script.path or script.title or "these commands")
    here = abilities.probe(anon_vma=anon_vma)
    if here.missing:
        output.complain("\n".join(verify_text.cannot_lines(here)))
    found = []
    for script in scripts:
        found.append(verify(script, here, repeat=repeat, tell=output.complain))
        if not output.as_json:
            output.print_lines(verify_text.verification_lines(found[-1]), at_once=True)
    if output.as_json:
        output.print(json.dumps(verify_text.document(found, here)))
    if not all(each.agrees for each in found):
        return FAILED
    return CANNOT if here.missing else OK


def _check_has_chains(options: Options, what: str) -> None:
    """
    Refuse to compare anon_vmas with a machine that has others than today's kernel.

    Raises:
        OptionError: it has.
    """
    if (options.rmap, options.rules) != (_SCHEME, _RULES):
        raise OptionError(
            f"--anon-vma compares {_SCHEME} under the rules of {_RULES}, and {printable(what)} has "
            f"{options.rmap} under those of {options.rules}: --rmap {_SCHEME} plays it so"
        )


def fuzz_programs(
    seconds: float, seed: int | None, options: dict[str, str], output: Output, *, anon_vma: bool
) -> int:
    """
    Random programs on both sides; the exit code.

    The machine has today's scheme, and with it today's rules, unless `options` say otherwise.  The first
    difference, shortened, becomes a file in this folder.
    """
    options = {"rmap": _SCHEME, **options}
    if anon_vma:
        _check_has_chains(Options.parse(options), "the machine")
    here = abilities.probe(anon_vma=anon_vma)
    if here.missing:
        raise CannotError("; ".join(here.missing))
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    tally = Tally()
    try:
        found = fuzz(here, options, seconds=seconds, seed=seed, tally=tally, tell=output.complain)
    finally:
        output.complain(f"seed {seed}: {tally.text}")
    path = None
    if found is not None:
        path = f"vmtui-fuzz-{seed}-{found.number}.scenario"
        Path(path).write_text(found.text, encoding="utf-8")
    if output.as_json:
        output.print(json.dumps(verify_text.fuzz_document(seed, tally, found, path)))
    elif found is not None:
        output.print_lines(verify_text.verification_lines(found.verification))
        output.print(f"written to {path}")
    return OK if found is None else FAILED
