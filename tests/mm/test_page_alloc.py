"""Zones, frames, and what low memory is charged for."""

from __future__ import annotations

import random

import pytest

from tests.mm.lab import Lab
from vmtui.errors import KernelError
from vmtui.mm.kernel import GB, MB, Options
from vmtui.mm.machine import Machine
from vmtui.mm.page import FIRST_PFN, PAGE_SIZE, ZERO_PFN, Page, PG_table, flag_names
from vmtui.mm.page_alloc import Zone, alloc_page, alloc_table, free_table, page_zone, put_page
from vmtui.state.history import History


class TestPage:
    """A view of one struct page."""

    @pytest.mark.parametrize("pfn", [0, -1, -4, 16384, 1 << 40])
    def test_no_frame_no_page(self, pfn: int) -> None:
        """Frame 0, negatives and frames beyond the end are no pages, though Python would index them."""
        with pytest.raises(IndexError, match=f"no frame {pfn}"):
            Machine().page(pfn)

    def test_first_and_last(self) -> None:
        """The zero page and the last frame are pages."""
        machine = Machine()

        assert (1, 16383) == (machine.page(1).pfn, machine.page(16383).pfn)

    def test_flags_by_bit_and_by_name(self) -> None:
        """Flags are set, cleared and tested one by one."""
        page = Machine().page(5)
        page.set(PG_table)
        assert page.test(PG_table)
        assert page.test("table")
        assert ("table",) == flag_names(page.flags)
        page.clear(PG_table)
        assert not page.test("table")

    def test_equal_by_frame(self) -> None:
        """Two views of one frame are equal and hash alike."""
        machine = Machine()

        assert machine.page(3) == machine.page(3) != machine.page(4)
        assert {machine.page(3)} == {machine.page(3), machine.page(3)}

    @pytest.mark.parametrize(
        ("name", "bit"),
        [("anon", 20), ("direct", 16), ("lru", 5), ("active", 6), ("dirty", 4), ("reserved", 11)],
    )
    def test_flag_numbers(self, name: str, bit: int) -> None:
        """Bits stand where 2.6.0 and the RFC have them."""
        page = Machine().page(5)
        page.flags = 1 << bit

        assert (name,) == flag_names(page.flags)


class TestZone:
    """User frames from the bottom, page tables from the top."""

    def test_fresh_frames(self) -> None:
        """Frames are taken in order from each end."""
        zone = Zone(History(), "low", 2, 10)

        assert [2, 3] == [zone.take_user(), zone.take_user()]
        assert [9, 8] == [zone.take_table(), zone.take_table()]
        assert 4 == zone.free

    def test_freed_frames_come_first(self) -> None:
        """The frame freed last is given out next, to its own kind."""
        zone = Zone(History(), "low", 2, 10)
        frames = [zone.take_user() for _ in range(4)]
        for pfn in frames[:2]:
            zone.give(pfn, table=False)

        assert 9 == zone.take_table()
        assert [3, 2, 6] == [zone.take_user() for _ in range(3)]

    def test_one_kind_can_use_the_others_frames(self) -> None:
        """When fresh frames are gone, a kind takes what the other has freed: no frame is ever lost."""
        zone = Zone(History(), "low", 2, 6)
        tables = [zone.take_table() for _ in range(4)]
        assert 0 == zone.free
        zone.give(tables[0], table=True)

        assert (1, tables[0]) == (zone.free, zone.take_user())
        zone.give(tables[0], table=False)
        assert tables[0] == zone.take_table()

    @pytest.mark.parametrize("seed", range(4))
    def test_every_frame_once(self, seed: int) -> None:
        """In any order of taking and giving, a frame has one holder, and `free` counts the rest."""
        rng = random.Random(seed)
        zone = Zone(History(), "low", 2, 34)
        held: dict[int, bool] = {}
        for _ in range(400):
            if held and (rng.random() < 0.5 or not zone.free):
                pfn = rng.choice(list(held))
                zone.give(pfn, table=held.pop(pfn))
            else:
                table = rng.random() < 0.3
                pfn = zone.take_table() if table else zone.take_user()
                assert 2 <= pfn < 34
                assert pfn not in held
                held[pfn] = table
            assert 32 - len(held) == zone.free

    @pytest.mark.parametrize("seed", range(4))
    def test_bulk_takes_what_single_calls_would(self, seed: int) -> None:
        """Many frames at once are the frames of as many single calls, in their order."""
        rng = random.Random(seed)
        zones = [Zone(History(), "low", 2, 200) for _ in range(2)]
        taken, _ = ([zone.take_user() for _ in range(60)] for zone in zones)
        for pfn in rng.sample(taken, 20):
            for zone in zones:
                zone.give(pfn, table=False)
        one, many = zones
        for n in (5, 30, 7):
            assert many.room(n, 0)
            assert [one.take_user() for _ in range(n)] == many.take_user_bulk(n).tolist()
        assert one.register.all.tolist() == many.register.all.tolist()


