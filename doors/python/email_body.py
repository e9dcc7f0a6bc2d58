"""The bodies that a request of `EmailConnection` may have, as a MIME part, or as text, HTML and files."""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from email.message import Message
from email.policy import SMTP
from pathlib import Path
from typing import BinaryIO

from doors.python.email_config import RequestError
from message import mime
from message.attachments import Attachment, File, look_at
from message.base64 import PIECE, encoded_lines, encoded_size
from message.errors import AttachmentChanged, MessageError
from message.mime import Part, encoded, has_long_line, problem_of_value, with_crlf
from smtp.content import canonical

DEFAULT_TYPE = "text/plain; charset=UTF-8"
UNNAMED = "attachment"
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s;"]+)', re.IGNORECASE)
_PIECES = 1 << 20


Source = str | Path | bytes | bytearray
"""What can be attached: a path, or octets."""


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file of a mail: what it is called, its octets or its path, and its type, "" for what the name says."""

    source: Path | bytes
    name: str
    content_type: str = ""


@dataclass(slots=True)
class MultipartBody:
    """Text, HTML, or both as alternatives, and files: paths, octets, or pairs of a name and one of these.

    Whoever sends it encodes it.
    """

    text: str | None = None
    html: str | None = None
    attachments: list[NamedFile] = field(default_factory=list)

    def __init__(
        self,
        text: str | None = None,
        html: str | None = None,
        attachments: Sequence[NamedFile | Source | tuple[str, Source]] = (),
    ) -> None:
        self.text = text
        self.html = html
        self.attachments = []
        for one in attachments:
            if isinstance(one, NamedFile):
                self.attachments.append(one)
            elif isinstance(one, tuple):
                name, source = one
                self.add_attachment(source, name)
            else:
                self.add_attachment(one)

    def add_attachment(
        self,
        source: Source,
        name: str | None = None,
        content_type: str | None = None,
    ) -> None:
        """Add a file by its path, or octets, which are called `attachment` unless they have a name.

        Raises `RequestError` for anything else.
        """
        if isinstance(source, bytes | bytearray):
            self.attachments.append(NamedFile(bytes(source), name or UNNAMED, content_type or ""))
        elif not isinstance(source, str | Path):
            raise RequestError(f"A {type(source).__name__} can't be attached: give a path or octets.")
        else:
            path = Path(source)
            self.attachments.append(NamedFile(path, name or path.name, content_type or ""))

    def readable(self) -> str:
        """The text, or what the HTML says where there is none."""
        if self.text is not None or not self.html:
            return self.text or ""
        from message.html import to_text  # most bodies have a text

        return to_text(self.html)

    def files(self, token: str) -> tuple[File, ...]:
        """The files, looked at; `token` does not occur in what goes unencoded. Raises `RequestError`."""
        return tuple(_looked_at(one, token) for one in self.attachments)


def _looked_at(one: NamedFile, token: str) -> File:
    try:
        if isinstance(one.source, bytes):
            attachment = Attachment.of_octets(one.name, one.source)
        else:
            attachment = Attachment("", one.name, one.source, one.source.stat().st_size)
        file = look_at(attachment, "", absent=token.encode())
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        called = one.name if isinstance(one.source, bytes) else one.source
        raise RequestError(f"{called} can't be attached: {reason}.") from error
    if not one.content_type:
        return file
    _check_type(one.content_type)
    return file._replace(content_type=one.content_type, as_message=None)


def part_of(body: object, content_type: str, resources: ExitStack) -> Part:
    """A body that is no `MultipartBody`. `resources` are given back once it is sent. Raises `RequestError`."""
    _check_type(content_type)
    if isinstance(body, Message):
        return _of_message(body)
    if isinstance(body, bytes | bytearray | memoryview):
        return _of_stream(io.BytesIO(bytes(body)), content_type, resources)
    if isinstance(body, io.RawIOBase | io.BufferedIOBase):
        return _of_stream(body, content_type, resources)
    if isinstance(body, io.TextIOBase):
        return _of_text(body.read(), content_type)
    return _of_text("" if body is None else str(body), content_type)


def encoded_part(body: object, content_type: str, transfer_encoding: str) -> Part:
    """A body that is encoded already: it goes as it is. Raises `RequestError` where it is not 7-bit."""
    _check_type(content_type)
    if isinstance(body, io.IOBase):
        body = body.read()
    octets = bytes(body) if isinstance(body, bytes | bytearray | memoryview) else str(body).encode()
    octets = canonical(octets)
    if not octets.isascii() or has_long_line(octets):
        raise RequestError(
            "A body with MIME-Version and multipart/mixed goes as it is: it has to be ASCII in lines of up to 998."
        )
    head = mime.as_it_is("Content-Type", content_type)
    if transfer_encoding:
        head += mime.as_it_is("Content-Transfer-Encoding", transfer_encoding)
    return Part(head, (octets,))


def _check_type(content_type: str) -> None:
    main = content_type.partition(";")[0].strip()
    if (
        not content_type.isascii()
        or problem_of_value(content_type)
        or not re.fullmatch(r"[\w.+-]+/[\w.+-]+", main)
    ):
        raise RequestError(f"Content-Type: {content_type!r:.80} is not a type such as text/plain.")


def _of_text(text: str, content_type: str) -> Part:
    """Text in the charset that its type names; where it names none, ASCII."""
    found = _CHARSET.search(content_type)
    charset = found[1] if found else "us-ascii"
    text = re.sub(r"\r\n|\r|\n", "\r\n", text)
    try:
        octets = text.encode(charset)
    except LookupError as error:
        raise RequestError(f"Content-Type: the charset {charset} is not known.") from error
    except UnicodeError as error:
        reason = "" if found else ": name a charset in Content-Type, as in text/plain; charset=UTF-8"
        raise RequestError(f"The body has characters that {charset} has not{reason}.") from error
    if octets.isascii() and with_crlf(octets) == octets and b"\0" not in octets and not has_long_line(octets):
        return Part(_head(content_type, "7bit"), (octets,))
    if with_crlf(octets) != octets or b"\0" in octets:
        # Its line ends are not those of ASCII, as in UTF-16.
        return Part(_head(content_type, "base64"), (encoded_lines(octets),))
    encoding, octets = encoded(octets)
    return Part(_head(content_type, encoding), (octets,))


def _of_message(message: Message) -> Part:
    """A message of `email.message`: its MIME fields and its content, in 7-bit."""
    octets = message.as_bytes(policy=SMTP.clone(cte_type="7bit"))
    head, _, body = octets.partition(b"\r\n\r\n")
    own = [one for one in re.split(rb"\r\n(?![ \t])", head) if one.lower().startswith(b"content-")]
    body = canonical(body)
    if not octets.isascii() or has_long_line(body):
        raise RequestError(
            "The body is a message with lines over 998 or octets over 127 that it does not encode."
        )
    return Part("".join(f"{one.decode('ascii')}\r\n" for one in own), (body,))


def _of_stream(stream: io.RawIOBase | io.BufferedIOBase, content_type: str, resources: ExitStack) -> Part:
    """Octets in base64, read when they are sent; what can't be read twice goes through a file first."""
    if stream.seekable():
        source: BinaryIO = stream  # type: ignore[assignment] # both are, and io has no name for it
    else:
        source = resources.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        while piece := stream.read(_PIECES):
            source.write(piece)
        source.seek(0)
    start = source.tell()
    size = source.seek(0, os.SEEK_END) - start
    return Part(_head(content_type, "base64"), (_Base64(source, start, size),))


@dataclass(frozen=True, slots=True)
class _Base64:
    """`octets` of a file from `start` on, as lines of base64: content that is read anew by each call of `chunks`."""

    source: BinaryIO
    start: int
    octets: int

    @property
    def size(self) -> int:
        return encoded_size(self.octets)

    def chunks(self) -> Iterator[bytes]:
        """Raises `AttachmentChanged` where there are fewer octets than there were."""
        self.source.seek(self.start)
        left = self.octets
        while left:
            piece = _exactly(self.source, min(PIECE, left))
            left -= len(piece)
            yield encoded_lines(piece)


def _exactly(source: BinaryIO, count: int) -> bytes:
    pieces = bytearray()
    while len(pieces) < count:
        piece = source.read(count - len(pieces))
        if not piece:
            raise AttachmentChanged("the body ended before the octets that it had when it was looked at")
        pieces += piece
    return bytes(pieces)


def _head(content_type: str, encoding: str) -> str:
    try:
        return mime.as_it_is("Content-Type", content_type) + f"Content-Transfer-Encoding: {encoding}\r\n"
    except MessageError as error:
        raise RequestError(str(error)) from error
