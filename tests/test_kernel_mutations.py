"""Rules of 6.18 made wrong on purpose: scenarios/kernel notices each, by an expect that holds no more.

Each is a mistake that a simulator could well have made.  The expects were seen to hold on a running kernel,
so what they notice here is a difference from that kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vmtui.mm import memory
from vmtui.mm.machine import Machine
from vmtui.mm.mm_types import Vma
from vmtui.mm.page import Page, PG_swapcache
from vmtui.mm.rmap.anon_vma_chain import AnonVmaChain
from vmtui.mm.rmap.avc import AnonVmaChains
from vmtui.mm.step import Step, Steps
from vmtui.mm.swap_state import lookup_swap_cache, read_swap_cache_async
from vmtui.mm.v6_18 import fork as fork618
from vmtui.mm.v6_18 import madvise as madvise618
from vmtui.mm.v6_18 import memory as memory618
from vmtui.mm.v6_18 import mmap as mmap618
from vmtui.mm.v6_18 import mremap as mremap618
from vmtui.mm.v6_18 import vmscan as vmscan618
from vmtui.mm.v6_18.swapfile import folio_free_swap
from vmtui.player import Player
from vmtui.scenario import load
from vmtui.session import Session

FILES = sorted((Path(__file__).resolve().parent.parent / "scenarios" / "kernel").glob("*.scenario"))

Patch = pytest.MonkeyPatch
Mutation = Callable[[Patch], None]


def nothing(*_: Any, **__: Any) -> Iterator[Step]:
    """No step, and nothing done."""
    return iter(())


def fork_copies_every_pte(patch: Patch) -> None:
    """Whether or not the VMA has an anon_vma."""
    patch.setattr(fork618, "copy_page_range", memory.copy_page_range)


def fork_hands_down_locks(patch: Patch) -> None:
    """The child's VMA is locked as its parent's."""
    patch.setattr(fork618, "VM_LOCKED", 0)


def wipeonfork_is_forgotten(patch: Patch) -> None:
    """The child gets the pages."""
    patch.setattr(fork618, "VM_WIPEONFORK", 0)


def last_owner_copies(patch: Patch) -> None:
    """A page that was shared is copied on write, however many map it now."""
    patch.setattr(memory618, "wp_can_reuse_anon_folio", lambda page: False)


def mapped_once_is_exclusive(patch: Patch) -> None:
    """Who has a swap entry for the page is not asked."""
    patch.setattr(memory618, "wp_can_reuse_anon_folio", lambda page: page.mapcount == 1)


def kept_page_does_not_move(patch: Patch) -> None:
    """The last owner's page stays with the anon_vma it had."""
    patch.setattr(AnonVmaChain, "page_move_rmap", nothing)


def merge_ignores_chains(patch: Patch) -> None:
    """Two VMAs of which one has no anon_vma are one, inherited or not."""

    def can_vma_merge(self: AnonVmaChain, one: Vma, other: Vma | None) -> bool:
        theirs = other.anon_vma if other is not None else None
        return one.anon_vma is None or theirs is None or one.anon_vma is theirs

    patch.setattr(AnonVmaChain, "can_vma_merge", can_vma_merge)


def neighbours_share_nothing(patch: Patch) -> None:
    """Each VMA gets a root of its own at its first write."""
    patch.setattr(AnonVmaChain, "find_mergeable_anon_vma", lambda self, vma: None)


def reuse_takes_the_root(patch: Patch) -> None:
    """A root does not count itself as its child."""
    alloc = AnonVmaChain.anon_vma_alloc

    def anon_vma_alloc(self: AnonVmaChain, parent: Any) -> Any:
        anon_vma = alloc(self, parent)
        if parent is None:
            anon_vma.num_children = 0
        return anon_vma

    patch.setattr(AnonVmaChain, "anon_vma_alloc", anon_vma_alloc)


def fork_takes_no_orphan_again(patch: Patch) -> None:
    """As before 3.19: a new anon_vma at every fork."""
    clone = AnonVmaChain.anon_vma_clone

    def anon_vma_clone(self: AnonVmaChain, dst: Vma, src: Vma) -> Steps:
        own = dst.anon_vma
        yield from clone(self, dst, src)
        if own is None and dst.anon_vma is not None:
            dst.anon_vma.num_active_vmas -= 1
            dst.anon_vma = None

    patch.setattr(AnonVmaChain, "anon_vma_clone", anon_vma_clone)


def from_swap_to_the_faulters_own(patch: Patch) -> None:
    """A page that others may map too is taken for the process's own."""
    patch.setattr(AnonVmaChains, "root_of", lambda self, vma: vma.anon_vma)


def mremap_resets_vm_pgoff(patch: Patch) -> None:
    """A VMA that moves is counted from its new address, faulted or not."""
    patch.setattr(AnonVmaChain, "keeps_pgoff", lambda self, vma: False)


def a_read_gives_the_slot_up(patch: Patch) -> None:
    """Read back, a page leaves the swap cache."""
    patch.setattr(memory618, "should_try_to_free_swap", lambda page, vma, write: page.test(PG_swapcache))


def swap_in_makes_exclusive(patch: Patch) -> None:
    """Whoever faults a page in has it for himself."""
    patch.setattr(memory618, "pte_swp_exclusive", lambda entry: True)


