"""HTML as plain text that can be read: the other half of multipart/alternative."""

from __future__ import annotations

import re

from message.html.markup import Token, names, tokens, unescaped

_LINE_END = re.compile(r"\r\n|\r|\n")
_SPACE = re.compile(r"[ \t\n\f\r\u00a0]+")
# How many line breaks an element wants before and after it.
_ONE_BREAK = names(
    """address article aside center dd details div dt figcaption figure footer form header legend li
    main nav option section summary tr tbody thead tfoot caption fieldset"""
)
_TWO_BREAKS = names("blockquote dl h1 h2 h3 h4 h5 h6 hr ol p pre table ul")
_LONGEST_INDENT = 12
_BETWEEN_CELLS = " | "


def to_text(html: str) -> str:
    """A readable rendering: paragraphs, lists, quotes, table rows, and links as `text <url>`.

    Takes time in proportion to the length of `html`. Lines end in `\\n`; there is no other line end.
    """
    rendering = _Rendering()
    for token in tokens(html):
        if not token.tag:
            rendering.text(unescaped(token.text))
        elif token.tag.startswith("/"):
            rendering.end(token.tag[1:])
        else:
            rendering.start(token)
    return rendering.finished()


class _Rendering:
    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._breaks = 0
        self._space = False
        self._lists: list[int] = []
        self._quotes = 0
        self._pre = 0
        self._link = ""
        self._link_text: list[str] = []

    def text(self, text: str) -> None:
        if self._pre:
            first, *more = _LINE_END.split(text)
            self._put(first)
            for line in more:
                self._end_line()
                self._put(line)
            return
        collapsed = _SPACE.sub(" ", text)
        if collapsed.startswith(" "):
            self._space = True
        if word := collapsed.strip(" "):
            self._put(word)
            self._space = collapsed.endswith(" ")

    def start(self, token: Token) -> None:
        tag = token.tag
        self._want(tag)
        if tag == "br":
            self._end_line()
        elif tag == "hr":
            self._put("-" * 40)
            self._want(tag)
        elif tag == "li":
            self._item()
        elif tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ul" else 1)
        elif tag in ("td", "th"):
            self._cell()
        elif tag == "pre":
            self._pre += 1
        elif tag == "blockquote":
            self._apply_breaks()
            self._quotes += 1
        elif tag == "a":
            self._end_link()
            self._link = _target(dict(token.attributes).get("href", ""))
        elif tag == "img" and (alt := unescaped(dict(token.attributes).get("alt", "")).strip()):
            self.text(f"[{alt}]")

    def end(self, tag: str) -> None:
        if tag == "a":
            self._end_link()
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        elif tag == "pre" and self._pre:
            self._pre -= 1
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
        breaks = 1 if tag in _ONE_BREAK else 2 if tag in _TWO_BREAKS else 0
        if tag in ("ul", "ol") and self._lists:
            breaks = 1
        self._breaks = max(self._breaks, breaks)

    def _item(self) -> None:
        self._apply_breaks()
        number = self._lists[-1] if self._lists else 0
        if number:
            self._lists[-1] += 1
        indent = "  " * min(max(len(self._lists) - 1, 0), _LONGEST_INDENT)
        self._line.append(f"{indent}{number}. " if number else f"{indent}* ")

    def _cell(self) -> None:
        if self._line and not self._breaks and self._line[-1] != _BETWEEN_CELLS:
            self._line.append(_BETWEEN_CELLS)

    def _put(self, text: str) -> None:
        self._apply_breaks()
        if self._space and self._line and not self._pre and not self._line[-1].endswith(" "):
            self._line.append(" ")
        self._space = False
        self._line.append(text)
        if self._link:
            self._link_text.append(text)

    def _apply_breaks(self) -> None:
        if self._breaks:
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

    def _quote(self) -> str:
        return "> " * min(self._quotes, _LONGEST_INDENT)

    def _end_link(self) -> None:
        link, self._link = self._link, ""
        text = "".join(self._link_text).strip()
        self._link_text.clear()
        if link and text not in (link, link.removeprefix("mailto:")):
            self._space = bool(text)
            self._put(f"<{link}>")


def _target(href: str) -> str:
    """Where a link leads, if that is of use outside of the page."""
    href = re.sub(r"[\x00-\x20\x7f-\x9f]+", "", unescaped(href))
    return href if re.match(r"(?:https?|mailto|tel|ftp|sms):.", href, re.IGNORECASE) else ""
