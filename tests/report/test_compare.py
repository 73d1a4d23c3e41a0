"""The same commands under several schemes: figures, differences, and what is said of them."""

import json
from pathlib import Path

import jsonschema
import pytest

from tests.small import small
from vmtui.cli import main
from vmtui.mm.rmap import SCHEMES
from vmtui.report import contract
from vmtui.report.compare import compare, try_scheme
from vmtui.report.compare_text import compare_lines
from vmtui.report.tables import WIDTH, Table
from vmtui.scenario import load

FOLDER = Path(__file__).resolve().parents[2] / "scenarios"
FALSE_CANDIDATE = FOLDER / "06-copy-on-write-and-the-false-candidate.scenario"
MLOCK = FOLDER / "12-mlock-holds-a-page.scenario"
FORK_AND_EXEC = """\
title Fork and exec
param count = 100
machine rmap=pte_chain
spawn sh
mmap sh heap count pages rw private
write sh.heap
fork sh kid
exec kid
exit sh
"""
FIRST_TWO = ("anon_vma_rfc", "pte_chain")
OUT = """\
machine rmap=pte_chain ram=4M
param n = 200
spawn sh
mmap sh heap 10 pages rw private
write sh.heap
repeat n as i
  fork sh c{i}
end
"""


def trials_of(found):
    """Its trials by scheme."""
    return {trial.scheme: trial for trial in found.trials}


def test_walks_are_those_of_play():
    """A row a line that walked; its sums are the walks that `play --rmap` tells."""
    trials = trials_of(compare(load(FALSE_CANDIDATE)))

    rfc, chains = ([(row.kind, row.examined, row.hits) for row in trials[name].walks] for name in FIRST_TWO)
    assert rfc == [("look", 4, 4), ("referenced", 4, 1), ("look", 3, 1), ("look", 4, 1), ("look", 1, 1)]
    assert chains == [("look", 4, 4), ("referenced", 1, 1), *[("look", 1, 1)] * 3]
    for trial in trials.values():
        assert all(row.examined == row.hits + row.misses for row in trial.walks)
        assert trial.examined == sum(row.examined for row in trial.walks)


def test_what_fork_and_exec_leaves():
    """A chain a page in fork, all of them still held after the exec; each exit searches a slot a page."""
    trials = trials_of(compare(load(FORK_AND_EXEC)))

    after = {name: trial.bytes_after for name, trial in trials.items()}
    assert after["pte_chain"] == (0, 0, 0, 12_800, 12_800, 0)
    assert after["anon_vma_rfc"] == (0, 12, 12, 36, 24, 0)
    assert after["virtual_scan"] == (0,) * 6
    assert (12_800, 0) == (trials["pte_chain"].most, trials["pte_chain"].reverse_map)
    assert 200 == trials["pte_chain"].work["slots_searched"]
    assert 0 == trials["anon_vma_rfc"].work["slots_searched"]


def test_expects_of_another_scheme_are_no_verdict():
    """Facts of the file's own scheme hold under it alone, and fail under none."""
    found = compare(load(FALSE_CANDIDATE), ("pte_chain", "anon_vma_rfc"))

    assert "anon_vma_rfc" == found.reference
    assert [(0, 0, 9), (9, 0, 0)] == [(t.passed, t.failed, t.not_applicable) for t in found.trials]
    assert found.ok


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.scenario")), ids=lambda path: path.stem)
def test_every_difference_is_declared(path):
    """The scenarios come to the same machine under all schemes, but where a scheme says why it does not."""
    found = compare(load(path, params=small(path)))

    assert all(difference.reason for difference in found.differences)
    assert small(path) or found.ok
    stops = {trial.scheme: trial.stop.errno for trial in found.trials if trial.stop is not None}
    without = ("anon_vma_rfc", "anonmm", "anon_vma_chain") if "nonlinear" in path.stem else ()
    assert stops == dict.fromkeys(without, "ENOSYS")


