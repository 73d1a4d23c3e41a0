"""The one key registry.

Bindings, help overlay, footer, command palette and the key table of README are all made from `KEYS`.
Users remap by id in ``keys.toml`` of the configuration folder: ``"time.forward" = "full_stop,n"``.
Key names are Textual's (``full_stop``, ``ctrl+o``); `caption` says how a person writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import evolve, frozen
from textual.binding import Binding
from textual.keys import format_key

MAIN = "main"
"""The main screen, whichever pane has the focus."""
LIST = "list"
"""A focused list of rows."""
DIAGRAM = "diagram"
"""The focused diagram of boxes."""
TIMELINE = "timeline"
"""The focused timeline."""
PROMPT = "prompt"
"""The focused prompt: what is typed goes into it, so only keys that type nothing are bound."""
PRESENTER = "presenter"
"""The main screen while it is a presentation."""
PICKER = "picker"
"""The list of scenarios."""
OVERLAY = "overlay"
"""Whatever lies above the main screen."""
APP = "app"
"""Everywhere."""

INHERITED: Mapping[str, tuple[str, ...]] = {
    MAIN: (MAIN, APP),
    LIST: (LIST, MAIN, APP),
    DIAGRAM: (DIAGRAM, MAIN, APP),
    TIMELINE: (TIMELINE, MAIN, APP),
    PROMPT: (PROMPT, APP),
    PRESENTER: (PRESENTER, MAIN, APP),
    PICKER: (LIST, PICKER, OVERLAY, APP),
    OVERLAY: (LIST, OVERLAY, APP),
    APP: (APP,),
}
"""The registry contexts whose keys are live in each context. No two of their keys are the same."""


@frozen
class Key:
    """One thing the keyboard does."""

    id: str
    """What users remap by."""
    keys: tuple[str, ...]
    """Textual's names of the keys, the one to show first."""
    action: str
    """The Textual action that runs."""
    label: str
    """One or two words, for the footer."""
    help: str
    """One line, for help, palette and README."""
    group: str
    """The heading under which help lists it."""
    context: str = MAIN
    """Where the key is live."""
    priority: bool = False
    """True: seen before the focused widget."""

    @property
    def caption(self) -> str:
        """The keys as a person writes them: ``.  ]``."""
        return "  ".join(dict.fromkeys(written(key) for key in self.keys))

    @property
    def first(self) -> str:
        """The key to show where there is room for one."""
        return written(self.keys[0]) if self.keys else ""

    @property
    def binding(self) -> Binding:
        """Textual's form of it."""
        return Binding(
            ",".join(self.keys),
            self.action,
            self.label,
            show=False,
            id=self.id,
            priority=self.priority,
            tooltip=self.help,
        )


_WRITTEN = {
    "space": "space",
    "escape": "Esc",
    "shift+tab": "Shift+Tab",
    "pageup": "PgUp",
    "pagedown": "PgDn",
}
_WRITTEN |= {key: key.capitalize() for key in ("enter", "tab", "home", "end", "up", "down", "left", "right")}


def written(key: str) -> str:
    """How a person writes Textual's name of a key."""
    if key in _WRITTEN:
        return _WRITTEN[key]
    modifiers, _, last = key.rpartition("+")
    shown = last.upper() if last[:1] == "f" and last[1:].isdigit() else format_key(last)
    if len(last) == 1:
        shown = last
    return f"{modifiers}+{shown}" if modifiers else shown


def _move(id: str, keys: str, action: str, help: str) -> Key:
    return Key(f"list.{id}", tuple(keys.split()), action, id, help, "Move", LIST)


_PANES = (
    "Processes · VMAs",
    "Reverse map",
    "Lists",
    "Frames / Pages",
    "struct page",
    "Source",
    "Walk",
    "Timeline",
)

