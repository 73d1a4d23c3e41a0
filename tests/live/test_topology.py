"""What BPF programs say of anon_vmas, decoded; and what it takes to have them say it."""

import struct

import attrs
import pytest

from vmtui.errors import CannotError
from vmtui.live import bpf_tools
from vmtui.live.bpf_tools import BpfTools, load, why_no_bpf
from vmtui.live.maps import ProcError
from vmtui.live.mounts import mount_points
from vmtui.live.observed import AnonVmaSeen
from vmtui.live.topology import (
    FolioSeen,
    Topology,
    VmaLinks,
    decode_folios,
    decode_vmas,
    find_mem_map,
)

ROOT, CHILD = 0xFFFF888100000000, 0xFFFF888100000060
START = 0x200000000000


def record(kind, *words):
    """A record: its kind and six words."""
    return struct.pack("=7Q", kind, *words, *[0] * (6 - len(words)))


VMA = record(1, START, START + 8192, START >> 12, CHILD)
AVCS = record(2, CHILD, ROOT, ROOT, 0, 1, 1), record(2, ROOT, ROOT, ROOT, 2, 1, 2)
TOLD = {CHILD: AnonVmaSeen(ROOT, ROOT, 0, 1, 1), ROOT: AnonVmaSeen(ROOT, ROOT, 2, 1, 2)}


def test_a_vma_and_its_chain():
    """AVCs follow their VMA in the order of its chain; each says what its anon_vma is."""
    found, met = decode_vmas(VMA + b"".join(AVCS) + record(1, START + 8192, START + 12288, 7))

    assert {START: VmaLinks(START >> 12, CHILD, (CHILD, ROOT)), START + 8192: VmaLinks(7, 0, ())} == found
    assert list(TOLD.items()) == met
    assert ({}, []) == decode_vmas(b"")


def test_a_chain_that_was_cut_is_said():
    """What is longer than can be read is not compared as if it ended there."""
    with pytest.raises(CannotError, match="longer than the 2 AVCs"):
        decode_vmas(VMA + b"".join(AVCS) + record(3, START))


@pytest.mark.parametrize("data", [AVCS[0], VMA + record(9), VMA[:-8]])
def test_what_is_no_record_of_a_vma_is_said(data):
    """An AVC without a VMA, a kind that does not belong, half a record."""
    with pytest.raises(ProcError):
        decode_vmas(data)


def test_folios():
    """The two low bits of folio->mapping say whether it is an anon_vma."""
    data = record(5, 0x1000, ROOT + 1, 3) + record(5, 0x2000, ROOT, 4) + record(5, 0x3000, ROOT + 3, 5)

    assert {0x1000: FolioSeen(ROOT, 3), 0x2000: FolioSeen(0, 4), 0x3000: FolioSeen(0, 5)} == decode_folios(
        data
    )
    with pytest.raises(ProcError):
        decode_folios(VMA)


def test_where_struct_pages_lie():
    """A page whose frame and struct page are both known shows it for all."""
    others = record(4, 0x1000, 1, 0, 64) + record(4, 0x2000, 1, 0xFFFFEA0000000042, 64)

    assert (0xFFFFEA0000000000, 64) == find_mem_map(
        others + record(4, START, 1, 0xFFFFEA0000000080, 64), START, 2
    )
    with pytest.raises(CannotError, match="does not show where they lie"):
        find_mem_map(others, 0x2000, 2)
    with pytest.raises(CannotError, match="does not show where they lie"):
        find_mem_map(b"", START, 2)


def test_whoever_holds_on_to_an_anon_vma_for_a_moment_is_noticed():
    """A root's references are its own and its family's; one more is somebody's who does not map anything."""
    settled = Topology(anon_vmas=TOLD)

    assert settled.settled
    for address in TOLD:
        raised = attrs.evolve(TOLD[address], refcount=TOLD[address].refcount + 1)
        assert not Topology(anon_vmas={**TOLD, address: raised}).settled
    assert not attrs.evolve(settled, torn=True).settled


