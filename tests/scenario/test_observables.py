"""Observables and expects: what is read, of what, and what it means where there is nothing to read."""

import json
import re
from pathlib import Path

import pytest

import vmtui.mm
from vmtui.errors import KernelError
from vmtui.mm.step import WalkRecord
from vmtui.player import Player
from vmtui.report import contract
from vmtui.scenario import parse_expression, parse_line
from vmtui.scenario.checks import check, check_error
from vmtui.scenario.facts import Facts, deciding_walk
from vmtui.scenario.lines import grounds
from vmtui.scenario.nodes import ExpressionError
from vmtui.scenario.observables import OBSERVABLES, WALK_KINDS, PageValue, table
from vmtui.scenario.script import load
from vmtui.session import Session
from vmtui.testing import play

MM = Path(vmtui.mm.__file__).parent
WALK_BEGINS = re.compile(r'walk_begins\(\w+, "(\w+)"')
START = "spawn sh; mmap sh heap 4 pages rw private; write sh.heap[0:2]; read sh.heap[2]; write sh.heap[1]"


@pytest.fixture(scope="module")
def shared():
    """A process with pages present, zero, swapped and untouched, and a child that shares them."""
    return play(
        "spawn sh\nmmap sh heap 6 pages rw private\nwrite sh.heap[0:3]\nread sh.heap[3]\nfork sh child\n"
        "write child.heap[1]\nswapout sh.heap[2]\n"
    )


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("sh.heap[0].present", True),
        ("sh.heap[0].mapcount", 2),
        ("sh.heap[0].direct", False),
        ("child.heap[1].direct", True),
        ("sh.heap[0].pfn == child.heap[0].pfn", True),
        ("sh.heap[1].exclusive", True),
        ("sh.heap[1].writable", False),
        ("child.heap[1].writable", True),
        ("child.heap[1].dirty", True),
        ("sh.heap[0].anon", True),
        ("sh.heap[0].state", "present"),
        ("sh.heap[0].locked", False),
        ("sh.heap[2].state", "swapped"),
        ("sh.heap[2].swapped", True),
        ("sh.heap[2].slot", 1),
        ("sh.heap[2].swapcache", True),
        ("sh.heap[2].pfn", None),
        ("sh.heap[2].mapcount", 0),
        ("sh.heap[3].zero", True),
        ("sh.heap[3].present", False),
        ("sh.heap[3].state", "zero"),
        ("sh.heap[3].writable", None),
        ("sh.heap[4].present", False),
        ("sh.heap[4].swapped", False),
        ("sh.heap[4].zero", False),
        ("sh.heap[4].mapcount", 0),
        ("sh.heap[4].state", None),
        ("sh.heap[4].slot", None),
        ("sh.heap[4].direct", None),
        ("sh.heap[4].pfn == none", True),
        ("sh:0x40000000.present", True),
        ("sh:0x40000fff.pfn == sh.heap[0].pfn", True),
        ("sh:0x30000000.present", False),
        ("sh.heap.perms", "rw-p"),
        ("sh.heap.start", 0x40000000),
        ("sh.heap.pages", 6),
        ("sh.heap[5].end", 0x40006000),
        ("sh.heap.file", None),
        ("sh.heap.chain", None),
        ("sh.heap.anon_vma == child.heap.anon_vma", True),
        ("sh.alive", True),
        ("sh.vmas", 1),
        ("sh.rss", 2),
        ("sh.swap", 1),
        ("sh.page_tables", 4),
        ("count(sh.heap.present)", 2),
        ("count(sh.heap[0:3].present)", 2),
        ("count(sh.heap.pfn)", 2),
        ("all(sh.heap[0:2].present)", True),
        ("all(sh.heap.present)", False),
        ("any(sh.heap.zero)", True),
        ("sum(sh.heap.mapcount)", 3),
        ("max(sh.heap.mapcount)", 2),
        ("min(sh.heap[0:2].mapcount)", 1),
        ("min(sh.heap[4:6].pfn)", None),
        ("count(sh.heap.mapcount >= 1 and not sh.heap.direct)", 2),
        ("count(sh.heap[0:2].pfn == child.heap[0:2].pfn)", 1),
        ("anon_vmas", 1),
        ("ledger.anon_vma", 12),
        ("ledger.vm_area_struct", 2 * 76),
        ("frames.swap_cache", 1),
        ("swap.used", 1),
        ("walk.kind", "unmap"),
        ("walk.examined", 2),
        ("walk.referenced.kind", "referenced"),
        ("walk.look.examined", None),
        ("walks.count", 2),
        ("walks.sum.examined", 4),
        ("work.rmap_remove", 2),
        ("7 / 2 * 2 + 7 % 2 - -1", 8),
        ("1 + 1 == 2 and not false", True),
        ("none == none and 1 != none", True),
    ],
)
def test_what_is_read(shared, expression, value):
    """Every observable has the value that the machine's state gives it."""
    found = shared.value(expression)

    assert (type(value), value) == (type(found), found)


