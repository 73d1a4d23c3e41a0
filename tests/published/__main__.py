"""The table in two columns: ``python -m tests.published``; all of it where VMTUI_LONG is set."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from tests.published.left_out import LEFT_OUT
from tests.published.row import Row
from tests.published.table import SECTIONS

WHAT, COLUMN = 78, 24


def line(row: Row) -> tuple[str, bool]:
    """A row as it is printed, and whether the columns agree."""
    if row.long and not os.environ.get("VMTUI_LONG"):
        return f"{row.what:<{WHAT}} {row.published:>{COLUMN}} {'(VMTUI_LONG=1)':>{COLUMN}}", True
    measured = row.measured()
    agrees = measured == row.figure
    mark = "" if agrees else "  differs"
    return f"{row.what:<{WHAT}} {row.published:>{COLUMN}} {row.show(measured):>{COLUMN}}{mark}", agrees


def main() -> int:
    """Print it; 1 where a figure differs."""
    sys.stdout.write(f"{'':<{WHAT}} {'published':>{COLUMN}} {'computed':>{COLUMN}}\n")
    agree = True
    for title, rows in SECTIONS.items():
        sys.stdout.write(f"\n{title}\n")
        source = ""
        for row in rows:
            if row.source != source:
                source = row.source
                sys.stdout.write(f"  [{source}]\n")
            text, agrees = line(row)
            agree = agree and agrees
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
    sys.stdout.write("\nLeft out\n")
    sys.stdout.writelines(left_out())
    return 0 if agree else 1


def left_out() -> Iterator[str]:
    """What the machine does not cover, and why."""
    for what, why in LEFT_OUT.items():
        yield f"{what}: {why}\n"


if __name__ == "__main__":
    sys.exit(main())
