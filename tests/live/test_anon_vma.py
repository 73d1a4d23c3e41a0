"""`vmtui verify --anon-vma`: the topology itself, of the simulator and of the kernel underneath."""

import ctypes
import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from vmtui.cli import main
from vmtui.live import abilities
from vmtui.live.observe_live import LiveObserver
from vmtui.live.observed import FIELDS, TOPOLOGY, AnonVmaSeen
from vmtui.live.topology import Topology, TopologyReader
from vmtui.live.verify import verify
from vmtui.live.verify_text import TOPOLOGY_HEADINGS
from vmtui.mm.rmap.anon_vma_chain import AnonVmaChain
from vmtui.mm.rmap.avc import AnonVmaChains
from vmtui.scenario.script import load

FILES = sorted((Path(__file__).resolve().parents[2] / "scenarios" / "kernel").glob("*.scenario"))
HEAP = "machine rmap=anon_vma_chain\nspawn a\nmmap a h 2 pages rw private\nwrite a.h\n"


def test_the_topology_is_that_of_the_kernel_in_every_scenario(open_kernel, capsys):
    """All that today's kernel was seen in, after every command: exit 0, and every column was compared."""
    assert 0 == main(["verify", "--anon-vma", "--json", *map(str, FILES)])
    told = json.loads(capsys.readouterr().out)

    assert len(FILES) == len(told["verifications"])
    for found in told["verifications"]:
        assert found["agrees"]
        assert TOPOLOGY.keys() <= set(found["fields"])
        assert all(row["fields"][field] is True for row in found["commands"] for field in TOPOLOGY), found[
            "scenario"
        ]


def test_families_deeper_than_any_scenario(open_kernel):
    """Twenty generations, all alive, then most of them gone, and their orphans taken again."""
    lines = "".join(f"fork p{depth} p{depth + 1}\nwrite p{depth + 1}.h[0]\n" for depth in range(20))
    ends = "".join(f"exit p{depth}\n" for depth in range(1, 20))
    text = HEAP.replace(" a", " p0") + lines + ends
    found = verify(load(text + "fork p20 x\nfork x y\nwrite y.h\nfork p0 z\n"), open_kernel)
    deepest = next(row for row in found.rows if row.text == "fork p19 p20")

    assert [] == [difference.sentence for row in found.rows for difference in row.differences]
    assert tuple(range(21, 0, -1)) == deepest.live.processes["p20"].vmas[0].chain
    assert 21 == deepest.live.anon_vmas[1].refcount


# -- a simulator that is wrong


def _never_takes_again(scheme, dst, src):
    for anon_vma in reversed(scheme.chains.anon_vmas(src)):
        scheme.chains.alloc(dst, anon_vma)
    if dst.anon_vma is not None:
        dst.anon_vma.num_active_vmas += 1
    yield from ()


def _from_the_newest_down(scheme, dst, src):
    for anon_vma in scheme.chains.anon_vmas(src):
        scheme.chains.alloc(dst, anon_vma)
    if dst.anon_vma is not None:
        dst.anon_vma.num_active_vmas += 1
    yield from ()


def _does_not_count(scheme, dst, src):
    yield from _never_takes_again(scheme, dst, src)
    if dst.anon_vma is not None:
        dst.anon_vma.num_active_vmas -= 1


def _stays(scheme, page, vma, address):
    yield from ()


def _stranger(scheme, vma):
    return None


def _own(chains, vma):
    return vma.anon_vma