def no_fault_around(patch: Patch) -> None:
    """A fault maps one page."""
    patch.setattr(memory618, "FAULT_AROUND_PAGES", 1)


def the_last_page_is_like_others(patch: Patch) -> None:
    """It is mapped around a fault where there is no page table, too."""
    patch.setattr(memory618, "can_map_large", lambda mapping, cached: True)


def dirty_pages_are_like_others(patch: Patch) -> None:
    """What page-out left to the flushers is mapped around a fault."""
    patch.setattr(memory618, "PG_reclaim", 0)


def free_takes_shared_pages(patch: Patch) -> None:
    """MADV_FREE drops the slot of a page, and does not ask who else maps it."""

    def may_be_freed(page: Page) -> bool:
        return not page.test(PG_swapcache) or folio_free_swap(page)

    patch.setattr(madvise618, "may_be_freed", may_be_freed)


def free_does_not_ask_for_locks(patch: Patch) -> None:
    """A page that another process has locked is given up as any."""
    patch.setattr(madvise618, "folio_evictable", lambda page: True)


def locks_hold_nothing(patch: Patch) -> None:
    """Page-out does not ask for locks before the walk, and the walk meets those of others too late."""
    patch.setattr(vmscan618, "VM_LOCKED", 0)


def no_lock_is_left_behind(patch: Patch) -> None:
    """What is not in a locked VMA is not locked."""
    patch.setattr(vmscan618, "PG_mlocked", 0)


def what_stays_mapped_keeps_its_anon_vma(patch: Patch) -> None:
    """MREMAP_DONTUNMAP leaves the VMA in all its trees."""
    patch.setattr(mremap618, "dontunmap_complete", nothing)


def no_page_misses_its_lock(patch: Patch) -> None:
    """What is read from swap into locked memory has the lock like all else."""
    patch.setattr(memory618, "PG_mlock_missed", 0)


def what_was_read_is_ones_own(patch: Patch) -> None:
    """A read of a page that was found in no cache looks like one that was found there."""
    patch.setattr(memory618, "lookup_swap_cache", found_or_read)


def found_or_read(machine: Machine, slot: int) -> int:
    """The page in the swap cache, which it enters now if it was not there."""
    found = lookup_swap_cache(machine, slot)
    if not found:
        page = read_swap_cache_async(machine, slot)
        page.count -= 1
        found = page.pfn
    return found


def the_lowest_page_is_anybodys(patch: Patch) -> None:
    """mremap asks of no address whether a program may map it."""
    patch.setattr(mremap618, "cap_mmap_addr", nothing)


def windows_never_grow_together(patch: Patch) -> None:
    """remap_file_pages makes a VMA a call."""
    patch.setattr(mmap618, "vma_merge", nothing)


#: What is wrong, and a scenario that must notice, by its number.
MUTATIONS: tuple[tuple[Mutation, int], ...] = (
    (fork_copies_every_pte, 1),
    (fork_hands_down_locks, 6),
    (wipeonfork_is_forgotten, 6),
    (last_owner_copies, 13),
    (mapped_once_is_exclusive, 14),
    (kept_page_does_not_move, 10),
    (merge_ignores_chains, 5),
    (neighbours_share_nothing, 9),
    (reuse_takes_the_root, 8),
    (fork_takes_no_orphan_again, 8),
    (from_swap_to_the_faulters_own, 11),
    (mremap_resets_vm_pgoff, 25),
    (a_read_gives_the_slot_up, 17),
    (swap_in_makes_exclusive, 16),
    (no_fault_around, 22),
    (the_last_page_is_like_others, 30),
    (dirty_pages_are_like_others, 34),
    (free_takes_shared_pages, 29),
    (free_does_not_ask_for_locks, 36),
    (locks_hold_nothing, 21),
    (no_lock_is_left_behind, 33),
    (what_stays_mapped_keeps_its_anon_vma, 32),
    (windows_never_grow_together, 31),
    (the_lowest_page_is_anybodys, 37),
    (what_was_read_is_ones_own, 38),
    (no_page_misses_its_lock, 39),
)


def broken(path: Path) -> list[str]:
    """The expects of a scenario that do not hold, and the command that it ended with if that was refused."""
    script = load(path)
    player = Player(Session(**script.options), script)
    while player.beat() and player.refused is None:
        pass
    found = [result.text for result in player.results if result.holds is not True]
    return found + ([player.refused.text] if player.refused is not None else [])


@pytest.mark.parametrize(("mutation", "number"), MUTATIONS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_wrong_rule_is_noticed(mutation: Mutation, number: int, monkeypatch: Patch) -> None:
    """An expect of the scenario that is about it fails, and holds again with the right rule."""
    (path,) = (path for path in FILES if path.name.startswith(f"{number:02}-"))
    with monkeypatch.context() as patch:
        mutation(patch)
        assert broken(path), f"{path.stem} does not notice that {mutation.__name__}"

    assert [] == broken(path)


def test_there_are_ten_and_more() -> None:
    """Each is another mistake, and they are spread over the scenarios."""
    assert len({mutation for mutation, _ in MUTATIONS}) == len(MUTATIONS) >= 10
    assert len({number for _, number in MUTATIONS}) >= 10
