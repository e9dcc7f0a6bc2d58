"""What a composed message holds: its header, the parts of it, and its text and HTML, read from what would be sent.

It is read a line at a time, so that a message of any size can be (RFC 2046 section 5.1). Nothing that strangers wrote
makes it fail: what can't be read is shown as it stands.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, a2b_qp
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email import message_from_string
from email.message import Message as Fields

from message.address.names import decoded
from smtp.text import showable

MOST_PARTS = 1000
"""Parts that are listed."""
LONGEST_TEXT = 1024 * 1024
"""Octets of a text as it is written; the rest of it is left out."""
_DEEPEST = 100
_LONGEST_HEADER = 256 * 1024
_LONGEST_FIELD = 2000
"""Octets of a field that is taken apart: what describes a part is short, and reading a long one is slow."""
_NEXT_FIELD = re.compile(rb"\r\n(?![ \t])")


@dataclass(slots=True)
class PartSeen:
    """One part. `depth` is 0 for the message itself, `size` in octets without transfer encoding."""

    depth: int
    type: str
    name: str
    content_id: str
    size: int = 0


@dataclass(slots=True)
class Seen:
    """A message as its reader will see it. `headers` are names and values, decoded, in their order."""

    headers: list[tuple[str, str]]
    parts: list[PartSeen]
    text: str
    html: str


def look_through(chunks: Iterable[bytes]) -> Seen:
    """Read a whole message, which comes in any pieces."""
    reading = _Reading()
    for line in _lines(chunks):
        reading.take(line)
    reading.end()
    return Seen(reading.headers, reading.parts, reading.texts.get("plain", ""), reading.texts.get("html", ""))


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Each line without its end; the last one may be empty."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\r\n")
        yield from lines
    yield rest


class _Reading:
    """A message that is being read."""

    def __init__(self) -> None:
        self.headers: list[tuple[str, str]] = []
        self.parts: list[PartSeen] = []
        self.texts: dict[str, str] = {}
        """By subtype: the first text that is no attachment."""
        self._open: list[tuple[bytes, PartSeen]] = []
        """The parts that hold others and are not over, the innermost last, each with its boundary."""
        self._depths: dict[bytes, int] = {}
        """Where among them a boundary belongs."""
        self._head: list[bytes] | None = []
        """The lines of the header that is being read."""
        self._head_size = 0
        self._leaf: _Leaf | None = None

    def take(self, line: bytes) -> None:
        if self._open and line.startswith(b"--"):
            boundary = line[2:].rstrip(b" \t")
            if boundary in self._depths:
                self._close(self._depths[boundary] + 1)
                self._head, self._head_size = [], 0
                return
            if boundary.endswith(b"--") and boundary[:-2] in self._depths:
                self._close(self._depths[boundary[:-2]])
                return
        if self._head is not None:
            if not line:
                self._begin_body()
            elif self._head_size < _LONGEST_HEADER:
                self._head.append(line)
                self._head_size += len(line)
        elif self._leaf is not None:
            self._leaf.take(line)

    def end(self) -> None:
        if self._head is not None:
            self._begin_body()
        self._close(0)

    def _close(self, depth: int) -> None:
        """The part at hand ends, and with it those that are open below `depth`."""
        if self._head:
            self._begin_body()
        self._head = None
        if self._leaf is not None:
            leaf, self._leaf = self._leaf, None
            leaf.end()
            for _, holder in self._open:
                holder.size += leaf.part.size
            if leaf.subtype and leaf.subtype not in self.texts:
                self.texts[leaf.subtype] = leaf.text
        if len(self._open) > depth:
            del self._open[depth:]
            self._depths = {boundary: at for at, (boundary, _) in enumerate(self._open)}

    def _begin_body(self) -> None:
        head, self._head = b"\r\n".join(self._head or ()), None
        if not self.parts:
            self.headers = _headers(head)
        fields = _described(head)
        name = showable(decoded(_asked(fields.get_filename)), limit=255)
        content_id = showable(_asked(fields.get, "content-id").strip().strip("<>"), limit=255)
        part = PartSeen(len(self._open), fields.get_content_type(), name, content_id)
        if len(self.parts) < MOST_PARTS:
            self.parts.append(part)
        boundary = _asked(fields.get_boundary).encode("utf-8", "replace")
        if fields.get_content_maintype() == "multipart" and boundary and len(self._open) < _DEEPEST:
            self._depths[boundary] = len(self._open)
            self._open.append((boundary, part))
        else:
            self._leaf = _Leaf(part, fields)


class _Leaf:
    """A part that holds no others, while its body is being read."""

    def __init__(self, part: PartSeen, fields: Fields) -> None:
        self.part = part
        self.subtype = ""
        """plain or html where this is what a reader is shown."""
        self.text = ""
        encoding = _asked(fields.get, "content-transfer-encoding").strip().lower()
        self._encoding = encoding
        self._charset = _asked(fields.get_param, "charset") or "utf-8"
        if part.type in ("text/plain", "text/html") and fields.get_content_disposition() != "attachment":
            self.subtype = part.type.removeprefix("text/")
        self._kept: list[bytes] = []
        self._kept_size = 0
        self._is_soft = False
        """The line that was read last goes on in the next one."""
        self._digits = self._padding = self._count = 0

    def take(self, line: bytes) -> None:
        if self.subtype and self._kept_size < LONGEST_TEXT:
            self._kept.append(line)
            self._kept_size += len(line) + 2
        if self._encoding == "base64":
            self._digits += len(line.strip())
            self._padding += line.count(b"=")
            return
        self._is_soft = False
        if self._encoding == "quoted-printable":
            line = line.rstrip(b" \t")
            self._is_soft = line.endswith(b"=")
            line = a2b_qp(line.removesuffix(b"="))
        self._count += len(line) + (0 if self._is_soft else 2)

    def end(self) -> None:
        """The last line end belongs to what follows, not to the part."""
        if self._encoding == "base64":
            self.part.size = max(self._digits * 3 // 4 - self._padding, 0)
        else:
            self.part.size = max(self._count - (0 if self._is_soft else 2), 0)
        if self.subtype:
            octets = _decoded_body(self._encoding, b"\r\n".join(self._kept))
            try:
                self.text = octets.decode(self._charset, "replace")
            except (LookupError, ValueError):
                self.text = octets.decode("utf-8", "replace")
            self.text = self.text.replace("\r\n", "\n")


def _decoded_body(encoding: str, octets: bytes) -> bytes:
    if encoding == "quoted-printable":
        return a2b_qp(octets)
    if encoding == "base64":
        try:
            return a2b_base64(octets)
        except Error:
            return octets
    return octets


def _headers(head: bytes) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for field in _NEXT_FIELD.split(head):
        name, colon, value = field.decode("utf-8", "replace").replace("\r\n", "").partition(":")
        if colon:
            pairs.append((name.strip(), decoded(value.strip())))
    return pairs


def _described(head: bytes) -> Fields:
    """The fields that describe a part, the first of each name."""
    kept: dict[bytes, str] = {}
    for field in _NEXT_FIELD.split(head):
        name = field.partition(b":")[0].strip().lower()
        if name.startswith(b"content-"):
            kept.setdefault(name, field[:_LONGEST_FIELD].replace(b"\r\n", b"").decode("utf-8", "replace"))
    return message_from_string("\n".join(kept.values()) + "\n\n")


def _asked(question: object, *arguments: str) -> str:
    """What the library makes of a field, "" where it makes nothing of it."""
    assert callable(question)  # noqa: S101 - it is a method of the library's
    try:
        answer = question(*arguments)
    except (ValueError, LookupError, TypeError, AttributeError):  # what it raises on fields that are broken
        return ""
    if isinstance(answer, tuple):  # RFC 2231: charset, language, text
        answer = answer[2]
    return str(answer) if answer is not None else ""
