"""The main screen: panes over a narration, a timeline and a prompt.

It owns no state of the machine: every key asks the desk for something, then what is shown is drawn anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.getters import query_one
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from vmtui.errors import VmtuiError
from vmtui.mm.step import SLICE
from vmtui.tui import arrangement, keymap
from vmtui.tui.arrangement import PANES
from vmtui.tui.desk import Desk, Wanted
from vmtui.tui.job import Job
from vmtui.tui.messages import Pressed
from vmtui.tui.opening import Opening, opening
from vmtui.tui.paint import Painted
from vmtui.tui.panes.frames import Frames
from vmtui.tui.panes.header import Header
from vmtui.tui.panes.lists import Lists
from vmtui.tui.panes.narration import Narration
from vmtui.tui.panes.pane import Drawn
from vmtui.tui.panes.processes import Processes
from vmtui.tui.panes.reverse_map import ReverseMap
from vmtui.tui.panes.source import Source
from vmtui.tui.panes.struct_page import StructPage
from vmtui.tui.panes.timeline import Timeline
from vmtui.tui.panes.walk import Walk
from vmtui.tui.screens.acting import HELP_CONTEXT, Acting, wrapped
from vmtui.tui.screens.comparing import Comparing
from vmtui.tui.screens.picker import Picked
from vmtui.tui.screens.timing import Timing
from vmtui.tui.screens.watching import Watching
from vmtui.tui.widgets.key_bar import KeyBar
from vmtui.tui.widgets.prompt import Left, Prompt
from vmtui.view.text import count


class Body(Container):
    """The room for the panes; they are placed anew whenever it changes."""

    def on_resize(self) -> None:
        """The room has changed."""
        if isinstance(self.screen, MainScreen):
            self.screen.place_panes()


class MainScreen(Timing, Acting, Comparing, Watching, Screen[None]):
    """Everything at once; see SCREEN in the design for what points and what each key does."""

    AUTO_FOCUS = "#reverse-map"
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.MAIN, keymap.PRESENTER)]

    prompt = query_one("#prompt", Prompt)
    body = query_one("#body", Container)
    keys = query_one("#keys", KeyBar)

    def __init__(self, desk: Desk, *, at_prompt: bool = False) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-cramped"), (arrangement.MINIMUM[0], "-narrow"), (100, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-low"), (arrangement.MINIMUM[1], "-short"), (30, "-tall")]
        self.desk = desk
        self.at_prompt = at_prompt
        self.last_pane = "reverse-map"
        self.lower: tuple[str, str] = arrangement.LOWER
        self.maximised = ""
        self.presenter = False
        self._drawing = False
        self._room: object = None

    def compose(self) -> ComposeResult:
        """Top to bottom; the panes of the body are placed by `place_panes`."""
        yield Header()
        with Body(id="body"):
            yield Processes()
            yield ReverseMap()
            yield Lists()
            yield Frames()
            yield StructPage()
            yield Source()
            yield Walk()
        yield Narration()
        yield Timeline()
        with Horizontal(id="command"):
            yield Static("vm> " if self.desk.ascii else "vm❯ ", id="sigil", markup=False)
            yield Prompt(id="prompt", placeholder="")
        yield KeyBar(id="keys")
        yield Static(id="cover", markup=False)

    def on_mount(self) -> None:
        """Start the clock that playing polls, and take what the desk says."""
        self.start_timing()
        if getattr(self.app, "watches", False):
            self.start_watching()
        self.sit_down(self.desk, at_prompt=self.at_prompt)

    def sit_down(self, desk: Desk, *, at_prompt: bool = False, play: bool = False) -> None:
        """Work at a desk from now on: its first beat is shown."""
        self.desk = desk
        self.prompt.completer = desk.completions
        self.prompt.history = list(desk.history)
        self.prompt.value = ""
        self.watch_desk_file()
        self.begin(desk.first_beat(), "first beat", self.action_toggle_play if play else None)
        if at_prompt:
            self.prompt.focus()

    @property
    def busy(self) -> bool:
        """Whether work is going on or a drawing is due."""
        return self.job is not None or self._drawing

    # ---------------------------------------------------------------- drawing

    def draw_soon(self) -> None:
        """Draw once, after whatever else is waiting: held keys coalesce."""
        if not self._drawing:
            self._drawing = True
            self.call_later(self._draw)

    def _draw(self) -> None:
        self._drawing = False
        if self.job is not None and not self.job.finished:
            return
        if self.desk.wanted is not None:
            wanted, self.desk.wanted = self.desk.wanted, None
            self.open_wanted(wanted)
        self.set_class(self.desk.branched, "-branched")
        lit = self.desk.lit
        with self.app.batch_update():
            for widget in self.shown():
                if isinstance(widget, Painted) and widget.id in PANES:
                    widget.put_off(widget.id not in lit)
                widget.draw(self.desk)
            self.show_keys()

    def shown(self) -> list[Drawn]:
        """What is on the screen and draws something of the desk."""
        drawn: list[Drawn] = [self.query_one(Header), self.query_one(Narration), self.query_one(Timeline)]
        drawn += [pane for pane in self.body.children if pane.display and hasattr(pane, "draw")]  # type: ignore[misc]
        return drawn

    def on_resize(self, event: events.Resize) -> None:
        """Place the panes for the new size."""
        columns, rows = event.size
        needs = "needs {}x{}, have {}x{}" if self.desk.ascii else "needs {}×{}, have {}×{}"
        cover = self.query_one("#cover", Static)
        cover.update(Content(needs.format(*arrangement.MINIMUM, columns, rows)))

    def place_panes(self) -> None:
        """Give every pane of the body its place, or none."""
        width, height = self.body.size
        room = width, height, self.lower, self.maximised, self.presenter
        if not width or not height or room == self._room:
            return
        self._room = room
        places = arrangement.places(
            width, height, lower=self.lower, maximised=self.maximised, presenter=self.presenter
        )
        for pane in self.body.children:
            place = places.get(pane.id or "")
            pane.display = place is not None
            if place is not None:
                pane.styles.offset = place.x, place.y
                pane.styles.width, pane.styles.height = place.width, place.height
        self.set_class(self.maximised == "timeline", "-maximised-timeline")
        self.call_after_refresh(self.draw_soon)

    def show_keys(self) -> None:
        """The keys that matter now, and that a script is at its end: its card may take all other room."""
        self.keys.show(self.footer(), "the end" if self.desk.ended and self.job is None else "")

    def footer(self) -> list[tuple[keymap.Key, str]]:
        """The six keys that matter now."""
        ids: list[tuple[str, str]]
        if self.job is not None:
            ids = [("escape", "cancel")]
        elif self.playback.playing:
            ids = [
                ("play.toggle", "pause"),
                ("play.slower", ""),
                ("play.faster", ""),
                ("time.back", ""),
                ("help", ""),
            ]
        elif isinstance(self.focused, Prompt):
            ids = [
                ("prompt.run", ""),
                ("prompt.complete", ""),
                ("prompt.older", ""),
                ("prompt.leave", ""),
                ("help.always", ""),
            ]
        elif isinstance(self.focused, Frames):
            ids = [
                ("list.choose", ""),
                ("view.pages", "frames" if self.desk.show_pages else "pages"),
                ("view.farther", ""),
                ("view.nearer", ""),
                ("time.forward", ""),
                ("help", ""),
            ]
        elif self.desk.upcoming:
            ids = [
                ("play.toggle", ""),
                ("time.forward", ""),
                ("time.back", ""),
                ("beat.next", ""),
                ("prompt.open", ""),
            ]
            ids.append(("help", ""))
        elif self.desk.ended:
            ids = [
                ("beat.previous", ""),
                ("time.back", ""),
                ("prompt.open", ""),
                ("scenarios", ""),
                ("help", ""),
            ]
        else:
            ids = [
                ("prompt.open", ""),
                ("time.back", ""),
                ("time.undo", ""),
                ("do.fork", ""),
                ("branch.script", "") if self.desk.beside_script else ("do.swapout", ""),
            ]
            ids.append(("help", ""))
        known = self.app_keys()
        return [(known[id], label or known[id].label) for id, label in ids if id in known and known[id].keys]

    def app_keys(self) -> dict[str, keymap.Key]:
        """The registry with the user's changes."""
        return {key.id: key for key in getattr(self.app, "keys", keymap.KEYS)}

    # ---------------------------------------------------------------- focus and panes

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The footer depends on the focus, and the prompt gives the focus back to the pane that had it."""
        self.last_pane = self.pane_of(self.focused) or self.last_pane
        self.show_keys()

    def pane_of(self, widget: Widget | None) -> str:
        """The DOM id of the pane that a widget is, or empty."""
        return widget.id if widget is not None and widget.id in PANES else ""

    def action_pane(self, number: int) -> None:
        """Focus a pane; if it has the focus, maximise it."""
        name = PANES[number - 1]
        pane = self.query_one(f"#{name}")
        if self.focused is pane:
            self.maximised = "" if self.maximised == name else name
        else:
            if self.maximised:
                self.maximised = name
            self._bring(name)
        self.place_now()
        self.set_focus(pane)

    def _bring(self, name: str) -> None:
        """On a small screen, put a hidden pane where the lower pane without the focus is."""
        if name in ("timeline", "reverse-map") or name in self.lower:
            return
        if self.pane_of(self.focused) == self.lower[1]:
            self.lower = name, self.lower[1]
        else:
            self.lower = self.lower[0], name

    def place_now(self) -> None:
        """Arrange; what appears can take the focus at once."""
        if self.maximised == "timeline" or self.has_class("-maximised-timeline"):
            self.set_class(self.maximised == "timeline", "-maximised-timeline")
            self.call_after_refresh(self.place_panes)
        self.place_panes()

    def action_escape(self) -> None:
        """Cancel work, unmaximise, leave the presentation, stop playing: one of them."""
        if self.cancel_job():
            return
        if self.maximised:
            self.maximised = ""
            self.place_now()
        elif self.playback.playing:
            self.stop()
        elif self.presenter:
            self.action_presenter()

    def action_presenter(self) -> None:
        """The presentation on or off."""
        self.presenter = not self.presenter
        self.set_class(self.presenter, "-presenter")
        present = getattr(self.app, "present", None)
        if present is not None:
            present(self.presenter)
        self.call_after_refresh(self.place_panes)

    def action_presenter_beat(self, direction: int) -> None:
        """Page keys are beats in a presentation."""
        if self.presenter:
            (self.action_next_beat if direction > 0 else self.action_previous_beat)()

    def help_of_focus(self) -> tuple[str, list[str]]:
        """The context of the focused widget and what its rows are."""
        focused = self.focused
        context = next(
            (found for kind, found in HELP_CONTEXT.items() if isinstance(focused, kind)), keymap.MAIN
        )
        said = getattr(focused, "ABOUT", "")
        return context, wrapped(said, min(90, self.size.width * 86 // 100 - 6)) if said else []

    def show_progress(self, job: Job) -> None:
        """Say what goes on."""
        commands = len(self.desk.session.commands) - self.begun
        done = count(commands, "command") if commands > 0 else count(job.slices * SLICE, "step")
        self.query_one(Narration).show_progress(job, done)

    # ---------------------------------------------------------------- opening something else

    def open(self, picked: Picked) -> None:
        """What the picker gave: a scenario, or the session to resume."""
        if picked.path:
            self._open(lambda: opening(picked.path, ascii=self.desk.ascii), picked.paused)
        else:
            self._open(lambda: opening(resume=True, ascii=self.desk.ascii), True)

    def open_wanted(self, wanted: Wanted) -> None:
        """What a line at the prompt asked for."""
        if wanted.words:
            self.show_words()
        elif wanted.path:
            self._open(lambda: opening(wanted.path, ascii=self.desk.ascii), True)
        else:
            self._open(lambda: opening(new=dict(wanted.options), ascii=self.desk.ascii), True)

    def _open(self, make: Callable[[], Opening], paused: bool) -> None:
        self.stop()
        try:
            made = make()
        except VmtuiError as error:
            self.desk.blame(error)
            self.draw_soon()
            return
        self.desk.close()
        self.sit_down(made.desk, at_prompt=paused, play=not paused)

    # ---------------------------------------------------------------- messages

    @on(Pressed)
    async def _pressed(self, event: Pressed) -> None:
        event.stop()
        await self.do(event.action)

    async def do(self, action: str) -> None:
        """Do an action of the registry, wherever it lives: in the focused widget, here, or in the app."""
        name = action.partition("(")[0]
        focused = self.focused
        at_focus = focused is not None and hasattr(focused, f"action_{name}")
        await self.app.run_action(action, focused if at_focus else self)

    @on(Left)
    def _left_prompt(self, event: Left) -> None:
        event.stop()
        pane = self.query_one(f"#{self.last_pane}")
        self.set_focus(pane if pane.display else self.query_one("#reverse-map"))
