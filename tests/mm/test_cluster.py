"""Page clustering: a struct page stands for several hardware pages, a PTE for one."""

from __future__ import annotations

import pytest

from tests.mm.files import FileLab
from tests.mm.lab import RW, Lab, R, counts, mm_of, vma_at
from vmtui.errors import KernelError, OptionError
from vmtui.mm.check import check
from vmtui.mm.cluster import mapped_pteps, waste
from vmtui.mm.kernel import CLUSTERS, Options
from vmtui.mm.machine import Machine
from vmtui.mm.mm_types import Task
from vmtui.mm.page import PAGE_SIZE, ZERO_PFN, PG_table
from vmtui.mm.pgtable import PMD_SIZE, is_swap_pte, pte_dirty, pte_pfn, pte_present, pte_write, pte_young
from vmtui.mm.rmap import SCHEMES
from vmtui.mm.rmap.scheme import scheme_class

CLUSTERED = [name for name in SCHEMES if not scheme_class(name).no_clusters]
MB = 1 << 20


@pytest.fixture(params=CLUSTERED)
def lab(request: pytest.FixtureRequest) -> FileLab:
    """A machine with clusters of 8 pages, under each scheme that can have them."""
    return FileLab(rmap=request.param, cluster=8, ram="16M", swap="1M")


def frames(lab: Lab, task: Task, address: int, pages: int) -> list[int]:
    """The frame that each of so many pages maps; 0 for none."""
    ptes = [lab.pte(task, address + number * PAGE_SIZE) for number in range(pages)]
    return [pte_pfn(pte) if pte_present(pte) else 0 for pte in ptes]


class TestOptions:
    """What can be asked for."""

    @pytest.mark.parametrize("cluster", CLUSTERS)
    def test_powers_of_two(self, cluster: str) -> None:
        """1 to 16 pages; one is what a machine has of which nothing is said."""
        options = Options.parse({"cluster": cluster, "chain": "cluster"})

        assert int(cluster) == options.cluster
        assert ("cluster=" not in options.text) == (cluster == "1")

    @pytest.mark.parametrize("given", ["cluster=3", "cluster=32", "cluster=0", "chain=page"])
    def test_anything_else_is_refused(self, given: str) -> None:
        """What is no power of two, or more than 64 KB; and a chain of something else."""
        with pytest.raises(OptionError, match=f"{given}: expected"):
            Options.parse(dict([given.split("=")]))

    def test_memory_is_whole_clusters(self) -> None:
        """A machine has no half cluster."""
        with pytest.raises(OptionError, match="whole clusters of 16 pages"):
            Options.parse({"cluster": 16, "ram": 4 * MB + PAGE_SIZE})

    def test_who_cannot_says_why(self) -> None:
        """anonmm knows one address for a page, chains came too late; 6.18 has no clusters: in a sentence."""
        assert ["anonmm", "anon_vma_chain"] == [name for name in SCHEMES if name not in CLUSTERED]
        with pytest.raises(OptionError, match="cluster=4: anonmm knows one address"):
            Machine(Options.parse({"rmap": "anonmm", "cluster": 4}))
        with pytest.raises(OptionError, match="cluster=4: anon_vma_chain came when the patches"):
            Machine(Options.parse({"rmap": "anon_vma_chain", "rules": "2.6", "cluster": 4}))
        with pytest.raises(OptionError, match=r"rules=6\.18 have none"):
            Options.parse({"rmap": "anon_vma_chain", "cluster": 4})

    @pytest.mark.parametrize("rmap", CLUSTERED)
    @pytest.mark.parametrize("cluster", [2, 16])
    def test_mem_map_shrinks(self, rmap: str, cluster: int) -> None:
        """One struct page a cluster is charged, and no table is smaller for it."""
        sizes = []
        for number in (1, cluster):
            lab = Lab(rmap=rmap, cluster=number)
            lab.heap(1)
            held = lab.machine.ledger.by_kind()
            sizes.append((held["mem_map"] * number, held["page_tables"]))
        assert sizes[0] == sizes[1]


