"""Commands: each does what its line says, and refuses in a sentence what it cannot do."""

from pathlib import Path

import pytest

from vmtui.errors import KernelError, PlaceError, ScenarioError
from vmtui.scenario import COMMANDS, parse_command, parse_line
from vmtui.scenario.build import ADVICE
from vmtui.scenario.lines import STATEMENTS
from vmtui.scenario.script import load
from vmtui.session import Session
from vmtui.testing import play

SCENARIOS = sorted((Path(__file__).resolve().parents[2] / "scenarios").glob("*.scenario"))
START = ("spawn sh", "mmap sh heap 4 pages rw private", "write sh.heap[0:2]", "read sh.heap[2]")
FILES = (
    *("file f 2 pages", "mmap sh t 2 pages r private f", "read sh.t[0]"),
    *("mmap sh m 1 pages rw shared", "write sh.m", "evict sh.m"),
)


@pytest.fixture
def session():
    """A process with two pages present, one zero, one untouched."""
    session = Session()
    for line in START:
        session.do(line)
    return session


@pytest.fixture
def files(session):
    """The same with a file of two pages, one of them read, and a page of shared memory in swap."""
    for line in FILES:
        session.do(line)
    return session


def test_every_command_has_a_usage_and_a_help_line():
    """Usage begins with the word; help is one line that fits."""
    for keyword, cls in {**COMMANDS, **STATEMENTS}.items():
        assert cls.usage.split()[0] == keyword or keyword == "expect"
        assert 0 < len(cls.help) <= 90
        assert "\n" not in cls.help


def test_every_command_stands_in_a_scenario():
    """No command ships without a scenario that uses it."""
    used = set()
    for path in SCENARIOS:
        for line in load(path).lines:
            statement = line.statement
            used.add(getattr(getattr(statement, "command", statement), "keyword", None))

    assert set(COMMANDS) - used == set()


@pytest.mark.parametrize(
    ("line", "errno", "sentence"),
    [
        ("walk sh.heap[2]", "EINVAL", "sh.heap[2] is the zero page: not reverse-mapped"),
        ("walk sh.heap[3]", "EINVAL", "sh.heap[3] was never touched: no frame to walk from"),
        ("swapout sh.heap[2:4]", "EINVAL", "sh.heap[2:4]: none of its 2 pages has a frame to swap out"),
        ("evict sh:0x1000", "EINVAL", "sh:0x1000 is not mapped: no frame to evict"),
        ("walk pfn:1", "EINVAL", "pfn:1 is the zero page: not reverse-mapped"),
        ("walk pfn:0", "EINVAL", "pfn:0: there are frames 1 to 16,383"),
        ("walk pfn:16384", "EINVAL", "pfn:16384: there are frames 1 to 16,383"),
        ("walk pfn:9000", "EINVAL", "pfn:9000 is free: nothing to walk from"),
        ("walk pfn:16383", "EINVAL", "pfn:16383 is a page table: nothing to walk from"),
        ("read pfn:2", "EINVAL", "pfn:2 is a frame, and this needs an address, as sh.heap[0]"),
        ("read sh.heap[4]", "EINVAL", "sh.heap[4]: sh.heap has 4 pages, [0] to [3]"),
        ("read sh.heap[2:2]", "EINVAL", "sh.heap[2:2] is empty: the second number must be the greater one"),
        ("read sh.heep", "ENOENT", "sh has no mapping called heep: did you mean sh.heap?"),
        ("read nobody.heap", "ESRCH", "there is no process nobody"),
        ("read hs.heap", "ESRCH", "there is no process hs: did you mean sh?"),
        ("read hs:0x40000000", "ESRCH", "there is no process hs: did you mean sh?"),
        ("fork hs", "ESRCH", "there is no process hs: did you mean sh?"),
        ("exit hs", "ESRCH", "there is no process hs: did you mean sh?"),
        ("read sh:0xfffff000", "EINVAL", "sh:0xfffff000 is above the user's addresses (0xc0000000)"),
        ("exit nobody", "ESRCH", "there is no process nobody"),
        ("mmap sh x 4 pages rw private data", "ENOENT", "there is no file data"),
        ("mmap sh x 4 pages rw private after nosuch", "ENOENT", "sh has no mapping called nosuch"),
        ("reclaim 0", "EINVAL", "reclaim of nothing: give a number of pages"),
    ],
)
def test_refusals_are_sentences(session, line, errno, sentence):
    """A refusal names the errno and says why; the machine is as before."""
    before = session.digest()

    error = session.attempt(line).error

    assert (errno, sentence) == (error.errno, error.message)
    assert session.digest() == before


