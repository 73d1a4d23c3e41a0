"""What is chosen, and what is done to it: subject, letter commands, prompt, find, marks, branches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vmtui.tui import keymap
from vmtui.tui.destinations import branches, destinations, marks
from vmtui.tui.finding import HINT, finder
from vmtui.tui.job import Work
from vmtui.tui.messages import Chosen, Entered
from vmtui.tui.screens.chooser import Choice, Chooser, filtered, plain
from vmtui.tui.screens.explain import Explain
from vmtui.tui.screens.picker import Picked
from vmtui.tui.speaking import words
from vmtui.tui.widgets.canvas import Canvas
from vmtui.tui.widgets.line_list import LineList
from vmtui.tui.widgets.prompt import Prompt
from vmtui.tui.widgets.track_bar import TrackBar
from vmtui.view.explain import explain
from vmtui.view.frames import ZOOMS
from vmtui.view.subject import Subject

if TYPE_CHECKING:
    from textual.screen import Screen

    from vmtui.tui.desk import Desk

    Base = Screen[None]
else:
    Base = object


ENDS = ("exit", "munmap")
"""Letter commands after which something is gone."""


class Acting(Base):
    """What the main screen does to the subject and to the session."""

    desk: Desk
    prompt: Prompt

    # The screen's own, and Timing's.

    def draw_soon(self) -> None:
        """Draw once."""

    def stop(self) -> None:
        """Play no more."""

    def move(self, work: Work | None, label: str) -> None:
        """Stop playing and move."""

    def begin(self, work: Work | None, label: str, then: Callable[[], None] | None = None) -> None:
        """Do a piece of work."""

    def clear_echo(self) -> None:
        """What a key wrote into the prompt is over."""

    def action_pane(self, number: int) -> None:
        """Focus a pane."""

    # ---------------------------------------------------------------- choosing

    def on_chosen(self, event: Chosen) -> None:
        """Enter or a click: the row becomes the subject, or the time; again: what it leads to."""
        event.stop()
        self.stop()
        self.clear_echo()
        subject = Subject.of(event.ref, event.place)
        if event.pane == "timeline" and event.step is not None:
            self.move(self.desk.choose_moment(event.step), "go")
            return
        if event.pane in ("walk", "source") and event.step is not None:
            self.move(self.desk.seek(event.step), "go")
            return
        if subject is None:
            if event.step is not None:
                self.move(self.desk.seek(event.step), "go")
            return
        again = subject == self.desk.subject
        self.desk.choose(subject)
        if again:
            self._chosen_again(event)
        self.draw_soon()

    def _chosen_again(self, event: Chosen) -> None:
        if event.pane == "processes" and event.ref is not None and event.ref[0] == "vma":
            self.desk.show_pages = True
            self.action_pane(4)
        elif event.pane == "reverse-map" and event.step is not None:
            self.move(self.desk.seek(event.step), "go")
        elif event.pane == "lists":
            self.desk.choose_first_page()
        elif event.pane == "frames":
            self.action_act("walk")

    def action_pin(self) -> None:
        """Pin the subject to its frame, or let it go."""
        self.desk.pin()
        self.draw_soon()

    def action_follow(self) -> None:
        """Follow the page of each step, or stay."""
        self.desk.follow = not self.desk.follow
        self.draw_soon()

    def action_frames_or_pages(self) -> None:
        """Pane 4 shows frames or the pages of a VMA."""
        self.desk.show_pages = not self.desk.show_pages
        self.action_pane(4) if not self.query_one("#frames").display else None
        self.draw_soon()

    def action_zoom(self, direction: int) -> None:
        """Pane 4 shows more frames a cell, or fewer."""
        at = ZOOMS.index(self.desk.zoom) + direction
        if self.desk.show_pages:
            self.desk.show_pages = False  # the pages of a VMA have no zoom: what zooms is the grid
        elif 0 <= at < len(ZOOMS):
            self.desk.zoom = ZOOMS[at]
        else:
            self.desk.say("a cell is one frame: z zooms out" if at < 0 else "there is no coarser cell")
        self.action_pane(4) if not self.query_one("#frames").display else None
        self.draw_soon()

    def action_explain(self) -> None:
        """Explain what the cursor is on."""
        focused = self.focused
        key = ""
        said: tuple[str, ...] = ()
        if isinstance(focused, LineList) and focused.current_row is not None:
            key = focused.current_row.explain
            said = self.desk.words_of(focused.id or "", focused.current_row)
        elif isinstance(focused, Canvas) and focused.current_box is not None:
            key = focused.current_box.explain
        if not key or not self.show_explanation(key, said=said):
            self.desk.say("nothing is said of this row: i explains fields, objects and steps")
            self.draw_soon()

    def show_explanation(
        self, key: str, then: Callable[[object], None] | None = None, said: tuple[str, ...] = ()
    ) -> bool:
        """The overlay of an entry, and what comes after it; False where there is no such entry.

        Args:
            said: What the row itself says, before what is true of all of its kind.
        """
        found = explain(key, self.desk.session.machine.scheme.explanations)
        if found is None:
            return False
        lines: list[tuple[str, str]] = []
        own = [(text, "dim" if number else "accent") for number, text in enumerate(said)]
        for text, role in (*own, (found.kernel, "dim"), (found.text, "text"), (found.where, "dim")):
            lines += [("", "text")] if lines and (text, role) not in own[1:] else []
            lines += [(line, role) for line in wrapped(text, overlay_width(self.size.width))]
        self.app.push_screen(Explain(found.title, lines), then)
        return True

    def show_words(self) -> None:
        """The overlay of all words that the prompt takes."""
        lines: list[tuple[str, str]] = []
        for usage, text in words():
            lines += [(line, "text") for line in wrapped(usage, overlay_width(self.size.width))]
            lines += [(f"    {line}", "dim") for line in wrapped(text, overlay_width(self.size.width) - 4)]
        self.app.push_screen(Explain("What the prompt takes", lines))

    # ---------------------------------------------------------------- commands

    def action_act(self, word: str) -> None:
        """A letter command: the exact line goes into the prompt and runs."""
        self.stop()
        self.clear_echo()
        line = self.desk.line_for(word)
        if line is None:
            self.desk.say(f"{word} needs a {self.desk.needs(word)} as subject: choose one with Enter", "warn")
            self.draw_soon()
            return
        self.prompt.write_echo(line)
        self.desk.history.append(line)
        self.begin(self.desk.run(line), line, self._say_undo if word in ENDS else None)

    def _say_undo(self) -> None:
        """What a single key ended is not lost."""
        self.desk.say_undo()

    def on_entered(self, event: Entered) -> None:
        """A line was run at the prompt."""
        event.stop()
        self.run_line(event.text)

    def run_line(self, line: str) -> None:
        """Run what stands between the semicolons of a line."""
        self.desk.history.append(line)
        self.move(self.desk.run(line), line)

    def action_prompt(self) -> None:
        """Type a command."""
        self.stop()
        self.prompt.focus()

    def half_typed(self, line: str) -> None:
        """Put a command with a gap into the prompt."""
        self.stop()
        self.prompt.write_half(line)

    # ---------------------------------------------------------------- overlays

    def action_find(self) -> None:
        """A place, a fragment of a name, or a predicate over pages."""
        self.stop()
        chooser = Chooser(
            "Find",
            finder(self.desk),
            hint=HINT,
            note="Enter chooses the subject · Esc closes",
        )
        self.app.push_screen(chooser, self._found)

    def _found(self, value: object) -> None:
        if isinstance(value, Subject):
            self.desk.choose(value)
            self.draw_soon()

    def action_goto(self) -> None:
        """A command, a step, a section, a branch."""
        self.stop()
        choices, start = destinations(self.desk)
        names = filtered(choices)

        def source(typed: str) -> list[Choice]:
            found = list(names(typed))
            steps = len(self.desk.session.steps)
            number = int(typed) if typed.strip().isdecimal() and len(typed) < 12 else -1
            if 0 <= number <= steps:
                found.insert(0, Choice(plain(f"step {number} of {steps} in all", "title"), number))
            return found

        chooser = Chooser("Go to", source, hint="a number: that step of all", start=start)
        self.app.push_screen(chooser, self._go)

    def _go(self, value: object) -> None:
        if value is not None:
            self.move(self.desk.go(value), "go")

    def action_set_mark(self) -> None:
        """Mark this moment."""
        self.desk.set_mark()
        self.draw_soon()

    def action_marks(self) -> None:
        """List the marks."""
        choices = marks(self.desk)
        if not choices:
            self.desk.say("no marks yet: m sets one")
            self.draw_soon()
            return
        self.app.push_screen(Chooser("Marks", filtered(choices)), self._go)

    def action_branches(self) -> None:
        """The branches."""
        self.stop()
        choices = branches(self.desk)
        self.app.push_screen(Chooser("Branches", filtered(choices)), self._go)

    def action_return_to_script(self) -> None:
        """Back to the script."""
        self.move(self.desk.return_to_script(), "back to the script")

    def action_copy_subject(self) -> None:
        """Copy the name of the subject."""
        self._copy(self.desk.subject_text, "the subject")

    def action_copy_now(self) -> None:
        """Copy a line that reproduces now."""
        self._copy(self.desk.reproduction(), "a line that reproduces this moment")

    def _copy(self, text: str, what: str) -> None:
        if text:
            self.app.copy_to_clipboard(text)
            self.desk.say(f"copied {what}: {text}")
        else:
            self.desk.say("there is no subject to copy")
        self.draw_soon()

    def action_save(self) -> None:
        """Save this branch as a scenario: the prompt asks for the file."""
        self.half_typed("save ")

    def open(self, picked: Picked) -> None:
        """Open what the picker gave; the screen's own."""


def overlay_width(columns: int) -> int:
    """Cells for a paragraph in an overlay: what chooser.tcss leaves inside frame, padding and gutter."""
    return min(76, min(100, columns * 86 // 100) - 6)


def wrapped(text: str, width: int) -> list[str]:
    """A paragraph in lines."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line] if line else lines


HELP_CONTEXT = {
    Canvas: keymap.DIAGRAM,
    LineList: keymap.LIST,
    TrackBar: keymap.TIMELINE,
    Prompt: keymap.PROMPT,
}
"""The context whose keys the help of a focused widget begins with."""
