"""A scenario that changes on disk while it is played."""

import os

import pytest

from vmtui.sessionlog import list_sessions
from vmtui.tui.lab import Lab, lab
from vmtui.tui.reloading import EVERY, Watch

OLD = """\
title Mine
spawn sh
mmap sh heap 4 pages rw private
write sh.heap
say one
fork sh child
say two
write child.heap[1]
say three
"""


@pytest.fixture
def file(tmp_path):
    """The scenario on disk."""
    path = tmp_path / "mine.scenario"
    path.write_text(OLD, encoding="utf-8")
    return path


async def rewrite(bench: Lab, path, text: str) -> None:
    """Another text in the file, and the app back in front."""
    path.write_text(text, encoding="utf-8")
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))
    bench.main.look_at_file(now=True)
    await bench.settle()


def test_a_watch_looks_once_a_second(file):
    """A change is told once, not before a second is over; a file that is away is no change."""
    now = [100.0]
    watch = Watch(str(file), lambda: now[0])
    file.write_text(OLD + "say four\n", encoding="utf-8")
    assert not watch.changed()
    now[0] += EVERY
    assert watch.changed()
    now[0] += EVERY
    assert not watch.changed()
    file.unlink()
    assert not watch.changed(now=True)
    file.write_text(OLD, encoding="utf-8")

    assert watch.changed(now=True)


async def test_the_same_beat(file):
    """What has changed before and after is played; the beat, the subject, the marks and the history stay."""
    async with lab(file, keep=True) as bench:
        await bench.type("show sh.heap[2]")
        await bench.press("escape", "m", "n")
        assert "two" in bench.text("narration")
        await rewrite(bench, file, OLD.replace("4 pages", "6 pages").replace("say two", "say zwei"))
        assert "read anew" in bench.text("narration")
        desk = bench.desk
        assert desk.player.card == "zwei"
        assert bench.subject == "sh.heap[2]"
        assert [mark.name for mark in desk.marks] == ["m1"]
        assert desk.history == ["show sh.heap[2]"]
        assert [done.text for done in desk.session.commands][1] == "mmap sh heap 6 pages rw private"
        await bench.press("n")
        assert "three" in bench.text("narration")
        bench.desk.close()

        assert [plan.commands for plan in list_sessions()] == [5]


async def test_bad_lines_leave_the_old_one_playing(file):
    """A file with errors is told by line and column; when it is mended, it is read."""
    async with lab(file) as bench:
        digest = bench.desk.session.digest()
        await rewrite(bench, file, OLD.replace("fork sh child", "fork sh child child child"))
        told = bench.text("narration")
        assert "mine.scenario:6:15: " in told
        assert "goes on" in told
        assert bench.desk.session.digest() == digest
        await bench.press("n")
        assert "two" in bench.text("narration")
        await rewrite(bench, file, OLD.replace("say two", "say zwei"))

        assert bench.desk.player.card == "zwei"


async def test_a_command_that_is_refused_now(file):
    """The new file stands before the refused command and says why."""
    async with lab(file) as bench:
        await bench.press("n", "n")
        await rewrite(bench, file, OLD.replace("fork sh child", "fork nobody child"))
        assert [done.text for done in bench.desk.session.commands][-1] == "write sh.heap"
        await bench.press("comma", "full_stop")

        assert bench.desk.player.script.source[5] == "fork nobody child"


async def test_a_what_if_is_not_thrown_away(file):
    """While typed commands lead beside the script the file waits; back on the script it is read."""
    async with lab(file, keep=True) as bench:
        await bench.type("exit sh")
        assert bench.desk.player.detour
        await rewrite(bench, file, OLD.replace("say one", "say eins"))
        assert bench.desk.session.commands[-1].text == "exit sh"
        await bench.press("escape", "R")
        bench.main.look_at_file(now=True)
        await bench.settle()
        assert bench.desk.player.card == "eins"
        assert "what was typed is in" in " ".join(bench.text("narration").split())

        assert {plan.last for plan in list_sessions()} == {"exit sh", "write sh.heap"}


async def test_a_script_that_has_become_short(file):
    """With fewer beats than were played it stands at the end; with the same text nothing happens."""
    async with lab(file) as bench:
        await bench.press("n", "n")
        desk = bench.desk
        await rewrite(bench, file, OLD)
        assert bench.desk is desk
        await rewrite(bench, file, "title Short\nspawn sh\nsay only\n")

        assert bench.desk.at_end
        assert bench.desk.player.card == "only"


async def test_looking_by_itself(file):
    """Asked for, the app looks once a second; under the lab it does not unless asked."""
    async with lab(file) as bench:
        assert not bench.app.watches
    async with lab(file, watches=True) as bench:
        file.write_text(OLD.replace("say one", "say eins und"), encoding="utf-8")
        for _ in range(100):
            await bench.pilot.pause(0.05)
            if bench.desk.player.card == "eins und":
                break

        assert bench.desk.player.card == "eins und"
