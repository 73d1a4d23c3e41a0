"""The main screen and the other kernels: the scheme menu, and the same commands under every scheme."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from vmtui.tui.job import Work
from vmtui.tui.screens.chooser import Chooser, filtered
from vmtui.tui.switching import Switched, scheme_choices, switching, take_over

if TYPE_CHECKING:
    from textual.screen import Screen

    from vmtui.tui.desk import Desk

    Base = Screen[None]
else:
    Base = object


class Comparing(Base):
    """What the main screen does with other reverse maps."""

    desk: Desk

    # The screen's own, and Timing's.

    def sit_down(self, desk: Desk, *, at_prompt: bool = False, play: bool = False) -> None:
        """Work at a desk."""

    def stop(self) -> None:
        """Play no more."""

    def begin(self, work: Work | None, label: str, then: Callable[[], None] | None = None) -> None:
        """Do a piece of work."""

    def draw_soon(self) -> None:
        """Draw once."""

    def action_schemes(self) -> None:
        """The scheme menu."""
        self.stop()
        choices, here = scheme_choices(self.desk.session)
        chooser = Chooser(
            "Reverse map",
            filtered(choices),
            note="Enter replays this branch on a new machine · Esc closes",
            start=here,
        )
        self.app.push_screen(chooser, self._switch)

    def _switch(self, scheme: object) -> None:
        if not isinstance(scheme, str) or scheme == self.desk.session.options.rmap:
            return
        made: list[Switched] = []

        def work() -> Generator[object, None, None]:
            made.append((yield from switching(self.desk, scheme)))

        self.begin(work(), f"replay under {scheme}", lambda: self._switched(made[0]))

    def _switched(self, switched: Switched) -> None:
        take_over(switched.desk, self.desk)
        self.sit_down(switched.desk)
        self.desk.say(switched.said, "warn" if switched.refused is not None else "good")
        self.draw_soon()
