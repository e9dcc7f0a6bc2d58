"""HTML as plain text that can be read: the other half of multipart/alternative."""

from __future__ import annotations

import re
from collections.abc import Mapping

from message.html.hidden import Hiding
from message.html.lists import List, Table, counted_items
from message.html.markup import Token, all_tokens, names, unescaped, unescaped_attribute

_LINE_END = re.compile(r"\r\n|\r|\n")
_SPACE = re.compile(r"[ \t\n\f\r\u00a0]+")
# How many line breaks an element wants before and after it.
_ONE_BREAK = names(
    """address article aside center dd details dialog div dt figcaption figure footer form header legend li
    main nav option section summary tr tbody thead tfoot caption fieldset"""
)
_TWO_BREAKS = names("blockquote dir dl h1 h2 h3 h4 h5 h6 hr menu ol p pre table ul")
# Shown as a thing of its own inside of a line: words beside it don't run together.
_REPLACED = names("audio button canvas embed iframe input marquee object select svg textarea video")
_FILLERS = re.compile("[\u00ad\u034f\u200b-\u200d\u2060\ufeff]")
_LONGEST_INDENT = 12
_BETWEEN_CELLS = " | "


def to_text(html: str) -> str:
    """A readable rendering: paragraphs, lists, quotes, table rows, and links as `text <url>`.

    What a browser hides is left out. Takes time in proportion to the length of `html`. Lines end in `\\n`; there is no
    other line end.
    """
    found = tuple(all_tokens(html))
    hiding, counts = Hiding(found), counted_items(found)
    rendering = _Rendering()
    for at, token in enumerate(found):
        if hiding.hides(at):
            continue
        if not token.tag:
            rendering.text(unescaped(token.text))
        elif token.tag.startswith("/"):
            rendering.end(token.tag[1:])
        elif token.tag.startswith("!"):
            rendering.replaced(token.tag[1:])
        else:
            rendering.start(token, dict(token.attributes), counts.get(at, 0))
    return rendering.finished()


