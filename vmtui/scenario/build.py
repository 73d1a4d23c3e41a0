"""From the parser's rules to frozen nodes: one method a rule of grammar.lark."""

from __future__ import annotations

from typing import Any

from lark import Token, Transformer, v_args

from vmtui.errors import ScenarioError
from vmtui.mm.kernel import PRESETS, Options
from vmtui.scenario import commands, lines
from vmtui.scenario.expressions import (
    AllOf,
    AnyOf,
    Braced,
    Call,
    Comparison,
    Constant,
    Expr,
    Literal,
    Negative,
    Not,
    Product,
    Sum,
    Text,
    Variable,
)
from vmtui.scenario.names import Name, NameTemplate, check_quoted
from vmtui.scenario.nodes import ExpressionError
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
from vmtui.scenario.places import AddressPlace, LabelPlace, PfnPlace, Place, Slice
from vmtui.scenario.suggest import closest

__all__ = ["ADVICE", "ERRNOS", "builder"]

ERRNOS = (
    "EACCES",
    "EAGAIN",
    "EBUSY",
    "EEXIST",
    "EFAULT",
    "EFBIG",
    "EINVAL",
    "ENODEV",
    "ENOENT",
    "ENOMEM",
    "ENOSPC",
    "ENOSYS",
    "EPERM",
    "ESRCH",
)
"""The refusals that a command can meet."""

ADVICE = ("dontneed", "free", "pageout", "dontfork", "dofork", "wipeonfork", "keeponfork")
"""What madvise can be told, by any kernel."""

_NOT_VARIABLES = frozenset(
    {
        *("and", "or", "not", "true", "false"),
        *("pfn", "full", "pages", "at", "after", "growsdown", "to", "as", "dontunmap"),
        *ADVICE,
    }
)

