"""Hypothesis strategies for every line of the language."""

import hypothesis.strategies as st

from vmtui.scenario import commands, lines
from vmtui.scenario.build import ADVICE, ERRNOS
from vmtui.scenario.expressions import (
    AllOf,
    AnyOf,
    Braced,
    Call,
    Comparison,
    Constant,
    Literal,
    Negative,
    Not,
    Product,
    Sum,
    Text,
    Variable,
)
from vmtui.scenario.names import NameTemplate
from vmtui.scenario.observables import (
    GLOBALS,
    PAGE_VALUES,
    TASK_VALUES,
    VMA_VALUES,
    GlobalValue,
    PageValue,
    TaskValue,
    paths,
)
from vmtui.scenario.places import AddressPlace, LabelPlace, PfnPlace, Slice
from vmtui.scenario.values import FUNCTIONS

# Words that mean something somewhere, so that a printer that forgets a pair of quotes is found out.
PLAIN_WORDS = ["sh", "heap", "c0", "_x", "Straße", "页", "fork", "repeat", "end", "expect", "param", "i", "n"]
GRAMMAR_WORDS = [
    *("at", "after", "growsdown", "to", "as", "full", "pages", "pfn", "and", "or", "not", "true", "false"),
    *("r", "rw", "rx", "rwx", "none", "private", "shared", *ADVICE, *GLOBALS),
]
WORDS = [*PLAIN_WORDS, *FUNCTIONS, *GRAMMAR_WORDS]
variable_names = st.sampled_from([*PLAIN_WORDS, *FUNCTIONS])
# What a terminal shows: the rest is refused by the reader, which has tests of its own.
shown = st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"))
paths_known = [(root, *path) for root in GLOBALS for path in paths(root) or [("lowmem_free",)]]


# Composites, and not st.recursive: the latter's reprs grow to megabytes.


@st.composite
def quoted(draw):
    """What stands between quotes."""
    text = draw(st.text(shown, min_size=1, max_size=8)).replace('"', "'")
    return text if text.strip() else "a b"


@st.composite
def literals(draw):
    """Numbers in each of their spellings."""
    value = draw(st.integers(0, 1 << 40))
    spellings = [Literal(value), Literal(value, hex(value)), Literal(value << 10, f"{value}K")]
    return draw(st.sampled_from(spellings))


