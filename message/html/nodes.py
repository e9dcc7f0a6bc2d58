"""The nodes that a CSS parser (tinycss2) makes of a style: what they stand for, and how they are written again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from message.html.properties import LAYERED

_ESCAPED = re.compile(r"\\.|<", re.DOTALL)
_CID = re.compile(r"cid:[A-Za-z0-9!#$&*+/=?^_|~.@%-]{1,300}", re.IGNORECASE)


def trimmed(nodes: list[Any]) -> list[Any]:
    """The nodes without white space around them, and with one space for each run of it.

    In the text of them it could be part of an escape (`red\\9`, which old browsers read), and the backslash that is
    left would take the next bracket with it.
    """
    kept = [node for node in nodes if node.type != "comment"]
    for node in kept:
        if node.type == "whitespace":
            node.value = " "
    while kept and kept[0].type == "whitespace":
        kept.pop(0)
    while kept and kept[-1].type == "whitespace":
        kept.pop()
    return kept


def written(nodes: list[Any]) -> str:
    """The nodes as CSS, without the bracket that could begin a tag."""
    import tinycss2

    text: str = tinycss2.serialize(nodes)
    return _ESCAPED.sub(lambda found: "\\3c " if found[0].endswith("<") else found[0], text)


def layers(nodes: list[Any], name: str) -> Iterator[list[Any]]:
    """The members of a list of layers; all of the value where it isn't one."""
    if name not in LAYERED:
        yield nodes
        return
    layer: list[Any] = []
    for node in nodes:
        if node.type == "literal" and node.value == ",":
            yield layer
            layer = []
        else:
            layer.append(node)
    yield layer


def begins_with_space(layer: list[Any]) -> bool:
    return bool(layer) and bool(layer[0].type == "whitespace")


def is_of_the_mail(node: Any) -> bool:
    """Whether a `url()` names a part of the mail."""
    if node.type == "url":
        return bool(_CID.fullmatch(node.value))
    arguments = [argument for argument in node.arguments if argument.type != "whitespace"]
    return (
        node.lower_name == "url"
        and len(arguments) == 1
        and arguments[0].type == "string"
        and bool(_CID.fullmatch(arguments[0].value))
    )


def fetches(content: Any) -> bool:
    """Whether a font face names a file. One without is how Word writes down what it knows of a font."""
    return any(node.type == "ident" and node.lower_value == "src" for node in content or ())


def without_less_than(nodes: list[Any]) -> list[Any]:
    """`(width <= 600px)` as `(600px >= width)`: the same, without the bracket that could begin a tag."""
    if not any(_is_literal(node, "<") for node in nodes) or any(_is_literal(node, ">") for node in nodes):
        return nodes
    turned: list[Any] = []
    operand: list[Any] = []
    for node in nodes:
        if _is_literal(node, "<"):
            node.value = ">"
            turned = [node, *operand, *turned]
            operand = []
        elif _is_literal(node, "=") and turned and not operand:
            turned[0].value = ">="
        else:
            operand.append(node)
    return [*operand, *turned]


def _is_literal(node: Any, value: str) -> bool:
    return bool(node.type == "literal" and node.value == value)