Head = tuple[Name, bool, int]  # a name, whether it stood in quotes, its column
Member = tuple[Name, Slice | None, int]  # .name[slice], and the name's column


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """Builds the nodes while the parser runs, so that no tree is ever made."""

    # Lines.

    def line(self, *parts: Any) -> lines.SourceLine:
        *statements, comment = parts
        statement = statements[0] if statements else None
        return lines.SourceLine(statement, comment[1:].rstrip() if comment is not None else None)

    def title(self, text: Token) -> lines.Title:
        return lines.Title(text.strip())

    def section(self, text: Token) -> lines.Section:
        return lines.Section(text.strip())

    def say(self, text: Token | None) -> lines.Say:
        from vmtui.scenario.parser import parse_text

        if text is None:
            return lines.Say(())
        stripped = text.strip()
        return lines.Say(parse_text(stripped, _column(text) + text.index(stripped)))

    def repeat(self, times: Expr, variable: Token | None) -> lines.Repeat:
        return lines.Repeat(times, _variable(variable) if variable is not None else None)

    def quietly(self) -> lines.Quietly:
        return lines.Quietly()

    def end(self) -> lines.End:
        return lines.End()

    def machine(self, preset: Token | None, *options: tuple[str, str]) -> lines.MachineLine:
        if preset is not None and preset in Options.__annotations__:
            raise ScenarioError("expected =", column=_column(preset) + len(preset), expected=("=",))
        if preset is not None and preset not in PRESETS:
            message = f"no machine is called {preset}; there is {', '.join(PRESETS)}"
            raise ScenarioError(message, column=_column(preset), suggestion=closest(preset, PRESETS))
        return lines.MachineLine(options, str(preset) if preset is not None else None)

    def option(self, name: Token, value: Token) -> tuple[str, str]:
        return str(name), str(value)

    def param(self, name: Token, value: Expr) -> lines.Param:
        return lines.Param(_variable(name), value)

    def let(self, name: Token, value: Expr) -> lines.Let:
        return lines.Let(_variable(name), value)

    def show(self, subject: Place | Name) -> lines.Show:
        return lines.Show(subject)

    def pause(self) -> lines.Pause:
        return lines.Pause()

    def expect(self, expr: Expr) -> lines.Expect:
        return lines.Expect(expr)

    def under(self, *parts: Any) -> lines.Expect:
        *schemes, expr = parts
        return lines.Expect(expr, tuple(str(scheme) for scheme in schemes))

    def expect_error(self, errno: Token, command: commands.Command) -> lines.ExpectError:
        if errno not in ERRNOS:
            meant = closest(errno, ERRNOS)
            raise ScenarioError(f"{errno} is no refusal", column=_column(errno), suggestion=meant)
        return lines.ExpectError(str(errno), command)

    # Commands.

    file = commands.File
    spawn = commands.Spawn
    exec = commands.Exec
    fork = commands.Fork
    exit = commands.Exit
    munmap = commands.Munmap
    mlock = commands.Mlock
    munlock = commands.Munlock
    brk = commands.Brk
    read = commands.Read
    write = commands.Write
    referenced = commands.Referenced
    swapout = commands.Swapout
    evict = commands.Evict
    reclaim = commands.Reclaim
    swapoff = commands.Swapoff
    truncate = commands.Truncate
    remap_file_pages = commands.RemapFilePages

    def mmap(
        self,
        task: Name,
        label: Name,
        size: commands.Size,
        protection: Token,
        sharing: Token,
        file: tuple[Name, commands.Size | None] | None,
        address: Expr | None,
        after: Name | None,
        growsdown: Token | None,
    ) -> commands.Mmap:
        name, offset = file if file is not None else (None, None)
        return commands.Mmap(
            task,
            label,
            size,
            str(protection),
            str(sharing),
            name,
            offset,
            address,
            after,
            growsdown is not None,
        )

    def mremap(
        self, place: Place, size: commands.Size, address: Expr | None, label: Name | None, keep: Token | None
    ) -> commands.Mremap:
        return commands.Mremap(place, size, address, label, keep is not None)

    def mapped(self, name: Name, plus: Token | None, size: commands.Size | None) -> Any:
        if plus is not None and plus != "+":
            raise ScenarioError("expected +", column=_column(plus), expected=("+",))
        return name, size

    def mprotect(self, place: Place, protection: Token) -> commands.Mprotect:
        return commands.Mprotect(place, str(protection))

    def madvise(self, place: Place, advice: Token) -> commands.Madvise:
        return commands.Madvise(place, str(advice))

    def walk(self, place: Place, full: Token | None) -> commands.Walk:
        return commands.Walk(place, full is not None)

    # Places, numbers, names.

    def label_place(self, task: Name, dot: Token, label: Name, where: Slice | None) -> LabelPlace:
        return LabelPlace(task, label, where)

    address_place = AddressPlace

    def pfn_place(self, word: Token, number: Expr) -> PfnPlace:
        return PfnPlace(number)

    slice = Slice

    def size(self, number: Expr, pages: Token | None) -> commands.Size:
        return commands.Size(number, pages is not None)

    def literal(self, number: Token) -> Literal:
        try:
            return Literal.parse(str(number))
        except ExpressionError as error:
            raise ScenarioError(error.message, column=_column(number)) from None

    def variable(self, name: Token) -> Variable:
        return Variable(str(name))

    braced = Braced

    def name(self, first: Token, *templates: tuple[Expr, str | None]) -> Name:
        if not templates:
            return str(first)
        parts: list[str | Expr] = [str(first)]
        for expr, tail in templates:
            parts += [expr] if tail is None else [expr, tail]
        return NameTemplate(tuple(parts))

    def template(self, expr: Expr, tail: Token | None) -> tuple[Expr, str | None]:
        return expr, str(tail) if tail is not None else None

    def quoted(self, token: Token) -> str:
        name = str(token[1:-1])
        problem = check_quoted(name)
        if problem is not None:
            raise ScenarioError(problem, column=_column(token))
        return name

    # Expressions.

    def any_of(self, *operands: Expr) -> Expr:
        return operands[0] if len(operands) == 1 else AnyOf(operands)

    def all_of(self, *operands: Expr) -> Expr:
        return operands[0] if len(operands) == 1 else AllOf(operands)

    def negation(self, *parts: Any) -> Expr:
        expr: Expr = parts[-1]
        for _ in parts[:-1]:
            expr = Not(expr)
        return expr

    def comparison(self, left: Expr, operator: Token | None, right: Expr | None) -> Expr:
        return left if operator is None or right is None else Comparison(left, str(operator), right)

    def sum(self, first: Expr, *rest: Any) -> Expr:
        return Sum(first, _pairs(rest)) if rest else first

    def product(self, first: Expr, *rest: Any) -> Expr:
        return Product(first, _pairs(rest)) if rest else first

    def negative(self, *parts: Any) -> Expr:
        expr: Expr = parts[-1]
        for _ in parts[:-1]:
            expr = Negative(expr)
        return expr

    def constant(self, token: Token) -> Constant:
        return Constant({"none": None, "true": True, "false": False}[token])

    def group(self, expr: Expr) -> Expr:
        return expr

    def call(self, function: Token, argument: Expr) -> Call:
        return Call(str(function), argument)

    # Observables.

    def bare(self, first: Token, *templates: tuple[Expr, str | None]) -> Head:
        return self.name(first, *templates), False, _column(first)

    def text(self, token: Token) -> Head:
        return self.quoted(token), True, _column(token)

    def member(self, dot: Token, name: Name, where: Slice | None) -> Member:
        return name, where, _column(dot) + 1

    def pfn_observable(self, word: Token, number: Expr, *members: Member) -> Expr:
        return PageValue(PfnPlace(number), _last(f"pfn:{number}", members, _column(word)))

    def observable(self, head: Head, number: Expr | None, *members: Member) -> Expr:
        name, quoted, column = head
        if number is not None:
            return PageValue(AddressPlace(name, number), _last(f"{name}:{number}", members, column))
        if isinstance(name, str) and name in GLOBALS and not quoted:
            return GlobalValue((name, *_path(name, members, column)))
        if not members:
            if isinstance(name, NameTemplate):
                raise ScenarioError(f"{name} is a process: say what of it, as {name}.alive", column=column)
            return Text(name) if quoted else Variable(name)
        if len(members) == 1:
            return TaskValue(name, _task_attribute(name, members[0]))
        label, where, _ = members[0]
        place = LabelPlace(name, label, where)
        return PageValue(place, _last(str(place), members[1:], column))


