"""Commands as the calls that they are."""

import inspect

import pytest

from vmtui.live import calls
from vmtui.live.calls import ADVICE, Call, resolve, why_not
from vmtui.scenario import parse_command
from vmtui.scenario.commands import COMMANDS
from vmtui.session import Session

BASE = 0x40000000
PAGE = 4096


@pytest.fixture
def session():
    """A process with a heap of four pages, a page left free behind it, and a file."""
    session = Session()
    for line in ("file data 8 pages", "spawn sh", "mmap sh heap 4 pages rw private"):
        session.do(line)
    return session


def call(session, text):
    """The call of a command."""
    return resolve(session.machine, parse_command(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spawn other", Call(word="spawn", task="other")),
        ("fork sh", Call(word="fork", task="sh", child="sh1")),
        ("fork sh kid", Call(word="fork", task="sh", child="kid")),
        ("exec sh", Call(word="exec", task="sh")),
        ("exit sh", Call(word="exit", task="sh")),
        ("read sh.heap", Call(word="touch", task="sh", start=BASE, length=4 * PAGE)),
        ("write sh.heap[1]", Call(word="touch", task="sh", start=BASE + PAGE, length=PAGE, write=True)),
        ("write sh:0x40001234", Call(word="touch", task="sh", start=BASE + PAGE, length=PAGE, write=True)),
        ("munmap sh.heap[0:2]", Call(word="munmap", task="sh", start=BASE, length=2 * PAGE)),
        ("mprotect sh.heap r", Call(word="mprotect", task="sh", start=BASE, length=4 * PAGE, prot=1)),
        ("mprotect sh.heap none", Call(word="mprotect", task="sh", start=BASE, length=4 * PAGE)),
        ("mlock sh.heap[3]", Call(word="mlock", task="sh", start=BASE + 3 * PAGE, length=PAGE)),
        ("munlock sh.heap[3]", Call(word="munlock", task="sh", start=BASE + 3 * PAGE, length=PAGE)),
        ("swapout sh.heap[0]", Call(word="swapout", task="sh", start=BASE, length=PAGE)),
        ("evict sh.heap[0]", Call(word="evict", task="sh", start=BASE, length=PAGE)),
        ("swapoff", Call(word="swapoff")),
        ("file more 3 pages", Call(word="file", file="more", length=3 * PAGE)),
        ("truncate data 1 pages", Call(word="truncate", file="data", length=PAGE)),
    ],
)
def test_a_command_is_a_call_with_addresses(session, text, expected):
    """Labels, slices and names become a process and a range of bytes."""
    session.do("write sh.heap[0]")

    assert expected == call(session, text)


@pytest.mark.parametrize("advice", sorted(ADVICE))
def test_advice_is_the_kernels_number(session, advice):
    """Every advice of the language has its MADV number."""
    assert ADVICE[advice] == call(session, f"madvise sh.heap {advice}").advice


@pytest.mark.parametrize(
    ("text", "start", "more"),
    [
        ("mmap sh new 2 pages rw private", BASE + 5 * PAGE, {"prot": 3}),
        ("mmap sh new 2 pages r shared", BASE + 5 * PAGE, {"prot": 1, "shared": True}),
        ("mmap sh new 2 pages rwx private after heap", BASE + 4 * PAGE, {"prot": 7}),
        ("mmap sh new 2 pages none private at 0x50000000", 0x50000000, {}),
        ("mmap sh new 5000 rw private at 0x50000000 growsdown", 0x50000000, {"prot": 3, "growsdown": True}),
        (
            "mmap sh new 2 pages rx private data + 4 pages at 0x50000000",
            0x50000000,
            {"prot": 5, "file": "data", "offset": 4 * PAGE},
        ),
    ],
)
def test_a_mapping_goes_where_the_simulator_puts_it(session, text, start, more):
    """The address is worked out before, so that both sides lay out alike; lengths are whole pages."""
    assert Call(word="mmap", task="sh", start=start, length=2 * PAGE, **more) == call(session, text)


def test_mremap_in_place_where_there_is_room(session):
    """Growing and shrinking name no address."""
    for pages in (6, 2):
        expected = Call(word="mremap", task="sh", start=BASE, length=4 * PAGE, new_length=pages * PAGE)
        assert expected == call(session, f"mremap sh.heap {pages} pages")


