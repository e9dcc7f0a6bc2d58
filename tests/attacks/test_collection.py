"""A collection of attacks, judged by parsers of others: html5lib, which reads as browsers do, and lxml."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import html5lib
import pytest
from lxml import html as lxml_html

from message.html import sanitize
from tests.attacks.collection import ATTACKS, CONTEXTS
from tests.attacks.test_active_html import ALLOWED_SCHEMES, REFUSED

_ADDRESSES = ("href", "src", "background", "action", "formaction", "data", "poster", "cite", "xlink:href")
_ACTING = re.compile(
    r"url\((?!\"?cid:)|expression\(|@import|behavior\s*:|-moz-binding|</style|image-set\(|src\(", re.I
)
_SWITCHES = ("checkbox", "radio")
_AS_UTF_8 = lxml_html.HTMLParser(encoding="utf-8")
Element = tuple[str, dict[str, str], str]
"""Name, attributes and text."""


def by_html5lib(html: str) -> Iterator[Element]:
    tree = html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False)
    for element in tree.iter():
        if isinstance(element.tag, str):
            attributes = {str(name).rpartition("}")[2]: value for name, value in element.attrib.items()}
            yield element.tag.rpartition("}")[2].lower(), attributes, element.text or ""
        elif (element.text or "").startswith("[if "):  # which Outlook reads as HTML
            yield from by_html5lib(element.text.partition(">")[2].removesuffix("<![endif]"))


def by_lxml(html: str) -> Iterator[Element]:
    for element in lxml_html.document_fromstring(f"<body>{html}".encode(), parser=_AS_UTF_8).iter():
        if isinstance(element.tag, str):
            yield element.tag.lower(), dict(element.items()), element.text or ""


def faults(elements: Iterator[Element]) -> list[str]:
    found: list[str] = []
    for tag, attributes, text in elements:
        is_switch = tag == "input" and attributes.get("type", "").lower() in _SWITCHES
        if tag in REFUSED | {"script", "audio", "source", "marquee", "select", "textarea"} and not is_switch:
            found.append(tag)
        if tag == "style" and _ACTING.search(text):
            found.append(f"style sheet {text}")
        for name, value in attributes.items():
            scheme = re.match(r"([a-z][a-z0-9+.-]*):", re.sub(r"[\x00-\x20]", "", value).lower())
            if name.startswith("on") or name in (
                "srcset",
                "srcdoc",
                "formaction",
                "action",
                "ping",
                "autofocus",
            ):
                found.append(f"{tag} {name}")
            if name in _ADDRESSES and (scheme[1] if scheme else "") not in ALLOWED_SCHEMES:
                found.append(f"{tag} {name}={value}")
            if name == "style" and _ACTING.search(value):
                found.append(f"{tag} style={value}")
    return found


@pytest.mark.parametrize("read", [by_html5lib, by_lxml])
def test_nothing_that_acts_is_left_whoever_reads_it(read: Callable[[str], Iterator[Element]]) -> None:
    left = {}
    for attack in ATTACKS:
        for context in CONTEXTS if len(attack) < 1000 else CONTEXTS[:1]:
            html = context.format(attack) if "{" not in attack else context.replace("{}", attack)
            if found := faults(read(sanitize(html).html)):
                left[html] = found
    assert left == {}


def test_the_judge_sees_what_acts() -> None:
    for read in (by_html5lib, by_lxml):
        seen = [attack for attack in ATTACKS if faults(read(attack))]
        assert len(seen) > len(ATTACKS) * 0.7


def test_sanitising_once_more_changes_nothing() -> None:
    """What is read and written again must not come alive: that is what mutations need."""
    changed = {}
    for attack in ATTACKS:
        if (
            attack.count("<") > 100
        ):  # of elements that are nested so deeply each reading may leave out some more
            continue
        once = sanitize(attack).html
        if sanitize(once).html != once:
            changed[attack] = once
    assert changed == {}
