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


class Agent:
    """A process that maps the page; what it is asked is noted."""

    def __init__(self, world, pid):
        self.world = world
        self.pid = pid
        self.asked = []

    def ask(self, word, *arguments):
        """Whether the page behind the address is cached; all else just succeeds."""
        self.asked.append(word)
        if word == "mincore":
            return 0, "01" if self.world.cached else "00"
        return 0, 0


@attrs.define
class World:
    """
    One anonymous page, mapped by two, in a cgroup of its own.

    Attributes:
        stubborn: How often it is not taken though it is asked for.
        answer: The errno of those that fail; 0: they say that they succeeded.
        mapped, cached: The state of the page.
        written: What was written, and to which file.
    """

    cgroups: MemoryCgroups
    stubborn: int = 0
    answer: int = errno.EAGAIN
    mapped: bool = True
    cached: bool = True
    written: list[tuple[str, str]] = attrs.field(factory=list)

    def write_text(self, path, text):
        """A file of a cgroup is written."""
        self.written.append((path.name, text))
        if self.stubborn:
            self.stubborn -= 1
            if self.answer:
                raise OSError(self.answer, "not now")
        elif self.mapped:
            self.mapped = False
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
        return Frame(2, ANON, self.cgroup) if self.mapped else Frame(0, ANON | {"SWAPCACHE"}, self.cgroup)

    def entries(self, pid, start, end):
        """The pagemap of either process."""
        if self.mapped:
            return {HEAP: PagemapEntry(present=True, pfn=PFN)}
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
    assert (False, True) == (world.mapped, world.cached)
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
