"""Images that HTML carries inside itself (`data:` URLs), which most mail readers don't show: they become parts."""

from __future__ import annotations

import hashlib
import re
from binascii import Error, a2b_base64
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from message.html.markup import attribute_spans, unescaped_attribute

LARGEST = 10 * 1024 * 1024
"""Octets of an image; mails of more than that are turned away by most servers."""
MOST = 100
_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
)
_IMAGE = re.compile(r"<(?:img|table|td|th|tr|body)(?=[\s/])", re.IGNORECASE)
_IN_CSS = re.compile(
    r"""url\(\s*+(?P<quote>"|'|&quot;|&\#39;|)(?P<url>data:[^"'()&<>]*+)(?P=quote)\s*\)""", re.IGNORECASE
)
_DATA = re.compile(r"data:(?P<kind>[^,]*),(?P<octets>.*)", re.IGNORECASE | re.DOTALL)


class Image(NamedTuple):
    """What an image is to be called, and its octets; the HTML refers to `content_id`."""

    name: str
    content_id: str
    data: bytes


class Images:
    """The images of one mail, each once, however often it is shown."""

    def __init__(self) -> None:
        self.found: dict[str, Image] = {}
        self._left_out: Counter[str] = Counter()
        """How many were, by the reason for it."""

    @property
    def warnings(self) -> list[str]:
        """One for each reason why an image was left out."""
        return [
            f"an image inside the HTML is left out: {reason}{f' ({count}×)' if count > 1 else ''}"
            for reason, count in self._left_out.items()
        ]

    def taken_out(self, html: str) -> str:
        """`html` with `cid:` references in place of its images; one that can't be shown loses its source."""
        if "data:" not in html.lower():
            return html
        html = "".join(self._without_sources(html))
        return _IN_CSS.sub(self._css_url, html)

    def _without_sources(self, html: str) -> Iterator[str]:
        at = end = 0
        while tag := _IMAGE.search(html, end):
            attributes, end = attribute_spans(html, tag.end())
            for name, start, stop in attributes:
                value = unescaped_attribute(html[start:stop]).strip()
                if name in ("src", "background") and value[:5].lower() == "data:":
                    content_id = self._content_id(value)
                    yield html[at:start] + (f"cid:{content_id}" if content_id else _nothing(html[start - 1]))
                    at = stop
        yield html[at:]

    def _css_url(self, url: re.Match[str]) -> str:
        content_id = self._content_id(url["url"])
        return f"url({url['quote']}cid:{content_id}{url['quote']})" if content_id else "none"

    def _content_id(self, url: str) -> str:
        """The content id of the image that a URL holds, "" if it is none that can be shown, which is warned of."""
        try:
            data = _octets(url)
            kind = _kind(data)
            if len(self.found) >= MOST:
                raise ValueError(f"it is one of more than {MOST}")
        except ValueError as exc:
            self._left_out[str(exc)] += 1
            return ""
        digest = hashlib.sha256(data).hexdigest()
        known = self.found.get(digest)
        if known is None:
            known = Image(f"image{len(self.found) + 1}.{kind}", f"{digest[:32]}@inline", data)
            self.found[digest] = known
        return known.content_id


def _nothing(before: str) -> str:
    """A value that is left empty, behind `before`: without quotes the next attribute would be taken for it."""
    return "" if before in ("'", '"') else '""'


def _octets(url: str) -> bytes:
    """What a data URL (RFC 2397) holds. Raises `ValueError` with the reason why it can't be had."""
    parts = _DATA.fullmatch(url)
    if parts is None:
        raise ValueError("its URL has no data")
    if len(url) > LARGEST * 2:
        raise ValueError(f"it has more than {LARGEST} octets")
    octets = unquote_to_bytes(parts["octets"])
    if parts["kind"].lower().rstrip().endswith(";base64"):
        try:
            octets = a2b_base64(b"".join(octets.split()), strict_mode=True)
        except Error as exc:
            raise ValueError("its base64 is broken") from exc
    if len(octets) > LARGEST:
        raise ValueError(f"it has {len(octets)} octets; {LARGEST} are allowed")
    return octets


def _kind(data: bytes) -> str:
    """The kind of image by its first octets, whatever it is said to be. Raises `ValueError` for any other."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    for start, kind in _STARTS:
        if data.startswith(start):
            return kind
    raise ValueError("it is no image that mail readers show (PNG, JPEG, GIF, WebP, BMP)")
