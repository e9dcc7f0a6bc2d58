"""What a message is on its way out: whole, of whole lines, and in DATA with dots doubled (RFC 5321 section 4.5.2)."""

from __future__ import annotations

from collections.abc import Iterator

from smtp.content import Content, EncodedLines
from smtp.errors import ContentError, LocalProtocolError


class LineGuard:
    """Lets only whole CRLF line ends pass, across chunk borders.

    A CR or LF that stands alone is taken for the end of a line by some servers: that is how one message is
    smuggled into another. Content is made canonical where it is made; here it is made sure of.
    """

    def __init__(self) -> None:
        self._after_cr = False
        self.at_line_start = True

    def check(self, chunk: bytes) -> None:
        """Raises `LocalProtocolError` for a lone CR or LF in what has passed so far."""
        if isinstance(chunk, EncodedLines) and self.at_line_start:
            return
        pairs = chunk.count(b"\r\n")
        if not self._after_cr and len(chunk) - len(chunk.translate(None, b"\r\n")) == 2 * pairs:
            if chunk:
                self.at_line_start = chunk.endswith(b"\n")
            return
        feeds, returns = chunk.count(b"\n"), chunk.count(b"\r")
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

    def __init__(self) -> None:
        self._tail = b"\r\n"

    def stuff(self, chunk: bytes) -> bytes:
        """What to write for this chunk of a message whose lines end in CRLF."""
        if not chunk:
            return chunk
        clean = isinstance(chunk, EncodedLines)
        stuffed = chunk if clean or b"\n." not in chunk else chunk.replace(b"\r\n.", b"\r\n..")
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