def test_a_frame_is_read_by_its_number(shared):
    """`pfn:N` reads struct page; what belongs to an entry or a process is none."""
    pfn = shared.value("sh.heap[0].pfn")

    assert shared.value(f"pfn:{pfn}.mapcount") == 2
    assert shared.value(f"pfn:{pfn}.writable") is None
    assert "anon" in shared.value(f"pfn:{pfn}.flags")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("sh.heap.present", "is a range"),
        ("sh.heap[4].pfn > 1", "is none, not a number"),
        ("not sh.heap[4].pfn", "is none, not true or false"),
        ("sh.heap[0].state > 1", 'is the text "present", not a number'),
        ("sh.heap[0].mapcount and true", "is 2, not true or false"),
        ("sh.heap[9].present", "has 6 pages"),
        ("sh.heap[3:2].present", "is empty"),
        ("sh.heep[0].present", "did you mean sh.heap?"),
        ("nobody.alive", "no process nobody"),
        ("frms + 1", "called frms"),
        ("1 / 0", "division by zero"),
        ("count(1 == 1)", "takes a range"),
        ("count(sh.heap[0:2].pfn == sh.heap[0:3].pfn)", "ranges of 2 and 3 pages"),
        ("sum(sh.heap.state)", "cannot be summed"),
        ("ledger.anon_vmaa", "did you mean ledger.anon_vma?"),
        ("pfn:99999999.count", "there are frames 1 to"),
        ("18446744073709551615 * 2", "too large"),
    ],
)
def test_what_has_no_value(shared, expression, message):
    """An expression that has no value says why, in a sentence."""
    with pytest.raises((KernelError, ExpressionError)) as caught:
        shared.value(expression)

    assert message in caught.value.message


def test_the_dead_are_readable():
    """A dead process is known, and not alive; what it had is none."""
    played = play("spawn sh; exit sh")

    assert played.value("sh.alive") is False
    assert played.value("sh.rss") is None


def test_the_table_names_every_observable():
    """What `vmtui observables` prints has a row for each, and every row but the patterns can be parsed."""
    rows = [name for name, _, _ in table()]

    assert all(any(row.endswith(f".{known.name}") for row in rows) for known in OBSERVABLES)
    for row in rows:
        parse_expression(row.replace("KIND", "anon_vma"))


def test_an_expect_tells_its_parts():
    """Each statement joined by `and` is told with both sides; the whole holds if all do."""
    played = play(START)

    line = parse_line("expect sh.heap[0].present and sh.rss == 5 and sh.vmas == 1")
    result = check(line, Facts(played.session.machine))

    assert result.holds is False
    assert [(part.left, part.operator, part.right, part.holds) for part in result.parts] == [
        (True, None, None, True),
        (2, "==", 5, False),
        (1, "==", 1, True),
    ]
    assert result.sentence == "sh.rss == 5: 2 not == 5"


def test_an_expect_without_a_value_fails():
    """What cannot be read does not hold, and the reason is told."""
    played = play(START)

    result = check(parse_line("expect nobody.alive"), Facts(played.session.machine))

    assert result.holds is False
    assert result.sentence == "nobody.alive: there is no process nobody"


def test_facts_of_another_scheme_have_no_verdict():
    """Where an expect does not apply it is shown as a value, and neither holds nor fails."""
    played = play(START)

    result = check(parse_line("expect anon_vmas == 9"), Facts(played.session.machine), applies=False)

    assert result.holds is None


@pytest.mark.parametrize(
    ("line", "is_fact"),
    [
        ("expect walk.examined == 1", True),
        ("expect walks.count == 1", True),
        ("expect ledger.anon_vma == 0", True),
        ("expect anon_vmas == 0", True),
        ("expect sh.heap.anon_vma == none", True),
        ("expect sh.heap[0].direct", True),
        ("expect sh.heap[0].mapcount == 1", False),
        ('expect sh.heap.perms == "rw-p" and sh.alive', False),
        ("expect frames.free > 1 and swap.used == 0", False),
    ],
)
def test_which_expects_are_facts_of_a_scheme(line, is_fact):
    """Walks, the ledger and anon_vma objects are the scheme's; pages, VMAs and processes are everybody's."""
    assert grounds(parse_line(line).expr, {}).scheme is is_fact


