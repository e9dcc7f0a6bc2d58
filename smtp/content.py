"""What a message is on its way out: octets of a size that is known first, in chunks that are read as they are sent.

Whole, of whole lines, and in DATA with dots doubled (RFC 5321 section 4.5.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from smtp.errors import ContentError, LocalProtocolError

_LINE_END = re.compile(rb"\r\n|\r|\n")
CHUNK_SIZE = 128 * 1024


class Content(Protocol):
    """A message as octets. Every line ends in CRLF, the last one too; no CR or LF stands alone."""

    @property
    def size(self) -> int:
        """Octets that `chunks` will yield: what SIZE= (RFC 1870) and BDAT (RFC 3030) are told."""

    def chunks(self) -> Iterator[bytes]:
        """The octets, a piece at a time; each call starts again from the beginning."""


class EncodedLines(bytes):
    """A chunk made by an encoder: whole lines ending in CRLF, none of which begins with a dot.

    The guard and the stuffer pass it without looking, which is what keeps large attachments cheap.
    """

    __slots__ = ()


def canonical(data: bytes) -> bytes:
    """`data` with every line end (CRLF, CR or LF) as CRLF, and one at its end (RFC 5321 section 2.3.8)."""
    if data.count(b"\n") != data.count(b"\r\n") or data.count(b"\r") != data.count(b"\r\n"):
        data = _LINE_END.sub(b"\r\n", data)
    return data if data.endswith(b"\r\n") else data + b"\r\n"


class Octets:
    """Content held in memory. Its lines are made canonical, so `data` may use any line end."""

    def __init__(self, data: bytes) -> None:
        self._data = canonical(data)
        self.size = len(self._data)

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self._data), CHUNK_SIZE):
            yield self._data[start : start + CHUNK_SIZE]


class LineGuard:
    """Lets only whole CRLF line ends pass, across chunk borders.

    A CR or LF that stands alone is taken for the end of a line by some servers: that is how one message is
    smuggled into another. Content is made canonical where it is made; here it is made sure of.
    """

    _after_cr = False
    at_line_start = True

    def check(self, chunk: bytes) -> None:
        """Raises `LocalProtocolError` for a lone CR or LF in what has passed so far."""
        if isinstance(chunk, EncodedLines) and self.at_line_start:
            return
        lines = chunk.replace(b"\r\n", b"")
        if not self._after_cr and b"\r" not in lines and b"\n" not in lines:
            if chunk:
                self.at_line_start = chunk.endswith(b"\n")
            return
        pairs, feeds, returns = chunk.count(b"\r\n"), chunk.count(b"\n"), chunk.count(b"\r")
        if self._after_cr:
            if not chunk:
                return
            if chunk[0] != 0x0A:
                raise LocalProtocolError("a message with a CR that no LF follows")
            feeds -= 1
        ends_in_cr = chunk.endswith(b"\r")
        if feeds != pairs or returns - ends_in_cr != pairs:
            raise LocalProtocolError("a message with a CR or LF that stands alone")
        self._after_cr = ends_in_cr
        if chunk:
            self.at_line_start = chunk.endswith(b"\n")

    def finish(self) -> None:
        """Raises `LocalProtocolError` unless the last line is ended."""
        if not self.at_line_start:
            raise LocalProtocolError("a message that does not end in CRLF")


class DotStuffer:
    """Doubles the dot at the beginning of a line, wherever the chunks are cut."""

    _tail = b"\r\n"

    def stuff(self, chunk: bytes) -> bytes:
        """What to write for this chunk of a message whose lines end in CRLF."""
        if not chunk:
            return chunk
        stuffed = chunk if isinstance(chunk, EncodedLines) else chunk.replace(b"\r\n.", b"\r\n..")
        if chunk[0] == 0x2E and self._tail == b"\r\n":
            stuffed = b"." + stuffed
        elif self._tail[-1:] == b"\r" and chunk.startswith(b"\n."):
            stuffed = b"\n." + stuffed[1:]
        self._tail = (self._tail + chunk[-2:])[-2:]
        return stuffed


def whole(content: Content) -> Iterator[bytes]:
    """The pieces of a message. The last is only given once all are read and found to be what was promised.

    Raises `ContentError`: then what was given so far is not a message.
    """
    guard = LineGuard()
    size = 0
    held = b""
    try:
        for piece in content.chunks():
            guard.check(piece)
            if held:
                yield held
            held = piece
            size += len(piece)
        guard.finish()
    except LocalProtocolError as exc:
        raise ContentError(str(exc)) from exc
    except OSError as exc:
        raise ContentError(exc.strerror or str(exc) or type(exc).__name__) from exc
    if size != content.size:
        raise ContentError(f"the message has {size} octets where {content.size} were announced")
    yield held
