"""The scheme menu: the same commands on another kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmtui.mm.rmap import SCHEMES
from vmtui.mm.rmap.scheme import scheme_class
from vmtui.session import Session
from vmtui.sessionlog import list_sessions
from vmtui.tui.lab import Lab, lab
from vmtui.view.subject import Subject

RETURN = Path(__file__).parents[2] / "scenarios" / "01-the-return-of-objrmap.scenario"
FAMILY = """\
spawn sh
mmap sh heap 4 pages rw private
write sh.heap
fork sh child
say Shared.
write child.heap[1]
"""


async def switch(bench: Lab, scheme: str) -> None:
    """Choose a scheme in the menu."""
    await bench.press("s", "home", *(["down"] * SCHEMES.index(scheme)), "enter")


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name != "anon_vma_rfc"])
async def test_the_same_commands_on_another_machine(scheme: str) -> None:
    """Up to the current command's end, and nothing else: the digest is that of a session which did them."""
    async with lab(FAMILY) as bench:
        await bench.press("n", "comma", "comma")
        commands = [done.text for done in bench.desk.session.commands]
        await switch(bench, scheme)
        session = Session(rmap=scheme, rules="2.6")
        for text in commands:
            session.do(text)

        assert session.digest() == bench.desk.session.digest()
        assert f"new machine, {len(commands)} commands replayed" in bench.text("narration")
        assert session.machine.scheme.title in bench.text("header")


async def test_what_comes_later_is_not_replayed() -> None:
    """From the middle of a branch only what has happened is; the script goes on from there."""
    async with lab(FAMILY) as bench:
        await bench.press("n")
        commands = len(bench.desk.session.commands)
        await bench.press("u")
        await switch(bench, "pte_chain")
        assert len(bench.desk.session.commands) == commands - 1
        await bench.press("n")

        assert [done.text for done in bench.desk.session.commands][-1] == "write child.heap[1]"
        assert bench.desk.session.options.rmap == "pte_chain"


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 50)])
async def test_the_menu_tells_each_scheme_whole(size: tuple[int, int]) -> None:
    """Title, kernel and what it is stand in the menu to their last word, on the smallest screen too."""
    async with lab(FAMILY, size=size) as bench:
        await bench.press("s")
        shown = bench.text("choices")
        for name in SCHEMES:
            scheme = scheme_class(name)
            assert f"{scheme.title} " in shown
            assert f" {scheme.kernel} " in shown
            if name != "anon_vma_rfc":
                assert f" {scheme.period}" in shown

        assert "…" not in shown


@pytest.mark.parametrize(
    ("draft", "title"), [("intended", "anon_vma (RFC)"), ("posted", "anon_vma (RFC, posted)")]
)
@pytest.mark.parametrize("columns", [80, 120, 160])
async def test_a_draft_as_posted_is_told_so(draft: str, title: str, columns: int) -> None:
    """The title bar and the menu say which of the two drafts this machine has, and never the other."""
    other = {"intended": "posted", "posted": "intended"}[draft]
    async with lab(f"machine draft={draft}\n{FAMILY}", size=(columns, 24)) as bench:
        assert f" {title} " in bench.text("header")
        await bench.press("s")
        shown = bench.text("choices")
        assert f"({draft})" in shown
        assert f"({other})" not in shown
        await bench.press("escape")
        await switch(bench, "pte_chain")
        await bench.press("s")
        assert "(intended)" not in bench.text("choices")
        await bench.press("escape")
        await switch(bench, "anon_vma_rfc")

        assert f"replayed under {title}" in bench.text("narration")


async def test_beats_and_subject_stay() -> None:
    """A scenario is at the same beat under another scheme, and the subject is the same place."""
    async with lab(RETURN) as bench:
        await bench.press("n", "n")
        card, subject = bench.desk.player.card, bench.subject
        await switch(bench, "anon_vma")

        assert (card.split(".")[0], subject) == (bench.desk.player.card.split(".")[0], bench.subject)
        assert bench.desk.upcoming


async def test_typed_commands_come_along() -> None:
    """What was typed on a branch is replayed after what the script did."""
    async with lab(FAMILY) as bench:
        await bench.type("fork sh twin; write twin.heap[2]")
        await bench.press("escape")
        await switch(bench, "anonmm")

        texts = [done.text for done in bench.desk.session.commands]
        assert texts[-2:] == ["fork sh twin", "write twin.heap[2]"]


async def test_a_refused_command_stops_there() -> None:
    """Where low memory does not suffice for the chains, the replay ends before that command and says so."""
    text = (
        "machine ram=64M cacheline=128\nspawn a\nmmap a h 14500 pages rw private\nwrite a.h\n"
        + "".join(f"fork a b{n}\n" for n in range(40))
        + "say ready\n"
    )
    async with lab(text) as bench:
        await switch(bench, "pte_chain")
        session = bench.desk.session
        said = bench.desk.note

        assert 0 < len(session.commands) < 43
        assert said is not None
        assert f"new machine, {len(session.commands)} commands replayed" in said.text
        assert "is refused here" in said.text


async def test_it_is_a_session_of_its_own() -> None:
    """The old log ends, the new machine has one: resuming it gives the same machine."""
    async with lab(FAMILY, keep=True) as bench:
        await bench.press("n")
        await switch(bench, "objrmap")
        digest = bench.desk.session.digest()
        await bench.press("q")
    plans = list_sessions()

    assert ["rmap=objrmap" in plan.machine for plan in plans[:2]] == [True, False]
    async with lab(resume=True) as bench:
        assert bench.desk.session.digest() == digest


async def test_the_present_scheme_changes_nothing() -> None:
    """Enter on the scheme that is there, or Esc, leaves the session as it is."""
    async with lab(FAMILY) as bench:
        desk = bench.desk
        await bench.press("s", "enter")
        assert desk is bench.desk
        await bench.press("s", "escape")

        assert desk is bench.desk


async def test_an_object_of_one_scheme_is_not_anothers() -> None:
    """A list that was the subject has no place on the other machine; a VMA has."""
    async with lab(FAMILY) as bench:
        bench.desk.choose(Subject("anon_vma", 1))
        await switch(bench, "pte_chain")
        assert bench.desk.subject is None or bench.desk.subject.kind == "page"
        bench.desk.choose(Subject("vma", 1))
        await switch(bench, "anon_vma")

        assert bench.desk.subject == Subject("vma", 1)