KEYS: tuple[Key, ...] = (
    Key("time.forward", ("full_stop", "right_square_bracket"), "forward", "step", "one step forward", "Time"),
    Key("time.back", ("comma", "left_square_bracket"), "back", "back", "one step back", "Time"),
    Key(
        "time.command_end", ("greater_than_sign",), "command_end", "end", "to the end of this command", "Time"
    ),
    Key(
        "time.command_start",
        ("less_than_sign",),
        "command_start",
        "start",
        "to the start of this command",
        "Time",
    ),
    Key("beat.next", ("n",), "next_beat", "next", "next beat: up to the next card, pause or section", "Time"),
    Key("beat.previous", ("b",), "previous_beat", "previous", "previous beat", "Time"),
    Key("play.toggle", ("space",), "toggle_play", "play", "play, pause", "Time"),
    Key("play.slower", ("minus",), "slower", "slower", "play slower", "Time"),
    Key("play.faster", ("plus",), "faster", "faster", "play faster, up to 16 times", "Time"),
    Key("time.undo", ("u",), "undo", "undo", "undo one whole command", "Time"),
    Key("time.redo", ("U",), "redo", "redo", "redo one whole command", "Time"),
    Key("time.goto", ("T",), "goto", "go to", "go to a command, step, section or branch", "Time"),
    Key("mark.set", ("m",), "set_mark", "mark", "set a mark here", "Time"),
    Key("mark.list", ("apostrophe",), "marks", "marks", "list the marks", "Time"),
    Key("do.read", ("r",), "act('read')", "read", "read the subject", "Act on the subject"),
    Key("do.write", ("w",), "act('write')", "write", "write the subject", "Act on the subject"),
    Key("do.fork", ("f",), "act('fork')", "fork", "fork its process", "Act on the subject"),
    Key("do.swapout", ("o",), "act('swapout')", "swap out", "swap the subject out", "Act on the subject"),
    Key(
        "do.walk",
        ("t",),
        "act('walk')",
        "walk",
        "walk its reverse map, touching nothing",
        "Act on the subject",
    ),
    Key(
        "do.referenced",
        ("a",),
        "act('referenced')",
        "referenced",
        "run page_referenced on it",
        "Act on the subject",
    ),
    Key("do.exit", ("x",), "act('exit')", "exit", "end its process", "Act on the subject"),
    Key("do.munmap", ("d",), "act('munmap')", "munmap", "unmap the subject", "Act on the subject"),
    Key("prompt.open", ("colon",), "prompt", "command", "type a command", "Command"),
    Key("find", ("slash",), "find", "find", "find a place, a name, or pages by a predicate", "Command"),
    Key("subject.pin", ("p",), "pin", "pin", "pin the subject to its frame, or let it go", "Subject"),
    Key("subject.follow", ("F",), "follow", "follow", "follow the page of each step, or stay", "Subject"),
    Key("view.explain", ("i",), "explain", "explain", "explain what the cursor is on", "View"),
    Key("view.pages", ("v",), "frames_or_pages", "frames", "pane 4: frames, or the pages of a VMA", "View"),
    Key("view.farther", ("z",), "zoom(1)", "farther", "pane 4: more frames a cell: 64, then 4,096", "View"),
    Key("view.nearer", ("Z",), "zoom(-1)", "nearer", "pane 4: fewer frames a cell: 64, then 1", "View"),
    Key(
        "view.presenter",
        ("P",),
        "presenter",
        "presenter",
        "presentation: large narration, high contrast",
        "View",
    ),
    Key(
        "scheme",
        ("s",),
        "schemes",
        "reverse map",
        "scheme menu: this branch's commands on another kernel",
        "Compare",
    ),
    Key(
        "compare",
        ("c",),
        "compare",
        "compare",
        "compare: this branch's commands under every scheme, side by side",
        "Compare",
    ),
    Key("branch.list", ("B",), "branches", "branches", "the branches", "Branches"),
    Key("branch.script", ("R",), "return_to_script", "script", "back to the script", "Branches"),
    Key("branch.save", ("S",), "save", "save", "save this branch as a scenario", "Branches"),
    Key("copy.subject", ("y",), "copy_subject", "copy", "copy the subject", "Branches"),
    Key("copy.now", ("Y",), "copy_now", "copy now", "copy a vmtui -c line that reproduces now", "Branches"),
    *(
        Key(f"pane.{n}", (str(n),), f"pane({n})", name, f"pane {n}: {name}; again: maximise", "Panes")
        for n, name in enumerate(_PANES, start=1)
    ),
    Key("focus.next", ("tab",), "app.focus_next", "next pane", "next pane", "Panes"),
    Key("focus.previous", ("shift+tab",), "app.focus_previous", "previous pane", "previous pane", "Panes"),
    Key(
        "escape", ("escape",), "escape", "leave", "leave: overlay, maximised pane, play. Never quits", "Panes"
    ),
    Key("help", ("question_mark",), "app.keys", "keys", "these keys", "vmtui"),
    Key("help.always", ("f1",), "app.keys", "keys", "these keys, also from the prompt", "vmtui", APP),
    Key(
        "palette",
        ("ctrl+p", "f2"),
        "app.command_palette",
        "palette",
        "every action by name",
        "vmtui",
        APP,
        True,
    ),
    Key("scenarios", ("ctrl+o",), "app.scenarios", "scenarios", "all scenarios", "vmtui", APP, True),
    Key("quit", ("q",), "app.quit", "quit", "quit; the session file stays", "vmtui"),
    Key("quit.always", ("ctrl+q",), "app.quit", "quit", "quit, from anywhere", "vmtui", APP, True),
    Key("suspend", ("ctrl+z",), "app.suspend_process", "suspend", "suspend vmtui", "vmtui", APP, True),
    _move("up", "up k", "cursor_up", "row cursor up"),
    _move("down", "down j", "cursor_down", "row cursor down"),
    _move("left", "left h", "scroll_text(-8)", "text to the left"),
    _move("right", "right l", "scroll_text(8)", "text to the right"),
    _move("page_up", "pageup", "page(-1)", "one page up"),
    _move("page_down", "pagedown", "page(1)", "one page down"),
    _move("first", "home g", "first", "first row"),
    _move("last", "end G", "last", "last row"),
    _move("choose", "enter", "choose", "choose: the row becomes the subject, or the time"),
    Key("diagram.up", ("up", "k"), "move(0,-1)", "up", "box above", "Move", DIAGRAM),
    Key("diagram.down", ("down", "j"), "move(0,1)", "down", "box below", "Move", DIAGRAM),
    Key("diagram.left", ("left", "h"), "move(-1,0)", "left", "box to the left", "Move", DIAGRAM),
    Key("diagram.right", ("right", "l"), "move(1,0)", "right", "box to the right", "Move", DIAGRAM),
    Key("diagram.first", ("home", "g"), "end(-1)", "first", "first box", "Move", DIAGRAM),
    Key("diagram.last", ("end", "G"), "end(1)", "last", "last box", "Move", DIAGRAM),
    Key(
        "diagram.choose",
        ("enter",),
        "choose",
        "choose",
        "choose: the box becomes the subject",
        "Move",
        DIAGRAM,
    ),
    Key(
        "timeline.left",
        ("left", "h"),
        "screen.command_start",
        "start",
        "start of the command",
        "Move",
        TIMELINE,
    ),
    Key(
        "timeline.right", ("right", "l"), "screen.command_end", "end", "end of the command", "Move", TIMELINE
    ),
    Key(
        "timeline.choose",
        ("enter",),
        "choose",
        "choose",
        "just after the command; again: unfold its steps, or fold them",
        "Move",
        TIMELINE,
    ),
    Key("prompt.run", ("enter",), "submit", "run", "run the commands; ; separates them", "Prompt", PROMPT),
    Key("prompt.leave", ("escape",), "leave", "leave", "leave the prompt; the text stays", "Prompt", PROMPT),
    Key("prompt.older", ("up",), "recall(-1)", "older", "older line", "Prompt", PROMPT),
    Key("prompt.newer", ("down",), "recall(1)", "newer", "newer line", "Prompt", PROMPT),
    Key(
        "prompt.complete", ("tab",), "complete", "complete", "complete, or cycle what fits", "Prompt", PROMPT
    ),
    Key("presenter.next", ("pagedown",), "presenter_beat(1)", "next", "next beat", "Presenter", PRESENTER),
    Key(
        "presenter.previous",
        ("pageup",),
        "presenter_beat(-1)",
        "previous",
        "previous beat",
        "Presenter",
        PRESENTER,
    ),
    Key("picker.edit", ("e",), "edit", "open paused", "open it paused, at the prompt", "Scenarios", PICKER),
    Key("picker.filter", ("slash",), "filter", "filter", "filter the list", "Scenarios", PICKER),
    Key("overlay.close", ("escape",), "close", "close", "close", "Scenarios", OVERLAY),
)
"""Every key of vmtui, in the order in which help lists them."""

