"""The app: themes, keys, screens, and the desk they work at."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.command import CommandPalette
from textual.screen import Screen
from textual.theme import Theme

from vmtui.tui import keyfile, keymap, library, themes
from vmtui.tui.keymap import KEYS, Key
from vmtui.tui.messages import Pressed
from vmtui.tui.opening import Opening, opening
from vmtui.tui.palette import Actions
from vmtui.tui.screens.keys import Keys
from vmtui.tui.screens.main import MainScreen
from vmtui.tui.screens.picker import Picked, Picker
from vmtui.view.themes import THEMES


class VmtuiApp(App[int]):
    """A laboratory on one desk at a time.

    Args:
        opening: what to open first.
        keys: the registry with the user's changes.
        trouble: what was wrong with those, in sentences.
        ascii: draw with ASCII characters only.
        watches: look once a second whether the scenario's file has changed.
    """

    TITLE = "vmtui"
    CSS_PATH: ClassVar = ["screens/main.tcss", "screens/chooser.tcss"]
    COMMANDS: ClassVar = {Actions}
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.APP)]
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = ""

    def __init__(
        self,
        opening: Opening,
        *,
        keys: tuple[Key, ...] = KEYS,
        trouble: Iterable[str] = (),
        ascii: bool = False,
        watches: bool = False,
    ) -> None:
        no_colour = "NO_COLOR" in os.environ
        super().__init__(ansi_color=True if no_colour else None)
        self.opening = opening
        self.keys = keys
        self.ascii = ascii
        self.watches = watches
        self._trouble = tuple(trouble)
        for theme in themes.textual_themes():
            self.register_theme(theme)
        self._usual = themes.NO_COLOUR if no_colour else themes.DEFAULT
        self.palette = themes.palette(self._usual, ascii=ascii)
        self.theme = self._usual
        self.set_class(ascii, "-ascii")
        self.set_class(no_colour, "-no-colour")
        self.set_keymap({key.id: ",".join(key.keys) for key in keys if key not in KEYS})
        self.main = MainScreen(opening.desk, at_prompt=opening.at_prompt)

    @property
    def theme_names(self) -> list[str]:
        """The themes to choose from."""
        return list(THEMES)

    def use_theme(self, name: str) -> None:
        """Draw in other colours; under NO_COLOR say why there are none."""
        if not self.no_color:
            self.theme = name
            return
        self.main.desk.say(
            "NO_COLOR is in force: what matters is bold, dim or reverse; for colours start vmtui without it",
            "warn",
        )
        self.main.draw_soon()

    def get_default_screen(self) -> Screen[None]:
        """The main screen is the bottom of the stack."""
        return self.main

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """None: the palette is made from the key registry."""
        return ()

    def on_mount(self) -> None:
        """Say what is wrong, and offer the scenarios where nothing was asked for."""
        self.theme_changed_signal.subscribe(self, self._themed)
        if self._trouble:
            self.main.desk.say(" · ".join(self._trouble), "warn")
        if self.opening.offer:
            self.action_scenarios()

    def on_ready(self) -> None:
        """What is alive now stays alive: the collector need not look at it at every step."""
        if not self.is_headless:
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 100)
            gc.enable()

    def on_app_focus(self) -> None:
        """Back from another window, an editor maybe."""
        if self.watches:
            self.main.look_at_file(now=True)

    def _themed(self, theme: Theme) -> None:
        self.palette = themes.palette(theme.name, ascii=self.ascii)
        for screen in self.screen_stack:
            screen.refresh()
            for widget in screen.walk_children():
                widget.refresh()

    def present(self, on: bool) -> None:
        """High contrast while presenting, the usual theme after."""
        if self.no_color:
            return
        if on:
            self._usual = self.theme
            self.theme = themes.HIGH_CONTRAST
        else:
            self.theme = self._usual

    @on(Pressed)
    async def _pressed(self, event: Pressed) -> None:
        await self.main.do(event.action)

    # ---------------------------------------------------------------- overlays

    def action_command_palette(self) -> None:
        """Every action by name."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(
                CommandPalette(placeholder="an action, a command, a theme", id="--command-palette")
            )

    def action_keys(self) -> None:
        """The help of the focused pane, then every key."""
        if isinstance(self.screen, Keys):
            self.screen.dismiss(None)
            return
        context, lines = self.main.help_of_focus()

        async def do(chosen: object) -> None:
            if isinstance(chosen, Key):
                await self.main.do(chosen.action)

        self.push_screen(Keys(self.keys, context, lines), do)

    def action_scenarios(self) -> None:
        """The picker."""
        if isinstance(self.screen, Picker):
            return
        tick = self.palette.text("✓")
        self.push_screen(Picker(library.entries(), library.resumable(), tick), self._picked)

    def _picked(self, picked: object) -> None:
        if isinstance(picked, Picked):
            self.main.open(picked)

    async def action_quit(self) -> None:
        """Quit, and say where the session lies."""
        self.exit(0, message=self.main.desk.close())


def run(
    source: str | Path | None = None,
    *,
    text: str | None = None,
    new: Mapping[str, Any] | None = None,
    resume: bool | int | str | Path | None = None,
    ascii: bool = False,
) -> int:
    """Run the app; the exit code.

    Args:
        source: A scenario file.
        text: A scenario's text; ``;`` may stand for a line end.
        new: Options of an empty machine.
        resume: True for the last session, N for the N-th last, or a log's path.
        ascii: Draw with ASCII characters only.

    Raises:
        VmtuiError: what was asked for cannot be opened. The terminal has not been touched.
    """
    keys, trouble = keyfile.load()
    if resume:
        gc.enable()  # whoever started us may have turned it off, and a replay can be long
    first = opening(source, text=text, new=new, resume=resume, ascii=ascii)
    code = VmtuiApp(first, keys=keys, trouble=trouble, ascii=ascii, watches=True).run()
    return 3 if code is None else code
