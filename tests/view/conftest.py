"""Sessions to look at, and panes as text."""

import pytest

from vmtui.mm.rmap.scheme import Edge, Node, Picture
from vmtui.session import Session

COW = (
    "spawn sh",
    "mmap sh heap 4 pages rw private",
    "write sh.heap",
    "fork sh child",
    "write child.heap[1]",
    "swapout sh.heap[1]",
)


@pytest.fixture
def run():
    """A session that has run some lines."""

    def run(*lines, **options):
        session = Session(**options)
        for line in lines:
            session.attempt(line)
        return session

    return run


@pytest.fixture
def cow(run):
    """A page shared by fork, copied by the child, then forced out."""
    return run(*COW)


@pytest.fixture
def at(cow):
    """`cow` at the step with some words in its sentence, the last of them or the one of that number."""

    def at(words, number=-1):
        found = [n for n, record in enumerate(cow.steps, 1) if words in record.step.sentence]
        cow.seek(found[number])
        return cow

    return at


@pytest.fixture
def shown():
    """The rows of a pane, or some of them, as text."""

    def shown(rows, start=0, stop=None):
        return tuple(("  " * row.depth + row.text).rstrip() for row in rows[start:stop])

    return shown


@pytest.fixture
def picture():
    """A picture of a page with `total` candidates, rows `first` to `first + count` given."""

    def picture(total, first=0, count=None, direct=False):
        nodes = [
            Node(0, "page", ("page", 0x2A7), "page 0x2a7", (f"mapcount {total}", "index 40001", "ANON")),
            Node(1, "object", None, "anon_vma", ("none until", "fork"), empty=True)
            if direct
            else Node(1, "object", ("anon_vma", 1), "anon_vma 1", (f"vmas {total}", "12 B")),
        ]
        edges = [] if direct else [Edge(0, 1, "anon_vma", 0)]
        source = 0 if direct else 1
        for row in range(first, min(total, first + (total if count is None else count))):
            vma = len(nodes)
            nodes += [
                Node(2, "vma", ("vma", row + 1), f"c{row}", ("40000000-40004000", "pgoff 40000"), row),
                Node(3, "mm", ("mm", row + 1), f"c{row}", ("pgd",), row),
                Node(4, "pte", ("pte", 512 + row), "pte", ("0x2a7", "40001000"), row),
            ]
            edges += [
                Edge(source, vma, "" if row == first else "next", len(edges)),
                Edge(vma, vma + 1, "", len(edges) + 1),
                Edge(vma + 1, vma + 2, "", len(edges) + 2),
            ]
            source = vma
        headings = ("struct page", "anon_vma", "VMA list", "mm", "page table")
        return Picture(headings, tuple(nodes), tuple(edges), total, first)

    return picture
