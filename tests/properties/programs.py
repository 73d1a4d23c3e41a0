"""Random programs: lists of command lines, most of which make sense."""

from __future__ import annotations

from hypothesis import strategies as st

_LABELS = ("h", "k", "s", "m", "t", "b")
_PROCESSES = ("a", "b", "c", "d")
_FILES = ("f", "g")


@st.composite
def places(draw: st.DrawFn, pages: int) -> str:
    """A place: a label, a page of it or a range, sometimes beyond its end."""
    process = draw(st.sampled_from(_PROCESSES[:2] + _PROCESSES))
    name = f"{process}.{draw(st.sampled_from(_LABELS[:1] * 3 + _LABELS))}"
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return name
    first = draw(st.integers(0, pages))
    if kind == 1:
        return f"{name}[{first}]"
    return f"{name}[{first}:{first + draw(st.integers(1, pages))}]"


@st.composite
def lines(draw: st.DrawFn, pages: int) -> str:
    """One command line; labels are about `pages` long."""
    process = st.sampled_from(_PROCESSES)
    label = st.sampled_from(_LABELS[:3])
    place = places(pages)
    many = f"{draw(st.integers(1, 2 * pages))} pages"
    kind = draw(st.integers(0, 31))
    if kind <= 5:
        return f"write {draw(place)}"
    if kind <= 8:
        return f"read {draw(place)}"
    if kind <= 11:
        return f"fork {draw(process)} {draw(process)}"
    if kind <= 13:
        perms = draw(st.sampled_from(("rw", "rw", "r", "none")))
        return f"mmap {draw(process)} {draw(label)} {many} {perms} private"
    if kind == 14:
        return f"mmap {draw(process)} k {many} rw private after h"
    if kind <= 16:
        return f"swapout {draw(place)}"
    if kind <= 19:
        return draw(file_lines(pages))
    perms = draw(st.sampled_from(("r", "rw", "rw", "none", "rx")))
    return draw(
        st.sampled_from(
            (
                f"evict {draw(place)}",
                f"munmap {draw(place)}",
                f"mprotect {draw(place)} {perms}",
                f"madvise {draw(place)} dontneed",
                f"mlock {draw(place)}",
                f"munlock {draw(place)}",
                f"mremap {draw(place)} {many}",
                f"mremap {draw(place)} {many} to 0x{0x60000 + draw(st.integers(0, 64)):x}000 as s",
                f"referenced {draw(place)}",
                f"walk {draw(place)}",
                f"reclaim {draw(st.integers(1, 8))} pages",
                f"exit {draw(process)}",
                f"spawn {draw(process)}",
                f"exec {draw(process)}",
                f"brk {draw(process)} b {many}",
            )
        )
    )


@st.composite
def file_lines(draw: st.DrawFn, pages: int) -> str:
    """A line about files, shared memory, or the end of swap."""
    process = draw(st.sampled_from(_PROCESSES))
    file = draw(st.sampled_from(_FILES))
    many = f"{draw(st.integers(1, 2 * pages))} pages"
    perms = draw(st.sampled_from(("rw", "rw", "r", "rx")))
    offset = draw(st.sampled_from(("", f" + {draw(st.integers(0, pages))} pages")))
    kind = draw(st.integers(0, 11))
    if kind <= 2:
        return f"mmap {process} m {many} rw shared"
    if kind <= 5:
        return f"mmap {process} t {many} {perms} shared {file}{offset}"
    if kind <= 8:
        return f"mmap {process} t {many} {perms} private {file}{offset}"
    if kind == 9:
        return f"file {file} {many}"
    if kind == 10:
        return f"truncate {file} {many}"
    return draw(st.sampled_from((f"truncate {file} 1 pages", "swapoff")))


@st.composite
def window_lines(draw: st.DrawFn, pages: int) -> str:
    """A line about a window on a file, or on shared memory, whose pages may be out of order."""
    process = draw(st.sampled_from(_PROCESSES[:2]))
    first = draw(st.integers(0, pages - 1))
    many = draw(st.integers(1, pages))
    name = f"{process}.{draw(st.sampled_from(('w', 'w', 'w', 'm', 's')))}"
    place = draw(st.sampled_from((name, f"{name}[{first}]", f"{name}[{first}:{first + many}]")))
    offset = draw(st.integers(0, 3 * pages)) * 4096
    page_out = draw(st.sampled_from(("swapout", "evict", "referenced", "walk")))
    perms = draw(st.sampled_from(("r", "rw", "none")))
    return draw(
        st.sampled_from(
            (
                *[f"remap_file_pages {place} to {offset}"] * 6,
                *(f"{word} {place}" for word in ("read", "write", "munmap", "mlock", "munlock")),
                *(f"{word} {place}" for word in ("read", "write", page_out, page_out)),
                f"madvise {place} dontneed",
                f"mprotect {place} {perms}",
                f"mremap {place} {many} pages",
                f"mremap {place} {many} pages to 0x{0x60000 + first:x}000 as s",
                f"mmap {process} w {many} pages rw shared f + {first} pages",
                f"truncate f {draw(st.integers(pages, 4 * pages))} pages",
                f"fork {process} {draw(st.sampled_from(_PROCESSES))}",
            )
        )
    )


def beginning(pages: int) -> list[str]:
    """The lines that every program begins with."""
    return [
        "spawn a",
        f"mmap a h {pages} pages rw private",
        "write a.h",
        f"file f {pages} pages",
        f"mmap a t {pages} pages rw private f",
        f"mmap a m {pages} pages rw shared",
        "read a.t",
    ]


def programs(pages: int = 8, size: int = 40) -> st.SearchStrategy[list[str]]:
    """Programs that begin with a process, and mappings of memory, of a file and of shared memory."""
    rest = st.lists(lines(pages), min_size=size // 2, max_size=size)
    return rest.map(lambda found: beginning(pages) + found)


@st.composite
def long_programs(draw: st.DrawFn, pages: int = 6, size: int = 50) -> list[str]:
    """Programs of `size` lines; one that shrinks to nothing is left out.  Every other one never reclaims."""
    reclaims = draw(st.booleans())
    line = st.integers(0, 63).flatmap(lambda number: lines(pages) if number else st.just(""))
    found = draw(st.lists(line, min_size=size, max_size=size))
    kept = [line for line in found if line and (reclaims or not line.startswith("reclaim"))]
    return [*beginning(pages), *kept]


@st.composite
def window_programs(draw: st.DrawFn, pages: int = 8, size: int = 40) -> list[str]:
    """Programs in which remap_file_pages is as frequent as faults; some lines are of the usual kind."""
    line = st.integers(0, 4).flatmap(lambda kind: window_lines(pages) if kind else lines(pages))
    window = [f"truncate f {4 * pages} pages", f"mmap a w {pages} pages rw shared f", "read a.w"]
    return [*beginning(pages), *window, *draw(st.lists(line, min_size=size // 2, max_size=size))]