def test_a_declared_difference_is_named():
    """The first command after which a scheme holds something else, what differs, and its reason."""
    text = "spawn a; mmap a h 2 pages rw private; write a.h; fork a b; mremap b.h 2 pages to 0x60000000"
    (difference,) = compare(load(text)).differences

    assert ("anonmm", "mremap b.h 2 pages to 0x60000000") == (difference.scheme, difference.text)
    assert ("process b", "mapcounts", "free frames") == difference.what
    assert "anonmm: a page that is shared" in difference.reason


def test_a_lock_explains_page_out_only_where_something_was_locked():
    """As posted, the draft loses pages: that is the reason given, not somebody's way with locks."""
    found = compare(load(FOLDER / "10-a-vma-splits-as-posted.scenario"), ("pte_chain", "anon_vma_rfc"))

    (difference,) = found.differences
    assert "anon_vma_rfc: known for pages that are unreachable" == difference.reason


def test_where_memory_ends_is_told_and_no_difference():
    """A scheme that runs out of low memory stops there; what others do later is not held against it."""
    found = compare(load(OUT), ("pte_chain", "virtual_scan"))
    chains, _ = found.trials

    assert chains.out_of_memory
    assert chains.stop.text.startswith("fork sh c")
    assert (7, "ENOMEM") == (chains.stop.line, chains.stop.errno)
    assert chains.stop.commands == chains.commands == len(chains.bytes_after) - 1
    assert () == found.differences
    assert any(f"stops after {chains.commands} commands" in line for line in compare_lines(found))


def test_large_machines_are_compared_at_the_end():
    """Beyond 4,096 pages in memory the content is compared once, and the text says so."""
    scripts = (load(FORK_AND_EXEC, params={"count": count}) for count in (9, 5000))
    small, large = (compare(script, ("pte_chain", "anonmm")) for script in scripts)

    assert (True, False) == (small.closely, large.closely)
    assert () == small.differences == large.differences
    assert list(compare_lines(small))[-1].endswith("after each of 6 commands")
    assert list(compare_lines(large))[-1].endswith("after 6 commands")


def test_it_is_the_same_every_time():
    """Two comparisons of one file are equal; one scheme alone has the figures it has beside others."""
    script = load(FALSE_CANDIDATE)
    first, again = compare(script), compare(script)

    assert first == again
    assert trials_of(first)["anonmm"] == try_scheme(script, "anonmm")


def test_fork_and_exec_in_short():
    """Held after the exec, and slots that it searched: in the first lines, as people say bytes."""
    found = compare(load(FOLDER / "20-fork-and-exec.scenario"), ("pte_chain", "anon_vma_rfc"))
    heading, chains, lists = list(compare_lines(found, 80))[3:6]

    assert ["at", "most", "at", "the", "end", "looks", "slots", "searched"] == heading.split()[2:]
    assert ["pte_chain", "12.2", "MB", "12.2", "MB", "########", "1", "100,000"] == chains.split()
    assert ["anon_vma_rfc", "36", "B", "24", "B", "1", "0"] == lists.split()


@pytest.mark.parametrize("width", [70, 80, WIDTH])
@pytest.mark.parametrize("path", [FALSE_CANDIDATE, MLOCK], ids=lambda path: path.stem)
def test_the_text_fits_a_screen(path, width):
    """No line is wider than the screen: what does not fit of a table goes on below."""
    assert max(map(len, compare_lines(compare(load(path)), width))) <= width


@pytest.mark.parametrize("path", [FALSE_CANDIDATE, MLOCK], ids=lambda path: path.stem)
def test_a_column_a_scheme(path):
    """On a wide screen each table has a column a scheme."""
    lines = list(compare_lines(compare(load(path)), 120))

    for title in (
        "low memory, bytes",
        "walks by line: examined/hits",
        "fast path: what was counted",
        "expects",
    ):
        (heading,) = (line for line in lines if line.startswith(title))
        assert tuple(heading.removeprefix(title).split()) == SCHEMES