ORPHAN = "fork a b\nfork b c\nexit b\nfork c d\n"
WRONG = {
    "an orphan is not taken again": (
        *(AnonVmaChain, "anon_vma_clone", _never_takes_again, ORPHAN),
        {"anon_vma", "chain", "num_active_vmas", "num_children", "refcount"},
    ),
    "a chain is cloned the wrong way round": (
        *(AnonVmaChain, "anon_vma_clone", _from_the_newest_down, "fork a b\nfork b c\n"),
        {"chain"},
    ),
    "a half does not count": (
        *(AnonVmaChain, "anon_vma_clone", _does_not_count, "mprotect a.h[1] r\n"),
        {"num_active_vmas"},
    ),
    "the last owner's page stays where it was": (
        *(AnonVmaChain, "page_move_rmap", _stays, "fork a b\nexit a\nwrite b.h\n"),
        {"mapping"},
    ),
    "neighbours share no anon_vma": (
        *(AnonVmaChain, "find_mergeable_anon_vma", _stranger),
        "mmap a g 4 pages rw private\nmprotect a.g[0:2] rwx\nwrite a.g[2]\nwrite a.g[0]\n",
        {"anon_vma", "chain", "num_active_vmas", "mapping"},
    ),
    "a page from swap is the reader's own": (
        *(AnonVmaChains, "root_of", _own, "fork a b\nfork b c\nevict c.h[0]\nread c.h[0]\n"),
        {"mapping"},
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_nothing_else_shows_is_seen(open_kernel, monkeypatch, name):
    """Each of these errors leaves every page, frame and count as it was: the other fields all agree."""
    owner, method, wrong, text, fields = WRONG[name]
    monkeypatch.setattr(owner, method, wrong)
    found = verify(load(HEAP + text), open_kernel)
    differing = {difference.field for row in found.rows for difference in row.differences}

    assert differing & TOPOLOGY.keys()
    assert fields == differing


def test_a_difference_is_told_with_both_states_and_the_line(open_kernel, monkeypatch, capsys):
    """Of a page, of a VMA and of an anon_vma, each in its own words."""
    monkeypatch.setattr(AnonVmaChain, "anon_vma_clone", _never_takes_again)
    assert 1 == main(["verify", "--anon-vma", "-c", (HEAP + ORPHAN).replace("\n", "; ")])
    lines = capsys.readouterr().out.splitlines()
    heads = next(line for line in lines if line.startswith("line")).split()
    fork = next(line for line in lines if "fork c d" in line)
    told = "\n".join(lines[lines.index(fork) :])

    assert list(TOPOLOGY_HEADINGS.values()) == heads[-len(TOPOLOGY) :]
    marks = dict(zip(TOPOLOGY, fork.split()[-len(TOPOLOGY) :], strict=True))
    assert ("✗", "✗", "✓") == tuple(marks[field] for field in ("anon_vma", "chain", "index"))
    assert "av: d.h[0]: anon_vma 4 in the simulator, anon_vma 2 on this kernel" in told
    assert "simulator: vm_pgoff 0x200000000, anon_vma 4, chain 4, 3, 2, 1" in told
    assert "kernel:    vm_pgoff 0x200000000, anon_vma 2, chain 3, 2, 1" in told
    assert "ref: anon_vma 1: refcount 4 in the simulator, refcount 3 on this kernel" in told
    assert "simulator: root anon_vma 1, parent anon_vma 1, num_children 2" in told
    assert "decided at mm/rmap/anon_vma_chain.py:" in told


def test_json_has_the_topology_where_it_was_asked_for(open_kernel, monkeypatch, capsys):
    """Fields, differences and both states; none of it without --anon-vma."""
    monkeypatch.setattr(AnonVmaChain, "anon_vma_clone", _never_takes_again)
    text = (HEAP + ORPHAN).replace("\n", "; ")
    assert 1 == main(["verify", "--anon-vma", "--json", "-c", text])
    (found,) = json.loads(capsys.readouterr().out)["verifications"]
    fork = next(row for row in found["commands"] if row["text"] == "fork c d")

    assert [*FIELDS, *TOPOLOGY] == list(fork["fields"])
    refcount = next(each for each in fork["differences"] if each["field"] == "refcount")
    assert (1, "refcount 4", "refcount 3") == (
        refcount["anon_vma"],
        refcount["simulated"],
        refcount["live"],
    )
    live = fork["states"]["live"]
    assert [3, 2, 1] == live["processes"]["d"]["vmas"][0]["chain"]
    assert 1 == live["processes"]["d"]["pages"][0]["mapping"]
    root = {"id": 1, "root": 1, "parent": 1, "num_children": 2, "num_active_vmas": 1, "refcount": 3}
    assert root in live["anon_vmas"]

    shared = "spawn a; mmap a s 1 pages rw shared; write a.s; fork a b"
    assert 1 == main(["verify", "--json", "-c", shared])
    (found,) = json.loads(capsys.readouterr().out)["verifications"]
    fork = found["commands"][-1]
    assert list(FIELDS) == list(fork["fields"])
    for plain in (fork["differences"], fork["states"]):
        assert [] == [field for field in TOPOLOGY if f'"{field}"' in json.dumps(plain)]


def test_a_kernel_that_refuses_in_the_middle_is_quoted(open_kernel, monkeypatch, capsys):
    """As a fault of the run, in a sentence; nothing is left of it."""

    def refuses(link):
        raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))

    text = HEAP.replace("\n", "; ")
    with monkeypatch.context() as patch:
        patch.setattr(TopologyReader, "_vmas_of", lambda reader, pid: refuses(pid))
        assert 3 == main(["verify", "--anon-vma", "-c", text])
    assert "anon_vmas cannot be read any more: Argument list too long" in capsys.readouterr().err
    assert 0 == main(["verify", "--anon-vma", "-c", text])