def builder() -> Transformer[Token, Any]:
    """What the parser calls with each rule it has read."""
    return _Builder()


def _column(token: Token) -> int:
    return token.column or 1


def _pairs(rest: tuple[Any, ...]) -> tuple[tuple[str, Expr], ...]:
    return tuple((str(sign), operand) for sign, operand in zip(rest[::2], rest[1::2], strict=True))


def _variable(token: Token) -> str:
    """A name for a variable, which must not be a word that an expression reads otherwise."""
    if token in GLOBALS or token in _NOT_VARIABLES:
        raise ScenarioError(f"{token} is a word of the language: take another name", column=_column(token))
    return str(token)


def _plain(member: Member) -> str:
    """A member that is one word."""
    name, where, column = member
    if where is not None or not isinstance(name, str):
        raise ScenarioError(f"expected a plain word, not {name}{where or ''}", column=column)
    return name


def _last(place: str, members: tuple[Member, ...], column: int) -> str:
    """What is asked of a place."""
    if not members:
        raise ScenarioError(f"{place} is a place: say what of it, as {place}.present", column=column)
    if len(members) > 1:
        raise ScenarioError("expected an operator", column=members[1][2] - 1)
    known = {**PAGE_VALUES, **VMA_VALUES}
    name = _plain(members[0])
    if name not in known:
        raise _unknown(f"nothing of a page or a VMA is called {name}", name, known, members[0])
    return name


def _task_attribute(task: Name, member: Member) -> str:
    name, where, column = member
    if isinstance(name, str) and where is None and name in TASK_VALUES:
        return name
    shown = f"{LabelPlace(task, name, where)}"
    meant = closest(str(name), TASK_VALUES)
    if where is None and meant is not None:
        raise ScenarioError(f"nothing of a process is called {name}", column=column, suggestion=meant)
    raise ScenarioError(f"{shown} is a place: say what of it, as {shown}.present", column=column)


def _path(root: str, members: tuple[Member, ...], column: int) -> tuple[str, ...]:
    """What follows a global name."""
    path = tuple(_plain(member) for member in members)
    known = paths(root)
    if known is None:
        if len(path) != 1:
            raise ScenarioError(f"expected {root}.NAME, as {root}.lowmem_free", column=column)
        return path
    if path in known:
        return path
    for depth, word in enumerate(path):
        words = {each[depth] for each in known if len(each) > depth and each[:depth] == path[:depth]}
        if word not in words:
            raise _unknown(f"{'.'.join((root, *path[:depth]))} has no {word}", word, words, members[depth])
    raise ScenarioError(f"{'.'.join((root, *path))} is no value: say what of it", column=column)


def _unknown(message: str, word: str, known: Any, member: Member) -> ScenarioError:
    return ScenarioError(message, column=member[2], suggestion=closest(word, known))
