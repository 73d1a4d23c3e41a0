"""What README and CONTRIBUTING say is so.

`make readme` runs this file as a program: it puts the tables of keys and of figures into README anew.
"""

import re
from pathlib import Path

from tests.published.ten import markdown, ten
from vmtui.tui import keymap

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
KEYS = re.compile(r"(<!-- keys:.*?-->\n)(.*?)(<!-- /keys -->)", re.DOTALL)
FIGURES = re.compile(r"(<!-- figures:.*?-->\n)(.*?)(<!-- /figures -->)", re.DOTALL)


def test_the_key_table_is_the_registrys():
    """The table between the marks is the one made from the registry; `make readme` puts it there."""
    assert KEYS.search(README)[2].strip() == keymap.table().strip()


def test_the_ten_figures_are_the_computed():
    """The ten rows are those of the published table; a test by the name of each measures its last column."""
    assert FIGURES.search(README)[2].strip() == "\n".join(markdown())
    assert len({row.name for row in ten()}) == 10
    assert not any(row.long for row in ten())


def test_links_and_pictures_are_there():
    """Every relative link of the prose files leads to a file of the project."""
    for name in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{name} links to {target}"


def test_the_python_example_runs(capsys):
    """The example prints what its comment says."""
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]

    exec(compile(code, "README.md", "exec"), {})

    assert capsys.readouterr().out == "2 2\n"


if __name__ == "__main__":
    new = README
    for table, lines in ((KEYS, keymap.table().strip()), (FIGURES, "\n".join(markdown()))):
        new = table.sub(lambda found, lines=lines: f"{found[1]}\n{lines}\n\n{found[3]}", new)
    (ROOT / "README.md").write_text(new, encoding="utf-8")
