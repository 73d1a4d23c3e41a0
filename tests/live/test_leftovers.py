"""Whatever ends a run, nothing of it remains on the machine."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from vmtui.live.cgroups import processes_of
from vmtui.live.maps import read_text
from vmtui.live.record import PREFIX, records_folders
from vmtui.live.swap import active_swap

LONG = """\
spawn a
mmap a h 4 pages rw private
write a.h
fork a b
swapout a.h[0]
repeat 20000
  write a.h[1]
end
"""
SYSCTLS = (
    *("/proc/sys/vm/swappiness", "/proc/sys/vm/page-cluster", "/proc/sys/vm/overcommit_memory"),
    *("/proc/sys/vm/min_free_kbytes", "/proc/sys/vm/drop_caches", "/sys/kernel/mm/ksm/run"),
    *("/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/mm/transparent_hugepage/shmem_enabled"),
    *("/sys/module/zswap/parameters/enabled", "/sys/kernel/mm/lru_gen/enabled"),
)


NOTHING = "nothing was left here by a run that was killed"
OF_THE_CHAINS = f"machine rmap=anon_vma_chain\n{LONG}"


def machine():
    """What belongs to the machine, and must be as before."""
    sysctls = {name: Path(name).read_text() for name in SYSCTLS if os.access(name, os.R_OK)}
    return read_text("/proc/mounts"), read_text("/proc/swaps"), sysctls


def bpf_objects():
    """The BPF programs, maps and links of the kernel, by kind and number, if bpftool is here to tell."""
    bpftool = shutil.which("bpftool", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    found = set()
    for kind in ("prog", "map", "link") if bpftool else ():
        told = subprocess.run(
            [bpftool, "-j", kind, "show"], capture_output=True, text=True, check=True
        ).stdout
        found |= {(kind, each["id"]) for each in json.loads(told or "[]")}
    return found


def wait_until_freed(before):
    """The kernel frees BPF objects when nobody can be using them any more; what there is beside `before`."""
    end = time.monotonic() + 10
    while bpf_objects() - before and time.monotonic() < end:
        time.sleep(0.05)
    return bpf_objects() - before


def left_by(pid, kernel):
    """What a run of this pid has on the machine: processes, cgroups, swap, files, records."""
    mark = f"{PREFIX}{pid}-"
    processes = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        processes += [f"process {path.parent.name}"] if mark.encode() in words else []
    cgroups = [f"cgroup {path}" for path in kernel.hierarchy.root.glob(f"{mark}*")]
    swaps = [f"swap {path}" for path in active_swap(read_text("/proc/swaps")) if mark in path]
    folders = {Path(tempfile.gettempdir()), Path("/var/tmp"), *records_folders()}
    files = [f"file {path}" for folder in folders for path in folder.glob(f"*{mark}*")]
    return [*processes, *cgroups, *swaps, *files]


def start(tmp_path, text=LONG, *options, home=None):
    """A run, in a process of its own."""
    path = tmp_path / "long.scenario"
    path.write_text(text)
    return subprocess.Popen(
        [sys.executable, "-m", "vmtui", "verify", "--json", *options, str(path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ if home is None else {**os.environ, "VMTUI_HOME": str(home)},
    )  # fmt: skip


def clean():
    """`verify --clean`, in a process of its own: the lines that it says."""
    command = [sys.executable, "-m", "vmtui", "verify", "--clean"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()


def wait_until_busy(process, kernel):
    """Until it has made everything that it makes, and a process of it lives."""
    end = time.monotonic() + 300
    kinds = set()
    while kinds < {"process", "cgroup", "swap", "file"}:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end, kinds
        kinds = {each.split()[0] for each in left_by(process.pid, kernel)}
    for base in kernel.hierarchy.root.glob(f"{PREFIX}{process.pid}-*"):
        while len(processes_of(base)) < 3:
            assert time.monotonic() < end


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("spawn a\nmmap a h 2 pages rw private\nwrite a.h\nfork a b\nswapout a.h[0]\n", 0),
        ("spawn a\nmmap a s 1 pages rw shared\nwrite a.s\nfork a b\n", 1),
        ("spawn a\nread a:0x40000000\n", 1),
    ],
    ids=["agrees", "differs", "refused"],
)
def test_nothing_is_left_of_a_run_that_ends(kernel, tmp_path, text, code):
    """Whether both sides agree or not."""
    before = machine()
    process = start(tmp_path, text)
    _, complaints = process.communicate()

    assert code == process.returncode, complaints
    assert [] == left_by(process.pid, kernel)
    assert before == machine()


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["SIGINT", "SIGTERM", "SIGHUP"],
)
def test_nothing_is_left_of_a_run_that_is_told_to_end(kernel, tmp_path, number, code):
    """Ctrl-C, SIGTERM and a terminal that is closed, while processes live and pages lie in swap."""
    before = machine()
    process = start(tmp_path)
    wait_until_busy(process, kernel)
    process.send_signal(number)
    process.communicate()

    assert code == process.returncode
    assert [] == left_by(process.pid, kernel)
    assert before == machine()


def test_an_impatient_user_changes_nothing(kernel, tmp_path):
    """A second Ctrl-C while things are given back waits until they are."""
    process = start(tmp_path)
    wait_until_busy(process, kernel)
    for _ in range(20):
        process.send_signal(signal.SIGINT)
        time.sleep(0.002)
    process.communicate()

    assert [] == left_by(process.pid, kernel)


def test_clean_takes_back_what_a_killed_run_left(kernel, tmp_path):
    """SIGKILL leaves swap, cgroups and files; `verify --clean`, which has another home than the run, names
    each and removes it, and then there is nothing to do."""
    clean()
    before = machine()
    process = start(tmp_path, home=tmp_path / "another home")
    wait_until_busy(process, kernel)
    process.kill()
    process.communicate()
    left = left_by(process.pid, kernel)
    assert {"cgroup", "swap", "file"} <= {each.split()[0] for each in left}

    *told, verdict = clean()
    assert "taken back what 1 run left" == verdict
    for each in left:
        kind, path = each.split()
        assert any(path in line for line in told) or path.endswith(".json"), (kind, path, told)
    assert "taking back vm.page-cluster" in told
    assert [] == left_by(process.pid, kernel)
    assert before == machine()
    assert [NOTHING] == clean()


def test_clean_takes_back_what_a_killed_run_with_bpf_programs_left(open_kernel, tmp_path):
    """They are nowhere pinned while it runs, so they end with it; the rest is as without them."""
    clean()
    before, programs = machine(), bpf_objects()
    process = start(tmp_path, OF_THE_CHAINS, "--anon-vma", home=tmp_path / "another home")
    wait_until_busy(process, open_kernel)
    assert {"prog", "map", "link"} == {kind for kind, _ in bpf_objects() - programs}
    assert before[0] == machine()[0]
    process.kill()
    process.communicate()
    assert set() == wait_until_freed(programs)

    assert "taken back what 1 run left" == clean()[-1]
    assert [] == left_by(process.pid, open_kernel)
    assert before == machine()


def test_nothing_is_left_of_bpf_programs_after_a_run_that_ends(open_kernel, tmp_path):
    """No program, map, link or mount."""
    before, programs = machine(), bpf_objects()
    process = start(tmp_path, "machine rmap=anon_vma_chain\nspawn a\n", "--anon-vma")
    _, complaints = process.communicate()

    assert 0 == process.returncode, complaints
    assert set() == wait_until_freed(programs)
    assert [] == left_by(process.pid, open_kernel)
    assert before == machine()


def test_runs_wait_for_each_other(kernel, tmp_path):
    """Two at once would use each other's swap; the second says that it waits, and then runs."""
    first = start(tmp_path)
    wait_until_busy(first, kernel)
    second = start(tmp_path, "spawn a\n")
    assert "another run is under way on this machine: waiting for its end\n" == second.stderr.readline()
    assert second.poll() is None
    assert [] == left_by(second.pid, kernel)
    first.terminate()
    first.communicate()
    second.communicate()

    assert 0 == second.returncode


def test_clean_leaves_a_living_run_alone(kernel, tmp_path):
    """Its things are its own, whatever home it has."""
    clean()
    process = start(tmp_path, home=tmp_path / "another home")
    try:
        wait_until_busy(process, kernel)
        assert [NOTHING] == clean()
        assert {"process", "cgroup", "swap", "file"} <= {
            each.split()[0] for each in left_by(process.pid, kernel)
        }
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()

    assert [] == left_by(process.pid, kernel)