class _Rendering:
    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._breaks = 0
        self._space = False
        self._lists: list[List] = []
        self._tables: list[Table] = []
        self._quotes = 0
        self._pre = 0
        self._is_new_pre = False
        self._is_new_item = False
        self._link = ""
        self._link_text: list[str] = []
        self._is_behind_link = False

    def text(self, text: str) -> None:
        if self._pre:
            first, *more = _LINE_END.split(text)
            # The line end right behind <pre> is no part of the text.
            if first or not more or not self._is_new_pre:
                self._put(first)
                self._is_new_pre = False
            else:
                self._is_new_pre = False
                first, *more = more
                self._put(first)
            for line in more:
                self._end_line()
                self._put(line)
            return
        collapsed = _SPACE.sub(" ", _FILLERS.sub("", text) if _is_filler(text) else text)
        if collapsed.startswith(" "):
            self._space = True
        if word := collapsed.strip(" "):
            self._put(word)
            self._space = collapsed.endswith(" ")

    def replaced(self, tag: str) -> None:
        """Something stands here that has no text."""
        if tag in _REPLACED:
            self._space = True

    def start(self, token: Token, attributes: Mapping[str, str], items: int = 0) -> None:
        tag = token.tag
        self._want(tag)
        self.replaced(tag)
        if tag == "br":
            self._break()
        elif tag == "hr":
            self._put("-" * 40)
            self._want(tag)
        elif tag == "li":
            self._item(attributes.get("value", ""))
        elif tag in ("ul", "ol"):
            self._lists.append(List.of(tag, attributes, items))
        elif tag == "table":
            self._tables.append(Table())
        elif tag == "tr" and self._tables:
            self._tables[-1].start_row()
        elif tag in ("td", "th"):
            self._cell()
        elif tag == "pre":
            self._pre += 1
            self._is_new_pre = True
        elif tag == "blockquote":
            self._apply_breaks()
            self._quotes += 1
        elif tag == "a":
            self._end_link()
            self._link = _target(attributes.get("href", ""))
        elif tag == "img" and (alt := unescaped_attribute(attributes.get("alt", "")).strip()):
            self.text(f"[{alt}]")

    def end(self, tag: str) -> None:
        self.replaced(tag)
        if tag == "a":
            self._end_link()
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        elif tag == "table" and self._tables:
            self._tables.pop()
        elif tag == "pre" and self._pre:
            self._pre -= 1
        elif tag == "li":
            # Paragraphs inside its items make no list of paragraphs.
            self._breaks = min(self._breaks, 1)
            self._is_new_item = False
        elif tag in ("td", "th"):
            self._end_cell()
        elif tag == "tr" and self._tables and self._tables[-1].cells < 2:
            self._breaks = max(self._breaks, self._tables[-1].wanted)
        self._want(tag)
        if tag == "blockquote" and self._quotes:
            self._end_line_if_any()
            self._quotes -= 1

    def finished(self) -> str:
        self._end_link()
        self._end_line_if_any()
        while self._lines and not self._lines[-1].strip("> "):
            self._lines.pop()
        return "\n".join(self._lines) + "\n"

    def _want(self, tag: str) -> None:
        if self._is_new_item and tag != "li":
            return  # what an item begins with stands behind its bullet
        breaks = 1 if tag in _ONE_BREAK else 2 if tag in _TWO_BREAKS else 0
        table = self._tables[-1] if self._tables else None
        if (tag in ("ul", "ol") and self._lists) or (table and table.line < 0 and table.before > 1):
            breaks = min(breaks, 1)  # rows of several cells stand close together
        self._breaks = max(self._breaks, breaks)

    def _break(self) -> None:
        """A line ends here, also one that is empty; but for one there is already between two paragraphs."""
        is_paragraph = self._breaks > 1
        self._apply_breaks()
        if not is_paragraph or self._line:
            self._end_line()

    def _item(self, value: str) -> None:
        self._apply_breaks()
        bullet = self._lists[-1].item(value) if self._lists else "* "
        indent = "  " * min(max(len(self._lists) - 1, 0), _LONGEST_INDENT)
        self._line.append(f"{indent}{bullet}")
        self._is_new_item = True

    def _cell(self) -> None:
        """Cells stand side by side as long as each is one line; else one below the other."""
        if not self._tables:
            return
        self._tables[-1].cells += 1
        if self._tables[-1].line < 0:
            return
        if self._tables[-1].line == len(self._lines) and not self._breaks:
            if self._line and self._line[-1] != _BETWEEN_CELLS:
                self._line.append(_BETWEEN_CELLS)
        else:
            self._breaks = max(self._breaks, 1)

    def _end_cell(self) -> None:
        """What a cell's last paragraph wants behind it is not wanted between cells of one line."""
        if self._tables and self._tables[-1].line == len(self._lines):
            self._tables[-1].wanted, self._breaks = self._breaks, 0

    def _put(self, text: str) -> None:
        self._apply_breaks()
        self._is_new_item = False
        if self._tables and self._tables[-1].line < 0:
            self._tables[-1].line = len(self._lines)
        if self._is_behind_link and text[:1].isalnum():
            self._space = True  # a letter that follows would belong to the URL
        self._is_behind_link = False
        if self._space and self._line and not self._pre and not self._line[-1].endswith(" "):
            self._line.append(" ")
        self._space = False
        self._line.append(text)
        if self._link:
            self._link_text.append(text)

    def _apply_breaks(self) -> None:
        if self._breaks:
            between_cells = bool(self._line) and self._line[-1] == _BETWEEN_CELLS
            if between_cells and self._tables and self._tables[-1].line == len(self._lines):
                self._breaks = 0  # a cell begins with a paragraph of its own
                return
            self._end_line_if_any()
            if self._breaks > 1 and self._lines and self._lines[-1].strip("> "):
                self._lines.append(self._quote().rstrip(" "))
            self._breaks = 0

    def _end_line_if_any(self) -> None:
        if self._line:
            self._end_line()

    def _end_line(self) -> None:
        if self._line and self._line[-1] == _BETWEEN_CELLS:
            self._line.pop()
        self._lines.append((self._quote() + "".join(self._line)).rstrip(" "))
        self._line.clear()
        self._space = False
        self._is_new_item = False

    def _quote(self) -> str:
        return "> " * min(self._quotes, _LONGEST_INDENT)

    def _end_link(self) -> None:
        link, self._link = self._link, ""
        text = "".join(self._link_text).strip()
        self._link_text.clear()
        if link and text not in (link, link.removeprefix("mailto:")):
            self._space = bool(text)
            self._put(f"<{link}>")
            self._is_behind_link = True


def _is_filler(text: str) -> bool:
    """Whether there is nothing in it but what keeps a list of mails from showing more words."""
    return not _FILLERS.sub("", text).strip()


def _target(href: str) -> str:
    """Where a link leads, if that is of use outside of the page."""
    href = re.sub(r"[\x00-\x1f\x7f-\x9f]+", "", unescaped_attribute(href)).strip().replace(" ", "%20")
    return href if re.match(r"(?:https?|mailto|tel|ftp|sms):.", href, re.IGNORECASE) else ""
