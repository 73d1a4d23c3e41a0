"""The words of pagemap, kpageflags and PAGEMAP_SCAN."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmtui.live.maps import ProcError
from vmtui.live.pagemap import KPAGEFLAGS, PagemapEntry, Words, decode_words, flag_names, flags_word
from vmtui.live.scan import CATEGORIES, Region, decode_regions, encode_request


def test_words_seen_on_a_live_kernel():
    """A shared anonymous page, a swap entry, an exclusive page, and a guard region."""
    assert PagemapEntry(present=True, pfn=0x532A42) == PagemapEntry.decode(0x8000000000532A42)
    assert PagemapEntry(swapped=True, swap_offset=9) == PagemapEntry.decode(0x4000000000000120)
    assert PagemapEntry(present=True, exclusive=True, pfn=0x11C6D9) == PagemapEntry.decode(0x810000000011C6D9)
    assert PagemapEntry.decode(0x44000000000000FF).guard


ENTRIES = st.one_of(
    st.builds(
        PagemapEntry,
        present=st.just(True),
        exclusive=st.booleans(),
        file=st.booleans(),
        pfn=st.integers(0, (1 << 55) - 1),
    ),
    st.builds(
        PagemapEntry,
        swapped=st.just(True),
        swap_type=st.integers(0, 31),
        swap_offset=st.integers(0, (1 << 50) - 1),
        guard=st.booleans(),
    ),
    st.just(PagemapEntry()),
)


@given(ENTRIES)
def test_entries_survive_as_words(entry):
    """decode(encode(x)) == x."""
    assert entry == PagemapEntry.decode(entry.encode())


@given(st.sets(st.sampled_from(sorted(KPAGEFLAGS.values()))))
def test_flags_survive_as_words(names):
    """The names of a word's bits are those it was made of."""
    assert names == flag_names(flags_word(frozenset(names)))


def test_flags_of_a_written_anonymous_page():
    """0x5828: what a drained anonymous page shows."""
    assert {"LRU", "SWAPBACKED", "UPTODATE", "ANON", "MMAP"} == flag_names(0x5828)


def test_anon_exclusive_is_bit_34():
    """PageAnonExclusive shows as the second bit a page's owner may use."""
    assert {"OWNER_2"} == flag_names(1 << 34)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=8))
def test_words_are_64_bits_each(words):
    """A file of such words gives them in order."""
    assert tuple(words) == decode_words(struct.pack(f"={len(words)}Q", *words))


def test_half_a_word_is_refused():
    """A file that ends inside a word is not what it should be."""
    with pytest.raises(ProcError, match="12 bytes"):
        decode_words(bytes(12))


@given(st.lists(st.integers(0, 40), max_size=20))
def test_words_are_found_by_index(tmp_path_factory, indices):
    """Whatever indices are asked for, in whatever order, each has the word at its place."""
    path = tmp_path_factory.getbasetemp() / "words"
    path.write_bytes(struct.pack("=41Q", *(index * 3 for index in range(41))))
    with Words(path) as words:
        assert {index: index * 3 for index in indices} == words.at(indices)


def test_words_behind_the_end_are_not_there(tmp_path):
    """kpageflags ends with memory; what lies behind has no word."""
    path = tmp_path / "words"
    path.write_bytes(struct.pack("=2Q", 7, 8))
    with Words(path) as words:
        assert {1: 8} == words.at([1, 2, 3])


REGIONS = st.builds(
    Region,
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.frozensets(st.sampled_from(CATEGORIES)),
)


@given(st.lists(REGIONS, max_size=4))
def test_regions_survive_as_bytes(regions):
    """``struct page_region``: start, end, categories."""
    data = b"".join(
        struct.pack("=3Q", region.start, region.end, sum(1 << CATEGORIES.index(c) for c in region.categories))
        for region in regions
    )

    assert tuple(regions) == decode_regions(data)


def test_a_request_asks_for_pages_that_are_something():
    """``struct pm_scan_arg``: its own size first; present or swapped pages, with what they are."""
    size, flags, start, end, _, vector, length, limit, inverted, needed, any_of, wanted = struct.unpack(
        "=12Q", encode_request(0x1000, 0x3000, 0xABC000, 16)
    )

    assert (96, 0, 0x1000, 0x3000, 0xABC000, 16) == (size, flags, start, end, vector, length)
    assert (0, 0, 0) == (limit, inverted, needed)
    assert 8 | 16 == any_of
    assert 4 | 8 | 16 | 32 | 256 == wanted
