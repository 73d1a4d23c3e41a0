"""A figure, where it comes from, and how it is measured here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs

#: Sources, as the rows name them.
COMPUTED: Final = "computed"
OBJRMAP_CORE: Final = "Andrea Arcangeli, 8 Mar 2004, <20040308202433.GA12612@dualathlon.random>"
ANON_VMA_RFC: Final = "Andrea Arcangeli, 10 Mar 2004, <20040310103610.GB30940@dualathlon.random>"
ANDREA_4_4: Final = "Andrea Arcangeli, 27 Feb 2004, linux-kernel"
INGO: Final = "Ingo Molnar, 9 Mar 2004, <20040309083103.GB8021@elte.hu>"
INGO_4_4: Final = "Ingo Molnar, 8 Jul 2003, linux-kernel"
RMAP_TEST: Final = "rmap-test: Andrew Morton, 5 Apr 2003, linux-kernel"
RIK: Final = "Rik van Riel, Jan 2010, linux-mm: the case for anon_vma chains"
BLIGH: Final = "Martin Bligh, linux-kernel"
HUGH: Final = "Hugh Dickins, Mar 2004, linux-kernel"
H_260: Final = "2.6.0, c023e11670"
H_267: Final = "2.6.7, 5d92160e2a"
H_ARRAY: Final = "d5c8293240: pte_chain becomes an array"

MB: Final = 1 << 20


@attrs.frozen(kw_only=True)
class Row:
    """
    One line of the table.

    Attributes:
        name: The test's name.
        what: What was counted, in a line.
        figure: What the machine must give, exactly; floats to `digits`.
        measure: Builds a machine, does it, and counts.
        source: Who published the figure; ``computed`` where it follows from the kernel's structures.
        said: What the source says, where it rounds or guesses.
        unit: What stands behind the figure.
        digits: Digits behind the point of what is measured.
        long: Too large for the suite: measured where VMTUI_LONG is set.
    """

    name: str
    what: str
    figure: Any
    measure: Callable[[], Any]
    source: str = COMPUTED
    said: str = ""
    unit: str = ""
    digits: int | None = None
    long: bool = False

    def measured(self) -> Any:
        """What this machine gives, rounded as the figure is."""
        value = self.measure()
        return value if self.digits is None else round(value, self.digits or None)

    @property
    def published(self) -> str:
        """The published column."""
        return self.said or self.show(self.figure)

    def show(self, value: Any) -> str:
        """A value as the columns print it."""
        return f"{text_of(value)}{self.unit}"


def text_of(value: Any) -> str:
    """A number with commas; several with strokes between them."""
    if isinstance(value, tuple):
        return " / ".join(text_of(each) for each in value)
    return f"{value:,}" if isinstance(value, int | float) else str(value)