class TestFaults:
    """A fault takes a cluster, and maps what it can of it."""

    def test_a_write_maps_the_cluster(self, lab: FileLab) -> None:
        """Every slot of the cluster in the VMA; only the page that was written is accessed and dirty."""
        task, at = lab.heap(20, write=False)
        lab.write(task, at + 3 * PAGE_SIZE)
        page = lab.page(task, at + 3 * PAGE_SIZE)

        assert [page.pfn + number for number in range(8)] == frames(lab, task, at, 8)
        assert [0] * 12 == frames(lab, task, at + 8 * PAGE_SIZE, 12)
        ptes = [lab.pte(task, at + number * PAGE_SIZE) for number in range(8)]
        assert all(pte_write(pte) for pte in ptes)
        assert [number == 3 for number in range(8)] == [pte_young(pte) and pte_dirty(pte) for pte in ptes]
        assert (8, 8, 8) == (page.mapcount, page.count, mm_of(task).rss)
        assert lab.machine.frames()["anon"] == 8

    def test_a_cluster_ends_with_the_vma(self, lab: FileLab) -> None:
        """A VMA that begins in the middle of a cluster has the end of it, and the rest lies waste."""
        task = lab.spawn()
        at = lab.mmap(task, "h", 5, at=0x40000000 + 6 * PAGE_SIZE)
        lab.write(task, at)

        assert [True, True, False, False, False] == [frame > 0 for frame in frames(lab, task, at, 5)]
        assert [6, 7] == [frame % 8 for frame in frames(lab, task, at, 2)]
        assert 6 == waste(lab.machine) == lab.machine.frames()["unused"]

    def test_a_page_table_ends_a_cluster(self) -> None:
        """A file mapped so that its clusters lie across two page tables is mapped up to the table's end."""
        lab = FileLab(cluster=8, ram="16M")
        task, file = lab.spawn(), lab.file(32)
        at = lab.map(task, file, 16, shared=True, addr=0x40000000 + PMD_SIZE - 3 * PAGE_SIZE)
        lab.read(task, at + PAGE_SIZE)
        mapped = [frame > 0 for frame in frames(lab, task, at, 16)]

        assert [True] * 3 + [False] * 13 == mapped
        lab.read(task, at + 4 * PAGE_SIZE)
        assert [True] * 8 + [False] * 8 == [frame > 0 for frame in frames(lab, task, at, 16)]
        assert 1 == file.nrpages
        assert 8 == lab.page(task, at).mapcount

    def test_a_file_counts_its_own_pages(self, lab: FileLab) -> None:
        """Which frame of a cluster is mapped follows the file's offset; none is behind its end."""
        task, file = lab.spawn(), lab.file(13)
        at = lab.map(task, file, 11, pgoff=5)
        lab.read(task, at + 4 * PAGE_SIZE)

        assert [1, 2, 3, 4] == [frame % 8 for frame in frames(lab, task, at + 4 * PAGE_SIZE, 4)]
        assert [0, 0, 0] == frames(lab, task, at + 8 * PAGE_SIZE, 3)
        with pytest.raises(KernelError, match="behind the end"):
            lab.read(task, at + 8 * PAGE_SIZE)

    def test_a_read_takes_nothing(self, lab: FileLab) -> None:
        """The zero page is mapped for the page that was read; a write then fills the whole cluster."""
        task, at = lab.heap(8, write=False)
        lab.read(task, at + PAGE_SIZE)
        assert [0, ZERO_PFN, 0, 0] == frames(lab, task, at, 4)

        lab.write(task, at + 2 * PAGE_SIZE)
        assert [0, 1, 2, 3] == [frame % 8 for frame in frames(lab, task, at, 4)]
        assert 8 == lab.page(task, at).mapcount

    def test_what_was_dropped_is_a_page_of_its_own(self, lab: FileLab) -> None:
        """A page dropped out of a cluster comes back zeroed: in a cluster that maps nothing else."""
        task, at = lab.heap(8)
        old = lab.page(task, at)
        lab.madvise(task, at + 5 * PAGE_SIZE, 1)
        lab.write(task, at + 5 * PAGE_SIZE)
        new = lab.page(task, at + 5 * PAGE_SIZE)

        assert (7, 1) == (old.mapcount, new.mapcount)
        assert new.pfn + 5 == frames(lab, task, at + 5 * PAGE_SIZE, 1)[0]
        assert 8 == waste(lab.machine)


