"""The command palette: every action of the registry, every command of the language, every theme, by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.types import IgnoreReturnCallbackType

from vmtui.tui import keymap

Entry = tuple[str, str, IgnoreReturnCallbackType]
"""A title, a line of help, and what runs."""


class Actions(Provider):
    """Offers what the registry offers, wherever the palette was opened."""

    def _entries(self) -> Iterator[Entry]:
        for key in getattr(self.app, "keys", keymap.KEYS):
            if key.context in (keymap.MAIN, keymap.APP):
                title = f"{key.help}"
                yield (
                    title,
                    f"{key.group} · {key.caption}",
                    partial(self._do, key.action),
                )
        for theme in getattr(self.app, "theme_names", ()):
            yield f"theme: {theme}", "colours", partial(self._use_theme, theme)

    async def _do(self, action: str) -> None:
        main = getattr(self.app, "main", None)
        if main is not None:
            await main.do(action)

    def _use_theme(self, theme: str) -> None:
        self.app.theme = theme

    async def discover(self) -> Hits:
        """Everything, before a word is typed."""
        for title, help, callback in self._entries():
            yield DiscoveryHit(title, callback, help=help)

    async def search(self, query: str) -> Hits:
        """What fits the words typed."""
        matcher = self.matcher(query)
        for title, help, callback in self._entries():
            score = max(matcher.match(title), 0.9 * matcher.match(help))
            if score > 0:
                yield Hit(score, matcher.highlight(title), callback, help=help)
