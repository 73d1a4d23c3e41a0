"""The virtual scan of 2.4: what is looked at, in which order, and how far the scan has come."""

from __future__ import annotations

import pytest

from tests.mm.files import FileLab
from tests.mm.lab import Lab, mm_of
from vmtui.mm import vmscan
from vmtui.mm.check import check
from vmtui.mm.mm_types import Mm, Task
from vmtui.mm.page import PAGE_SIZE, PG_active, PG_swapcache
from vmtui.mm.pgtable import is_swap_pte, pte_present, pte_young
from vmtui.mm.rmap.virtual_scan import VirtualScan
from vmtui.mm.step import HIT, LEFT


@pytest.fixture
def lab() -> FileLab:
    """A machine of 2.4's kind."""
    return FileLab(rmap="virtual_scan")


def scan_of(lab: Lab) -> VirtualScan:
    """Its scheme."""
    scheme = lab.machine.scheme
    assert isinstance(scheme, VirtualScan)
    return scheme


def cursor(lab: Lab) -> tuple[int, int]:
    """The mm that is scanned next, and where."""
    scan = scan_of(lab)
    return scan.swap_mm, scan.swap_address[scan.swap_mm] if scan.swap_mm else 0


def seen(lab: Lab) -> list[tuple[int, str]]:
    """The PTEs the last operation looked at, with what became of each."""
    return [(step.ptep, step.outcome) for step in lab.steps if step.outcome in (HIT, LEFT)]


def names(mms: list[Mm]) -> list[str]:
    """Whose they are."""
    return [mm.name for mm in mms]


def reclaim(lab: Lab, pages: int) -> int:
    """2.4's page-out; how many frames it freed."""
    freed: int = lab.run(vmscan.reclaim(lab.machine, pages))
    return freed


def two(lab: FileLab, pages: int = 3) -> tuple[Task, Task, int]:
    """Two processes, not related, each with pages of its own at one address."""
    first, address = lab.heap(pages)
    second, other = lab.heap(pages, name="q")
    assert address == other
    return first, second, address


class TestCost:
    """What it keeps, which is nothing."""

    def test_sizes(self, lab: FileLab) -> None:
        """struct page 48 bytes, a VMA 64; the reverse map none, whatever is shared."""
        task, _ = lab.heap(8)
        lab.fork(task, "c")

        sizes = lab.machine.ledger.sizes
        assert (48, 64) == (sizes["mem_map"], sizes["vm_area_struct"])
        assert 0 == lab.machine.scheme.reverse_map_bytes()

    def test_no_work_at_fork_and_exit(self, lab: FileLab) -> None:
        """Neither fork nor copy on write nor exit does anything for a reverse map."""
        task, address = lab.heap(8)
        child = lab.fork(task, "c")
        lab.write(child, address, 4)
        lab.exit(child)

        work = lab.machine.work.as_dict()
        assert 0 == work["rmap_add"] == work["rmap_remove"] == work["anon_vma_alloc"]


