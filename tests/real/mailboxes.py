"""What a server delivered: Maildirs, and the messages in them as the server wrote them."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Self

from tests.real.processes import wait_until

# A field that a delivering server writes above a message (RFC 5321 section 4.4, and Postfix's and Exim's own).
_ADDED = re.compile(
    rb"(Return-Path|X-Original-To|Delivered-To|Received|Envelope-To|Delivery-Date):[ \t]*(.*(?:\n[ \t].*)*)\n",
    re.I,
)


@dataclass(frozen=True)
class Delivered:
    """One message in one mailbox.

    `content` is the message without the fields that the server wrote above it, with CRLF line ends as it
    travelled; `added` holds those fields' values in lower-case names, unfolded.
    """

    content: bytes
    added: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Parse a Maildir file: the server's fields first, LF line ends."""
        octets = path.read_bytes()
        added: dict[str, str] = {}
        position = 0
        while field := _ADDED.match(octets, position):
            name, value = (text.decode(errors="replace") for text in field.groups())
            added[name.lower()] = re.sub(r"\s*\n\s+", " ", value)
            position = field.end()
        return cls(octets[position:].replace(b"\n", b"\r\n"), added)

    @property
    def message(self) -> EmailMessage:
        parsed = email.message_from_bytes(self.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def header(self) -> EmailMessage:
        """The header alone, where it may hold UTF-8 that isn't encoded (RFC 6532)."""
        text = self.content.partition(b"\r\n\r\n")[0].decode()
        parsed = email.message_from_string(f"{text}\r\n\r\n", policy=email.policy.SMTPUTF8)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def parts(self) -> list[tuple[str, str | None, bytes]]:
        """Of each leaf: its type, its file name, its decoded bytes."""
        return [
            (part.get_content_type(), part.get_filename(), bytes(part.get_payload(decode=True)))
            for part in self.message.walk()
            if not part.is_multipart()
        ]


class Mailboxes:
    """A folder with one Maildir for each address, named after it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # A file of a Maildir never changes: its header is read once.
        self._headers: dict[Path, bytes] = {}

    def holding(self, address: str, text: bytes | str) -> list[Delivered]:
        """The messages in `address`'s mailbox that contain `text` (a Message-ID, say) in their header."""
        wanted = text.encode() if isinstance(text, str) else text
        paths = sorted((self._folder / address / "new").glob("*"))
        return [Delivered.read(path) for path in paths if wanted in self._header(path)]

    def everything(self) -> Iterator[tuple[str, Delivered]]:
        """Every message in every mailbox, with whose it is."""
        for path in sorted(self._folder.glob("*/new/*")):
            yield path.parent.parent.name, Delivered.read(path)

    def wait_for(self, address: str, text: bytes | str, seconds: float = 30.0) -> Delivered:
        """The one message in `address`'s mailbox that contains `text`, waited for."""
        wait_until(
            lambda: bool(self.holding(address, text)), f"a message with {text!r} for {address}", seconds
        )
        (found,) = self.holding(address, text)
        return found

    def _header(self, path: Path) -> bytes:
        if path not in self._headers:
            with path.open("rb") as file:
                self._headers[path] = file.read(64 * 1024).partition(b"\n\n")[0] + b"\n"
        return self._headers[path]
