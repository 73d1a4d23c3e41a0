"""
Pushing out a page that several map, on a kernel of our own making.

Version 2's memory.reclaim is not on every machine, and was seen on none of ours: what is shown here is that
it is asked for one page, and asked again when it says EAGAIN or has not taken the page.
"""

import errno
from pathlib import Path

import attrs
import pytest

from vmtui.errors import LiveError
from vmtui.live import eviction as eviction_module
from vmtui.live.cgroups import Hierarchy, MemoryCgroups
from vmtui.live.eviction import Eviction
from vmtui.live.frames import Frame
from vmtui.live.pagemap import PagemapEntry

PAGE = 4096
HEAP = 0x200000000000
PFN = 77
ANON = frozenset({"ANON", "SWAPBACKED", "LRU", "UPTODATE"})
DIRTY = frozenset({"DIRTY", "LRU", "UPTODATE"})
DONTNEED, PAGEOUT = 4, 21


class Agent:
    """A process that maps the page; what it is asked is noted, and advice about the page is taken."""

    def __init__(self, world, pid):
        self.world = world
        self.pid = pid
        self.asked = []

    def ask(self, word, *arguments):
        """Whether the page behind the address is cached; all else just succeeds."""
        self.asked.append(word)
        if word == "mincore":
            return 0, "01" if self.world.cached else "00"
        if word == "madvise":
            self.world.advised.append((self.pid, arguments[-1]))
            if arguments[-1] == DONTNEED or self.world.mapcount == 1:
                self.world.mapcount -= 1
        return 0, 0


@attrs.define
class World:
    """
    One page, mapped by two, in a cgroup of its own.

    Attributes:
        stubborn: How often it is not taken though it is asked for.
        answer: The errno of those that fail; 0: they say that they succeeded.
        mapcount, cached, flags: The state of the page.
        written: What was written, and to which file.
        advised: Who was advised what.
    """

    cgroups: MemoryCgroups
    stubborn: int = 0
    answer: int = errno.EAGAIN
    mapcount: int = 2
    cached: bool = True
    flags: frozenset[str] = ANON
    written: list[tuple[str, str]] = attrs.field(factory=list)
    advised: list[tuple[int, int]] = attrs.field(factory=list)

    def write_text(self, path, text):
        """A file of a cgroup is written."""
        self.written.append((path.name, text))
        if self.stubborn:
            self.stubborn -= 1
            if self.answer:
                raise OSError(self.answer, "not now")
        elif self.mapcount:
            self.mapcount = 0
        else:
            self.cached = False

    @property
    def cgroup(self):
        """The inode of the page's cgroup."""
        return self.cgroups.inode("page0")

    def at(self, pfn):
        """What kpageflags and its like say of the frame."""
        assert pfn == PFN
        if not self.cached:
            return Frame(0, frozenset(), 0)
        cache = {"SWAPCACHE"} if "ANON" in self.flags and not self.mapcount else set()
        return Frame(self.mapcount, self.flags | cache, self.cgroup)

    def entries(self, pid, start, end):
        """The pagemap of either process."""
        if self.mapcount:
            return {HEAP: PagemapEntry(present=True, file="ANON" not in self.flags, pfn=PFN)}
        if "ANON" not in self.flags:
            return {}
        return {HEAP: PagemapEntry(swapped=True, swap_type=0, swap_offset=9)}


@pytest.fixture(params=[1, 2])
def world(request, tmp_path, monkeypatch):
    """The page, under either version."""
    cgroups = MemoryCgroups(Hierarchy(tmp_path, request.param), tmp_path / "base")
    cgroups.spare(1)
    world = World(cgroups)
    monkeypatch.setattr(eviction_module, "entries", world.entries)
    monkeypatch.setattr(Path, "write_text", lambda path, text: world.write_text(path, text))
    return world


@pytest.fixture
def agents(world):
    """Two processes that map the page."""
    return [Agent(world, pid) for pid in (1, 2)]


@pytest.fixture
def eviction(world, agents):
    """Who pushes it out."""
    return Eviction(
        world, world.cgroups, lambda pfn: iter([(agent, HEAP) for agent in agents]), lambda page: iter(())
    )


def request_of(world):
    """What each version is asked with."""
    return ("memory.force_empty", "0") if world.cgroups.hierarchy.version == 1 else ("memory.reclaim", "4096")


def test_a_shared_page_is_asked_for_until_it_goes(world, eviction, agents):
    """EAGAIN, or an answer that changed nothing, is asked again; a process holds the frame meanwhile."""
    world.stubborn = 2
    eviction.push_out(agents[0], HEAP, 1)

    assert [request_of(world)] * 3 == world.written
    assert "hold" in agents[0].asked
    assert "let_go" in agents[0].asked
    assert (0, True) == (world.mapcount, world.cached)
    assert PFN == eviction.waiting(world.entries(1, HEAP, HEAP + PAGE)[HEAP])


def test_evict_goes_on_until_the_frame_is_free(world, eviction, agents):
    """Once to unmap it, once to free what waits in the swap cache; nobody holds it."""
    eviction.push_out(agents[0], HEAP, 1, until_free=True)

    assert [request_of(world)] * 2 == world.written
    assert not world.cached
    assert "hold" not in agents[0].asked


def test_another_refusal_is_told(world, eviction, agents):
    """That memory.reclaim is not there, or not ours to write, is no noise."""
    world.stubborn, world.answer = 1, errno.EPERM
    with pytest.raises(LiveError, match=request_of(world)[0]):
        eviction.push_out(agents[0], HEAP, 1)


@pytest.mark.parametrize("until_free", [False, True])
def test_a_dirty_page_of_a_file_is_left_to_the_flushers(world, eviction, agents, until_free):
    """Its cgroup is not emptied: all but one process drop it, and that one pages it out; it stays cached."""
    world.flags = DIRTY
    eviction.push_out(agents[0], HEAP, 1, until_free=until_free)

    assert [(2, DONTNEED), (1, PAGEOUT)] == world.advised
    assert ([], 0, True) == (world.written, world.mapcount, world.cached)