def test_a_let_rests_on_what_it_read():
    """An expect over a kept value states a fact of the scheme if the value is one, however it was kept."""
    text = "param n = 1\nspawn sh\nlet a = ledger.mem_map\nlet b = a + n\nexpect b == 655361\nexpect n == 1\n"

    own, other = play(text), play(text, rmap="anon_vma")
    larger = play(text, ram="128M")

    assert [True, True] == [result.holds for result in own.results]
    assert [None, True] == [result.holds for result in other.results]
    assert [None, True] == [result.holds for result in larger.results]
    assert "524289 is 524289" == other.results[0].sentence


def test_where_memory_ends_is_a_fact_of_the_machine():
    """An expected ENOMEM is a verdict on the file's own machine alone; any other refusal holds everywhere."""
    text = "machine ram=4M\nspawn a\nmmap a h 2000 pages rw private\nexpect-error ENOMEM write a.h\n"
    text += "expect-error EINVAL walk a.h\n"

    assert [True, True] == [result.holds for result in play(text).results]
    assert [None, False] == [result.holds for result in load_and_run(text, ram="64M")]


def load_and_run(text, **options):
    """The verdicts of a text, failed ones too."""
    script = load(text, **options)
    player = Player(Session(**script.options), script)
    while player.played < len(player.items):
        player.run_item()
    return player.results


def test_files_are_read():
    """A VMA says its file, shared memory none; a shared page is in swap where its object says so."""
    played = play(
        "file f 2 pages; spawn a; mmap a t 2 pages r private f; mmap a m 2 pages rw shared; read a.t[1]; "
        "write a.m; fork a b; swapout a.m[1]"
    )

    assert ("f", None) == (played.value("a.t.file"), played.value("a.m.file"))
    asked = ("state", "slot", "swapcache")
    assert ("swapped", 1, True) == tuple(played.value(f"b.m[1].{name}") for name in asked)
    assert 1 == played.value("count(b.m[0:2].swapped)")
    assert (False, 0) == (played.value("b.m[1].present"), played.value("b.m[1].mapcount"))
    assert (None, None) == (played.value("a.t[0].state"), played.value("a.t[0].slot"))
    assert 2 == played.value("frames.file")
    assert played.value("a.t[1].mapping") == 1


def test_the_deciding_walk():
    """`walk` is the last unmap or look walk, else the last; a kind names another."""
    first, second, third = (
        WalkRecord(kind=kind, page=1, scheme="s") for kind in ("unmap", "referenced", "referenced")
    )

    assert deciding_walk([]) is None
    assert deciding_walk([first, second]) is first
    assert deciding_walk([second, third]) is third
    assert deciding_walk([first, second], "referenced") is second


def test_refusals_are_checked_by_errno():
    """expect-error holds for that errno alone."""
    assert check_error("EINVAL", "walk sh.heap", KernelError("EINVAL", "no")).holds
    assert not check_error("EINVAL", "walk sh.heap", KernelError("ENOENT", "no")).holds
    assert "was done" in check_error("EINVAL", "walk sh.heap", None).sentence


def test_a_template_is_read_with_its_variables():
    """Variables go into names and indices when the value is read."""
    played = play(START)
    facts = Facts(played.session.machine, variables={"i": 1})

    value = parse_expression("s{0}.alive")

    assert isinstance(parse_expression("sh.heap[{i}].present"), PageValue)
    assert parse_expression("sh.heap[{i}].present").evaluate(facts) is True
    with pytest.raises(KernelError, match="no process s0"):
        value.evaluate(facts)


def test_the_kinds_of_walks_are_the_same_wherever_they_are_told():
    """The table, the JSON Schema and the walks that every scheme makes name one set of kinds."""
    (meaning,) = (text for name, _, text in table() if name == "walk.kind")
    (of_a_kind,) = (text for name, _, text in table() if name == "walk.referenced.hits")
    defined = json.loads(contract.schema())["$defs"]
    made = {call.group(1) for path in MM.rglob("*.py") for call in WALK_BEGINS.finditer(path.read_text())}

    assert set(WALK_KINDS) == set(re.findall(r'"(\w+)"', meaning)) == made
    assert set(WALK_KINDS) - {"referenced"} == set(re.findall(r"\.(\w+)", of_a_kind))
    assert list(WALK_KINDS) == defined["walk_kind"]["enum"]
    for holder in ("walk", "walk_row"):
        assert {"$ref": "#/$defs/walk_kind"} == defined[holder]["properties"]["kind"]
    for kind in WALK_KINDS:
        assert parse_expression(f"walk.{kind}.hits").path == ("walk", kind, "hits")
