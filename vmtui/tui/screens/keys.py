"""The help overlay: every key of the registry, those of the focused pane first. A click does it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vmtui.tui import keymap
from vmtui.tui.keymap import Key
from vmtui.tui.screens.chooser import Choice, Chooser, filtered, plain
from vmtui.view.model import Row, Span

KEY_COLUMN = 18


def help_choices(keys: Iterable[Key], first: str, lines: Sequence[str] = ()) -> list[Choice]:
    """The rows of the overlay: a note on the focused pane, its own keys, then every group.

    Args:
        keys: the registry.
        first: the context whose keys come first.
        lines: what to say of the focused pane.
    """
    keys = tuple(keys)
    choices = [Choice(plain(line, "dim")) for line in lines]
    groups: dict[str, list[Key]] = {}
    for key in keys:
        if key.context == first:
            groups.setdefault("In this pane", []).append(key)
    for key in keys:
        if key.context == first:
            continue
        if key.context in (keymap.MAIN, keymap.APP):
            groups.setdefault(key.group, []).append(key)
    for key in keys:
        if key.context not in (first, keymap.MAIN, keymap.APP, keymap.OVERLAY):
            groups.setdefault(f"{key.group} ({key.context})", []).append(key)
    for group, members in groups.items():
        if choices:
            choices.append(Choice(plain("")))
        choices.append(Choice(plain(group, "title")))
        choices += [Choice(_row(key), key) for key in members]
    return choices


def _row(key: Key) -> Row:
    return Row((Span("  " + key.caption.ljust(KEY_COLUMN), "key"), Span(key.help, "text")))


class Keys(Chooser):
    """Dismissed with the `Key` whose row was chosen."""

    def __init__(self, keys: Iterable[Key], first: str, lines: Sequence[str] = ()) -> None:
        choices = help_choices(keys, first, lines)
        super().__init__(
            "Keys", filtered(choices), hint="type to filter", note="Enter or click does it · Esc closes"
        )