@st.composite
def expressions(draw, depth=3, reads=True):
    """Expressions of every kind; those that read a machine only if `reads`."""
    if not depth or draw(st.booleans()):
        return draw(leaves(reads))
    inner = expressions(depth - 1, reads)
    kind = draw(st.sampled_from(_KINDS if reads else _KINDS[2:]))
    if kind is PageValue:
        attribute = draw(st.sampled_from([*PAGE_VALUES, *VMA_VALUES]))
        return PageValue(draw(places(depth - 1, reads=True)), attribute)
    if kind is TaskValue:
        return TaskValue(draw(names(depth - 1, reads=True)), draw(st.sampled_from(list(TASK_VALUES))))
    if kind in (AllOf, AnyOf):
        return kind(tuple(draw(st.lists(inner, min_size=2, max_size=3))))
    if kind is Call:
        return Call(draw(st.sampled_from(list(FUNCTIONS))), draw(inner))
    if kind is Comparison:
        return Comparison(draw(inner), draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="])), draw(inner))
    if kind in (Sum, Product):
        signs = st.sampled_from("+-" if kind is Sum else "*/%")
        return kind(draw(inner), tuple(draw(st.lists(st.tuples(signs, inner), min_size=1, max_size=3))))
    return kind(draw(inner))


_KINDS = [PageValue, TaskValue, Braced, Negative, Not, AllOf, AnyOf, Call, Comparison, Sum, Product]


@st.composite
def leaves(draw, reads):
    """Expressions with nothing inside."""
    kind = draw(st.sampled_from(["literal", "variable", "text", "constant", *(["global"] if reads else [])]))
    if kind == "literal":
        return draw(literals())
    if kind == "variable":
        return Variable(draw(variable_names))
    if kind == "text":
        return Text(draw(quoted()))
    if kind == "constant":
        return Constant(draw(st.sampled_from([None, True, False])))
    return GlobalValue(draw(st.sampled_from(paths_known)))


@st.composite
def numbers(draw, depth=2, reads=False):
    """What stands where a number stands."""
    kind = draw(st.sampled_from(["literal", "variable", "braced"]))
    if kind == "literal":
        return draw(literals())
    return Variable(draw(variable_names)) if kind == "variable" else Braced(draw(expressions(depth, reads)))


@st.composite
def names(draw, depth=2, reads=False):
    """Plain names, names that need quotes, names with numbers in them."""
    kind = draw(st.sampled_from(["word", "quoted", "template"]))
    if kind == "word":
        return draw(st.sampled_from(WORDS))
    if kind == "quoted":
        return draw(quoted())
    parts = [draw(st.sampled_from(["c", "full", "free", "_"]))]
    for _ in range(draw(st.integers(1, 2))):
        parts.append(draw(expressions(depth, reads)))
        if draw(st.booleans()):
            parts.append(draw(st.text("ab_1", min_size=1, max_size=2)))
    return NameTemplate(tuple(parts))


@st.composite
def places(draw, depth=2, reads=False):
    """Places of every kind."""
    kind = draw(st.sampled_from([LabelPlace, AddressPlace, PfnPlace]))
    if kind is PfnPlace:
        return PfnPlace(draw(numbers(depth, reads)))
    if kind is AddressPlace:
        return AddressPlace(draw(names(depth, reads)), draw(numbers(depth, reads)))
    end = draw(numbers(depth, reads)) if draw(st.booleans()) else None
    where = Slice(draw(numbers(depth, reads)), end) if draw(st.booleans()) else None
    return LabelPlace(draw(names(depth, reads)), draw(names(depth, reads)), where)


sizes = st.builds(commands.Size, numbers(), st.booleans())
protections = st.sampled_from(list(commands.PROTECTIONS))


def _mmap(file, **fields):
    name, offset = file or (None, None)
    return commands.Mmap(file=name, offset=offset, **fields)


COMMAND_STRATEGIES = {
    commands.File: st.builds(commands.File, names(), sizes),
    commands.Exec: st.builds(commands.Exec, names()),
    commands.Brk: st.builds(commands.Brk, names(), names(), sizes),
    commands.Swapoff: st.builds(commands.Swapoff),
    commands.Truncate: st.builds(commands.Truncate, names(), sizes),
    commands.RemapFilePages: st.builds(commands.RemapFilePages, places(), numbers()),
    commands.Spawn: st.builds(commands.Spawn, names()),
    commands.Fork: st.builds(commands.Fork, names(), st.none() | names()),
    commands.Exit: st.builds(commands.Exit, names()),
    commands.Mmap: st.builds(
        _mmap,
        task=names(),
        label=names(),
        size=sizes,
        protection=protections,
        sharing=st.sampled_from(["private", "shared"]),
        file=st.none() | st.tuples(names(), st.none() | sizes),
        address=st.none() | numbers(),
        after=st.none() | names(),
        growsdown=st.booleans(),
    ),
    commands.Munmap: st.builds(commands.Munmap, places()),
    commands.Mprotect: st.builds(commands.Mprotect, places(), protections),
    commands.Madvise: st.builds(commands.Madvise, places(), st.sampled_from(ADVICE)),
    commands.Mlock: st.builds(commands.Mlock, places()),
    commands.Munlock: st.builds(commands.Munlock, places()),
    commands.Mremap: st.builds(commands.Mremap, places(), sizes, st.none() | numbers(), st.none() | names()),
    commands.Read: st.builds(commands.Read, places()),
    commands.Write: st.builds(commands.Write, places()),
    commands.Walk: st.builds(commands.Walk, places(), st.booleans()),
    commands.Referenced: st.builds(commands.Referenced, places()),
    commands.Swapout: st.builds(commands.Swapout, places()),
    commands.Evict: st.builds(commands.Evict, places()),
    commands.Reclaim: st.builds(commands.Reclaim, sizes),
}
all_commands = st.one_of(*COMMAND_STRATEGIES.values())

texts = st.text(shown, min_size=1, max_size=20)
said = st.lists(st.one_of(texts, expressions()), max_size=4)


def _say(parts):
    """A line of narration; spaces at its ends are no part of it, and texts side by side are one."""
    joined = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    if joined and isinstance(joined[0], str):
        joined[0] = joined[0].lstrip()
    if joined and isinstance(joined[-1], str):
        joined[-1] = joined[-1].rstrip()
    return lines.Say(tuple(part for part in joined if part != ""))


_stripped = texts.map(str.strip).filter(bool)
WORD_STRATEGIES = {
    lines.Title: st.builds(lines.Title, _stripped),
    lines.Section: st.builds(lines.Section, _stripped),
    lines.Say: said.map(_say),
    lines.Repeat: st.builds(lines.Repeat, numbers(), st.none() | variable_names),
    lines.Quietly: st.just(lines.Quietly()),
    lines.End: st.just(lines.End()),
    lines.MachineLine: st.builds(
        lines.MachineLine,
        st.lists(st.sampled_from([("rmap", "anon_vma_rfc"), ("split", "3:1")]), max_size=2).map(tuple),
        st.sampled_from([None, "article"]),
    ),
    lines.Param: st.builds(lines.Param, variable_names, numbers()),
    lines.Let: st.builds(lines.Let, variable_names, expressions()),
    lines.Show: st.builds(lines.Show, st.one_of(places(), names())),
    lines.Pause: st.just(lines.Pause()),
    lines.Expect: st.builds(
        lines.Expect, expressions(), st.lists(st.sampled_from(["anon_vma", "rfc"]), max_size=2).map(tuple)
    ),
    lines.ExpectError: st.builds(lines.ExpectError, st.sampled_from(ERRNOS), all_commands),
}
words = st.one_of(*WORD_STRATEGIES.values())
