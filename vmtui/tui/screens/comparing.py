"""The main screen and the other kernels: the scheme menu, and the same commands under every scheme.

What compares is imported when it is asked for: the first paint does without.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from vmtui.tui.job import Work
from vmtui.tui.screens.chooser import Chooser, filtered
from vmtui.tui.switching import Switched, scheme_choices, switching, take_over

if TYPE_CHECKING:
    from textual.screen import Screen

    from vmtui.report.compare import Comparison
    from vmtui.report.sweep import Sweep
    from vmtui.tui.comparison import Over
    from vmtui.tui.desk import Desk

    Base = Screen[None]
else:
    Base = object


class Schemes(Chooser):
    """The scheme menu: dismissed with a scheme's name."""


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

    def show_explanation(self, key: str, then: Callable[[object], None] | None = None) -> bool:
        """Acting's."""
        return False

    def action_schemes(self) -> None:
        """The scheme menu."""
        self.stop()
        choices, here = scheme_choices(self.desk.session)
        chooser = Schemes(
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

    def action_compare(self) -> None:
        """This branch's commands under every scheme, side by side."""
        self.stop()
        if not self.desk.session.commands:
            self.desk.say("nothing to compare yet: no command has run")
            self.draw_soon()
            return
        from vmtui.tui.comparison import comparison

        made: list[Comparison] = []

        def work() -> Generator[object, None, None]:
            made.append((yield from comparison(self.desk.session)))

        self.begin(work(), "compare", lambda: self._show_comparison(made[0]))

    def _show_comparison(self, found: Comparison) -> None:
        from vmtui.tui.comparison import Over
        from vmtui.tui.screens.compare import Compared

        def chosen(value: object) -> None:
            if isinstance(value, Over):
                self._sweep(value)
            elif isinstance(value, str):
                self.show_explanation(value, lambda _: self._show_comparison(found))

        self.app.push_screen(Compared(found, self.desk.script), chosen)

    def _sweep(self, over: Over) -> None:
        from vmtui.tui.comparison import swept

        script = self.desk.script
        assert script is not None
        made: list[Sweep] = []

        def work() -> Generator[object, None, None]:
            made.append((yield from swept(script, over)))

        self.begin(work(), f"plot against {over.param}", lambda: self._show_plot(made[0]))

    def _show_plot(self, found: Sweep) -> None:
        from vmtui.tui.screens.compare import Plotted

        self.app.push_screen(Plotted(found))
