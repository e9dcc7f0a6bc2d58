"""HTML bodies: recognising them, sanitising them, and finding what they refer to."""

from __future__ import annotations

import re
from urllib.parse import unquote

from message.html.markup import names, tokens, unescaped
from message.html.nesting import nested
from message.html.rendering import to_text

__all__ = ["content_ids", "is_html", "sanitize", "to_text"]

_HTML_START = re.compile(r"[\s\ufeff]*<(?:!doctype\s+html|html)(?![\w:.-])", re.IGNORECASE)
_DOCUMENT = '<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head><body>\n{}\n</body></html>\n'
_TAGS = names(
    """a abbr acronym address area article aside b bdi bdo big blockquote br caption center cite code
    col colgroup dd del details dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6
    header hgroup hr i img ins kbd li main map mark nav ol p pre q rp rt ruby s samp section small
    span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr"""
)
# No `class`: the style sheets that would refer to it are gone. `id` and `name` are what links in the text lead to.
_ATTRIBUTES = names(
    """abbr align alt background bgcolor border cellpadding cellspacing cite clear color cols colspan
    coords datetime dir face headers height href hspace id lang name noshade nowrap role rowspan
    rules scope shape size span src start style summary title type usemap valign value vspace width"""
)
_SCHEMES = names("http https mailto tel sms ftp cid")
_BACKGROUND = re.compile(r"(?:https?|cid):[^\s]+", re.IGNORECASE)

_PROPERTY = re.compile(r"(?!.*(?:behavior|binding))-?[a-z]+(?:-[a-z]+)*")
_UNFIT_IN_A_STYLE = re.compile(r"[\\<>{}@]|/\*|[\x00-\x08\x0e-\x1f\x7f]")
_FUNCTION = re.compile(r"([^\s,()]*)\s*\(")
_FUNCTIONS = names("rgb rgba hsl hsla calc min max clamp")

_REFERRING = names("src href background poster")
_CSS_REFERENCE = re.compile(r"url\(\s*+['\"]?\s*+cid:([^'\")\s]++)", re.IGNORECASE)


def is_html(body: str) -> bool:
    """Whether a body says that it is HTML: it starts, after white space, with `<!DOCTYPE html` or `<html`."""
    return _HTML_START.match(body) is not None


def sanitize(html: str) -> str:
    """`html` as a whole document without anything that acts: scripts, handlers, forms, style sheets, odd URLs.

    Layout stays: tables, inline styles that fetch nothing, images, `cid:` references.
    """
    import nh3

    body = nh3.clean(
        nested(html, _TAGS, _ATTRIBUTES),
        tags=_TAGS,
        attributes={"*": _ATTRIBUTES},
        attribute_filter=_attribute,
        url_schemes=_SCHEMES,
        link_rel=None,
    )
    return _DOCUMENT.format(body)


def content_ids(html: str) -> frozenset[str]:
    """The content ids that `cid:` URLs (RFC 2392) in attributes and styles refer to, percent-decoded."""
    if "cid:" not in html.lower():
        return frozenset()
    found = set(_CSS_REFERENCE.findall(unescaped(html)))
    for token in tokens(html):
        for name, value in token.attributes:
            if name in _REFERRING:
                scheme, _, reference = unescaped(value).strip().partition(":")
                if scheme.lower() == "cid":
                    found.add(reference)
    return frozenset(map(unquote, found))


def _attribute(_tag: str, name: str, value: str) -> str | None:
    """What stays of an attribute's value. The sanitiser itself looks at `href` and `src`."""
    if name == "style":
        return _style(value) or None
    if name == "background":
        return value if _BACKGROUND.fullmatch(value) else None
    return value


def _style(value: str) -> str:
    """The declarations that fetch and run nothing."""
    kept: list[str] = []
    for declaration in value.split(";"):
        name, _, text = declaration.partition(":")
        name, text = name.strip().lower(), text.strip()
        if text and _PROPERTY.fullmatch(name) and _is_harmless(text):
            kept.append(f"{name}: {text}")
    return "; ".join(kept)


def _is_harmless(value: str) -> bool:
    return (
        not _UNFIT_IN_A_STYLE.search(value)
        and value.count("(") == value.count(")")
        and value.count('"') % 2 == 0
        and value.count("'") % 2 == 0
        and all(name.lower() in _FUNCTIONS for name in _FUNCTION.findall(value))
    )
