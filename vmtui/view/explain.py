"""What the overlay of ``i`` says: one entry for every field, object, flag and sign on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from vmtui.mm.rmap.explained import Entries
from vmtui.view.counters import COUNTERS
from vmtui.view.glyphs import GLYPHS
from vmtui.view.holders import HOLDERS

NOTHING: Final[Entries] = MappingProxyType({})
OURS: Final = "ours: no kernel has it"


@attrs.frozen
class Explanation:
    """One entry.

    Attributes:
        title: What it is called.
        kernel: The kernel's name for it, and the version modelled.
        text: Two sentences.
        where: Where it is set, and where it is read.
    """

    title: str
    kernel: str
    text: str
    where: str


def _entry(title: str, kernel: str, text: str, where: str) -> Explanation:
    return Explanation(title, kernel, text, where)


_FIELDS: Final = {
    "page": _entry(
        "struct page",
        "struct page, include/linux/mm.h · 2.4 to 2.6.7: 48, 40 or 32 bytes",
        "The kernel keeps one for every frame of memory, all in low memory. It says who holds the frame.",
        "Set by alloc_page and the fault handlers; read by all that frees, shares or writes out a page.",
    ),
    "page.union": _entry(
        "what struct page points at",
        "page->mapping, page->as or page->pte · 2.4 to 2.6.7",
        "The pointer with which a walk begins, if this kernel has one. Flags beside it say what it is.",
        "Set by page_add_rmap and at fork; read where a walk begins.",
    ),
    "page.flags": _entry(
        "flags",
        "page->flags, include/linux/page-flags.h · 2.6",
        "One bit for each thing that can be true of a page: on the LRU, dirty, locked. Those that say what "
        "the union holds come first.",
        "Set with SetPageX, cleared with ClearPageX all over mm/; read with PageX.",
    ),
    "page.count": _entry(
        "count",
        "page->count, atomic_t · 2.6.0 to 2.6.6",
        "How many hold the page: one for every PTE that maps it, one for the swap cache, one for whoever "
        "works on it now. When it falls to zero the frame is free.",
        "Raised by get_page and alloc_page, dropped by put_page; shrink_list frees a clean page at two.",
    ),
    "page.index": _entry(
        "index",
        "page->index · 2.6; for anonymous pages from anon_vma on",
        "The page's offset in pages within what it belongs to; for anonymous memory, the address it was "
        "first mapped at, over 4096. With vm_pgoff it gives the address of the page in any VMA on the "
        "list.",
        "Set by page_add_rmap when the page gets its first mapping; read by vma_address in every walk.",
    ),
    "page.private": _entry(
        "private",
        "page->private · swap entry under PG_swapcache, as 2.6.6 came to do",
        "The swap slot of a page in the swap cache. It leaves the union and index alone, so a page on its "
        "way out is still found by the walk.",
        "Set by add_to_swap_cache; read by try_to_unmap_one, which writes it into each PTE.",
    ),
    "page.lru": _entry(
        "lru",
        "page->lru, zone->active_list and inactive_list · 2.6",
        "Which of the two LRU lists the page is on. Pages nobody used drift to the inactive list, and are "
        "taken from its cold end.",
        "Set by lru_cache_add and the passes of vmscan.c; read by shrink_cache and refill_inactive_zone.",
    ),
    "cluster": _entry(
        "a cluster of frames",
        "page clustering, 2.4.7 to 2.6.0-test; never merged",
        "One struct page stands for several frames side by side, so mem_map is that much smaller; page "
        "tables are not. Each PTE still maps one frame, and what of a cluster no PTE maps is waste.",
        "A fault maps all of the cluster that fits its VMA; a copy, and a slot of swap, takes all of it.",
    ),
}

_OBJECTS: Final = {
    "mm": _entry(
        "process and mm",
        "struct mm_struct, include/linux/sched.h · 2.6",
        "The address space of a process: its VMAs and its page tables. rss counts the pages it has present.",
        "Made by fork and exec, freed by exit; a walk goes through vma->vm_mm to the page tables.",
    ),
    "alike": _entry(
        "processes alike",
        OURS,
        "Children of one parent with the same VMAs and the same rss are one row. One of them stands by "
        "itself as soon as it is the subject or a step is about it.",
        "Nothing in the machine is folded, only this list.",
    ),
    "pte": _entry(
        "page-table entry",
        "pte_t, 64 bits under PAE · 2.6, i386",
        "What the processor reads to turn an address into a frame: the frame's number and a few bits. Not "
        "present and not empty, it holds a swap slot instead.",
        "Set by the fault handlers, fork and try_to_unmap; read by the processor and by every candidate "
        "check.",
    ),
    "swap": _entry(
        "swap slot",
        "swp_entry_t, swap_map[] in mm/swapfile.c · 2.6",
        "A page's place on the swap device. swap_map counts its holders: each PTE with the entry, and the "
        "swap cache.",
        "Given by get_swap_page when a page is to go out; given back by swap_free.",
    ),
    "lists": _entry(
        "a list",
        "struct list_head and what this kernel uses beside it · 2.6",
        "An object of the reverse map and what hangs on it, head first. A bead is a VMA, an mm or a PTE, a "
        "dot a slot that is free.",
        "Enter makes the object the subject; again, its first page.",
    ),
}

_WALK: Final = {
    "hit": _entry(
        "✓ hit",
        "page_check_address found it, mm/objrmap.c · 2.6",
        "The VMA's page table maps this very page. page_referenced clears its accessed bit, try_to_unmap "
        "puts the swap entry in its place.",
        "Decided when the PTE is present and pte_pfn is the page's.",
    ),
    "miss": _entry(
        "✗ miss",
        "page_check_address found another page, or none · 2.6",
        "The VMA could map the page, and its page table was read, but it does not: it has its own copy, "
        "its page is swapped out, or it never touched that address. These false candidates are the price "
        "of walking VMAs.",
        "Decided at the page table: no table, no present PTE, or another frame in it.",
    ),
    "ruled": _entry(
        "– ruled out",
        "vma_address is outside the VMA, mm/rmap.c · 2.6",
        "Where the page would be lies outside this VMA, so nothing had to be read. It costs a look at the "
        "list and a subtraction.",
        "Decided from page->index, vm_pgoff, vm_start and vm_end.",
    ),
    "walk": _entry(
        "○ a walk begins",
        "page_referenced or try_to_unmap, mm/objrmap.c · 2.6.4 with objrmap",
        "The kernel has a frame and wants its page tables. It asks who used the page, or takes it away "
        "from all who map it.",
        "Called by shrink_list and refill_inactive_zone when memory is short.",
    ),
    "walked": _entry(
        "◉ a walk ends",
        "the end of page_referenced or try_to_unmap · 2.6.4 with objrmap",
        "The list was followed to its end, every mapping was found, or a locked VMA held the page. The "
        "counter says what it cost: candidates, list nodes, PTEs.",
        "try_to_unmap stops at mapcount 0; page_referenced of March 2004 always goes to the end.",
    ),
    "step": _entry(
        "· a step",
        "a decision in mm/ of the simulator",
        "Something was done or decided; the sentence says what. It is the unit that time keys move by.",
        "Each is one yield of a function in the source pane.",
    ),
}

_OUTCOMES: Final = {
    "miss_pfn": _entry(
        "✗ miss_pfn: another page is there",
        "page_to_pfn(page) != pte_pfn(*pte) in page_check_address, mm/objrmap.c · 2.6",
        "The VMA covers the address and the PTE is present, but it maps another frame: most often this "
        "process wrote, and has a copy of its own. The whole way through its page table was made for "
        "nothing, a false candidate.",
        "Made by do_wp_page, which leaves the VMA on the list; decided at the PTE.",
    ),
    "miss_nopte": _entry(
        "✗ miss_nopte: no page is there",
        "!pte_present(*pte) in page_check_address, mm/objrmap.c · 2.6",
        "The VMA covers the address and there is a page table, but the PTE is empty or holds a swap slot. "
        "This process never touched the page, gave it up, or lost it to swap.",
        "Made by try_to_unmap, madvise and munmap, which leave the table; decided at the PTE.",
    ),
    "miss_notable": _entry(
        "✗ miss_notable: not even a page table",
        "!pgd_present or !pmd_present in page_check_address, mm/objrmap.c · 2.6",
        "The VMA covers the address, but nothing near it was ever touched: there is no page table for it. "
        "That is known after one or two looks, without a PTE.",
        "Page tables are made by pte_alloc_map at the first fault; decided at the pgd or pmd.",
    ),
    "miss_range": _entry(
        "– miss_range: outside the VMA",
        "vma_address, or find_vma's bounds, mm/objrmap.c · 2.6",
        "The address that the page would have in this VMA lies outside it, so no page table was read. It "
        "costs a look at the list and a subtraction.",
        "Decided from page->index, vm_pgoff, vm_start and vm_end.",
    ),
    "skip_no_rss": _entry(
        "– skip_no_rss: nothing present",
        "!mm->rss in page_referenced_one and try_to_unmap_one · 2.6.7, and anobjrmap before it",
        "The process has no page present at all, so it cannot map this one. One number in its mm says so, "
        "and nothing else is read.",
        "mm->rss is counted up by the fault handlers and fork, down by zap and try_to_unmap.",
    ),
    "skip_no_mm": _entry(
        "– skip_no_mm: the process has gone",
        "anonmm->mm is NULL, mm/rmap.c · 2.6.5-rc1 + anobjrmap",
        "The anonmm is still on the list because others were forked from it, but its address space is "
        "gone. It is passed over.",
        "Cleared by exit; read by every walk of the list.",
    ),
    "left": _entry(
        "✗ left: a PTE of another page",
        "swap_out_pmd, mm/vmscan.c · 2.4, before rmap",
        "The scan goes through page tables, not from a page, so it meets every present PTE on its way. "
        "This one maps another page and was left as it is.",
        "Decided at each present PTE behind the cursor of swap_out.",
    ),
}

_SCREEN: Final = {
    "source": _entry(
        "a line of source",
        "the simulator's own function, named as the kernel's",
        "This is the code that runs here, not a picture of it. Enter runs on to the line.",
        "Files under vmtui/mm are named after the kernel's mm/*.c.",
    ),
    "stack": _entry(
        "the call stack",
        "who called whom, outermost first",
        "The functions that wait for the running one to return. Enter runs until it has returned to this "
        "one.",
        "Recorded at each step, from the chain of suspended functions.",
    ),
    "frames": _entry(
        "page frames",
        "mem_map[], one struct page for each 4096 bytes · 2.6",
        "Shape says what a frame holds, fill how many PTEs map it: none, one, two or more. Frames of user "
        "pages come from the bottom, page tables from the top; the frames of a cluster look alike.",
        "Read from flags, count and mapcount of each struct page; z and Z zoom.",
    ),
    "frames_afar": _entry(
        "page frames, many to a cell",
        "mem_map[], one struct page for each 4096 bytes · 2.6",
        "A cell has two signs: what most of its frames in use are, mapped as most of those, and behind it "
        "how many of its frames are in use. The lower edge counts the cell under the cursor.",
        "Counted from flags, count, mapping and mapcount of every struct page in view; z and Z zoom.",
    ),
    "pages": _entry(
        "the pages of a VMA",
        "its PTEs in order of address · 2.6",
        "A row for each page, as the page table has it. Present, the zero page, in swap, or untouched.",
        "Set by faults, fork, swap-out; v goes back to the frames.",
    ),
    "header": _entry(
        "the machine",
        "scheme, rules and what is full · 2.6, i386",
        "Memory counts frames that hold anything; low is what the kernel's own objects may still take "
        "below 896 MB. rmap is what this scheme's reverse map takes beyond what a kernel without one "
        "would: the objects of pane 3, and the members that VMAs and mms have for them.",
        "The ledger charges mem_map, page tables, VMAs and anon_vmas as the period's kernel did.",
    ),
    "narration": _entry(
        "the narration",
        OURS,
        "An error comes first, then a failed expectation, then what the scenario says, then what the last "
        "step did. Below it stand the command and the counter of its walk.",
        "Enter goes to the next beat.",
    ),
    "timeline": _entry(
        "the timeline",
        OURS,
        "Each mark ends a command; the bars say how many steps it took. Left of the upright is what "
        "happened, right of it what was undone or is still to come.",
        "A click goes to that moment; typing a command there starts a branch.",
    ),
    "branch": _entry(
        "a branch",
        OURS,
        "Commands that were given from an earlier moment than the end. It is kept as text and played "
        "again when you go to it.",
        "Made when a command is given after going back; B lists them.",
    ),
}

_FLAG_TEXTS: Final = {
    "locked": (
        "PG_locked, bit 0",
        "Somebody works on the page and others wait.",
        "TestSetPageLocked in shrink_list",
    ),
    "referenced": (
        "PG_referenced, bit 2",
        "The page was used through the kernel since it was last asked.",
        "mark_page_accessed; read and cleared by page_referenced",
    ),
    "uptodate": ("PG_uptodate, bit 3", "Its content is what it should be.", "the end of a read, add_to_swap"),
    "dirty": (
        "PG_dirty, bit 4",
        "It differs from its copy on disk.",
        "try_to_unmap_one, pageout",
    ),
    "lru": (
        "PG_lru, bit 5",
        "It is on one of the two LRU lists.",
        "lru_cache_add, shrink_cache",
    ),
    "active": (
        "PG_active, bit 6",
        "The list it is on is the active one.",
        "activate_page, refill_inactive_zone",
    ),
    "reserved": ("PG_reserved, bit 11", "It is no ordinary page: the zero page.", "boot; do_wp_page, rmap"),
    "writeback": ("PG_writeback, bit 13", "It is being written to disk now.", "pageout, end_page_writeback"),
    "direct": (
        "PG_direct, bit 16 of the RFC",
        "The union is the one VMA that maps the page.",
        "page_add_rmap for a new page; cleared at fork",
    ),
    "swapcache": (
        "PG_swapcache, as 2.6.6; its number here is ours",
        "It has a swap slot, in private.",
        "add_to_swap_cache, delete_from_swap_cache",
    ),
    "reclaim": (
        "PG_reclaim, which is PG_readahead at other times; its number here is ours",
        "It is dirty and was left to the flushers; no fault maps it on the way to another page.",
        "shrink_folio_list; cleared when it is dirtied again",
    ),
    "anon": (
        "PG_anon, bit 20 of the RFC",
        "It belongs to no file: the union is a VMA or an anon_vma.",
        "page_add_rmap; cleared with the last mapping",
    ),
    "anon_exclusive": (
        "PG_anon_exclusive, bit 11 of an anonymous page in 6.18; its number here is ours",
        "One process has it for itself.",
        "do_wp_page, do_swap_page; cleared at fork",
    ),
    "swapbacked": (
        "PG_swapbacked, since 2.6.28; its number here is ours",
        "It goes to swap and not to a file.",
        "folio_add_new_anon_rmap; cleared by MADV_FREE",
    ),
    "mlocked": (
        "PG_mlocked, since 2.6.28; its number here is ours, and it is set of a page that a lock was left on",
        "It stays in memory, though no VMA that maps it is locked.",
        "dontunmap_complete",
    ),
    "mlock_missed": (
        "ours: what PG_mlocked lacks in 6.18",
        "It was read from swap into memory that was locked, and the lock is not on the page itself: were the "
        "VMA to leave its lock behind, this page would have none.",
        "do_swap_page; cleared by mlock, by page-out that meets the VMA, and by a fault that finds it cached",
    ),
    "table": ("ours: no flag in 2.6", "The frame holds a page table.", "pte_alloc_map, free_pgtables"),
}

_FLAGS: Final = {
    f"flag.{name}": _entry(
        f"{name.upper()}",
        f"{kernel} · include/linux/page-flags.h",
        f"{text} It is shown among the flags while it is set; a plus or a minus: the last step changed it.",
        f"Set and read in {where}.",
    )
    for name, (kernel, text, where) in _FLAG_TEXTS.items()
}

_HELD: Final = {f"ledger.{kind}": _entry(*entry) for kind, entry in HOLDERS.items()}
_COUNTED: Final = {f"work.{name}": _entry(*entry) for name, entry in COUNTERS.items()}

#: What each sign on the screen is explained by, where that is not an entry of its own name.
_SIGNS: Final = {
    "pointer": "page.union",
    "open": "mm",
    "more_up": "walk",
    "more_down": "walk",
    "right": "page.union",
    "left": "page.union",
    "list_node": "lists",
    "list_part": "lists",
    "list_free": "lists",
    "list_more": "lists",
    "arrow": "page",
    "implies": "page.union",
    "none": "pages",
    "swapped": "swap",
    "bar": "header",
    "bar_rest": "header",
    "pinned": "header",
    "follow": "header",
    "now": "timeline",
}
_FRAMES: Final = ("free", "kernel", "table", "anon", "file", "swap", "zero")

ENTRIES: Final[Mapping[str, Explanation]] = MappingProxyType(
    {**_FIELDS, **_OBJECTS, **_WALK, **_OUTCOMES, **_SCREEN, **_FLAGS, **_HELD, **_COUNTED}
)


def explain(key: str, entries: Entries = NOTHING) -> Explanation | None:
    """The entry of a key; ``glyph.NAME`` for a sign. None where there is none.

    Args:
        entries: What the machine's scheme says; it goes before what is said under every scheme.
    """
    if not key.startswith("glyph."):
        return _entry(*entries[key]) if key in entries else ENTRIES.get(key)
    name = key.removeprefix("glyph.")
    glyph = GLYPHS.get(name)
    if glyph is None:
        return None
    if name in ENTRIES and name not in _SIGNS:
        return explain(name, entries)
    topic = _SIGNS.get(name) or ("frames" if name.split("_")[0] in _FRAMES else "timeline")
    entry = explain(topic, entries) or ENTRIES[topic]
    return attrs.evolve(entry, title=f"{glyph.char}  {glyph.meaning}")
