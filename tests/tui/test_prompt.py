"""The prompt."""

import pytest
from textual.app import ComposeResult
from textual.widgets import Button

from tests.tui.stand import Stand
from vmtui.tui.widgets.prompt import Prompt


class PromptStand(Stand):
    """A prompt and something else that can have the focus."""

    def compose(self) -> ComposeResult:
        """Both."""
        yield self.widget
        yield Button("other")


@pytest.fixture
def prompt() -> Prompt:
    """A prompt that knows a few lines."""
    widget = Prompt()
    widget.completer = lambda typed: [
        line for line in ("fork sh", "fork child", "swapout sh.heap") if line.startswith(typed)
    ]
    return widget


async def test_esc_leaves_the_text(prompt):
    """Leaving the prompt keeps what was typed; coming back goes on with it."""
    app = PromptStand(prompt)
    async with app.run_test() as pilot:
        prompt.focus()
        await pilot.press(*"fork", "escape")
        assert app.focused is None
        assert prompt.value == "fork"
        prompt.focus()
        await pilot.press("space", "x")

        assert prompt.value == "fork x"


async def test_enter_runs_and_remembers(prompt):
    """Enter posts the line, empties the prompt, and keeps the line in the history."""
    app = PromptStand(prompt)
    async with app.run_test() as pilot:
        prompt.focus()
        await pilot.press(*"a;b", "enter", *"c", "enter", *"dr", "up", "up")

        assert app.heard == ["a;b", "c"]
        assert prompt.value == "a;b"
        await pilot.press("down", "down")
        assert prompt.value == "dr"


async def test_tab_completes_and_cycles(prompt):
    """Tab takes the first line that fits, again the next."""
    async with PromptStand(prompt).run_test() as pilot:
        prompt.focus()
        await pilot.press(*"for", "tab")
        assert prompt.value == "fork sh"
        await pilot.press("tab")

        assert prompt.value == "fork child"


async def test_tab_in_an_empty_prompt_goes_on(prompt):
    """With nothing typed, Tab is the way to the next pane."""
    app = PromptStand(prompt)
    async with app.run_test() as pilot:
        prompt.focus()
        await pilot.press("tab")

        assert isinstance(app.focused, Button)


async def test_an_echo_goes_and_a_draft_stays(prompt):
    """What a key wrote goes when the prompt is used; what a person was typing is not written over."""
    async with PromptStand(prompt).run_test() as pilot:
        prompt.write_echo("fork sh")
        assert prompt.value == "fork sh"
        prompt.focus()
        await pilot.press("x")
        assert prompt.value == "x"
        prompt.write_echo("fork child")

        assert prompt.value == "x"
        assert prompt.history == ["fork sh", "fork child"]
