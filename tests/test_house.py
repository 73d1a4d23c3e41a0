"""The house rules that can be read off the sources, and the ones that only a fresh interpreter shows."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "vmtui"

# Right may import left, never the other way round.  The package root imports nothing; all may import it.
LAYERS = (
    {"errors", "exits"},
    {"state"},
    {"mm"},
    {"scenario"},
    {"session"},
    {"player", "sessionlog"},
    {"view"},
    {"report", "live"},
    {"tui", "testing"},
    {"cli_verify"},
    {"cli"},
    {"__main__"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
UI = {"textual", "rich"}
HEAVY = {"textual", "rich", "numpy", "lark", "attrs", "attr", "asyncio", "platformdirs"}

SOURCES = sorted(path for path in PACKAGE.rglob("*.py"))


def part_of(path):
    """The part of the house a source file belongs to: its folder or its name under vmtui/."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path, *, lazy=True):
    """Every module that a file imports at run time, as (name, line); without `lazy`, at import time only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = path.relative_to(ROOT).parent.parts
    found = []

    def visit(node):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if not lazy and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return
        if isinstance(node, ast.Import):
            found.extend((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            found.append((module, node.lineno))
            if module == "vmtui":
                found.extend((f"vmtui.{alias.name}", node.lineno) for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return found


def test_every_part_has_a_layer():
    """A new folder or module under vmtui/ must be given its place in the order of imports."""
    assert {part_of(path) for path in SOURCES} - {"__init__"} <= set(LEVEL)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_left(path):
    """No module imports a module of a layer to its right, and the UI libraries stay in tui/ and cli."""
    part = part_of(path)
    if part == "__init__":
        assert not [name for name, _ in imports_of(path, lazy=False) if name.startswith("vmtui")]
        return

    for name, line in imports_of(path):
        top, _, rest = name.partition(".")
        if top == "vmtui" and rest:
            target = rest.partition(".")[0]
            if target in LEVEL:
                assert LEVEL[target] <= LEVEL[part], f"{path}:{line}: {part} imports {name}"
        if top in UI:
            assert part in {"tui", "cli", "testing"}, f"{path}:{line}: {part} imports {name}"


def test_mm_has_one_spine():
    """machine.py owns the parts and imports none of the files that stand above it."""
    above = {
        f"vmtui.mm.{name}"
        for name in ("fork", "memory", "mmap", "mprotect", "mlock", "madvise", "mremap", "vmscan", "check")
    }

    assert not above & {name for name, _ in imports_of(PACKAGE / "mm" / "machine.py")}


def fresh(code):
    """Run code in a new interpreter and return the top-level modules it ended with."""
    code += "\nimport sys\nprint(*sorted(name.partition('.')[0] for name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_importing_vmtui_imports_nothing_heavy():
    """`import vmtui` costs a version and a table of names."""
    assert not fresh("import vmtui; vmtui.__version__") & HEAVY


def test_help_imports_nothing_heavy():
    """`vmtui --help` is printed before anything heavy is imported."""
    code = "from vmtui.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"

    assert not fresh(code) & HEAVY


@pytest.mark.parametrize("module", ["vmtui.session", "vmtui.player", "vmtui.sessionlog", "vmtui.view.panes"])
def test_the_core_imports_no_ui(module):
    """The machine, the language, the session and the view models run where no UI library is installed."""
    assert not fresh(f"import {module}") & UI


def test_public_names_are_fetched_when_asked_for():
    """Every name of vmtui.__all__ can be had from the root, and an unknown one is an AttributeError."""
    import vmtui

    for name in vmtui.__all__:
        assert getattr(vmtui, name) is not None
    with pytest.raises(AttributeError):
        vmtui.nothing_of_that_name  # noqa: B018 - reading it is the point


# -- the simulated kernel's own rules

MM = sorted((PACKAGE / "mm").rglob("*.py"))


def functions_of(tree):
    """Every function of a module, methods included, with the class it is in."""
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef):
                yield node, child


def own_nodes(function):
    """The nodes of a function's body, without those of functions inside it."""
    stack = list(function.body)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            stack.extend(ast.iter_child_nodes(node))


def is_watched(function):
    """Whether a function yields Steps: a generator whose return annotation names Step (or Steps)."""
    yields = any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own_nodes(function))
    return yields and function.returns is not None and "Step" in ast.unparse(function.returns)


def is_drain(node):
    """Whether a node is `for _ in f(): pass`, which a bulk twin says to run f and show none of its steps."""
    return isinstance(node, ast.For) and [type(child) for child in node.body] == [ast.Pass]


TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MM}
WATCHED = {f.name for tree in TREES.values() for _, f in functions_of(tree) if is_watched(f)}
PLAIN = {f.name for tree in TREES.values() for _, f in functions_of(tree) if not is_watched(f)}


def test_there_are_watched_functions():
    """The rules below watch something: the kernel's own names are among the watched functions."""
    assert {"try_to_unmap", "page_referenced", "do_wp_page", "do_fork", "do_munmap"} <= WATCHED


@pytest.mark.parametrize("path", MM, ids=lambda path: str(path.relative_to(ROOT)))
def test_watched_functions_keep_their_rules(path):
    """A watched function is called by `yield from` alone, undecorated, holds no NumPy, and never yields in
    `finally`: a forgotten `yield from` would silently do nothing."""
    tree = TREES[path]
    delegated = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.YieldFrom)}
    delegated |= {id(node.iter) for node in ast.walk(tree) if is_drain(node)}
    problems = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and id(node) not in delegated:
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in WATCHED - PLAIN:
                problems.append(f"line {node.lineno}: {name}() is called without `yield from`")

    for _, function in functions_of(tree):
        if not is_watched(function):
            continue
        if function.decorator_list:
            problems.append(f"line {function.lineno}: {function.name} is decorated")
        for node in own_nodes(function):
            if isinstance(node, ast.Name) and node.id in {"np", "numpy"}:
                problems.append(f"line {node.lineno}: {function.name} uses NumPy")
            if isinstance(node, ast.Try):
                inner = [n for part in node.finalbody for n in ast.walk(part)]
                if any(isinstance(n, ast.Yield | ast.YieldFrom) for n in inner):
                    problems.append(f"line {node.lineno}: {function.name} yields in finally")
        length = (function.end_lineno or 0) - function.lineno + 1
        if length > 60:
            problems.append(f"line {function.lineno}: {function.name} has {length} lines")

    assert problems == []
