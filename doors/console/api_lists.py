"""Lists of the HTTP API: filtered, sorted, a page at a time: {count, num_pages, data}."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from starlette.datastructures import QueryParams

from host.local.inputs import InputError

PAGE_SIZE = 10
MOST = 1000
_FILTER = "_filter_"

Item = Mapping[str, Any]


def asks_for(field: str, query: QueryParams) -> bool:
    """Whether a list is to be filtered or sorted by this field."""
    return query.get("sort", "") == field or any(name.startswith(f"{_FILTER}{field}") for name in query)


def listed(items: Sequence[Item], fields: Iterable[str], query: QueryParams) -> dict[str, Any]:
    """The page that the query asks for. Raises `InputError` for what it can't ask."""
    known = frozenset(fields)
    found = [item for item in items if _fits(item, known, query)]
    if sort := query.get("sort", ""):
        if sort not in known:
            raise InputError(f"sort: there is no field {sort[:40]!r}; there are: {', '.join(sorted(known))}.")
        order = query.get("order", "asc")
        if order not in ("asc", "desc"):
            raise InputError("order is asc or desc.")
        found.sort(key=lambda item: _sortable(item.get(sort)), reverse=order == "desc")
    page, size = _whole(query, "page", 0), _whole(query, "page_size", PAGE_SIZE) or MOST
    size = min(size, MOST)
    return {
        "count": len(found),
        "num_pages": -(-len(found) // size),
        "data": found[page * size : (page + 1) * size],
    }


def _whole(query: QueryParams, name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InputError(f"{name}: {text[:40]!r} is no whole number from 0.")
    return int(text)


def _fits(item: Item, known: frozenset[str], query: QueryParams) -> bool:
    for name, text in query.multi_items():
        if name.startswith(_FILTER):
            field, compare = _filter(name.removeprefix(_FILTER), known)
            if not compare(item.get(field), _literal(text)):
                return False
    return True


def _filter(name: str, known: frozenset[str]) -> tuple[str, Callable[[Any, Any], bool]]:
    if name in known:
        return name, _LOOKUPS["exact"]
    field, _, lookup = name.rpartition("__")
    if field not in known:
        raise InputError(f"{_FILTER}{name[:60]}: no such field; there are: {', '.join(sorted(known))}.")
    if lookup not in _LOOKUPS:
        raise InputError(f"{_FILTER}{name[:60]}: no such comparison; there are: {', '.join(_LOOKUPS)}.")
    return field, _LOOKUPS[lookup]


def _literal(text: str) -> Any:
    """A value as SOAR's clients write it: JSON, or a text in single quotes; anything else is itself."""
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _sortable(value: Any) -> tuple[int, float, str]:
    if isinstance(value, bool | int | float):
        return (1, float(value), "")
    return (0, 0.0, "") if value is None else (2, 0.0, str(value).casefold())


def _same(have: Any, want: Any) -> bool:
    return bool(have == want) or str(have) == str(want)


def _less(have: Any, want: Any) -> bool:
    return _sortable(have) < _sortable(want)


def _one_of(have: Any, want: Any) -> bool:
    return isinstance(want, list) and any(_same(have, one) for one in want)


_LOOKUPS: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        "exact": _same,
        "iexact": lambda have, want: str(have).casefold() == str(want).casefold(),
        "contains": lambda have, want: str(want) in str(have),
        "icontains": lambda have, want: str(want).casefold() in str(have).casefold(),
        "startswith": lambda have, want: str(have).startswith(str(want)),
        "in": _one_of,
        "lt": _less,
        "lte": lambda have, want: _same(have, want) or _less(have, want),
        "gt": lambda have, want: not _same(have, want) and not _less(have, want),
        "gte": lambda have, want: not _less(have, want),
    }
)
