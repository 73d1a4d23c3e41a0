"""The command palette: every action of the registry, every command of the language, every theme, by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.markup import escape
from textual.types import IgnoreReturnCallbackType

from vmtui.scenario import COMMANDS
from vmtui.tui import keymap
from vmtui.tui.paint import Palette

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
        for command in COMMANDS.values():
            yield f"type: {command.usage}", command.help, partial(self._half_typed, command.keyword)
        for theme in getattr(self.app, "theme_names", ()):
            help = "NO_COLOR is in force" if self.app.no_color else "colours"
            yield f"theme: {theme}", help, partial(self._use_theme, theme)

    async def _do(self, action: str) -> None:
        main = getattr(self.app, "main", None)
        if main is not None:
            await main.do(action)

    def _half_typed(self, word: str) -> None:
        main = getattr(self.app, "main", None)
        if main is not None:
            main.half_typed(f"{word} ")

    def _use_theme(self, theme: str) -> None:
        use = getattr(self.app, "use_theme", None)
        if use is not None:
            use(theme)

    def _written(self, text: str) -> str:
        """A text as the palette takes it, which reads markup."""
        palette = getattr(self.app, "palette", None)
        return escape(palette.text(text) if isinstance(palette, Palette) else text)

    async def discover(self) -> Hits:
        """Everything, before a word is typed."""
        for title, help, callback in self._entries():
            yield DiscoveryHit(self._written(title), callback, help=self._written(help))

    async def search(self, query: str) -> Hits:
        """What fits the words typed."""
        matcher = self.matcher(query)
        for title, help, callback in self._entries():
            score = max(matcher.match(title), 0.9 * matcher.match(help))
            if score > 0:
                yield Hit(score, matcher.highlight(self._written(title)), callback, help=self._written(help))