def test_mount_points_may_have_blanks():
    """mountinfo escapes them; a backslash too, and that is undone last."""
    text = r"36 35 0:28 / /a\040b\134040c rw - bpf bpf rw" + "\n36 35 0:28 / /d rw - tmpfs none rw\n"

    assert {r"/a b\040c", "/d"} == mount_points(text)


# -- a machine that cannot


@pytest.fixture
def everything(monkeypatch, tmp_path):
    """A machine that has all that it takes."""
    btf, lockdown = tmp_path / "vmlinux", tmp_path / "lockdown"
    btf.write_text("")
    lockdown.write_text("[none] integrity confidentiality\n")
    monkeypatch.setattr(bpf_tools, "BTF", btf)
    monkeypatch.setattr(bpf_tools, "LOCKDOWN", lockdown)
    monkeypatch.setattr(bpf_tools, "_which", lambda tool: f"/usr/bin/{tool}")
    monkeypatch.setattr(bpf_tools, "may_use_bpf", lambda: "")
    return btf, lockdown


def test_a_machine_that_can(everything):
    """Nothing is missing, with or without a file that tells of lockdown."""
    assert [] == why_no_bpf()
    everything[1].unlink()
    assert [] == why_no_bpf()


@pytest.mark.parametrize("tool", ["clang", "bpftool"])
def test_a_tool_that_is_missing_is_named(everything, monkeypatch, tool):
    """Alone: the other is there."""
    monkeypatch.setattr(bpf_tools, "_which", lambda name: None if name == tool else name)

    (sentence,) = why_no_bpf()
    assert sentence.startswith(f"no anon_vmas: there is no {tool}, which ")
    assert bpf_tools.find_tools() is None


def test_a_kernel_without_btf_is_named(everything):
    """Where the members of a struct lie is nowhere else said."""
    everything[0].unlink()

    (sentence,) = why_no_bpf()
    assert f"{everything[0]} cannot be read" in sentence


def test_lockdown_is_named(everything):
    """Confidentiality alone forbids to read the kernel; integrity does not."""
    everything[1].write_text("none [integrity] confidentiality\n")
    assert [] == why_no_bpf()
    everything[1].write_text("none integrity [confidentiality]\n")

    (sentence,) = why_no_bpf()
    assert "says confidentiality" in sentence


def test_a_user_who_may_not_is_told(everything, monkeypatch):
    """bpf(2) is asked, and its answer is told."""
    monkeypatch.setattr(bpf_tools, "may_use_bpf", lambda: "bpf(2) says no")

    assert ["no anon_vmas: bpf(2) says no"] == why_no_bpf()


def test_all_that_is_missing_is_told_at_once(everything, monkeypatch):
    """Nobody has to install one thing after the other to learn of the next."""
    monkeypatch.setattr(bpf_tools, "_which", lambda name: None)
    everything[0].unlink()

    assert 3 == len(why_no_bpf())


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "echo 'line 1' >&2; printf 'libbpf: \\033[31mno BTF\\n' >&2; exit 1",
            "line 1; libbpf: .\\[31mno BTF",
        ),
        ("exit 3", "it does not say why"),
    ],
)
def test_a_tool_that_fails_is_quoted(tmp_path, script, words):
    """What it says of the reason, and nothing that a terminal would act on."""
    tool = tmp_path / "clang"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)

    with pytest.raises(CannotError, match=f"clang fails over the BPF programs: {words}"):
        load(BpfTools(str(tool), "/nowhere"), tmp_path, tmp_path)


def test_a_tool_that_cannot_be_started_is_said(tmp_path):
    """It may have gone since it was looked for."""
    with pytest.raises(CannotError, match="clang cannot be started: No such file"):
        load(BpfTools(str(tmp_path / "clang"), "/nowhere"), tmp_path, tmp_path)


def test_programs_that_are_loaded_and_cannot_be_opened_are_said(tmp_path):
    """Tools that do nothing pin nothing."""
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)

    with pytest.raises(CannotError, match="cannot be opened"):
        load(BpfTools(str(tool), str(tool)), tmp_path, tmp_path)
