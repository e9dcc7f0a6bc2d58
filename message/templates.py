"""Subjects, bodies and file names as templates: Jinja2, of which only what can do no harm is left.

A template may come from one person and its values from a stranger's mail. So values are data (no attribute, no call,
no method of theirs is reached), the syntax tree is held to a list of constructs, and all that grows is counted: the
values, the rounds of loops, what expressions put together, and the output while it is generated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from traceback import walk_tb
from types import MappingProxyType
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.runtime import LoopContext
from jinja2.sandbox import SandboxedEnvironment

from message.errors import Fault, MessageError, shown
from message.filters import FILTERS, LARGEST_OUTPUT, Filter, TooMuch, Unfit

LARGEST_VALUES = 1024 * 1024
"""Characters of the values, as JSON."""
MOST_ROUNDS = 200_000
MOST_LOOPS = 2
"""Loops inside loops."""
MOST_BRANCHES = 12
"""Blocks inside blocks; Python compiles no more than twenty."""
MOST_NESTED = 20
"""Filters on filters and the like in one expression: Jinja2 takes time in the cube of their number."""
MOST_LISTED = 1000
"""Items of all lists that stand in one template."""
MOST_JOINED = 50
"""Texts that one template puts together with + and ~."""
_LONGEST_ARGUMENT = 1000
_COUNTED = "_counted"
_OF_A_LOOP = frozenset(("index", "index0", "revindex", "revindex0", "first", "last", "length", "depth"))
_NAMES = MappingProxyType(
    {
        "Call": "a call",
        "Macro": "macro",
        "Import": "import",
        "FromImport": "import",
        "Include": "include",
        "Extends": "extends",
        "Assign": "set",
        "AssignBlock": "set",
        "Mul": "*",
        "Pow": "**",
        "Mod": "%",
        "Div": "/",
        "FloorDiv": "//",
        "Pos": "+",
        "Slice": "a slice",
        "Dict": "an object in braces",
        "FilterBlock": "a filter block",
        "CallBlock": "call",
        "Block": "block",
        "With": "with",
        "Scope": "autoescape",
    }
)
_SPECIAL = frozenset(("self", "super", "caller", "varargs", "kwargs"))
_TESTS = frozenset(
    ("defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping",
     "sequence", "iterable", "odd", "even", "equalto", "eq", "ne", "gt", "ge", "lt", "le", "in", "lower", "upper")
)  # fmt: skip
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.TemplateData, nodes.Getattr,
    nodes.Getitem, nodes.If, nodes.For, nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or,
    nodes.Not, nodes.CondExpr, nodes.Concat, nodes.Add, nodes.Sub, nodes.Neg, nodes.Tuple, nodes.List,
)  # fmt: skip


class Refused(Exception):
    """A construct that no template may use. The message names it, and its line."""


def parse_values(value: str | Mapping[str, object] | None) -> Mapping[str, object] | None:
    """The values for templates: a JSON object, as text or as it is; None for no templates. Raises `MessageError`."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        text = value if isinstance(value, str) else json.dumps(value)
        if len(text) > LARGEST_VALUES:
            raise MessageError([Fault("template_values", f"they have more than {LARGEST_VALUES} characters")])
        # Read anew, so that nothing but data gets into a template.
        values = json.loads(text)
    except (ValueError, TypeError, RecursionError) as exc:
        where = f": {exc}" if isinstance(exc, json.JSONDecodeError) else ""
        raise MessageError([Fault("template_values", f"not a JSON object{where}")]) from exc
    if not isinstance(values, dict):
        raise MessageError([Fault("template_values", 'not a JSON object such as {"name": "Jane"}')])
    return values


def filled(source: str, values: Mapping[str, object], field: str, *, escapes: bool) -> str:
    """What a template becomes; with `escapes`, values are escaped for HTML. Raises `MessageError` naming `field`."""
    if "{" not in source:
        return source
    environment = _Environment(autoescape=escapes)
    try:
        tree = environment.parse(source)
        _Checked(tree).check()
        code = environment.from_string(tree)
        return "".join(_bounded(code.generate(dict(values))))
    except (Refused, TooMuch) as exc:
        reason = str(exc)
    except UndefinedError as exc:
        reason = f"{exc.message}: template_values has no such value" if exc.message else "a value is missing"
    except TemplateSyntaxError as exc:
        reason = f"line {exc.lineno} of the template: {exc.message}"
    except RecursionError:
        reason = "the template is nested too deeply"
    except Unfit as exc:
        reason = f"line {_line_of(exc)} of the template: {exc}"
    except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, SyntaxError) as exc:
        reason = f"line {_line_of(exc)} of the template: values in it don't go together, such as a text and a number"
    raise MessageError([Fault(field, shown(reason, 300)[1:-1])])


