"""Style sheets and style attributes, of which stays what lays out a mail and goes what would fetch or run something.

Everything is read by a CSS parser, judged token by token against lists of what is known to be harmless, and written
anew: nothing gets through because it was not understood. Only the fetching part of a declaration goes:
`background: #123 url(https://…)` keeps its colour. An image of the mail itself, `url(cid:…)`, stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from message.html.losses import Losses
from message.html.nodes import (
    begins_with_space,
    fetches,
    is_of_the_mail,
    layers,
    trimmed,
    without_less_than,
    written,
)
from message.html.properties import (
    DESCRIBING,
    FETCHING,
    FUNCTIONS,
    GROUPING,
    MOVING,
    SELECTING,
    is_property,
)

Node = Any
"""Of tinycss2, which has no types."""

_DEEPEST = 12
"""Blocks inside blocks: rules, brackets, functions. More than any mail has, and few enough to recurse."""
_MOST_OPEN = 200
_BRACKET = re.compile(r"[()\[\]{}]")
_PLAIN = re.compile(
    r"""(?:[A-Za-z0-9#.,%!\ \t\r\n+_-]|/(?![*/])|'[A-Za-z0-9 _-]*'|"[A-Za-z0-9 _-]*")++""", re.VERBOSE
)
_PLAIN_NAME = re.compile(r"\s*[A-Za-z0-9_-]*\s*")
_FRAME = re.compile(r"(?:from|to|[0-9.]+%)(?:\s*,\s*(?:from|to|[0-9.]+%))*", re.IGNORECASE)
_IN_A_VALUE = frozenset(",/+-*.:=|~?")
_IN_A_PRELUDE = frozenset(".>+~*:,|=^$&/-<")
_OF_ONE_TOKEN = frozenset(
    ("ident", "hash", "number", "percentage", "dimension", "whitespace", "comment", "string")
)
_BRACKETS = frozenset(("() block", "[] block"))


class Unfit(Exception):
    """Something in a value or a selector is not known to be harmless."""


class Styles:
    """Filters the styles of one mail; what goes is counted in `losses`."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses

    def attribute(self, text: str) -> str:
        """The declarations of a style attribute that may stay, "" for none."""
        if _is_too_deep(text):
            self._losses.take("deeply nested CSS")
            return ""
        declarations = [part.partition(":") for part in text.split(";") if part and not part.isspace()]
        if all(_PLAIN_NAME.fullmatch(name) and _PLAIN.fullmatch(value) for name, _, value in declarations):
            # Most are as simple as this, and the parser takes its time to load.
            kept = [f"{name}: {value.strip()}" for name, value in self._plain(declarations)]
        else:
            kept = list(self._contents(text, 0, may_nest=False))
        return "; ".join(kept)

    def sheet(self, text: str, media: str = "") -> str:
        """The rules of a style sheet that may stay, for `media` only if that is given; "" for none."""
        if _is_too_deep(text):
            self._losses.take("deeply nested CSS")
            return ""
        import tinycss2  # many mails have none

        try:
            query = self._prelude(tinycss2.parse_component_value_list(media), FUNCTIONS, 0)
        except Unfit:
            self._losses.take("<style media>")
            return ""
        rules = self._rules(tinycss2.parse_stylesheet(text, True, True), 0)
        css = "\n".join(rule for rule in rules if rule)
        return f"@media {query}{{\n{css}\n}}" if css and query and query.lower() != "all" else css

    def _plain(self, declarations: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str]]:
        for name, _, value in declarations:
            name = name.strip().lower()
            if not is_property(name):
                self._losses.take(f"style {name}")
            elif value.strip():
                yield name, value

    def _rules(self, nodes: Iterable[Node], depth: int) -> Iterator[str]:
        for node in nodes:
            if node.type == "qualified-rule":
                yield self._style_rule(node, depth)
            elif node.type == "at-rule":
                yield self._at_rule(node, depth)
            elif node.type == "error":
                self._losses.take("unreadable CSS")

    def _style_rule(self, rule: Any, depth: int) -> str:
        try:
            selector = self._prelude(rule.prelude, SELECTING, depth)
        except Unfit:
            self._losses.take("CSS rule")
            return ""
        return self._block(selector, self._contents(rule.content, depth + 1)) if selector else ""

    def _at_rule(self, rule: Any, depth: int, *, in_rule: bool = False) -> str:
        name = rule.lower_at_keyword
        if name == "charset" or (name == "font-face" and not fetches(rule.content)):
            return ""  # neither has any effect here
        if rule.content is None or depth >= _DEEPEST or name not in GROUPING | MOVING | DESCRIBING:
            self._losses.take(f"@{name}")
            return ""
        try:
            prelude = self._prelude(rule.prelude, FUNCTIONS | SELECTING, depth)
        except Unfit:
            self._losses.take(f"@{name}")
            return ""
        head = f"@{name} {prelude}" if prelude else f"@{name}"
        if name in DESCRIBING or in_rule:
            return self._block(head, self._contents(rule.content, depth + 1, may_nest=in_rule))
        import tinycss2

        nodes = tinycss2.parse_rule_list(rule.content, True, True)
        if name in MOVING:
            inner = [self._frame(node, depth + 1) for node in nodes]
        else:
            inner = list(self._rules(nodes, depth + 1))
        inner = [text for text in inner if text]
        return f"{head}{{\n{chr(10).join(inner)}\n}}" if inner else ""

    def _frame(self, node: Any, depth: int) -> str:
        import tinycss2

        head = tinycss2.serialize(node.prelude).strip() if node.type == "qualified-rule" else ""
        if not _FRAME.fullmatch(head):
            self._losses.take("CSS rule")
            return ""
        return self._block(head, self._contents(node.content, depth + 1, may_nest=False))

    @staticmethod
    def _block(head: str, contents: Iterable[str]) -> str:
        text = "; ".join(contents)
        return f"{head}{{{text}}}" if text else ""

    def _contents(self, source: Any, depth: int, *, may_nest: bool = True) -> Iterator[str]:
        """The declarations, and what rules are nested between them, that may stay."""
        import tinycss2

        if depth >= _DEEPEST:
            self._losses.take("deeply nested CSS")
            return
        for node in tinycss2.parse_blocks_contents(source, True, True):
            if node.type == "declaration":
                if text := self._declaration(node):
                    yield text
            elif node.type == "qualified-rule" and may_nest:
                if text := self._style_rule(node, depth):
                    yield text
            elif node.type == "at-rule" and may_nest:
                if text := self._at_rule(node, depth, in_rule=True):
                    yield text
            else:
                self._losses.take("unreadable CSS")

    def _declaration(self, node: Any) -> str:
        name = node.lower_name
        if not is_property(name):
            self._losses.take(f"style {name}")
            return ""
        if name.startswith("--"):
            name = node.name
        try:
            kept = [(self._value(layer), begins_with_space(layer)) for layer in layers(node.value, name)]
        except Unfit:
            self._losses.take(f"style {name}")
            return ""
        texts = [f", {text}" if spaced else f",{text}" for text, spaced in kept if text]
        value = "".join(texts).removeprefix(",").removeprefix(" ")
        return f"{name}: {value}{' !important' if node.important else ''}" if value else ""

    def _value(self, nodes: Iterable[Node]) -> str:
        return written(trimmed(list(self._harmless(nodes, 0))))

    def _harmless(self, nodes: Iterable[Any], depth: int) -> Iterator[Node]:
        """The nodes of a value without those that fetch. Raises `Unfit` for any that isn't known to be harmless."""
        if depth >= _DEEPEST:
            raise Unfit
        for node in nodes:
            kind = node.type
            if kind == "url" or (kind == "function" and node.lower_name in FETCHING):
                if is_of_the_mail(node):
                    yield node
                else:
                    self._losses.take("url() in a style")
            elif kind == "function":
                if node.lower_name not in FUNCTIONS:
                    raise Unfit
                node.arguments = list(self._harmless(node.arguments, depth + 1))
                yield node
            elif kind == "[] block" or (kind == "() block" and depth):
                # A bracket outside of a function is a mistake, or meant for readers that don't mind a space before it.
                node.content = list(self._harmless(node.content, depth + 1))
                yield node
            elif kind in _OF_ONE_TOKEN or (kind == "literal" and node.value in _IN_A_VALUE):
                yield node
            else:
                raise Unfit

    def _prelude(self, nodes: Iterable[Any], functions: frozenset[str], depth: int) -> str:
        """A selector or a query, as it was. Raises `Unfit` when something in it isn't known to be harmless."""
        nodes = without_less_than(trimmed(list(nodes)))
        self._check_prelude(nodes, functions, depth)
        return written(nodes)

    def _check_prelude(self, nodes: Iterable[Any], functions: frozenset[str], depth: int) -> None:
        if depth >= _DEEPEST:
            raise Unfit
        for node in nodes:
            if node.type == "function" and node.lower_name in functions:
                self._check_prelude(node.arguments, functions, depth + 1)
            elif node.type in _BRACKETS:
                node.content = without_less_than(node.content)
                self._check_prelude(node.content, functions, depth + 1)
            elif not (
                node.type in _OF_ONE_TOKEN
                or (node.type == "literal" and set(node.value) <= _IN_A_PRELUDE and "<" not in node.value)
            ):
                raise Unfit


def _is_too_deep(text: str) -> bool:
    """Whether so many brackets are open at once that building the tree alone would take its time."""
    depth = 0
    for bracket in _BRACKET.findall(text):
        depth += 1 if bracket in "([{" else -1
        if depth > _MOST_OPEN:
            return True
    return False
