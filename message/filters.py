"""The filters of templates: what may be done to a value, each bounded in what it makes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from jinja2 import Undefined
from jinja2.filters import do_title

from message.errors import shown

LARGEST_OUTPUT = 10 * 1024 * 1024
"""Characters of what is made of one template."""
_KINDS: Mapping[type, str] = MappingProxyType(
    {
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
        type(None): "null",
    }
)


class TooMuch(Exception):
    """Something grew beyond its bound. The message says what."""


class Unfit(Exception):
    """A value of another kind than a filter works on. The message names both."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that says what it was given, if it can do nothing with that."""

    name: str
    function: Callable[..., object]

    def __call__(self, value: object, *arguments: object) -> object:
        try:
            return self.function(value, *arguments)
        except (ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as exc:
            given = shown(value) if isinstance(value, str) else _KINDS.get(type(value), "such a value")
            more = " with these arguments" if arguments else ""
            raise Unfit(f"the filter {self.name}{more} can't be used on {given}") from exc


def _text(value: object) -> str:
    if isinstance(value, Undefined):
        return str(value)  # which is the error that names it
    if isinstance(value, bool | list | dict | None):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _default(value: object, otherwise: object = "", also_empty: object = False) -> object:
    is_missing = isinstance(value, Undefined) or value is None
    return otherwise if is_missing or (also_empty and not value) else value


def _join(value: Iterable[object], separator: str = "") -> str:
    texts = [_text(item) for item in value]
    if sum(map(len, texts)) + len(texts) * len(separator) > LARGEST_OUTPUT:
        raise TooMuch(f"join makes more than {LARGEST_OUTPUT} characters")
    return separator.join(texts)


def _replace(value: object, old: str, new: str) -> str:
    text = _text(value)
    if not old:
        raise TooMuch("replace needs something to replace")
    if len(text) + text.count(old) * len(new) > LARGEST_OUTPUT:
        raise TooMuch(f"replace makes more than {LARGEST_OUTPUT} characters")
    return text.replace(old, new)


def _truncate(value: object, length: int = 255) -> str:
    text = _text(value)
    return text if len(text) <= length else text[: max(length - 1, 0)] + "…"


def _int(value: Any) -> int:
    """A whole number as it is: as a float one of 17 digits, such as an alert's, would become another."""
    try:
        return int(value)
    except ValueError:
        return int(float(value))


def _first(value: Any) -> object:
    return value[0] if value else ""


def _last(value: Any) -> object:
    return value[-1] if value else ""


FILTERS: Mapping[str, Callable[..., object]] = MappingProxyType(
    {
        "upper": lambda value: _text(value).upper(),
        "lower": lambda value: _text(value).lower(),
        "title": lambda value: do_title(_text(value)),
        "capitalize": lambda value: _text(value).capitalize(),
        "trim": lambda value: _text(value).strip(),
        "string": _text,
        "default": _default,
        "d": _default,
        "length": lambda value: len(value),
        "count": lambda value: len(value),
        "join": _join,
        "replace": _replace,
        "truncate": _truncate,
        "first": _first,
        "last": _last,
        "int": _int,
        "float": float,
        "abs": abs,
        "round": lambda value, digits=0: round(float(value), min(int(digits), 12)),
        "sort": lambda value: sorted(value),
        "reverse": lambda value: value[::-1],
        "urlencode": lambda value: quote(_text(value), safe=""),
    }
)
