"""
Scenarios played by the simulator and by the kernel underneath: ``python -m tests.live.both_sides FILE...``.

A process of its own, so that whoever waits for it can stop waiting.  It says a JSON object a line: for each
file what differs, as `vmtui verify` tells it, and which fields were compared.
"""

from __future__ import annotations

import ctypes
import json
import signal
import sys
from pathlib import Path
from typing import Any

from vmtui.errors import CannotError, LiveError
from vmtui.live.abilities import Abilities, probe
from vmtui.live.verify import verify
from vmtui.live.verify_text import verification_lines
from vmtui.scenario import load

ANON_VMA = "--anon-vma"
PR_SET_PDEATHSIG = 1


def say(**words: Any) -> None:
    """Say something, at once."""
    sys.stdout.write(f"{json.dumps(words)}\n")
    sys.stdout.flush()


def play(path: str, here: Abilities) -> dict[str, Any]:
    """Play a file once; what there is to say of it."""
    try:
        found = verify(load(Path(path)), here, tell=lambda text: say(waits=text))
    except CannotError as error:
        return {"cannot": str(error)}
    except LiveError as error:
        return {"differs": f"{path}: {error}", "fields": []}
    differs = "" if found.agrees else "\n".join(verification_lines(found))
    return {"differs": differs, "fields": found.fields}


def main(words: list[str]) -> None:
    """Play files, with anon_vmas if a word says so; end in order when whoever asked is no more."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    here = probe(anon_vma=ANON_VMA in words)
    for path in words:
        if path != ANON_VMA:
            say(path=path, **play(path, here))


if __name__ == "__main__":
    main(sys.argv[1:])
