"""Real processes that obey."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vmtui.errors import LiveError
from vmtui.live.agents import Agents
from vmtui.live.frames import entries
from vmtui.live.maps import parse_maps, read_text

BASE = 0x200000000000
PAGE = 4096
FLAGS = 0x02 | 0x20 | 0x100000  # private, anonymous, at this address and only if it is free
READ, WRITE = 1, 2
DONTFORK, WIPEONFORK = 10, 18


@pytest.fixture
def agents(abilities, tmp_path):
    """A tree of processes."""
    if not abilities.processes:
        pytest.skip(abilities.missing[0])
    tree = Agents(tmp_path)
    yield tree
    tree.close()


@pytest.fixture
def agent(agents):
    """A process with four pages mapped."""
    process = agents.spawn()
    assert (0, BASE) == process.ask("mmap", BASE, 4 * PAGE, READ | WRITE, FLAGS, "", 0)
    return process


def vmas(agent):
    """The VMAs where we look, as (start page, end page, permissions)."""
    found = parse_maps(read_text(f"/proc/{agent.pid}/maps"))
    return [
        ((vma.start - BASE) // PAGE, (vma.end - BASE) // PAGE, vma.perms)
        for vma in found
        if BASE <= vma.start < BASE + (1 << 40)
    ]


def pages(agent):
    """The numbers of the pages that have an entry."""
    return [(address - BASE) // PAGE for address in entries(agent.pid, BASE, BASE + 64 * PAGE)]


def test_nobody_maps_the_lowest_page(agents):
    """Whoever runs them: they, and what they fork, gave up what would allow it (EPERM)."""
    parent = agents.spawn()
    for process in (parent, agents.fork(parent)):
        assert errno.EPERM == process.ask("mmap", 0, PAGE, READ, FLAGS, "", 0)[0]


def test_each_call_does_what_it_says(agent):
    """mmap, touch, mprotect, munmap, mlock, madvise, mremap: seen in /proc."""
    assert (0, 2) == agent.ask("touch", BASE, 2, True, [])
    assert [0, 1] == pages(agent)
    assert 0 == agent.ask("mprotect", BASE + PAGE, PAGE, READ)[0]
    assert [(0, 1, "rw-p"), (1, 2, "r--p"), (2, 4, "rw-p")] == vmas(agent)
    assert 0 == agent.ask("munmap", BASE + PAGE, PAGE)[0]
    assert [(0, 1, "rw-p"), (2, 4, "rw-p")] == vmas(agent)
    assert 0 == agent.ask("mlock", BASE + 2 * PAGE, PAGE)[0]
    assert [0, 2] == pages(agent)
    assert 0 == agent.ask("munlock", BASE + 2 * PAGE, PAGE)[0]
    assert 0 == agent.ask("madvise", BASE, PAGE, 4)[0]
    assert [2] == pages(agent)
    assert (0, BASE + 16 * PAGE) == agent.ask("mremap", BASE + 2 * PAGE, PAGE, 2 * PAGE, 3, BASE + 16 * PAGE)
    assert [16] == pages(agent)
    assert 0 == agent.ask("mremap", BASE + 16 * PAGE, 2 * PAGE, PAGE, 0, 0)[0]
    assert 0 == agent.ask("mremap", BASE + 16 * PAGE, PAGE, PAGE, 7, BASE + 20 * PAGE)[0]
    assert [(16, 17, "rw-p"), (20, 21, "rw-p")] == [vma for vma in vmas(agent) if vma[0] > 8]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (("mmap", BASE, PAGE, READ, FLAGS, "", 0), "EEXIST"),
        (("mmap", BASE + 64 * PAGE, 0, READ, FLAGS, "", 0), "EINVAL"),
        (("munmap", BASE + 1, PAGE), "EINVAL"),
        (("mprotect", BASE, 8 * PAGE, READ), "ENOMEM"),
        (("madvise", BASE, PAGE, 999), "EINVAL"),
        (("mlock", BASE, 8 * PAGE), "ENOMEM"),
        (("mremap", BASE + 8 * PAGE, PAGE, 2 * PAGE, 0, 0), "EFAULT"),
        (("touch", BASE + 3 * PAGE, 2, False, []), "EFAULT"),
    ],
)
def test_a_refusal_is_an_errno(agent, question, expected):
    """Nobody dies of a bad address: the call answers with what the kernel said."""
    number, _ = agent.ask(*question)

    assert expected == errno.errorcode[number]
    assert 0 == agent.ask("touch", BASE, 1, False, [])[0]


def test_a_touch_that_fails_says_how_far_it_got(agent):
    """Pages before the bad one were touched."""
    assert (errno.EFAULT, 2) == agent.ask("touch", BASE + 2 * PAGE, 4, True, [])
    assert [2, 3] == pages(agent)


def test_reading_and_writing_are_told_apart(agent):
    """A read-only page can be read and not written."""
    agent.ask("mprotect", BASE, PAGE, READ)

    assert 0 == agent.ask("touch", BASE, 1, False, [])[0]
    assert errno.EFAULT == agent.ask("touch", BASE, 1, True, [])[0]


def test_files_are_mapped_at_their_offset(agent, tmp_path):
    """The file is opened once: VMAs of two openings would not merge."""
    path = tmp_path / "data"
    path.write_bytes(bytes(4 * PAGE))
    start = BASE + 16 * PAGE
    before = sorted(os.listdir(f"/proc/{agent.pid}/fd"))

    assert 0 == agent.ask("mmap", start, 2 * PAGE, READ, 0x01 | 0x100000, str(path), 2 * PAGE)[0]
    vma = next(vma for vma in parse_maps(read_text(f"/proc/{agent.pid}/maps")) if vma.start == start)
    assert (2 * PAGE, str(path), "r--s") == (vma.offset, vma.path, vma.perms)
    assert 0 == agent.ask("mmap", start + 2 * PAGE, PAGE, READ, 0x01 | 0x100000, str(path), 4 * PAGE)[0]
    assert (16, 19, "r--s") in vmas(agent)
    assert len(before) + 1 == len(os.listdir(f"/proc/{agent.pid}/fd"))


def test_a_child_has_what_its_parent_had(agents, agent):
    """fork copies VMAs, but for those of madvise dontfork; wipeonfork leaves them empty."""
    agent.ask("touch", BASE, 4, True, [])
    agent.ask("madvise", BASE, PAGE, DONTFORK)
    agent.ask("madvise", BASE + PAGE, PAGE, WIPEONFORK)
    child = agents.fork(agent)

    assert [(1, 2, "rw-p"), (2, 4, "rw-p")] == vmas(child)
    assert [2, 3] == pages(child)
    assert 0 == child.ask("touch", BASE + PAGE, 1, True, [])[0]


def test_a_process_of_its_own_maps_nothing_where_we_look(agents):
    """spawn: an empty arena."""
    assert [] == vmas(agents.spawn())


def test_a_process_that_ended_is_gone_and_its_child_lives(agents, agent):
    """end waits until it has gone; the child answers still, and nobody is left a zombie."""
    child = agents.fork(agent)
    grandchild = agents.fork(child)
    agent.end()
    child.end()

    assert not Path(f"/proc/{agent.pid}").exists()
    assert not Path(f"/proc/{child.pid}").exists()
    assert (0, 1) == grandchild.ask("touch", BASE, 1, True, [])


def test_a_killed_process_is_an_error_that_names_it(agents, agent):
    """Whoever asks it next is told."""
    os.kill(agent.pid, signal.SIGKILL)

    with pytest.raises(LiveError, match=f"process {agent.pid} "):
        agent.ask("touch", BASE, 1, True, [])
    assert [] == vmas(agents.spawn())


def test_closing_ends_all(abilities, tmp_path):
    """Three generations, none is left."""
    if not abilities.processes:
        pytest.skip(abilities.missing[0])
    agents = Agents(tmp_path)
    first = agents.spawn()
    second = agents.fork(first)
    pids = [first.pid, second.pid, agents.fork(second).pid]
    agents.close()

    assert [] == [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_the_program_is_not_imported():
    """Other systems have no mremap: there, verify must still be able to say so."""
    code = "import sys, vmtui.live.verify; print('vmtui.live.agent' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False\n" == done.stdout
