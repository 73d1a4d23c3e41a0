"""Memory cgroups: where they are, and what is written to them."""

from pathlib import Path

import pytest

from vmtui.live.cgroups import HOME, Hierarchy, MemoryCgroups, find_hierarchy

BOTH = """\
cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
"""
UNIFIED = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n"


@pytest.mark.parametrize(
    ("mounts", "control", "found"),
    [
        (BOTH, "", Hierarchy(Path("/sys/fs/cgroup/memory"), 1)),
        (UNIFIED, "cpu memory pids", Hierarchy(Path("/sys/fs/cgroup"), 2)),
        (UNIFIED, "cpu pids", None),
        ("proc /proc proc rw 0 0\n", "memory", None),
        ("", "", None),
    ],
)
def test_the_hierarchy_is_the_one_with_the_memory_controller(mounts, control, found):
    """Version 1 by its mount options; version 2 only where the controller is handed down already."""
    assert found == find_hierarchy(mounts, control)


@pytest.fixture(params=[1, 2])
def groups(request, tmp_path):
    """Cgroups in an ordinary folder: the files that are written are the same."""
    return MemoryCgroups(Hierarchy(tmp_path, request.param), tmp_path / "base")


def test_a_cgroup_is_emptied_as_its_version_has_it(groups):
    """force_empty in version 1, reclaim of a page in version 2."""
    name = groups.spare(1)[0]
    path = groups.base / name
    groups.empty(path.stat().st_ino)

    version = groups.hierarchy.version
    file, amount = ("memory.force_empty", "0") if version == 1 else ("memory.reclaim", "4096")
    assert amount == (path / file).read_text()


def test_processes_enter_by_the_file_of_their_version(groups):
    """``tasks`` moves a single thread, and is there in version 1 alone."""
    name = "tasks" if groups.hierarchy.version == 1 else "cgroup.procs"

    assert f"{groups.base}/home/{name}" == groups.tasks_pattern.format(HOME)


def test_a_cgroup_stays_spare_until_something_is_charged_to_it(groups):
    """Spare ones are given again; those that pages are charged to never are."""
    first, second = groups.spare(2)
    inode = (groups.base / first).stat().st_ino

    assert [first, second] == groups.spare(2)
    groups.charged([inode, 999_999_999])
    assert first not in groups.spare(2)
    assert second == groups.spare(1)[0]


def test_only_cgroups_of_pages_are_emptied(groups):
    """Home, where the processes live, is none; nor is somebody else's."""
    page = groups.spare(1)[0]

    assert groups.has((groups.base / page).stat().st_ino)
    assert not groups.has((groups.base / HOME).stat().st_ino)
    assert not groups.has(1)


def test_only_version_1_drains(groups):
    """Version 2 has no file for it: move_pages is to do it."""
    assert groups.drain() == (groups.hierarchy.version == 1)
