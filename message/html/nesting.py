"""HTML with every element closed in its place: what a tree builder needs no time and no copies for.

A browser's tree builder repairs unclosed and crossing elements, at a cost that grows with the square of the input
and more (a megabyte of `<div>` takes a minute, one open `<font>` is copied into every later paragraph). So the
input is laid flat first: end tags where they are due, nothing deeper than a mail needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from types import MappingProxyType

from message.html.markup import Token, names, tokens

_DEEPEST = 128
_VOID = names("area br col hr img wbr")
_BLOCKS = names(
    """address article aside blockquote center dd details div dl dt figcaption figure footer h1 h2 h3
    h4 h5 h6 header hgroup hr li main nav ol p pre section summary table ul"""
)
_TABLE_PARTS = names("caption col colgroup tbody td tfoot th thead tr")
_CELLS = names("caption td th")
# The outer elements carry layout too (direction, colours); what is made here goes inside new ones.
_RENAMED = MappingProxyType({"html": "div", "body": "div"})
_BETWEEN_CELLS = names("table tbody tfoot thead tr colgroup")
_ROWS = names("tbody tfoot thead")
_NOT_INLINE = _BLOCKS | _TABLE_PARTS
_PARAGRAPH = names("p")
_IN_TABLE = names("table")
_IN_CELL = _CELLS | _IN_TABLE
_IN_LIST = names("ol ul") | _IN_CELL
_IN_DEFINITIONS = names("dl") | _IN_CELL
_ITEMS = names("dd dt")
_NOT_ROWS = names("td th caption colgroup")
_OTHER_ROWS = _NOT_ROWS | _ROWS | names("tr")
# What the start of an element ends, and within what (WHATWG HTML, section 13.1.2.4, optional tags).
_ENDS = MappingProxyType(
    {
        "a": (names("a"), _IN_CELL),
        "li": (names("li"), _IN_LIST),
        "dd": (_ITEMS, _IN_DEFINITIONS),
        "dt": (_ITEMS, _IN_DEFINITIONS),
        "td": (_NOT_ROWS, _IN_TABLE),
        "th": (_NOT_ROWS, _IN_TABLE),
        "tr": (_NOT_ROWS | names("tr"), _IN_TABLE),
        "col": (_OTHER_ROWS - names("colgroup"), _IN_TABLE),
    }
    | dict.fromkeys(_ROWS | names("caption colgroup"), (_OTHER_ROWS, _IN_TABLE))
)


def nested(markup: str, tags: Collection[str], attributes: Collection[str]) -> str:
    """The text of `markup` and those of its elements and attributes that are named, properly nested.

    Text and attribute values keep their character references as written: what was text stays text.
    """
    return "".join(_Nesting(tags, attributes).pieces(markup))


class _Nesting:
    def __init__(self, tags: Collection[str], attributes: Collection[str]) -> None:
        self._tags = tags
        self._attributes = attributes
        self._open: list[str] = []
        self._count: Counter[str] = Counter()

    def pieces(self, markup: str) -> Iterator[str]:
        for token in tokens(markup):
            if not token.tag:
                if not token.text.isspace():
                    yield from self._into_cell()
                yield token.text.replace("<", "&lt;")
            elif token.tag.startswith("/"):
                yield from self._end(_RENAMED.get(token.tag[1:], token.tag[1:]))
            else:
                yield from self._start(token, _RENAMED.get(token.tag, token.tag))
        yield from self._close(0)

    def _start(self, token: Token, tag: str) -> Iterator[str]:
        if tag not in self._tags or (tag in _TABLE_PARTS and not self._count["table"]):
            return
        if tag not in _TABLE_PARTS:
            yield from self._into_cell()
        if tag in _BLOCKS:
            yield from self._make_way(_PARAGRAPH, _IN_CELL)
        if ends := _ENDS.get(tag):
            yield from self._make_way(*ends)
        if tag in _VOID:
            yield self._written(tag, token)
        elif len(self._open) < _DEEPEST:
            self._open.append(tag)
            self._count[tag] += 1
            yield self._written(tag, token)

    def _end(self, tag: str) -> Iterator[str]:
        if tag == "table":
            within = frozenset[str]()
        elif tag in _TABLE_PARTS:
            within = _IN_TABLE
        else:
            within = _IN_CELL if tag in _BLOCKS else _NOT_INLINE
        for at in self._found((tag,), within):
            yield from self._close(at)
            return

    def _make_way(self, tags: Collection[str], within: Collection[str]) -> Iterator[str]:
        """End all of `tags` that are open."""
        for at in tuple(self._found(tags, within))[-1:]:
            yield from self._close(at)

    def _found(self, tags: Collection[str], within: Collection[str]) -> Iterator[int]:
        """Where `tags` are open inside the innermost of `within`, from the innermost on."""
        if any(self._count[tag] for tag in tags):
            for at in range(len(self._open) - 1, -1, -1):
                if self._open[at] in tags:
                    yield at
                if self._open[at] in within:
                    return

    def _close(self, at: int) -> Iterator[str]:
        while len(self._open) > at:
            tag = self._open.pop()
            self._count[tag] -= 1
            yield f"</{tag}>"

    def _into_cell(self) -> Iterator[str]:
        """Content between the cells of a table goes into a cell: a tree builder would put it before the table."""
        while self._open and self._open[-1] in _BETWEEN_CELLS:
            if self._open[-1] == "colgroup":
                yield from self._close(len(self._open) - 1)
                continue
            tag = "td" if self._open[-1] == "tr" else "tr"
            self._open.append(tag)
            self._count[tag] += 1
            yield f"<{tag}>"

    def _written(self, tag: str, token: Token) -> str:
        kept = "".join(
            f' {name}="{value.replace(chr(34), "&quot;")}"'
            for name, value in token.attributes
            if name in self._attributes
        )
        return f"<{tag}{kept}>"
