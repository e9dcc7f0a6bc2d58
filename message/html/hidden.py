"""What a browser does not show of HTML: fallbacks, closed dialogs, words that are there for a list of mails only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from message.html.markup import Token, names

VOID = names("area base br col embed hr img input link meta param source track wbr")
_FALLBACKS = names("datalist meter progress")
"""Elements whose content stands for them in browsers that don't know them; all do."""
_TABLE_PARTS = names("caption colgroup tbody td tfoot th thead tr")
_GROWING = _TABLE_PARTS | names("table")
"""What is as large as what is in it, whatever size it is given."""
_BLOCKS = names(
    """address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer form h1 h2
    h3 h4 h5 h6 header hr main menu nav ol p pre section table ul"""
)
# What ends an element whose own end tag may be missing (WHATWG HTML, section 13.1.2.4), and inside what it does not.
_ENDED_BY = MappingProxyType(
    {
        "p": (_BLOCKS, frozenset[str]()),
        "li": (names("li"), names("dir menu ol ul")),
        "dt": (names("dd dt"), names("dl")),
        "dd": (names("dd dt"), names("dl")),
        "td": (_TABLE_PARTS, names("table")),
        "th": (_TABLE_PARTS, names("table")),
        "tr": (_TABLE_PARTS - names("td th"), names("table")),
    }
)
_ZERO = re.compile(r"[+-]?0*\.?0+[a-z%]*")
_TINY = re.compile(r"0*\.?0+[a-z%]*|0?\.[0-9]+px|1px")
_FURTHEST = 200
"""Tokens that are looked at for the end of an element without room for letters: words for a list of mails are few."""
_SIMPLE = re.compile(r"([a-z][a-z0-9]*)?([.#][A-Za-z0-9_-]+)")


def is_unseen(tag: str, attributes: Mapping[str, str]) -> bool:
    """Whether a browser never shows what is in such an element."""
    return tag in _FALLBACKS or (tag == "dialog" and "open" not in attributes)


def is_hidden_by(style: str, tag: str) -> bool:
    """Whether a style attribute hides the element that it belongs to."""
    return _hides(_declarations(style), tag)


class Unseen:
    """Follows elements that are not seen up to their ends, over all tokens in order; end tags may be missing."""

    def __init__(self) -> None:
        self._name = ""
        self._inside: list[str] = []
        self._count: Counter[str] = Counter()
        self._outside: Counter[str] = Counter()

    def begin(self, tag: str) -> None:
        """The element that has just started is not seen."""
        self._name = tag
        self._inside.clear()
        self._count.clear()
        self._outside[tag] -= 1

    @property
    def is_inside(self) -> bool:
        """Whether the last token was inside of an element that isn't seen."""
        return bool(self._name)

    def covers(self, token: Token) -> bool:
        """Whether this token, the next one, belongs to what isn't seen."""
        tag = token.tag
        if self._name:
            if not tag or tag.startswith("!") or tag in VOID or not self._ends(tag):
                return True
            is_own_end = tag == f"/{self._name}"
            self._name = ""
            if is_own_end:
                return True
        if tag.startswith("/"):
            if self._outside[tag[1:]] > 0:
                self._outside[tag[1:]] -= 1
        elif tag and tag[0] != "!" and tag not in VOID:
            self._outside[tag] += 1
        return False

    def _ends(self, tag: str) -> bool:
        """Whether the element that isn't seen ends with this tag, its own or another."""
        if not tag.startswith("/"):
            ended_by, within = _ENDED_BY.get(self._name, (frozenset(), frozenset()))
            if tag in ended_by and not any(self._count[name] for name in within):
                return True
            self._inside.append(tag)
            self._count[tag] += 1
            return False
        name = tag[1:]
        if self._count[name]:
            while True:
                last = self._inside.pop()
                self._count[last] -= 1
                if last == name:
                    return False
        return name == self._name or self._outside[name] > 0


