"""Addresses in HTML: which may stay. In a mail a relative one leads nowhere, but harms nobody."""

from __future__ import annotations

import re

from message.html.losses import Losses
from message.html.markup import names

SCHEMES = names("http https mailto tel sms ftp cid")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
# Browsers and Outlook drop the first three and take a backslash for a slash; either pair names a host of one's
# own network to Windows, which logs in there unasked.
_DROPPED = re.compile(r"[\t\n\r]")
_NETWORK_PATH = re.compile(r"\\[\\/]|/\\")
_SPACE = "".join(map(chr, range(0x21)))
_IMAGE = re.compile(r"(?:https?|cid):\S+", re.IGNORECASE)


def kept_url(name: str, value: str, losses: Losses) -> str | None:
    """The value of the attribute `name`, as it may stay, or None, which is counted.

    `value` is without character references. `//host/x` becomes `https://host/x`, as a browser would read it.
    """
    url = _DROPPED.sub("", value).strip(_SPACE)
    if url.startswith("//") and url.strip("/") and not url.startswith("//\\"):
        return f"https:{url}"
    if _NETWORK_PATH.match(url) or url.startswith("//"):
        losses.take(f"{name}={url[:2]}…")
        return None
    scheme = _SCHEME.match(url)
    if name == "background" and not _IMAGE.fullmatch(url):
        losses.take(f"{name}={scheme[0] if scheme else '…'}")
        return None
    if scheme and scheme[1].lower() not in SCHEMES:
        losses.take(f"{name}={scheme[0].lower()}")
        return None
    return url
