"""Mutants of a module: its source with one small thing wrong, each in its own way.

mutmut (3) changes only what is inside functions, and cosmic-ray knows no operator for the entries of a table; the
state machine, the sanitiser's lists and the order of authentication are tables. So the few operators that are
needed are here.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

_SWAPS = MappingProxyType(
    {
        ast.Eq: ast.NotEq,
        ast.NotEq: ast.Eq,
        ast.Lt: ast.LtE,
        ast.LtE: ast.Lt,
        ast.Gt: ast.GtE,
        ast.GtE: ast.Gt,
        ast.In: ast.NotIn,
        ast.NotIn: ast.In,
        ast.Is: ast.IsNot,
        ast.IsNot: ast.Is,
        ast.And: ast.Or,
        ast.Or: ast.And,
        ast.Add: ast.Sub,
        ast.Sub: ast.Add,
        ast.Mult: ast.FloorDiv,
        ast.FloorDiv: ast.Mult,
        ast.Mod: ast.Mult,
    }
)
_FLAGS = frozenset({"DOTALL", "IGNORECASE", "VERBOSE", "MULTILINE"})
_DOES = (ast.Expr, ast.AugAssign, ast.Raise, ast.Delete, ast.Continue, ast.Break)
Change = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Mutant:
    line: int
    what: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of `source`. Annotations, docstrings, imports and what only a type checker sees stay."""
    tree = ast.parse(source)
    for number, node in enumerate(_nodes(tree)):
        for which in range(len(_changes(node, tree))):
            mutated = copy.deepcopy(tree)
            target = _nodes(mutated)[number]
            what, change = _changes(target, mutated)[which]
            change()
            yield Mutant(getattr(node, "lineno", 0), what, ast.unparse(mutated))


def _nodes(tree: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []

    def visit(node: ast.AST) -> None:
        found.append(node)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "type_params", "decorator_list", "bases"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _is_no_code(child):
                    visit(child)

    visit(tree)
    return found


def _is_no_code(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
    return False


def _changes(node: ast.AST, tree: ast.AST) -> list[tuple[str, Change]]:
    """What can be changed about one node: in words, and how."""
    return [*_conditions(node), *_constants(node), *_tables(node), *_members(node, tree), *_statements(node)]


def _conditions(node: ast.AST) -> Iterator[tuple[str, Change]]:
    match node:
        case ast.Compare(ops=[op]) if type(op) in _SWAPS:
            other: list[ast.AST] = [_SWAPS[type(op)]()]
            yield f"another comparison: {ast.unparse(node)}", partial(setattr, node, "ops", other)
        case ast.BoolOp(op=op) | ast.BinOp(op=op) if type(op) in _SWAPS:
            yield f"another operator: {ast.unparse(node)}", partial(setattr, node, "op", _SWAPS[type(op)]())
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield f"not: {ast.unparse(test)}", partial(setattr, node, "test", ast.UnaryOp(ast.Not(), test))
    if isinstance(node, ast.BoolOp):
        for at, value in enumerate(node.values):
            yield f"without {ast.unparse(value)}", partial(node.values.pop, at)


def _constants(node: ast.AST) -> Iterator[tuple[str, Change]]:
    if not isinstance(node, ast.Constant):
        return
    value, change = node.value, partial(setattr, node, "value")
    if isinstance(value, bool):
        yield f"{not value}", partial(change, not value)
    elif isinstance(value, int):
        yield f"{value + 1} for {value}", partial(change, value + 1)
    elif isinstance(value, bytes):
        yield f"other octets for {value!r}", partial(change, b"X" + value)
    elif isinstance(value, str):
        words = value.split()
        if len(words) > 4 and all(word.isalnum() and word.islower() for word in words):
            # a list, written as it is read
            for at, word in enumerate(words):
                yield f"without the word {word}", partial(change, " ".join(words[:at] + words[at + 1 :]))
        else:
            yield f"another text for {value[:60]!r}", partial(change, "X" + value)


def _tables(node: ast.AST) -> Iterator[tuple[str, Change]]:
    """Entries left out; of a pair nothing can be."""
    if isinstance(node, ast.Dict):
        for at, key in enumerate(node.keys):
            yield f"without the entry {key and ast.unparse(key)}", partial(_drop, node, at)
    elif isinstance(node, ast.Tuple | ast.Set | ast.List) and len(node.elts) != 2:
        for at, element in enumerate(node.elts):
            yield f"without the element {ast.unparse(element)}", partial(node.elts.pop, at)


def _members(node: ast.AST, tree: ast.AST) -> Iterator[tuple[str, Change]]:
    """Another member of the enumeration, of those that the module uses."""
    match node:
        case ast.Attribute(value=ast.Name(id=name), attr=member) if member.isupper() and member not in _FLAGS:
            others = sorted(_used(tree, name))
            other = others[(others.index(member) + 1) % len(others)]
            if other != member:
                yield f"{name}.{other} for {name}.{member}", partial(setattr, node, "attr", other)


def _statements(node: ast.AST) -> Iterator[tuple[str, Change]]:
    """Statements that do something, left out."""
    for name in ("body", "orelse"):
        block = getattr(node, name, None)
        if not isinstance(block, list):
            continue
        for at, statement in enumerate(block):
            if isinstance(statement, _DOES) and not _is_no_code(statement):
                text = ast.unparse(statement).partition("\n")[0][:70]
                yield f"without: {text}", partial(block.__setitem__, at, ast.Pass())


def _used(tree: ast.AST, name: str) -> set[str]:
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
        if node.attr.isupper()
    }


def _drop(table: ast.Dict, at: int) -> None:
    del table.keys[at], table.values[at]
