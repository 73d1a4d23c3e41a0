"""Long commands in slices: the screen goes on, and Esc leaves the machine as it was."""

import asyncio

from vmtui.testing import lab
from vmtui.tui.job import Job

FORKS = """
machine ram=256M highpte=on
spawn sh
mmap sh heap 4096 pages rw private
write sh.heap
pause
repeat 200 as i
  fork sh c{i}
end
"""
WRITE = """
machine ram=256M bulk=1000000
spawn sh
mmap sh heap 20000 pages rw private
pause
write sh.heap
"""


def slow_clock(monkeypatch):
    """Slices end after one look at the work, however fast this machine is."""
    run = Job.run
    monkeypatch.setattr(Job, "run", lambda job, seconds: run(job, 0.0))


async def next_beat(bench, slices):
    """Begin the work of the next beat, and let so many slices of it go by."""
    bench.main.action_next_beat()
    while bench.main.job is not None and bench.main.job.slices < slices:
        await asyncio.sleep(0)
    assert bench.main.job is not None


async def test_many_short_commands_are_slices_of_one_work(monkeypatch):
    """Between two commands of a script the app looks at keys; cancelled, the machine is that of before."""
    slow_clock(monkeypatch)
    async with lab(FORKS) as bench:
        session = bench.desk.session
        before = session.digest(), session.cursor
        await next_beat(bench, 5)
        assert session.digest() != before[0]
        await bench.press("escape")

        assert (session.digest(), session.cursor) == before
        assert "as before" in bench.text("narration")
        await bench.press("n")
        assert len(session.commands) == 203


async def test_one_long_command_is_cancelled(monkeypatch):
    """Cancelled in its middle a command leaves nothing; given again, it is done."""
    slow_clock(monkeypatch)
    async with lab(WRITE) as bench:
        session = bench.desk.session
        before = session.digest(), session.cursor
        await next_beat(bench, 5)
        await bench.press("escape")

        assert (session.digest(), session.cursor) == before
        assert len(session.commands) == 2


async def test_a_line_of_several_commands_is_cancelled_whole(monkeypatch):
    """What a line at the prompt had done before Esc is taken back with the rest."""
    slow_clock(monkeypatch)
    async with lab("spawn sh; mmap sh heap 64 pages rw private; write sh.heap") as bench:
        await bench.press("n")
        session = bench.desk.session
        before = session.digest(), session.cursor
        bench.main.run_line("; ".join(f"fork sh c{number}" for number in range(40)))
        while bench.main.job is not None and bench.main.job.slices < 5:
            await asyncio.sleep(0)
        assert session.digest() != before[0]
        await bench.press("escape")

        assert (session.digest(), session.cursor) == before


async def test_cancelled_on_a_detour_the_script_is_there_again(monkeypatch):
    """A line that had begun a branch leaves it when it is cancelled."""
    slow_clock(monkeypatch)
    async with lab(FORKS) as bench:
        session = bench.desk.session
        before = session.digest(), session.cursor
        bench.main.run_line("; ".join(f"fork sh d{number}" for number in range(40)))
        while bench.main.job is not None and bench.main.job.slices < 5:
            await asyncio.sleep(0)
        assert session.branch_name == "w1"
        await bench.press("escape")

        assert session.branch_name == "main"
        assert (session.digest(), session.cursor) == before
        await bench.press("n")
        assert not bench.desk.beside_script


async def test_progress_counts_what_is_done():
    """After half a second the bar says how many commands, or steps, are done, and which key cancels."""
    async with lab(FORKS) as bench:
        bench.main.begun = 0
        bench.main.show_progress(_begun(1.0))
        assert "3 commands, 1 s · Esc cancels" in bench.text("narration")

        bench.main.begun = 3
        bench.main.show_progress(_begun(1.0))
        assert "64 steps, 1 s" in bench.text("narration")

        bench.main.show_progress(_begun(0.2))
        assert "Esc" not in bench.text("narration")


def _begun(seconds: float) -> Job:
    """Work that has gone on for so long, and has yielded once."""
    times = iter((0.0, *[seconds] * 9))

    def work():
        yield
        yield

    job = Job(work(), "fork", lambda: next(times))
    job.run(0.0)
    return job