class TestOnePage:
    """swapout, referenced and walk name one page; the scan looks at every entry until it has that page."""

    def test_every_entry_is_looked_at(self, lab: FileLab) -> None:
        """A full look is one candidate for each entry of each process: a hit, or left."""
        first, second, address = two(lab)
        walk = lab.look(second, address + PAGE_SIZE, full=True)

        assert (6, 1, 5, 5, 6) == (walk.examined, walk.hits, walk.misses, walk.left, walk.ptes)
        assert sorted(lab.entries(first) + lab.entries(second)) == sorted(ptep for ptep, _ in seen(lab))

    def test_it_stops_once_the_page_is_found(self, lab: FileLab) -> None:
        """With its stop rule the scan ends at the last mapping; before that it met all in front of it."""
        first, second, address = two(lab)
        order = lab.entries(second) + lab.entries(first)
        walk = lab.look(first, address + PAGE_SIZE)

        assert (5, 1, "mapcount") == (walk.examined, walk.hits, walk.stopped)
        assert order[:5] == [ptep for ptep, _ in seen(lab)]

    def test_the_zero_page_is_passed_over(self, lab: FileLab) -> None:
        """What only maps the zero page is no candidate."""
        task, address = lab.heap(1)
        lab.read(task, lab.mmap(task, "z", 4), 4)

        assert 1 == lab.look(task, address, full=True).examined

    def test_unmap_resumes_behind_its_last_hit(self, lab: FileLab) -> None:
        """The cursor stays behind the entry that ended the scan; the next scan goes on from there."""
        first, second, address = two(lab)
        lab.unmap(second, address + PAGE_SIZE)
        assert (mm_of(second).id, address + 2 * PAGE_SIZE) == cursor(lab)
        walk = lab.unmap(second, address)

        # The rest of the second process, all of the first, and the part in front of the cursor.
        order = [*lab.entries(second), *lab.entries(first)]
        assert (1 + 3 + 1, 1) == (walk.examined, walk.hits)
        assert order[:1] == [ptep for ptep, outcome in seen(lab) if outcome == LEFT][:1]

    def test_referenced_goes_all_the_way_round(self, lab: FileLab) -> None:
        """No stop rule: every entry is a candidate; the scan ends where it began; young bits are clear."""
        first, second, address = two(lab)
        child = lab.fork(first, "c")
        lab.read(child, address)
        lab.unmap(second, address)
        before = cursor(lab)
        walk = lab.referenced(first, address)

        assert (3 + 2 + 3, 2, "end") == (walk.examined, walk.hits, walk.stopped)
        assert before == cursor(lab)
        assert not pte_young(lab.pte(child, address)) | pte_young(lab.pte(first, address))
        assert pte_young(lab.pte(second, address + PAGE_SIZE))

    def test_look_moves_nothing(self, lab: FileLab) -> None:
        """A look changes neither the machine nor the cursor."""
        first, _, address = two(lab)
        before = lab.digest()
        lab.look(first, address, full=True)

        assert before == lab.digest()

    def test_only_the_named_page_is_touched(self, lab: FileLab) -> None:
        """swapout of one page leaves all others mapped and young."""
        first, second, address = two(lab)
        lab.swapout(first, address)

        assert is_swap_pte(lab.pte(first, address))
        others = [lab.pte(first, address + PAGE_SIZE), lab.pte(second, address)]
        assert all(pte_present(pte) and pte_young(pte) for pte in others)

    @pytest.mark.parametrize("n", [1, 10, 100])
    def test_cost_grows_with_what_is_mapped(self, n: int) -> None:
        """A page of one process among N others of M pages: N x M + 1 candidates for one hit."""
        lab = FileLab(rmap="virtual_scan", check=False)
        task, address = lab.heap(1)
        for number in range(n):
            lab.heap(5, name=f"o{number}")
        walk = lab.look(task, address)

        assert (5 * n + 1, 1, 5 * n) == (walk.examined, walk.hits, walk.left)

    def test_locked_page_stays(self, lab: FileLab) -> None:
        """A hit in a locked VMA ends the scan for that page."""
        task, address = lab.heap(2)
        lab.mlock(task, address, 2)
        walk = lab.unmap(task, address + PAGE_SIZE)

        assert (2, 1, "locked") == (walk.examined, walk.hits, walk.stopped)
        assert pte_present(lab.pte(task, address + PAGE_SIZE))

    def test_it_finds_what_is_there(self, lab: FileLab) -> None:
        """In a family that shared, copied, cut, moved and swapped, hits are what reading all tables finds."""
        task, address = lab.heap(8)
        child = lab.fork(task, "c")
        lab.write(child, address, 3)
        lab.swapout(task, address + 2 * PAGE_SIZE, 4)
        lab.read(child, address + 4 * PAGE_SIZE)
        lab.mremap(child, address, 2, 2, to=0x60000000, rename="m")
        lab.munmap(task, address + 6 * PAGE_SIZE, 1)
        lab.read(task, lab.map(task, lab.file(4), 4), 4)
        for pfn in range(2, 40):
            page = lab.machine.page(pfn)
            if page.mapcount:
                lab.run(lab.machine.scheme.look(page, full=True))
                hits = [ptep for ptep, outcome in seen(lab) if outcome == HIT]
                assert sorted(lab.mappers(page)) == sorted(hits) == sorted(lab.machine.scheme.mappings(page))