BY_ID: Mapping[str, Key] = {key.id: key for key in KEYS}


def clashes(keys: Iterable[Key] = KEYS) -> list[str]:
    """Every key that means two things in one context, as sentences."""
    keys = tuple(keys)
    found = []
    for context, inherited in INHERITED.items():
        owner: dict[str, Key] = {}
        for key in (key for part in inherited for key in keys if key.context == part):
            for name in key.keys:
                if name in owner:
                    found.append(f"{written(name)} is both {owner[name].id} and {key.id} in {context}")
                owner.setdefault(name, key)
    return list(dict.fromkeys(found))


def remapped(changes: Mapping[str, object], keys: Iterable[Key] = KEYS) -> tuple[tuple[Key, ...], list[str]]:
    """`keys` with the user's `changes` (id → ``"key,key"``) made, and what was wrong with them, as sentences.

    A change that names an unknown id, or that makes two things share a key, is left out.
    """
    result = {key.id: key for key in keys}
    wrong = []
    for id, value in changes.items():
        if id not in result:
            wrong.append(f"no key is called {id!r}")
            continue
        names = tuple(name.strip() for name in str(value).split(",") if name.strip())
        changed = result | {id: evolve(result[id], keys=names)}
        clash = clashes(changed.values())
        if clash:
            wrong.append(clash[0])
        else:
            result = changed
    return tuple(result.values()), wrong


def bindings(*contexts: str, keys: Iterable[Key] = KEYS) -> list[Binding]:
    """Textual's bindings of some contexts."""
    return [key.binding for key in keys if key.context in contexts and key.keys]


def table(keys: Iterable[Key] = KEYS) -> str:
    """The key table of README, in Markdown."""
    rows: dict[str, list[str]] = {}
    for key in keys:
        captions = " ".join(f"`{written(name)}`" for name in key.keys)
        rows.setdefault(key.group, []).append(f"| {captions} | {key.help} |")
    return "\n\n".join(
        "\n".join((f"**{group}**", "", "| keys | what it does |", "|---|---|", *lines))
        for group, lines in rows.items()
    )
