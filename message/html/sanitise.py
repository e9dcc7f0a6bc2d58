"""HTML bodies: recognising them, sanitising them, and finding what they refer to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote

from message.html.hidden import Unseen, is_hidden_by, is_unseen
from message.html.losses import Losses
from message.html.markup import Token, all_tokens, names, tokens, unescaped, unescaped_attribute
from message.html.nesting import VOID, Nesting, Piece
from message.html.rendering import to_text
from message.html.styles import Styles
from message.html.urls import SCHEMES, kept_url

__all__ = ["Sanitised", "content_ids", "is_html", "sanitize", "to_text"]

_HTML_START = re.compile(r"[\s\ufeff]*<(?:!doctype\s+html|html)(?![\w:.-])", re.IGNORECASE)
_TAGS = names(
    """a abbr acronym address area article aside b bdi bdo big blockquote br caption center cite code
    col colgroup dd del details dfn dir div dl dt em fieldset figcaption figure font footer h1 h2 h3 h4 h5 h6
    header hgroup hr i img ins kbd label legend li main map mark menu nav nobr ol p pre q rp rt ruby s samp section
    small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr"""
)
_ATTRIBUTES = names(
    """abbr align alt background bgcolor border bordercolor cellpadding cellspacing char charoff cite class clear color
    cols colspan coords datetime dir face frame headers height hidden href hspace id lang name noshade nowrap open
    reversed role rowspan rules scope shape size span src start style summary title type usemap valign value vspace
    width"""
)
# Menus and galleries of mails open and close by boxes that are ticked, without a script: those send nothing anywhere.
_SWITCHES = names("checkbox radio")
_OF_A_SWITCH = _ATTRIBUTES | names("type checked")
_OF_A_LABEL = _ATTRIBUTES | names("for")
_OF_THE_BODY = names(
    """alink background bgcolor bottommargin class dir id lang leftmargin link marginheight marginwidth
    rightmargin style text title topmargin vlink width"""
)
_OF_THE_DOCUMENT = names("class dir id lang style")
# Without effect in a mail, whose links open in a window of their own anyway: these go without a word.
_IDLE = re.compile(r"xmlns(?::.*)?|data-.*|target|rel|loading|decoding|xml:.*|v:.*|o:.*|w:.*", re.DOTALL)
_ADDRESSES = names("href src cite background")
_METAS = names(
    """viewport color-scheme supported-color-schemes format-detection x-apple-disable-message-reformatting
    generator author description keywords progid originator"""
)
_REPLACED_METAS = names("content-type x-ua-compatible content-language content-style-type")
_STRUCTURE = names("html head body")
# What acts, as what only looks like it; it is a loss all the same.
_INSTEAD = MappingProxyType(
    {"form": "div", "dialog": "div", "button": "span", "marquee": "span", "blink": "span"}
)
_OF_AN_ACTING_ONE = names("align bgcolor class dir id lang style title width")
_BESIDE_WORDS = names("button input marquee select textarea")
_BETWEEN_CELLS = names("table tbody tfoot thead tr col /colgroup /tbody /tfoot /thead /tr /td /th /caption")
_IN_CELLS = names("td th caption /table")
_CONDITIONAL = re.compile(r"<!--\[if [^\]]*+\]>(?!<!|-->)", re.IGNORECASE)
_DOCTYPE = re.compile(r"<!doctype\s+html\s*([^>]*)>", re.IGNORECASE)
_DOCTYPES = (
    (
        "xhtml 1.0 transitional",
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n',
    ),
    (
        "xhtml 1.0 strict",
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">\n',
    ),
    (
        "html 4.01 transitional",
        '<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" '
        '"http://www.w3.org/TR/html4/loose.dtd">\n',
    ),
    (
        "html 4.01",
        '<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">\n',
    ),
)
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
        self._had_outlook_parts = False
        self._forms: list[str] = []
        """What is written for the end of each form that is open, "" for nothing."""

    def document(self, html: str) -> Sanitised:
        import nh3

        self._had_outlook_parts = "<!--[if " in html.lower()
        pieces = list(self._pieces(html))
        nesting = Nesting(pieces)
        if nesting.is_cut:
            self._losses.take("elements nested too deeply")
        content = nh3.clean(
            "".join(written for _, written in pieces) if nesting.is_mended else nesting.written,
            tags=_TAGS | {"input"},
            attributes={"*": _ATTRIBUTES, "input": _OF_A_SWITCH, "label": _OF_A_LABEL},
            generic_attribute_prefixes={"aria-"},
            url_schemes=SCHEMES,
            link_rel=None,
        ).strip()
        css = "\n".join(self._sheets)
        head = "".join([*self._metas, self._title, f"<style>\n{css}\n</style>" if css else ""])
        document = (
            f'{self._doctype}<html{self._outer["html"]}><head><meta charset="utf-8">{head}</head>'
            f"<body{self._outer['body']}>\n{content}\n</body></html>\n"
        )
        is_blank = not any(tag == "img" or (not tag and not _is_blank(text)) for tag, text in pieces)
        return Sanitised(document, self._losses.told(), is_blank)

    def _pieces(self, html: str) -> Iterator[Piece]:
        """What is inside the body, filtered and as it is to be written; the rest is kept aside."""
        for token in all_tokens(html):
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
                self._comment(token.text)
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
                if name in _TAGS and name not in VOID:
                    yield tag, f"<{tag}>"
            elif tag == "input" and _is_switch(token):
                yield tag, f"<input{self._attributes(token, _OF_A_SWITCH)}>"
            elif tag in _TAGS:
                kept = _OF_A_LABEL if tag == "label" else _ATTRIBUTES
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
            yield written, f"<{written}{self._attributes(Token(tag, '', kept), _ATTRIBUTES)}>"

    def _comment(self, text: str) -> None:
        if doctype := _DOCTYPE.match(text):
            public = doctype[1].lower()
            self._doctype = next((known for part, known in _DOCTYPES if part in public), _HTML5)
        elif _CONDITIONAL.match(text):
            self._losses.take("conditional comment")

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
        if tag in self._outer and not self._outer[tag]:
            kept = _OF_THE_BODY if tag == "body" else _OF_THE_DOCUMENT
            self._outer[tag] = self._attributes(token, kept)

    def _meta(self, token: Token) -> None:
        attributes = {name: unescaped_attribute(value) for name, value in token.attributes}
        name, content = attributes.get("name", ""), attributes.get("content", "")
        if name.lower() in _METAS:
            self._metas.append(f'<meta name="{escape(name)}" content="{escape(content)}">')
        elif "charset" not in attributes and attributes.get("http-equiv", "").lower() not in _REPLACED_METAS:
            self._losses.take("<meta>")

    def _attributes(self, token: Token, kept: frozenset[str]) -> str:
        written: list[str] = []
        for name, value in token.attributes:
            if name not in kept and not name.startswith("aria-"):
                if not _IDLE.fullmatch(name):
                    self._losses.take(name)
                continue
            text: str | None = unescaped_attribute(value)
            if name == "style":
                text = self._style(text or "", token.tag) or None
            elif name in _ADDRESSES:
                text = kept_url(name, text or "", self._losses)
            if text is not None:
                written.append(f' {name}="{escape(text)}"')
        return "".join(written)

    def _style(self, text: str, tag: str) -> str:
        """A style attribute, as it may stay.

        What is hidden from Outlook has a twin that only Outlook shows; where that went, this is there for all.
        """
        text = self._styles.attribute(text)
        if self._had_outlook_parts and "mso-hide" in text and not is_hidden_by(text, tag):
            text = "; ".join(part for part in text.split("; ") if not part.startswith("mso-hide:"))
        return text


def _is_switch(token: Token) -> bool:
    kinds = [unescaped_attribute(value) for name, value in token.attributes if name == "type"]
    return bool(kinds) and kinds[0].lower() in _SWITCHES


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
