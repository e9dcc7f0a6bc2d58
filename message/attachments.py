"""Files that go with a message: what they are called, what type they are, and their octets as they are sent.

A file is looked at once when the message is drafted and read when the message is sent. If it is another file by
then, reading stops before the end of its part: a truncated attachment is never sent as a whole one.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from io import BytesIO, FileIO
from mimetypes import MimeTypes
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Self

from message.base64 import PIECE, encoded_lines, encoded_size
from message.digest import LARGE, sha256
from message.errors import AttachmentChanged, shown
from smtp.envelope import Body
from smtp.text import LONGEST_LINE

_BLOCK = PIECE * 4
"""What is read of a large file at a time, and handed to the thread that computes its digest."""
_LONGEST_NAME = 255
OCTETS = "application/octet-stream"
# What can't be seen or reorders the rest. A joiner spells names where it stands between letters other than ASCII.
_UNSAFE_IN_A_NAME = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
    r"|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)
_OOXML = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."
# As they are registered with IANA; Python's own list lacks some, in some versions all.
_OFFICE = MappingProxyType(
    {
        "docx": f"{_OOXML}wordprocessingml.document",
        "dotx": f"{_OOXML}wordprocessingml.template",
        "xlsx": f"{_OOXML}spreadsheetml.sheet",
        "xltx": f"{_OOXML}spreadsheetml.template",
        "pptx": f"{_OOXML}presentationml.presentation",
        "ppsx": f"{_OOXML}presentationml.slideshow",
        "potx": f"{_OOXML}presentationml.template",
        "docm": "application/vnd.ms-word.document.macroEnabled.12",
        "xlsm": "application/vnd.ms-excel.sheet.macroEnabled.12",
        "xlsb": "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
        "pptm": "application/vnd.ms-powerpoint.presentation.macroEnabled.12",
        "msg": "application/vnd.ms-outlook",
        "vsdx": "application/vnd.ms-visio.drawing",
        "odt": f"{_OPEN}text",
        "ods": f"{_OPEN}spreadsheet",
        "odp": f"{_OPEN}presentation",
        "odg": f"{_OPEN}graphics",
        "odf": f"{_OPEN}formula",
        "rtf": "application/rtf",
        "epub": "application/epub+zip",
        "ics": "text/calendar",
        "vcf": "text/vcard",
        "md": "text/markdown",
        "log": "text/plain",
        "yaml": "application/yaml",
        "yml": "application/yaml",
        "7z": "application/x-7z-compressed",
        "webp": "image/webp",
        "heic": "image/heic",
        "avif": "image/avif",
        "parquet": "application/vnd.apache.parquet",
    }
)
_FIELD_START = re.compile(rb"[!-9;-~]+:")


class Attachment(NamedTuple):
    """A file that was looked up: `size` in octets; with a `content_id` it is shown inside the HTML.

    `reference` is what whoever asked calls it, "" for nothing but its name; `field` is the parameter that asked for
    it, which is what a fault is told of. `data` has the octets of what lies in no file. `is_template` says that the
    name was given for this mail and may be filled in.
    """

    reference: str
    name: str
    path: Path
    size: int
    content_id: str = ""
    field: str = "attachments"
    data: bytes | None = None
    is_template: bool = False

    @classmethod
    def of_octets(
        cls,
        name: str,
        data: bytes,
        content_id: str = "",
        field: str = "attachments",
        *,
        is_template: bool = False,
    ) -> Self:
        """One that lies in memory."""
        return cls("", name, Path(), len(data), content_id, field, data, is_template)

    def __str__(self) -> str:
        return f"{shown(self.name)} ({self.reference})" if self.reference else shown(self.name)


class File(NamedTuple):
    """An attachment that was looked at.

    `name` is fit to be sent, `content_id` without brackets. `as_message` says how its octets may travel as
    message/rfc822 unchanged: as they are over 7-bit or 8-bit servers, or (None) not at all.
    """

    reference: str
    name: str
    path: Path
    size: int
    content_id: str
    content_type: str
    as_message: Body | None
    identity: tuple[int, int, int, int]
    data: bytes | None = None

    def record(self) -> Sent:
        """What is reported of it, filled in while it is sent."""
        return Sent(self.reference, self.name, self.size)

    def form(self, *, eight_bit: bool) -> tuple[str, str]:
        """Its content type and transfer encoding for a server that takes octets above 127, or not."""
        if self.as_message is Body.SEVEN_BIT:
            return self.content_type, "7bit"
        if self.as_message is Body.EIGHT_BIT:
            return (self.content_type, "8bit") if eight_bit else (OCTETS, "base64")
        return self.content_type, "base64"

    def content(self, sent: Sent, *, encoded: bool) -> FileContent:
        """Its octets as they are sent, in base64 if `encoded`."""
        return FileContent(self, sent, encoded=encoded)


class Sent:
    """An attachment as it is reported: `size` in octets, `sha256` in hex once it has been read to its end."""

    def __init__(self, reference: str, name: str, size: int) -> None:
        self.reference = reference
        self.name = name
        self.size = size
        self.sha256 = ""


class FileContent:
    """A file's octets in the form in which they are sent, read anew by each call of `chunks`."""

    def __init__(self, file: File, sent: Sent, *, encoded: bool) -> None:
        self._file = file
        self._sent = sent
        self._encoded = encoded

    @property
    def size(self) -> int:
        return encoded_size(self._file.size) if self._encoded else self._file.size

    def chunks(self) -> Iterator[bytes]:
        """Raises `AttachmentChanged` before the last octets when the file is not what it was."""
        with closing(sha256(self._file.size)) as digest:
            for block in _blocks(self._file):
                digest.update(block)
                for start in range(0, len(block), PIECE):
                    piece = block[start : start + PIECE]
                    yield encoded_lines(piece) if self._encoded else piece
            self._sent.sha256 = digest.hexdigest()


