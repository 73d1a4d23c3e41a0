"""Session: commands, the cursor, branches, refusals, the tape's budget."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from vmtui.errors import KernelError, OptionError, ScenarioError
from vmtui.mm import memory
from vmtui.mm.check import problems
from vmtui.mm.step import Told, step
from vmtui.session import Session

START = ("spawn sh", "mmap sh heap 4 pages rw private", "write sh.heap", "fork sh child")


def texts(session: Session) -> list[str]:
    """The commands of the branch."""
    return [done.text for done in session.commands]


@pytest.fixture
def session() -> Session:
    """A parent and a child that share four pages."""
    made = Session()
    for line in START:
        made.do(line)
    return made


class TestCommands:
    """Running commands."""

    def test_a_command_leaves_steps_and_a_cursor(self, session: Session) -> None:
        """Steps of commands follow one another, and the cursor stands after the last."""
        spans = [(done.first, done.last) for done in session.commands]

        assert 0 == spans[0][0]
        assert [last for _, last in spans[:-1]] == [first for first, _ in spans[1:]]
        assert session.cursor == spans[-1][1] == len(session.steps) == session.end

    def test_refused_command_changes_nothing(self, session: Session) -> None:
        """A refused command raises; machine, commands and cursor are as before."""
        before = session.digest(), session.cursor, list(session.commands)

        with pytest.raises(KernelError, match="nobody"):
            session.do("fork nobody x")

        assert before == (session.digest(), session.cursor, session.commands)

    def test_line_that_is_no_command(self, session: Session) -> None:
        """A line that cannot be read is refused before anything happens."""
        with pytest.raises(ScenarioError):
            session.do("frok sh")

        assert 4 == len(session.commands)

    def test_failure_can_be_walked_up_to(self) -> None:
        """The steps of a command that ran out of memory lie ahead of the cursor until the next command."""
        session = Session(ram="4M")
        session.do("spawn a")
        session.do("mmap a h 1100 pages rw private")
        before = session.digest()
        done = session.attempt("write a.h")

        assert done.error is not None
        assert "ENOMEM" == done.error.errno
        assert session.cursor < len(session.steps)
        assert before == session.digest()
        session.seek(len(session.steps))
        assert session.failed is session.command_at(session.cursor) is done
        assert before != session.digest()
        session.do("write a.h[0]")
        assert session.failed is None
        assert ["spawn a", "mmap a h 1100 pages rw private", "write a.h[0]"] == texts(session)

    def test_partial_refusal_keeps_what_was_done(self, session: Session) -> None:
        """A write that runs off its mapping keeps the pages it touched; one undo takes them back."""
        session.do("munmap child.heap[2:4]")
        before = session.digest()
        done = session.attempt("write child.heap")

        assert done.error is not None
        assert ("EFAULT", True) == (done.error.errno, done.error.partial)
        assert done is session.commands[-1]
        assert before != session.digest()
        session.undo()
        assert before == session.digest()

    def test_bad_option(self) -> None:
        """An option that does not exist is named, with those that do."""
        with pytest.raises(OptionError, match="no machine option 'rom'"):
            Session(rom="64M")

    def test_walks_of_the_command(self, session: Session) -> None:
        """A swap-out walks twice; half way through it the second walk has not begun."""
        done = session.do("swapout sh.heap[0]")

        assert ["referenced", "unmap"] == [walk.kind for walk in session.walks]
        assert [(2, 2), (2, 2)] == [(walk.examined, walk.hits) for walk in session.walks]
        session.seek(done.first + 2)
        assert [(1, None)] == [(walk.examined, walk.stopped) for walk in session.walks]


class TestTime:
    """Moving the cursor."""

    def test_step_and_back(self, session: Session) -> None:
        """Back and forward again gives the same machine; both ends are ends."""
        end = session.digest()

        assert not session.step()
        assert session.back()
        assert session.step()
        assert end == session.digest()
        session.seek(0)
        assert not session.back()
        with pytest.raises(ValueError, match="not between"):
            session.seek(-1)

    def test_undo_and_redo_go_by_commands(self, session: Session) -> None:
        """Undo goes to the start of the command at the cursor, redo to the end of the next."""
        ends = [done.last for done in session.commands]

        assert session.undo()
        assert ends[2] == session.cursor
        session.step()
        assert session.undo()
        assert ends[2] == session.cursor
        assert session.redo()
        assert ends[3] == session.cursor
        assert not session.redo()

    def test_fold_makes_one_mark(self, session: Session) -> None:
        """Folded commands are one step: undone, redone and visited together."""
        before = session.digest(), session.cursor
        session.do("write child.heap[0]", quiet=True)
        session.do("write child.heap[1]", quiet=True)
        after = session.digest()
        session.fold(2)

        assert session.cursor == before[1] + 1 == len(session.steps)
        session.undo()
        assert before == (session.digest(), session.cursor)
        session.redo()
        assert after == session.digest()
        session.do("write child.heap[2]")
        session.seek(before[1] + 1)
        assert after == session.digest()


class TestBranches:
    """Going back and doing something else."""

    def test_command_at_an_earlier_cursor_starts_a_branch(self, session: Session) -> None:
        """The old commands stay on their branch, as text; the new one goes on from the cursor."""
        main = session.digest()
        session.undo()
        session.do("read sh.heap[0]")

        assert "w1" == session.branch.name
        assert (3, ("read sh.heap[0]",)) == (session.branch.at, session.branch.commands)
        assert START == session.texts_of("main")
        assert "main keeps 1 more" in session.notice
        session.checkout("main")
        assert main == session.digest()
        assert START == tuple(done.text for done in session.commands)
        session.checkout("w1")
        assert "read sh.heap[0]" == session.commands[-1].text

    def test_half_a_command_is_rounded_down(self, session: Session) -> None:
        """A command given in the middle of another takes its place."""
        session.back()
        session.do("read sh.heap[0]")

        assert (*START[:3], "read sh.heap[0]") == tuple(done.text for done in session.commands)
        assert [] == problems(session.machine)

    def test_branch_of_a_branch(self, session: Session) -> None:
        """A branch that leaves a branch knows the whole way from the machine just built."""
        session.undo()
        session.do("read sh.heap[0]")
        session.do("read sh.heap[1]")
        session.seek(session.commands[1].last)
        session.do("read sh.heap[2]")

        assert ["main", "w1", "w2"] == [branch.name for branch in session.branches]
        assert (*START[:2], "read sh.heap[2]") == session.texts_of("w2")
        assert (*START[:3], "read sh.heap[0]", "read sh.heap[1]") == session.texts_of("w1")

    def test_refusal_at_an_earlier_cursor_loses_nothing(self, session: Session) -> None:
        """A command refused in the past leaves the later commands where they were."""
        end, digest = session.end, session.digest()
        session.seek(session.commands[1].last)
        done = session.attempt("write sh.heap[9]")

        assert done.error is not None
        assert START == tuple(done.text for done in session.commands)
        session.seek(end)
        assert digest == session.digest()


class TestInterruption:
    """What goes wrong in the middle of a command."""

    @pytest.mark.parametrize("error", [RuntimeError("a fault of ours"), KeyboardInterrupt()])
    def test_uncaught_error_leaves_the_machine_as_before(
        self, session: Session, error: BaseException, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An error that is not the kernel's goes on, and the machine is that before the command."""
        before, cursor = session.digest(), session.cursor

        def broken(*_: Any) -> Generator[Told, None, None]:
            page = session.machine.page(2)
            page.count += 1
            yield step("half done")
            raise error

        monkeypatch.setattr(memory, "do_wp_page", broken)
        with pytest.raises(type(error)):
            session.do("write child.heap")

        monkeypatch.undo()
        assert (before, cursor) == (session.digest(), session.cursor)
        assert [] == problems(session.machine)
        session.do("write child.heap")
        session.seek(0)

    def test_cancelled_command_leaves_the_machine_as_before(self) -> None:
        """Closing a command between two slices takes back what it did."""
        session = Session()
        session.do("spawn a")
        session.do("mmap a h 200 pages rw private")
        before = session.digest()
        running = session.running("write a.h")
        next(running)
        running.close()

        assert before == session.digest()
        assert 2 == len(session.commands)
        session.do("write a.h")
        assert [] == problems(session.machine)


def test_a_command_aside_begins_a_branch_at_the_end():
    """Given aside at the branch's end, a command is the first of a new branch, and main goes on as it was."""
    session = Session()
    for line in ("spawn sh", "mmap sh heap 4 pages rw private"):
        session.do(line)
    digest = session.digest()
    session.do("write sh.heap", aside=True)
    session.do("fork sh child", aside=False)
    session.checkout("main")
    assert session.digest() == digest
    session.do("write sh.heap[1]")

    assert [(b.name, b.parent, b.at, b.commands) for b in session.branches] == [
        ("main", None, 0, ("spawn sh", "mmap sh heap 4 pages rw private", "write sh.heap[1]")),
        ("w1", "main", 2, ("write sh.heap", "fork sh child")),
    ]


def test_a_refused_command_aside_begins_none(session):
    """What is refused leaves no branch behind."""
    session.attempt("fork nobody child", aside=True)

    assert [branch.name for branch in session.branches] == ["main"]