class TestSharing:
    """fork, and copy on write."""

    def test_a_write_copies_the_cluster(self, lab: FileLab) -> None:
        """After a fork the first write copies all; the writer's PTEs go over, the others stay."""
        parent, at = lab.heap(8)
        child = lab.fork(parent, "c")
        old = lab.page(parent, at)
        assert 16 == old.mapcount
        lab.write(child, at + 2 * PAGE_SIZE)
        copy = lab.page(child, at)

        assert old.pfn != copy.pfn
        assert [copy.pfn + number for number in range(8)] == frames(lab, child, at, 8)
        assert [old.pfn + number for number in range(8)] == frames(lab, parent, at, 8)
        assert (8, 8) == (old.mapcount, copy.mapcount)
        # Nobody else has the old one now: it is written in place.
        lab.write(parent, at)
        assert old.pfn == lab.page(parent, at).pfn

    def test_a_copy_does_not_show_what_was_dropped(self, lab: FileLab) -> None:
        """A slot that the writer has dropped stays empty, though the copy has a frame for it."""
        parent, at = lab.heap(8)
        lab.madvise(parent, at + 6 * PAGE_SIZE, 1)
        lab.fork(parent, "c")
        lab.write(parent, at)

        assert 0 == frames(lab, parent, at + 6 * PAGE_SIZE, 1)[0]
        assert 7 == lab.page(parent, at).mapcount

    def test_a_private_file_page_is_copied_whole(self, lab: FileLab) -> None:
        """A write to a private mapping moves what it mapped of the file's cluster to the copy."""
        task, file = lab.spawn(), lab.file(16)
        at = lab.map(task, file, 16)
        lab.read(task, at)
        cached = lab.page(task, at)
        lab.write(task, at + PAGE_SIZE)

        assert 0 == cached.mapcount
        assert [lab.pfn(task, at)] * 8 == [lab.pfn(task, at + number * PAGE_SIZE) for number in range(8)]
        assert lab.page(task, at).test("anon")

    def test_two_vmas_copy_apart(self, lab: FileLab) -> None:
        """A cluster that mprotect has cut between two VMAs is copied for the one that is written."""
        parent, at = lab.heap(8)
        lab.mprotect(parent, at + 4 * PAGE_SIZE, 4, R)
        lab.fork(parent, "c")
        lab.write(parent, at)

        assert lab.pfn(parent, at) != lab.pfn(parent, at + 4 * PAGE_SIZE)
        assert 4 == lab.page(parent, at).mapcount
        assert 12 == lab.page(parent, at + 4 * PAGE_SIZE).mapcount


class TestParts:
    """The kernel's calls work on hardware pages, and may cut a cluster."""

    def test_munmap_of_a_part(self, lab: FileLab) -> None:
        """The cluster stays until its last page is unmapped."""
        task, at = lab.heap(8)
        page, free = lab.page(task, at), lab.machine.frames()["free"]
        lab.munmap(task, at, 3)
        lab.munmap(task, at + 5 * PAGE_SIZE, 3)
        assert (2, 2, free) == (page.mapcount, page.count, lab.machine.frames()["free"])
        assert 6 == waste(lab.machine)

        lab.munmap(task, at + 3 * PAGE_SIZE, 2)
        # With the last VMA of its gigabyte the page table has gone too.
        assert (0, free + 9) == (page.count, lab.machine.frames()["free"])

    def test_mprotect_of_a_part(self, lab: FileLab) -> None:
        """Some PTEs of a cluster become read-only; the walk finds all of them, in three VMAs."""
        task, at = lab.heap(8)
        lab.mprotect(task, at + 2 * PAGE_SIZE, 3, R)
        page = lab.page(task, at)

        assert [2, 3, 3] == [vma.pages for vma in mm_of(task).vmas]
        assert 8 == len(list(lab.machine.scheme.mappings(page)))
        assert [True, False] == [pte_write(lab.pte(task, at + n * PAGE_SIZE)) for n in (0, 2)]

    def test_mremap_by_whole_clusters(self, lab: FileLab) -> None:
        """Part of a cluster may move, by a distance that leaves every page its place in it."""
        task, at = lab.heap(8)
        before = frames(lab, task, at, 8)
        with pytest.raises(KernelError, match="not a multiple of a cluster"):
            lab.mremap(task, at, 8, 8, to=at + 0x1000000 + PAGE_SIZE)
        to = at + 0x1000000 + 4 * PAGE_SIZE
        lab.mremap(task, at + 4 * PAGE_SIZE, 4, 4, to=to, rename="m")

        assert before == frames(lab, task, at, 4) + frames(lab, task, to, 4)
        assert 8 == len(list(lab.machine.scheme.mappings(lab.page(task, at))))

    def test_mremap_finds_a_place_like_the_old(self, lab: FileLab) -> None:
        """Where the kernel chooses the address, it lies in its cluster as the old one did."""
        task = lab.spawn()
        at = lab.mmap(task, "h", 3, at=0x40000000 + 5 * PAGE_SIZE)
        lab.mmap(task, "k", 1, at=at + 3 * PAGE_SIZE)
        lab.write(task, at, 3)
        lab.mremap(task, at, 3, 6)
        (moved,) = (label.start for label in mm_of(task).labels if label.name == "h")

        assert moved != at
        assert (moved - at) % (8 * PAGE_SIZE) == 0

    def test_truncate_into_a_cluster(self, lab: FileLab) -> None:
        """The cluster with the new end stays cached, and what is behind it is unmapped, and lies waste."""
        task, file = lab.spawn(), lab.file(20)
        at = lab.map(task, file, 20, shared=True)
        lab.read(task, at, 20)
        assert 3 == file.nrpages
        lab.truncate(file, 11)

        assert 2 == file.nrpages
        assert [True] * 11 + [False] * 9 == [frame > 0 for frame in frames(lab, task, at, 20)]
        assert 5 == waste(lab.machine)