class Hiding:
    """Tells of each token of a document, in order, whether a browser hides it."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._rules = _hiding_rules(tokens)
        self._unseen = Unseen()

    def hides(self, at: int) -> bool:
        """Whether the token at this place, the next one, is hidden."""
        token = self._tokens[at]
        if self._unseen.covers(token):
            return True
        if not token.tag or token.tag[0] in "/!" or not self._is_hidden(at, token):
            return False
        if token.tag not in VOID:
            self._unseen.begin(token.tag)
        return True

    def _is_hidden(self, at: int, token: Token) -> bool:
        attributes = dict(token.attributes)
        if "hidden" in attributes or is_unseen(token.tag, attributes):
            return True
        if not attributes:
            return False
        style = _declarations(attributes.get("style", ""))
        if _hides(style, token.tag):
            return True
        # Outlook alone hides some: where there is a link it is a button, of which Outlook is shown another one.
        is_small = bool(_TINY.fullmatch(style.get("font-size", ""))) or style.get("mso-hide") == "all"
        if is_small and token.tag != "a" and self._has_words_only(at, token.tag):
            return True
        return "display" not in style and self._is_hidden_by_sheet(token.tag, attributes)

    def _is_hidden_by_sheet(self, tag: str, attributes: Mapping[str, str]) -> bool:
        if not self._rules:
            return False
        called = [f".{name}" for name in attributes.get("class", "").split()]
        called.append(f"#{attributes.get('id', '')}")
        found = [self._rules[key] for name in called for key in (name, f"{tag}{name}") if key in self._rules]
        return bool(found) and max(found)[1]

    def _has_words_only(self, at: int, tag: str) -> bool:
        """Whether an element has words, and nothing in it a size of its own; one of no size without words is a line."""
        has_words = False
        unseen = Unseen()
        unseen.begin(tag)
        for token in self._tokens[at + 1 : at + _FURTHEST]:
            if not unseen.covers(token) or not unseen.is_inside:
                return has_words
            has_words = has_words or not (token.tag or token.text.isspace())
            attributes = dict(token.attributes)
            if (
                token.tag in ("a", "img", "font")
                or "class" in attributes
                or "font" in attributes.get("style", "")
            ):
                return False
        return False


def _hides(style: Mapping[str, str], tag: str) -> bool:
    if style.get("display") == "none" or style.get("visibility") in ("hidden", "collapse"):
        return True
    if _ZERO.fullmatch(style.get("opacity", "")):
        return True
    sizes = (style.get(name, "") for name in ("max-height", "height", "max-width", "width"))
    return tag not in _GROWING and style.get("overflow") == "hidden" and any(map(_ZERO.fullmatch, sizes))


def _declarations(style: str) -> dict[str, str]:
    """What a style attribute says, as far as it is plain: names and values in lower case."""
    if ":" not in style:
        return {}
    parts = (part.partition(":") for part in style.lower().split(";"))
    return {name.strip(): value.replace("!important", "").strip() for name, _, value in parts}


def _hiding_rules(tokens: Sequence[Token]) -> dict[str, tuple[int, bool]]:
    """By selector (`.x`, `#x`, `tag.x`) where a sheet last says whether such an element is displayed, and whether not.

    Only what holds for every width counts, and nothing where ticking a box may show what was hidden.
    """
    sheets = [token.text for token in tokens if token.tag == "!style"]
    if not any("none" in sheet for sheet in sheets) or any(
        word in sheet for sheet in sheets for word in (":checked", ":target")
    ):
        return {}
    import tinycss2  # few mails hide anything by a sheet

    rules: dict[str, tuple[int, bool]] = {}
    for sheet in sheets:
        for rule in tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True):
            if rule.type != "qualified-rule":
                continue
            shown = [
                tinycss2.serialize(one.value).strip().lower()
                for one in tinycss2.parse_blocks_contents(rule.content, True, True)
                if one.type == "declaration" and one.lower_name == "display"
            ]
            if not shown:
                continue
            for selector in tinycss2.serialize(rule.prelude).split(","):
                if _SIMPLE.fullmatch(selector.strip()):
                    rules[selector.strip()] = (len(rules), shown[-1] == "none")
    return rules