def test_mremap_moves_where_the_simulator_moves_it(session):
    """Without room behind, the new address is the simulator's choice; with `to`, the command's."""
    session.do("mmap sh wall 1 pages r private after heap")

    assert BASE + 6 * PAGE == call(session, "mremap sh.heap 6 pages").to
    assert 0x50000000 == call(session, "mremap sh.heap 6 pages to 0x50000000").to


def test_what_no_place_is_long_enough_for_is_asked_all_the_same(session):
    """The kernel may move it anywhere, and has its own word for that; what only the simulator has no room
    for is not asked."""
    asked = call(session, f"mremap sh.heap {1 << 35} pages")

    assert (0, True, 1 << 47) == (asked.to, asked.hint, asked.new_length)
    assert call(session, f"mremap sh.heap {1 << 20} pages") is None


def test_what_stays_mapped_is_moved_with_a_flag(session):
    """To an address that is asked for, or one that may serve; the pages need a name of their own there."""
    there = call(session, "mremap sh.heap 4 pages to 0x50000000 as n dontunmap")
    assert (True, False, 0x50000000) == (there.keep, there.hint, there.to)
    anywhere = call(session, "mremap sh.heap 4 pages as n dontunmap")
    assert (True, True, 4 * PAGE) == (anywhere.keep, anywhere.hint, anywhere.new_length)
    assert call(session, "mremap sh.heap 4 pages dontunmap") is None
    session.do("munmap sh.heap[2:4]")
    assert 0 == call(session, "mremap sh.heap 4 pages as n dontunmap").to


def test_a_window_is_counted_in_bytes_and_asked_for_in_pages(session):
    """An offset within a page cannot be said to the kernel."""
    assert 3 * PAGE == call(session, "remap_file_pages sh.heap to 0x3000").offset
    assert call(session, "remap_file_pages sh.heap to 0x3001") is None


def test_the_heap_is_a_mapping(session):
    """brk maps what the heap gains and unmaps what it loses."""
    start = 0x08100000
    assert Call(word="brk", task="sh", start=start, length=2 * PAGE, prot=3) == call(
        session, "brk sh arena 2 pages"
    )
    session.do("brk sh arena 2 pages")

    grown = Call(word="brk", task="sh", start=start + 2 * PAGE, length=PAGE, prot=3)
    assert grown == call(session, "brk sh arena 3 pages")
    cut = Call(word="munmap", task="sh", start=start + PAGE, length=PAGE)
    assert cut == call(session, "brk sh arena 1 pages")
    assert call(session, "brk sh arena 2 pages") is None


@pytest.mark.parametrize(
    "text",
    [
        "walk sh.heap[0]",
        "referenced sh.heap[0]",
        "spawn sh",
        "fork sh sh",
        "read nobody.heap",
        "read sh.nothing",
        "read sh.heap[9]",
        "mmap sh heap 1 pages rw private",
        "mmap sh new 1 pages rw private missing",
        "file data 1 pages",
        "truncate missing 1 pages",
        "swapout sh.heap[3]",
        "evict sh.heap[3]",
        "mremap sh.heap[0:2] 1 pages",
        "mremap sh.heap 1 pages to 0x60000000",
    ],
)
def test_what_is_no_kernels_business_is_no_call(session, text):
    """A look, and what the language itself refuses: names that are taken, missing, or out of range."""
    session.do("write sh.heap[0]")
    session.do("mmap sh other 1 pages r private at 0x60000000")

    assert call(session, text) is None


@pytest.mark.parametrize("keyword", sorted(COMMANDS))
def test_every_command_is_a_call_a_look_or_refused(keyword):
    """None of the language is forgotten: what `why_not` lets pass, `resolve` knows."""
    command = COMMANDS[keyword]
    if why_not(command.__new__(command)) is None:
        source = inspect.getsource(calls)
        assert f"c.{command.__name__}(" in source


def test_some_commands_cannot_be_asked_of_a_kernel():
    """Reclaim follows the moment; a frame's number means something in the simulator alone."""
    assert "cold" in why_not(parse_command("reclaim 4 pages"))
    assert "pfn:3" in why_not(parse_command("swapout pfn:3"))
    assert why_not(parse_command("walk pfn:3")) is None
    assert why_not(parse_command("swapout a.h")) is None
