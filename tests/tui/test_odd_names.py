"""Names that need quotes: whatever a key writes can be read back."""

import shlex

import pytest

from vmtui.player import Player
from vmtui.scenario.script import load
from vmtui.session import Session
from vmtui.tui.lab import lab
from vmtui.view.subject import Subject

NAMES = [
    ("a b", "my heap"),
    ("rw", "and"),
    ("pfn", "pfn"),
    ("a.b", "x[1]"),
    ("x:0x5", "h"),
    ("q;r", "he;ap"),
    ("it's", "#1"),
]


def digest_of(text: str) -> str:
    """The machine at the end of a scenario."""
    script = load(text)
    session = Session(**script.options)
    player = Player(session, script)
    while not player.finished and player.beat():
        pass
    return session.digest()


@pytest.mark.parametrize(("task", "label"), NAMES)
async def test_letter_commands(task, label, tmp_path, monkeypatch):
    """A letter command on any kind of subject is read; what is saved, copied, logged makes the machine."""
    monkeypatch.chdir(tmp_path)
    head = (
        f'spawn "{task}"\nmmap "{task}" "{label}" 2 pages rw private\nwrite "{task}"."{label}"\nsay ready\n'
    )
    async with lab(head, keep=True) as bench:
        desk = bench.desk
        vma = next(iter(desk.session.machine.vmas))
        frame = desk.subject_frame
        for subject in (
            Subject("vma", vma.id),
            Subject("mm", vma.vm_mm.id),
            Subject("page", frame),
            desk.subject,
        ):
            for word in ("read", "write", "walk", "referenced", "fork"):
                desk.choose(subject)
                line = desk.line_for(word)
                assert (line is None) == (subject.kind == "mm" and word != "fork")
                if line is not None:
                    await bench.type(line)
                    # A line that cannot be read is told in a note; one that was refused is not.
                    assert desk.note is None, (line, desk.note)
        desk.choose(Subject("vma", vma.id))
        desk.choose_first_page()
        await bench.do("act('read')")
        assert desk.session.failed is None
        digest = desk.session.digest()
        await bench.type("save kept")

        assert digest_of((tmp_path / "kept.scenario").read_text(encoding="utf-8")) == digest
        assert digest_of(shlex.split(desk.reproduction())[2]) == digest
        subject = bench.subject
    async with lab(resume=True) as bench:
        assert bench.desk.session.digest() == digest
        assert bench.subject == subject


MARKED = """\
title Odd [red]names[/red]
spawn "a[b]"
mmap "a[b]" "[bold]h" 2 pages rw private
write "a[b]"."[bold]h"
fork "a[b]" "[/x]"
swapout "a[b]"."[bold]h"[1]
walk "a[b]"."[bold]h"[0]
expect "a[b]"."[bold]h"[0].mapcount == 7
say [link=x]card[/link]
"""


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_markup_in_names_is_text(size):
    """Find, what it refuses, the comparison and the menu show brackets as they are, and nothing breaks."""
    async with lab(MARKED, size=size) as bench:
        await bench.press("n", "n", "slash")
        line = bench.app.screen.query_one("#filter")
        for typed, said in (
            ("swapped", '"[/x]"."[bold]h"[1] ◇ slot 1'),
            ('"a[b]"."[bold]h"[1].slot', '"a[b]"."[bold]h"[1].slot is 1'),
            ('"a[c]"."[bold]h"[0]', 'there is no process a[c]: did you mean "a[b]"?'),
            ("[/y] > 1", "expected a value"),
        ):
            line.value = typed
            await bench.settle()
            assert said in bench.text("choices")
        await bench.press("escape", "c")
        assert '6 walk "a[b]"."[bold]h"[0]' in "\n".join(
            row.text for row in bench.app.screen.query_one("#choices").pane.rows
        )
        await bench.press("escape", "s")
        assert "pte_chain (rmap)" in bench.text("choices")
