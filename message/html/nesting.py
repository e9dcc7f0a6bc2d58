"""HTML with every element closed in its place: what a tree builder needs no time and no copies for.

A browser's tree builder repairs unclosed and crossing elements, at a cost that grows with the square of the input
and more (a megabyte of `<div>` takes a minute, one open `<font>` is copied into every later paragraph). So the
input is laid flat first: end tags where they are due, nothing deeper than a mail needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from types import MappingProxyType

from message.html.markup import names

_DEEPEST = 128
VOID = names("area br col hr img input wbr")
_FORMATTING = names("a b big code em font i nobr s small strike strong tt u")
_MOST_COPIES = 200_000
"""Characters that a tree builder may add by opening formatting elements anew; more is not tried."""
_ANEW = 8
"""How often it opens one anew because of one end tag."""
_BLOCKS = names(
    """address article aside blockquote center dd details dir div dl dt fieldset figcaption figure footer h1 h2 h3
    h4 h5 h6 header hgroup hr li main menu nav ol p pre section summary table ul"""
)
_TABLE_PARTS = names("caption col colgroup tbody td tfoot th thead tr")
_CELLS = names("caption td th")
_BETWEEN_CELLS = names("table tbody tfoot thead tr colgroup")
_ROWS = names("tbody tfoot thead")
_NOT_INLINE = _BLOCKS | _TABLE_PARTS
_PARAGRAPH = names("p")
_IN_TABLE = names("table")
_IN_CELL = _CELLS | _IN_TABLE
_IN_LIST = names("dir menu ol ul") | _IN_CELL
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


Piece = tuple[str, str]
"""An element's name and its start tag, "/name" and its end tag, "" and text, or "!--" and a comment, as written."""


class Nesting:
    """Lays pieces flat: `written` has them properly nested.

    A tree builder agrees, but where formatting elements and blocks cross: those it repairs by opening some anew.
    `is_mended` says that it had better be given the pieces as they are, because that can't make much more of them.
    `is_cut` says that elements nested too deeply were left out.
    """

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._open: list[Piece] = []
        self._count: Counter[str] = Counter()
        self._ended: set[int] = set()
        self._has_crossed = False
        self._running = 0
        self._copies = 0
        self.is_cut = False
        self.written = "".join(self._nested(pieces))
        self.is_mended = self._has_crossed and not self.is_cut and self._copies <= _MOST_COPIES

    def _nested(self, pieces: Iterable[Piece]) -> Iterator[str]:
        for tag, written in pieces:
            if tag == "!--":
                yield written
            elif not tag:
                if not written.isspace():
                    yield from self._into_cell()
                yield written
            elif tag.startswith("/"):
                yield from self._end(tag[1:])
            else:
                yield from self._start(tag, written)
        while self._open:
            yield f"</{self._open.pop()[0]}>"

    def _start(self, tag: str, written: str) -> Iterator[str]:
        if tag in _TABLE_PARTS and not self._count["table"]:
            return
        if tag not in _TABLE_PARTS:
            yield from self._into_cell()
        if tag in _BLOCKS:
            yield from self._make_way(_PARAGRAPH, _IN_CELL)
        if ends := _ENDS.get(tag):
            yield from self._make_way(*ends)
        self._copies += self._running
        if tag in VOID:
            yield written
        elif len(self._open) < _DEEPEST:
            yield self._opened(tag, written)
        else:
            self.is_cut = True

    def _opened(self, tag: str, written: str) -> str:
        self._open.append((tag, written))
        self._count[tag] += 1
        return written

    def _end(self, tag: str) -> Iterator[str]:
        if tag == "table":
            within = frozenset[str]()
        elif tag in _TABLE_PARTS:
            within = _IN_TABLE
        else:
            within = _IN_CELL if tag in _BLOCKS else _NOT_INLINE
        for at in self._found((tag,), within):
            yield from self._close(at, until=tag)
            return
        if tag in _FORMATTING and self._count[tag]:
            self._end_later(tag)

    def _end_later(self, tag: str) -> None:
        """A formatting element whose end tag comes inside a block that it is around: it ends where that block does."""
        for at in range(len(self._open) - 1, -1, -1):
            name, written = self._open[at]
            if name == tag and at not in self._ended:
                self._ended.add(at)
                self._has_crossed = True
                self._copies += len(written) * _ANEW
                return
            if name in _IN_CELL:
                return

    def _make_way(self, tags: Collection[str], within: Collection[str]) -> Iterator[str]:
        """End all of `tags` that are open."""
        for at in tuple(self._found(tags, within))[-1:]:
            yield from self._close(at)

    def _found(self, tags: Collection[str], within: Collection[str]) -> Iterator[int]:
        """Where `tags` are open inside the innermost of `within`, from the innermost on."""
        if any(self._count[tag] for tag in tags):
            for at in range(len(self._open) - 1, -1, -1):
                if self._open[at][0] in tags:
                    yield at
                if self._open[at][0] in within:
                    return

    def _close(self, at: int, until: str = "") -> Iterator[str]:
        """End all that is open from `at` on, and then what should have ended already."""
        while len(self._open) > at or (self._open and len(self._open) - 1 in self._ended):
            tag, written = self._open.pop()
            self._count[tag] -= 1
            if tag in _FORMATTING and tag != until and len(self._open) not in self._ended:
                # Its own end tag is missing, or comes later: a tree builder has it go on behind the block.
                self._has_crossed = True
                self._running += len(written)
            self._ended.discard(len(self._open))
            yield f"</{tag}>"

    def _into_cell(self) -> Iterator[str]:
        """Content between the cells of a table goes into a cell: a tree builder would put it before the table."""
        while self._open and self._open[-1][0] in _BETWEEN_CELLS:
            if self._open[-1][0] == "colgroup":
                yield from self._close(len(self._open) - 1)
                continue
            tag = "td" if self._open[-1][0] == "tr" else "tr"
            yield self._opened(tag, f"<{tag}>")