class TestSwap:
    """Swap is by whole clusters."""

    def test_a_slot_holds_a_cluster(self, lab: FileLab) -> None:
        """Every PTE leaves for the one slot; one fault brings all of them back."""
        task, at = lab.heap(8)
        slots = lab.machine.swap.slots
        lab.evict(task, at)

        assert 1 * MB // (8 * PAGE_SIZE) == slots
        assert (1, 8) == (lab.machine.swap.used(), lab.machine.swap.map[1])
        assert all(is_swap_pte(lab.pte(task, at + number * PAGE_SIZE)) for number in range(8))
        lab.write(task, at + 5 * PAGE_SIZE)
        page = lab.page(task, at)
        assert [page.pfn + number for number in range(8)] == frames(lab, task, at, 8)
        assert (8, 8) == (page.mapcount, mm_of(task).rss)

    def test_only_what_is_there_comes_back(self, lab: FileLab) -> None:
        """A page that was dropped while the cluster was out stays away; another process keeps the slot."""
        parent, at = lab.heap(8)
        child = lab.fork(parent, "c")
        lab.evict(parent, at)
        lab.madvise(parent, at + PAGE_SIZE, 2)
        lab.read(parent, at)

        assert 6 == lab.page(parent, at).mapcount
        assert [0, 0] == frames(lab, parent, at + PAGE_SIZE, 2)
        assert 8 + 1 == lab.machine.swap.map[1]
        lab.read(child, at + PAGE_SIZE)
        assert 14 == lab.page(child, at).mapcount

    def test_swapoff_puts_each_frame_in_its_place(self, lab: FileLab) -> None:
        """Every entry gets the frame that belongs there."""
        task, at = lab.heap(8)
        lab.evict(task, at)
        lab.swapoff()
        page = lab.page(task, at)

        assert [page.pfn + number for number in range(8)] == frames(lab, task, at, 8)

    def test_shared_memory_goes_and_comes(self, lab: FileLab) -> None:
        """Shared memory keeps one slot a cluster; a fault maps what is empty around it."""
        task, at, mapping = lab.shm(11)
        lab.evict(task, at)
        assert (1, 1) == (mapping.nrpages, lab.machine.swap.used())
        lab.read(task, at + 3 * PAGE_SIZE)

        assert 2 == mapping.nrpages
        assert list(range(8)) == [frame % 8 for frame in frames(lab, task, at, 8)]

    def test_a_lock_on_a_part_keeps_all(self, lab: FileLab) -> None:
        """One page of a cluster locked in memory is enough to keep its frame."""
        task, at = lab.heap(8)
        lab.mlock(task, at + 3 * PAGE_SIZE, 1)
        page = lab.page(task, at)
        lab.swapout(task, at)

        assert page.mapcount
        assert page.pfn + 3 == frames(lab, task, at + 3 * PAGE_SIZE, 1)[0]


