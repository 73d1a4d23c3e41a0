"""A param swept: the values played, the points, where schemes cross, and where they end early."""

import json

import jsonschema
import pytest

from vmtui.cli import main
from vmtui.errors import OptionError, ScenarioErrors
from vmtui.report import contract
from vmtui.report.compare import try_scheme
from vmtui.report.compare_text import sweep_lines
from vmtui.report.sweep import sweep, values_of
from vmtui.scenario import load

SHARED = """\
param n = 1
spawn sh
mmap sh heap 4 pages rw private
write sh.heap
repeat n as i
  fork sh c{i}
end
walk sh.heap[0] full
"""
OUT = "machine ram=4M\n" + SHARED


def loader(text, **options):
    """What reads a text with params."""
    return lambda params: load(text, params=params, **options)


@pytest.mark.parametrize(
    ("ends", "steps", "values"),
    [
        ((1, 1000), 4, (1, 10, 100, 1000)),
        ((0, 9), 4, (0, 3, 6, 9)),
        ((5, 7), 10, (5, 6, 7)),
        ((3, 3), 2, (3,)),
        ((1, 20), 3, (1, 4, 20)),
    ],
)
def test_values(ends, steps, values):
    """Both ends; between them even steps, or equal factors where the last is twenty times the first."""
    assert values == values_of(*ends, steps)


@pytest.mark.parametrize(("ends", "steps"), [((2, 1), 5), ((1, 9), 1)])
def test_no_values(ends, steps):
    """An empty range, or one step, is refused."""
    with pytest.raises(OptionError):
        values_of(*ends, steps)


def test_points_are_plays():
    """A point is what one play of one scheme comes to."""
    found = sweep(loader(SHARED), "n", (1, 3), ("pte_chain", "anonmm"))

    assert [(p.scheme, p.value) for p in found.points] == [
        *(("pte_chain", 1), ("pte_chain", 3), ("anonmm", 1), ("anonmm", 3)),
    ]
    for point in found.points:
        trial = try_scheme(load(SHARED, params={"n": point.value}), point.scheme)
        assert (point.bytes, point.examined) == (trial.most, trial.examined)
    assert [512, 512, 72, 144] == [point.bytes for point in found.points]
    assert [2, 4, 2, 4] == [point.examined for point in found.points]


@pytest.mark.parametrize("values", [(1, 1000), (1, 5, 20, 100), (13, 14), tuple(range(1, 30))])
def test_the_crossing_is_found_exactly(values):
    """anonmm pays 36 bytes a process, four chains 512 until they grow: it overtakes them at 14 children."""
    found = sweep(loader(SHARED), "n", values, ("pte_chain", "anonmm"))

    first = found.crossings[0]
    assert ("bytes", "anonmm", "pte_chain") == (first.quantity, first.more, first.less)
    assert (13, 14) == (first.before, first.at)
    assert (36 * 15, 512) == (first.more_at, first.less_at)
    assert any("anonmm overtakes pte_chain at n = 14: 540 to 512" == line for line in sweep_lines(found))


def test_equal_is_not_overtaking():
    """Two schemes that examine as many candidates do not cross."""
    found = sweep(loader(SHARED), "n", (1, 9), ("pte_chain", "anon_vma"))

    assert [] == [crossing for crossing in found.crossings if crossing.quantity == "examined"]
    assert "no scheme overtakes another" in list(sweep_lines(found))


def test_where_a_scheme_ends_early():
    """The first value at which memory ends is found by halving; cells there say why, and do not cross."""
    found = sweep(loader(OUT), "n", (1, 500), ("pte_chain", "anonmm"))
    ends = {end.scheme: end for end in found.ends}

    assert {"pte_chain", "anonmm"} == set(ends)
    for scheme, end in ends.items():
        assert end.at == end.before + 1
        assert try_scheme(load(OUT, params={"n": end.before}), scheme).stop is None
        assert try_scheme(load(OUT, params={"n": end.at}), scheme).stop == end.stop
        assert "ENOMEM" == end.stop.errno
    assert any("ends early at n = " in line for line in sweep_lines(found))
    assert any("n = 500" in line and "ENOMEM" in line for line in sweep_lines(found))


def test_an_unknown_param_is_refused():
    """A param that the file does not have is an error of the file."""
    with pytest.raises(ScenarioErrors, match="no param m to set"):
        sweep(loader(SHARED), "m", (1, 2))


def test_the_command_line(capsys, tmp_path):
    """`sweep` prints the text, or one object that the schema describes; a bad range is exit 2."""
    path = tmp_path / "a.scenario"
    path.write_text(SHARED, encoding="utf-8")

    asked = ["sweep", str(path), "--over", "n=1..20", "--steps", "3", "--rmap", "pte_chain,anonmm"]
    assert 0 == main(asked)
    assert "anonmm overtakes pte_chain at n = 14" in capsys.readouterr().out
    assert 0 == main([*asked, "--json"])
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, {"$ref": "#/$defs/sweep", "$defs": json.loads(contract.schema())["$defs"]})
    assert [1, 4, 20] == told["values"]
    for over in ("n", "n=1", "n=a..3", "n=3..1", "m=1..2"):
        assert 2 == main(["sweep", str(path), "--over", over])
        assert capsys.readouterr().err
