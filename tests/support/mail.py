"""A message as it arrived: as its octets, and as the standard library reads it."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass
from email.message import EmailMessage, MIMEPart

from tests.support.catcher import Caught

_ONCE = (
    *("from", "sender", "reply-to", "to", "cc", "message-id", "in-reply-to", "references", "subject", "date"),
    *("mime-version", "content-type", "content-transfer-encoding"),
)


@dataclass(frozen=True)
class Leaf:
    """A part that holds no others: its type, what it is called, and its octets decoded."""

    content_type: str
    name: str | None
    disposition: str | None
    content_id: str | None
    encoding: str
    data: bytes

    @property
    def text(self) -> str:
        """With the line ends that the tests write."""
        return self.data.decode().replace("\r\n", "\n")


class Mail:
    """What a server got."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.header, _, self.body = content.partition(b"\r\n\r\n")
        parsed = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.parsed = parsed

    @property
    def raw_fields(self) -> list[tuple[str, bytes]]:
        """Name and value of each header field as they travelled, folding and all."""
        fields: list[tuple[str, bytes]] = []
        for line in self.header.split(b"\r\n"):
            if line[:1] in (b" ", b"\t"):
                name, value = fields[-1]
                fields[-1] = name, value + b"\r\n" + line
            else:
                name_octets, colon, value = line.partition(b":")
                assert colon, f"not a header field: {line!r}"
                fields.append((name_octets.decode(), value))
        return fields

    def all(self, name: str) -> list[str]:
        """The decoded values of all fields of this name."""
        return [str(value) for value in self.parsed.get_all(name, [])]

    def __getitem__(self, name: str) -> str | None:
        """The decoded value of the field of this name."""
        values = self.all(name)
        assert len(values) < 2
        return values[0] if values else None

    @property
    def structure(self) -> object:
        """Subtypes: `("mixed", ["plain", "png"])`."""
        return _structure(self.parsed)

    @property
    def leaves(self) -> list[Leaf]:
        return [_leaf(part) for part in self.parsed.walk() if not part.is_multipart()]

    def leaf(self, content_type: str) -> Leaf:
        """The only part of this type."""
        (leaf,) = [leaf for leaf in self.leaves if leaf.content_type == content_type]
        return leaf

    @property
    def text(self) -> str:
        return self.leaf("text/plain").text


def sound(caught: Caught) -> Mail:
    """The message, found to be as every message has to be that was composed here, whatever it says."""
    mail = Mail(caught.content)
    lines = mail.content.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines), "a line end that is not CRLF"
    assert max(map(len, lines)) <= 998, "a line of more than 998 octets"
    assert mail.header.isascii() or "SMTPUTF8" in caught.mail_parameters, "a header that is not ASCII"
    assert mail.content.isascii() or "BODY=8BITMIME" in caught.mail_parameters, "8-bit octets without a word"
    names = [name.lower() for name, _ in mail.raw_fields]
    assert [name for name in _ONCE if names.count(name) > 1] == [], "a field twice"
    assert not {"bcc", "resent-bcc"}.intersection(names), "hidden recipients shown"
    assert {"from", "date", "message-id", "mime-version"} <= set(names), "a field is missing"
    for part in mail.parsed.walk():
        assert part.defects == [], f"the standard library finds fault: {part.defects}"
    return mail


def _leaf(part: MIMEPart) -> Leaf:
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return Leaf(
        part.get_content_type(),
        part.get_filename(),
        part.get_content_disposition(),
        part["Content-ID"] and str(part["Content-ID"]),
        str(part["Content-Transfer-Encoding"]),
        data,
    )


def _structure(part: MIMEPart) -> object:
    if part.get_content_maintype() != "multipart":
        return part.get_content_subtype()
    return part.get_content_subtype(), [_structure(child) for child in part.iter_parts()]