class TestMmlist:
    """The processes' order, and a cursor among them."""

    def test_order(self, lab: FileLab) -> None:
        """fork puts the child behind its parent, exec and spawn put an mm first."""
        first = lab.spawn("a")
        lab.spawn("b")
        lab.fork(first, "c")
        assert ["b", "a", "c"] == names(scan_of(lab).mms(0))
        lab.exec(first)

        assert ["a", "b", "c"] == names(scan_of(lab).mms(0))

    def test_a_process_that_ends_hands_the_cursor_on(self, lab: FileLab) -> None:
        """When the mm that is being scanned goes, its neighbour is next, from its beginning."""
        first, second, address = two(lab)
        lab.unmap(second, address)
        assert mm_of(second).id == cursor(lab)[0]
        lab.exit(second)

        assert (mm_of(first).id, 0) == cursor(lab)
        lab.unmap(first, address)

    def test_undo_takes_the_cursor_back(self, lab: FileLab) -> None:
        """The cursor is state like any other."""
        first, _, address = two(lab)
        mark, before = lab.machine.history.mark, cursor(lab)
        lab.unmap(first, address)
        assert before != cursor(lab)
        lab.machine.history.seek(mark)

        assert before == cursor(lab)

    def test_nobody_left(self, lab: FileLab) -> None:
        """With the last process the list is empty, and a scan finds nothing to do."""
        task, _ = lab.heap(1)
        lab.exit(task)

        assert ([], []) == (scan_of(lab).mms(0), scan_of(lab).legs())
        assert 0 == reclaim(lab, 4)


