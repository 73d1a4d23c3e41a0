"""Random programs: lists of command lines, most of which make sense."""

from __future__ import annotations

from hypothesis import strategies as st

_LABELS = ("h", "k", "s")
_PROCESSES = ("a", "b", "c", "d")


@st.composite
def places(draw: st.DrawFn, pages: int) -> str:
    """A place: a label, a page of it or a range, sometimes beyond its end."""
    process = draw(st.sampled_from(_PROCESSES[:2] + _PROCESSES))
    name = f"{process}.{draw(st.sampled_from(_LABELS[:1] + _LABELS))}"
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
    label = st.sampled_from(_LABELS)
    place = places(pages)
    many = f"{draw(st.integers(1, 2 * pages))} pages"
    kind = draw(st.integers(0, 26))
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
            )
        )
    )


def programs(pages: int = 8, size: int = 40) -> st.SearchStrategy[list[str]]:
    """Programs that begin with a process and a mapping of it."""
    begin = ["spawn a", f"mmap a h {pages} pages rw private", "write a.h"]
    return st.lists(lines(pages), min_size=size // 2, max_size=size).map(lambda rest: begin + rest)
