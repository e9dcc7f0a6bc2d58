"""MIME parts (RFC 2045, 2046): fields and a body each, the bodies of attachments being read only when sent."""

from __future__ import annotations

import re
from binascii import b2a_qp
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from message import fields
from message.base64 import encoded_lines, encoded_size
from smtp.content import CHUNK_SIZE, Content, Octets
from smtp.text import LONGEST_LINE

if TYPE_CHECKING:
    from message.attachments import File, Sent

_LINE_END = re.compile(rb"\r\n|\r|\n")
Segment = bytes | Content


class Part(NamedTuple):
    """A part: its fields, each ended by CRLF, and its body in pieces; the body needs no line end of its own."""

    fields: str
    body: tuple[Segment, ...]
    is_eight_bit: bool = False


def text(subtype: str, value: str, *, eight_bit: bool, method: str = "") -> Part:
    """Text as UTF-8: as it is when the server takes that, else in whichever encoding is shorter.

    `method` says what is to be done with a calendar (RFC 6047 section 2.4).
    """
    data = with_crlf(value.encode())
    is_ascii = value.isascii()
    what_to_do = f"; method={method}" if method else ""
    content_type = f"Content-Type: text/{subtype}; charset=utf-8{what_to_do}\r\n"
    if (is_ascii or eight_bit) and not has_long_line(data):
        encoding = "7bit" if is_ascii else "8bit"
        return Part(f"{content_type}Content-Transfer-Encoding: {encoding}\r\n", (data,), not is_ascii)
    encoding, data = encoded(data)
    return Part(f"{content_type}Content-Transfer-Encoding: {encoding}\r\n", (data,))


def attachment(file: File, sent: Sent, *, eight_bit: bool) -> Part:
    """A file: base64, or as it is when it is a message that survives that; inline if it has a content id."""
    content_type, encoding = file.form(eight_bit=eight_bit)
    headers = [
        fields.parameterised("Content-Type", content_type, [("name", _ascii_name(file.name))]),
        f"Content-Transfer-Encoding: {encoding}\r\n",
        fields.parameterised(
            "Content-Disposition", "inline" if file.content_id else "attachment", [("filename", file.name)]
        ),
    ]
    if file.content_id:
        headers.append(f"Content-ID: <{file.content_id}>\r\n")
    content = file.content(sent, encoded=encoding == "base64")
    return Part("".join(headers), (content,), encoding == "8bit")


def multipart(subtype: str, boundary: str, parts: Sequence[Part], **parameters: str) -> Part:
    """The parts as one, `boundary` between them, which occurs in none of them."""
    is_eight_bit = any(part.is_eight_bit for part in parts)
    headers = fields.parameterised(
        "Content-Type", f"multipart/{subtype}", [*parameters.items(), ("boundary", boundary)]
    )
    body: list[Segment] = []
    for part in parts:
        lead = "\r\n" if body else ""
        body += (f"{lead}--{boundary}\r\n{part.fields}\r\n".encode(), *part.body)
    body.append(f"\r\n--{boundary}--\r\n".encode())
    encoding = "Content-Transfer-Encoding: 8bit\r\n" if is_eight_bit else ""
    return Part(headers + encoding, tuple(body), is_eight_bit)


def with_crlf(data: bytes) -> bytes:
    """`data` with every line end as CRLF, and none added."""
    if b"\n" not in data and b"\r" not in data:
        return data
    return _LINE_END.sub(b"\r\n", data)


def has_long_line(data: bytes) -> bool:
    """Whether a line of a text with CRLF line ends is longer than RFC 5322 section 2.1.1 allows."""
    return len(data) > LONGEST_LINE and max(map(len, data.split(b"\r\n"))) > LONGEST_LINE


def encoded(data: bytes) -> tuple[str, bytes]:
    """The name of the shorter transfer encoding for a text with CRLF line ends, and the encoded text."""
    quoted = b2a_qp(data, istext=True)
    if b"\r\n" not in data:
        quoted = quoted.replace(b"\n", b"\r\n")  # soft line breaks; there are no others
    if len(quoted) <= encoded_size(len(data)):
        return "quoted-printable", quoted
    return "base64", encoded_lines(data)


class Segments:
    """Content made of pieces, those in memory joined."""

    def __init__(self, segments: Iterable[Segment]) -> None:
        self._segments = tuple(_joined(segments))
        self.size = sum(len(s) if isinstance(s, bytes) else s.size for s in self._segments)

    def chunks(self) -> Iterator[bytes]:
        for segment in self._segments:
            if isinstance(segment, bytes):
                for start in range(0, len(segment), CHUNK_SIZE):
                    yield segment[start : start + CHUNK_SIZE]
            else:
                yield from segment.chunks()


def content(head: str, part: Part) -> Content:
    """A whole message: `head` is its own fields, and `part` all the rest."""
    segments = (f"{head}{part.fields}\r\n".encode(), *part.body)
    in_memory = [segment for segment in segments if isinstance(segment, bytes)]
    return Octets(b"".join(in_memory)) if len(in_memory) == len(segments) else Segments(segments)


def _joined(segments: Iterable[Segment]) -> Iterator[Segment]:
    memory: list[bytes] = []
    for segment in segments:
        if isinstance(segment, bytes):
            memory.append(segment)
            continue
        yield b"".join(memory)
        memory.clear()
        yield segment
    yield b"".join(memory)


def _ascii_name(name: str) -> str:
    """The name for readers that know no RFC 2231; the true one is in Content-Disposition."""
    if name.isascii():
        return name
    from unicodedata import normalize

    plain = normalize("NFKD", name).encode("ascii", "ignore").decode().strip()
    stem = plain.rpartition(".")[0] if "." in plain else plain
    return plain if stem.strip() else f"attachment{plain}"
