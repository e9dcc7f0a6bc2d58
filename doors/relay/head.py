"""The head of a message on its way through: a Received field, and what a submitted mail must have and hasn't.

RFC 6409 section 8 lets whoever takes a submission add Date and Message-ID. Everything else stays as it came, octet
for octet. A message without any header gets those, a From, and the empty line that ends a header,
unless it begins with one.
"""

from __future__ import annotations

import re
import time
import uuid
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from smtp.envelope import Address
from smtp.text import showable

MAX_HEAD = 256 * 1024
"""Octets of a header that is looked through; of a longer one the beginning is."""
MAX_HOPS = 100
"""Received fields, beyond which a mail goes round in circles (RFC 5321 section 6.3)."""
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
# In a header in lower case with a line end before it, which is found three times as fast as in any case.
_LOOKED_AT = re.compile(rb"\n(received|date|message-id)[ \t]*:")
_CLIENT_NAME = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,255}")


class MailLoop(Exception):
    """The mail has come through too many servers."""


class Head:
    """Gathers the header, and gives the message out with what it lacked in front. One for each message."""

    def __init__(self, received: str, sender: Address | None) -> None:
        self._received = received
        self._sender = sender
        self._gathered = bytearray()
        self._is_past = False
        self.message_id = ""
        """The message's own, fit to be shown, or the one it got; "" until the header was seen."""

    def take(self, piece: bytes) -> bytes:
        """What may leave by now. Raises `MailLoop`."""
        if self._is_past:
            return piece
        self._gathered += piece
        return self.finish() if self._has_whole_header() else b""

    def finish(self) -> bytes:
        """What is left, at the end of the message at the latest. Raises `MailLoop`."""
        if self._is_past:
            return b""
        self._is_past = True
        message = bytes(self._gathered)
        self._gathered.clear()
        return self._added_to(message) + message

    def _has_whole_header(self) -> bool:
        seen = self._gathered
        if len(seen) > MAX_HEAD or seen.startswith(b"\r\n") or b"\r\n\r\n" in seen:
            return True
        # Without a header there is no end of it to wait for.
        return b"\n" in seen and _FIELD.match(seen) is None

    def _added_to(self, message: bytes) -> bytes:
        has_header = _FIELD.match(message) is not None
        end = message.find(b"\r\n\r\n")
        header = message[: MAX_HEAD if end < 0 else min(end, MAX_HEAD)] if has_header else b""
        hops, has_date, id_ends = 0, False, 0
        for field in _LOOKED_AT.finditer(b"\n" + header.lower()):
            name = field[1]
            if name == b"received":
                hops += 1
            elif name == b"date":
                has_date = True
            else:
                id_ends = id_ends or field.end() - 1
        if hops >= MAX_HOPS:
            raise MailLoop
        added = [self._received]
        if not has_header and self._sender is not None:
            added.append(f"From: <{self._sender}>")
        if not has_date:
            added.append(f"Date: {now()}")
        if id_ends:
            self.message_id = showable(header[id_ends:].split(b"\r\n", 1)[0].decode("utf-8", "replace"))
        else:
            domain = self._sender.domain if self._sender is not None else "localhost.invalid"
            domain = domain if domain.isascii() and not domain.startswith("[") else "localhost.invalid"
            self.message_id = f"<{uuid.uuid4()}@{domain}>"
            added.append(f"Message-ID: {self.message_id}")
        has_separator = has_header or message.startswith(b"\r\n")
        return ("\r\n".join(added) + ("\r\n" if has_separator else "\r\n\r\n")).encode()


def received_field(client: str, address: str, host: str, protocol: str, number: str) -> str:
    """The trace of our hop (RFC 5321 4.4); `client` is the name it gave itself, `protocol` as RFC 3848 has it."""
    literal = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
    name = client if _CLIENT_NAME.fullmatch(client) else "unknown"
    return f"Received: from {name} ({literal})\r\n\tby {host} with {protocol} id {number};\r\n\t{now()}"


def now() -> str:
    """The date and time for a header."""
    return _written(int(time.time()))


@lru_cache(4)
def _written(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC))
