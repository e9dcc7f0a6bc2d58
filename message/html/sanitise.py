"""HTML bodies: recognising them, sanitising them, and finding what they refer to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote

from message.html.allowed import (
    ADDRESSES,
    ATTRIBUTES,
    DOCTYPES,
    IDLE,
    METAS,
    OF_A_LABEL,
    OF_A_SWITCH,
    OF_THE_BODY,
    OF_THE_DOCUMENT,
    REPLACED_METAS,
    SWITCHES,
    TAGS,
)
from message.html.conditional import STRUCTURE, after_head, are_plain, as_comment, conditional
from message.html.hidden import Unseen, is_hidden_by, is_unseen
from message.html.losses import Losses
from message.html.markup import Token, all_tokens, names, tokens, unescaped, unescaped_attribute
from message.html.nesting import VOID, Nesting, Piece
from message.html.rendering import to_text
from message.html.styles import Styles
from message.html.urls import SCHEMES, kept_url

__all__ = ["Sanitised", "content_ids", "is_html", "sanitize", "to_text"]

_HTML_START = re.compile(r"[\s\ufeff]*<(?:!doctype\s+html|html)(?![\w:.-])", re.IGNORECASE)
_STRUCTURE = names("html head body")
# What acts, as what only looks like it; it is a loss all the same.
_INSTEAD = MappingProxyType(
    {"form": "div", "dialog": "div", "button": "span", "marquee": "span", "blink": "span"}
)
_OF_AN_ACTING_ONE = names("align bgcolor class dir id lang style title width")
_BESIDE_WORDS = names("button input marquee select textarea")
_BETWEEN_CELLS = names("table tbody tfoot thead tr col /colgroup /tbody /tfoot /thead /tr /td /th /caption")
_IN_CELLS = names("td th caption /table")
_CONDITIONAL = re.compile(r"<!--\[if ", re.IGNORECASE)
_DOCTYPE = re.compile(r"<!doctype\s+html\s*([^>]*)>", re.IGNORECASE)
_HTML5 = "<!DOCTYPE html>\n"

_REFERRING = names("src href background poster")
_CSS_REFERENCE = re.compile(r"url\(\s*+['\"]?\s*+cid:([^'\")\s]++)", re.IGNORECASE)


def is_html(body: str) -> bool:
    """Whether a body says that it is HTML: it starts, after white space, with `<!DOCTYPE html` or `<html`."""
    return _HTML_START.match(body) is not None


class Sanitised(NamedTuple):
    """A whole document, what it lost (`<form> 1×, onclick 2×`, "" for nothing), and whether it shows anything."""

    html: str
    lost: str
    is_blank: bool


def sanitize(html: str) -> Sanitised:
    """`html` without anything that acts: scripts, handlers, forms, odd URLs, styles that fetch.

    Layout stays: tables, style sheets, classes, the body's attributes, images, `cid:` references.
    """
    return _Sanitising().document(html)


class _Sanitising:
    """One document on its way: what stands around its content is taken out first and filtered by itself."""

    def __init__(self) -> None:
        self._losses = Losses()
        self._styles = Styles(self._losses)
        self._sheets: list[str] = []
        self._metas: list[str] = []
        self._title = ""
        self._outer: dict[str, str] = {"html": "", "body": ""}
        self._doctype = _HTML5
        self._unseen = Unseen()
        self._is_between_cells = False
        self._has_left_head = True
        self._keeps_outlooks_choice = True
        """Whether all that is there for Outlook alone stays, so that what is hidden from it may be hidden."""
        self._forms: list[str] = []
        """What is written for the end of each form that is open, "" for nothing."""

    def document(self, html: str) -> Sanitised:
        import nh3

        tokens = tuple(all_tokens(html))
        body = after_head(tokens)
        self._has_left_head = len(body) == len(tokens)
        self._keeps_outlooks_choice = are_plain(body, TAGS)
        pieces = list(self._pieces(tokens))
        nesting = Nesting(pieces)
        if nesting.is_cut:
            self._losses.take("elements nested too deeply")
        content = nh3.clean(
            "".join(written for _, written in pieces) if nesting.is_mended else nesting.written,
            tags=TAGS | {"input"},
            attributes={"*": ATTRIBUTES, "input": OF_A_SWITCH, "label": OF_A_LABEL},
            generic_attribute_prefixes={"aria-"},
            url_schemes=SCHEMES,
            link_rel=None,
            strip_comments=False,  # all that are left are written here
        ).strip()
        css = "\n".join(self._sheets)
        head = "".join([*self._metas, self._title, f"<style>\n{css}\n</style>" if css else ""])
        document = (
            f'{self._doctype}<html{self._outer["html"]}><head><meta charset="utf-8">{head}</head>'
            f"<body{self._outer['body']}>\n{content}\n</body></html>\n"
        )
        is_blank = not any(tag == "img" or (not tag and not _is_blank(text)) for tag, text in pieces)
        return Sanitised(document, self._losses.told(), is_blank)

    def _pieces(self, tokens: Iterable[Token]) -> Iterator[Piece]:
        """What is inside the body, filtered and as it is to be written; the rest is kept aside."""
        for token in tokens:
            tag, name = token.tag, token.tag.lstrip("/")
            if self._unseen.covers(token):
                continue
            if tag in _BETWEEN_CELLS or tag in _IN_CELLS:
                self._is_between_cells = tag in _BETWEEN_CELLS
            if name in _BESIDE_WORDS and not _is_switch(token):
                yield "", " "
            if not tag:
                yield "", token.text.replace("<", "&lt;")
            elif tag == "!--":
                yield "!--", self._comment(token.text)
            elif tag.startswith("!"):
                if tag[1:] in _BESIDE_WORDS:
                    yield "", " "
                self._hidden(tag[1:], token)
            elif is_unseen(tag, dict(token.attributes)):
                self._losses.take(f"<{tag}>")
                self._unseen.begin(tag)
            elif name in _INSTEAD:
                yield from self._instead(tag, name, token)
            elif name in _STRUCTURE:
                self._structure(tag, token)
            elif name == "meta":
                self._meta(token)
            elif tag.startswith("/"):
                if name in TAGS and name not in VOID:
                    yield tag, f"<{tag}>"
            elif tag == "input" and _is_switch(token):
                yield tag, f"<input{self._attributes(token, OF_A_SWITCH)}>"
            elif tag in TAGS:
                kept = OF_A_LABEL if tag == "label" else ATTRIBUTES
                yield tag, f"<{tag}{self._attributes(token, kept)}>"
            elif tag != "o:p":
                self._losses.take(f"<{tag}>")

    def _instead(self, tag: str, name: str, token: Token) -> Iterator[Piece]:
        """A form as a block, a button as words, so that nothing runs together which stood apart."""
        written = _INSTEAD[name]
        if tag.startswith("/"):
            if name == "form":
                written = self._forms.pop() if self._forms else ""
            if written:
                yield f"/{written}", f"</{written}>"
            return
        self._losses.take(f"<{tag}>")
        if name == "form":
            # Between rows or cells a form holds nothing, and a block would be one cell of its own.
            written = "" if self._is_between_cells else written
            self._forms.append(written)
        if written:
            kept = tuple(pair for pair in token.attributes if pair[0] in _OF_AN_ACTING_ONE)
            yield written, f"<{written}{self._attributes(Token(tag, '', kept), ATTRIBUTES)}>"

    def _comment(self, text: str) -> str:
        """What stays of a comment: only what lays out a mail for Outlook."""
        if doctype := _DOCTYPE.match(text):
            public = doctype[1].lower()
            self._doctype = next((known for part, known in DOCTYPES if part in public), _HTML5)
            return ""
        part = conditional(text)
        if part is not None and part.content is None:
            is_kept = self._has_left_head and self._keeps_outlooks_choice
            return as_comment(part, "") if is_kept else ""
        if part is not None and part.content is not None and self._has_left_head:
            return as_comment(part, self._for_outlook(part.content))
        if _CONDITIONAL.match(text):
            self._losses.take("conditional comment")
        return ""

    def _for_outlook(self, content: str) -> str:
        """What stays of a part that only Outlook reads; where not all can, only what gives the mail its width."""
        kept = TAGS if self._keeps_outlooks_choice else STRUCTURE
        pieces: list[str] = []
        is_whole = True
        for token in all_tokens(content):
            tag, name = token.tag, token.tag.lstrip("/")
            if not tag and (self._keeps_outlooks_choice or _is_blank(token.text)):
                pieces.append(token.text.replace("<", "&lt;").replace(">", "&gt;"))
            elif name not in kept:
                is_whole = False
            elif not tag.startswith("/"):
                pieces.append(f"<{tag}{self._attributes(token, ATTRIBUTES)}>")
            elif name not in VOID:
                pieces.append(f"<{tag}>")
        if not is_whole:
            self._losses.take("conditional comment")
        return "".join(pieces)

    def _hidden(self, tag: str, token: Token) -> None:
        attributes = dict(token.attributes)
        if tag == "title":
            title = escape(unescaped(token.text).strip(), quote=False)
            self._title = self._title or (f"<title>{title}</title>" if title else "")
        elif tag == "style" and attributes.get("type", "text/css").strip().lower() in ("", "text/css"):
            if css := self._styles.sheet(token.text, unescaped_attribute(attributes.get("media", ""))):
                self._sheets.append(css)
        else:
            self._losses.take(f"<{tag}>")

    def _structure(self, tag: str, token: Token) -> None:
        self._has_left_head = self._has_left_head or tag == "body"
        if tag in self._outer and not self._outer[tag]:
            kept = OF_THE_BODY if tag == "body" else OF_THE_DOCUMENT
            self._outer[tag] = self._attributes(token, kept)

    def _meta(self, token: Token) -> None:
        attributes = {name: unescaped_attribute(value) for name, value in token.attributes}
        name, content = attributes.get("name", ""), attributes.get("content", "")
        if name.lower() in METAS:
            self._metas.append(f'<meta name="{escape(name)}" content="{escape(content)}">')
        elif "charset" not in attributes and attributes.get("http-equiv", "").lower() not in REPLACED_METAS:
            self._losses.take("<meta>")

    def _attributes(self, token: Token, kept: frozenset[str]) -> str:
        written: list[str] = []
        for name, value in token.attributes:
            if name not in kept and not name.startswith("aria-"):
                if not IDLE.fullmatch(name):
                    self._losses.take(name)
                continue
            text: str | None = unescaped_attribute(value)
            if name == "style":
                text = self._style(text or "", token.tag) or None
            elif name in ADDRESSES:
                text = kept_url(name, text or "", self._losses)
            if text is not None:
                written.append(f' {name}="{escape(text)}"')
        return "".join(written)

    def _style(self, text: str, tag: str) -> str:
        """A style attribute, as it may stay.

        What is hidden from Outlook has a twin that only Outlook shows; where that goes, this is there for all.
        """
        text = self._styles.attribute(text)
        if not self._keeps_outlooks_choice and "mso-hide" in text and not is_hidden_by(text, tag):
            text = "; ".join(part for part in text.split("; ") if not part.startswith("mso-hide:"))
        return text


def _is_switch(token: Token) -> bool:
    kinds = [unescaped_attribute(value) for name, value in token.attributes if name == "type"]
    return bool(kinds) and kinds[0].lower() in SWITCHES


def _is_blank(text: str) -> bool:
    return not unescaped(text).strip("\u200b\u200c\u200d\ufeff\u00ad\u034f").strip()


def content_ids(html: str) -> frozenset[str]:
    """The content ids that `cid:` URLs (RFC 2392) in attributes and styles refer to, percent-decoded."""
    if "cid:" not in html.lower():
        return frozenset()
    found = set(_CSS_REFERENCE.findall(unescaped(html)))
    for token in tokens(html):
        for name, value in token.attributes:
            if name in _REFERRING:
                scheme, _, reference = unescaped_attribute(value).strip().partition(":")
                if scheme.lower() == "cid":
                    found.add(reference)
    return frozenset(map(unquote, found))