class _Environment(SandboxedEnvironment):
    """Jinja2 without globals, with filters of our own, reaching into mappings and lists only."""

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape, undefined=StrictUndefined, keep_trailing_newline=True)
        self.globals.clear()
        self.filters = {name: Filter(name, function) for name, function in FILTERS.items()}
        self.filters[_COUNTED] = _Rounds()

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in _OF_A_LOOP:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, dict) and argument in obj:
            return obj[argument]
        if isinstance(obj, list | str) and isinstance(argument, int) and -len(obj) <= argument < len(obj):
            return obj[argument]
        if isinstance(obj, Undefined):
            return obj  # what is missing is the first name of the path that there is not
        return self.undefined(obj=obj, name=str(argument))


class _Rounds:
    """Counts the rounds of all loops of one template."""

    def __init__(self) -> None:
        self._rounds = 0

    def __call__(self, items: Any) -> Iterator[Any]:
        if isinstance(items, Undefined):
            str(items)  # raises the error that names it
        if not isinstance(items, list | dict):
            raise Unfit("a loop goes over a list or an object of template_values")
        for item in items:
            self._rounds += 1
            if self._rounds > MOST_ROUNDS:
                raise TooMuch(f"its loops have more than {MOST_ROUNDS} rounds")
            yield item


class _Checked:
    """Holds a syntax tree to what is allowed, and has its loops counted."""

    def __init__(self, tree: nodes.Template) -> None:
        self._tree = tree
        self._joined = 0
        self._listed = 0

    def check(self) -> None:
        self._check(self._tree, 0, 0, 0)

    def _check(self, node: nodes.Node, loops: int, blocks: int, nested: int) -> None:
        if not isinstance(node, _ALLOWED):
            raise Refused(
                f"line {node.lineno or _line_inside(node)} of the template: {_called(node)} is not allowed"
            )
        if isinstance(node, nodes.Concat | nodes.Add):
            self._joined += len(node.nodes) if isinstance(node, nodes.Concat) else 2
            if self._joined > MOST_JOINED:
                raise TooMuch(f"it puts more than {MOST_JOINED} texts together with + and ~")
        elif isinstance(node, nodes.Expr):
            self._listed += len(node.items) if isinstance(node, nodes.List | nodes.Tuple) else 0
            if self._listed > MOST_LISTED:
                raise TooMuch(f"its lists have more than {MOST_LISTED} items")
            nested += 1
            if nested > MOST_NESTED:
                raise TooMuch(f"an expression of it is more than {MOST_NESTED} deep")
        if isinstance(node, nodes.For):
            loops += 1
            if loops > MOST_LOOPS:
                raise Refused(f"line {node.lineno} of the template: loops may be {MOST_LOOPS} deep")
            if node.recursive or not isinstance(node.iter, nodes.Name | nodes.Getattr | nodes.Getitem):
                raise Refused(f"line {node.lineno} of the template: a loop goes over a given value as it is")
        if isinstance(node, nodes.For | nodes.If):
            blocks += 1
            if blocks > MOST_BRANCHES:
                raise Refused(f"line {node.lineno} of the template: blocks may be {MOST_BRANCHES} deep")
        if isinstance(node, nodes.Name) and node.name in _SPECIAL:
            raise Refused(f"line {node.lineno} of the template: {node.name} is not allowed")
        if isinstance(node, nodes.Filter):
            self._check_filter(node)
        if isinstance(node, nodes.Test) and node.name not in _TESTS:
            raise Refused(f"line {node.lineno} of the template: the test {shown(node.name)} is not allowed")
        for child in node.iter_child_nodes():
            self._check(child, loops, blocks, nested)
        if isinstance(node, nodes.For):
            node.iter = nodes.Filter(node.iter, _COUNTED, [], [], None, None, lineno=node.lineno)

    @staticmethod
    def _check_filter(node: nodes.Filter) -> None:
        if node.name not in FILTERS or node.node is None:
            raise Refused(f"line {node.lineno} of the template: the filter {shown(node.name)} is not allowed")
        if node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise Refused(f"line {node.lineno} of the template: {node.name} takes plain arguments only")
        for argument in node.args:
            if node.name not in ("default", "d") and not (
                isinstance(argument, nodes.Const) and len(str(argument.value)) <= _LONGEST_ARGUMENT
            ):
                raise Refused(f"line {node.lineno} of the template: {node.name} takes short constants only")


def _line_of(error: BaseException) -> int:
    """The line of the template where an error came up."""
    lines = [line for frame, line in walk_tb(error.__traceback__) if frame.f_code.co_filename == "<template>"]
    return lines[-1] if lines else 1


def _line_inside(node: nodes.Node) -> int:
    """The line of a construct that itself has none: that of its first part."""
    return next((child.lineno for child in node.iter_child_nodes() if child.lineno), 1)


def _called(node: nodes.Node) -> str:
    """What a construct is called where people write it."""
    return _NAMES.get(type(node).__name__, type(node).__name__)


def _bounded(pieces: Iterable[str]) -> Iterator[str]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > LARGEST_OUTPUT:
            raise TooMuch(f"what it makes has more than {LARGEST_OUTPUT} characters")
        yield piece
