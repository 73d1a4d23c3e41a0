"""Mappings made and taken away, VMAs found, cut and joined."""

from __future__ import annotations

import pytest

from tests.mm.lab import NONE, RW, Lab, R, mm_of, spans, vma_at
from vmtui.errors import KernelError
from vmtui.mm import mmap
from vmtui.mm.mm_types import VM_EXEC, VM_GROWSDOWN, place_name, vma_name
from vmtui.mm.mmap import find_vma
from vmtui.mm.page import PAGE_SIZE
from vmtui.mm.pgtable import page_tables


class TestMmap:
    """do_mmap."""

    def test_a_vma_and_no_page(self, lab: Lab) -> None:
        """mmap makes one VMA of 76 bytes and touches no page table."""
        task = lab.spawn()
        tables, free = page_tables(mm_of(task)), lab.machine.ledger.lowmem_free
        address = lab.mmap(task, "h", 16)
        vma = vma_at(task, address)

        assert (tables, free - 76) == (page_tables(mm_of(task)), lab.machine.ledger.lowmem_free)
        assert (address, 16, RW, address >> 12) == (vma.vm_start, vma.pages, vma.vm_flags, vma.vm_pgoff)
        assert (mm_of(task), None, None) == (vma.vm_mm, vma.vm_file, vma.anon_vma)

    def test_lengths_are_rounded_up(self, lab: Lab) -> None:
        """A byte more than a page is two pages."""
        task = lab.spawn()
        address = lab.run(mmap.do_mmap(mm_of(task), "h", PAGE_SIZE + 1, RW))

        assert 2 == vma_at(task, address).pages

    def test_named_mappings_stand_apart(self, lab: Lab) -> None:
        """Without an address they go bottom-up from 0x40000000, one unmapped page between."""
        task = lab.spawn()
        places = [lab.mmap(task, name, 3) for name in "abc"]

        assert [0x40000000 + number * 4 * PAGE_SIZE for number in range(3)] == places
        assert lab.machine.arch.unmapped_base == places[0]
        assert 3 == len(spans(task))

    def test_hole_is_filled_if_it_leaves_a_page_on_both_sides(self, lab: Lab) -> None:
        """The lowest room is taken: a hole of n + 2 pages has room for n."""
        task = lab.spawn()
        places = [lab.mmap(task, name, 3) for name in "abcd"]
        lab.munmap(task, places[1], 3)
        assert places[3] + 4 * PAGE_SIZE == lab.mmap(task, "e", 4)

        assert places[1] == lab.mmap(task, "f", 3)

    def test_neighbour_below_the_base(self, lab: Lab) -> None:
        """A mapping that ends where the search begins keeps its distance too."""
        task = lab.spawn()
        lab.mmap(task, "low", 1, at=0x3FFFF000)

        assert 0x40001000 == lab.mmap(task, "h", 1)

    @pytest.mark.parametrize(
        ("changed", "errno", "says"),
        [
            ({"pages": 0}, "EINVAL", "the length is 0"),
            ({"label": "h"}, "EEXIST", "p has a mapping called h already"),
            ({"at": 0x40000800}, "EINVAL", "is not a multiple of 4096"),
            ({"at": 0x40001000}, "EEXIST", "is taken by p.h"),
            ({"at": 0x3FFFE000, "pages": 3}, "EEXIST", "is taken by p.h"),
            ({"at": 0}, "EPERM", "0x0 is in the lowest page, which a program may not map"),
            ({"at": 0xC0000001}, "ENOMEM", "is not within user addresses"),
            ({"at": -PAGE_SIZE}, "ENOMEM", "is not within user addresses"),
            ({"at": 0xBFFFF000, "pages": 2}, "ENOMEM", "is not within user addresses"),
            ({"at": 0xC0000000}, "ENOMEM", "is not within user addresses"),
            ({"pages": 1 << 20}, "ENOMEM", "p has no room for 4,294,967,296 bytes"),
            ({"pages": 1 << 80}, "ENOMEM", "p has no room"),
        ],
    )
    def test_refusals(self, lab: Lab, changed: dict[str, int], errno: str, says: str) -> None:
        """What cannot be is refused in a sentence, and the machine is as before."""
        task = lab.spawn()
        lab.mmap(task, "h", 4)
        before = lab.digest()
        given = {"label": "k", "pages": 2} | changed
        with pytest.raises(KernelError, match=says) as info:
            lab.mmap(task, given.pop("label"), given.pop("pages"), **given)  # type: ignore[arg-type]

        assert (errno, before) == (info.value.errno, lab.digest())

    @pytest.mark.parametrize("at", [PAGE_SIZE, 0xBFFFF000])
    def test_first_and_last_page(self, lab: Lab, at: int) -> None:
        """Page 1 and the last below 3 GB can be mapped and used."""
        task = lab.spawn()
        lab.mmap(task, "h", 1, at=at)
        lab.write(task, at)

        assert 1 == lab.look(task, at, full=True).hits

    @pytest.mark.parametrize("split", ["2:2", "4:4"])
    def test_addresses_end_by_split(self, split: str) -> None:
        """User addresses end at 2 GB under 2:2, 16 MB below 4 GB under 4:4."""
        lab = Lab(split=split)
        end = {"2:2": 2 << 30, "4:4": (4 << 30) - (16 << 20)}[split]
        task = lab.spawn()
        lab.mmap(task, "h", 1, at=end - PAGE_SIZE)
        lab.write(task, end - PAGE_SIZE)

        with pytest.raises(KernelError, match="not within user addresses"):
            lab.mmap(task, "k", 1, at=end)

    def test_out_of_memory(self) -> None:
        """A VMA that cannot be paid for is not made, nor named."""
        lab = Lab(ram="4M")
        task = lab.spawn()
        lab.machine.ledger.charge("mem_map", lab.machine.ledger.lowmem_free // 40)
        lab.check = False
        before = lab.digest()
        with pytest.raises(KernelError, match="vm_area_struct asked for 76 bytes"):
            lab.mmap(task, "h", 1)

        assert (before, 0) == (lab.digest(), len(mm_of(task).labels))


class TestFind:
    """find_vma and names."""

    def test_find_vma(self, lab: Lab) -> None:
        """The first VMA that ends after an address."""
        task = lab.spawn()
        address = lab.mmap(task, "h", 2)
        vma = vma_at(task, address)

        assert vma is find_vma(mm_of(task), 0) is find_vma(mm_of(task), address + PAGE_SIZE)
        assert find_vma(mm_of(task), address + 2 * PAGE_SIZE) is None

    def test_places_have_names(self, lab: Lab) -> None:
        """A page is called by its label and number, or by its address where no label is."""
        task = lab.spawn()
        address = lab.mmap(task, "h", 8)
        lab.mprotect(task, address + 4 * PAGE_SIZE, 2, R)

        assert "p.h[5]" == place_name(mm_of(task), address + 5 * PAGE_SIZE)
        assert "p:0x1000" == place_name(mm_of(task), 0x1000)
        assert ["p.h[0:4]", "p.h[4:6]", "p.h[6:8]"] == [vma_name(vma) for vma in mm_of(task).vmas]
        lab.mprotect(task, address + 4 * PAGE_SIZE, 2, RW)
        assert ["p.h"] == [vma_name(vma) for vma in mm_of(task).vmas]

    def test_hole_mapped_anew_has_the_new_name(self, lab: Lab) -> None:
        """Of two labels over one page the later counts; the older still counts its pages through it."""
        task = lab.spawn()
        address = lab.mmap(task, "h", 8)
        lab.munmap(task, address + 2 * PAGE_SIZE, 2)
        lab.mmap(task, "k", 2, NONE, at=address + 2 * PAGE_SIZE)

        names = [place_name(mm_of(task), address + number * PAGE_SIZE) for number in range(1, 5)]
        assert ["p.h[1]", "p.k[0]", "p.k[1]", "p.h[4]"] == names
        assert ["p.h[0:2]", "p.k", "p.h[4:8]"] == [vma_name(vma) for vma in mm_of(task).vmas]


class TestMerge:
    """A new mapping beside others."""

    @pytest.mark.parametrize("side", ["below", "above"])
    def test_same_kind_merges(self, lab: Lab, side: str) -> None:
        """No VMA is made for what a neighbour can take in."""
        task, address = lab.heap(2)
        at = address - PAGE_SIZE if side == "below" else address + 2 * PAGE_SIZE
        lab.mmap(task, "k", 1, at=at)
        lab.write(task, at)

        assert [(min(at, address) >> 12, 3)] == spans(task)
        assert 1 == len(lab.machine.vmas)
        assert min(at, address) >> 12 == vma_at(task, address).vm_pgoff
        assert 1 == lab.look(task, at, full=True).hits

    def test_gap_closed_makes_one_of_three(self, lab: Lab) -> None:
        """A mapping that fills the gap joins both sides: the lower VMA takes all, the upper is freed."""
        task = lab.spawn()
        for name, at in (("a", 0x40000000), ("c", 0x40002000)):
            lab.mmap(task, name, 1, at=at)
            lab.write(task, at)
        lower = vma_at(task, 0x40000000)
        lab.mmap(task, "b", 1, at=0x40001000)

        assert [(0x40000, 3)] == spans(task)
        assert lower is vma_at(task, 0x40002000)
        assert lower.id == lab.page(task, 0x40002000).mapping
        assert 0 == len(lab.machine.anon_vmas)

    @pytest.mark.parametrize("flags", [{"prot": R}, {"prot": RW | VM_EXEC}, {"growsdown": True}])
    def test_other_kinds_do_not_merge(self, lab: Lab, flags: dict[str, int]) -> None:
        """Protection and VM_GROWSDOWN must agree."""
        task, address = lab.heap(1)
        lab.mmap(task, "k", 1, at=address + PAGE_SIZE, **flags)  # type: ignore[arg-type]

        assert 2 == len(spans(task))
        if "growsdown" in flags:
            assert vma_at(task, address + PAGE_SIZE).vm_flags & VM_GROWSDOWN

    def test_page_numbers_must_go_on(self, lab: Lab) -> None:
        """A VMA moved by mremap keeps other page numbers than its new neighbour, so they stay two."""
        task, address = lab.heap(2)
        lab.mremap(task, address, 2, 2, to=0x60000000)
        lab.mmap(task, "k", 1, at=0x60002000)

        assert [(0x60000, 2), (0x60002, 1)] == spans(task)

    def test_locked_and_unlocked_do_not_merge(self, lab: Lab) -> None:
        """A new mapping beside a locked one is not locked, and so another VMA."""
        task, address = lab.heap(1)
        lab.mlock(task, address, 1)
        lab.mmap(task, "k", 1, at=address + PAGE_SIZE)

        assert 2 == len(spans(task))


class TestMunmap:
    """do_munmap."""

    def test_all_goes(self, lab: Lab) -> None:
        """VMA, pages, page tables and the name are gone."""
        task = lab.spawn()
        empty = lab.machine.ledger.by_kind()
        address = lab.mmap(task, "h", 4)
        lab.write(task, address, 4)
        lab.munmap(task, address, 4)

        assert ([], 0, None) == (spans(task), mm_of(task).rss, mm_of(task).labels.called("h"))
        assert empty == lab.machine.ledger.by_kind()

    def test_placement_of_the_cuts(self, lab: Lab) -> None:
        """The first cut makes the new struct above, the second below: the old one keeps the lowest part."""
        task, address = lab.heap(6)
        old = vma_at(task, address)
        lab.munmap(task, address + 2 * PAGE_SIZE, 2)
        upper = vma_at(task, address + 4 * PAGE_SIZE)

        assert [(old.vm_start >> 12, 2), (upper.vm_start >> 12, 2)] == spans(task)
        # old, the struct of [2:6], and the one of [2:4] that went.
        assert (old.id + 1, old.id + 3) == (upper.id, lab.machine.vmas.next_id)
        assert (address >> 12) + 4 == upper.vm_pgoff

    def test_cut_at_the_start_makes_the_new_struct_below(self, lab: Lab) -> None:
        """Unmapping the lower part: one cut, its new struct is the part that goes."""
        task, address = lab.heap(4)
        old = vma_at(task, address)
        lab.munmap(task, address, 1)

        assert old is vma_at(task, address + PAGE_SIZE)
        assert ((address >> 12) + 1, 3) == (old.vm_pgoff, old.pages)

    def test_cut_at_the_end_makes_the_new_struct_above(self, lab: Lab) -> None:
        """Unmapping the upper part: one cut, its new struct is the part that goes."""
        task, address = lab.heap(4)
        old = vma_at(task, address)
        lab.munmap(task, address + 3 * PAGE_SIZE, 1)

        assert (old, 3) == (vma_at(task, address), old.pages)

    def test_label_lives_until_nothing_of_it_is_mapped(self, lab: Lab) -> None:
        """A name covers holes and counts its pages from its old start."""
        task, address = lab.heap(4)
        lab.munmap(task, address, 2)
        label = mm_of(task).labels.called("h")

        assert label is not None
        assert (address, "p.h[3]") == (label.start, place_name(mm_of(task), address + 3 * PAGE_SIZE))
        lab.munmap(task, address + 2 * PAGE_SIZE, 2)
        assert mm_of(task).labels.called("h") is None

    def test_range_over_several(self, lab: Lab) -> None:
        """One munmap takes whole VMAs, parts of others, and holes between."""
        task = lab.spawn()
        for name, at in (("a", 0x40000000), ("b", 0x40004000), ("c", 0x40008000)):
            lab.mmap(task, name, 3, at=at)
            lab.write(task, at, 3)
        lab.munmap(task, 0x40002000, 7)

        assert [(0x40000, 2), (0x40009, 2)] == spans(task)
        assert 4 == mm_of(task).rss

    def test_nothing_mapped_is_no_error(self, lab: Lab) -> None:
        """munmap of a hole succeeds and does nothing."""
        task = lab.spawn()
        before = lab.digest()
        lab.munmap(task, 0x50000000, 4)

        assert before == lab.digest()
        assert ["nothing was mapped there"] == lab.sentences

    @pytest.mark.parametrize(
        ("address", "pages"), [(0x40000001, 1), (0x40000000, 0), (0xBFFFF000, 2), (-4096, 1)]
    )
    def test_refusals(self, lab: Lab, address: int, pages: int) -> None:
        """A range that is empty, not of whole pages or not the user's."""
        task = lab.spawn()
        with pytest.raises(KernelError) as info:
            lab.munmap(task, address, pages)
        assert "EINVAL" == info.value.errno