@pytest.mark.parametrize(("method", "nothing"), [("_vmas_of", b""), ("_of_frames", {})])
def test_what_is_not_told_does_not_pass_for_equal(open_kernel, monkeypatch, capsys, method, nothing):
    """Programs that leave out a VMA or a frame end the run: nothing would have been compared of it."""
    monkeypatch.setattr(TopologyReader, method, lambda reader, about: nothing)

    assert 3 == main(["verify", "--anon-vma", "-c", HEAP.replace("\n", "; ")])
    assert "the BPF programs tell of other VMAs or frames than /proc does" in capsys.readouterr().err


# -- looking again


class _Reader:
    """Says one thing after the other, and the last for ever."""

    def __init__(self, *told):
        self.told = list(told)

    def read(self, processes, pfns):
        return self.told.pop(0) if len(self.told) > 1 else self.told[0]


def _look_through(reader):
    player = SimpleNamespace(
        processes={}, frames=None, scan=False, topology=reader, fields=frozenset(TOPOLOGY)
    )
    return LiveObserver(player).observe(None).anon_vmas


def test_an_anon_vma_that_somebody_holds_for_a_moment_is_looked_at_again():
    """Then it is told as it is: what stays held is no noise."""
    held, free = ({1: AnonVmaSeen(1, 1, 1, 1, refcount)} for refcount in (2, 1))

    assert free == _look_through(_Reader(Topology(anon_vmas=held), Topology(anon_vmas=free)))
    assert free == _look_through(_Reader(Topology(anon_vmas=held, torn=True), Topology(anon_vmas=free)))
    assert held == _look_through(_Reader(Topology(anon_vmas=held)))


# -- where it cannot be


def test_another_scheme_has_other_anon_vmas(capsys):
    """They cannot be compared with today's kernel: a usage error, with what would do."""
    assert 2 == main(["verify", "--anon-vma", "-c", "machine rmap=anon_vma; spawn a"])
    err = capsys.readouterr().err
    assert "-c has anon_vma under those of 2.6" in err
    assert "--rmap anon_vma_chain plays it so" in err
    old = "machine rmap=anon_vma_chain rules=2.6 arch=i386-pae; spawn a"
    assert 2 == main(["verify", "--anon-vma", "-c", old])
    assert 2 == main(["verify", "--anon-vma", "--fuzz", "0", "--rmap", "anon_vma"])


def test_a_machine_without_the_tools_says_which_and_compares_the_rest(kernel, monkeypatch, capsys):
    """Exit 4, with no column for what was not compared."""
    missing = "no anon_vmas: there is no clang, which compiles the BPF programs that read them"
    monkeypatch.setattr(abilities, "why_no_bpf", lambda: [missing])

    assert 4 == main(["verify", "--anon-vma", "-c", HEAP.replace("\n", "; ")])
    out, err = capsys.readouterr()
    assert err.startswith(f"{missing}\nfields that can be compared here: {', '.join(FIELDS)}\n")
    assert "agree: 3 commands" in out
    assert "num_children" not in out
    assert 4 == main(["verify", "--anon-vma", "--fuzz", "0"])
    assert missing in capsys.readouterr().err


def test_without_privileges_it_says_what_they_are_for(kernel):
    """No traceback; what can be seen without them is compared."""

    def give_up_sys_admin():
        ctypes.CDLL(None).prctl(24, 21, 0, 0, 0)
        ctypes.CDLL(None).prctl(24, 39, 0, 0, 0)  # CAP_BPF

    done = subprocess.run(
        [sys.executable, "-m", "vmtui", "verify", "--anon-vma", "-c", HEAP.replace("\n", "; ")],
        capture_output=True, text=True, preexec_fn=give_up_sys_admin, env=os.environ, check=False,
    )  # fmt: skip

    assert 4 == done.returncode
    assert "no anon_vmas: bpf(2) says Operation not permitted: it takes CAP_SYS_ADMIN" in done.stderr
    assert "agree: 3 commands" in done.stdout


def test_random_programs_can_be_compared_so_too(open_kernel, capsys):
    """--fuzz takes --anon-vma, and plays the scheme that has them."""
    assert 0 == main(["verify", "--anon-vma", "--fuzz", "0", "--seed", "1"])
    assert "seed 1: 0 programs" in capsys.readouterr().err