class TestReclaim:
    """reclaim is 2.4's page-out, and departs from the other schemes."""

    def test_it_departs(self) -> None:
        """The scheme says so itself."""
        assert "reclaim" in VirtualScan.departs

    def test_young_pages_are_left_once(self, lab: FileLab) -> None:
        """The first time the scan comes by it only clears the accessed bit, and marks the page as used."""
        task, address = lab.heap(2)
        lab.fork(task, "c")
        reclaim(lab, 1)
        said = [text for text in lab.sentences if text.startswith(f"p:{address:#x}")]

        assert "bit cleared" in said[0]
        assert "now holds swap slot" in said[-1]

    def test_a_page_is_free_once_every_mapper_was_visited(self, lab: FileLab) -> None:
        """A shared page is unmapped in one process and then in the next; only the last visit is a hit."""
        task, address = lab.heap(2)
        child = lab.fork(task, "c")
        page = lab.page(task, address)
        reclaim(lab, 1)

        unmapped = [step for step in lab.steps if step.page == page.pfn and "{fate}" in step.text]
        visits = [(step.outcome, step.mm) for step in unmapped]
        assert [(LEFT, mm_of(child).id), (HIT, mm_of(task).id)] == visits
        assert (0, 1) == (page.mapcount, page.count)

    def test_everything_cold_goes(self, lab: FileLab) -> None:
        """Asked often enough, it frees all that nobody uses, file pages and shared memory too."""
        task, address = lab.heap(6)
        lab.read(task, lab.map(task, lab.file(4), 4, label="F"), 4)
        lab.write(task, lab.map(task, None, 3, label="s"), 3)
        freed = sum(reclaim(lab, 32) for _ in range(8))

        assert (13, 0) == (freed, mm_of(task).rss)
        assert set() == check(lab.machine)
        lab.write(task, address, 6)

    def test_locked_memory_is_left(self, lab: FileLab) -> None:
        """A locked VMA is passed by, its accessed bits kept."""
        task, address = lab.heap(3)
        lab.mlock(task, address, 3)

        assert 0 == sum(reclaim(lab, 8) for _ in range(5))
        assert (3, True) == (mm_of(task).rss, pte_young(lab.pte(task, address)))

    def test_without_swap_anonymous_pages_stay(self) -> None:
        """No slot, and the PTE is left as it was."""
        lab = FileLab(rmap="virtual_scan", swap="0")
        task, address = lab.heap(3)

        assert 0 == sum(reclaim(lab, 8) for _ in range(5))
        assert (3, False) == (mm_of(task).rss, lab.page(task, address).test(PG_swapcache))

    def test_the_quota_ends_a_scan(self) -> None:
        """swap_out stops when SWAP_CLUSTER_MAX pages are freeable, in the middle of an mm."""
        lab = FileLab(rmap="virtual_scan", check=False)
        lab.heap(200)
        reclaim(lab, 1)

        assert vmscan.SWAP_CLUSTER_MAX == max(walk.hits for walk in lab.walks)
        assert set() == check(lab.machine)

    def test_active_pages_are_left(self, lab: FileLab) -> None:
        """The scan takes no page that is on the active list, however old."""
        task, address = lab.heap(40)
        reclaim(lab, 1)

        active = [
            n
            for n in range(40)
            if (pfn := lab.pfn(task, address + n * PAGE_SIZE)) and lab.machine.page(pfn).test(PG_active)
        ]
        assert all(pte_present(lab.pte(task, address + n * PAGE_SIZE)) for n in active)


class TestPicture:
    """A page that points nowhere."""

    def test_no_arrow_leaves_the_page(self, lab: FileLab) -> None:
        """A row an mm, in the order of mmlist; how far each was scanned; the entry that maps the page."""
        first, second, address = two(lab)
        child = lab.fork(first, "c")
        lab.unmap(second, address + PAGE_SIZE)
        picture = lab.machine.scheme.picture(lab.page(first, address))

        assert 3 == picture.total
        assert not [edge for edge in picture.edges if 0 in (edge.source, edge.target)]
        rows = [node for node in picture.nodes if node.column == 1]
        assert ["q", "p", "c"] == [node.title for node in rows]
        said = [("━━━━──── 1/2", "scan here"), ("──────── 0/3",), ("──────── 0/3",)]
        assert said == [node.lines for node in rows]
        ptes = [node.ref for node in picture.nodes if node.column == 2]
        assert [None, ("pte", lab.entries(first)[0]), ("pte", lab.entries(child)[0])] == ptes

    def test_rows_can_be_asked_for_in_parts(self, lab: FileLab) -> None:
        """From a row on, so many."""
        task, address = lab.heap(1)
        for number in range(5):
            lab.fork(task, f"c{number}")
        picture = lab.machine.scheme.picture(lab.page(task, address), 2, 3)

        assert (6, 2, [2, 3, 4]) == (
            picture.total, picture.first, [node.row for node in picture.nodes if node.column == 1]
        )  # fmt: skip

    def test_union(self, lab: FileLab) -> None:
        """struct page says which cache it is in, and nothing of who maps it."""
        task, address = lab.heap(1)
        scheme = lab.machine.scheme
        page = lab.page(task, address)
        assert (("mapping",), None) == (scheme.union_members, scheme.live_member(page))
        lab.swapout(task, address)
        assert "mapping" == scheme.live_member(page)
        assert "swapper_space" in scheme.why(page)
        lab.read(task, lab.map(task, lab.file(1), 1))

        assert "F ⇒ mapping" in scheme.why(lab.page(task, mm_of(task).vmas[1].vm_start))
