"""Addresses as they come out of a clipboard: what has one reading only is understood, for the rest there is a proposal.

Loaded only when an entry of a list is not what RFC 5322 allows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from message.address.scanner import Entry, scan

_LONGEST = 320
"""Characters of an entry that anybody could have meant as an address with a name."""
# What can't be seen at the edges of what was pasted: zero-width characters, byte order marks, direction marks.
_UNSEEN = "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\u00ad\u061c"
_EDGES = f"{_UNSEEN} \t\u00a0\u2002\u2003\u2009\u202f\u3000"
_INVISIBLE = re.compile(f"[{_UNSEEN}]")
_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"), ("„", "“"), ("«", "»"), ("`", "`"), ("‚", "‘"))
_ANGLE = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>")
_MARKDOWN = re.compile(
    r"\[(?P<words>[^\[\]<>]*)\]\(\s*(?:mailto:)?(?P<address>[^\s()<>?]+@[^\s()<>?]+)(?:\?[^\s()<>]*)?\s*\)",
    re.IGNORECASE,
)
# A word without a domain is taken too, so that none of it is looked at again.
_WORD_OR_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&*+/=?^_{|}~-]++(?:@[A-Za-z0-9.-]+[A-Za-z0-9])?")
_NAME_AND_ADDRESS = re.compile(r"(?P<name>[^<>@]*\S)\s+(?P<address>[^\s<>@]+@[^\s<>@]+)")


def understood(text: str) -> Entry | None:
    """The one reading that an entry has although it breaks the rules; None where there are several, or none.

    Its `text` is the address with its name as they are taken.
    """
    if len(text) > _LONGEST:
        return None
    trimmed = text.strip(_EDGES)
    if link := _MARKDOWN.fullmatch(trimmed):
        trimmed = _of_link(link["words"], link["address"])
    angle = _ANGLE.fullmatch(trimmed)
    name, address = (angle["name"].strip(_EDGES), angle["address"]) if angle else ("", trimmed)
    address = _unquoted(address.strip(_EDGES)).strip(_EDGES)
    if not angle:
        spaced = _NAME_AND_ADDRESS.fullmatch(address)
        if spaced and _begins_like_a_name(spaced["name"]):
            name, address = spaced["name"], _unquoted(spaced["address"].strip(_EDGES)).strip(_EDGES)
    name = _unquoted(name)
    if _INVISIBLE.search(name) or (re.search(r'["<>@:\\]', name) and not name.startswith("[")):
        return None  # it may not be what it looks like; a group, a comment that went wrong, a second address
    return _read(_written(name, address))


def _of_link(words: str, address: str) -> str:
    """A link of Markdown (`[Jane](mailto:jane@example.com)`) as an address with its name."""
    address = unquote(address)
    return address if words.strip().lower() == address.lower() else f"{words.strip()} <{address}>"


def with_comma(before: str, entry: Entry) -> Entry | None:
    """`Last, First <address>` as one entry, when the list separates with semicolons."""
    angle = _ANGLE.fullmatch(entry.text)
    if not angle or re.search(r'["<>@:\\()]', f"{before}{angle['name']}"):
        return None
    return _read(_written(f"{before.strip()}, {angle['name'].strip()}", angle["address"]))


def proposals(text: str) -> tuple[Entry, ...]:
    """What may have been meant: entries of which the caller has to see whether they are sound."""
    if len(text) > _LONGEST:
        return ()
    entries = (_read(candidate) for candidate in dict.fromkeys(_candidates(text)))
    return tuple(entry for entry in entries if entry)


def _candidates(text: str) -> Iterator[str]:
    text = _INVISIBLE.sub("", text).strip(f"{_EDGES}*").replace("＠", "@")
    angle = _ANGLE.fullmatch(text)
    name, address = (angle["name"].strip(), angle["address"]) if angle else ("", text)
    address = "@".join(part.strip() for part in address.split("@"))
    local_part, _, domain = address.strip("<>").rpartition("@")
    domain = domain.rstrip(".,;:>)]/'\"")
    if ".." in local_part or local_part.startswith(".") or local_part.endswith("."):
        yield _written(name, f"{re.sub(r'[.]{2,}', '.', local_part).strip('.')}@{domain}")
        yield _written(name, f'"{local_part}"@{domain}')
    elif (spaced := _NAME_AND_ADDRESS.fullmatch(address)) and _WORD_OR_ADDRESS.fullmatch(spaced["address"]):
        yield _written(spaced["name"], spaced["address"])
    else:
        yield _written(name, f"{local_part}@{domain}")
        words = _WORD_OR_ADDRESS.findall(text)
        found = {one.removeprefix("mailto:").lower(): one for one in words if "@" in one}
        if len(found) == 1:
            yield next(iter(found))


def _read(text: str) -> Entry | None:
    """The entry that `text` is, if it is exactly one."""
    entries = tuple(scan(text))
    return entries[0] if len(entries) == 1 and not entries[0].problem else None


def _written(name: str, address: str) -> str:
    if not name:
        return address
    escaped = name.replace("\\", "").replace('"', "")
    return f'"{escaped}" <{address}>'


def _unquoted(text: str) -> str:
    for first, last in _QUOTES:
        if len(text) > 2 and text.startswith(first) and text.endswith(last):
            return text[1:-1]
    return text


def _begins_like_a_name(text: str) -> bool:
    """Whether it can't be the first half of an address with a space in it: a capital, and more than one letter."""
    return len(text) > 1 and text[0].isalpha() and not text[0].islower()