class TestLedger:
    """Low memory in bytes."""

    @pytest.mark.parametrize(("split", "low"), [("3:1", 896), ("2:2", 1920), ("4:4", 3936)])
    @pytest.mark.parametrize("ram", ["8G", "32G"])
    def test_low_memory_by_split(self, split: str, low: int, ram: str) -> None:
        """896, 1920 or 3936 MB of low memory; mem_map takes 40 bytes a page of it."""
        machine = Machine(Options.parse({"ram": ram, "split": split}))
        ledger = machine.ledger

        assert low * MB == ledger.lowmem_total
        assert ["low", "high"] == [zone.name for zone in machine.zones]
        assert low * MB // PAGE_SIZE == machine.zones[0].end
        assert 40 * machine.frames_total == ledger.by_kind()["mem_map"]
        assert low * MB - FIRST_PFN * PAGE_SIZE - 40 * machine.frames_total == ledger.lowmem_free

    def test_mem_map_of_the_articles_machine(self) -> None:
        """32 GB: 320 MB of struct pages, with HIGHPTE too, since this scheme keeps no PTE pointer."""
        machine = Machine(Options.parse({"ram": "32G", "highpte": "on"}))

        assert 320 * MB == machine.ledger.by_kind()["mem_map"]

    def test_all_memory_is_low_where_it_fits(self) -> None:
        """A machine of less than the limit has one zone."""
        machine = Machine(Options(ram=64 * MB))

        assert (["low"], 64 * MB) == ([zone.name for zone in machine.zones], machine.ledger.lowmem_total)

    def test_user_pages_come_from_high_memory(self) -> None:
        """A user page takes high memory while there is some; a page table does with HIGHPTE only."""
        for highpte, zone in (("off", 0), ("on", 1)):
            machine = Machine(Options.parse({"ram": "1G", "highpte": highpte}))
            assert machine.zones[1] is page_zone(machine, alloc_page(machine).pfn)
            pte_page = alloc_table(machine, highmem=highpte == "on")
            assert machine.zones[zone] is page_zone(machine, pte_page.pfn)
            assert (1, (1 - zone) * PAGE_SIZE) == (
                machine.ledger.page_tables,
                machine.ledger.by_kind()["page_tables"],
            )

    def test_charge_and_uncharge(self) -> None:
        """What is given back is free again."""
        ledger = Machine().ledger
        free = ledger.lowmem_free
        ledger.charge("vm_area_struct", 3)
        assert (free - 228, 3, 228) == (
            ledger.lowmem_free,
            ledger.count("vm_area_struct"),
            ledger.by_kind()["vm_area_struct"],
        )
        ledger.uncharge("vm_area_struct", 3)
        assert free == ledger.lowmem_free

    def test_parts_sum_to_the_whole(self, lab: Lab) -> None:
        """What is held by kind, the two reserved frames among it, and what is free: that is low memory."""
        parent, _ = lab.heap(20)
        lab.fork(parent, "c")
        ledger = lab.machine.ledger

        held = sum(ledger.by_kind().values())
        assert ledger.lowmem_total == held + ledger.lowmem_free

    def test_out_of_memory_says_who_how_much_and_who_holds_what(self) -> None:
        """The sentence names the kind that asked, its bytes, what is free, and the holders by size."""
        machine = Machine(Options(ram=4 * MB))
        # 1022 frames less ten for mem_map's 40,960 bytes.
        for _ in range(1012):
            alloc_page(machine)
        with pytest.raises(KernelError) as info:
            alloc_page(machine)

        assert "ENOMEM" == info.value.errno
        assert not info.value.partial
        assert 0 == machine.ledger.lowmem_free
        assert (
            "low memory is out: a user page asked for 4,096 bytes, 0 of 4,194,304 are free; "
            "held by user_pages 4,145,152, mem_map 40,960, reserved 8,192"
        ) == info.value.message

    @pytest.mark.parametrize("kind", ["thread", "task_struct", "vm_area_struct", "anon_vma"])
    def test_objects_fail_when_low_memory_is_full(self, kind: str) -> None:
        """A kernel object needs its bytes of low memory, to the byte."""
        machine = Machine(Options(ram=4 * MB))
        ledger = machine.ledger
        size = ledger.sizes[kind]
        ledger.charge(kind, ledger.lowmem_free // size)
        left = ledger.lowmem_free
        assert left < size

        with pytest.raises(KernelError, match=f"{kind} asked for {size:,} bytes, {left:,} of"):
            ledger.charge(kind)

    def test_page_tables_fail_alone(self) -> None:
        """With high memory free and low memory full, a page table fails and a user page does not."""
        machine = Machine(Options(ram=1 * GB))
        machine.ledger.charge("thread", machine.ledger.lowmem_free // 8192)

        with pytest.raises(KernelError, match="a page table asked for 4,096 bytes"):
            alloc_table(machine, highmem=False)
        assert machine.zones[1] is page_zone(machine, alloc_page(machine).pfn)

    def test_count_never_refuses(self) -> None:
        """Under lowmem=count the ledger counts below zero."""
        ledger = Machine(Options(ram=4 * MB, lowmem="count")).ledger
        ledger.charge("thread", 10_000)

        assert 81_920_000 == ledger.by_kind()["thread"]
        assert ledger.lowmem_free < 0


class TestFrames:
    """A frame's life."""

    def test_boot_holds_the_zero_page(self) -> None:
        """A new machine has one page in use, reserved, and no page of anybody."""
        machine = Machine()
        zero = machine.page(ZERO_PFN)

        assert (1, ("reserved",)) == (zero.count, flag_names(zero.flags))
        rest = dict.fromkeys(("page_tables", "anon", "file", "swap_cache", "unused"), 0)
        assert {"total": 16384, "free": 16382, **rest} == machine.frames()

    def test_last_reference_frees(self) -> None:
        """A frame is free when nobody holds it, its struct page cleared."""
        machine = Machine()
        page = alloc_page(machine)
        page.count += 1
        page.index = page.mapping = page.private = 7
        page.flags = 0xFF

        assert (False, True) == (put_page(page), put_page(page))
        assert [0] * 5 == [page.flags, page.index, page.mapping, page.private, page.count]
        assert 16382 == machine.zones[0].free

    def test_freed_table_is_nobodys(self) -> None:
        """A page table given back leaves the count, and its struct page is cleared."""
        machine = Machine()
        table = alloc_table(machine, highmem=False)
        table.mapping, table.index = 1, 0x40000000
        free_table(table)

        assert [0] * 4 == [table.flags, table.count, table.mapping, table.index]
        assert (0, 16382) == (machine.ledger.page_tables, machine.zones[0].free)

    def test_frames_are_taken_again(self, lab: Lab) -> None:
        """Two processes one after the other get the same frames."""
        first, address = lab.heap(4, name="a")
        pfns = {lab.pfn(first, address + n * PAGE_SIZE) for n in range(4)}
        lab.exit(first)
        second, address = lab.heap(4, name="b")

        assert pfns == {lab.pfn(second, address + n * PAGE_SIZE) for n in range(4)}
        assert isinstance(lab.page(second, address), Page)