def look_at(attachment: Attachment, content_id: str, *, absent: bytes) -> File:
    """The facts about an attachment. `absent` must not occur in it if it is to travel as message/rfc822.

    Raises `OSError` when it can't be read, isn't a regular file or isn't of the size that was looked up.
    """
    name = clean_name(attachment.name)
    content_type = _type_of(name)
    as_message = None
    with _opened(attachment.path, attachment.data) as stream:
        identity = _identity(stream)
        if identity[2] != attachment.size:
            raise AttachmentChanged(
                f"it has {identity[2]} octets, not the {attachment.size} that were looked up"
            )
        if content_type.startswith("message/"):
            as_message = _as_message(stream, absent)
            content_type = "message/rfc822" if as_message else OCTETS
    return File(
        attachment.reference,
        name,
        attachment.path,
        attachment.size,
        content_id,
        content_type,
        as_message,
        identity,
        attachment.data,
    )


def beginning(path: Path, octets: int) -> bytes:
    """The first `octets` of a regular file. Raises `OSError`."""
    with _opened(path, None) as stream:
        return stream.read(octets)


def clean_name(name: str) -> str:
    """A file name without folders, and without characters that can't be seen or reorder the others."""
    name = re.split(r"[/\\]", name)[-1]
    name = _UNSAFE_IN_A_NAME.sub("_", name).strip()
    if name in ("", ".", ".."):
        return "attachment"
    if len(name) > _LONGEST_NAME:
        suffix = Path(name).suffix[-20:]
        name = name[: _LONGEST_NAME - len(suffix)] + suffix
    return name


def _opened(path: Path, data: bytes | None) -> FileIO | BytesIO:
    """Open a regular file, or what lies in memory, and nothing else: no link is followed and no pipe waited for."""
    if data is not None:
        return BytesIO(data)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    stream = FileIO(descriptor)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        stream.close()
        raise OSError("it is not a regular file")
    return stream


def _identity(stream: FileIO | BytesIO) -> tuple[int, int, int, int]:
    if isinstance(stream, BytesIO):
        return 0, 0, len(stream.getbuffer()), 0
    facts = os.fstat(stream.fileno())
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


def _called(file: File) -> str:
    return f"{shown(file.name)} ({file.reference})" if file.reference else shown(file.name)


def _blocks(file: File) -> Iterator[bytes]:
    """The file's octets; the last block comes only when all of them were there and the file is still the same."""
    problem = f"{_called(file)} is no longer the file that was looked up"
    try:
        with _opened(file.path, file.data) as stream:
            if _identity(stream) != file.identity:
                raise AttachmentChanged(problem)
            left = file.size
            many = _BLOCK if file.size >= LARGE else PIECE
            while left > many:
                block = _read(stream, many)
                left -= len(block)
                if len(block) < many:
                    raise AttachmentChanged(problem)
                yield block
            block = _read(stream, left + 1)
            if len(block) != left or _identity(stream) != file.identity:
                raise AttachmentChanged(problem)
            yield block
    except AttachmentChanged:
        raise
    except OSError as exc:
        raise AttachmentChanged(f"{_called(file)} can't be read: {exc.strerror or exc}") from exc


def _read(stream: FileIO | BytesIO, size: int) -> bytes:
    """`size` octets, fewer only at the end of the file."""
    block = stream.read(size)
    while len(block) < size and (more := stream.read(size - len(block))):
        block += more
    return block


@cache
def _types() -> MimeTypes:
    """The types that Python itself knows and those that offices use: the same on every machine."""
    types = MimeTypes()
    for suffix, name in _OFFICE.items():
        types.add_type(name, f".{suffix}")
    return types


def _type_of(name: str) -> str:
    """The type by the name's end. A compressed file is of no type that a mail reader could show."""
    suffixes = "".join(Path(name).suffixes[-2:])
    guessed, encoding = _types().guess_type("x" + suffixes.lower())
    return guessed if guessed and not encoding else OCTETS


def _as_message(stream: FileIO | BytesIO, absent: bytes) -> Body | None:
    """How the octets survive as the body of message/rfc822 (RFC 2046 section 5.2.1), None if they don't."""
    body = Body.SEVEN_BIT
    rest = b""
    at_start = True
    while chunk := stream.read(_BLOCK):
        data = rest + chunk
        if absent in data or b"\0" in data:
            return None
        if at_start:
            head = data.partition(b"\r\n\r\n")[0]
            if not head.isascii() or not _FIELD_START.match(head):
                return None
            at_start = False
        if not data.isascii():
            body = Body.EIGHT_BIT
        lines = data.split(b"\r\n")
        rest = lines.pop()
        if any(map(_is_unfit, lines)) or len(rest) > LONGEST_LINE + 1:
            return None
    return None if at_start or _is_unfit(rest) else body


def _is_unfit(line: bytes) -> bool:
    return len(line) > LONGEST_LINE or b"\n" in line or b"\r" in line