@pytest.mark.parametrize(
    ("line", "errno", "sentence"),
    [
        ("truncate data 0", "ENOENT", "there is no file data"),
        ('truncate "sh.m" 0', "ENOENT", "there is no file sh.m"),
        ("file f 1 pages", "EEXIST", "there is a file f already"),
        ("file g 65G", "EFBIG", "g: 69,793,218,560 bytes are more than a file can have"),
        ("mmap sh x 1 pages r shared f + 1", "EINVAL", "the offset 0x1 is not a multiple of 4096"),
        (
            "mmap sh x 1 pages r shared f + 64G",
            "EINVAL",
            "the offset 0x1000000000 lies behind the end of the longest file",
        ),
        (
            "mmap sh x 1 pages rw shared growsdown",
            "EINVAL",
            "mmap of x: only private anonymous memory can grow down",
        ),
        ("brk sh heap 1 pages", "EINVAL", "sh.heap was mapped by mmap, not by brk"),
        ("brk sh new 3G", "ENOMEM", "sh: the heap would end at 0xc8100000, above user addresses"),
        ("exec nobody", "ESRCH", "there is no process nobody"),
        ("walk sh.t[1]", "EINVAL", "sh.t[1] is not cached: no frame to walk from"),
        ("walk sh.m[0]", "EINVAL", "sh.m[0] is swapped (slot 1): no frame to walk from"),
    ],
)
def test_refusals_about_files(files, line, errno, sentence):
    """The same of files, shared memory and the heap."""
    test_refusals_are_sentences(files, line, errno, sentence)


@pytest.mark.parametrize("advice", [word for word in ADVICE if word != "dontneed"])
def test_advice_of_later_kernels_is_refused(session, advice):
    """Later kernels' advice parses and is EINVAL under these rules."""
    assert session.attempt(f"madvise sh.heap {advice}").error.errno == "EINVAL"


def test_a_swapped_page_has_no_frame_once_evicted(session):
    """A page in the swap cache still has a frame to walk from; on disk alone it has none."""
    session.do("swapout sh.heap[0]")
    session.do("walk sh.heap[0]")
    session.do("evict sh.heap[0]")

    error = session.attempt("walk sh.heap[0]").error

    assert error.message == "sh.heap[0] is swapped (slot 1): no frame to walk from"


def test_fork_without_a_name(session):
    """The child gets the parent's stem and the lowest number that nobody has had, the dead included."""
    session.do("fork sh")
    session.do("exit sh1")
    session.do("fork sh")
    session.do("fork sh2")

    assert [task.name for task in session.machine.tasks] == ["sh", "sh1", "sh2", "sh3"]


def test_after_adjoins(session):
    """`after` puts a mapping directly behind another."""
    session.do("mmap sh next 1 pages rw private after heap")

    mm = session.machine.find_task("sh").mm
    ranges = [(label.start, label.end) for label in mm.labels]
    assert ranges == [(0x40000000, 0x40004000), (0x40004000, 0x40005000)]


def test_a_command_at_the_prompt_may_calculate(session):
    """`{…}` without variables is a number at the prompt too; a variable there is an error that names it."""
    session.do("write sh.heap[{1 + 2}]")
    for line in ("write sh.heap[{n}]", "spawn c{n}", "write sh.heap[n]"):
        with pytest.raises(ScenarioError, match="called n"):
            session.do(line)
    with pytest.raises(ScenarioError, match="reads the machine"):
        session.do("walk pfn:{sh.heap[0].pfn}")

    assert session.machine.find_task("sh").mm.rss == 3


def test_a_refused_place_is_a_kernel_error():
    """PlaceError is a KernelError: whoever handles refusals handles it."""
    with pytest.raises(KernelError):
        Session().do("exit nobody")
    assert issubclass(PlaceError, KernelError)


def test_swapoff_is_done_once(files):
    """The second swapoff is refused, and so is one where there is no swap."""
    files.do("swapoff")

    assert files.attempt("swapoff").error.message == "swapoff: the swap area is off already"
    assert Session(swap=0).attempt("swapoff").error.message == "swapoff: the swap area was never there"


def test_a_page_of_the_cache_is_walked_from_wherever_it_is_mapped(files):
    """A file's page that a process has not touched is found in the page cache, by place and by frame."""
    files.do("fork sh kid")
    files.do("munmap sh.t")
    files.do("madvise kid.t dontneed")
    done = files.do("walk kid.t[0]")

    pfn = done.walks[0].page
    assert done.walks[0].hits == 0
    assert files.do(f"walk pfn:{pfn}").walks[0].page == pfn
    files.do("evict kid.t")
    assert files.attempt(f"walk pfn:{pfn}").error.message == f"pfn:{pfn} is free: nothing to walk from"


def test_names_of_any_kind_live():
    """A name in quotes may hold anything that can be shown, and is printed in quotes."""
    played = play('spawn "a b [red]"; mmap "a b [red]" "x.y" 1 pages rw private; write "a b [red]"."x.y"[0]')

    assert [done.text for done in played.session.commands][-1] == 'write "a b [red]"."x.y"[0]'
    assert played.value('"a b [red]"."x.y"[0].present') is True
    assert str(parse_command("fork   sh  c{ 1 }")) == "fork sh c1"
    assert parse_line("  # just a comment") is None