class TestWalks:
    """A walk's candidates, and what they count."""

    @pytest.mark.parametrize("rmap", ["objrmap", "anon_vma_rfc", "anon_vma"])
    def test_a_vma_is_one_hit(self, rmap: str) -> None:
        """However many of its PTEs map the cluster; mapcount and the stop rule count PTEs."""
        lab = FileLab(rmap=rmap, cluster=16)
        file, tasks = lab.file(32), [lab.spawn(name) for name in "abc"]
        ats = [lab.map(task, file, 32, shared=True) for task in tasks]
        for task, at in zip(tasks, ats, strict=True):
            lab.read(task, at, 32)
        walk = lab.look(tasks[0], ats[0] + 20 * PAGE_SIZE)

        assert 48 == lab.page(tasks[0], ats[0]).mapcount
        assert ((3, 3), "mapcount") == (counts(walk), walk.stopped)
        assert 0 == lab.unmap(tasks[0], ats[0]).misses
        assert 0 == lab.machine.mem_map.mapcount[file.pages[0]]

    @pytest.mark.parametrize(("chain", "entries"), [("pte", 48), ("cluster", 3)])
    def test_chain_of_ptes_or_clusters(self, chain: str, entries: int) -> None:
        """chain=pte has an entry for each PTE; chain=cluster one for all of a cluster in a page table."""
        lab = Lab(rmap="pte_chain", cluster=16, chain=chain)
        parent, at = lab.heap(16)
        for name in "xy":
            lab.fork(parent, name)
        page = lab.page(parent, at)
        nodes = lab.machine.ledger.count("pte_chain")

        assert (48, entries) == (page.mapcount, lab.look(parent, at).hits)
        assert -(-entries // 31) == nodes
        lab.evict(parent, at)
        assert (0, 48) == (lab.machine.ledger.count("pte_chain"), lab.machine.swap.map[1])

    def test_an_entry_stays_for_what_is_left(self) -> None:
        """chain=cluster: the entry goes with the last PTE that it stands for."""
        lab = Lab(rmap="pte_chain", cluster=16, chain="cluster")
        parent, at = lab.heap(16)
        child = lab.fork(parent, "c")
        lab.munmap(child, at, 15)
        assert 2 == lab.look(parent, at).hits
        lab.munmap(child, at + 15 * PAGE_SIZE, 1)

        assert 1 == lab.look(parent, at).hits

    @pytest.mark.parametrize("moved", [False, True])
    def test_the_draft_keeps_cut_clusters(self, moved: bool) -> None:
        """anon_vma_rfc: a direct page of which another VMA takes a part is direct no longer, and is found."""
        lab = Lab(cluster=8)
        task, at = lab.heap(16)
        page = lab.page(task, at + 8 * PAGE_SIZE)
        assert page.test("direct")
        if moved:
            lab.mremap(task, at + 12 * PAGE_SIZE, 4, 4, to=at + 0x100000 + 4 * PAGE_SIZE, rename="m")
        else:
            lab.mprotect(task, at, 8, R)
            lab.mprotect(task, at + 8 * PAGE_SIZE, 3, R)

        assert not page.test("direct")
        assert 8 == len(list(lab.machine.scheme.mappings(page)))
        assert 2 == lab.look(task, at + 8 * PAGE_SIZE).hits


class TestBulk:
    """Ranges are filled and copied at once here too."""

    @pytest.mark.parametrize("rmap", CLUSTERED)
    def test_whole_clusters_are_taken_at_once(self, rmap: str) -> None:
        """A range is filled up to its last whole cluster, or the VMA's end, and fork copies all of it."""
        lab = Lab(rmap=rmap, cluster=16, bulk=32, ram="16M", chain="cluster")
        task, at = lab.heap(1000, write=False)
        lab.write(task, at, 730)
        (text, *rest) = lab.sentences
        assert "720 pages written at once" in text
        assert 10 == sum("faulted" in sentence or "no fault" in sentence for sentence in rest)

        child = lab.fork(task, "c")
        assert any("736 PTEs copied at once" in sentence for sentence in lab.sentences)
        assert 736 == mm_of(child).rss

    @pytest.mark.parametrize("rmap", CLUSTERED)
    def test_clusters_across_tables_are_not(self, rmap: str) -> None:
        """A file mapped where its clusters lie across page tables is mapped and copied page by page."""
        lab = FileLab(rmap=rmap, cluster=16, bulk=32, ram="16M")
        task, file = lab.spawn(), lab.file(600)
        at = lab.map(task, file, 600, shared=True, addr=0x40000000 + PAGE_SIZE)
        lab.read(task, at, 600)
        assert not any("at once" in sentence for sentence in lab.sentences)
        lab.fork(task, "c")

        assert not any("at once" in sentence for sentence in lab.sentences)


class TestFrames:
    """Where clusters and page tables come from."""

    def test_tables_do_not_grow(self) -> None:
        """A page table is a frame; those freed serve tables, and no cluster is taken for them."""
        lab = Lab(cluster=16)
        task, _ = lab.heap(1)
        tables = sorted(lab.machine.tables().tolist())

        assert list(range(tables[0], tables[0] + 4)) == tables
        before = lab.machine.frames()["free"]
        child = lab.fork(task, "c")
        assert before - 4 == lab.machine.frames()["free"]
        lab.exit(child)
        assert before == lab.machine.frames()["free"]

    def test_the_last_cluster(self) -> None:
        """User pages end when no whole cluster is left, though single frames are."""
        lab = FileLab(cluster=16, ram="4M", swap="0", lowmem="count", check=False)
        task, at = lab.heap(2000, write=False)
        with pytest.raises(KernelError, match="a user page asked for 65,536 bytes"):
            lab.write(task, at, 2000)
        lab.write(task, at, lab.fill(task, at, 2000, write=True))
        (zone,) = lab.machine.zones
        assert (False, True) == (zone.has_user(), zone.free > 0)
        lab.verify()

    def test_tables_break_up_a_free_cluster(self) -> None:
        """Where no fresh frame is left, a free cluster serves page tables, one after another."""
        lab = Lab(cluster=4, ram="4M", swap="0", lowmem="count")
        (zone,) = lab.machine.zones
        taken = [zone.take_user() for _ in range(200)]
        while zone.has_user():
            zone.take_user()
        while zone.free:
            zone.take_table()
        zone.give(taken[0], table=False)
        tables = [zone.take_table() for _ in range(4)]

        assert [taken[0] + number for number in range(4)] == tables
        assert (0, False) == (zone.free, zone.has_user())

    def test_nodes_of_the_page_cache_shrink(self) -> None:
        """The radix tree counts clusters: 64 of them to a node."""
        nodes = []
        for cluster in (1, 16):
            lab = FileLab(cluster=cluster, ram="32M")
            task, file = lab.spawn(), lab.file(4096)
            lab.read(task, lab.map(task, file, 4096, shared=True), 4096)
            nodes.append(lab.machine.ledger.count("radix_tree_node"))
        assert [64 + 1, 4 + 1] == nodes


def test_check_sees_a_frame_out_of_place() -> None:
    """A PTE that maps another frame of its cluster than the one that belongs there is a broken invariant."""
    lab = Lab(cluster=8)
    task, at = lab.heap(8)
    memory, (first, second, *_) = lab.machine.memory, mapped_pteps(lab.page(task, at), vma_at(task, at))
    assert set() == check(lab.machine)
    memory[first], memory[second] = memory[second], memory[first]

    assert {"subpage"} == check(lab.machine)


def test_check_sees_a_page_within_a_cluster() -> None:
    """A page that begins where no cluster begins is a broken invariant, and so is one among page tables."""
    lab = Lab(cluster=8)
    task, at = lab.heap(8)
    page = lab.page(task, at)
    page.index += 1
    assert "cluster" in check(lab.machine)
    page.index -= 1

    lab.machine.mem_map.flags[page.pfn + 1] |= PG_table
    assert "cluster" in check(lab.machine)


def test_prot_is_the_vmas(lab: FileLab) -> None:
    """What a fault maps beside its page has the protection of the VMA, and no more."""
    task, file = lab.spawn(), lab.file(8)
    at = lab.map(task, file, 8, prot=R)
    lab.read(task, at)
    assert not any(pte_write(lab.pte(task, at + number * PAGE_SIZE)) for number in range(8))

    other = lab.map(task, file, 8, label="g", prot=RW, shared=True)
    lab.write(task, other)
    ptes = [lab.pte(task, other + number * PAGE_SIZE) for number in range(8)]
    assert all(pte_write(pte) for pte in ptes)
    assert [True] + [False] * 7 == [pte_dirty(pte) for pte in ptes]