def test_a_table_too_wide_goes_on_below():
    """Columns that do not fit follow in a table of their own; labels are cut, figures never."""
    table = Table("title", [f"column{n}" for n in range(12)], [("x" * 60, ["1,000,000"] * 12)])
    lines = list(table.lines())

    assert max(map(len, lines)) <= WIDTH
    assert ["title", "xxxxx", "", "title", "xxxxx", "", "title", "xxxxx"] == [line[:5] for line in lines]
    assert [4, 4, 4] == [line.count("1,000,000") for line in lines[1::3]]
    assert all("…" in line for line in lines[1::3])


def test_a_heading_longer_than_its_figures_goes_on_in_a_second_line():
    """Only where the table would not fit; nothing of a heading is lost, and each stands over its column."""
    headings = ("virtual_scan", "objrmap", "anon_vma_chain", "anon_vma_rfc")
    rows = [("a label", ["1", "22", "333", "4444"])]
    wide, narrow = (list(Table("title", headings, rows, width).lines()) for width in (80, 46))

    assert 2 == len(wide)
    assert headings == tuple(wide[0].split()[1:])
    assert 3 == len(narrow)
    upper, lower = narrow[0].split()[1:], narrow[1].split()
    assert headings == (upper[0] + lower[0], upper[1], upper[2] + lower[1], upper[3] + lower[2])
    for figure in rows[0][1]:
        end = narrow[2].index(figure) + len(figure)
        assert " " not in narrow[0][end - 1 : end]
    assert max(map(len, narrow)) <= 46


@pytest.mark.parametrize(
    ("source", "heading", "legend", "numbers"),
    [
        (
            FALSE_CANDIDATE,
            "walks by line:",
            f"that of a line of {FALSE_CANDIDATE.name}",
            (17, 29, 33, 35, 39),
        ),
        (
            "spawn a\nmmap a h 1 pages rw private\nwrite a.h\nwalk a.h\n",
            "walks by line:",
            "of the text",
            (4,),
        ),
        ("spawn a; mmap a h 1 pages rw private; write a.h; walk a.h", "walks by command:", "a command", (4,)),
    ],
    ids=["file", "text", "commands"],
)
def test_what_is_counted_is_said(source, heading, legend, numbers):
    """Over the walks and below them stands whether their numbers are of lines or of commands, and of what."""
    lines = list(compare_lines(compare(load(source), FIRST_TWO)))
    at = next(number for number, line in enumerate(lines) if line.startswith(heading))
    rows = [line for line in lines[at + 1 :] if line[:3].strip().isdigit()]

    assert numbers == tuple(int(row.split()[0]) for row in rows)
    assert legend in lines[at + 1 + len(rows)]


def test_the_command_line(capsys):
    """`compare` prints the text, or one object that the schema describes; bad schemes are exit 2."""
    assert 0 == main(["compare", str(FALSE_CANDIDATE), "--rmap", "anonmm,pte_chain", "--set", "children=5"])
    assert "machine children=5" in capsys.readouterr().out

    assert 0 == main(["compare", "--json", str(FALSE_CANDIDATE)])
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, json.loads(contract.schema()))
    part = {"$ref": "#/$defs/comparison", "$defs": json.loads(contract.schema())["$defs"]}
    jsonschema.validate(told, part)
    assert list(SCHEMES) == [trial["scheme"] for trial in told["trials"]]

    assert 2 == main(["compare", str(FALSE_CANDIDATE), "--rmap", "anonm"])
    assert "did you mean anonmm?" in capsys.readouterr().err
    assert 2 == main(["compare", "--json", "nosuch"])
    assert "error" in json.loads(capsys.readouterr().out)


def test_a_failed_expect_is_1(capsys):
    """An expect over pages holds everywhere or fails; where it fails the exit code says so."""
    assert 1 == main(["compare", "-c", "spawn a; expect not a.alive"])
    assert "pte_chain FAILED command 2: expect not a.alive" in capsys.readouterr().out
