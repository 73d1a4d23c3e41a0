"""The state as data: it is what expressions read, place by place."""

from vmtui.scenario.parser import parse_place
from vmtui.scenario.state import state
from vmtui.testing import play

TEXT = """spawn sh
mmap sh heap 6 pages rw private
write sh.heap[0:3]
read sh.heap[3]
fork sh kid
write kid.heap[1]
swapout sh.heap[2]
fork kid other
exit other
mprotect kid.heap[4:6] r
"""


def test_the_state_agrees_with_the_observables():
    """Every page listed has the values that an expression reads at its place; no other page has an entry."""
    played = play(TEXT)

    found = played.session.state()

    assert list(found["processes"]) == ["sh", "kid"]
    for process in found["processes"].values():
        for page in process["pages"]:
            place = page["place"]
            for field in ("state", "pfn", "mapcount", "writable", "exclusive", "anon", "swapcache"):
                value = played.value(f"{place}.{field}")
                assert value == page[field], f"{place}.{field}"
            assert played.value(f"{place}.slot") == page["swap"]
    listed = [page["place"] for page in found["processes"]["sh"]["pages"]]
    assert listed == [f"sh.heap[{i}]" for i in range(4)]


def test_vmas_and_objects():
    """VMAs by address with their label and permissions; an anon_vma with its list in walk order."""
    found = play(TEXT).session.state()

    kid = found["processes"]["kid"]
    assert kid["parent"] == "sh"
    assert [(vma["perms"], vma["label"], (vma["end"] - vma["start"]) // 4096) for vma in kid["vmas"]] == [
        ("rw-p", "heap", 4),
        ("r--p", "heap", 2),
    ]
    (anon_vma,) = found["anon_vmas"]
    owners = {vma["id"]: name for name, process in found["processes"].items() for vma in process["vmas"]}
    assert [owners[number] for number in anon_vma["list"]] == ["kid", "sh", "kid"]
    assert anon_vma["vmas"] == 3
    assert anon_vma["root"] is None


def test_sums():
    """Frames, swap and the ledger are the machine's own numbers."""
    played = play(TEXT)

    found = played.session.state()

    assert found["frames"]["total"] == 16384
    assert found["swap"] == {"slots": 4096, "used": 1}
    assert found["ledger"]["by_kind"]["anon_vma"] == 12
    assert found["ledger"]["lowmem_free"] == played.value("ledger.lowmem_free")


def test_runs_fold_what_is_alike():
    """Neighbours with the same answers and ascending frames are one entry, and no page is lost."""
    played = play("spawn a; mmap a h 300 pages rw private; write a.h; write a.h[0]; swapout a.h[100:200]")
    machine = played.session.machine

    single = state(machine)["processes"]["a"]["pages"]
    runs = state(machine, runs=True)["processes"]["a"]["pages"]

    assert [(run["place"], run["state"], run["count"]) for run in runs] == [
        ("a.h[0]", "present", 100),
        ("a.h[100]", "swapped", 100),
        ("a.h[200]", "present", 100),
    ]
    assert len(single) == sum(run["count"] for run in runs)


def test_one_place_alone():
    """With a place, only its pages are listed; everything else is as ever."""
    machine = play(TEXT).session.machine

    found = state(machine, of=parse_place("kid.heap[1:3]"))

    assert [page["place"] for page in found["processes"]["kid"]["pages"]] == ["kid.heap[1]", "kid.heap[2]"]
    assert found["processes"]["sh"]["pages"] == []
    assert len(found["processes"]["sh"]["vmas"]) == 1


def test_files_and_shared_memory():
    """Files by name; shared memory, whose name may be another's too, as a list; a VMA says which it maps."""
    found = play(
        "file data 5 pages; spawn a; mmap a d 3 pages rw shared data + 2 pages; "
        "mmap a p 1 pages rx private data; mmap a m 3 pages rw shared; write a.d; write a.m[0:2]; fork a b; "
        "evict a.m[0]"
    ).session.state()

    (shared,) = found["shared_memory"]
    vmas = found["processes"]["b"]["vmas"]
    assert found["files"] == {"data": {"id": 1, "bytes": 5 * 4096, "cached": 3, "vmas": 4}}
    assert shared == {"id": 2, "name": "a.m", "bytes": 3 * 4096, "cached": 1, "swapped": 1, "vmas": 2}
    assert [(vma["perms"], vma["file"], vma["shared_memory"], vma["pgoff"]) for vma in vmas] == [
        ("rw-s", "data", None, 2),
        ("r-xp", "data", None, 0),
        ("rw-s", None, 2, 0),
    ]
