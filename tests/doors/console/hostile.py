"""Pages with markup in every text that they are made of: where each value goes, and whether it stays a value there."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from types import SimpleNamespace
from typing import Any

import html5lib
from jinja2 import Environment, nodes
from markupsafe import Markup

from doors.console.catcher import Catcher
from doors.console.render import FOLDER, _environment

MARK = "hostile"
MARKUP = (
    f"{MARK}\"'`=><b data-{MARK}=1 onclick=alert(1) style=color:red></b><script>{MARK}</script>"
    f"<img src=x onerror=alert(1)><svg onload=alert(1)>--></textarea></title></pre></select></iframe>&lt;{{{{7*7}}}}"
)
TEMPLATES = tuple(sorted(path.name for path in (FOLDER / "templates").glob("*.html")))
ADDRESSES = frozenset({"href", "src", "action", "formaction", "data", "poster", "background", "ping"})
"""Attributes that a browser takes for an address."""
OWN = ("/", "#", "https://")
"""How those of our pages begin."""


_NUMBERS = re.compile(r"\| (size|duration|int|round\(1\)|length)$")
"""Filters whose result is made of a number and nothing else."""


@dataclass(frozen=True)
class Place:
    """Where a template puts a value into a page: the `number`th such place of it, as it is written there.

    `is_ours` is one that can only be a text of the template's own, or a number.
    """

    template: str
    number: int
    text: str
    is_ours: bool

    def __str__(self) -> str:
        return f"{self.template}: {self.text}"


class HostileText(str):
    """A text with markup behind it, compared like the one that it was, so that pages take the same turns."""

    was: str

    def __new__(cls, was: str) -> HostileText:
        made = super().__new__(cls, was + MARKUP)
        made.was = was
        return made

    def __eq__(self, other: object) -> bool:
        return self.was == (other.was if isinstance(other, HostileText) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def lower(self) -> HostileText:
        return HostileText(self.was.lower())

    def __hash__(self) -> int:
        return hash(self.was)


def hostile(value: Any) -> Any:
    """The same value with markup in every text of it that is not empty."""
    if isinstance(value, Markup | Enum | bytes):
        return value  # what makes Markup has a test of its own; an Enum is a word of ours
    if isinstance(value, str):
        return HostileText(value) if value else value
    if isinstance(value, Catcher):
        return SimpleNamespace(asset=hostile(value.asset), port=value.port, chaos=hostile(value.chaos))
    if isinstance(value, Mapping):
        return {hostile(name): hostile(one) for name, one in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(hostile, value))
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(map(hostile, value))
    if is_dataclass(value):
        made = object.__new__(type(value))
        for one in fields(value):
            object.__setattr__(made, one.name, hostile(getattr(value, one.name)))
        return made
    if hasattr(value, "__dict__"):
        made = copy.copy(value)
        made.__dict__.update({name: hostile(one) for name, one in vars(value).items()})
        return made
    return value


class Watched:
    """The console's templates, which tell what was put where.

    `reached` are the places that got a hostile text since it was emptied, `numbers` those that have only had numbers.
    """

    def __init__(self) -> None:
        self.reached: set[Place] = set()
        self.places: list[Place] = []
        self._texts: set[Place] = set()
        self._numbers: set[Place] = set()
        self._environment = _environment.__wrapped__()
        parse = self._environment._parse

        def watched(source: str, name: str | None, filename: str | None) -> nodes.Template:
            return self._watch(parse(source, name, filename), source, str(name))

        self._environment._parse = watched
        self._environment.filters["watched"] = self._note
        for name in TEMPLATES:
            self._environment.get_template(name)

    def render(self, template: str, **values: Any) -> str:
        return self._environment.get_template(template).render(**values)

    @property
    def numbers(self) -> set[Place]:
        return self._numbers - self._texts

    def _note(self, value: Any, number: int) -> Any:
        place = self.places[number]
        (self._numbers if isinstance(value, int | float) else self._texts).add(place)
        if MARK in str(value):
            self.reached.add(place)
        return value

    def _watch(self, template: nodes.Template, source: str, name: str) -> nodes.Template:
        texts = iter(enumerate(written(self._environment, source)))
        for output in template.find_all(nodes.Output):
            for number, one in enumerate(output.nodes):
                if not isinstance(one, nodes.TemplateData):
                    nth, text = next(texts)
                    given = [nodes.Const(len(self.places))]
                    self.places.append(Place(name, nth, text, is_ours(one) or bool(_NUMBERS.search(text))))
                    output.nodes[number] = nodes.Filter(
                        one, "watched", given, [], None, None, lineno=one.lineno
                    )
        assert next(texts, None) is None
        template.set_environment(self._environment)
        return template


def is_ours(node: nodes.Expr | None) -> bool:
    """Whether it is one of the template's own texts, whatever is asked to choose it."""
    if isinstance(node, nodes.CondExpr):
        return is_ours(node.expr1) and (node.expr2 is None or is_ours(node.expr2))
    return isinstance(node, nodes.Const)


def written(environment: Environment, source: str) -> list[str]:
    """What stands between each two curly brackets of a template."""
    texts: list[str] = []
    inside: list[str] | None = None
    for _line, kind, text in environment.lex(source):
        if kind == "variable_begin":
            inside = []
        elif kind == "variable_end" and inside is not None:
            texts.append("".join(inside).strip())
            inside = None
        elif inside is not None:
            inside.append(text)
    return texts


@dataclass(frozen=True)
class Shape:
    """What a browser makes of a page: every element and its attributes' names, in order; and the attributes' values."""

    elements: tuple[tuple[int, str, tuple[str, ...]], ...]
    values: tuple[tuple[str, str, str], ...]


def shape(page: str) -> Shape:
    """As HTML's own rules read it (html.spec.whatwg.org, section 13.2)."""
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    elements, values = [], []
    waiting: list[tuple[int, Any]] = [(0, tree)]
    while waiting:
        depth, element = waiting.pop()
        if isinstance(element.tag, str):
            elements.append((depth, element.tag, tuple(sorted(element.attrib))))
            values += [(element.tag, name, value) for name, value in element.attrib.items()]
        else:
            elements.append((depth, "a comment", ()))
        waiting += [(depth + 1, child) for child in reversed(element)]
    return Shape(tuple(elements), tuple(values))


def dangerous(found: Shape) -> list[str]:
    """Attributes that a browser would do something about that is not ours."""
    return [
        f"<{element} {name}={value[:80]!r}>"
        for element, name, value in found.values
        if name in ("style", "srcdoc")
        or name.startswith("on")
        or (name in ADDRESSES and (not value.startswith(OWN) or value.startswith("//")))
    ]
