"""HTML as a flat run of tokens, as a browser would cut it (WHATWG HTML, section 13.2.5), in one pass.

What is never shown (scripts, styles, comments and their like) is one token with all of its content.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import cache
from html.entities import html5
from typing import NamedTuple


def names(text: str) -> frozenset[str]:
    """A set of words, written as they are read."""
    return frozenset(text.split())


# Elements whose content is no part of the text, or is not markup: skipped up to their end tag.
_SKIPPED = names(
    """applet audio canvas embed frameset iframe math noembed noframes object plaintext script select
    style svg template textarea title video xmp"""
)
_NO_CONTENT = frozenset({"embed"})
_COMMENT = re.compile(r"<!--(?:-?>|.*?(?:--!?>|\Z))", re.DOTALL)
_BOGUS = re.compile(r"<(?:!|\?|/)[^>]*+>?")
_TAG = re.compile(r"<(/?)([a-zA-Z][^ \t\n\f\r/>]*+)")
_ATTRIBUTE = re.compile(
    r"""[ \t\n\f\r/]*+(?:(?P<end>>)|
    (?P<name>=?[^ \t\n\f\r/>=]*+)
    (?:[ \t\n\f\r]*+=[ \t\n\f\r]*+(?:
        "(?P<double>[^"]*+)(?:"|\Z) | '(?P<single>[^']*+)(?:'|\Z) | (?P<bare>[^ \t\n\f\r>]*+)
    ))?)""",
    re.VERBOSE,
)
# A reference without its semicolon, which inside an attribute is none where = or a letter follows: &region=eu&copy2.
_OPEN_REFERENCE = re.compile(r"&([A-Za-z][A-Za-z0-9]*)(?![A-Za-z0-9;])(=?)")
_HUGE_REFERENCE = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{8,});?")


class Token(NamedTuple):
    """`tag` is "" for text, "/name" for an end tag, else an element's name in lower case.

    "!name" is a whole element that is never shown, with its content as `text`; "!--" a comment or its like.
    `text` and the values of `attributes` are as they were written, character references and all.
    """

    tag: str
    text: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


def tokens(markup: str) -> Iterator[Token]:
    """Text, start tags and end tags, in order, without what is never shown."""
    return (token for token in all_tokens(markup) if not token.tag.startswith("!"))


def all_tokens(markup: str) -> Iterator[Token]:
    """Everything, in order; a start tag's attributes each once."""
    at, end = 0, len(markup)
    while at < end:
        less = markup.find("<", at)
        if less != at:
            less = end if less < 0 else less
            yield Token("", markup[at:less])
            at = less
            continue
        if tag := _TAG.match(markup, at):
            name = tag[2].lower()
            attributes, at = _attributes(markup, tag.end())
            if at < 0:
                return
            if tag[1]:
                yield Token(f"/{name}")
            elif name not in _SKIPPED:
                yield Token(name, attributes=attributes)
            elif name in _NO_CONTENT:
                yield Token(f"!{name}", "", attributes)
            else:
                start = at
                until, at = _end_of(name, markup, at)
                yield Token(f"!{name}", markup[start:until], attributes)
        elif skipped := _COMMENT.match(markup, at) or _BOGUS.match(markup, at):
            yield Token("!--", skipped[0])
            at = skipped.end()
        else:
            yield Token("", "<")
            at += 1


def unescaped(text: str) -> str:
    """`text` with its character references resolved."""
    if "&" not in text:
        return text
    return html.unescape(_HUGE_REFERENCE.sub("\ufffd", text))


def attribute_spans(markup: str, at: int) -> tuple[list[tuple[str, int, int]], int]:
    """The attributes of the tag whose name ends at `at`, and where the tag ends.

    Of each the name, and where its value begins and ends.
    """
    found: list[tuple[str, int, int]] = []
    while match := _ATTRIBUTE.match(markup, at):
        at = match.end()
        if match["end"] or not match["name"]:
            break
        kind = next((kind for kind in ("double", "single", "bare") if match[kind] is not None), "")
        if kind:
            found.append((match["name"].lower(), *match.span(kind)))
    return found, at


def unescaped_attribute(text: str) -> str:
    """The value of an attribute with its character references resolved, as a browser does it there.

    Query strings are written with plain ampersands: `&region=eu` is no registered trademark with "ion" behind it.
    """
    return unescaped(_OPEN_REFERENCE.sub(_protected, text)) if "&" in text else text


def _protected(reference: re.Match[str]) -> str:
    name, equals = reference[1], reference[2]
    return reference[0] if name in html5 and not equals else f"&amp;{name}{equals}"


def _attributes(markup: str, at: int) -> tuple[tuple[tuple[str, str], ...], int]:
    """The attributes from `at` on and where the tag ends; -1 if it doesn't: then there is no tag."""
    found: dict[str, str] = {}
    while match := _ATTRIBUTE.match(markup, at):
        at = match.end()
        if match["end"]:
            return tuple(found.items()), at
        if not match["name"]:
            break
        value = match["double"] or match["single"] or match["bare"] or ""
        found.setdefault(match["name"].lower(), value)
    return (), -1


def _end_of(name: str, markup: str, at: int) -> tuple[int, int]:
    """Where the content of an element ends that is skipped, and where its end tag does."""
    found = _end_tag(name).search(markup, at)
    return found.span() if found else (len(markup), len(markup))


@cache
def _end_tag(name: str) -> re.Pattern[str]:
    return re.compile(rf"</{name}(?=[ \t\n\f\r/>])[^>]*+>?", re.IGNORECASE)
